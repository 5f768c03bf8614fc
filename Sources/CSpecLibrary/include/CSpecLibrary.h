// The Lua side of `servartuka test`: text in the program.
#ifndef CSPECLIBRARY_H
#define CSPECLIBRARY_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const char *text;
    size_t length;
} spec_library_module;

extern const uint32_t spec_library_module_count;

const spec_library_module *spec_library_module_at(uint32_t index);

#endif
