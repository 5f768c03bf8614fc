// What a script finds in its globals: the standard libraries without files, processes, bytecode and the
// debug library, and with their unbounded functions replaced by bounded ones.
#include "internal.h"

// ---- Base ----

static int set_metatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (type == LUA_TTABLE) {
        // Finalizers run with hooks switched off: one that loops would stop the worker for good. Lua looks
        // for __gc only when the metatable is set, so refusing it here suffices.
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_argerror(L, 2, "a metatable with __gc is not allowed");
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int collect_garbage(lua_State *L) {
    const char *option = luaL_optstring(L, 1, "collect");
    sv_vm *vm = sv_vm_of(L);
    if (strcmp(option, "count") == 0) {
        lua_pushnumber(L, (lua_Number)vm->bytesUsed / 1024);
        return 1;
    }
    if (strcmp(option, "collect") != 0) return luaL_argerror(L, 1, "only \"collect\" and \"count\" are allowed");
    sv_charge_bytes(L, vm, vm->bytesUsed);
    lua_gc(L, LUA_GCCOLLECT);
    lua_pushinteger(L, 0);
    return 1;
}

static int print_line(lua_State *L) {
    int count = lua_gettop(L);
    luaL_Buffer buffer;
    luaL_checkstack(L, 8, "print");
    luaL_buffinit(L, &buffer);
    for (int index = 1; index <= count; index++) {
        if (index > 1) luaL_addchar(&buffer, '\t');
        luaL_tolstring(L, index, NULL);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
    sv_report(L, sv_vm_of(L), SV_ID_PRINT, -1);
    return 0;
}

enum { SV_LOAD_PIECE = 5 }; // stack index that keeps the piece being compiled alive

static const char *read_piece(lua_State *L, void *context, size_t *length) {
    (void)context;
    luaL_checkstack(L, 2, "too many nested functions");
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        *length = 0;
        return NULL;
    }
    if (!lua_isstring(L, -1)) luaL_error(L, "reader function must return a string");
    lua_replace(L, SV_LOAD_PIECE);
    const char *piece = lua_tolstring(L, SV_LOAD_PIECE, length);
    sv_charge(L, sv_vm_of(L), *length / 4 + 1);
    return piece;
}

/// load, for text only: bytecode is not checked by Lua and can crash it.
static int load_text(lua_State *L) {
    int hasEnvironment = !lua_isnone(L, 4);
    size_t length;
    const char *text = lua_tolstring(L, 1, &length);
    const char *mode = luaL_optstring(L, 3, "t");
    int status;
    if (!strchr(mode, 't')) {
        lua_pushnil(L);
        lua_pushliteral(L, "only text chunks can be loaded");
        return 2;
    }
    if (text) {
        const char *name = luaL_optstring(L, 2, text);
        sv_charge(L, sv_vm_of(L), length / 4 + 1);
        status = luaL_loadbufferx(L, text, length, name, "t");
    } else {
        const char *name = luaL_optstring(L, 2, "=(load)");
        luaL_checktype(L, 1, LUA_TFUNCTION);
        lua_settop(L, SV_LOAD_PIECE);
        status = lua_load(L, read_piece, NULL, name, "t");
    }
    sv_check_killed(L, sv_vm_of(L), status);
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (hasEnvironment) {
        lua_pushvalue(L, 4);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

// ---- Library functions whose work grows with their arguments ----

/// Charges the length of every string argument, then runs the library's own function. Upvalue: that function.
static int charged(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    int count = lua_gettop(L);
    if (count > SV_LIBRARY_ARGUMENTS_MAX)
        return luaL_error(L, "too many arguments (limit %d)", (int)SV_LIBRARY_ARGUMENTS_MAX);
    for (int index = 1; index <= count; index++)
        if (lua_type(L, index) == LUA_TSTRING) sv_charge_bytes(L, vm, lua_rawlen(L, index));
    lua_CFunction function = (lua_CFunction)(uintptr_t)lua_touserdata(L, lua_upvalueindex(1));
    return function(L);
}

/// Wraps the functions named, of the table on top of the stack.
static void charge_functions(lua_State *L, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_CFunction function = lua_tocfunction(L, -1);
        lua_pop(L, 1);
        if (!function) luaL_error(L, "no library function %s", *names);
        lua_pushlightuserdata(L, (void *)(uintptr_t)function);
        lua_pushcclosure(L, charged, 1);
        lua_setfield(L, -2, *names);
    }
}

static int repeat_string(lua_State *L) {
    size_t length, separatorLength;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer count = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &separatorLength);
    sv_vm *vm = sv_vm_of(L);
    size_t limit = vm->configuration.limits.stringBytesMax;
    if (count <= 0 || length + separatorLength == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (length + separatorLength > limit || (lua_Unsigned)count > limit / (length + separatorLength) + 1)
        return luaL_error(L, "resulting string too large");
    size_t total = (size_t)count * length + ((size_t)count - 1) * separatorLength;
    sv_charge_bytes(L, vm, total);
    luaL_Buffer buffer;
    char *target = luaL_buffinitsize(L, &buffer, total);
    for (lua_Integer index = 0; index < count; index++) {
        memcpy(target, text, length);
        target += length;
        if (index + 1 == count) break;
        memcpy(target, separator, separatorLength);
        target += separatorLength;
    }
    luaL_pushresultsize(&buffer, total);
    return 1;
}

// ---- Globals ----

/// __newindex of the globals once the script is loaded: a handler that makes a new global is reported, each
/// time it makes one; what it wrote stays, and the next request sees it.
static int global_written(lua_State *L) {
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, 1);
    if (lua_isnil(L, 3)) return 0; // clearing what is not there makes no global
    sv_report(L, sv_vm_of(L), SV_ID_GLOBAL_WRITTEN, 2);
    return 0;
}

/// Called with the table of globals on top of the stack. A script that gave it a metatable keeps that.
int sv_watch_globals(lua_State *L) {
    if (lua_getmetatable(L, -1)) return 0;
    lua_newtable(L);
    lua_pushcfunction(L, global_written);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    return 0;
}

// ---- Opening ----

static void remove_fields(lua_State *L, const char *const *names) {
    for (; *names; names++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *names);
    }
}

