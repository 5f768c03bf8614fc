// From Lua values to typed arguments, and the messages when they do not fit.
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

// ---- Messages ----

/// "req:reply", "auth.require", "req.status".
static const char *push_member_name(lua_State *L, const sv_bound *bound) {
    const char *separator = bound->member->form == SV_FORM_METHOD ? ":" : ".";
    if (bound->group->label[0] == 0) return lua_pushstring(L, bound->member->name);
    return lua_pushfstring(L, "%s%s%s", bound->group->label, separator, bound->member->name);
}

void sv_member_error(lua_State *L, const sv_bound *bound, const char *format, ...) {
    va_list list;
    luaL_checkstack(L, 8, "error message");
    luaL_where(L, 1);
    push_member_name(L, bound);
    lua_pushliteral(L, ": ");
    va_start(list, format);
    lua_pushvfstring(L, format, list);
    va_end(list);
    lua_concat(L, 4);
    lua_error(L);
    abort(); // lua_error does not return
}

void sv_phase_error(lua_State *L, sv_vm *vm, const sv_bound *bound, const char *what) {
    char allowed[256];
    size_t used = 0;
    uint16_t phases = what[0] == 's' ? bound->member->writePhases : bound->member->phases;
    allowed[0] = 0;
    for (uint32_t phase = 0; phase < vm->configuration.phaseCount && used < sizeof allowed; phase++) {
        if (!(phases >> phase & 1)) continue;
        int written = snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "",
                               vm->configuration.phases[phase]);
        used += written > 0 ? (size_t)written : 0;
    }
    luaL_checkstack(L, 8, "error message");
    const char *name = push_member_name(L, bound);
    luaL_error(L, "%s cannot be %s in %s (allowed in: %s)", name, what, vm->configuration.phases[vm->run->phase],
               allowed[0] ? allowed : "no phase");
    abort();
}

