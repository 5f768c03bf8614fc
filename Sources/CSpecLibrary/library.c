#include "CSpecLibrary.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char compose[] = {
#embed "compose.lua"
};

static const char expect[] = {
#embed "expect.lua"
};

static const char json[] = {
#embed "json.lua"
};

static const char message[] = {
#embed "message.lua"
};

static const char proxy[] = {
#embed "proxy.lua"
};

static const char show[] = {
#embed "show.lua"
};

static const char suite[] = {
#embed "suite.lua"
};

static const spec_library_module spec_library_modules[] = {
    {"compose", compose, sizeof compose},
    {"expect", expect, sizeof expect},
    {"json", json, sizeof json},
    {"message", message, sizeof message},
    {"proxy", proxy, sizeof proxy},
    {"show", show, sizeof show},
    {"suite", suite, sizeof suite},
};

const uint32_t spec_library_module_count = sizeof spec_library_modules / sizeof *spec_library_modules;

const spec_library_module *spec_library_module_at(uint32_t index) { return &spec_library_modules[index]; }
