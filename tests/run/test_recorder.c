/* test_recorder.c: what a recorder is told reaches the observers at once and in order, and the store whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "run/recorder.h"
#include "store/store_sqlite.h"

/* What observers hear, as text: "a1" is step 1 to observer a. */
typedef struct ear {
    char name;
    char *heard; /* shared by all */
    uint64_t stop_at;
} ear;

enum { HEARD = 512 };

static void hear(const ear *one, const char *format, unsigned long long number)
{
    size_t length = strlen(one->heard);
    snprintf(one->heard + length, HEARD - length, "%c", one->name);
    length = strlen(one->heard);
    snprintf(one->heard + length, HEARD - length, format, number);
}

static bool hear_step(void *context, const tn_step *step)
{
    const ear *one = context;
    hear(one, "%llu ", step->step);
    return step->step != one->stop_at;
}

static void hear_tensor(void *context, const tn_tensor_seen *seen)
{
    assert_string_equal(seen->name->node, "dense_0");
    assert_int_equal(seen->index, 4);
    assert_int_equal(seen->vitals->count, 3);
    assert_int_equal(seen->vitals->nan, 1);
    hear(context, "v%llu ", seen->step);
}

static void hear_score(void *context, const tn_score_point *point)
{
    hear(context, "s%llu ", point->step);
}

static void hear_end(void *context, uint64_t steps)
{
    hear(context, "e%llu ", steps);
}

static tn_observer observer_of(ear *one)
{
    return (tn_observer){.context = one, .on_step = hear_step, .on_tensor = hear_tensor, .on_score = hear_score, .on_end = hear_end};
}

static const tn_tensor_name GRADIENT = {
    .node = "dense_0", .parameter = "weight", .op = "dense", .role = TN_ROLE_GRADIENT, .count = 3, .units = 3};
static const float VALUES[] = {1, NAN, -2};

static tn_recorder *create(const tn_recorder_config *config)
{
    tn_recorder *recorder;
    assert_int_equal(tn_recorder_create(config, &recorder, NULL), TN_OK);
    return recorder;
}

static void observers_hear_in_order(void **state)
{
    (void)state;
    char heard[HEARD] = "";
    ear a = {'a', heard, 2}, b = {'b', heard, 0};
    const tn_observer observers[] = {observer_of(&a), {.context = NULL}, observer_of(&b)};
    const tn_recorder_config config = {.vitals_every = 2, .observers = observers, .observer_count = 3};
    tn_recorder *recorder = create(&config);
    tn_recorder_score(recorder, &(tn_score_point){.step = 0});
    assert_true(tn_recorder_wants_tensors(recorder, 1));
    assert_false(tn_recorder_wants_tensors(recorder, 2));
    assert_true(tn_recorder_wants_tensors(recorder, 3));
    tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &GRADIENT, .index = 4, .values = VALUES});
    assert_true(tn_recorder_step(recorder, &(tn_step){.step = 1}));
    assert_false(tn_recorder_step(recorder, &(tn_step){.step = 2})); /* a says stop; b hears of the step all the same */
    tn_recorder_flush(recorder);
    assert_int_equal(tn_recorder_end(recorder, "stopped", NULL, NULL), TN_OK);
    assert_string_equal(heard, "as0 bs0 av1 bv1 a1 b1 a2 b2 ae2 be2 ");
}

static void no_vitals_unless_wanted(void **state)
{
    (void)state;
    const tn_recorder_config config = {.vitals_every = 0};
    tn_recorder *recorder = create(&config);
    for (uint64_t step = 1; step < 10; step++)
        assert_false(tn_recorder_wants_tensors(recorder, step));
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
    assert_int_equal(tn_recorder_end(NULL, "completed", NULL, NULL), TN_OK);
}

typedef struct values {
    const char *name;
    size_t count;
    uint64_t steps[8000];
    double values[8000];
} values;

static bool gather(void *context, const char *series, size_t count, const uint64_t *steps, const double *numbers)
{
    values *all = context;
    for (size_t i = 0; i < count && strcmp(series, all->name) == 0; i++) {
        all->steps[all->count] = steps[i];
        all->values[all->count++] = numbers[i];
    }
    return true;
}

static const values *read(tn_store *store, const char *name)
{
    static values all;
    all = (values){.name = name};
    assert_int_equal(tn_store_read_series(store, 1, gather, &all, NULL), TN_OK);
    return &all;
}

static bool check_end(void *context, const tn_store_trial_row *row)
{
    ++*(size_t *)context;
    assert_string_equal(row->trial.key, "0011");
    assert_string_equal(row->end, "completed");
    assert_string_equal(row->result, "{}");
    return true;
}

