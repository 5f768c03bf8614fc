// Objects that no handler ends: the fields of a global table that scripts can read and not change.
#include "internal.h"

typedef struct {
    const char *table;
    const char *hint;
    const sv_named_object *objects;
    int32_t count;
} sv_table_of_objects;

/// __index of the table of objects, for names that it does not have. Upvalues: the table's name and the hint.
static int report_unknown_name(lua_State *L) {
    const char *table = lua_tostring(L, lua_upvalueindex(1));
    const char *hint = lua_tostring(L, lua_upvalueindex(2));
    if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "%s is indexed by name, got a %s", table, luaL_typename(L, 2));
    char name[48]; // enough to recognise it
    strncpy(name, lua_tostring(L, 2), sizeof name - 1);
    name[sizeof name - 1] = 0;
    return luaL_error(L, "there is no %s.%s; %s", table, name, hint);
}

static int report_write(lua_State *L) {
    return luaL_error(L, "%s cannot be written; %s", lua_tostring(L, lua_upvalueindex(1)),
                      lua_tostring(L, lua_upvalueindex(2)));
}

/// `next` over the fields, which scripts never get hold of.
static int next_field(lua_State *L) {
    lua_settop(L, 2);
    if (lua_next(L, lua_upvalueindex(1))) return 2;
    lua_pushnil(L);
    return 1;
}

/// __pairs: the table that scripts see is empty.
static int iterate(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushcclosure(L, next_field, 1);
    return 1;
}

static void add_reporter(lua_State *L, const char *field, lua_CFunction function, const sv_table_of_objects *wanted) {
    lua_pushstring(L, wanted->table);
    lua_pushstring(L, wanted->hint);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, field);
}

static int set_objects(lua_State *L) {
    const sv_table_of_objects *wanted = lua_touserdata(L, 1);
    sv_vm *vm = sv_vm_of(L);
    lua_newtable(L); // the fields, which nothing reaches but the metatable
    int fields = lua_gettop(L);
    for (int32_t index = 0; index < wanted->count; index++) {
        const sv_named_object *object = &wanted->objects[index];
        uint32_t slot = sv_take_slot(vm, object->handle);
        if (slot == SV_NO_INDEX) return luaL_error(L, "too many objects");
        sv_push_reference(L, sv_reference(object->kind, 0, 0, slot, vm->objects[slot].generation));
        lua_setfield(L, fields, object->name);
    }
    lua_newtable(L);
    add_reporter(L, "__index", report_unknown_name, wanted);
    lua_setmetatable(L, fields);
    lua_newtable(L); // what scripts see
    lua_newtable(L);
    lua_pushvalue(L, fields);
    lua_setfield(L, -2, "__index");
    add_reporter(L, "__newindex", report_write, wanted);
    lua_pushvalue(L, fields);
    lua_pushcclosure(L, iterate, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_setglobal(L, wanted->table);
    return 0;
}

int32_t sv_set_objects(sv_vm *vm, const char *table, const char *hint, const sv_named_object *objects, int32_t count) {
    sv_table_of_objects wanted = {table, hint, objects, count};
    lua_pushcfunction(vm->main, set_objects);
    lua_pushlightuserdata(vm->main, &wanted);
    if (lua_pcall(vm->main, 1, 0, 0) == LUA_OK) return 1;
    lua_settop(vm->main, 0);
    return 0;
}
