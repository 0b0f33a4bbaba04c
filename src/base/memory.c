/* memory.c: see memory.h. */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool tn_size_multiply(size_t a, size_t b, size_t *product)
{
    if (a != 0 && b > SIZE_MAX / a)
        return false;
    *product = a * b;
    return true;
}

void *tn_memory_create(size_t count, size_t size)
{
    size_t bytes;
    if (!tn_size_multiply(count, size, &bytes) || bytes > SIZE_MAX - 2 * TN_ALIGNMENT)
        return NULL;
    size_t rounded = bytes ? (bytes + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT : TN_ALIGNMENT;
    void *block = aligned_alloc(TN_ALIGNMENT, rounded);
    if (block)
        memset(block, 0, rounded);
    return block;
}

void tn_memory_destroy(void *block)
{
    free(block);
}

char *tn_string_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}
