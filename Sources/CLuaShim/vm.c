// Making and closing a VM, loading a script, and what needs no run.
#include <malloc.h>
#include <stdio.h>

#include "internal.h"

static int panic(lua_State *L) {
    // Only reachable by a bug of the shim: every entry point runs Lua under protection.
    fprintf(stderr, "Lua error outside protected code: %s\n", lua_tostring(L, -1));
    abort();
}

static int set_up(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    lua_newtable(L);
    vm->threads = luaL_ref(L, LUA_REGISTRYINDEX);
    sv_open_sandbox(L, vm);
    sv_register_bindings(L, vm);
    return 0;
}

static int check_configuration(const sv_configuration *configuration) {
    return configuration->kindCount <= SV_KINDS_MAX && configuration->phaseCount <= SV_PHASES_MAX
        && configuration->phaseCount > 0 && configuration->call;
}

sv_vm *sv_create(const sv_configuration *configuration) {
    if (!check_configuration(configuration)) return NULL;
    sv_vm *vm = calloc(1, sizeof *vm);
    if (!vm) return NULL;
    vm->configuration = *configuration;
    vm->freeRun = SV_NO_INDEX;
    vm->freeObject = SV_NO_INDEX;
    vm->resumeStatus = -1;
    for (int phase = 0; phase < SV_PHASES_MAX; phase++) vm->hooks[phase] = LUA_NOREF;
    vm->arena = malloc(sizeof(sv_value) * SV_TABLE_VALUES_MAX);
    vm->main = vm->arena ? lua_newstate(sv_allocate, vm) : NULL;
    if (!vm->main) {
        sv_close(vm);
        return NULL;
    }
    *(sv_vm **)lua_getextraspace(vm->main) = vm;
    lua_atpanic(vm->main, panic);
    lua_pushcfunction(vm->main, set_up);
    if (lua_pcall(vm->main, 0, 0, 0) != LUA_OK) {
        sv_close(vm);
        return NULL;
    }
    // Threads inherit the hook of the thread that makes them, so every thread of this VM has it.
    sv_install_hook(vm->main);
    return vm;
}

void sv_close(sv_vm *vm) {
    if (vm->main) lua_close(vm->main);
    for (uint32_t index = 0; index < vm->runCount; index++) free(vm->runs[index]);
    for (uint32_t kind = 0; kind < SV_KINDS_MAX; kind++) free(vm->kinds[kind].table);
    free(vm->runs);
    free(vm->objects);
    free(vm->bound);
    free(vm->optionKeys);
    free(vm->arena);
    free(vm);
}

typedef struct {
    const char *name;
    const sv_value *value;
} sv_global;

static int set_global(lua_State *L) {
    const sv_global *global = lua_touserdata(L, 1);
    sv_push_value(L, sv_vm_of(L), global->value, 0, 0);
    lua_setglobal(L, global->name);
    return 0;
}

int32_t sv_set_global(sv_vm *vm, const char *name, const sv_value *value) {
    sv_global global = {name, value};
    lua_pushcfunction(vm->main, set_global);
    lua_pushlightuserdata(vm->main, &global);
    if (lua_pcall(vm->main, 1, 0, 0) == LUA_OK) return 1;
    lua_settop(vm->main, 0);
    return 0;
}

static void give_function_back(sv_vm *vm, int32_t reference) {
    // Both slots that luaL_unref writes exist already: no allocation, no error.
    luaL_unref(vm->main, LUA_REGISTRYINDEX, reference);
}

void sv_release_function(sv_vm *vm, int32_t reference) { give_function_back(vm, reference); }

const sv_outcome *sv_last_outcome(const sv_vm *vm) { return &vm->outcome; }
const char *sv_outcome_message(const sv_outcome *outcome) { return outcome->message; }
const char *sv_outcome_traceback(const sv_outcome *outcome) { return outcome->traceback; }
const char *sv_outcome_file(const sv_outcome *outcome) { return outcome->file; }
const sv_value *sv_outcome_result(const sv_outcome *outcome, int32_t index) { return &outcome->results[index]; }
size_t sv_memory_used(const sv_vm *vm) { return vm->bytesUsed; }
uint32_t sv_runs_active(const sv_vm *vm) { return vm->runsActive; }
uint32_t sv_runs_created(const sv_vm *vm) { return vm->threadsMade; }
uint32_t sv_objects_live(const sv_vm *vm) { return vm->objectsLive; }
int32_t sv_is_running(const sv_vm *vm) { return vm->run != NULL; }
int32_t sv_has_hook(const sv_vm *vm, uint32_t phase) {
    return phase < SV_PHASES_MAX && vm->hooks[phase] != LUA_NOREF;
}

static int collect(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}

void sv_collect(sv_vm *vm) {
    lua_pushcfunction(vm->main, collect);
    if (lua_pcall(vm->main, 0, 0, 0) != LUA_OK) lua_settop(vm->main, 0);
}

void sv_trim(void) { malloc_trim(0); }
