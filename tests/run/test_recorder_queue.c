/* test_recorder_queue.c: what a thread of the recorder's own does late is what one thread does at once: observers hear the same, and the store holds the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/rng.h"
#include "run/recorder_queue.h"
#include "store/store_sqlite.h"

enum {
    TENSORS = 5,
    UNITS = 40,
    COUNT = 25 * UNITS, /* values that are copied */
    LARGE = 55 * UNITS, /* that are not: the training takes their vitals */
    BATCH = 25,
    STEPS = 1500, /* more than the ring holds */
    ODD_STEP = 700
};

static const tn_tensor_name NAMES[TENSORS] = {
    {.node = "input", .op = "input", .role = TN_ROLE_INPUT, .count = COUNT, .units = UNITS},
    {.node = "dense_0", .op = "dense", .role = TN_ROLE_ACTIVATION, .count = COUNT, .units = UNITS},
    {.node = "dense_0", .parameter = "weight", .op = "dense", .role = TN_ROLE_GRADIENT, .count = COUNT, .units = UNITS},
    {.node = "dense_0", .parameter = "weight", .op = "dense", .role = TN_ROLE_WEIGHT, .count = COUNT, .units = UNITS},
    {.node = "dense_1", .parameter = "weight", .op = "dense", .role = TN_ROLE_WEIGHT, .count = LARGE, .units = UNITS},
};

/* Everything that an observer hears, as one number. */
typedef struct ear {
    uint64_t heard, tensors, units, steps, ends;
    uint64_t rows; /* tensors whose rows were told */
    size_t fired;
    uint64_t stop_at;
} ear;

static void add(ear *one, const void *bytes, size_t size)
{
    one->heard = tn_hash_bytes(one->heard, bytes, size);
}

static void hear_tensor(void *context, const tn_tensor_seen *seen)
{
    ear *one = context;
    const tn_tensor_name *name = seen->name;
    const uint64_t numbers[] = {seen->step,  seen->index,      name->role,        name->count,
                                name->units, name->node_index, seen->batch.count, seen->replayed};
    add(one, numbers, sizeof numbers);
    add(one, name->node, strlen(name->node));
    add(one, seen->maker.node, strlen(seen->maker.node));
    add(one, seen->vitals, sizeof *seen->vitals);
    one->tensors++;
    if (seen->units) {
        const uint64_t of[] = {seen->units->units, seen->units->values};
        add(one, of, sizeof of);
        for (size_t i = 0; i < seen->units->units; i++) {
            const tn_unit *unit = &seen->units->unit[i];
            const uint64_t counts[] = {unit->zeros, unit->saturated, unit->nonfinite};
            add(one, counts, sizeof counts);
            add(one, &unit->min, sizeof unit->min);
            add(one, &unit->max, sizeof unit->max);
        }
        one->units++;
    }
    bool is_finite = tn_vitals_finite(seen->vitals) == seen->vitals->count;
    if (seen->batch.rows && !is_finite) {
        add(one, seen->batch.rows, BATCH * sizeof *seen->batch.rows);
        one->rows++;
    }
}

static bool hear_step(void *context, const tn_step *step)
{
    ear *one = context;
    add(one, &step->step, sizeof step->step);
    add(one, &step->loss, sizeof step->loss);
    one->steps++;
    one->fired += step->step == 100 || step->step == 900; /* "rules" that fire */
    return step->step != one->stop_at;
}

static void hear_score(void *context, const tn_score_point *point)
{
    add(context, &point->step, sizeof point->step);
    add(context, &point->train_score, sizeof point->train_score);
}

static void hear_data(void *context, const tn_data_summary *data)
{
    (void)data;
    add(context, "data", 4);
}

static void hear_origin(void *context, const tn_told_origin *origin)
{
    add(context, origin->text, strlen(origin->text));
}

static void hear_end(void *context, uint64_t steps)
{
    ear *one = context;
    add(one, &steps, sizeof steps);
    one->ends++;
}

static size_t count_fired(void *context)
{
    return ((const ear *)context)->fired;
}

static bool say_signal(void *context, size_t i, tn_store_signal *signal, bool *fired)
{
    const ear *one = context;
    *signal = (tn_store_signal){.rule = i == 0 ? "first" : "second", .severity = "error", .text = "said", .step = i == 0 ? 100 : 900};
    *fired = one->fired > i;
    return i < 2;
}

static tn_observer observer_of(ear *one, bool may_lag)
{
    return (tn_observer){.context = one,
                         .on_step = hear_step,
                         .on_tensor = hear_tensor,
                         .on_score = hear_score,
                         .on_data = hear_data,
                         .on_origin = hear_origin,
                         .on_end = hear_end,
                         .may_lag = may_lag,
                         .fired = may_lag ? count_fired : NULL,
                         .signal_at = may_lag ? say_signal : NULL};
}