/// Number of edits between two names, for suggestions. Names longer than the table are no candidates.
static int edit_distance(const char *a, size_t aLength, const char *b, size_t bLength) {
    enum { MAX = 40 };
    int row[MAX + 1];
    if (aLength > MAX || bLength > MAX) return MAX;
    for (size_t j = 0; j <= bLength; j++) row[j] = (int)j;
    for (size_t i = 1; i <= aLength; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= bLength; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[bLength];
}

typedef struct {
    const char *name;
    size_t length;
    const char *best;
    int distance;
} suggestion;

static void consider(suggestion *wanted, const char *candidate) {
    size_t length = strlen(candidate);
    int distance = edit_distance(wanted->name, wanted->length, candidate, length);
    int limit = (int)(length / 3) + 1;
    if (distance > limit || distance >= wanted->distance) return;
    wanted->best = candidate;
    wanted->distance = distance;
}

void sv_unknown_member(lua_State *L, sv_vm *vm, uint32_t kind, const char *verb) {
    const sv_group *group = &vm->configuration.kinds[kind];
    if (lua_type(L, 2) != LUA_TSTRING) {
        luaL_error(L, "%s: cannot %s a field by a %s", group->label, verb, luaL_typename(L, 2));
        abort();
    }
    suggestion wanted = {.distance = 1000};
    wanted.name = lua_tolstring(L, 2, &wanted.length);
    for (uint32_t index = 0; index < group->memberCount; index++) consider(&wanted, group->members[index].name);
    char name[48];
    snprintf(name, sizeof name, "%s", wanted.name);
    if (wanted.best)
        luaL_error(L, "%s.%s: %s has no such field; did you mean '%s'?", group->label, name, group->name, wanted.best);
    luaL_error(L, "%s.%s: %s has no such field", group->label, name, group->name);
    abort();
}

const char *sv_type_name(lua_State *L, sv_vm *vm, int index) {
    if (lua_type(L, index) == LUA_TLIGHTUSERDATA) {
        uint32_t kind = sv_reference_kind(sv_to_reference(L, index));
        if (kind < vm->configuration.kindCount) return vm->configuration.kinds[kind].name;
    }
    return luaL_typename(L, index);
}

typedef struct {
    char text[320];
    size_t used;
    int alternatives;
} description;

static void describe(description *d, const char *format, ...) {
    va_list list;
    if (d->used >= sizeof d->text) return;
    va_start(list, format);
    int written = vsnprintf(d->text + d->used, sizeof d->text - d->used, format, list);
    va_end(list);
    if (written > 0) d->used += (size_t)written;
}

static void alternative(description *d) {
    if (d->alternatives++) describe(d, " or ");
}

static void describe_parameter(sv_vm *vm, const sv_parameter *parameter, description *d) {
    uint16_t accepts = parameter->accepts;
    if (accepts & SV_ACCEPT_STRING) {
        alternative(d);
        if (parameter->choiceCount == 0) describe(d, "string");
        else if (parameter->choiceCount > 1) describe(d, "one of ");
        for (int index = 0; index < parameter->choiceCount; index++)
            describe(d, "%s\"%s\"", index ? ", " : "", parameter->choices[index]);
    }
    if (accepts & SV_ACCEPT_INTEGER) {
        alternative(d);
        int hasMinimum = parameter->minimum != INT64_MIN, hasMaximum = parameter->maximum != INT64_MAX;
        if (hasMinimum && hasMaximum)
            describe(d, "integer %lld…%lld", (long long)parameter->minimum, (long long)parameter->maximum);
        else if (hasMinimum) describe(d, "integer of at least %lld", (long long)parameter->minimum);
        else if (hasMaximum) describe(d, "integer of at most %lld", (long long)parameter->maximum);
        else describe(d, "integer");
    }
    if (accepts & SV_ACCEPT_NUMBER) alternative(d), describe(d, "number");
    if (accepts & SV_ACCEPT_BOOLEAN) alternative(d), describe(d, "boolean");
    for (uint32_t kind = 0; accepts & SV_ACCEPT_OBJECT && kind < vm->configuration.kindCount; kind++)
        if (parameter->kinds >> kind & 1) alternative(d), describe(d, "%s", vm->configuration.kinds[kind].name);
    if (accepts & SV_ACCEPT_FUNCTION) alternative(d), describe(d, "function");
    if (accepts & SV_ACCEPT_LIST) alternative(d), describe(d, "list");
    if (accepts & SV_ACCEPT_RECORD) alternative(d), describe(d, "table");
    if (accepts & SV_ACCEPT_NIL) alternative(d), describe(d, "nil");
    if (d->alternatives == 0) describe(d, "nothing");
}

static void describe_given(lua_State *L, sv_vm *vm, const sv_parameter *parameter, int index, description *d) {
    int type = lua_type(L, index);
    if (type == LUA_TNUMBER && parameter->accepts & SV_ACCEPT_INTEGER) {
        if (lua_isinteger(L, index)) describe(d, "%lld", (long long)lua_tointeger(L, index));
        else describe(d, "%.14g", lua_tonumber(L, index));
    } else if (type == LUA_TSTRING && parameter->accepts & SV_ACCEPT_STRING) {
        describe(d, "\"%.60s\"", lua_tolstring(L, index, NULL));
    } else {
        describe(d, "%s", sv_type_name(L, vm, index));
    }
}

/// `position` > 0: a positional argument; 0: a property; < 0: an option.
_Noreturn static void mismatch(lua_State *L, sv_vm *vm, const sv_bound *bound, const sv_parameter *parameter,
                               int index, int position) {
    description expected = {.used = 0}, given = {.used = 0};
    describe_parameter(vm, parameter, &expected);
    describe_given(L, vm, parameter, index, &given);
    if (position > 0)
        sv_member_error(L, bound, "argument %d (%s): expected %s, got %s", position, parameter->name, expected.text,
                        given.text);
    if (position < 0)
        sv_member_error(L, bound, "option %s: expected %s, got %s", parameter->name, expected.text, given.text);
    sv_member_error(L, bound, "expected %s, got %s", expected.text, given.text);
}

// ---- Tables ----

static void convert_table(lua_State *L, sv_vm *vm, const sv_bound *bound, int index, sv_value *value, int depth);

static sv_value *take_values(lua_State *L, sv_vm *vm, const sv_bound *bound, lua_Unsigned count) {
    if (count > SV_TABLE_VALUES_MAX - vm->arenaUsed)
        sv_member_error(L, bound, "a table has too many values (limit %d)", (int)SV_TABLE_VALUES_MAX);
    sv_value *values = vm->arena + vm->arenaUsed;
    vm->arenaUsed += (uint32_t)count;
    return values;
}

/// The value on top of the stack, which a table keeps alive; numbers are not turned to strings here for that reason.
static void convert_element(lua_State *L, sv_vm *vm, const sv_bound *bound, sv_value *value, int depth) {
    memset(value, 0, sizeof *value);
    switch (lua_type(L, -1)) {
    case LUA_TNIL: value->type = SV_NIL; return;
    case LUA_TBOOLEAN:
        value->type = SV_BOOLEAN;
        value->integer = lua_toboolean(L, -1);
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1)) {
            value->type = SV_INTEGER;
            value->integer = lua_tointeger(L, -1);
        } else {
            value->type = SV_NUMBER;
            value->number = lua_tonumber(L, -1);
        }
        return;
    case LUA_TSTRING:
        value->type = SV_BYTES;
        value->bytes = lua_tolstring(L, -1, &value->count);
        return;
    case LUA_TLIGHTUSERDATA:
        if (sv_decode(L, vm, -1, bound, value)) return;
        break;
    case LUA_TTABLE: convert_table(L, vm, bound, lua_gettop(L), value, depth + 1); return;
    default: break;
    }
    sv_member_error(L, bound, "a table holds a %s, which cannot be used there", luaL_typename(L, -1));
}

