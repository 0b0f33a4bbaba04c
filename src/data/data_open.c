/* data_open.c: from what the hypes say to sets that can be trained on. The order is that of dataset.h: class filter, split, subset, excluded rows, repeated rows of rarer classes, permuted labels, scaling, ignored features.
 *
 * All choices are drawn from data.seed, each kind from a stream of its own, so that a subset does not move when the labels are permuted, nor the validation set when a test
 * set is added. Samples of a set stand in the order of the file: a file that is sorted by class stays so, and a solver that does not shuffle sees it. */
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/balance.h"
#include "data/dataset_parts.h"
#include "data/labels.h"
#include "data/source_cache.h"

enum { TRAIN, VALID, TEST, LEFT_OUT, SETS, BETWEEN = SETS };

static const char *const paths[TN_SOURCES] = {"data.train", "data.valid", "data.test"};

typedef struct data_opening {
    const tn_hypes *hypes;
    tn_source_cache *cache;
    tn_source *sources[TN_SOURCES]; /* NULL where there is none of its own */
    int32_t *class_of[TN_SOURCES];  /* of each row of a source; NULL for targets */
    uint32_t *kept[TN_SOURCES];     /* the rows of a source that the class filter keeps */
    size_t kept_count[TN_SOURCES];
    uint8_t *part; /* [kept_count[TRAIN]]: TRAIN, VALID or TEST; of a text BETWEEN, too, where a window reaches into that of another set */
    uint64_t seed;
    tn_label_plan plan;
} data_opening;

static void opening_deinit(data_opening *opening)
{
    for (size_t s = 0; s < TN_SOURCES; s++) {
        tn_source_release(opening->sources[s]);
        tn_memory_destroy(opening->class_of[s]);
        tn_memory_destroy(opening->kept[s]);
    }
    tn_memory_destroy(opening->part);
    tn_label_plan_deinit(&opening->plan);
}

/* Whether tokens of both have the same numbers. */
static bool same_words(const tn_source *a, const tn_source *b)
{
    bool same = a->class_count == b->class_count && a->are_tokens == b->are_tokens && a->class_names && b->class_names;
    for (size_t i = 0; same && i < a->class_count; i++)
        same = strcmp(a->class_names[i], b->class_names[i]) == 0;
    return same;
}

static tn_status open_sources(data_opening *opening, tn_error *error)
{
    for (size_t s = 0; s < TN_SOURCES; s++) {
        const json_t *description = tn_hypes_value(opening->hypes, paths[s]);
        if (s != TRAIN && json_object_get(description, "format") == NULL)
            continue;
        tn_status status = tn_source_cache_open(opening->cache, opening->hypes, paths[s], &opening->sources[s], error);
        if (status != TN_OK)
            return status;
        const tn_source *train = opening->sources[TRAIN], *source = opening->sources[s];
        if (memcmp(&source->shape, &train->shape, sizeof source->shape) != 0)
            return tn_hypes_fail(opening->hypes, paths[s], error,
                                 "its samples hold %zu values and those of data.train %zu, or their shapes differ; they must be alike",
                                 source->width, train->width);
        if (source->label_width != train->label_width || (source->class_names != NULL) != (train->class_names != NULL))
            return tn_hypes_fail(opening->hypes, paths[s], error,
                                 "its labels are of another kind than those of data.train (%zu and %zu columns)", source->label_width,
                                 train->label_width);
        if (train->are_tokens && !same_words(train, source))
            return tn_hypes_fail(
                opening->hypes, paths[s], error,
                "it is written in %zu other words or characters than data.train, which has %zu; hold validation data out of "
                "data.train by {\"fraction\": 0.1}",
                source->class_count, train->class_count);
    }
    return TN_OK;
}

/* Class numbers of every row, and the rows that stay. */
static tn_status number_rows(data_opening *opening, tn_error *error)
{
    for (size_t s = 0; s < TN_SOURCES; s++) {
        const tn_source *source = opening->sources[s];
        if (source == NULL)
            continue;
        size_t count = source->samples, numbers;
        opening->kept[s] = tn_memory_create(count, sizeof *opening->kept[s]);
        if (opening->plan.kind == TN_LABELS_CLASSES && tn_size_multiply(count, opening->plan.steps, &numbers))
            opening->class_of[s] = tn_memory_create(numbers, sizeof *opening->class_of[s]);
        if (opening->kept[s] == NULL || (opening->plan.kind == TN_LABELS_CLASSES && opening->class_of[s] == NULL))
            return tn_fail_memory(error, 2 * count * sizeof *opening->kept[s]);
        if (opening->class_of[s] != NULL) {
            tn_status status = tn_labels_number(&opening->plan, opening->sources[TRAIN], source, opening->class_of[s], error);
            if (status != TN_OK)
                return status;
        }
        for (size_t row = 0; row < count; row++)
            if (opening->class_of[s] == NULL || opening->plan.each_step || opening->class_of[s][row] >= 0)
                opening->kept[s][opening->kept_count[s]++] = (uint32_t)row;
        if (opening->kept_count[s] == 0)
            return tn_hypes_fail(opening->hypes, "data.classes", error, "no sample of %s is of these classes", paths[s]);
    }
    return TN_OK;
}

