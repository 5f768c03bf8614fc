// Handlers on pooled coroutines: start, wait, resume, finish.
#include <stdio.h>

#include "internal.h"

// ---- The pool ----

static sv_run *add_run(sv_vm *vm) {
    if (vm->runCount >= vm->configuration.limits.runsMax) return NULL;
    if (vm->runCount == vm->runCapacity) {
        uint32_t capacity = vm->runCapacity ? vm->runCapacity * 2 : 16;
        sv_run **grown = realloc(vm->runs, sizeof *grown * capacity);
        if (!grown) return NULL;
        vm->runs = grown;
        vm->runCapacity = capacity;
    }
    sv_run *run = calloc(1, sizeof *run);
    if (!run) return NULL;
    run->index = vm->runCount;
    run->firstObject = SV_NO_INDEX;
    run->nextFree = SV_NO_INDEX;
    run->generation = 1;
    vm->runs[vm->runCount++] = run;
    return run;
}

static int make_thread(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    sv_run *run = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->threads);
    lua_State *thread = lua_newthread(L);
    lua_rawseti(L, -2, (lua_Integer)run->index + 1);
    run->thread = thread;
    return 0;
}

static int ensure_thread(sv_vm *vm, sv_run *run) {
    if (run->thread) return 1;
    lua_State *L = vm->main;
    lua_pushcfunction(L, make_thread);
    lua_pushlightuserdata(L, run);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        lua_pop(L, 1);
        return 0;
    }
    vm->threadsMade += 1;
    return 1;
}

static void discard_thread(sv_vm *vm, sv_run *run) {
    lua_State *L = vm->main;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->threads);
    lua_pushnil(L);
    lua_rawseti(L, -2, (lua_Integer)run->index + 1); // the slot exists: no allocation
    lua_pop(L, 1);
    run->thread = NULL;
}

static void give_run_back(sv_vm *vm, sv_run *run) {
    sv_end_objects(vm, run);
    run->generation += 1;
    run->state = SV_RUN_FREE;
    run->nextFree = vm->freeRun;
    vm->freeRun = run->index;
    vm->runsActive -= 1;
}

static int32_t refuse(sv_vm *vm, const char *why) {
    vm->outcome.status = SV_FAILED;
    vm->outcome.reason = SV_KILL_NONE;
    vm->outcome.resultCount = 0;
    vm->outcome.line = 0;
    vm->outcome.file[0] = 0;
    vm->outcome.tracebackLength = 0;
    vm->outcome.traceback[0] = 0;
    sv_set_message(vm, why, strlen(why));
    return SV_FAILED;
}

static sv_run *take_run(sv_vm *vm, uint32_t phase) {
    sv_run *run;
    if (vm->freeRun != SV_NO_INDEX) {
        run = vm->runs[vm->freeRun];
        vm->freeRun = run->nextFree;
    } else if (!(run = add_run(vm))) {
        return NULL;
    }
    const sv_limits *limits = &vm->configuration.limits;
    int loading = phase == 0;
    uint64_t instructions = loading ? limits->loadInstructionsMax : limits->handlerInstructionsMax;
    run->phase = (uint8_t)phase;
    run->killed = SV_KILL_NONE;
    run->pendingKill = SV_KILL_NONE;
    run->clockStarted = 0;
    run->emergencies = 0;
    run->instructionsLeft = instructions > INT64_MAX ? INT64_MAX : (int64_t)instructions;
    run->nanosecondsLeft = loading ? limits->loadNanosecondsMax : limits->handlerNanosecondsMax;
    run->bytesMax = loading ? limits->vmBytesMax : limits->handlerBytesMax;
    run->bytesGrown = 0;
    vm->runsActive += 1;
    if (!ensure_thread(vm, run)) {
        give_run_back(vm, run);
        return NULL;
    }
    lua_settop(run->thread, 0); // results of the run before
    if (lua_gethookcount(run->thread) != SV_TICK_INSTRUCTIONS) sv_install_hook(run->thread);
    run->state = SV_RUN_RUNNING;
    return run;
}

// ---- What a run came to ----

