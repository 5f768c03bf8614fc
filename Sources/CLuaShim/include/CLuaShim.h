// The boundary between Swift and Lua.
//
// Lua raises errors with longjmp, and a longjmp over a Swift frame leaks and is undefined. So every C
// function that Lua can call lives on the C side of this header; it converts and checks arguments,
// calls Swift through `sv_configuration.call`, and only when that call has returned (no Swift frame is
// live) pushes results, raises or yields. Every entry point below may be called from Swift: none of
// them raises, allocation failure included. This header names no Lua type on purpose.
#ifndef CLUASHIM_H
#define CLUASHIM_H

#include <stddef.h>
#include <stdint.h>

// ---- Limits of the shim itself. Limits an operator may set are in `sv_limits`. ----

enum {
    SV_ARGUMENTS_MAX = 32,     // positional arguments and options of one call together
    SV_RESULTS_MAX = 16,       // values one call may return
    SV_KINDS_MAX = 32,         // kinds of objects (5 bits of a reference)
    SV_PHASES_MAX = 16,        // phases, the load phase included (4 bits of a reference)
    SV_PARTS_MAX = 256,        // parts of one object (8 bits of a reference)
    SV_OBJECTS_MAX = 32768,    // objects alive at once in one VM (15 bits of a reference)
    SV_RUN_OBJECTS_MAX = 1024, // objects one handler may hold at once
    SV_TABLE_VALUES_MAX = 4096, // values in all the tables given to one call
    SV_TABLE_DEPTH_MAX = 4,    // nesting of a table given to a call or returned from one
    SV_RUN_DEPTH_MAX = 8,      // handlers started from inside host calls
    SV_MESSAGE_MAX = 4096,     // bytes kept of an error message
    SV_TRACEBACK_MAX = 4096,   // bytes kept of a traceback
    SV_OUTCOME_MAX = 4,        // values kept of what a handler returned
};

// ---- Values ----

enum {
    SV_NONE = 0, // an optional argument that was not given
    SV_NIL,
    SV_BOOLEAN,
    SV_INTEGER,
    SV_NUMBER,
    SV_BYTES,
    SV_OBJECT,   // as argument: kind, part, handle of a live object. As result: opens an object.
    SV_PART,     // result only: the part `part` of the object the call was made on, seen as kind `kind`
    SV_SELF,     // result only: the object the call was made on
    SV_FUNCTION, // argument only: `reference`; set `part` to 1 to keep it beyond the call
    SV_LIST,     // `items`, `count` of them
    SV_RECORD,   // `items` holds `count` pairs: name, value, name, value …
    SV_OTHER,    // outcome only: a value that has no representation here
};

/// One Lua value as seen from Swift. Bytes given to Swift live until the call returns; bytes given by
/// Swift must live until the next call into Swift.
typedef struct sv_value {
    uint8_t type;
    uint8_t kind;
    uint16_t part;
    int32_t reference;
    union {
        int64_t integer;
        double number;
        const void *bytes;
        const struct sv_value *items;
        uint64_t handle;
    };
    size_t count;
} sv_value;

// ---- The binding table ----

/// Bits of `sv_parameter.accepts`.
enum {
    SV_ACCEPT_NIL = 1 << 0,
    SV_ACCEPT_BOOLEAN = 1 << 1,
    SV_ACCEPT_INTEGER = 1 << 2,
    SV_ACCEPT_NUMBER = 1 << 3,
    SV_ACCEPT_STRING = 1 << 4,
    SV_ACCEPT_OBJECT = 1 << 5,
    SV_ACCEPT_FUNCTION = 1 << 6,
    SV_ACCEPT_LIST = 1 << 7,
    SV_ACCEPT_RECORD = 1 << 8,
};

typedef struct sv_parameter {
    const char *name;
    uint16_t accepts;
    uint8_t optional;
    uint8_t choiceCount;         // with SV_ACCEPT_STRING: the only strings allowed; passed on as SV_INTEGER, their index
    uint32_t kinds;              // with SV_ACCEPT_OBJECT: one bit a kind
    int64_t minimum;             // with SV_ACCEPT_INTEGER
    int64_t maximum;
    const char *const *choices;
} sv_parameter;