/// Refuses a list of `length` items that also has other keys: dropping what a script wrote hides its mistake.
static void check_list(lua_State *L, const sv_bound *bound, int index, lua_Unsigned length, int depth) {
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_isinteger(L, -2)) {
            lua_Integer key = lua_tointeger(L, -2);
            if (key > 0 && (lua_Unsigned)key <= length) continue;
            if (key > 0) sv_member_error(L, bound, "a list has a hole before item %I", (LUAI_UACINT)key);
            sv_member_error(L, bound, "a list has the item %I; items count from 1", (LUAI_UACINT)key);
        }
        if (lua_type(L, -2) != LUA_TSTRING)
            sv_member_error(L, bound, "a list has a key of type %s", luaL_typename(L, -2));
        char name[48];
        snprintf(name, sizeof name, "%s", lua_tolstring(L, -2, NULL));
        const char *hint = depth == 0 && bound->member->takesOptions ? "; options are a second table" : "";
        sv_member_error(L, bound, "a list has the named key '%s'%s", name, hint);
    }
}

/// Raw access only: no Lua code may run while arguments point into tables.
static void convert_table(lua_State *L, sv_vm *vm, const sv_bound *bound, int index, sv_value *value, int depth) {
    if (depth >= SV_TABLE_DEPTH_MAX)
        sv_member_error(L, bound, "a table is nested too deeply (limit %d)", (int)SV_TABLE_DEPTH_MAX);
    luaL_checkstack(L, 4, "a table is nested too deeply");
    memset(value, 0, sizeof *value);
    lua_Unsigned length = lua_rawlen(L, index);
    if (length > 0) {
        sv_value *items = take_values(L, vm, bound, length);
        for (lua_Unsigned item = 0; item < length; item++) {
            if (lua_rawgeti(L, index, (lua_Integer)item + 1) == LUA_TNIL)
                sv_member_error(L, bound, "item %I of a list is nil", (LUAI_UACINT)(item + 1));
            convert_element(L, vm, bound, &items[item], depth);
            lua_pop(L, 1);
        }
        check_list(L, bound, index, length, depth);
        value->type = SV_LIST;
        value->items = items;
        value->count = length;
        return;
    }
    lua_Unsigned pairs = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            sv_member_error(L, bound, "a table has a key of type %s; names or a list were expected",
                            luaL_typename(L, -2));
        pairs += 1;
        if (pairs > SV_TABLE_VALUES_MAX) break;
    }
    if (pairs > SV_TABLE_VALUES_MAX) pairs = SV_TABLE_VALUES_MAX; // take_values refuses
    sv_value *items = take_values(L, vm, bound, pairs * 2);
    lua_Unsigned pair = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), pair++) {
        memset(&items[2 * pair], 0, sizeof *items);
        items[2 * pair].type = SV_BYTES;
        items[2 * pair].bytes = lua_tolstring(L, -2, &items[2 * pair].count);
        convert_element(L, vm, bound, &items[2 * pair + 1], depth);
    }
    value->type = SV_RECORD;
    value->items = items;
    value->count = pairs;
}

// ---- Scalars ----

static int match_string(lua_State *L, const sv_parameter *parameter, int index, sv_value *value) {
    size_t length;
    const char *text = lua_tolstring(L, index, &length); // converts a number in place, where it stays alive
    if (parameter->choiceCount == 0) {
        value->type = SV_BYTES;
        value->bytes = text;
        value->count = length;
        return 1;
    }
    for (int choice = 0; choice < parameter->choiceCount; choice++) {
        if (strlen(parameter->choices[choice]) != length || memcmp(parameter->choices[choice], text, length)) continue;
        value->type = SV_INTEGER;
        value->integer = choice;
        return 1;
    }
    return 0;
}

