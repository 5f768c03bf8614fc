#include "CLuaLibrary.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char json[] = {
#embed "json.lua"
};

static const char openser[] = {
#embed "openser.lua"
};

static const char messages[] = {
#embed "openser_messages.lua"
};

static const char nat[] = {
#embed "openser_nat.lua"
};

static const char regex[] = {
#embed "openser_regex.lua"
};

static const char sets[] = {
#embed "openser_sets.lua"
};

static const char values[] = {
#embed "openser_values.lua"
};

const lua_library_module lua_library_modules[] = {
    {"json", json, sizeof json},
    {"openser", openser, sizeof openser},
    {"openser.messages", messages, sizeof messages},
    {"openser.nat", nat, sizeof nat},
    {"openser.regex", regex, sizeof regex},
    {"openser.sets", sets, sizeof sets},
    {"openser.values", values, sizeof values},
};

const uint32_t lua_library_module_count = sizeof lua_library_modules / sizeof *lua_library_modules;