/* How many of the training samples a fraction holds out. */
static size_t held_out(const data_opening *opening, size_t s)
{
    size_t count = opening->kept_count[TRAIN];
    const json_t *description = tn_hypes_value(opening->hypes, paths[s]);
    if (opening->sources[s] != NULL)
        return 0;
    double fraction = json_number_value(json_object_get(description, "fraction"));
    if (s == VALID && (description == NULL || json_is_null(description)))
        fraction = count < 200 ? 0 : count < 2000 ? 0.2 : 0.1;
    return (size_t)(fraction * (double)count + 0.5);
}

/* Of a text the end is held out, first for validation, then for testing, and no window of one set shares tokens with one of another. */
static void split_text(data_opening *opening, const size_t counts[TN_SOURCES])
{
    const size_t count = opening->kept_count[TRAIN], overlap = opening->sources[TRAIN]->overlap;
    const size_t test = count - counts[TEST], valid = test - counts[VALID];
    for (size_t i = 0; i < count; i++) {
        const size_t end = i < valid ? valid : i < test ? test : count;
        const bool reaches = end < count && i + overlap >= end;
        opening->part[i] = reaches ? BETWEEN : i < valid ? TRAIN : i < test ? VALID : TEST;
    }
}

/* All else: the first of a random order validate, the last are for testing. */
static tn_status split_rows(data_opening *opening, const size_t counts[TN_SOURCES], tn_error *error)
{
    const size_t count = opening->kept_count[TRAIN];
    uint32_t *order = tn_memory_create(count, sizeof *order);
    if (order == NULL)
        return tn_fail_memory(error, count * sizeof *order);
    tn_rng rng;
    tn_rng_init(&rng, opening->seed, TN_STREAM_SPLIT);
    tn_rng_permutation(&rng, order, count);
    for (size_t i = 0; i < counts[VALID]; i++)
        opening->part[order[i]] = VALID;
    for (size_t i = 0; i < counts[TEST]; i++)
        opening->part[order[count - 1 - i]] = TEST;
    tn_memory_destroy(order);
    return TN_OK;
}

static size_t count_part(const data_opening *opening, size_t part)
{
    size_t count = 0;
    for (size_t i = 0; i < opening->kept_count[TRAIN]; i++)
        count += opening->part[i] == part;
    return count;
}

/* Says of every kept training row which set it belongs to. */
static tn_status split(data_opening *opening, size_t counts[TN_SOURCES], tn_error *error)
{
    size_t count = opening->kept_count[TRAIN], held[TN_SOURCES] = {[VALID] = held_out(opening, VALID), [TEST] = held_out(opening, TEST)};
    opening->part = tn_memory_create(count, 1);
    if (opening->part == NULL)
        return tn_fail_memory(error, count);
    bool leaves = held[VALID] + held[TEST] < count;
    tn_status status = TN_OK;
    if (leaves && opening->sources[TRAIN]->are_windows)
        split_text(opening, held);
    else if (leaves)
        status = split_rows(opening, held, error);
    for (size_t s = 0; s < TN_SOURCES; s++)
        counts[s] = count_part(opening, s);
    leaves = leaves && counts[TRAIN] > 0;
    if (status != TN_OK || leaves)
        return status;
    return tn_hypes_fail(
        opening->hypes, held[VALID] >= held[TEST] ? "data.valid" : "data.test", error,
        "holds out %zu and %zu of %zu samples for validation and test, which leaves none to train on; use smaller fractions", held[VALID],
        held[TEST], count);
}

