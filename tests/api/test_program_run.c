/* test_program_run.c: a loop that calls tenet_run.h, in a process of its own, against a parent that writes down what it hears; and by itself, with a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/wire.h"
#include "store/store.h"
#include "tenet_run.h"

enum { HEARD_MAX = 4096 };

typedef struct heard {
    json_t *hello, *facts, *end, *applied, *refused;
    tn_step steps[HEARD_MAX];
    tn_score_point scores[HEARD_MAX];
    uint64_t vitals_steps[HEARD_MAX];
    double maxima[HEARD_MAX];
    char tensors[16][64];
    char ops[16][16];
    size_t step_count, score_count, vitals_count, tensor_count, units_count;
    struct {
        uint64_t step, batch, values;
        uint32_t index;
        size_t units;
        tn_unit first;
    } units[64];
    int status;
} heard;

/* Minimises w^2 / 2. */
static int plain_loop(uint64_t limit)
{
    tn_error error;
    tn_run *run = tn_run_begin("loop", NULL, &error);
    if (!run)
        return 9;
    double rate = tn_knob_f64(run, "learning_rate", 0.5), weight = 1;
    int64_t batch = tn_knob_i64(run, "batch_size", 8);
    const char *scale = tn_knob_text(run, "input_scale", "none");
    if (tn_knob_i64(run, "seed", 3) == 77)
        weight = 2;
    (void)tn_knob_i64(run, "samples", 80);
    bool shuffled = tn_knob_i64(run, "shuffle_labels", 0) != 0;
    for (uint64_t step = 0; step < limit; step++) {
        double gradient = weight + (shuffled ? 100 : 0) + (scale[0] == 's' ? 1000 : 0);
        const int64_t shape[1] = {1};
        if (tn_run_tensor(run, "dense.weight", TN_TENSOR_WEIGHT, TN_DTYPE_FLOAT64, 1, shape, NULL, &weight) != true)
            return 8;
        tn_run_tensor(run, "dense.weight", TN_TENSOR_GRADIENT, TN_DTYPE_FLOAT64, 1, shape, NULL, &gradient);
        const double table[2][3] = {{1, 10, 5}, {3, 20, 5}};
        tn_run_tensor(run, "input", TN_TENSOR_INPUT, TN_DTYPE_FLOAT64, 2, (const int64_t[]){2, 3}, NULL, table);
        tn_run_tensor(run, "block.relu_2", TN_TENSOR_ACTIVATION, TN_DTYPE_FLOAT64, 1, shape, NULL, &gradient);
        bool going_on = tn_run_step(run, weight * weight / 2, rate, (uint64_t)batch);
        weight -= rate * gradient;
        if (!going_on)
            break;
    }
    return tn_run_end(run, &error) == TN_OK ? 0 : 7;
}

/* A weight that is stored by its outputs, four samples of three units of which the first is dead, and what tells no units. */
static int unit_loop(uint64_t limit)
{
    static const float WEIGHT[3][2] = {{-1, 2}, {3, 4}, {5, 6}}, OUTPUTS[4][3] = {{0, 1, 2}, {0, 0, 3}, {0, 2, 0}, {0, 4, 5}};
    static const double DOUBLES[2][2] = {{1, 2}, {3, 4}};
    tn_run *run = tn_run_begin("loop", NULL, NULL);
    for (uint64_t step = 0; step < limit; step++) {
        tn_run_tensor(run, "relu_1", TN_TENSOR_ACTIVATION, TN_DTYPE_FLOAT32, 2, (const int64_t[]){4, 3}, NULL, OUTPUTS);
        tn_run_tensor(run, "half", TN_TENSOR_ACTIVATION, TN_DTYPE_FLOAT32, 2, (const int64_t[]){4, 2}, (const int64_t[]){3, 1}, OUTPUTS);
        tn_run_tensor(run, "wide", TN_TENSOR_ACTIVATION, TN_DTYPE_FLOAT64, 2, (const int64_t[]){2, 2}, NULL, DOUBLES);
        tn_run_tensor(run, "dense.weight", TN_TENSOR_GRADIENT, TN_DTYPE_FLOAT32, 2, (const int64_t[]){2, 3}, NULL, WEIGHT);
        tn_run_tensor(run, "dense.bias", TN_TENSOR_WEIGHT, TN_DTYPE_FLOAT32, 1, (const int64_t[]){3}, NULL, WEIGHT);
        tn_run_tensor(run, "dense.weight", TN_TENSOR_WEIGHT, TN_DTYPE_FLOAT32, 2, (const int64_t[]){2, 3}, (const int64_t[]){1, 2}, WEIGHT);
        if (!tn_run_step(run, 1, 0.1, 4))
            break;
    }
    return tn_run_end(run, NULL) == TN_OK ? 0 : 7;
}

