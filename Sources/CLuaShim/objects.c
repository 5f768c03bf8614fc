// Objects and namespaces: look-up of members, calls into Swift, results.
#include <stdio.h>

#include "internal.h"

// ---- Objects ----

/// A slot for an object; SV_NO_INDEX when there is no room.
uint32_t sv_take_slot(sv_vm *vm, uint64_t handle) {
    uint32_t slot = vm->freeObject;
    if (slot != SV_NO_INDEX) {
        vm->freeObject = vm->objects[slot].next;
    } else {
        if (vm->objectCount == vm->objectCapacity) {
            uint32_t capacity = vm->objectCapacity ? vm->objectCapacity * 2 : 64;
            if (capacity > SV_OBJECTS_MAX) return SV_NO_INDEX;
            sv_object *grown = realloc(vm->objects, sizeof *grown * capacity);
            if (!grown) return SV_NO_INDEX;
            vm->objects = grown;
            vm->objectCapacity = capacity;
        }
        slot = vm->objectCount++;
        vm->objects[slot].generation = 1; // so that no reference is the null pointer
    }
    vm->objects[slot].handle = handle;
    return slot;
}

uint64_t sv_open_object(sv_vm *vm, sv_run *run, uint8_t kind, uint8_t part, uint64_t handle) {
    if (!run || run->objectCount >= SV_RUN_OBJECTS_MAX || kind >= vm->configuration.kindCount) return 0;
    uint32_t slot = sv_take_slot(vm, handle);
    if (slot == SV_NO_INDEX) return 0;
    sv_object *object = &vm->objects[slot];
    object->next = run->firstObject;
    run->firstObject = slot;
    run->objectCount += 1;
    vm->objectsLive += 1;
    return sv_reference(kind, run->phase, part, slot, object->generation);
}

void sv_end_objects(sv_vm *vm, sv_run *run) {
    uint32_t slot = run->firstObject;
    while (slot != SV_NO_INDEX) {
        sv_object *object = &vm->objects[slot];
        uint32_t next = object->next;
        object->generation = object->generation == UINT32_MAX ? 1 : object->generation + 1;
        object->next = vm->freeObject;
        vm->freeObject = slot;
        slot = next;
    }
    vm->objectsLive -= run->objectCount;
    run->objectCount = 0;
    run->firstObject = SV_NO_INDEX;
}

_Noreturn static void raise_stale(lua_State *L, sv_vm *vm, uint64_t reference, const sv_bound *bound) {
    const char *name = vm->configuration.kinds[sv_reference_kind(reference)].name;
    const char *phase = vm->configuration.phases[sv_reference_phase(reference)];
    if (bound) sv_member_error(L, bound, "%s is no longer valid: %s has ended", name, phase);
    luaL_error(L, "%s is no longer valid: %s has ended", name, phase);
    abort(); // luaL_error does not return
}

/// The object a reference of a known kind names; raises when its handler has ended.
static inline const sv_object *object_of(lua_State *L, sv_vm *vm, uint64_t reference, const sv_bound *bound) {
    uint32_t slot = sv_reference_slot(reference);
    if (slot >= vm->objectCount || vm->objects[slot].generation != sv_reference_generation(reference))
        raise_stale(L, vm, reference, bound);
    return &vm->objects[slot];
}

/// Reads the object at `index`. 0 when the value is none; raises when its handler has ended.
int sv_decode(lua_State *L, sv_vm *vm, int index, const sv_bound *bound, sv_value *value) {
    if (lua_type(L, index) != LUA_TLIGHTUSERDATA) return 0;
    uint64_t reference = sv_to_reference(L, index);
    if (sv_reference_kind(reference) >= vm->configuration.kindCount) return 0;
    value->type = SV_OBJECT;
    value->kind = (uint8_t)sv_reference_kind(reference);
    value->part = (uint16_t)sv_reference_part(reference);
    value->handle = object_of(L, vm, reference, bound)->handle;
    value->count = 0;
    return 1;
}

// ---- Results ----

