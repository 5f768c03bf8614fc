// pcall, xpcall and the coroutine library, with three differences from Lua's own: they cannot swallow the
// end of a killed handler, resuming is charged, and a call that waits for the proxy passes through the
// coroutines of the script up to the handler.
#include "internal.h"

// ---- pcall and xpcall ----

static int finish_call(lua_State *L, int status, lua_KContext extra) {
    sv_check_killed(L, sv_vm_of(L), status);
    if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)extra;
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int protected_call(lua_State *L) {
    sv_charge(L, sv_vm_of(L), 4);
    sv_check_killed(L, sv_vm_of(L), LUA_OK);
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_call);
    return finish_call(L, status, 0);
}

/// Stands before the message handler of a script: when the handler was killed inside the count hook, Lua
/// calls message handlers with hooks switched off, and one that loops would never end. Upvalue: the script's.
static int guarded_message_handler(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    if (vm->run && (vm->run->killed || vm->run->pendingKill)) return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int protected_call_with_handler(lua_State *L) {
    int count = lua_gettop(L);
    sv_charge(L, sv_vm_of(L), 8);
    sv_check_killed(L, sv_vm_of(L), LUA_OK);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_message_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); // true and the function go below the arguments
    int status = lua_pcallk(L, count - 2, LUA_MULTRET, 2, 2, finish_call);
    return finish_call(L, status, 2);
}

// ---- Coroutines ----

enum { SV_RESUME_ERROR = -1, SV_RESUME_WAITS = -2 };

static lua_State *thread_argument(lua_State *L) {
    lua_State *thread = lua_tothread(L, 1);
    luaL_argexpected(L, thread, 1, "coroutine");
    return thread;
}

static const char *status_name(lua_State *L, lua_State *thread) {
    if (L == thread) return "running";
    if (sv_is_poisoned(thread)) return "dead";
    switch (lua_status(thread)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK: {
        lua_Debug record;
        if (lua_getstack(thread, 0, &record)) return "normal";
        return lua_gettop(thread) == 0 ? "dead" : "suspended";
    }
    default: return "dead";
    }
}

/// Resumes `thread` with the `count` values on top of L. The number of results, moved to L; or
/// SV_RESUME_ERROR with the error on top of L; or SV_RESUME_WAITS.
static int transfer(lua_State *L, sv_vm *vm, lua_State *thread, int count) {
    sv_charge(L, vm, SV_RESUME_PRICE);
    // lua_resume reports these as well, but with an allocation outside of any protection.
    const char *status = status_name(L, thread);
    if (status[0] != 's') {
        lua_pushfstring(L, status[0] == 'd' ? "cannot resume dead coroutine" : "cannot resume non-suspended coroutine");
        return SV_RESUME_ERROR;
    }
    if (!lua_checkstack(thread, count)) {
        lua_pushliteral(L, "too many arguments to resume");
        return SV_RESUME_ERROR;
    }
    lua_xmove(L, thread, count);
    sv_frame frame = {L, vm->frames};
    uint32_t unyieldable = lua_isyieldable(L) ? 0 : 1;
    int results = 0;
    vm->frames = &frame;
    vm->unyieldable += unyieldable;
    int outcome = lua_resume(thread, L, count, &results);
    vm->unyieldable -= unyieldable;
    vm->frames = frame.up;
    sv_check_killed(L, vm, outcome);
    if (outcome == LUA_YIELD && vm->hostWaits) return SV_RESUME_WAITS;
    if (outcome != LUA_OK && outcome != LUA_YIELD) {
        lua_xmove(thread, L, 1);
        return SV_RESUME_ERROR;
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(thread, results);
        lua_pushliteral(L, "too many results to resume");
        return SV_RESUME_ERROR;
    }
    lua_xmove(thread, L, results);
    return results;
}

static int resume_again(lua_State *L, int status, lua_KContext context);

static int finish_resume(lua_State *L, int results) {
    if (results == SV_RESUME_WAITS) {
        lua_settop(L, 1);
        return lua_yieldk(L, 0, 0, resume_again);
    }
    lua_pushboolean(L, results >= 0);
    if (results < 0) results = 1;
    lua_insert(L, -(results + 1));
    return results + 1;
}