/* ---- what a store holds ---- */

typedef struct content {
    uint64_t blobs, series, names, signals, trials;
    size_t blob_count, value_count;
} content;

static bool add_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    content *of = context;
    of->blobs = tn_hash_bytes(tn_hash_text(of->blobs, tensor), &step, sizeof step);
    of->blobs = tn_hash_bytes(of->blobs, bytes, size);
    of->blob_count++;
    return true;
}

/* How a series is cut in chunks depends on the clock; what is in it does not. */
static bool add_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    content *of = context;
    for (size_t i = 0; i < count; i++) {
        uint64_t one = tn_hash_text(TN_HASH_START, series), bits;
        memcpy(&bits, &values[i], sizeof bits);
        of->series += tn_hash_bytes(tn_hash_bytes(one, &steps[i], sizeof *steps), &bits, sizeof bits);
    }
    of->value_count += count;
    return true;
}

static bool add_name(void *context, const tn_store_name *name)
{
    content *of = context;
    of->names = tn_hash_text(tn_hash_text(of->names, name->tensor), name->role);
    return true;
}

static bool add_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    content *of = context;
    (void)trial;
    of->signals = tn_hash_bytes(tn_hash_text(of->signals, signal->rule), &signal->step, sizeof signal->step);
    return true;
}

static bool add_trial(void *context, const tn_store_trial_row *row)
{
    content *of = context;
    of->trials = tn_hash_text(tn_hash_text(of->trials, row->trial.key), row->end);
    return true;
}

static content content_of(tn_store *store)
{
    content of = {0};
    assert_int_equal(tn_store_read_blobs(store, 1, add_blob, &of, NULL), TN_OK);
    assert_int_equal(tn_store_read_series(store, 1, add_series, &of, NULL), TN_OK);
    assert_int_equal(tn_store_read_names(store, 1, add_name, &of, NULL), TN_OK);
    assert_int_equal(tn_store_read_signals(store, 1, add_signal, &of, NULL), TN_OK);
    assert_int_equal(tn_store_read_trials(store, add_trial, &of, NULL), TN_OK);
    return of;
}

/* ---- a training ---- */

static void make_values(float *values, tn_rng *rng, uint64_t step, size_t tensor)
{
    for (size_t i = 0; i < NAMES[tensor].count; i++)
        values[i] = (float)tn_rng_normal(rng) * (tensor == 2 ? 1e-6f : 1.0f);
    if (tensor == 1) /* a relu's */
        for (size_t i = 0; i < COUNT; i++)
            values[i] = values[i] > 0 ? values[i] : 0;
    if (step == ODD_STEP && tensor >= 1)
        values[17 * tensor] = NAN;
}

static uint64_t train(tn_recorder *recorder)
{
    static float values[LARGE];
    uint32_t rows[BATCH];
    tn_rng rng;
    tn_rng_init(&rng, 7, 1);
    bool going_on = true;
    uint64_t step = 0;
    tn_recorder_data(recorder, &(tn_data_summary){.samples = 1});
    tn_recorder_score(recorder, &(tn_score_point){.train_score = 0.5});
    while (going_on && step < STEPS) {
        step++;
        assert_true(tn_recorder_wants_tensors(recorder, step));
        for (size_t i = 0; i < BATCH; i++)
            rows[i] = (uint32_t)(step * 31 + i);
        for (size_t i = 0; i < TENSORS; i++) {
            make_values(values, &rng, step, i);
            tn_tensor_shown shown = {.name = &NAMES[i], .index = i, .values = values, .maker = {.node = NAMES[i].node, .op = NAMES[i].op}};
            if (i < 2)
                shown.batch = (tn_batch_rows){BATCH, rows};
            tn_recorder_tap(recorder, &shown);
        }
        if (step == ODD_STEP)
            tn_recorder_origin(recorder, &(tn_told_origin){.step = step, .text = "it broke"});
        going_on =
            tn_recorder_step(recorder, &(tn_step){.step = step, .loss = 1 / (double)step, .learning_rate = 0.1, .gradient_norm = NAN});
        (void)tn_recorder_incident(recorder);
        assert_true(tn_recorder_has_seen(recorder, step));
        if (step % 400 == 0)
            tn_recorder_score(recorder, &(tn_score_point){.step = step, .train_score = 1 - 1 / (double)step});
    }
    return step;
}

typedef struct outcome {
    ear rules, prompt;
    content stored;
} outcome;

