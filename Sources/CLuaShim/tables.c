// The table functions whose work a script can make as long as it likes (lengths come from __len, bounds
// are arguments). Written here so that each step is charged.
#include "internal.h"

static int insert_value(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1); // wraps like Lua's integers
    switch (lua_gettop(L)) {
    case 2: lua_seti(L, 1, end); return 0;
    case 3: {
        lua_Integer position = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)position - 1u < (lua_Unsigned)end, 2, "position out of bounds");
        for (lua_Integer index = end; index > position; index--) {
            sv_charge(L, vm, 1);
            lua_geti(L, 1, index - 1);
            lua_seti(L, 1, index);
        }
        lua_seti(L, 1, position);
        return 0;
    }
    default: return luaL_error(L, "wrong number of arguments to 'insert'");
    }
}

static int remove_value(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = luaL_len(L, 1);
    lua_Integer position = luaL_optinteger(L, 2, size);
    if (lua_gettop(L) > 1)
        luaL_argcheck(L, (lua_Unsigned)size + 1u == (lua_Unsigned)position
                      || (lua_Unsigned)position - 1u < (lua_Unsigned)size + 1u, 2, "position out of bounds");
    lua_geti(L, 1, position);
    for (; position < size; position++) {
        sv_charge(L, vm, 1);
        lua_geti(L, 1, position + 1);
        lua_seti(L, 1, position);
    }
    lua_pushnil(L);
    lua_seti(L, 1, position);
    return 1;
}

static int move_values(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    lua_Integer target = luaL_checkinteger(L, 4);
    int destination = lua_isnoneornil(L, 5) ? 1 : 5;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, destination, LUA_TTABLE);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3, "too many elements to move");
        lua_Integer count = last - first + 1;
        luaL_argcheck(L, target <= LUA_MAXINTEGER - count + 1, 4, "destination wrap around");
        int isSame = destination == 1 || lua_compare(L, 1, destination, LUA_OPEQ);
        int backwards = isSame && target > first && target <= last;
        for (lua_Integer step = 0; step < count; step++) {
            lua_Integer index = backwards ? count - 1 - step : step;
            sv_charge(L, vm, 1);
            lua_geti(L, 1, first + index);
            lua_seti(L, destination, target + index);
        }
    }
    lua_pushvalue(L, destination);
    return 1;
}

static int unpack_values(lua_State *L) {
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
    if (first > last) return 0;
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;
    if (count >= SV_UNPACK_MAX || !lua_checkstack(L, (int)count + 1))
        return luaL_error(L, "too many results to unpack (limit %d)", (int)SV_UNPACK_MAX);
    sv_charge(L, sv_vm_of(L), count / 4);
    for (lua_Unsigned index = 0; index <= count; index++) lua_geti(L, 1, (lua_Integer)((lua_Unsigned)first + index));
    return (int)count + 1;
}

static void add_element(lua_State *L, luaL_Buffer *buffer, lua_Integer index) {
    lua_geti(L, 1, index);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (at index %I) in table for 'concat'", (LUAI_UACINT)index);
    luaL_addvalue(buffer);
}

static int concatenate(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t separatorLength;
    const char *separator = luaL_optlstring(L, 2, "", &separatorLength);
    lua_Integer first = luaL_optinteger(L, 3, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, 4, luaL_len(L, 1));
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (lua_Integer index = first; index <= last; index++) {
        sv_charge(L, vm, 1);
        add_element(L, &buffer, index);
        if (index == last) break; // also keeps the index from overflowing
        luaL_addlstring(&buffer, separator, separatorLength);
    }
    luaL_pushresult(&buffer);
    return 1;
}

// ---- sort: a heap sort, whose work is bounded for any comparison, also one that contradicts itself ----

static int is_less(lua_State *L, sv_vm *vm, int a, int b) {
    a = lua_absindex(L, a);
    b = lua_absindex(L, b);
    uint64_t price = 4;
    if (lua_type(L, a) == LUA_TSTRING) price += lua_rawlen(L, a) / SV_BYTES_PER_INSTRUCTION;
    sv_charge(L, vm, price);
    if (lua_isnil(L, 2)) return lua_compare(L, a, b, LUA_OPLT);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    int less = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return less;
}

/// Lets the value on top of the stack sink from `root` in a heap of `size` elements; pops it.
static void sink(lua_State *L, sv_vm *vm, lua_Integer root, lua_Integer size) {
    int value = lua_gettop(L);
    while (root <= size / 2) {
        lua_Integer child = 2 * root;
        lua_geti(L, 1, child);
        if (child < size) {
            lua_geti(L, 1, child + 1);
            if (is_less(L, vm, -2, -1)) {
                lua_remove(L, -2);
                child += 1;
            } else {
                lua_pop(L, 1);
            }
        }
        if (!is_less(L, vm, value, -1)) {
            lua_pop(L, 1);
            break;
        }
        lua_seti(L, 1, root);
        root = child;
    }
    lua_seti(L, 1, root);
}

static int sort_values(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer size = luaL_len(L, 1);
    luaL_argcheck(L, size < INT32_MAX, 1, "array too big");
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    for (lua_Integer root = size / 2; root >= 1; root--) {
        lua_geti(L, 1, root);
        sink(L, vm, root, size);
    }
    for (lua_Integer end = size; end > 1; end--) {
        lua_geti(L, 1, end);
        lua_geti(L, 1, 1);
        lua_seti(L, 1, end);
        sink(L, vm, 1, end - 1);
    }
    return 0;
}

void sv_open_tables(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"insert", insert_value}, {"remove", remove_value}, {"move", move_values}, {"unpack", unpack_values},
        {"concat", concatenate},  {"sort", sort_values},    {NULL, NULL},
    };
    lua_getglobal(L, "table");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