static int scoring_loop(uint64_t limit)
{
    tn_run *run = tn_run_begin("loop", NULL, NULL);
    for (uint64_t step = 0; step < limit; step++) {
        tn_run_score(run, (double)step);
        if (!tn_run_step(run, 1, 0.1, 1))
            break;
    }
    tn_run_score(run, 42); /* too late where the run was told to stop */
    return tn_run_end(run, NULL) == TN_OK ? 0 : 7;
}

static void merge(json_t **into, json_t *from)
{
    if (json_is_array(from))
        json_array_extend(*into, from);
    else
        json_object_update(*into, from);
}

static void hear(heard *h, const tn_wire_record *record)
{
    json_t *json = record->json ? json_loads(record->json, 0, NULL) : NULL;
    switch (record->type) {
    case TN_WIRE_HELLO:
        h->hello = json_incref(json);
        break;
    case TN_WIRE_APPLIED:
        merge(&h->applied, json_object_get(json, "applied"));
        merge(&h->refused, json_object_get(json, "refused"));
        break;
    case TN_WIRE_FACTS:
        h->facts = json_incref(json);
        break;
    case TN_WIRE_END:
        h->end = json_incref(json);
        break;
    case TN_WIRE_TENSOR:
        snprintf(h->tensors[h->tensor_count], sizeof h->tensors[0], "%u %s.%s %s", record->index, record->tensor.node,
                 record->tensor.parameter ? record->tensor.parameter : "", tn_role_name(record->tensor.role));
        snprintf(h->ops[h->tensor_count++], sizeof h->ops[0], "%s", record->tensor.op ? record->tensor.op : "");
        break;
    case TN_WIRE_VITALS:
        h->vitals_steps[h->vitals_count] = record->step;
        h->maxima[h->vitals_count++] = (double)record->vitals.max;
        break;
    case TN_WIRE_UNITS:
        h->units[h->units_count].step = record->step;
        h->units[h->units_count].batch = record->batch;
        h->units[h->units_count].values = record->units.values;
        h->units[h->units_count].index = record->index;
        h->units[h->units_count].units = record->units.units;
        h->units[h->units_count++].first = record->units.unit[0];
        break;
    case TN_WIRE_STEP:
        h->steps[h->step_count++] = record->scalars;
        break;
    case TN_WIRE_SCORE:
        h->scores[h->score_count++] = record->score;
        break;
    default:
        fail_msg("unexpected record %d", (int)record->type);
    }
    json_decref(json);
}

/* Runs the loop in a child under this trial, and says STOP after `stop_after` steps (0: never). */
static heard *run_under(const char *trial, int (*loop)(uint64_t), uint64_t limit, size_t stop_after)
{
    heard *h = calloc(1, sizeof *h);
    h->applied = json_array();
    h->refused = json_object();
    char path[] = "/tmp/test_program_run.XXXXXX", name[64];
    int file = mkstemp(path);
    assert_int_equal(write(file, trial, strlen(trial)), strlen(trial));
    close(file);
    snprintf(name, sizeof name, "@tenet-test-%ld-%d", (long)getpid(), rand());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("TENET_SOCKET", name, 1);
        setenv("TENET_TRIAL", path, 1);
        _exit(loop(limit));
    }
    int socket = accept(listener, NULL, NULL);
    assert_true(socket >= 0);
    tn_wire_reader reader = {0};
    tn_wire_record record;
    char bytes[4096];
    ssize_t got;
    bool has, said = false;
    tn_error error;
    while ((got = read(socket, bytes, sizeof bytes)) > 0) {
        assert_int_equal(tn_wire_feed(&reader, bytes, (size_t)got, &error), TN_OK);
        while (tn_wire_next(&reader, &record, &has, &error) == TN_OK && has)
            hear(h, &record);
        if (stop_after > 0 && h->step_count >= stop_after && !said) {
            tn_wire_buffer stop = {0};
            assert_int_equal(tn_wire_put_text(&stop, TN_WIRE_STOP, "", &error), TN_OK);
            assert_int_equal(write(socket, stop.bytes, stop.size), stop.size);
            tn_wire_buffer_deinit(&stop);
            said = true;
        }
    }
    tn_wire_reader_deinit(&reader);
    close(socket);
    close(listener);
    assert_int_equal(waitpid(child, &h->status, 0), child);
    unlink(path);
    return h;
}