static void keep_results(sv_vm *vm, lua_State *thread, int count) {
    int kept = count < SV_OUTCOME_MAX ? count : SV_OUTCOME_MAX;
    int first = lua_gettop(thread) - count + 1;
    for (int index = 0; index < kept; index++) {
        sv_value *value = &vm->outcome.results[index];
        int position = first + index;
        memset(value, 0, sizeof *value);
        switch (lua_type(thread, position)) {
        case LUA_TNIL: value->type = SV_NIL; break;
        case LUA_TBOOLEAN:
            value->type = SV_BOOLEAN;
            value->integer = lua_toboolean(thread, position);
            break;
        case LUA_TNUMBER:
            if (lua_isinteger(thread, position)) {
                value->type = SV_INTEGER;
                value->integer = lua_tointeger(thread, position);
            } else {
                value->type = SV_NUMBER;
                value->number = lua_tonumber(thread, position);
            }
            break;
        case LUA_TSTRING:
            value->type = SV_BYTES;
            value->bytes = lua_tolstring(thread, position, &value->count);
            break;
        default: value->type = SV_OTHER;
        }
    }
    vm->outcome.resultCount = kept;
}

/// Answers nothing when the object cannot describe itself.
static int tostring_entry(lua_State *L) {
    if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) return 0;
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/// Reads an error object by its __tostring, on the thread that failed and on what is left of its budget.
static void describe_error_object(sv_vm *vm, sv_run *run) {
    lua_State *thread = run->thread;
    int results = 0;
    lua_pushcfunction(thread, tostring_entry);
    lua_xmove(vm->main, thread, 1); // fail() left it there
    int status = lua_resume(thread, vm->caller, 1, &results);
    if (status == LUA_OK && results == 1 && lua_type(thread, -1) == LUA_TSTRING) sv_capture_error(vm, thread, NULL);
    if (status != LUA_OK) discard_thread(vm, run);
}

static void fail(sv_vm *vm, sv_run *run) {
    lua_State *thread = run->thread;
    vm->outcome.status = SV_FAILED;
    sv_capture_traceback(vm, thread);
    sv_capture_error(vm, thread, NULL);
    int isObject = lua_type(thread, -1) == LUA_TTABLE;
    if (isObject) lua_xmove(thread, vm->main, 1);
    int status = lua_resetthread(thread); // runs pending __close metamethods, within the budget
    (void)status;
    lua_settop(thread, 0);
    if (run->killed || sv_is_poisoned(thread)) {
        if (isObject) lua_pop(vm->main, 1);
        discard_thread(vm, run);
        return;
    }
    if (isObject) describe_error_object(vm, run);
}

static void describe_kill(sv_vm *vm, sv_run *run) {
    const sv_limits *limits = &vm->configuration.limits;
    int loading = run->phase == 0;
    unsigned long long number;
    char text[160];
    vm->outcome.status = SV_KILLED;
    vm->outcome.reason = run->killed;
    switch (run->killed) {
    case SV_KILL_INSTRUCTIONS:
        number = loading ? limits->loadInstructionsMax : limits->handlerInstructionsMax;
        snprintf(text, sizeof text, "%s was stopped: more than %llu instructions",
                 vm->configuration.phases[run->phase], number);
        break;
    case SV_KILL_TIME:
        number = (loading ? limits->loadNanosecondsMax : limits->handlerNanosecondsMax) / 1000000u;
        snprintf(text, sizeof text, "%s was stopped: it ran longer than %llu ms",
                 vm->configuration.phases[run->phase], number);
        break;
    default:
        number = run->bytesMax;
        snprintf(text, sizeof text, "%s was stopped: not enough memory (%llu bytes for it, %llu for all, %llu a string)",
                 vm->configuration.phases[run->phase], number, (unsigned long long)limits->vmBytesMax,
                 (unsigned long long)limits->stringBytesMax);
    }
    sv_set_message(vm, text, strlen(text));
}

