// `require`: modules of the program, and those of the script's own folder as they were when it was loaded.
#include <stdio.h>

#include "CLuaLibrary.h"
#include "internal.h"

typedef struct {
    const char *chunk; // as Lua has it: "@path"
    const char *text;
    size_t length;
} sv_found;

static int find_module(lua_State *L, sv_vm *vm, const char *name, sv_found *found) {
    for (uint32_t index = 0; index < vm->moduleCount; index++) {
        const sv_module *module = &vm->modules[index];
        if (strcmp(module->name, name) != 0) continue;
        *found = (sv_found){module->chunkName, module->text, module->length};
        return 1;
    }
    for (uint32_t index = 0; index < lua_library_module_count; index++) {
        const lua_library_module *module = &lua_library_modules[index];
        if (strcmp(module->name, name) != 0) continue;
        *found = (sv_found){lua_pushfstring(L, "=%s.lua", name), module->text, module->length};
        return 1;
    }
    return 0;
}

/// Upvalue: what was loaded, by name; while a module is being loaded, the null pointer.
static int require_module(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        if (lua_touserdata(L, -1) || lua_type(L, -1) != LUA_TLIGHTUSERDATA) return 1;
        return luaL_error(L, "module '%s' is required by itself, through what it requires", name);
    }
    sv_found found;
    if (!find_module(L, vm, name, &found))
        return luaL_error(L, "no module '%s': neither the program nor the folder lua.modules has it", name);
    sv_charge_bytes(L, vm, found.length);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_rawset(L, lua_upvalueindex(1));
    int status = luaL_loadbufferx(L, found.text, found.length, found.chunk, "t");
    if (status == LUA_OK) {
        lua_pushvalue(L, 1);
        status = lua_pcall(L, 1, 1, 0);
    }
    sv_check_killed(L, vm, status);
    int top = lua_gettop(L);
    lua_pushvalue(L, 1);
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_rawset(L, lua_upvalueindex(1));
        return lua_error(L);
    }
    if (lua_isnil(L, top)) {
        lua_pushboolean(L, 1);
        lua_replace(L, top);
    }
    lua_pushvalue(L, top);
    lua_rawset(L, lua_upvalueindex(1));
    return 1;
}

void sv_open_modules(lua_State *L) {
    lua_newtable(L);
    lua_pushcclosure(L, require_module, 1);
    lua_setglobal(L, "require");
}

void sv_set_modules(sv_vm *vm, const sv_module *modules, uint32_t count) {
    vm->modules = modules;
    vm->moduleCount = count;
}