static void forget(heard *h)
{
    json_decref(h->hello);
    json_decref(h->facts);
    json_decref(h->end);
    json_decref(h->applied);
    json_decref(h->refused);
    free(h);
}

static bool was_applied(const heard *h, const char *knob)
{
    for (size_t i = 0; i < json_array_size(h->applied); i++) {
        if (strcmp(json_string_value(json_array_get(h->applied, i)), knob) == 0)
            return true;
    }
    return false;
}

static void test_look(void **state)
{
    (void)state;
    heard *h = run_under("{\"id\": \"7\", \"mode\": \"look\", \"seed\": null, \"steps\": null, \"knobs\": {}, \"patch\": null, "
                         "\"score_every\": 0, \"vitals_every\": 2, \"known\": null}",
                         plain_loop, 6, 0);
    assert_int_equal(h->status, 0);
    assert_string_equal(json_string_value(json_object_get(h->hello, "trial")), "7");
    assert_string_equal(json_string_value(json_object_get(h->hello, "framework")), "c");
    assert_true(json_is_false(json_object_get(h->hello, "serves")));
    assert_int_equal(h->step_count, 6);
    assert_int_equal(h->steps[5].step, 6);
    assert_int_equal(h->steps[5].samples, 48);
    assert_float_equal(h->steps[0].loss, 0.5, 0);
    assert_float_equal(h->steps[1].loss, 0.125, 0);
    assert_float_equal(h->steps[1].learning_rate, 0.5, 0);
    assert_int_equal(json_array_size(h->applied), 0);
    assert_int_equal(json_object_size(h->refused), 0);
    /* Of four tensors at steps 1, 3 and 5. */
    assert_int_equal(h->tensor_count, 4);
    assert_string_equal(h->tensors[0], "0 dense.weight weight");
    assert_string_equal(h->tensors[1], "1 dense.weight gradient");
    assert_string_equal(h->tensors[2], "2 input. input");
    assert_string_equal(h->tensors[3], "3 block.relu_2. activation");
    assert_string_equal(h->ops[0], "");
    assert_string_equal(h->ops[3], "relu");
    assert_int_equal(h->vitals_count, 12);
    assert_int_equal(h->vitals_steps[11], 5);
    assert_float_equal(h->maxima[4], 0.25, 0);
    /* By the loss: 0 before the first step, and at the end. */
    assert_int_equal(h->score_count, 2);
    assert_int_equal(h->scores[0].step, 0);
    assert_float_equal(h->scores[0].train_score, 0, 0);
    assert_int_equal(h->scores[1].step, 6);
    assert_true(fabs(h->scores[1].train_score - (1 - h->steps[5].loss / 0.5)) < 1e-12);
    const json_t *knobs = json_object_get(h->facts, "knobs");
    assert_int_equal(json_array_size(knobs), 7);
    assert_string_equal(json_string_value(json_array_get(knobs, 0)), "learning_rate");
    assert_string_equal(json_string_value(json_array_get(knobs, 6)), "steps");
    assert_int_equal(json_integer_value(json_object_get(h->facts, "train_samples")), 80);
    assert_int_equal(json_integer_value(json_object_get(h->facts, "steps_per_epoch")), 10);
    assert_int_equal(json_integer_value(json_object_get(h->facts, "steps_total")), 6);
    assert_int_equal(json_integer_value(json_object_get(h->facts, "parameters")), 1);
    assert_float_equal(json_number_value(json_object_get(h->facts, "learning_rate")), 0.5, 0);
    assert_int_equal(json_integer_value(json_object_get(h->facts, "features")), 3);
    assert_true(fabs(json_number_value(json_object_get(h->facts, "input_mean")) - 44.0 / 6) < 1e-9);
    assert_float_equal(json_number_value(json_object_get(h->facts, "input_max")), 20, 0);
    /* The third feature is constant. */
    assert_float_equal(json_number_value(json_object_get(h->facts, "input_std_min")), 1, 1e-6);
    assert_float_equal(json_number_value(json_object_get(h->facts, "input_std_max")), 5, 1e-6);
    assert_true(json_is_true(json_object_get(h->facts, "scored")));
    assert_string_equal(json_string_value(json_object_get(h->end, "reason")), "exit");
    forget(h);
}

