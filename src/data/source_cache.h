/* source_cache.h: the inside of tn_source_cache, for data_open.c. Every function may be called from any thread; a cache of NULL keeps nothing. */
#ifndef TN_DATA_SOURCE_CACHE_H
#define TN_DATA_SOURCE_CACHE_H

#include "data/dataset.h"
#include "data/reader.h"
#include "data/scaling.h"

/* A key: the folder that paths are relative to, and the values at paths [count] of the hypes (null where there is none), as a JSON array. A new reference; NULL where
 * memory is out. Values are copied, not shared, since threads that count references to one value of jansson race; they are compared as values, not as text, since json_dumps drops words when memory is out. */
json_t *tn_source_cache_key(const tn_hypes *hypes, const char *const *paths, size_t count);

/* The source at `path`, read now or before. The caller releases it. Two threads that ask for the same one read it once. */
tn_status tn_source_cache_open(tn_source_cache *cache, const tn_hypes *hypes, const char *path, tn_source **source, tn_error *error);

/* A scaling that was kept under `key`, or NULL. The caller releases it. */
tn_scaling *tn_source_cache_find_scaling(tn_source_cache *cache, const json_t *key);
tn_status tn_source_cache_add_scaling(tn_source_cache *cache, json_t *key, tn_scaling *scaling, tn_error *error);

#endif