void sv_push_value(lua_State *L, sv_vm *vm, const sv_value *value, uint64_t self, int depth) {
    switch (value->type) {
    case SV_BOOLEAN: lua_pushboolean(L, value->integer != 0); return;
    case SV_INTEGER: lua_pushinteger(L, value->integer); return;
    case SV_NUMBER: lua_pushnumber(L, value->number); return;
    case SV_BYTES: lua_pushlstring(L, value->count ? value->bytes : "", value->count); return;
    case SV_OBJECT: {
        uint64_t opened = sv_open_object(vm, vm->run, value->kind, (uint8_t)value->part, value->handle);
        if (!opened) luaL_error(L, "too many objects are in use (limit %d a handler)", (int)SV_RUN_OBJECTS_MAX);
        sv_push_reference(L, opened);
        return;
    }
    case SV_PART:
        if (!self) break;
        sv_push_reference(L, sv_reference(value->kind, sv_reference_phase(self), value->part & 255,
                                          sv_reference_slot(self), sv_reference_generation(self)));
        return;
    case SV_SELF:
        if (!self) break;
        sv_push_reference(L, self);
        return;
    case SV_LIST:
    case SV_RECORD: {
        if (depth >= SV_TABLE_DEPTH_MAX) luaL_error(L, "a result is nested too deeply");
        luaL_checkstack(L, 4, "a result is nested too deeply");
        int isList = value->type == SV_LIST;
        int size = value->count > INT32_MAX / 2 ? 0 : (int)value->count;
        lua_createtable(L, isList ? size : 0, isList ? 0 : size);
        for (size_t index = 0; index < value->count; index++) {
            if (isList) {
                sv_push_value(L, vm, &value->items[index], self, depth + 1);
                lua_rawseti(L, -2, (lua_Integer)index + 1);
                continue;
            }
            const sv_value *name = &value->items[2 * index];
            if (name->type != SV_BYTES) continue;
            sv_push_value(L, vm, name, 0, depth + 1);
            sv_push_value(L, vm, &value->items[2 * index + 1], self, depth + 1);
            lua_rawset(L, -3);
        }
        return;
    }
    default: break;
    }
    lua_pushnil(L);
}

void sv_push_values(lua_State *L, sv_vm *vm, const sv_value *values, int count, uint64_t self) {
    for (int index = 0; index < count; index++) sv_push_value(L, vm, &values[index], self, 0);
}

// ---- Calls into Swift ----

static int raise_message(lua_State *L, const sv_value *message) {
    luaL_where(L, 1);
    if (message->type == SV_BYTES && message->count)
        lua_pushlstring(L, message->bytes, message->count);
    else
        lua_pushliteral(L, "failed");
    lua_concat(L, 2);
    return lua_error(L);
}

/// Runs when the proxy resumes a handler that waits: this is where the waiting call returns.
int sv_wait_continuation(lua_State *L, int status, lua_KContext context) {
    (void)status;
    sv_vm *vm = sv_vm_of(L);
    sv_run *run = vm->run;
    // A script may have kept the coroutine that waits and resume it from elsewhere.
    if (vm->resumeStatus < 0 || !run || context != (lua_KContext)((uint64_t)run->index << 32 | run->generation))
        return luaL_error(L, "this coroutine waits for the proxy; only the proxy can resume it");
    const sv_value *values = vm->resumeValues;
    int count = vm->resumeCount;
    int outcome = vm->resumeStatus;
    vm->resumeStatus = -1;
    lua_settop(L, 0);
    if (outcome != SV_STATUS_OK) {
        sv_value none = {0};
        return raise_message(L, count > 0 ? &values[0] : &none);
    }
    luaL_checkstack(L, count + 4, "results");
    sv_push_values(L, vm, values, count, 0);
    return count;
}

