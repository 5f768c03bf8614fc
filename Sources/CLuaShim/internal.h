// What the files of the shim share. Not visible to Swift.
#ifndef SV_INTERNAL_H
#define SV_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "include/CLuaShim.h"

enum {
    // Instructions between two looks at the budgets. A C function between two looks is bounded by
    // charging its work (sv_charge), so this bounds how far a budget can be overrun.
    SV_TICK_INSTRUCTIONS = 256,
    // Ticks further apart than this were full of slow single instructions (comparisons of huge
    // strings): look more often.
    SV_SLOW_TICK_NANOSECONDS = 2000000,
    SV_SLOW_TICK_INSTRUCTIONS = 16,
    SV_BYTES_PER_INSTRUCTION = 64, // price of bytes copied, compared or allocated
    SV_RESUME_PRICE = 32,          // instructions charged for resuming a coroutine
    SV_EMERGENCY_COLLECTIONS_MAX = 16,
    // coroutine.close inside __close inside coroutine.close …: each starts a count of C levels of its own,
    // of up to 200 levels and 400 KB of C stack.
    SV_CLOSE_DEPTH_MAX = 4,
    SV_UNPACK_MAX = 65536,         // values table.unpack may return
    SV_LIBRARY_ARGUMENTS_MAX = 256, // arguments of string.format and its like
    SV_PATTERN_DEPTH_MAX = 200,
    SV_CAPTURES_MAX = 32,
    SV_PROVISIONAL_MAX = SV_ARGUMENTS_MAX * SV_RUN_DEPTH_MAX,
    SV_NO_INDEX = 0xFFFFFFFFu,
};

/// A member as one VM sees it: its definition, and its name as the interned string of this VM, so that a
/// look-up compares pointers.
typedef struct sv_bound {
    const sv_member *member;
    const sv_group *group;
    const char *key;
    const char **optionKeys;
    int32_t closure; // index in the table of method closures
    uint8_t kind;    // of methods and properties
} sv_bound;

/// Members of a kind by interned name: open addressing, at most half full.
typedef struct sv_kind {
    const sv_group *group;
    const sv_bound **table;
    uint32_t mask;
} sv_kind;

/// What an object reference points to. The generation moves on when the object ends.
typedef struct sv_object {
    uint64_t handle;
    uint32_t generation;
    uint32_t next; // of the same run, or of the free list
} sv_object;

enum { SV_RUN_FREE = 0, SV_RUN_RUNNING, SV_RUN_WAITING };

/// A pooled coroutine and the budgets of the handler that runs on it.
typedef struct sv_run {
    lua_State *thread; // null: to be made when needed
    uint32_t index;
    uint32_t generation;
    uint32_t nextFree;
    uint32_t firstObject;
    uint32_t objectCount;
    uint8_t state;
    uint8_t phase;
    uint8_t killed;      // why, once raised
    uint8_t pendingKill; // why, found where raising is impossible (the allocator)
    uint8_t clockStarted;
    uint32_t emergencies;
    int64_t instructionsLeft;
    uint64_t nanosecondsLeft; // before the deadline was set
    uint64_t deadline;        // valid when clockStarted
    uint64_t lastTick;
    size_t bytesMax;
    ptrdiff_t bytesGrown;   // in the segments before this one
    size_t bytesAtSegment;  // of the VM when this segment began, or the least since then
} sv_run;

/// Coroutines of scripts that are being resumed, innermost first; lives on the C stack.
typedef struct sv_frame {
    lua_State *thread;
    struct sv_frame *up;
} sv_frame;

struct sv_vm {
    lua_State *main;
    sv_configuration configuration;
    size_t bytesUsed;
    sv_run *run; // the innermost one
    uint32_t runDepth;
    uint64_t debt; // instructions not yet taken from the run's budget
    sv_frame *frames;
    lua_State *caller; // the thread inside a host call, or null
    uint32_t unyieldable; // resumes made where the resuming thread cannot yield
    uint32_t closeDepth;
    uint8_t hostWaits;    // the yield under way goes to the proxy, through every coroutine of the script

    sv_run **runs;
    uint32_t runCount;
    uint32_t runCapacity;
    uint32_t freeRun;
    uint32_t runsActive;
    uint32_t threadsMade;

    sv_object *objects;
    uint32_t objectCount;
    uint32_t objectCapacity;
    uint32_t freeObject;
    uint32_t objectsLive;

    sv_kind kinds[SV_KINDS_MAX];
    sv_bound *bound;
    uint32_t boundCount;
    const char **optionKeys;
    int32_t hooks[SV_PHASES_MAX];
    int32_t closures; // registry reference of the table of method closures
    int32_t threads;  // registry reference of the table of pooled threads
    int32_t names;    // registry reference that keeps interned names alive

    sv_value *arena; // tables given to calls
    uint32_t arenaBase;
    uint32_t arenaUsed;
    int32_t provisional[SV_PROVISIONAL_MAX]; // functions given to calls
    uint32_t provisionalBase;
    uint32_t provisionalUsed;

    int32_t resumeStatus; // what sv_resume gives to the continuation
    const sv_value *resumeValues;
    int32_t resumeCount;

    const sv_module *modules;
    uint32_t moduleCount;

