#ifndef CCRYPTO_H
#define CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

// Fills `count` bytes from the generator of the operating system. Returns 1, or 0 when it has none.
int ccrypto_random(uint8_t *bytes, size_t count);

#endif
