#include "CCrypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

size_t ccrypto_digest(int algorithm, const uint8_t *bytes, size_t count, uint8_t digest[CCRYPTO_DIGEST_BYTES_MAX]) {
    const EVP_MD *method = algorithm == CCRYPTO_SHA256 ? EVP_sha256() : EVP_md5();
    unsigned int length = 0;
    return EVP_Digest(bytes, count, digest, &length, method, NULL) == 1 ? length : 0;
}

int ccrypto_hmac_sha256(const uint8_t *key, size_t keyCount, const uint8_t *bytes, size_t count,
                        uint8_t code[CCRYPTO_DIGEST_BYTES_MAX]) {
    unsigned int length = 0;
    return HMAC(EVP_sha256(), key, (int)keyCount, bytes, count, code, &length) != NULL && length == 32;
}

int ccrypto_equal(const uint8_t *left, const uint8_t *right, size_t count) {
    return CRYPTO_memcmp(left, right, count) == 0;
}
