/* native.c: a subject on tenet's own engine: its life, and what its trials share; see native.h. */
#include "subject/native.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"
#include "engine/loss.h"

/* Named for the whole program: clang gives what it makes of clones the name of the function, even of a static one. */
TN_SIMD_CLONES
static uint32_t count_native_nonfinite(const float *values, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        found += (bits & 0x7F800000u) == 0x7F800000u;
    }
    return found;
}

size_t tn_native_count_nonfinite(const float *values, size_t count)
{
    size_t found = 0;
    for (size_t first = 0; first < count; first += UINT32_MAX)
        found += count_native_nonfinite(values + first, (uint32_t)(count - first < UINT32_MAX ? count - first : UINT32_MAX));
    return found;
}

char *tn_native_data_key(const tn_hypes *hypes)
{
    /* The loss and the metric decide whether labels are classes or targets, a state that is carried how a subset is taken. */
    static const char *const PATHS[] = {"data", "loss.name", "solver.metric", "solver.carry_state"};
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
    tn_data_builder_destroy(native->summary);
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

static const tn_subject_kind NATIVE = {.run = tn_native_run,
                                       .facts = facts_of,
                                       .hypes = hypes_of,
                                       .repatched = repatched,
                                       .destroy = destroy,
                                       .trial_key = tn_native_trial_key,
                                       .check_layers = tn_native_check_layers};

static tn_status find_identity(tn_native *native, tn_error *error)
{
    char *written = json_dumps(tn_hypes_written(native->hypes), JSON_COMPACT | JSON_SORT_KEYS);
    native->data_key = tn_native_data_key(native->hypes);
    bool found = written && native->data_key;
    if (written)
        native->identity = tn_hash_text(TN_HASH_START, written);
    free(written);
    return found ? tn_native_hash_plugins(native->hypes, &native->identity, error) : tn_fail_memory(error, 256);
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
        status = tn_native_load_weights(native->hypes, trainer, error);
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