/// Resumes the thread of `run` with what lies on its stack, and sorts the result.
static int32_t go_on(sv_vm *vm, sv_run *run, int arguments) {
    sv_run *outerRun = vm->run;
    sv_frame *outerFrames = vm->frames;
    uint64_t outerDebt = vm->debt;
    uint32_t outerUnyieldable = vm->unyieldable;
    uint32_t outerCloseDepth = vm->closeDepth;
    vm->run = run;
    vm->frames = NULL;
    vm->debt = 0;
    vm->unyieldable = 0;
    vm->closeDepth = 0;
    vm->runDepth += 1;
    sv_begin_segment(vm, run);
    vm->outcome.resultCount = 0;
    vm->outcome.reason = SV_KILL_NONE;
    int results = 0;
    int status = lua_resume(run->thread, vm->caller, arguments, &results);
    if (status == LUA_ERRMEM && !run->killed) {
        run->killed = run->pendingKill ? run->pendingKill : SV_KILL_MEMORY;
        sv_capture_traceback(vm, run->thread);
    }
    if (status == LUA_OK && !run->killed) {
        vm->outcome.status = SV_FINISHED;
        keep_results(vm, run->thread, results);
    } else if (status == LUA_YIELD && !run->killed && vm->hostWaits) {
        vm->hostWaits = 0;
        vm->outcome.status = SV_WAITING;
        vm->outcome.run = run->index;
        vm->outcome.generation = run->generation;
        run->state = SV_RUN_WAITING;
        sv_end_segment(vm, run);
    } else if (run->killed) {
        vm->hostWaits = 0;
        describe_kill(vm, run);
        discard_thread(vm, run);
    } else {
        fail(vm, run);
    }
    if (vm->outcome.status != SV_WAITING) give_run_back(vm, run);
    vm->runDepth -= 1;
    vm->run = outerRun;
    vm->frames = outerFrames;
    vm->debt = outerDebt;
    vm->unyieldable = outerUnyieldable;
    vm->closeDepth = outerCloseDepth;
    if (!outerRun) sv_drop_functions(vm);
    return vm->outcome.status;
}

// ---- Starting ----

static int entered(lua_State *L, int status, lua_KContext context) {
    (void)status;
    return lua_gettop(L) - (int)context;
}

/// First function of a run whose arguments allocate: pushes them where an error can be caught.
static int start_entry(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    const sv_value *values = vm->startValues;
    int count = vm->startCount;
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->startReference);
    luaL_checkstack(L, count + 1, "arguments");
    sv_push_values(L, vm, values, count, 0);
    lua_callk(L, count, LUA_MULTRET, 0, entered);
    return entered(L, LUA_OK, 0);
}

static int allocates(const sv_value *values, int32_t count) {
    for (int32_t index = 0; index < count; index++)
        if (values[index].type >= SV_BYTES && values[index].type != SV_OBJECT) return 1;
    return 0;
}

static int32_t start(sv_vm *vm, int32_t reference, uint32_t phase, const sv_value *arguments, int32_t count) {
    if (vm->runDepth >= SV_RUN_DEPTH_MAX) return refuse(vm, "handlers are nested too deeply");
    if (count < 0 || count > SV_ARGUMENTS_MAX || phase >= vm->configuration.phaseCount)
        return refuse(vm, "bad arguments to a handler");
    sv_run *run = take_run(vm, phase);
    if (!run) return refuse(vm, "too many handlers are waiting, or no memory for one more");
    lua_State *thread = run->thread;
    if (allocates(arguments, count)) {
        vm->startReference = reference;
        vm->startValues = arguments;
        vm->startCount = count;
        lua_pushcfunction(thread, start_entry);
        // Objects open in the run that is entered, which is the current one by then.
        return go_on(vm, run, 0);
    }
    if (!lua_checkstack(thread, count + 1)) {
        give_run_back(vm, run);
        return refuse(vm, "no memory for a handler");
    }
    lua_rawgeti(thread, LUA_REGISTRYINDEX, reference);
    for (int32_t index = 0; index < count; index++) {
        const sv_value *value = &arguments[index];
        switch (value->type) {
        case SV_BOOLEAN: lua_pushboolean(thread, value->integer != 0); break;
        case SV_INTEGER: lua_pushinteger(thread, value->integer); break;
        case SV_NUMBER: lua_pushnumber(thread, value->number); break;
        case SV_OBJECT: {
            uint64_t opened = sv_open_object(vm, run, value->kind, (uint8_t)value->part, value->handle);
            if (opened) sv_push_reference(thread, opened);
            else lua_pushnil(thread);
            break;
        }
        default: lua_pushnil(thread);
        }
    }
    return go_on(vm, run, count);
}