/// The proxy has resumed the handler: go on with the coroutine in which it waited.
static int resume_again(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_settop(L, 1);
    return finish_resume(L, transfer(L, sv_vm_of(L), lua_tothread(L, 1), 0));
}

static int resume_coroutine(lua_State *L) {
    lua_State *thread = thread_argument(L);
    return finish_resume(L, transfer(L, sv_vm_of(L), thread, lua_gettop(L) - 1));
}

static int create_coroutine(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    sv_charge(L, sv_vm_of(L), SV_RESUME_PRICE);
    lua_State *thread = lua_newthread(L); // inherits the count hook
    lua_pushvalue(L, 1);
    lua_xmove(L, thread, 1);
    return 1;
}

/// Runs the pending __close metamethods of a coroutine that is suspended or dead. Its status.
static int close_thread(lua_State *L, sv_vm *vm, lua_State *thread) {
    if (vm->closeDepth >= SV_CLOSE_DEPTH_MAX) luaL_error(L, "too many nested closings of coroutines");
    sv_frame frame = {L, vm->frames};
    vm->frames = &frame;
    vm->closeDepth += 1;
    int status = lua_resetthread(thread);
    vm->closeDepth -= 1;
    vm->frames = frame.up;
    sv_check_killed(L, vm, status);
    return status;
}

static int wrap_again(lua_State *L, int status, lua_KContext context);

static int finish_wrap(lua_State *L, lua_State *thread, int results) {
    if (results >= 0) return results;
    if (results == SV_RESUME_WAITS) {
        lua_settop(L, 0);
        return lua_yieldk(L, 0, 0, wrap_again);
    }
    int status = lua_status(thread);
    if (status != LUA_OK && status != LUA_YIELD && !sv_is_poisoned(thread)) {
        if (close_thread(L, sv_vm_of(L), thread) != LUA_OK) {
            lua_pop(L, 1);
            lua_xmove(thread, L, 1); // an error of a __close replaces the first one
        }
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_again(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    lua_settop(L, 0);
    return finish_wrap(L, thread, transfer(L, sv_vm_of(L), thread, 0));
}

static int call_wrapped(lua_State *L) {
    lua_State *thread = lua_tothread(L, lua_upvalueindex(1));
    return finish_wrap(L, thread, transfer(L, sv_vm_of(L), thread, lua_gettop(L)));
}

static int wrap_coroutine(lua_State *L) {
    create_coroutine(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

static int is_handler(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    return !vm->run || vm->run->thread == L;
}

static int yield_coroutine(lua_State *L) {
    if (is_handler(L)) return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int coroutine_status(lua_State *L) {
    lua_pushstring(L, status_name(L, thread_argument(L)));
    return 1;
}

static int is_yieldable(lua_State *L) {
    lua_State *thread = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    lua_pushboolean(L, !is_handler(thread) && lua_isyieldable(thread));
    return 1;
}

/// The thread a handler runs on is the proxy's and never given to a script: nil, true there.
static int running_coroutine(lua_State *L) {
    int isHandler = is_handler(L);
    if (isHandler) lua_pushnil(L);
    else lua_pushthread(L);
    lua_pushboolean(L, isHandler);
    return 2;
}

static int close_coroutine(lua_State *L) {
    lua_State *thread = thread_argument(L);
    const char *status = status_name(L, thread);
    if (status[0] != 's' && status[0] != 'd') return luaL_error(L, "cannot close a %s coroutine", status);
    sv_charge(L, sv_vm_of(L), SV_RESUME_PRICE);
    if (sv_is_poisoned(thread)) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "the coroutine was stopped by a budget");
        return 2;
    }
    if (close_thread(L, sv_vm_of(L), thread) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(thread, L, 1);
    return 2;
}

void sv_open_coroutines(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"create", create_coroutine}, {"wrap", wrap_coroutine},     {"resume", resume_coroutine},
        {"yield", yield_coroutine},   {"status", coroutine_status}, {"isyieldable", is_yieldable},
        {"running", running_coroutine}, {"close", close_coroutine}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_setglobal(L, "coroutine");
    lua_pushcfunction(L, protected_call);
    lua_setglobal(L, "pcall");
    lua_pushcfunction(L, protected_call_with_handler);
    lua_setglobal(L, "xpcall");
}
