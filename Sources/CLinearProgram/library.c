#include "include/CLinearProgram.h"
#include "internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

// The version whose header we were compiled with; Debian's package is libglpk40.
static const char library_name[] = "libglpk.so.40";

static clp_library library;
static int loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
    void *handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) return;
    int missing = 0;
#define CLP_FIND(name) \
    { \
        void *symbol = dlsym(handle, #name); \
        if (symbol == NULL) missing = 1; \
        /* ISO C has no cast from an object to a function pointer; POSIX says that the bits are the same. */ \
        memcpy(&library.name, &symbol, sizeof symbol); \
    }
    CLP_FUNCTIONS(CLP_FIND)
#undef CLP_FIND
    if (missing) {
        dlclose(handle);
        return;
    }
    // Stays loaded: it keeps memory by thread that only thread exit gives back.
    loaded = 1;
}

const clp_library *clp_load(void) {
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}

int clp_available(void) { return clp_load() != NULL; }

const char *clp_version(void) {
    const clp_library *glpk = clp_load();
    return glpk == NULL ? "" : glpk->glp_version();
}