static void series_reach_the_store(void **state)
{
    (void)state;
    enum { STEPS = 5000 };
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    const tn_recorder_config config = {.store = store, .trial = {.key = "0011", .experiment = "train"}};
    tn_recorder *recorder = create(&config);
    tn_recorder_score(recorder, &(tn_score_point){.step = 0, .train_score = 0.25, .valid_score = NAN, .train_loss = 2, .valid_loss = NAN});
    for (uint64_t step = 1; step <= STEPS; step++) {
        const tn_step now = {
            .step = step,
            .loss = step % 7 == 0 ? NAN : 1.0 / (double)step,
            .learning_rate = 0.1,
            .gradient_norm = step % 2    ? NAN
                             : step == 4 ? INFINITY
                                         : (double)step,
        };
        assert_true(tn_recorder_step(recorder, &now));
    }
    tn_recorder_score(recorder,
                      &(tn_score_point){.step = STEPS, .train_score = 0.75, .valid_score = 0.5, .train_loss = 1, .valid_loss = 1.5});
    assert_int_equal(tn_recorder_end(recorder, "completed", "{}", NULL), TN_OK);
    const values *loss = read(store, "loss");
    assert_int_equal(loss->count, STEPS);
    for (uint64_t i = 0; i < STEPS; i++) {
        assert_int_equal(loss->steps[i], i + 1);
        if ((i + 1) % 7 == 0)
            assert_true(isnan(loss->values[i])); /* a NaN loss is told; a norm that is NaN was not computed */
        else
            assert_true(loss->values[i] == 1.0 / (double)(i + 1));
    }
    const values *rate = read(store, "learning_rate");
    assert_int_equal(rate->count, STEPS);
    assert_true(rate->values[STEPS - 1] == 0.1);
    const values *norm = read(store, "gradient_norm");
    assert_int_equal(norm->count, STEPS / 2);
    for (uint64_t i = 0; i < STEPS / 2; i++) {
        assert_int_equal(norm->steps[i], 2 * (i + 1));
        assert_true(i == 1 ? isinf(norm->values[i]) : norm->values[i] == (double)(2 * (i + 1)));
    }
    const values *score = read(store, "score.train");
    assert_int_equal(score->count, 2);
    assert_int_equal(score->steps[1], STEPS);
    assert_true(score->values[0] == 0.25 && score->values[1] == 0.75);
    assert_int_equal(read(store, "score.valid")->count, 1);
    assert_int_equal(read(store, "loss.train")->count, 2);
    assert_true(read(store, "loss.valid")->values[0] == 1.5);
    size_t trials = 0;
    assert_int_equal(tn_store_read_trials(store, check_end, &trials, NULL), TN_OK);
    assert_int_equal(trials, 1);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static bool check_vitals(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    static const char *const LABELS[] = {"dense_0.weight", "dense_0.weight.gradient", "dense_0.weight.update",
                                         "dense_0",        "dense_0.gradient",        "input"};
    size_t *seen = context;
    assert_string_equal(tensor, LABELS[*seen]);
    assert_int_equal(step, 1);
    tn_vitals vitals;
    assert_int_equal(tn_vitals_unpack(bytes, size, &vitals, NULL), TN_OK);
    assert_int_equal(vitals.count, 3);
    assert_int_equal(vitals.nan, 1);
    assert_int_equal(vitals.first_nonfinite, 1);
    assert_true(vitals.min == -2 && vitals.max == 1);
    ++*seen;
    return true;
}

static void vitals_reach_the_store(void **state)
{
    (void)state;
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    const tn_recorder_config config = {.store = store, .trial = {.key = "0011"}, .vitals_every = 1};
    tn_recorder *recorder = create(&config);
    tn_tensor_name name = GRADIENT;
    const tn_role roles[] = {TN_ROLE_WEIGHT, TN_ROLE_GRADIENT, TN_ROLE_UPDATE, TN_ROLE_ACTIVATION, TN_ROLE_ACTIVATION_GRADIENT,
                             TN_ROLE_INPUT};
    for (size_t i = 0; i < 6; i++) {
        name.role = roles[i];
        name.parameter = i < 3 ? "weight" : NULL;
        name.node = i == 5 ? "input" : "dense_0";
        tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &name, .index = i, .values = VALUES});
    }
    assert_true(tn_recorder_step(recorder, &(tn_step){.step = 1}));
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
    size_t seen = 0;
    assert_int_equal(tn_store_read_blobs(store, 1, check_vitals, &seen, NULL), TN_OK);
    assert_int_equal(seen, 6);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static bool list_name(void *context, const tn_store_name *name)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, HEARD - length, "%d %s %s %s %d/%d; ", (int)name->order, name->tensor, name->op, name->role, (int)name->count,
             (int)name->units);
    return true;
}

