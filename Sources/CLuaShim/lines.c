// Which lines of a script there are and which ran, for tests of scripts.
#include "internal.h"

void sv_record_lines(sv_vm *vm, const char *chunkName, uint8_t *lines, size_t count) {
    vm->recordedName = chunkName;
    vm->recordedLines = lines;
    vm->recordedCount = count;
    // Threads that are made later inherit it.
    sv_install_hook(vm->main);
}

void sv_note_line(lua_State *L, sv_vm *vm, lua_Debug *record) {
    int line = record->currentline;
    if (line <= 0 || (size_t)line > vm->recordedCount || vm->recordedLines[line - 1]) return;
    // The source is known only now; modules of the program have lines as well.
    if (!lua_getinfo(L, "S", record) || strcmp(record->source, vm->recordedName) != 0) return;
    vm->recordedLines[line - 1] = 1;
}

// ---- Bytecode ----

typedef struct {
    unsigned char *bytes;
    size_t count;
    size_t capacity;
} sv_bytecode;

static int write_bytecode(lua_State *L, const void *piece, size_t count, void *context) {
    (void)L;
    sv_bytecode *code = context;
    if (code->capacity - code->count < count) {
        size_t capacity = (code->count + count) * 2;
        unsigned char *grown = realloc(code->bytes, capacity);
        if (!grown) return 1;
        code->bytes = grown;
        code->capacity = capacity;
    }
    memcpy(code->bytes + code->count, piece, count);
    code->count += count;
    return 0;
}

void *sv_compile(const void *text, size_t length, const char *chunkName, size_t *size) {
    sv_bytecode code = {0};
    lua_State *L = luaL_newstate();
    if (!L) return NULL;
    // Both protect themselves.
    int isDone = luaL_loadbufferx(L, text, length, chunkName, "t") == LUA_OK
        && lua_dump(L, write_bytecode, &code, 0) == 0;
    lua_close(L);
    if (!isDone) {
        free(code.bytes);
        return NULL;
    }
    *size = code.count;
    return code.bytes;
}
