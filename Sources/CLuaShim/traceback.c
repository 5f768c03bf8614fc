// Tracebacks and error messages, written into fixed buffers of the VM: they must not allocate, because
// they are also wanted when memory is what ran out.
#include <stdio.h>

#include "internal.h"

enum { SV_TRACEBACK_LEVELS_MAX = 24 };

static void append(sv_vm *vm, const char *format, const char *text, int number) {
    sv_outcome *outcome = &vm->outcome;
    size_t room = SV_TRACEBACK_MAX - outcome->tracebackLength;
    if (room <= 1) return;
    int written = snprintf(outcome->traceback + outcome->tracebackLength, room, format, text, number);
    if (written < 0) return;
    outcome->tracebackLength += (size_t)written < room ? (size_t)written : room - 1;
}

static void note_place(sv_vm *vm, const lua_Debug *record) {
    if (vm->outcome.line > 0 || record->currentline <= 0) return;
    vm->outcome.line = record->currentline;
    const char *source = record->source[0] == '@' ? record->source + 1 : record->short_src;
    snprintf(vm->outcome.file, sizeof vm->outcome.file, "%s", source);
}

static void append_thread(sv_vm *vm, lua_State *L, int *levels) {
    lua_Debug record;
    for (int level = 0; lua_getstack(L, level, &record); level++) {
        if (*levels >= SV_TRACEBACK_LEVELS_MAX) {
            append(vm, "%s\n\t…", "", 0);
            return;
        }
        lua_getinfo(L, "Slnt", &record);
        note_place(vm, &record);
        int isC = record.what[0] == 'C';
        if (isC && !record.name) continue; // our own entry functions
        *levels += 1;
        append(vm, *levels == 1 ? "\t%s" : "\n\t%s", isC ? "[C]" : record.short_src, 0);
        if (record.currentline > 0) append(vm, "%s:%d", "", record.currentline);
        if (record.name)
            append(vm, ": in function '%s'", record.name, 0);
        else if (record.what[0] == 'm')
            append(vm, "%s: in main chunk", "", 0);
        else
            append(vm, "%s: in function at line %d", "", record.linedefined);
        if (record.istailcall) append(vm, "%s\n\t(tail calls)", "", 0);
    }
}

void sv_capture_traceback(sv_vm *vm, lua_State *L) {
    vm->outcome.tracebackLength = 0;
    vm->outcome.traceback[0] = 0;
    vm->outcome.line = 0;
    vm->outcome.file[0] = 0;
    int levels = 0;
    append_thread(vm, L, &levels);
    for (sv_frame *frame = vm->frames; frame; frame = frame->up) append_thread(vm, frame->thread, &levels);
}

void sv_set_message(sv_vm *vm, const char *text, size_t length) {
    if (length > SV_MESSAGE_MAX - 1) length = SV_MESSAGE_MAX - 1;
    memcpy(vm->outcome.message, text, length);
    vm->outcome.message[length] = 0;
    vm->outcome.messageLength = length;
}

/// The message of the error value on top of the stack, if it is one that needs no Lua to be read.
void sv_capture_error(sv_vm *vm, lua_State *L, const char *fallback) {
    char text[64];
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
        size_t length;
        const char *message = lua_tolstring(L, -1, &length);
        sv_set_message(vm, message, length);
        return;
    }
    case LUA_TNUMBER: // not lua_tolstring: that would allocate
        if (lua_isinteger(L, -1))
            snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, -1));
        else
            snprintf(text, sizeof text, "%.14g", lua_tonumber(L, -1));
        sv_set_message(vm, text, strlen(text));
        return;
    default:
        if (!fallback) {
            snprintf(text, sizeof text, "(error object is a %s value)", luaL_typename(L, -1));
            fallback = text;
        }
        sv_set_message(vm, fallback, strlen(fallback));
    }
}
