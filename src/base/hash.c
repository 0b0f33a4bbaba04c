/* hash.c: see hash.h. */
#include "base/hash.h"

#include <string.h>

uint64_t tn_hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *each = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ each[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t tn_hash_text(uint64_t hash, const char *text)
{
    return tn_hash_bytes(hash, text, strlen(text));
}
