#ifndef CALLOCATIONCOUNTER_H
#define CALLOCATIONCOUNTER_H

#include <stdbool.h>
#include <stdint.h>

/// Counts heap allocations of the calling thread: the program's malloc, calloc, realloc, posix_memalign,
/// aligned_alloc and memalign are replaced by wrappers around glibc's own.

/// Whether allocations are counted: not under a sanitizer, which brings an allocator of its own.
bool ca_available(void);

/// Starts counting from zero on this thread.
void ca_start(void);

/// Stops counting and answers the number of allocations since `ca_start`.
uint64_t ca_stop(void);

#endif