int32_t sv_run_hook(sv_vm *vm, uint32_t phase, const sv_value *arguments, int32_t count) {
    if (!sv_has_hook(vm, phase)) {
        vm->outcome.status = SV_FINISHED;
        vm->outcome.reason = SV_KILL_NONE;
        vm->outcome.resultCount = 0;
        return SV_FINISHED;
    }
    return start(vm, vm->hooks[phase], phase, arguments, count);
}

int32_t sv_run_function(sv_vm *vm, int32_t reference, uint32_t phase, const sv_value *arguments, int32_t count) {
    return start(vm, reference, phase, arguments, count);
}

// ---- Waiting ----

static sv_run *waiting_run(sv_vm *vm, uint32_t index, uint32_t generation) {
    if (index >= vm->runCount) return NULL;
    sv_run *run = vm->runs[index];
    return run->state == SV_RUN_WAITING && run->generation == generation ? run : NULL;
}

int32_t sv_resume(
    sv_vm *vm, uint32_t index, uint32_t generation, int32_t status, const sv_value *values, int32_t count) {
    sv_run *run = waiting_run(vm, index, generation);
    if (!run) return refuse(vm, "the handler is not waiting");
    if (vm->runDepth >= SV_RUN_DEPTH_MAX) return refuse(vm, "handlers are nested too deeply");
    if (count < 0 || count > SV_RESULTS_MAX) return refuse(vm, "bad results for a waiting handler");
    run->state = SV_RUN_RUNNING;
    vm->resumeStatus = status;
    vm->resumeValues = values;
    vm->resumeCount = count;
    int32_t outcome = go_on(vm, run, 0);
    vm->resumeStatus = -1;
    vm->resumeValues = NULL;
    return outcome;
}

void sv_abandon(sv_vm *vm, uint32_t index, uint32_t generation) {
    sv_run *run = waiting_run(vm, index, generation);
    if (!run) return;
    discard_thread(vm, run);
    give_run_back(vm, run);
}

// ---- Loading ----

static int load_entry(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    sv_charge_bytes(L, vm, vm->loadLength);
    if (luaL_loadbufferx(L, vm->loadText, vm->loadLength, vm->loadName, "t") != LUA_OK) lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

static int look_hooks_up(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    lua_pushglobaltable(L);
    for (uint32_t phase = 1; phase < vm->configuration.phaseCount; phase++) {
        const char *name = vm->configuration.phases[phase];
        lua_pushstring(L, name);
        int type = lua_rawget(L, -2);
        if (type == LUA_TFUNCTION) {
            vm->hooks[phase] = luaL_ref(L, LUA_REGISTRYINDEX);
            continue;
        }
        if (type != LUA_TNIL) luaL_error(L, "%s must be a function, got %s", name, lua_typename(L, type));
        lua_pop(L, 1);
    }
    return sv_watch_globals(L);
}

int32_t sv_load(sv_vm *vm, const void *text, size_t length, const char *chunkName) {
    if (vm->run) return refuse(vm, "a script cannot be loaded from inside a handler");
    sv_run *run = take_run(vm, 0);
    if (!run) return refuse(vm, "no memory to load a script");
    vm->loadText = text;
    vm->loadLength = length;
    vm->loadName = chunkName;
    lua_pushcfunction(run->thread, load_entry);
    int32_t status = go_on(vm, run, 0);
    if (status == SV_WAITING) {
        sv_abandon(vm, vm->outcome.run, vm->outcome.generation);
        return refuse(vm, "a script cannot wait while it is loaded");
    }
    if (status != SV_FINISHED) return status;
    lua_pushcfunction(vm->main, look_hooks_up);
    if (lua_pcall(vm->main, 0, 0, 0) != LUA_OK) {
        refuse(vm, "not enough memory");
        sv_capture_error(vm, vm->main, NULL);
        lua_settop(vm->main, 0);
        return SV_FAILED;
    }
    return SV_FINISHED;
}
