/* memory.h: allocation whose size products cannot overflow.
 *
 * All blocks are aligned to 64 bytes (a cache line, an AVX-512 register) and hold zeros. Tests wrap malloc at link time to make the
 * n-th allocation fail and to prove that a training step allocates nothing, so nothing here keeps a count. */
#ifndef TN_BASE_MEMORY_H
#define TN_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define TN_ALIGNMENT 64

/* *product = a * b; false where that overflows. */
bool tn_size_multiply(size_t a, size_t b, size_t *product);

/* count * size bytes of zeros, 64-byte aligned; NULL where the product overflows or memory is out. count 0 gives a valid block. */
void *tn_memory_create(size_t count, size_t size);

/* Frees what tn_memory_create gave. NULL is allowed. */
void tn_memory_destroy(void *block);

/* A terminated copy, by malloc; the caller frees it with free(). NULL where memory is out. */
char *tn_string_copy(const char *text);

#endif
