/* SHA-256 (FIPS 180-4), for tests that compare bytes by their hash. */
#ifndef GM_TESTS_SHA256_H
#define GM_TESTS_SHA256_H
#include <stddef.h>

/* hex: the hash of n bytes as 64 small hex digits. */
void sha256(char hex[65], const void *data, size_t n);

#endif