/* Each name once, whatever the number of observations. */
static void names_reach_the_store(void **state)
{
    (void)state;
    tn_store *store;
    char names[HEARD] = "";
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    const tn_recorder_config config = {.store = store, .trial = {.key = "0011"}, .vitals_every = 1};
    tn_recorder *recorder = create(&config);
    const tn_tensor_name output = {.node = "relu_1", .op = "relu", .role = TN_ROLE_ACTIVATION, .count = 3, .units = 1};
    for (uint64_t step = 1; step <= 3; step++) {
        tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &output, .values = VALUES});
        tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &GRADIENT, .index = 9, .values = VALUES});
        /* A number without bound is borne. */
        tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &GRADIENT, .index = (size_t)1 << 40, .values = VALUES});
        tn_recorder_step(recorder, &(tn_step){.step = step});
    }
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
    assert_int_equal(tn_store_read_names(store, 1, list_name, names, NULL), TN_OK);
    assert_string_equal(names, "0 relu_1 relu activation 3/1; 9 dense_0.weight.gradient dense gradient 3/3; ");
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* Rules of a made-up observer: the text that each has fired with, NULL for quiet. */
typedef struct oracle {
    const char *rules[2];
    uint64_t steps[2];
    const char *at_the_end;
} oracle;

static bool oracle_signal_at(void *context, size_t i, tn_store_signal *signal, bool *fired)
{
    static const char *const NAMES[] = {"plateau", "spiky"};
    const oracle *said = context;
    if (i >= 2)
        return false;
    *signal = (tn_store_signal){.rule = NAMES[i], .text = said->rules[i], .step = said->steps[i]};
    *fired = said->rules[i] != NULL;
    return true;
}

static void oracle_end(void *context, uint64_t steps)
{
    (void)steps;
    oracle *said = context;
    said->rules[0] = said->at_the_end;
}

static bool list_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, HEARD - length, "%d %s %d %s; ", (int)trial, signal->rule, (int)signal->step, signal->text);
    return true;
}

static const char *signals_of(tn_store *store)
{
    static char text[HEARD];
    text[0] = '\0';
    assert_int_equal(tn_store_read_signals(store, 1, list_signal, text, NULL), TN_OK);
    return text;
}

/* A killed process leaves the signals of its last hand-over; the end has the last word of each. */
static void signals_reach_the_store(void **state)
{
    (void)state;
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    oracle first = {.rules = {NULL, "spikes"}, .steps = {0, 7}, .at_the_end = "flat to the end"}, second = {.rules = {NULL, NULL}};
    const tn_observer observers[] = {
        {.context = &first, .on_end = oracle_end, .signal_at = oracle_signal_at}, {0}, {.context = &second, .signal_at = oracle_signal_at}};
    const tn_recorder_config config = {.store = store, .trial = {.key = "0011"}, .observers = observers, .observer_count = 3};
    tn_recorder *recorder = create(&config);
    assert_string_equal(signals_of(store), "");
    tn_recorder_flush(recorder);
    assert_string_equal(signals_of(store), "1 spiky 7 spikes; ");
    first.rules[0] = "flat";
    first.steps[0] = 9;
    first.rules[1] = NULL;
    tn_recorder_flush(recorder);
    assert_string_equal(signals_of(store), "1 plateau 9 flat; ");
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
    assert_string_equal(signals_of(store), "1 plateau 9 flat to the end; ");
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* A store that cannot write stops neither the steps nor the observers; the recorder's end tells it. */
static void a_failing_store_stops_nothing(void **state)
{
    (void)state;
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(sqlite3_exec(store->database, "PRAGMA max_page_count = 12", NULL, NULL, NULL), SQLITE_OK);
    char heard[HEARD] = "";
    ear a = {'a', heard, 0};
    tn_observer observer = observer_of(&a);
    observer.on_step = NULL;
    const tn_recorder_config config = {
        .store = store, .trial = {.key = "0011"}, .vitals_every = 1, .observers = &observer, .observer_count = 1};
    tn_recorder *recorder = create(&config);
    for (uint64_t step = 1; step <= 20000; step++)
        assert_true(tn_recorder_step(recorder, &(tn_step){.step = step}));
    assert_int_equal(tn_store_flush(store, NULL), TN_ERROR_STORE);
    for (uint64_t step = 20001; step <= 30000; step++)
        assert_true(tn_recorder_step(recorder, &(tn_step){.step = step}));
    tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &GRADIENT, .index = 4, .values = VALUES});
    tn_recorder_score(recorder, &(tn_score_point){.step = 30000});
    tn_error error = {0};
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, &error), TN_ERROR_STORE);
    assert_non_null(strstr(error.message, "full"));
    assert_string_equal(heard, "av30001 as30000 ae30000 ");
    /* The next trial meets the same store: it runs, and is told at its end. */
    recorder = create(&config);
    assert_true(tn_recorder_step(recorder, &(tn_step){.step = 1}));
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, &error), TN_ERROR_STORE);
    assert_int_equal(tn_store_close(store, NULL), TN_ERROR_STORE);
}

