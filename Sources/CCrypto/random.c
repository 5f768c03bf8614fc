#include "CCrypto.h"

#include <openssl/rand.h>

int ccrypto_random(uint8_t *bytes, size_t count) { return RAND_bytes(bytes, (int)count) == 1; }