/* prompt_hears: of tensors too, so that their vitals are taken at once. */
static outcome run(bool may_lag, bool prompt_hears, uint64_t stop_at, uint64_t expected_steps)
{
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    outcome made = {.prompt = {.stop_at = stop_at}};
    tn_observer observers[] = {observer_of(&made.rules, true), observer_of(&made.prompt, false)};
    if (!prompt_hears)
        observers[1].on_tensor = NULL;
    const tn_recorder_config config = {.store = store,
                                       .trial = {.key = "0011"},
                                       .vitals_every = 1,
                                       .units_max = UNITS,
                                       .may_lag = may_lag,
                                       .observers = observers,
                                       .observer_count = 2};
    tn_recorder *recorder;
    assert_int_equal(tn_recorder_create(&config, &recorder, NULL), TN_OK);
    assert_int_equal(train(recorder), expected_steps);
    assert_int_equal(tn_recorder_end(recorder, "completed", "{}", NULL), TN_OK);
    assert_int_equal(tn_store_flush(store, NULL), TN_OK);
    made.stored = content_of(store);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    return made;
}

static void check_heard(const ear *late, const ear *at_once, bool hears, uint64_t steps)
{
    assert_int_equal(at_once->steps, steps);
    assert_int_equal(at_once->tensors, hears ? steps * TENSORS : 0);
    assert_int_equal(at_once->ends, 1);
    assert_true(!hears ||
                (at_once->units > 0 && (steps < ODD_STEP || at_once->rows == 1))); /* the rest of the odd tensors are of parameters */
    assert_memory_equal(late, at_once, sizeof *late);
}

static void check_all(bool prompt_hears)
{
    const outcome late = run(true, prompt_hears, 0, STEPS), at_once = run(false, prompt_hears, 0, STEPS);
    check_heard(&late.rules, &at_once.rules, true, STEPS);
    check_heard(&late.prompt, &at_once.prompt, prompt_hears, STEPS);
    assert_int_equal(at_once.stored.blob_count, STEPS * TENSORS);
    assert_int_equal(at_once.stored.value_count, 2 * STEPS + 4 * (1 + STEPS / 400));
    assert_true(at_once.stored.signals != 0);
    assert_memory_equal(&late.stored, &at_once.stored, sizeof late.stored);
}

static void late_is_as_at_once(void **state)
{
    (void)state;
    check_all(true);
}

/* Neither does it matter who takes the vitals: where nobody must hear of tensors at once, the small ones are copied and left to the thread. */
static void vitals_taken_late_are_the_same(void **state)
{
    (void)state;
    check_all(false);
}

/* One who must not lag ends the trial at its step, and nothing that came before is lost. */
static void a_prompt_observer_stops_at_once(void **state)
{
    (void)state;
    const outcome late = run(true, true, 333, 333), at_once = run(false, true, 333, 333);
    check_heard(&late.rules, &at_once.rules, true, 333);
    check_heard(&late.prompt, &at_once.prompt, true, 333);
    assert_memory_equal(&late.stored, &at_once.stored, sizeof late.stored);
}

/* Where not every step is observed an incident says which are, so nobody lags. */
static void incidents_are_heeded_where_they_matter(void **state)
{
    (void)state;
    ear one = {0};
    const tn_observer observer = observer_of(&one, true);
    const tn_recorder_config config = {.vitals_every = 1000, .may_lag = true, .observers = &observer, .observer_count = 1};
    tn_recorder *recorder;
    assert_int_equal(tn_recorder_create(&config, &recorder, NULL), TN_OK);
    for (uint64_t step = 1; step <= 100; step++) {
        assert_true(tn_recorder_step(recorder, &(tn_step){.step = step, .loss = 1}));
        assert_int_equal(one.steps, step);
        assert_int_equal(tn_recorder_incident(recorder), step == 100);
    }
    assert_true(tn_recorder_wants_tensors(recorder, 101));
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
}

/* ---- the queue itself, on any number of processors ---- */

/* Holds the thread at its first step until told. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    uint64_t steps;
} gate;

static bool pass(void *context, const tn_step *step)
{
    gate *held = context;
    pthread_mutex_lock(&held->lock);
    while (!held->is_open)
        pthread_cond_wait(&held->changed, &held->lock);
    held->steps = step->step;
    pthread_mutex_unlock(&held->lock);
    return false; /* ends nothing where it lags */
}

static uint64_t steps_passed(gate *held)
{
    pthread_mutex_lock(&held->lock);
    uint64_t steps = held->steps;
    pthread_mutex_unlock(&held->lock);
    return steps;
}