/* The set of rows [count] of a source. */
static tn_status make_set(const data_opening *opening, size_t s, const uint32_t *rows, size_t count, tn_dataset **set, tn_error *error)
{
    size_t from = opening->sources[s] != NULL ? s : TRAIN, steps = opening->plan.steps;
    tn_status status = tn_dataset_create(opening->sources[from], NULL, opening->plan.kind, steps, count, set, error);
    if (status != TN_OK)
        return status;
    (*set)->classes = opening->plan.classes;
    (*set)->classes_are_words = from == TRAIN && opening->sources[TRAIN]->class_names != NULL && opening->plan.numbers == NULL;
    for (size_t i = 0; i < count; i++) {
        (*set)->rows[i] = (*set)->label_rows[i] = rows[i];
        if (opening->class_of[from] != NULL)
            memcpy((*set)->class_of + i * steps, opening->class_of[from] + rows[i] * steps, steps * sizeof(int32_t));
    }
    return TN_OK;
}

/* The rows of one part of the training source, in the order of the file. */
static void list_part(const data_opening *opening, size_t part, uint32_t *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < opening->kept_count[TRAIN]; i++)
        if (opening->part[i] == part)
            rows[count++] = opening->kept[TRAIN][i];
}

/* Keeps a random subset of rows [*count], or their first where they are to follow one another. Larger subsets hold the smaller ones. */
static tn_status choose_subset(const data_opening *opening, uint32_t *rows, size_t *count, tn_error *error)
{
    const json_t *samples = tn_hypes_value(opening->hypes, "data.samples");
    if (!json_is_integer(samples) || (unsigned long long)json_integer_value(samples) >= *count)
        return TN_OK;
    size_t wanted = (size_t)json_integer_value(samples), kept = 0;
    if (json_is_true(tn_hypes_value(opening->hypes, "solver.carry_state"))) {
        *count = wanted;
        return TN_OK;
    }
    uint32_t *order = tn_memory_create(*count, sizeof *order);
    uint8_t *chosen = tn_memory_create(*count, 1);
    if (order == NULL || chosen == NULL) {
        tn_memory_destroy(order);
        tn_memory_destroy(chosen);
        return tn_fail_memory(error, *count * sizeof *order);
    }
    tn_rng rng;
    tn_rng_init(&rng, opening->seed, TN_STREAM_SUBSET);
    tn_rng_permutation(&rng, order, *count);
    for (size_t i = 0; i < wanted; i++)
        chosen[order[i]] = 1;
    for (size_t i = 0; i < *count; i++)
        if (chosen[i])
            rows[kept++] = rows[i];
    *count = kept;
    tn_memory_destroy(order);
    tn_memory_destroy(chosen);
    return TN_OK;
}

/* Takes the rows of data.exclude out of rows [*count]; they are put into left_out [*left_out_count], which has room for *count. Both stay in the order of the file. */
static tn_status exclude(const data_opening *opening, uint32_t *rows, size_t *count, uint32_t *left_out, size_t *left_out_count,
                         tn_error *error)
{
    const json_t *excluded = tn_hypes_value(opening->hypes, "data.exclude");
    size_t total = opening->sources[TRAIN]->samples, kept = 0;
    *left_out_count = 0;
    if (json_array_size(excluded) == 0)
        return TN_OK;
    uint8_t *goes = tn_memory_create(total, 1);
    if (goes == NULL)
        return tn_fail_memory(error, total);
    for (size_t i = 0; i < json_array_size(excluded); i++) {
        json_int_t row = json_integer_value(json_array_get(excluded, i));
        if ((unsigned long long)row >= total) {
            tn_memory_destroy(goes);
            return tn_hypes_fail(opening->hypes, "data.exclude", error, "leaves out row %lld, but data.train has %zu rows, counted from 0",
                                 (long long)row, total);
        }
        goes[row] = 1;
    }
    for (size_t i = 0; i < *count; i++) {
        if (goes[rows[i]])
            left_out[(*left_out_count)++] = rows[i];
        else
            rows[kept++] = rows[i];
    }
    *count = kept;
    tn_memory_destroy(goes);
    return kept > 0 ? TN_OK : tn_hypes_fail(opening->hypes, "data.exclude", error, "leaves out every training sample; keep at least one");
}

/* Gives each sample the label of another sample of the same set. */
static tn_status permute_labels(const data_opening *opening, size_t s, tn_dataset *set, tn_error *error)
{
    uint32_t *order = tn_memory_create(set->samples, sizeof *order);
    if (order == NULL)
        return tn_fail_memory(error, set->samples * sizeof *order);
    tn_rng rng;
    tn_rng_init(&rng, opening->seed, (uint64_t)TN_STREAM_LABELS | (uint64_t)s << 32);
    tn_rng_permutation(&rng, order, set->samples);
    const int32_t *class_of = opening->class_of[opening->sources[s] != NULL ? s : TRAIN];
    for (size_t i = 0; i < set->samples; i++) {
        set->label_rows[i] = set->rows[order[i]];
        if (class_of != NULL)
            memcpy(set->class_of + i * set->label_steps, class_of + set->label_rows[i] * set->label_steps,
                   set->label_steps * sizeof *class_of);
    }
    tn_memory_destroy(order);
    return TN_OK;
}

