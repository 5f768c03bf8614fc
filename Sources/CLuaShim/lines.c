// Which lines of a script there are and which ran, for tests of scripts.
#include "internal.h"

void sv_record_lines(sv_vm *vm, const sv_line_record *records, uint32_t count) {
    vm->lineRecords = records;
    vm->lineRecordCount = count;
    // Threads that are made later inherit it.
    sv_install_hook(vm->main);
}

void sv_note_line(lua_State *L, sv_vm *vm, lua_Debug *record) {
    int line = record->currentline;
    if (line <= 0 || !lua_getinfo(L, "S", record)) return;
    for (uint32_t index = 0; index < vm->lineRecordCount; index++) {
        const sv_line_record *chunk = &vm->lineRecords[index];
        if (strcmp(record->source, chunk->chunkName) != 0) continue;
        if ((size_t)line <= chunk->count) chunk->lines[line - 1] = 1;
        return;
    }
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