static void the_caller_goes_on_meanwhile(void **state)
{
    (void)state;
    gate held = {.is_open = false};
    pthread_mutex_init(&held.lock, NULL);
    pthread_cond_init(&held.changed, NULL);
    const tn_observer observer = {.context = &held, .on_step = pass, .may_lag = true};
    const tn_recorder_config config = {.vitals_every = 1, .observers = &observer, .observer_count = 1};
    tn_recorder_back *back;
    tn_recorder_queue *queue;
    assert_int_equal(tn_back_create(&config, &back, NULL), TN_OK);
    assert_int_equal(tn_queue_create(back, 0, &queue, NULL), TN_OK);
    for (uint64_t step = 1; step <= 1000; step++)
        tn_queue_step(queue, &(tn_step){.step = step});
    assert_int_equal(steps_passed(&held), 0);
    pthread_mutex_lock(&held.lock);
    held.is_open = true;
    pthread_cond_signal(&held.changed);
    pthread_mutex_unlock(&held.lock);
    tn_queue_drain(queue);
    assert_int_equal(steps_passed(&held), 1000);
    for (uint64_t step = 1001; step <= 1010; step++)
        tn_queue_step(queue, &(tn_step){.step = step});
    tn_queue_destroy(queue); /* drains */
    assert_int_equal(steps_passed(&held), 1010);
    tn_back_destroy(back);
    pthread_cond_destroy(&held.changed);
    pthread_mutex_destroy(&held.lock);
}

/* Records of all sizes, up to the largest that the queue was made for, whole and in order wherever the ring ends. */
static void records_of_all_sizes(void **state)
{
    (void)state;
    enum { MOST = 9000, RECORDS = 600 };
    static tn_unit units[MOST];
    ear late = {0}, at_once = {0};
    const tn_observer observer = observer_of(&late, true);
    const tn_recorder_config config = {.vitals_every = 1, .observers = &observer, .observer_count = 1};
    tn_recorder_back *back;
    tn_recorder_queue *queue;
    assert_int_equal(tn_back_create(&config, &back, NULL), TN_OK);
    assert_int_equal(tn_queue_create(back, MOST, &queue, NULL), TN_OK);
    tn_rng rng;
    tn_rng_init(&rng, 3, 1);
    for (uint64_t i = 1; i <= RECORDS; i++) {
        tn_vitals vitals;
        tn_vitals_init(&vitals);
        for (size_t k = 0; k < i % 70; k++) {
            float value = ldexpf(1, (int)(tn_rng_bits(&rng) % 250) - 125);
            tn_vitals_add(&vitals, &value, 1);
        }
        size_t count = i % 3 == 0 ? MOST : (size_t)(tn_rng_bits(&rng) % MOST);
        tn_unit_vitals of;
        tn_unit_vitals_init(&of, units, count, -INFINITY, INFINITY);
        for (size_t k = 0; k < count; k++)
            units[k].zeros = tn_rng_bits(&rng);
        tn_tensor_seen seen = {.step = i, .name = &NAMES[i % TENSORS], .index = (size_t)i, .vitals = &vitals, .maker = {.node = "dense_0"}};
        if (i % 5 != 0)
            seen.units = &of;
        hear_tensor(&at_once, &seen);
        tn_queue_tensor(queue, &seen);
        hear_step(&at_once, &(tn_step){.step = i});
        tn_queue_step(queue, &(tn_step){.step = i});
    }
    tn_queue_destroy(queue);
    tn_back_destroy(back);
    assert_int_equal(late.tensors, RECORDS);
    assert_memory_equal(&late, &at_once, sizeof late);
}

/* A store that cannot write stops neither the steps nor the observers, and the end tells it. */
static void a_failing_store_is_told_at_the_end(void **state)
{
    (void)state;
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(sqlite3_exec(store->database, "PRAGMA max_page_count = 12", NULL, NULL, NULL), SQLITE_OK);
    ear one = {0};
    const tn_observer observer = observer_of(&one, true);
    const tn_recorder_config config = {.store = store,
                                       .trial = {.key = "0011"},
                                       .vitals_every = 1,
                                       .units_max = UNITS,
                                       .may_lag = true,
                                       .observers = &observer,
                                       .observer_count = 1};
    tn_recorder *recorder;
    assert_int_equal(tn_recorder_create(&config, &recorder, NULL), TN_OK);
    assert_int_equal(train(recorder), STEPS);
    assert_int_equal(tn_store_flush(store, NULL), TN_ERROR_STORE);
    tn_error error = {0};
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, &error), TN_ERROR_STORE);
    assert_non_null(strstr(error.message, "full"));
    assert_int_equal(one.steps, STEPS);
    assert_int_equal(one.ends, 1);
    assert_int_equal(tn_store_close(store, NULL), TN_ERROR_STORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_is_as_at_once),
        cmocka_unit_test(vitals_taken_late_are_the_same),
        cmocka_unit_test(a_prompt_observer_stops_at_once),
        cmocka_unit_test(incidents_are_heeded_where_they_matter),
        cmocka_unit_test(the_caller_goes_on_meanwhile),
        cmocka_unit_test(records_of_all_sizes),
        cmocka_unit_test(a_failing_store_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