/// The only way from Lua into Swift. When `configuration.call` has returned no Swift frame is live, and
/// only then is anything pushed, raised or yielded.
static int invoke(lua_State *L, sv_vm *vm, const sv_bound *bound, uint64_t self, sv_call *call) {
    sv_run *run = vm->run;
    if (run->killed) sv_kill(L, vm, run->killed);
    call->context = vm->configuration.context;
    call->run = run->index;
    call->phase = run->phase;
    call->reserved = 0;
    call->resultCount = 0;
    lua_State *caller = vm->caller;
    uint32_t arenaBase = vm->arenaBase;
    uint32_t provisionalBase = vm->provisionalBase;
    vm->arenaBase = vm->arenaUsed;
    vm->provisionalBase = vm->provisionalUsed;
    vm->caller = L;
    int32_t status = vm->configuration.call(call);
    vm->caller = caller;
    vm->arenaBase = arenaBase;
    vm->provisionalBase = provisionalBase;
    if (vm->provisionalUsed > provisionalBase) {
        uint32_t next = provisionalBase;
        for (int index = 0; index < call->argumentCount; index++) {
            const sv_value *value = &call->arguments[index];
            if (value->type != SV_FUNCTION) continue;
            if (value->part == 1) vm->provisional[next] = LUA_NOREF; // kept
            next += 1;
        }
        sv_drop_functions(vm);
    }
    if (status == SV_STATUS_OK) {
        int count = call->resultCount;
        if (count < 0 || count > SV_RESULTS_MAX) count = 0;
        if (count > 4) luaL_checkstack(L, count + 4, "results");
        sv_push_values(L, vm, call->results, count, self);
        return count;
    }
    if (status == SV_STATUS_WAIT && bound && bound->member->waits) {
        vm->hostWaits = 1;
        return lua_yieldk(L, 0, (lua_KContext)((uint64_t)run->index << 32 | run->generation), sv_wait_continuation);
    }
    if (call->resultCount < 1) call->results[0].type = SV_NONE;
    return raise_message(L, &call->results[0]);
}

static void check_may_wait(lua_State *L, sv_vm *vm, const sv_bound *bound) {
    if (!bound->member->waits || (lua_isyieldable(L) && vm->unyieldable == 0)) return;
    sv_member_error(L, bound, "cannot wait here (inside a comparison of table.sort, a replacement of string.gsub, "
                              "an iterator or metamethod called from one of those, or a __close)");
}

/// A method or function of the binding table. Upvalue: its sv_bound.
static int call_function(lua_State *L) {
    const sv_bound *bound = lua_touserdata(L, lua_upvalueindex(1));
    const sv_member *member = bound->member;
    sv_vm *vm = sv_vm_of(L);
    sv_value values[SV_ARGUMENTS_MAX];
    sv_call call;
    uint64_t self = 0;
    int first = 1;
    if (!vm->run) return luaL_error(L, "outside of a handler");
    sv_charge(L, vm, 4);
    if (member->form == SV_FORM_METHOD) {
        sv_value object;
        if (!sv_decode(L, vm, 1, bound, &object) || object.kind != bound->kind)
            sv_member_error(L, bound, "called without its %s; write %s:%s(…), with a colon", bound->group->name,
                            bound->group->label, member->name);
        self = sv_to_reference(L, 1);
        call.kind = object.kind;
        call.part = (uint8_t)object.part;
        call.handle = object.handle;
        first = 2;
    } else {
        call.kind = 0;
        call.part = 0;
        call.handle = 0;
    }
    if (!(member->phases >> vm->run->phase & 1)) sv_phase_error(L, vm, bound, "used");
    if (member->waits) check_may_wait(L, vm, bound);
    int count = 0;
    sv_convert_arguments(L, vm, bound, first, values, &count);
    call.identifier = member->readID;
    call.arguments = values;
    call.argumentCount = count;
    return invoke(L, vm, bound, self, &call);
}

// ---- Members of objects ----

static uint32_t hash_key(const char *key) { return (uint32_t)(((uintptr_t)key >> 3) * 0x9E3779B1u >> 7); }

static const sv_bound *find(const sv_kind *kind, const char *key) {
    for (uint32_t index = hash_key(key);; index++) {
        const sv_bound *bound = kind->table[index & kind->mask];
        if (!bound || bound->key == key) return bound;
    }
}

