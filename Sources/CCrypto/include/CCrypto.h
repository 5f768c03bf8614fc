#ifndef CCRYPTO_H
#define CCRYPTO_H

#include <stddef.h>
#include <stdint.h>

// Message digests of OpenSSL's libcrypto, which provides the algorithms and looks after constant time.

enum { CCRYPTO_MD5 = 0, CCRYPTO_SHA256 = 1 };
// Bytes of the longest digest.
enum { CCRYPTO_DIGEST_BYTES_MAX = 32 };

// Writes the digest of `count` bytes to `digest` and returns its length; 0 when the library has no such algorithm (MD5 in
// a FIPS configuration).
size_t ccrypto_digest(int algorithm, const uint8_t *bytes, size_t count, uint8_t digest[CCRYPTO_DIGEST_BYTES_MAX]);

// HMAC-SHA-256 (RFC 2104). Returns 1, or 0 when it failed.
int ccrypto_hmac_sha256(const uint8_t *key, size_t keyCount, const uint8_t *bytes, size_t count,
                        uint8_t code[CCRYPTO_DIGEST_BYTES_MAX]);

// Whether two blocks are equal, in a time that does not depend on where they differ.
int ccrypto_equal(const uint8_t *left, const uint8_t *right, size_t count);

#endif
