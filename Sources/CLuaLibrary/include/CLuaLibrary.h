// Lua modules that are part of the program: `require "openser"` finds them whatever lies on the disk.
#ifndef CLUALIBRARY_H
#define CLUALIBRARY_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const char *text;
    size_t length;
} lua_library_module;

extern const lua_library_module lua_library_modules[];
extern const uint32_t lua_library_module_count;

#endif