static tn_scale read_scale(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    const char *name = json_string_value(value);
    if (json_is_number(value))
        return (tn_scale){.kind = TN_SCALE_FACTOR, .factor = json_number_value(value)};
    if (name != NULL && strcmp(name, "minmax") == 0)
        return (tn_scale){.kind = TN_SCALE_MINMAX};
    if (name != NULL && strcmp(name, "standardize") == 0)
        return (tn_scale){.kind = TN_SCALE_STANDARDIZE};
    return (tn_scale){.kind = TN_SCALE_NONE};
}

/* Takes the features of data.input.ignore out of what the network sees. */
static tn_status ignore_features(const data_opening *opening, const uint32_t *rows, size_t count, tn_scaling *scaling, tn_error *error)
{
    const tn_source *source = opening->sources[TRAIN];
    const json_t *ignored = tn_hypes_value(opening->hypes, "data.input.ignore");
    const char *word = json_string_value(ignored);
    if (ignored == NULL || (word != NULL && strcmp(word, "none") == 0))
        return TN_OK;
    if (source->are_tokens)
        return tn_hypes_fail(opening->hypes, "data.input.ignore", error,
                             "the inputs are numbers of words, which have no features to leave out");
    if (word != NULL)
        return tn_scaling_ignore(scaling, source, NULL, 0, rows, count, error);
    size_t named = json_array_size(ignored);
    if (named >= source->width)
        return tn_hypes_fail(opening->hypes, "data.input.ignore", error, "leaves out %zu features of %zu; keep at least one", named,
                             source->width);
    size_t *features = tn_memory_create(named, sizeof *features);
    if (features == NULL)
        return tn_fail_memory(error, named * sizeof *features);
    tn_status status = TN_OK;
    for (size_t i = 0; i < named && status == TN_OK; i++) {
        features[i] = (size_t)json_integer_value(json_array_get(ignored, i));
        if (features[i] >= source->width)
            status = tn_hypes_fail(opening->hypes, "data.input.ignore", error,
                                   "leaves out feature %zu, but a sample has %zu, counted from 0", features[i], source->width);
    }
    if (status == TN_OK)
        status = tn_scaling_ignore(scaling, source, features, named, rows, count, error);
    tn_memory_destroy(features);
    return status;
}

/* The maps for the training split, rows [count]. */
static tn_status find_scaling(const data_opening *opening, const uint32_t *rows, size_t count, tn_scaling **scaling, tn_error *error)
{
    /* All that the statistics depend on: the source, and what decides the training split. */
    static const char *const deciding[] = {"data.train", "data.valid",       "data.test",        "data.classes",
                                           "data.seed",  "data.input.scale", "data.label.scale", "data.input.ignore"};
    json_t *key = tn_source_cache_key(opening->hypes, deciding, sizeof deciding / sizeof deciding[0]);
    if (key == NULL)
        return tn_fail_memory(error, 256);
    tn_status status = TN_OK;
    *scaling = tn_source_cache_find_scaling(opening->cache, key);
    if (*scaling == NULL) {
        status = tn_scaling_create(opening->sources[TRAIN], rows, count, read_scale(opening->hypes, "data.input.scale"),
                                   read_scale(opening->hypes, "data.label.scale"), scaling, error);
        if (status == TN_OK)
            status = ignore_features(opening, rows, count, *scaling, error);
        if (status == TN_OK)
            status = tn_source_cache_add_scaling(opening->cache, key, *scaling, error);
    }
    json_decref(key);
    return status;
}

/* Repeats the rows of rarer classes where data.balance asks for it; *rows is replaced then. */
static tn_status repeat_rare(const data_opening *opening, uint32_t **rows, size_t *count, tn_error *error)
{
    if (!json_is_true(tn_hypes_value(opening->hypes, "data.balance")))
        return TN_OK;
    const int32_t *class_of = opening->class_of[TRAIN];
    if (class_of == NULL || opening->plan.steps != 1)
        return tn_hypes_fail(opening->hypes, "data.balance", error, "needs one class a sample, and these samples have %s",
                             class_of == NULL ? "targets" : "a label for each step");
    return tn_balance_rows(class_of, opening->plan.classes, opening->seed, rows, count, error);
}

