/* tiles.h: how work over n equal items is cut for the pool: by the work alone, never by the number of threads, so that results do not
 * depend on it. */
#ifndef TN_ENGINE_TILES_H
#define TN_ENGINE_TILES_H

#include <assert.h>
#include <stddef.h>

/* A part below this many floating-point operations costs more to hand over than to do (a wake-up takes 1 to 5 us, the time of some 500,000
 * operations). */
#define TN_TILE_WORK ((size_t)1 << 20)

enum { TN_TILES_MAX = 16 };

typedef struct tn_tiles {
    size_t items, count, each; /* all tiles have `each` items but the last */
} tn_tiles;

/* items >= 1, each worth `work` operations, in at most `most` tiles. A power of two of them, so that two or four threads get equal shares;
 * multiples of `alignment` items where there is more than one. */
static inline tn_tiles tn_tiles_split(size_t items, size_t work, size_t alignment, size_t most)
{
    size_t total = items > (size_t)-1 / (work + 1) ? (size_t)-1 : items * work;
    size_t count = 1;
    while (2 * count <= most && 2 * count <= TN_TILES_MAX && 2 * count <= total / TN_TILE_WORK && 2 * count <= items)
        count *= 2;
    size_t each = (items + count - 1) / count;
    if (count > 1)
        each = (each + alignment - 1) / alignment * alignment;
    assert(each > 0);
    return (tn_tiles){items, (items + each - 1) / each, each};
}

static inline void tn_tiles_range(const tn_tiles *tiles, size_t tile, size_t *first, size_t *count)
{
    *first = tile * tiles->each;
    *count = tiles->items - *first < tiles->each ? tiles->items - *first : tiles->each;
}

#endif
