/* recorder_taker.c: see recorder_taker.h. */
#include "run/recorder_taker.h"

#include "base/memory.h"
#include "vitals/saturation.h"

/* A large tensor's vitals are taken in tiles of equal size, at most TILES of at least TILE_VALUES, and merged in their order, so that they are the same at any number of threads. */
enum { TILES = 16, TILE_VALUES = 32768, TILE_UNIT = 4096 };

tn_status tn_taker_init(tn_taker *taker, size_t units_max, tn_pool *pool, tn_error *error)
{
    taker->pool = pool;
    taker->units = tn_memory_create(units_max, sizeof *taker->units);
    taker->tiles = tn_memory_create(TILES, sizeof *taker->tiles);
    if (taker->units && taker->tiles)
        return TN_OK;
    tn_taker_deinit(taker);
    return tn_fail_memory(error, units_max * sizeof *taker->units + TILES * sizeof *taker->tiles);
}

void tn_taker_deinit(tn_taker *taker)
{
    tn_memory_destroy(taker->tiles);
    tn_memory_destroy(taker->units);
    taker->tiles = NULL;
    taker->units = NULL;
}

/* How a tensor is cut: tile i holds the values from i * size on. */
typedef struct tiling {
    const float *values;
    size_t count, size;
    tn_vitals *tiles;
} tiling;

static void take_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const tiling *cut = context;
    size_t first = tile * cut->size, left = cut->count - first;
    tn_vitals_init(&cut->tiles[tile]);
    tn_vitals_add_part(&cut->tiles[tile], cut->values + first, left < cut->size ? left : cut->size, cut->count);
}

static void take_vitals(tn_taker *taker, const float *values, size_t count)
{
    tn_vitals_init(&taker->vitals);
    size_t tiles = count / TILE_VALUES < TILES ? count / TILE_VALUES : TILES;
    if (tiles < 2) {
        tn_vitals_add_part(&taker->vitals, values, count, count);
        return;
    }
    size_t size = ((count + tiles - 1) / tiles + TILE_UNIT - 1) / TILE_UNIT * TILE_UNIT;
    tiling cut = {values, count, size, taker->tiles};
    tiles = (count + size - 1) / size;
    tn_pool_run(taker->pool, tiles, take_tile, &cut);
    for (size_t i = 0; i < tiles; i++)
        tn_vitals_merge(&taker->vitals, &taker->tiles[i]);
}

void tn_taker_take(tn_taker *taker, const float *values, const tn_vitals *known, bool with_units, tn_tensor_seen *seen)
{
    const tn_tensor_name *name = seen->name;
    seen->vitals = known ? known : &taker->vitals;
    if (!known)
        take_vitals(taker, values, name->count);
    seen->units = NULL;
    if (!with_units)
        return;
    float low, high;
    tn_saturation_limits(name, &low, &high);
    tn_unit_vitals_init(&taker->known_units, taker->units, name->units, low, high);
    tn_unit_vitals_add_known(&taker->known_units, values, name->count / name->units, 1, seen->vitals);
    seen->units = &taker->known_units;
}
