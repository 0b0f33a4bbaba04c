/* support_recorded.c: see support_recorded.h. */
#include "report/support_recorded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>

/* A number in [0, 1) that looks random and is the same everywhere. */
static double jitter(uint64_t seed)
{
    uint64_t bits = (seed + 1) * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(bits >> 40 & 0xFFFF) / 65536;
}

static void show(tn_recorder *recorder, uint64_t step, size_t index, tn_role role, float scale)
{
    enum { VALUES = 48 };
    tn_tensor_name name = {
        .node = "dense_1", .parameter = "weight", .op = "dense", .node_index = 0, .role = role, .count = VALUES, .units = 6};
    if (role == TN_ROLE_ACTIVATION)
        name = (tn_tensor_name){.node = "relu_2", .op = "relu", .node_index = 1, .role = role, .count = VALUES, .units = 6};
    float values[VALUES];
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = scale * (float)(2 * jitter(i + 7 * index) - 1);
        if (role == TN_ROLE_ACTIVATION && values[i] < 0)
            values[i] = 0;
    }
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, VALUES);
    tn_recorder_tensor(recorder, &(tn_tensor_seen){.step = step, .name = &name, .index = index, .vitals = &vitals});
}

typedef struct oracle {
    bool fires;
} oracle;

static bool signal_at(void *context, size_t i, tn_store_signal *signal, bool *fired)
{
    static const tn_store_signal SIGNALS[] = {
        {.rule = "nonfinite",
         .severity = "error",
         .step = RECORDED_BROKEN,
         .tensor = "dense_1.weight",
         .value = 3,
         .text = "dense_1.weight holds NaN from step 57 on, 3 of its 48 values"},
        {.rule = "diverging",
         .severity = "warning",
         .step = 40,
         .value = NAN,
         .threshold = 2,
         .text = "the loss diverges: its median over the last 20 steps is 2181, and it began at 2.406"},
    };
    if (i >= 2)
        return false;
    *signal = SIGNALS[i];
    *fired = ((oracle *)context)->fires;
    return true;
}

static void record(tn_store *store, bool breaks, const tn_observer *live)
{
    oracle rules = {breaks};
    const tn_observer observers[] = {{.context = &rules, .signal_at = signal_at}, live ? *live : (tn_observer){0}};
    const tn_recorder_config config = {
        .store = store,
        .trial = {.key = breaks ? "b" : "a",
                  .subject = "net.json",
                  .experiment = "train",
                  .patch = breaks ? "{\"knobs\":{\"solver.learning_rate\":10.0},\"patch\":{\"net.1.op\":\"tanh\"}}"
                                  : "{\"knobs\":{},\"patch\":{}}",
                  .isa = "avx2",
                  .version = "0.1.0",
                  .seed = 1},
        .observers = observers,
        .observer_count = 2,
    };
    tn_recorder *recorder;
    assert_int_equal(tn_recorder_create(&config, &recorder, NULL), TN_OK);
    for (uint64_t step = 1; step <= (breaks ? 60 : RECORDED_STEPS); step++) {
        double place = (double)step, loss = breaks ? 2.5 * pow(1.2, place) : 2.5 / (1 + place / 20) + 0.2 * jitter(step);
        bool broken = breaks && step >= RECORDED_BROKEN;
        if (step % 10 == 1 || step == RECORDED_BROKEN) {
            float grown = breaks ? (float)pow(1.1, place) : 1;
            show(recorder, step, 0, TN_ROLE_WEIGHT, broken ? NAN : 0.1f * grown);
            show(recorder, step, 1, TN_ROLE_ACTIVATION, broken ? NAN : 1.5f * grown);
            show(recorder, step, 2, TN_ROLE_GRADIENT, broken ? NAN : 0.02f / (float)step);
            show(recorder, step, 3, TN_ROLE_UPDATE, broken ? NAN : 0.0001f * grown * grown);
        }
        if (step % 50 == 0)
            tn_recorder_score(
                recorder,
                &(tn_score_point){
                    .step = step, .train_score = 1 - loss / 4, .valid_score = 0.9 - loss / 4, .train_loss = loss, .valid_loss = NAN});
        const tn_step now = {.step = step,
                             .samples = 16 * step,
                             .loss = broken ? NAN : loss,
                             .learning_rate = breaks ? 10 : 0.1 / (1 + place / 100),
                             .gradient_norm = loss / 10};
        assert_true(tn_recorder_step(recorder, &now));
    }
    assert_int_equal(tn_recorder_end(recorder, breaks ? "nonfinite" : "completed", "{}", NULL), TN_OK);
}

void recorded_write(tn_store *store, const tn_observer *live)
{
    record(store, false, live);
    record(store, true, NULL);
    const tn_store_trial killed = {.key = "c",
                                   .subject = "python3 a/rather/long/path/to/train.py",
                                   .experiment = "lr_boundary",
                                   .patch = "{\"knobs\":{\"learning_rate\":0.3333333,\"steps\":100},\"patch\":{}}",
                                   .isa = "avx2",
                                   .version = "0.1.0",
                                   .seed = 7};
    int64_t id;
    assert_int_equal(tn_store_trial_begin(store, &killed, &id, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, id, "loss", 1, (const uint64_t[]){1}, (const double[]){0.5}, NULL), TN_OK);
    assert_int_equal(tn_store_flush(store, NULL), TN_OK);
}

void recorded_sql(const char *path, const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

void recorded_make(const char *path)
{
    tn_store *store;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    recorded_write(store, NULL);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    recorded_sql(path, "UPDATE trial SET started = '2026-11-28T10:00:00Z'");
}