/* What an observer saw of units. */
typedef struct unit_ear {
    uint64_t taken; /* bit n: on step n */
    size_t seen, samples;
    uint64_t zeros, saturated;
} unit_ear;

static void hear_units(void *context, const tn_tensor_seen *seen)
{
    unit_ear *heard = context;
    heard->seen++;
    heard->samples += seen->batch.count;
    if (!seen->units)
        return;
    assert_int_equal(seen->units->units, 2);
    assert_int_equal(seen->units->values, 3);
    heard->taken |= UINT64_C(1) << seen->step;
    heard->zeros += seen->units->unit[0].zeros;
    heard->saturated += seen->units->unit[1].saturated;
}

static unit_ear hear_steps(const tn_tensor_name *name, size_t units_max)
{
    static const float OUTPUTS[] = {0, 0.25F, 0, 0.5F, 0, 0.99F};
    static const uint32_t ROWS[] = {7, 5, 9};
    unit_ear heard = {0};
    const tn_observer observer = {.context = &heard, .on_tensor = hear_units};
    const tn_recorder_config config = {.vitals_every = 2, .units_max = units_max, .observers = &observer, .observer_count = 1};
    tn_recorder *recorder = create(&config);
    for (uint64_t step = 1; step <= 24; step++) {
        if (tn_recorder_wants_tensors(recorder, step))
            tn_recorder_tap(recorder, &(tn_tensor_shown){.name = name, .values = OUTPUTS, .batch = {3, ROWS}});
        assert_true(tn_recorder_step(recorder, &(tn_step){.step = step}));
    }
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
    assert_int_equal(heard.seen, 12);
    assert_int_equal(heard.samples, 36);
    return heard;
}

/* On the first three observed steps and every fourth: of the steps 1, 3, 5 ... 23 these are 1, 3, 5, 9 and 17. */
static void units_are_seen_on_a_share_of_the_steps(void **state)
{
    (void)state;
    tn_tensor_name name = {.node = "tanh_1", .op = "tanh", .role = TN_ROLE_ACTIVATION, .count = 6, .units = 2};
    unit_ear heard = hear_steps(&name, 2);
    assert_int_equal(heard.taken, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 9 | 1 << 17);
    assert_int_equal(heard.zeros, 5 * 3);
    assert_int_equal(heard.saturated, 5);
    assert_int_equal(hear_steps(&name, 1).taken, 0); /* it has more units than were asked for */
    name.role = TN_ROLE_ACTIVATION_GRADIENT;
    assert_int_equal(hear_steps(&name, 2).taken, 0);
    name.role = TN_ROLE_WEIGHT; /* these tell how they begin */
    assert_int_equal(hear_steps(&name, 2).taken, 1 << 1);
}

static void update_ratios(void **state)
{
    (void)state;
    static const float WEIGHTS[] = {3, -4, NAN}, UPDATES[] = {0.03F, 0.04F, 0.03F, 0.04F}, ZEROS[] = {0, 0};
    tn_vitals weight, update, zero;
    tn_vitals_init(&weight);
    tn_vitals_init(&update);
    tn_vitals_init(&zero);
    assert_true(isnan(tn_update_ratio(&update, &weight)));
    tn_vitals_add(&weight, WEIGHTS, 3);
    tn_vitals_add(&update, UPDATES, 4);
    tn_vitals_add(&zero, ZEROS, 2);
    assert_true(fabs(tn_update_ratio(&update, &weight) - 0.01) < 1e-8);
    assert_true(tn_update_ratio(&zero, &weight) == 0);
    assert_true(isnan(tn_update_ratio(&update, &zero)));
}

static size_t fired_as_told(void *context)
{
    return *(const size_t *)context;
}