static int match_number(lua_State *L, const sv_parameter *parameter, int index, sv_value *value) {
    int isInteger;
    lua_Integer integer = lua_tointegerx(L, index, &isInteger);
    if (parameter->accepts & SV_ACCEPT_INTEGER && isInteger && integer >= parameter->minimum
        && integer <= parameter->maximum) {
        value->type = SV_INTEGER;
        value->integer = integer;
        return 1;
    }
    if (parameter->accepts & SV_ACCEPT_NUMBER) {
        value->type = SV_NUMBER;
        value->number = lua_tonumber(L, index);
        return 1;
    }
    if (parameter->accepts & SV_ACCEPT_INTEGER) return 0;
    return parameter->accepts & SV_ACCEPT_STRING && match_string(L, parameter, index, value);
}

static int matches(lua_State *L, sv_vm *vm, const sv_bound *bound, const sv_parameter *parameter, int index,
                   sv_value *value) {
    uint16_t accepts = parameter->accepts;
    value->type = SV_NONE;
    value->kind = 0;
    value->part = 0;
    value->reference = 0;
    value->integer = 0;
    value->count = 0;
    switch (lua_type(L, index)) {
    case LUA_TNONE: return parameter->optional || accepts & SV_ACCEPT_NIL;
    case LUA_TNIL:
        if (accepts & SV_ACCEPT_NIL) value->type = SV_NIL;
        return accepts & SV_ACCEPT_NIL || parameter->optional;
    case LUA_TBOOLEAN:
        value->type = SV_BOOLEAN;
        value->integer = lua_toboolean(L, index);
        return accepts & SV_ACCEPT_BOOLEAN;
    case LUA_TNUMBER: return match_number(L, parameter, index, value);
    case LUA_TSTRING: return accepts & SV_ACCEPT_STRING && match_string(L, parameter, index, value);
    case LUA_TLIGHTUSERDATA:
        return accepts & SV_ACCEPT_OBJECT && sv_decode(L, vm, index, bound, value) && parameter->kinds >> value->kind & 1;
    case LUA_TFUNCTION:
        value->type = SV_FUNCTION;
        value->count = (size_t)lua_absindex(L, index); // sv_take_functions turns it into a reference
        return accepts & SV_ACCEPT_FUNCTION;
    case LUA_TTABLE:
        if (!(accepts & (SV_ACCEPT_LIST | SV_ACCEPT_RECORD))) return 0;
        convert_table(L, vm, bound, index, value, 0);
        if (value->count == 0) value->type = accepts & SV_ACCEPT_LIST ? SV_LIST : SV_RECORD;
        return accepts & (value->type == SV_LIST ? SV_ACCEPT_LIST : SV_ACCEPT_RECORD);
    default: return 0;
    }
}

// ---- Functions given to a call ----

/// Gives back the functions of calls that are over and were not kept.
void sv_drop_functions(sv_vm *vm) {
    while (vm->provisionalUsed > vm->provisionalBase) {
        int32_t reference = vm->provisional[--vm->provisionalUsed];
        if (reference != LUA_NOREF) luaL_unref(vm->main, LUA_REGISTRYINDEX, reference);
    }
}

/// Runs after all arguments were checked. An error in the middle leaves its references to the next call to drop.
void sv_take_functions(lua_State *L, sv_vm *vm, sv_value *values, int count) {
    for (int index = 0; index < count; index++) {
        if (values[index].type != SV_FUNCTION) continue;
        if (vm->provisionalUsed >= SV_PROVISIONAL_MAX) luaL_error(L, "too many functions are given to calls");
        lua_pushvalue(L, (int)values[index].count);
        values[index].reference = luaL_ref(L, LUA_REGISTRYINDEX);
        values[index].count = 0;
        vm->provisional[vm->provisionalUsed++] = values[index].reference;
    }
}

// ---- A whole call ----

