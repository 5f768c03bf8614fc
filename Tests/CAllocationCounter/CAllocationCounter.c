#include "CAllocationCounter.h"

#include <errno.h>
#include <stddef.h>

// glibc's own entry points, which stay reachable when the public names are replaced.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static __thread int counting;
static __thread uint64_t allocations;

void ca_start(void) {
    allocations = 0;
    counting = 1;
}

uint64_t ca_stop(void) {
    counting = 0;
    return allocations;
}

// Sanitizers bring allocators of their own and must keep them.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CA_KEEP_ALLOCATOR 1
#endif
#endif

bool ca_available(void) {
#ifdef CA_KEEP_ALLOCATOR
    return false;
#else
    return true;
#endif
}

#ifndef CA_KEEP_ALLOCATOR

static inline void note(void) {
    if (counting) allocations += 1;
}

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note();
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
    note();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    note();
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL) return ENOMEM;
    *block = memory;
    return 0;
}

#endif