enum { SV_FORM_PROPERTY = 0, SV_FORM_METHOD, SV_FORM_FUNCTION };

typedef struct sv_member {
    const char *name;
    uint32_t readID;             // of a property; of a method or function the call itself
    uint32_t writeID;
    uint8_t form;
    uint8_t readable;
    uint8_t writable;
    uint8_t waits;               // may end in SV_STATUS_WAIT
    uint8_t variadic;            // the last positional parameter repeats
    uint8_t takesOptions;        // a table of options follows the positional parameters
    uint8_t parameterCount;      // positional
    uint8_t optionCount;
    uint16_t phases;             // one bit a phase in which it may be called or read
    uint16_t writePhases;
    const sv_parameter *parameters; // positional ones, then options; of a property: the value written
} sv_member;

/// A kind of object (`request`, shown as `req`), or a namespace of functions (`auth`).
typedef struct sv_group {
    const char *name;
    const char *label;
    const sv_member *members;
    uint32_t memberCount;
} sv_group;

// ---- Calls from Lua into Swift ----

enum { SV_STATUS_OK = 0, SV_STATUS_ERROR, SV_STATUS_WAIT };

/// Identifiers of calls that no binding makes.
#define SV_ID_PRINT 0xFFFFFFFEu          // one SV_BYTES argument
#define SV_ID_GLOBAL_WRITTEN 0xFFFFFFFDu // one SV_BYTES argument: the name

typedef struct sv_call {
    void *context;
    uint32_t identifier;
    uint32_t run;                // index of the run the call is made in
    uint64_t handle;             // of the object the call is made on
    uint8_t kind;
    uint8_t part;
    uint8_t phase;
    uint8_t reserved;
    int32_t argumentCount;
    sv_value *arguments;
    int32_t resultCount;         // with SV_STATUS_ERROR results[0] is the message, SV_BYTES
    sv_value results[SV_RESULTS_MAX];
} sv_call;

typedef int32_t (*sv_call_function)(sv_call *call);
typedef uint64_t (*sv_clock_function)(void *context);

// ---- Configuration ----

typedef struct sv_limits {
    uint64_t handlerInstructionsMax;
    uint64_t handlerNanosecondsMax; // time spent running; waiting does not count
    size_t handlerBytesMax;         // growth of the VM while the handler runs
    uint64_t loadInstructionsMax;
    uint64_t loadNanosecondsMax;
    size_t vmBytesMax;
    size_t stringBytesMax;          // one string
    uint32_t runsMax;               // handlers running or waiting at once
} sv_limits;

typedef struct sv_configuration {
    sv_limits limits;
    const sv_group *kinds;
    uint32_t kindCount;
    const sv_group *namespaces;
    uint32_t namespaceCount;
    const char *const *phases;      // phases[0] is the load of the script; the others are names of hooks
    uint32_t phaseCount;
    sv_call_function call;
    sv_clock_function clock;        // nanoseconds, monotonic; null: CLOCK_MONOTONIC
    void *context;
} sv_configuration;

// ---- Running ----

enum { SV_FINISHED = 0, SV_WAITING, SV_FAILED, SV_KILLED };
enum { SV_KILL_NONE = 0, SV_KILL_INSTRUCTIONS, SV_KILL_TIME, SV_KILL_MEMORY };

/// What the last run or load came to. Owned by the VM and overwritten by the next call.
typedef struct sv_outcome {
    uint8_t status;
    uint8_t reason;
    uint32_t run;                // index and
    uint32_t generation;         // generation of a run that waits
    int32_t line;                // 0: unknown
    int32_t resultCount;
    sv_value results[SV_OUTCOME_MAX];
    size_t messageLength;
    size_t tracebackLength;
    char file[256];
    char message[SV_MESSAGE_MAX];
    char traceback[SV_TRACEBACK_MAX];
} sv_outcome;

typedef struct sv_vm sv_vm;

