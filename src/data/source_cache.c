/* source_cache.c: a list of what was read and measured, found by its key. A debug has a handful of sources, so the list is searched from end to end. */
#include "data/source_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct cache_entry {
    struct cache_entry *next;
    json_t *key;
    tn_source *source; /* one of the two */
    tn_scaling *scaling;
} cache_entry;

struct tn_source_cache {
    pthread_mutex_t lock; /* held while a file is read, so that nobody reads it twice */
    cache_entry *first;
};

tn_status tn_source_cache_create(tn_source_cache **cache, tn_error *error)
{
    *cache = tn_memory_create(1, sizeof **cache);
    if (*cache == NULL)
        return tn_fail_memory(error, sizeof **cache);
    pthread_mutex_init(&(*cache)->lock, NULL); /* without attributes it cannot fail */
    return TN_OK;
}

void tn_source_cache_destroy(tn_source_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->first != NULL) {
        cache_entry *entry = cache->first;
        cache->first = entry->next;
        tn_source_release(entry->source);
        tn_scaling_release(entry->scaling);
        json_decref(entry->key);
        tn_memory_destroy(entry);
    }
    pthread_mutex_destroy(&cache->lock);
    tn_memory_destroy(cache);
}

/* The lock is held. */
static cache_entry *find(tn_source_cache *cache, const json_t *key, bool scaling)
{
    for (cache_entry *entry = cache->first; entry != NULL; entry = entry->next)
        if ((entry->scaling != NULL) == scaling && json_equal(entry->key, key))
            return entry;
    return NULL;
}

/* The lock is held. The entry keeps its own references. */
static tn_status add(tn_source_cache *cache, json_t *key, tn_source *source, tn_scaling *scaling, tn_error *error)
{
    cache_entry *entry = tn_memory_create(1, sizeof *entry);
    if (entry == NULL)
        return tn_fail_memory(error, sizeof *entry);
    *entry = (cache_entry){.next = cache->first,
                           .key = json_incref(key),
                           .source = source != NULL ? tn_source_keep(source) : NULL,
                           .scaling = scaling != NULL ? tn_scaling_keep(scaling) : NULL};
    cache->first = entry;
    return TN_OK;
}

json_t *tn_source_cache_key(const tn_hypes *hypes, const char *const *paths, size_t count)
{
    char *folder = tn_hypes_resolve(hypes, ".");
    json_t *key = json_array();
    bool made = folder != NULL && json_array_append_new(key, json_string(folder)) == 0;
    for (size_t i = 0; i < count && made; i++) {
        const json_t *value = tn_hypes_value(hypes, paths[i]);
        made = json_array_append_new(key, value != NULL ? json_deep_copy(value) : json_null()) == 0;
    }
    free(folder);
    if (made)
        return key;
    json_decref(key);
    return NULL;
}

tn_status tn_source_cache_open(tn_source_cache *cache, const tn_hypes *hypes, const char *path, tn_source **source, tn_error *error)
{
    *source = NULL;
    if (cache == NULL)
        return tn_source_read(hypes, path, source, error);
    /* Words of a validation text have the numbers that the training's gives them. */
    const char *const paths[] = {path, "data.train"};
    json_t *key = tn_source_cache_key(hypes, paths, strcmp(path, "data.train") == 0 ? 1 : 2);
    if (key == NULL)
        return tn_fail_memory(error, 256);
    pthread_mutex_lock(&cache->lock);
    tn_status status = TN_OK;
    cache_entry *entry = find(cache, key, false);
    if (entry != NULL) {
        *source = tn_source_keep(entry->source);
    } else {
        status = tn_source_read(hypes, path, source, error);
        if (status == TN_OK)
            status = add(cache, key, *source, NULL, error);
    }
    pthread_mutex_unlock(&cache->lock);
    json_decref(key);
    if (status != TN_OK) {
        tn_source_release(*source);
        *source = NULL;
    }
    return status;
}

tn_scaling *tn_source_cache_find_scaling(tn_source_cache *cache, const json_t *key)
{
    if (cache == NULL)
        return NULL;
    pthread_mutex_lock(&cache->lock);
    cache_entry *entry = find(cache, key, true);
    tn_scaling *scaling = entry != NULL ? tn_scaling_keep(entry->scaling) : NULL;
    pthread_mutex_unlock(&cache->lock);
    return scaling;
}

tn_status tn_source_cache_add_scaling(tn_source_cache *cache, json_t *key, tn_scaling *scaling, tn_error *error)
{
    if (cache == NULL)
        return TN_OK;
    pthread_mutex_lock(&cache->lock);
    tn_status status = add(cache, key, NULL, scaling, error);
    pthread_mutex_unlock(&cache->lock);
    return status;
}
