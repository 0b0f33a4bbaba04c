/* allocator.h: an allocator for tests, which counts, and makes the n-th allocation fail.
 *
 * A test whose name ends in _allocation or _allocation_failure is linked with `--wrap` for malloc, calloc, realloc, aligned_alloc, posix_memalign, strdup, strndup and
 * free (tests/CMakeLists.txt), so every such call of our own objects comes here. Libraries are linked elsewhere and keep the real ones, but for jansson and
 * SQLite, which take functions: tn_allocator_install. What cannot be reached: C++ allocations inside oneDNN, zlib's and those of the C library itself;
 * and the growth of the text buffer of jansson's parser, whose failure jansson 2.14 does not survive (allocator.c).
 *
 * Counting is thread-safe. Blocks alive are remembered with the number of their allocation, so that a leak can be found: run again with a stop at that number. */
#ifndef TN_SUPPORT_ALLOCATOR_H
#define TN_SUPPORT_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

/* Routes jansson and SQLite here. Once, before either is used. */
void tn_allocator_install(void);

/* Numbers allocations from 1 again and makes the n-th fail, once; 0: none fails. */
void tn_allocator_fail_at(uint64_t n);

/* From here on none fails; counts go on. */
void tn_allocator_stop_failing(void);

uint64_t tn_allocator_count(void);  /* allocations since then, failed ones included */
uint64_t tn_allocator_failed(void); /* of them failed: 0 or 1 */
uint64_t tn_allocator_alive(void);  /* blocks that are allocated and not freed */

/* The number of the oldest block alive that was allocated since tn_allocator_fail_at; 0 where there is none. */
uint64_t tn_allocator_oldest_alive(void);

#endif