/// A VM with the sandbox and the bindings in place; null when memory does not suffice.
/// `configuration` is copied; what it points to must outlive the VM.
sv_vm *sv_create(const sv_configuration *configuration);

/// Must not be called from inside a run.
void sv_close(sv_vm *vm);

/// Sets a global before the script is loaded. False when memory does not suffice.
int32_t sv_set_global(sv_vm *vm, const char *name, const sv_value *value);

/// An object of a global table.
typedef struct sv_named_object {
    const char *name;
    uint64_t handle;
    uint8_t kind;
} sv_named_object;

/// Sets a global table of objects that live as long as the VM, before the script is loaded. Scripts cannot change it;
/// `hint` ends the error for a name that it does not have. False when memory does not suffice.
int32_t sv_set_objects(sv_vm *vm, const char *table, const char *hint, const sv_named_object *objects, int32_t count);

/// A module that `require` finds beside those of the program. `chunkName` as Lua has it: "@path".
typedef struct sv_module {
    const char *name;
    const char *chunkName;
    const char *text;
    size_t length;
} sv_module;

/// Sets the modules before the script is loaded; they must outlive the VM.
void sv_set_modules(sv_vm *vm, const sv_module *modules, uint32_t count);

/// Compiles and runs a script, text only, then looks the hooks up. `chunkName` as Lua has it: "@path".
int32_t sv_load(sv_vm *vm, const void *text, size_t length, const char *chunkName);

/// Lines of a chunk: lines[n] becomes 1 when line n + 1 runs.
typedef struct sv_line_record {
    const char *chunkName;
    uint8_t *lines;
    size_t count;
} sv_line_record;

/// Notes from now on which lines of these chunks run. For tests of scripts, before the script is loaded; the records must
/// outlive the VM.
void sv_record_lines(sv_vm *vm, const sv_line_record *records, uint32_t count);

/// A script as bytecode, which the caller frees; null when it does not compile.
void *sv_compile(const void *text, size_t length, const char *chunkName, size_t *size);

/// Is there a function by the name of this phase?
int32_t sv_has_hook(const sv_vm *vm, uint32_t phase);

/// Runs a hook; an absent one finishes without results.
int32_t sv_run_hook(sv_vm *vm, uint32_t phase, const sv_value *arguments, int32_t count);

/// Runs a function that a call kept.
int32_t sv_run_function(sv_vm *vm, int32_t reference, uint32_t phase, const sv_value *arguments, int32_t count);

/// Goes on with a run that waits. `status` SV_STATUS_OK: `values` are what the waiting call returns;
/// SV_STATUS_ERROR: values[0] is the message of the error it raises. A run that is not waiting, or of
/// another generation, fails without effect.
int32_t sv_resume(
    sv_vm *vm, uint32_t run, uint32_t generation, int32_t status, const sv_value *values, int32_t count);

/// Gives a waiting run up; nothing of the script runs any more.
void sv_abandon(sv_vm *vm, uint32_t run, uint32_t generation);

/// Gives a kept function back.
void sv_release_function(sv_vm *vm, int32_t reference);

const sv_outcome *sv_last_outcome(const sv_vm *vm);
// Parts of it that Swift does not see in the structure.
const char *sv_outcome_message(const sv_outcome *outcome);
const char *sv_outcome_traceback(const sv_outcome *outcome);
const char *sv_outcome_file(const sv_outcome *outcome);
const sv_value *sv_outcome_result(const sv_outcome *outcome, int32_t index);

// ---- Figures ----

size_t sv_memory_used(const sv_vm *vm);
uint32_t sv_runs_active(const sv_vm *vm);  // running or waiting
uint32_t sv_runs_created(const sv_vm *vm); // threads ever made
uint32_t sv_objects_live(const sv_vm *vm);
int32_t sv_is_running(const sv_vm *vm);

/// A full collection; for tests and for idle moments.
void sv_collect(sv_vm *vm);

/// Hands freed pages back to the system; the C library keeps them otherwise.
void sv_trim(void);

#endif