/// The member named at stack index 2 of the object at index 1, which is a reference: only objects have the
/// metatable, and scripts cannot get at it. Names are interned strings, which are equal when their addresses are.
static inline const sv_bound *member_of(lua_State *L, sv_vm *vm, uint64_t reference, const char *verb) {
    if (!vm->run) luaL_error(L, "outside of a handler");
    uint32_t kind = sv_reference_kind(reference);
    if (kind >= vm->configuration.kindCount) luaL_error(L, "not an object of the proxy");
    const sv_bound *bound = NULL;
    if (lua_type(L, 2) == LUA_TSTRING) bound = find(&vm->kinds[kind], lua_tolstring(L, 2, NULL));
    if (!bound) sv_unknown_member(L, vm, kind, verb);
    return bound;
}

static inline void address(sv_call *call, uint64_t reference, const sv_object *object) {
    call->kind = (uint8_t)sv_reference_kind(reference);
    call->part = (uint8_t)sv_reference_part(reference);
    call->handle = object->handle;
}

/// __index of every object. Upvalue: the table of method closures.
static int read_member(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    uint64_t reference = sv_to_reference(L, 1);
    const sv_bound *bound = member_of(L, vm, reference, "read");
    const sv_member *member = bound->member;
    if (member->form != SV_FORM_PROPERTY) {
        lua_rawgeti(L, lua_upvalueindex(1), bound->closure);
        return 1;
    }
    sv_charge(L, vm, 2);
    const sv_object *object = object_of(L, vm, reference, bound);
    if (!member->readable) sv_member_error(L, bound, "can be set but not read");
    if (!(member->phases >> vm->run->phase & 1)) sv_phase_error(L, vm, bound, "read");
    sv_call call;
    address(&call, reference, object);
    call.identifier = member->readID;
    call.arguments = NULL;
    call.argumentCount = 0;
    int count = invoke(L, vm, bound, reference, &call);
    if (count == 0) {
        lua_pushnil(L);
        return 1;
    }
    return count;
}

/// __newindex of every object.
static int write_member(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    uint64_t reference = sv_to_reference(L, 1);
    const sv_bound *bound = member_of(L, vm, reference, "set");
    const sv_member *member = bound->member;
    sv_charge(L, vm, 2);
    if (member->form != SV_FORM_PROPERTY) sv_member_error(L, bound, "is a function and cannot be set");
    const sv_object *object = object_of(L, vm, reference, bound);
    if (!member->writable) sv_member_error(L, bound, "is read-only");
    if (!(member->writePhases >> vm->run->phase & 1)) sv_phase_error(L, vm, bound, "set");
    sv_value value;
    sv_convert_value(L, vm, bound, 3, &value);
    sv_call call;
    address(&call, reference, object);
    call.identifier = member->writeID;
    call.arguments = &value;
    call.argumentCount = 1;
    invoke(L, vm, bound, reference, &call);
    return 0;
}

static int describe_object(lua_State *L) {
    sv_vm *vm = sv_vm_of(L);
    uint64_t reference = sv_to_reference(L, 1);
    uint32_t kind = sv_reference_kind(reference);
    if (lua_type(L, 1) != LUA_TLIGHTUSERDATA || kind >= vm->configuration.kindCount) lua_pushliteral(L, "object");
    else lua_pushfstring(L, "%s %d.%I", vm->configuration.kinds[kind].name, (int)sv_reference_slot(reference),
                         (LUAI_UACINT)sv_reference_generation(reference));
    return 1;
}

/// Tells Swift about something no binding was called for. The value at `index` is a string.
void sv_report(lua_State *L, sv_vm *vm, uint32_t identifier, int index) {
    sv_value value = {0};
    sv_call call = {0};
    if (!vm->run || lua_type(L, index) != LUA_TSTRING) return;
    value.type = SV_BYTES;
    value.bytes = lua_tolstring(L, index, &value.count);
    call.identifier = identifier;
    call.arguments = &value;
    call.argumentCount = 1;
    lua_pop(L, invoke(L, vm, NULL, 0, &call));
}

// ---- Registration ----

/// Interns a name for the life of the VM; its address is then the name. The names table is at `names`.
static const char *intern(lua_State *L, int names, const char *name) {
    const char *key = lua_pushstring(L, name);
    lua_pushboolean(L, 1);
    lua_rawset(L, names);
    return key;
}