/* A rule more than before is an incident, and the steps after it are observed beside the plan; one that is taken back is none. */
static void incidents_are_rules_that_fire(void **state)
{
    (void)state;
    size_t fired = 0;
    const tn_observer observers[] = {{.context = &fired, .fired = fired_as_told}, {.context = NULL}};
    const tn_recorder_config config = {.vitals_every = 100, .observers = observers, .observer_count = 2};
    tn_recorder *recorder = create(&config);
    for (uint64_t step = 1; step <= 60; step++) {
        assert_int_equal(tn_recorder_wants_tensors(recorder, step), step == 1 || (step > 10 && step <= 18) || (step > 40 && step <= 48));
        if (tn_recorder_wants_tensors(recorder, step))
            tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &GRADIENT, .index = 4, .values = VALUES});
        assert_true(tn_recorder_step(recorder, &(tn_step){.step = step}));
        fired = step < 10 ? 0 : step < 30 ? 2 : step < 40 ? 1 : 2;
        assert_int_equal(tn_recorder_incident(recorder), step == 10 || step == 40);
    }
    for (uint64_t step = 1; step <= 70; step++)
        assert_int_equal(tn_recorder_has_seen(recorder, step), step == 1 || (step > 10 && step <= 18) || (step > 40 && step <= 48));
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
}

static void keep_vitals(void *context, const tn_tensor_seen *seen)
{
    *(tn_vitals *)context = *seen->vitals;
}

static tn_vitals tap_large(const float *data, size_t count, size_t threads)
{
    tn_vitals seen;
    tn_pool *pool = NULL;
    if (threads > 0)
        assert_int_equal(tn_pool_create(threads, &pool, NULL), TN_OK);
    const tn_observer observer = {.context = &seen, .on_tensor = keep_vitals};
    const tn_recorder_config config = {.vitals_every = 1, .pool = pool, .observers = &observer, .observer_count = 1};
    const tn_tensor_name name = {.node = "dense_0", .op = "dense", .role = TN_ROLE_ACTIVATION, .count = count, .units = count};
    tn_recorder *recorder = create(&config);
    tn_recorder_tap(recorder, &(tn_tensor_shown){.name = &name, .values = data});
    assert_int_equal(tn_recorder_end(recorder, "completed", NULL, NULL), TN_OK);
    tn_pool_destroy(pool);
    return seen;
}

/* Cut in tiles: the same bits at any number of threads, and what one pass over the whole gives. */
static void large_tensors_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {65535, 65536, 200001, 1500000};
    for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS; c++) {
        size_t count = COUNTS[c];
        float *data = malloc(count * sizeof *data);
        assert_non_null(data);
        for (size_t i = 0; i < count; i++)
            data[i] = (float)((double)(i * 2654435761U % 1000003) / 500000.0 - 0.9);
        data[count - 2] = NAN;
        tn_vitals whole, alone = tap_large(data, count, 0);
        tn_vitals_init(&whole);
        tn_vitals_add(&whole, data, count);
        for (size_t threads = 1; threads <= 3; threads++) {
            tn_vitals shared = tap_large(data, count, threads);
            assert_memory_equal(&shared, &alone, sizeof shared);
        }
        assert_int_equal(alone.count, count);
        assert_int_equal(alone.first_nonfinite, count - 2);
        assert_int_equal(alone.nan, 1);
        assert_int_equal(alone.zeros, whole.zeros);
        assert_true(alone.min == whole.min && alone.max == whole.max);
        size_t one_in = count < TN_VITALS_SPARSE_FROM ? TN_VITALS_SAMPLED_ONE_IN : TN_VITALS_SPARSE_ONE_IN;
        assert_true(fabs(tn_vitals_weight(&alone) / (double)one_in - 1) < 0.02);
        for (size_t i = 0; i < sizeof whole.histogram / sizeof **whole.histogram; i++)
            assert_true(fabs((double)((&alone.histogram[0][0])[i] * one_in) - (double)(&whole.histogram[0][0])[i]) <= 0.02 * (double)count);
        assert_true(fabs(alone.mean - whole.mean) <= 1e-12);
        assert_true(fabs(alone.m2 - whole.m2) <= 1e-9 * whole.m2);
        assert_true(fabs(alone.sum - whole.sum) <= 1e-9 * (double)count);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(observers_hear_in_order),
        cmocka_unit_test(no_vitals_unless_wanted),
        cmocka_unit_test(series_reach_the_store),
        cmocka_unit_test(vitals_reach_the_store),
        cmocka_unit_test(names_reach_the_store),
        cmocka_unit_test(signals_reach_the_store),
        cmocka_unit_test(a_failing_store_stops_nothing),
        cmocka_unit_test(units_are_seen_on_a_share_of_the_steps),
        cmocka_unit_test(update_ratios),
        cmocka_unit_test(incidents_are_rules_that_fire),
        cmocka_unit_test(large_tensors_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