static void open_base(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"setmetatable", set_metatable}, {"collectgarbage", collect_garbage}, {"print", print_line},
        {"load", load_text},             {NULL, NULL},
    };
    static const char *const removed[] = {"dofile", "loadfile", "warn", NULL};
    static const char *const measured[] = {"tonumber", NULL};
    luaL_requiref(L, "_G", luaopen_base, 1);
    luaL_setfuncs(L, functions, 0);
    remove_fields(L, removed);
    charge_functions(L, measured);
    lua_pop(L, 1);
}

static void open_string(lua_State *L) {
    static const char *const removed[] = {"dump", NULL};
    static const char *const measured[] = {"byte", "format", "lower", "upper", "reverse", "pack", "unpack",
                                           "packsize", NULL};
    luaL_requiref(L, "string", luaopen_string, 1);
    remove_fields(L, removed);
    charge_functions(L, measured);
    lua_pushcfunction(L, repeat_string);
    lua_setfield(L, -2, "rep");
    lua_pop(L, 1);
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1)) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/// Of the os library only the clock.
static void open_os(lua_State *L) {
    static const char *const kept[] = {"time", "date", "clock", "difftime", NULL};
    static const char *const measured[] = {"date", NULL};
    lua_pushcfunction(L, luaopen_os);
    lua_call(L, 0, 1);
    lua_newtable(L);
    for (const char *const *name = kept; *name; name++) {
        lua_getfield(L, -2, *name);
        lua_setfield(L, -2, *name);
    }
    charge_functions(L, measured);
    lua_setglobal(L, "os");
    lua_pop(L, 1);
}

/// Messages that Lua makes outside of protection: interned once and kept, they need no memory then.
static void keep_messages(lua_State *L) {
    static const char *const messages[] = {"C stack overflow", "cannot resume dead coroutine",
                                           "cannot resume non-suspended coroutine", "error in error handling", NULL};
    int count = 0;
    lua_newtable(L);
    for (const char *const *message = messages; *message; message++) {
        lua_pushstring(L, *message);
        lua_rawseti(L, -2, ++count);
    }
    luaL_ref(L, LUA_REGISTRYINDEX);
}

void sv_open_sandbox(lua_State *L, sv_vm *vm) {
    (void)vm;
    static const char *const measured[] = {"len", "codepoint", "offset", NULL};
    keep_messages(L);
    open_base(L);
    sv_open_modules(L);
    open_string(L);
    luaL_requiref(L, "table", luaopen_table, 1);
    luaL_requiref(L, "math", luaopen_math, 1);
    luaL_requiref(L, "utf8", luaopen_utf8, 1);
    charge_functions(L, measured);
    lua_pop(L, 3);
    open_os(L);
    sv_open_coroutines(L);
    sv_open_tables(L);
    sv_open_patterns(L);
}