/* On the first three steps, then on every fourth. */
static void test_units(void **state)
{
    (void)state;
    static const uint64_t STEPS[] = {1, 2, 3, 5, 9};
    heard *h = run_under("{\"id\": \"7\", \"mode\": \"train\", \"vitals_every\": 1, \"knobs\": {}}", unit_loop, 10, 0);
    assert_int_equal(h->status, 0);
    assert_int_equal(h->vitals_count, 60);
    assert_int_equal(h->units_count, 6);
    for (size_t k = 0; k < 5; k++) {
        size_t i = k == 0 ? 0 : k + 1; /* the weight's come behind the first */
        assert_int_equal(h->units[i].step, STEPS[k]);
        assert_string_equal(h->tensors[h->units[i].index], "0 relu_1. activation");
        assert_int_equal(h->units[i].batch, 4);
        assert_int_equal(h->units[i].units, 3);
        assert_int_equal(h->units[i].values, 4);
        assert_int_equal(h->units[i].first.zeros, 4);
        assert_int_equal(h->units[i].first.saturated, 4); /* at the lower bound of a relu */
    }
    assert_int_equal(h->units[1].step, 1);
    assert_string_equal(h->tensors[h->units[1].index], "5 dense.weight weight");
    assert_int_equal(h->units[1].batch, 0);
    assert_int_equal(h->units[1].units, 3);
    assert_int_equal(h->units[1].values, 2);
    assert_true(h->units[1].first.min == -1 && h->units[1].first.max == 2);
    forget(h);
}

static void test_knobs(void **state)
{
    (void)state;
    heard *h = run_under("{\"id\": \"8\", \"mode\": \"trial\", \"seed\": 77, \"steps\": 4, \"score_every\": 2, \"vitals_every\": 0, "
                         "\"known\": {\"scores\": false}, \"patch\": {\"net.0.op\": \"relu\"},"
                         " \"knobs\": {\"learning_rate\": 0.25, \"batch_size\": 5, \"shuffle_labels\": true, \"input_scale\": "
                         "\"standardize\", \"clip_norm\": 1.0}}",
                         plain_loop, 100, 0);
    assert_int_equal(h->status, 0);
    assert_int_equal(h->step_count, 4);
    assert_float_equal(h->steps[0].loss, 2, 0);
    assert_float_equal(h->steps[1].loss, pow(2 - 0.25 * 1102, 2) / 2, 1e-9);
    assert_int_equal(h->steps[3].samples, 20);
    static const char *const APPLIED[] = {"seed", "steps", "learning_rate", "batch_size", "shuffle_labels", "input_scale"};
    for (size_t i = 0; i < 6; i++)
        assert_true(was_applied(h, APPLIED[i]));
    assert_int_equal(json_array_size(h->applied), 6);
    assert_int_equal(json_object_size(h->refused), 2);
    assert_non_null(strstr(json_string_value(json_object_get(h->refused, "clip_norm")), "tn_knob_f64(run, \"clip_norm\""));
    assert_non_null(json_object_get(h->refused, "patch"));
    assert_string_equal(json_string_value(json_object_get(h->end, "reason")), "steps");
    assert_null(h->facts);
    assert_int_equal(h->vitals_count, 0);
    assert_int_equal(h->score_count, 0); /* the labels were shuffled: the loss says nothing */
    forget(h);
}

static void test_stop(void **state)
{
    (void)state;
    heard *h = run_under("{\"id\": \"9\", \"mode\": \"look\", \"knobs\": {}}", plain_loop, UINT64_MAX, 3);
    assert_int_equal(h->status, 0);
    assert_true(h->step_count >= 3);
    assert_string_equal(json_string_value(json_object_get(h->end, "reason")), "stopped");
    assert_int_equal(json_integer_value(json_object_get(h->facts, "steps_total")), 0);
    forget(h);
}

static void test_own_scores(void **state)
{
    (void)state;
    heard *h = run_under("{\"id\": \"1\", \"mode\": \"look\", \"knobs\": {}}", scoring_loop, 3, 0);
    assert_int_equal(h->status, 0);
    assert_int_equal(h->score_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(h->scores[i].step, i);
        assert_true(h->scores[i].valid_score == (i < 3 ? (double)i : 42));
        assert_true(isnan(h->scores[i].train_score));
    }
    assert_true(json_is_true(json_object_get(json_object_get(h->facts, "private"), "scores")));
    forget(h);
    h = run_under("{\"id\": \"1\", \"mode\": \"trial\", \"steps\": 2, \"unscored\": true, \"knobs\": {}, \"known\": {\"scores\": true}}",
                  scoring_loop, 3, 0);
    assert_int_equal(h->score_count, 0);
    assert_int_equal(h->step_count, 2);
    forget(h);
}