    const void *loadText;
    size_t loadLength;
    const char *loadName;
    const sv_line_record *lineRecords;
    uint32_t lineRecordCount;
    const sv_value *startValues;
    int32_t startCount;
    int32_t startReference;

    sv_outcome outcome;
};

// The extra space of every thread holds the VM; the lowest bit marks a thread that was killed inside
// its count hook: Lua leaves hooks switched off there for good, so it must never run again.
static inline sv_vm *sv_vm_of(lua_State *L) {
    return (sv_vm *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)1);
}
static inline int sv_is_poisoned(lua_State *L) { return *(uintptr_t *)lua_getextraspace(L) & 1; }

// budget.c
void *sv_allocate(void *vm, void *block, size_t oldSize, size_t newSize);
void sv_hook(lua_State *L, lua_Debug *record);
void sv_install_hook(lua_State *L);
void sv_settle(lua_State *L, sv_vm *vm);
_Noreturn void sv_kill(lua_State *L, sv_vm *vm, uint8_t reason);
void sv_begin_segment(sv_vm *vm, sv_run *run);
void sv_end_segment(sv_vm *vm, sv_run *run);

/// Takes work that no instruction count sees from the budget of the running handler; raises when that
/// is exhausted.
static inline void sv_charge(lua_State *L, sv_vm *vm, uint64_t instructions) {
    vm->debt += instructions;
    if (__builtin_expect(vm->debt >= SV_TICK_INSTRUCTIONS, 0)) sv_settle(L, vm);
}
static inline void sv_charge_bytes(lua_State *L, sv_vm *vm, size_t bytes) {
    sv_charge(L, vm, bytes / SV_BYTES_PER_INSTRUCTION + 1);
}
/// Raises again when the running handler was killed; called after everything that catches errors.
void sv_check_killed(lua_State *L, sv_vm *vm, int status);

// lines.c
void sv_note_line(lua_State *L, sv_vm *vm, lua_Debug *record);

// traceback.c
void sv_capture_traceback(sv_vm *vm, lua_State *L);
void sv_capture_error(sv_vm *vm, lua_State *L, const char *fallback);
void sv_set_message(sv_vm *vm, const char *text, size_t length);

// objects.c
int sv_register_bindings(lua_State *L, sv_vm *vm);
void sv_push_values(lua_State *L, sv_vm *vm, const sv_value *values, int count, uint64_t self);
void sv_push_value(lua_State *L, sv_vm *vm, const sv_value *value, uint64_t self, int depth);
uint32_t sv_take_slot(sv_vm *vm, uint64_t handle);
void sv_end_objects(sv_vm *vm, sv_run *run);
uint64_t sv_open_object(sv_vm *vm, sv_run *run, uint8_t kind, uint8_t part, uint64_t handle);
int sv_wait_continuation(lua_State *L, int status, lua_KContext context);
void sv_report(lua_State *L, sv_vm *vm, uint32_t identifier, int index);

// arguments.c
void sv_convert_arguments(lua_State *L, sv_vm *vm, const sv_bound *bound, int first, sv_value *values, int *count);
void sv_convert_value(lua_State *L, sv_vm *vm, const sv_bound *bound, int index, sv_value *value);
int sv_decode(lua_State *L, sv_vm *vm, int index, const sv_bound *bound, sv_value *value);
void sv_take_functions(lua_State *L, sv_vm *vm, sv_value *values, int count);
void sv_drop_functions(sv_vm *vm);
_Noreturn void sv_member_error(lua_State *L, const sv_bound *bound, const char *format, ...);
_Noreturn void sv_unknown_member(lua_State *L, sv_vm *vm, uint32_t kind, const char *verb);
_Noreturn void sv_phase_error(lua_State *L, sv_vm *vm, const sv_bound *bound, const char *what);
const char *sv_type_name(lua_State *L, sv_vm *vm, int index);

// sandbox.c, modules.c, coroutines.c, tables.c, patterns.c
void sv_open_sandbox(lua_State *L, sv_vm *vm);
void sv_open_modules(lua_State *L);
void sv_open_coroutines(lua_State *L);
void sv_open_tables(lua_State *L);
void sv_open_patterns(lua_State *L);
int sv_watch_globals(lua_State *L);

// An object reference: a light userdata whose 64 bits are
//   kind 5 | phase 4 | part 8 | slot 15 | generation 32
// It costs no allocation and can be checked exactly, however long a script kept it.
static inline uint64_t sv_reference(uint32_t kind, uint32_t phase, uint32_t part, uint32_t slot, uint32_t generation) {
    return (uint64_t)kind << 59 | (uint64_t)phase << 55 | (uint64_t)part << 47 | (uint64_t)slot << 32 | generation;
}
static inline uint32_t sv_reference_kind(uint64_t reference) { return reference >> 59; }
static inline uint32_t sv_reference_phase(uint64_t reference) { return reference >> 55 & 15; }
static inline uint32_t sv_reference_part(uint64_t reference) { return reference >> 47 & 255; }
static inline uint32_t sv_reference_slot(uint64_t reference) { return reference >> 32 & 32767; }
static inline uint32_t sv_reference_generation(uint64_t reference) { return (uint32_t)reference; }
static inline void sv_push_reference(lua_State *L, uint64_t reference) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)reference);
}
static inline uint64_t sv_to_reference(lua_State *L, int index) {
    return (uint64_t)(uintptr_t)lua_touserdata(L, index);
}

#endif