static void convert_options(lua_State *L, sv_vm *vm, const sv_bound *bound, int index, sv_value *values) {
    const sv_member *member = bound->member;
    const sv_parameter *options = member->parameters + member->parameterCount;
    int isTable = lua_type(L, index) == LUA_TTABLE;
    if (!isTable && !lua_isnoneornil(L, index))
        sv_member_error(L, bound, "argument %d (options): expected table, got %s", member->parameterCount + 1,
                        sv_type_name(L, vm, index));
    luaL_checkstack(L, member->optionCount + 8, "options");
    for (int option = 0; option < member->optionCount; option++) {
        if (isTable) {
            lua_pushstring(L, options[option].name);
            lua_rawget(L, index);
        } else {
            lua_pushnil(L);
        }
        // The value stays on the stack, so that what points into it lives until the call is over.
        int at = lua_gettop(L);
        if (lua_isnil(L, at) && !options[option].optional && !(options[option].accepts & SV_ACCEPT_NIL))
            sv_member_error(L, bound, "option %s is required", options[option].name);
        if (!matches(L, vm, bound, &options[option], at, &values[option]))
            mismatch(L, vm, bound, &options[option], at, -1);
    }
    if (!isTable) return;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int known = 0;
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, NULL) : NULL;
        for (int option = 0; option < member->optionCount && !known; option++) known = bound->optionKeys[option] == key;
        if (known) continue;
        if (!key) sv_member_error(L, bound, "options are given by name, got a %s as key", luaL_typename(L, -2));
        suggestion wanted = {.name = key, .length = strlen(key), .distance = 1000};
        for (int option = 0; option < member->optionCount; option++) consider(&wanted, options[option].name);
        char name[48];
        snprintf(name, sizeof name, "%s", key);
        if (wanted.best) sv_member_error(L, bound, "no option '%s'; did you mean '%s'?", name, wanted.best);
        sv_member_error(L, bound, "no option '%s'", name);
    }
}

/// Is the table at `index`, where a positional parameter stands, the table of options?
static int is_early_options(lua_State *L, const sv_member *member, int position, int index) {
    return lua_type(L, index) == LUA_TTABLE && member->parameters[position].optional
        && !(member->parameters[position].accepts & (SV_ACCEPT_LIST | SV_ACCEPT_RECORD));
}

void sv_convert_arguments(lua_State *L, sv_vm *vm, const sv_bound *bound, int first, sv_value *values, int *count) {
    const sv_member *member = bound->member;
    vm->arenaUsed = vm->arenaBase;
    if (vm->provisionalUsed > vm->provisionalBase) sv_drop_functions(vm);
    int given = lua_gettop(L) - first + 1;
    if (given < 0) given = 0;
    int positional = member->parameterCount;
    int options = first + positional;
    for (int position = 0; position < positional; position++) {
        const sv_parameter *parameter = &member->parameters[position];
        int index = first + position;
        if (member->takesOptions && options == first + positional && is_early_options(L, member, position, index))
            options = index;
        if (options <= index) { // parameters that the table stands before
            memset(&values[position], 0, sizeof *values);
            if (!parameter->optional) mismatch(L, vm, bound, parameter, lua_gettop(L) + 1, position + 1);
            continue;
        }
        if (!matches(L, vm, bound, parameter, index, &values[position]))
            mismatch(L, vm, bound, parameter, index, position + 1);
    }
    int last = first + given - 1;
    if (member->variadic && positional > 0) {
        if (given > SV_ARGUMENTS_MAX)
            sv_member_error(L, bound, "too many arguments (limit %d)", (int)SV_ARGUMENTS_MAX);
        for (int position = positional; position < given; position++)
            if (!matches(L, vm, bound, &member->parameters[positional - 1], first + position, &values[position]))
                mismatch(L, vm, bound, &member->parameters[positional - 1], first + position, position + 1);
        *count = given > positional ? given : positional;
    } else {
        int end = options + (member->takesOptions ? 1 : 0);
        for (int index = end; index <= last; index++)
            if (!lua_isnil(L, index))
                sv_member_error(L, bound, "too many arguments (%d expected, %d given)", end - first, given);
        if (member->takesOptions) convert_options(L, vm, bound, options, values + positional);
        *count = positional + member->optionCount;
    }
    sv_take_functions(L, vm, values, *count);
}

/// The value written to a property.
void sv_convert_value(lua_State *L, sv_vm *vm, const sv_bound *bound, int index, sv_value *value) {
    vm->arenaUsed = vm->arenaBase;
    if (vm->provisionalUsed > vm->provisionalBase) sv_drop_functions(vm);
    if (!matches(L, vm, bound, &bound->member->parameters[0], index, value))
        mismatch(L, vm, bound, &bound->member->parameters[0], index, 0);
    sv_take_functions(L, vm, value, 1);
}