static void bind_members(lua_State *L, const sv_group *group, uint32_t kind, int names,
                         sv_bound **bound, const char ***optionKeys) {
    for (uint32_t index = 0; index < group->memberCount; index++, (*bound)++) {
        const sv_member *member = &group->members[index];
        (*bound)->member = member;
        (*bound)->group = group;
        (*bound)->kind = (uint8_t)kind;
        (*bound)->key = intern(L, names, member->name);
        (*bound)->optionKeys = *optionKeys;
        for (uint32_t option = 0; option < member->optionCount; option++)
            *(*optionKeys)++ = intern(L, names, member->parameters[member->parameterCount + option].name);
    }
}

static void bind_kind(lua_State *L, sv_vm *vm, const sv_group *group, uint32_t index, int closures, sv_bound *bound) {
    sv_kind *kind = &vm->kinds[index];
    uint32_t size = 4;
    while (size < group->memberCount * 2 + 2) size *= 2;
    kind->group = group;
    kind->mask = size - 1;
    kind->table = calloc(size, sizeof *kind->table);
    if (!kind->table) luaL_error(L, "not enough memory");
    for (uint32_t member = 0; member < group->memberCount; member++) {
        uint32_t at = hash_key(bound[member].key);
        while (kind->table[at & kind->mask]) at++;
        kind->table[at & kind->mask] = &bound[member];
        if (bound[member].member->form == SV_FORM_PROPERTY) continue;
        lua_pushlightuserdata(L, &bound[member]);
        lua_pushcclosure(L, call_function, 1);
        bound[member].closure = (int32_t)lua_rawlen(L, closures) + 1;
        lua_rawseti(L, closures, bound[member].closure);
    }
}

/// A namespace is a global table; one without a name holds global functions.
static void bind_namespace(lua_State *L, const sv_group *group, sv_bound *bound) {
    if (group->name[0] == 0) {
        lua_pushglobaltable(L);
    } else if (lua_getglobal(L, group->name) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setglobal(L, group->name);
    }
    for (uint32_t member = 0; member < group->memberCount; member++) {
        lua_pushlightuserdata(L, &bound[member]);
        lua_pushcclosure(L, call_function, 1);
        lua_setfield(L, -2, bound[member].member->name);
    }
    lua_pop(L, 1);
}

int sv_register_bindings(lua_State *L, sv_vm *vm) {
    const sv_configuration *configuration = &vm->configuration;
    uint32_t members = 0, options = 0;
    for (uint32_t group = 0; group < configuration->kindCount + configuration->namespaceCount; group++) {
        const sv_group *g = group < configuration->kindCount ? &configuration->kinds[group]
                                                             : &configuration->namespaces[group - configuration->kindCount];
        members += g->memberCount;
        for (uint32_t member = 0; member < g->memberCount; member++) options += g->members[member].optionCount;
    }
    vm->boundCount = members;
    vm->bound = calloc(members + 1, sizeof *vm->bound);
    vm->optionKeys = calloc(options + 1, sizeof *vm->optionKeys);
    if (!vm->bound || !vm->optionKeys) return luaL_error(L, "not enough memory");
    lua_newtable(L);
    int names = lua_gettop(L);
    lua_newtable(L);
    int closures = lua_gettop(L);
    sv_bound *bound = vm->bound;
    const char **optionKeys = vm->optionKeys;
    for (uint32_t kind = 0; kind < configuration->kindCount; kind++) {
        sv_bound *first = bound;
        bind_members(L, &configuration->kinds[kind], kind, names, &bound, &optionKeys);
        bind_kind(L, vm, &configuration->kinds[kind], kind, closures, first);
    }
    for (uint32_t index = 0; index < configuration->namespaceCount; index++) {
        sv_bound *first = bound;
        bind_members(L, &configuration->namespaces[index], 0, names, &bound, &optionKeys);
        bind_namespace(L, &configuration->namespaces[index], first);
    }
    // One metatable serves every object: light userdata share theirs.
    lua_pushlightuserdata(L, NULL);
    lua_newtable(L);
    lua_pushvalue(L, closures);
    lua_pushcclosure(L, read_member, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, write_member);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, describe_object);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    vm->closures = luaL_ref(L, LUA_REGISTRYINDEX);
    vm->names = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}