/* The training set, what was left out of it, and the maps that are measured on it before a subset is taken. */
static tn_status make_train(const data_opening *opening, size_t count, tn_dataset *sets[SETS], tn_scaling **scaling, tn_error *error)
{
    uint32_t *rows = tn_memory_create(count, sizeof *rows), *left_out = tn_memory_create(count, sizeof *left_out);
    size_t left_out_count = 0;
    tn_status status = TN_OK;
    if (rows == NULL || left_out == NULL) {
        status = tn_fail_memory(error, 2 * count * sizeof *rows);
    } else {
        list_part(opening, TRAIN, rows);
        status = find_scaling(opening, rows, count, scaling, error);
    }
    if (status == TN_OK)
        status = choose_subset(opening, rows, &count, error);
    if (status == TN_OK)
        status = exclude(opening, rows, &count, left_out, &left_out_count, error);
    if (status == TN_OK)
        status = repeat_rare(opening, &rows, &count, error);
    if (status == TN_OK)
        status = make_set(opening, TRAIN, rows, count, &sets[TRAIN], error);
    if (status == TN_OK && left_out_count > 0)
        status = make_set(opening, TRAIN, left_out, left_out_count, &sets[LEFT_OUT], error);
    tn_memory_destroy(rows);
    tn_memory_destroy(left_out);
    return status;
}

/* The validation or test set: of a source of its own, or held out; NULL where there is none. */
static tn_status make_other(const data_opening *opening, size_t s, size_t count, tn_dataset **set, tn_error *error)
{
    if (opening->sources[s] != NULL)
        return make_set(opening, s, opening->kept[s], opening->kept_count[s], set, error);
    if (count == 0)
        return TN_OK;
    uint32_t *rows = tn_memory_create(count, sizeof *rows);
    if (rows == NULL)
        return tn_fail_memory(error, count * sizeof *rows);
    list_part(opening, s, rows);
    tn_status status = make_set(opening, s, rows, count, set, error);
    tn_memory_destroy(rows);
    return status;
}

static tn_status make_sets(data_opening *opening, tn_dataset *sets[SETS], tn_error *error)
{
    size_t counts[TN_SOURCES] = {0};
    tn_status status = split(opening, counts, error);
    if (status != TN_OK)
        return status;
    tn_scaling *scaling = NULL;
    status = make_train(opening, counts[TRAIN], sets, &scaling, error);
    for (size_t s = VALID; s < TN_SOURCES && status == TN_OK; s++)
        status = make_other(opening, s, counts[s], &sets[s], error);
    bool permuted = json_is_true(tn_hypes_value(opening->hypes, "data.shuffle_labels"));
    for (size_t s = 0; s < SETS && status == TN_OK; s++) {
        if (sets[s] == NULL)
            continue;
        if (permuted && s != LEFT_OUT)
            status = permute_labels(opening, s, sets[s], error);
        if (status == TN_OK)
            status = tn_scaling_rebase(scaling, opening->sources[TRAIN], sets[s]->source, &sets[s]->scaling, error);
    }
    tn_scaling_release(scaling);
    return status;
}

tn_status tn_data_open(const tn_hypes *hypes, tn_source_cache *cache, tn_data *data, tn_error *error)
{
    *data = (tn_data){0};
    data_opening opening = {.hypes = hypes, .cache = cache, .seed = (uint64_t)json_integer_value(tn_hypes_value(hypes, "data.seed"))};
    tn_dataset *sets[SETS] = {0};
    tn_status status = open_sources(&opening, error);
    if (status == TN_OK)
        status = tn_label_plan_init(&opening.plan, hypes, opening.sources, error);
    if (status == TN_OK)
        status = number_rows(&opening, error);
    if (status == TN_OK)
        status = make_sets(&opening, sets, error);
    *data =
        (tn_data){.train = sets[TRAIN], .valid = sets[VALID], .test = sets[TEST], .left_out = sets[LEFT_OUT], .task = opening.plan.task};
    opening_deinit(&opening);
    if (status != TN_OK)
        tn_data_close(data);
    return status;
}

void tn_data_close(tn_data *data)
{
    tn_dataset_destroy(data->train);
    tn_dataset_destroy(data->valid);
    tn_dataset_destroy(data->test);
    tn_dataset_destroy(data->left_out);
    *data = (tn_data){0};
}
