/* native.c: a subject on tenet's own engine: its life, and what its trials share; see native.h. */
#include "subject/native.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/loss.h"

uint64_t tn_native_hash(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

char *tn_native_data_key(const tn_hypes *hypes)
{
    /* The loss and the metric decide whether labels are classes or targets. */
    static const char *const PATHS[] = {"data", "loss.name", "solver.metric"};
    json_t *key = json_array();
    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        json_t *value = (json_t *)tn_hypes_value(hypes, PATHS[i]);
        if (json_array_append_new(key, value ? json_incref(value) : json_null()) != 0) {
            json_decref(key);
            return NULL;
        }
    }
    char *text = json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(key);
    return text;
}

double tn_native_threshold(const tn_hypes *hypes)
{
    const tn_loss *loss = tn_loss_find(tn_hypes_string(hypes, "loss.name"));
    return loss && loss->from_logits ? 0 : 0.5;
}

static tn_status sources_create(tn_native_sources **sources, tn_error *error)
{
    tn_native_sources *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    atomic_init(&created->references, 1);
    tn_status status = tn_source_cache_create(&created->cache, error);
    if (status != TN_OK)
        tn_memory_destroy(created);
    else
        *sources = created;
    return status;
}

static void sources_release(tn_native_sources *sources)
{
    if (!sources || atomic_fetch_sub(&sources->references, 1) != 1)
        return;
    tn_source_cache_destroy(sources->cache);
    tn_memory_destroy(sources);
}

static void destroy(tn_subject *subject)
{
    tn_native *native = (tn_native *)subject;
    tn_data_close(&native->data);
    sources_release(native->sources);
    free(native->data_key);
    tn_memory_destroy(native);
}

static const tn_subject_facts *facts_of(const tn_subject *subject)
{
    return &((const tn_native *)subject)->facts;
}

static const tn_hypes *hypes_of(const tn_subject *subject)
{
    return ((const tn_native *)subject)->hypes;
}

static tn_status repatched(const tn_subject *subject, const tn_hypes *hypes, tn_subject **other, tn_error *error);

static const tn_subject_kind NATIVE = {
    .run = tn_native_run, .facts = facts_of, .hypes = hypes_of, .repatched = repatched, .destroy = destroy};

static tn_status find_identity(tn_native *native, tn_error *error)
{
    char *written = json_dumps(tn_hypes_written(native->hypes), JSON_COMPACT | JSON_SORT_KEYS);
    native->data_key = tn_native_data_key(native->hypes);
    bool found = written && native->data_key;
    if (written)
        native->identity = tn_native_hash(TN_HASH_START, written);
    free(written);
    return found ? TN_OK : tn_fail_memory(error, 256);
}

static tn_status fill(tn_native *native, tn_error *error)
{
    tn_status status = find_identity(native, error);
    if (status == TN_OK)
        status = tn_data_open(native->hypes, native->sources->cache, &native->data, error);
    tn_trainer *trainer = NULL;
    if (status == TN_OK)
        status = tn_trainer_create(native->hypes, &native->data, NULL, &trainer, error);
    if (status == TN_OK)
        status = tn_native_find_facts(native, trainer, error);
    tn_trainer_destroy(trainer);
    return status;
}

/* Takes over one reference of `sources`. */
static tn_status create(const tn_hypes *hypes, tn_store *store, tn_cancel *cancel, tn_native_sources *sources, tn_subject **subject,
                        tn_error *error)
{
    tn_native *native = tn_memory_create(1, sizeof *native);
    if (!native) {
        sources_release(sources);
        return tn_fail_memory(error, sizeof *native);
    }
    native->subject.kind = &NATIVE;
    native->hypes = hypes;
    native->store = store;
    native->cancel = cancel;
    native->sources = sources;
    tn_status status = fill(native, error);
    if (status != TN_OK)
        destroy(&native->subject);
    else
        *subject = &native->subject;
    return status;
}

tn_status tn_subject_native(const tn_hypes *hypes, tn_store *store, tn_cancel *cancel, tn_subject **subject, tn_error *error)
{
    *subject = NULL;
    tn_native_sources *sources = NULL;
    tn_status status = sources_create(&sources, error);
    return status == TN_OK ? create(hypes, store, cancel, sources, subject, error) : status;
}

static tn_status repatched(const tn_subject *subject, const tn_hypes *hypes, tn_subject **other, tn_error *error)
{
    const tn_native *native = (const tn_native *)subject;
    atomic_fetch_add(&native->sources->references, 1);
    return create(hypes, native->store, native->cancel, native->sources, other, error);
}