/* Nobody watches: the loop's own values, and no end. */
static void test_alone(void **state)
{
    (void)state;
    unsetenv("TENET_SOCKET");
    assert_int_equal(plain_loop(10), 0);
    assert_float_equal(tn_knob_f64(NULL, "learning_rate", 0.5), 0.5, 0);
    assert_string_equal(tn_knob_text(NULL, "optimizer", "sgd"), "sgd");
    assert_int_equal(tn_knob_i64(NULL, "steps", -3), -3);
    assert_true(tn_run_step(NULL, 1, 1, 1));
    assert_false(tn_run_wants_tensors(NULL));
    tn_run_score(NULL, 1);
    assert_int_equal(tn_run_end(NULL, NULL), TN_OK);
}

static void test_parent_that_is_gone(void **state)
{
    (void)state;
    tn_error error = {0};
    setenv("TENET_SOCKET", "@tenet-test-nobody-listens", 1);
    unsetenv("TENET_TRIAL");
    assert_null(tn_run_begin("x", NULL, &error));
    assert_int_equal(error.code, TN_ERROR_IO);
    setenv("TENET_TRIAL", "/nowhere/trial.json", 1);
    assert_null(tn_run_begin("x", NULL, &error));
    assert_non_null(strstr(error.message, "/nowhere/trial.json"));
    unsetenv("TENET_SOCKET");
    unsetenv("TENET_TRIAL");
}

typedef struct seen {
    int64_t trial;
    size_t losses, blobs;
    char end[16], subject[16];
} seen;

static bool see_trial(void *context, const tn_store_trial_row *row)
{
    seen *s = context;
    s->trial = row->id;
    snprintf(s->end, sizeof s->end, "%s", row->end ? row->end : "");
    snprintf(s->subject, sizeof s->subject, "%s", row->trial.subject);
    return true;
}

static bool see_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    seen *s = context;
    if (strcmp(series, "loss") == 0) {
        assert_int_equal(steps[0], 1);
        assert_true(values[count - 1] == 1.0 / (double)count);
        s->losses += count;
    }
    return true;
}

static bool see_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    (void)step;
    (void)bytes;
    (void)size;
    seen *s = context;
    assert_string_equal(tensor, "a.b.weight");
    s->blobs++;
    return true;
}

static void test_store(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_program_run.XXXXXX", path[64];
    tn_error error = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store.db", folder);
    tn_run *run = tn_run_begin("mine", path, &error);
    assert_non_null(run);
    const int64_t shape[2] = {2, 2}, strides[2] = {1, 2};
    const uint16_t halves[4] = {0x3c00, 0xbc00, 0x7e00, 0};
    for (int step = 1; step <= 5; step++) {
        assert_true(tn_run_tensor(run, "a.b.weight", TN_TENSOR_WEIGHT, TN_DTYPE_FLOAT16, 2, shape, strides, halves));
        assert_true(tn_run_step(run, 1.0 / step, 0.1, 4));
    }
    /* Nonsense is told and changes nothing. */
    assert_false(tn_run_tensor(run, "a.b.weight", TN_TENSOR_WEIGHT, (tn_dtype)77, 2, shape, strides, halves));
    assert_false(tn_run_tensor(run, "a.b.weight", (tn_tensor_role)77, TN_DTYPE_FLOAT16, 2, shape, strides, halves));
    assert_false(tn_run_tensor(run, "", TN_TENSOR_WEIGHT, TN_DTYPE_FLOAT16, 2, shape, strides, halves));
    assert_false(tn_run_tensor(run, "a.b.weight", TN_TENSOR_WEIGHT, TN_DTYPE_FLOAT16, 2, shape, strides, NULL));
    assert_int_equal(tn_run_end(run, &error), TN_OK);
    tn_store *store;
    seen s = {0};
    assert_int_equal(tn_store_open(path, &store, &error), TN_OK);
    assert_int_equal(tn_store_read_trials(store, see_trial, &s, &error), TN_OK);
    assert_string_equal(s.end, "completed");
    assert_string_equal(s.subject, "mine");
    assert_int_equal(tn_store_read_series(store, s.trial, see_series, &s, &error), TN_OK);
    assert_int_equal(s.losses, 5);
    assert_int_equal(tn_store_read_blobs(store, s.trial, see_blob, &s, &error), TN_OK);
    assert_true(s.blobs >= 1);
    assert_int_equal(tn_store_close(store, &error), TN_OK);
    assert_null(tn_run_begin("mine", "/nowhere/at/all/store.db", &error));
    assert_int_equal(error.code, TN_ERROR_STORE);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_knobs),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_own_scores),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_parent_that_is_gone),
        cmocka_unit_test(test_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
