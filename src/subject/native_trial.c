/* native_trial.c: one trial on the engine.
 *
 *   1. knobs -> hypes, data (shared where the knobs leave it alone), trainer, probes, recorder
 *   2. score and shown samples before the first step
 *   3. steps: each to the recorder, and once more those before an incident; scores at score points
 *   4. score and shown samples after the last
 *
 * A layer of the user's own that fails ends the trial as refused, at the step that it failed in; the steps before it stand. A trial is non-finite where the loss of a batch is, or a weight: looked for at score points, at the end, and wherever the gradient norm is not finite. After that no score is
 * taken; the last one stands, and `end` tells. A mistake in 1 refuses the trial. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/simd.h"
#include "subject/native.h"
#include "subject/native_replay.h"

typedef struct trial {
    const tn_native *native;
    const tn_trial_request *request;
    tn_trial_result *result;
    tn_turned turned;
    tn_data own; /* where the knobs change the data */
    const tn_data *data;
    tn_pool *pool; /* NULL: one thread */
    tn_trainer *trainer;
    tn_recorder *recorder;
    tn_replay replay;
    uint64_t step_ns; /* of the last step; 0 where nobody measures */
    tn_probe train, valid, shown;
    float *outputs, *losses; /* scratch of the largest probe */
    double threshold;
    bool knows_norm;
    size_t step_capacity, score_capacity;
} trial;

/* ---- 1. preparing ---- */

static tn_status open_data(trial *t, tn_error *error)
{
    char *key = tn_native_data_key(t->turned.hypes);
    if (!key)
        return tn_fail_memory(error, 256);
    bool shared = strcmp(key, t->native->data_key) == 0;
    free(key);
    t->data = shared ? &t->native->data : &t->own;
    return shared ? TN_OK : tn_data_open(t->turned.hypes, t->native->sources->cache, &t->own, error);
}

static tn_status open_probes(trial *t, tn_error *error)
{
    uint64_t seed = (uint64_t)tn_hypes_integer(t->turned.hypes, "data.seed");
    bool scored = !t->request->unscored, validated = scored && !t->request->train_scores_only;
    size_t train_samples = t->data->valid ? TN_TRAIN_PROBE_SAMPLES : TN_PROBE_SAMPLES;
    tn_status status = TN_OK;
    if (scored)
        status = tn_probe_init(&t->train, t->data->train, seed, TN_PROBE_TRAIN, train_samples, error);
    if (status == TN_OK && validated)
        status = tn_probe_init(&t->valid, t->data->valid, seed, TN_PROBE_VALID, TN_PROBE_SAMPLES, error);
    if (status == TN_OK && t->request->shown_samples)
        status = tn_probe_init(&t->shown, t->request->shown_left_out ? t->data->left_out : t->data->train, seed, TN_PROBE_SHOWN,
                               t->request->shown_samples, error);
    if (status != TN_OK)
        return status;
    size_t most = t->train.count > t->valid.count ? t->train.count : t->valid.count, values;
    most = t->shown.count > most ? t->shown.count : most;
    if (!tn_size_multiply(most, tn_trainer_output_size(t->trainer), &values))
        return tn_fail_memory(error, SIZE_MAX);
    t->outputs = tn_memory_create(values, sizeof *t->outputs);
    t->losses = tn_memory_create(most, sizeof *t->losses);
    return t->outputs && t->losses ? TN_OK : tn_fail_memory(error, (values + most) * sizeof *t->outputs);
}

static size_t most_units(const tn_trainer *trainer)
{
    size_t most = 0;
    for (size_t i = 0; i < tn_trainer_tensor_count(trainer); i++) {
        size_t units = tn_trainer_tensor(trainer, i)->units;
        most = units > most && units <= TN_UNITS_MAX ? units : most;
    }
    return most;
}

static void make_key(const tn_native *native, const tn_turned *turned, char key[TN_TRIAL_KEY_SIZE])
{
    char numbers[64];
    uint64_t seed = (uint64_t)tn_hypes_integer(turned->hypes, "solver.seed");
    snprintf(numbers, sizeof numbers, "|%016" PRIx64 "|%" PRIu64 "|%s|%s", native->identity, seed, tn_isa_name(tn_isa_best()),
             TENET_VERSION);
    snprintf(key, TN_TRIAL_KEY_SIZE, "%016" PRIx64, tn_hash_text(tn_hash_text(TN_HASH_START, turned->record), numbers));
}

bool tn_native_trial_key(const tn_subject *subject, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE])
{
    const tn_native *native = (const tn_native *)subject;
    tn_turned turned = {0};
    bool known = tn_native_turn(native->hypes, &request->knobs, &turned, NULL) == TN_OK;
    if (known)
        make_key(native, &turned, key);
    tn_turned_deinit(&turned);
    return known;
}

static tn_status open_recorder(trial *t, tn_error *error)
{
    const tn_native *native = t->native;
    char key[TN_TRIAL_KEY_SIZE];
    make_key(native, &t->turned, key);
    const tn_recorder_config config = {
        .store = native->store,
        .trial = {.key = key,
                  .subject = tn_hypes_name(native->hypes),
                  .experiment = t->request->experiment,
                  .patch = t->turned.record,
                  .isa = tn_isa_name(tn_isa_best()),
                  .version = TENET_VERSION,
                  .seed = (uint64_t)tn_hypes_integer(t->turned.hypes, "solver.seed")},
        .vitals_every = t->request->vitals_every,
        .watch_from = t->request->watch_from,
        .watch_to = t->request->watch_to,
        .vitals_share = t->request->vitals_share,
        .units_max = t->request->vitals_every || t->request->vitals_share > 0 || t->request->watch_to ? most_units(t->trainer) : 0,
        .pool = t->pool,
        .may_lag = t->request->may_lag,
        .observers = t->request->observers,
        .observer_count = t->request->observer_count,
    };
    return tn_recorder_create(&config, &t->recorder, error);
}

/* Batches are made ahead where the trial may keep one more processor busy than it does. */
static tn_status work_ahead(trial *t, size_t threads, tn_error *error)
{
    size_t busy = (threads > 1 ? threads : 1) + (tn_recorder_has_thread(t->recorder) ? 1 : 0);
    return busy < t->request->processors ? tn_trainer_work_ahead(t->trainer, error) : TN_OK;
}

static tn_status prepare(trial *t, size_t threads, tn_error *error)
{
    const tn_knobs *knobs = &t->request->knobs;
    if (knobs->set & ~t->native->facts.knobs)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "this subject has no knob %#x; it can turn %#x",
                       (unsigned)(knobs->set & ~t->native->facts.knobs), (unsigned)t->native->facts.knobs);
    tn_status status = tn_native_turn(t->native->hypes, knobs, &t->turned, error);
    if (status == TN_OK)
        status = open_data(t, error);
    if (status == TN_OK && threads > 1)
        status = tn_pool_create(threads, &t->pool, error);
    if (status == TN_OK)
        status = tn_trainer_create(t->turned.hypes, t->data, t->pool, &t->trainer, error);
    if (status == TN_OK)
        status = tn_native_load_weights(t->turned.hypes, t->trainer, error);
    if (status == TN_OK)
        status = open_probes(t, error);
    if (status == TN_OK)
        status = open_recorder(t, error);
    if (status == TN_OK)
        status = work_ahead(t, threads, error);
    /* Where nothing is observed nothing is seen around an incident either. */
    if (status == TN_OK && t->request->is_training && (t->request->vitals_every || t->request->vitals_share > 0))
        status = tn_replay_init(&t->replay, t->trainer, error);
    t->knows_norm =
        t->request->want_norms || t->request->is_training || (status == TN_OK && !tn_hypes_is_null(t->turned.hypes, "solver.clip_norm"));
    return status;
}

static void describe(trial *t)
{
    tn_trial_result *result = t->result;
    uint64_t batch = (uint64_t)tn_hypes_integer(t->turned.hypes, "solver.batch_size");
    result->acknowledged = t->turned.acknowledged;
    result->train_samples = tn_dataset_samples(t->data->train);
    result->batch_size = batch < result->train_samples ? batch : result->train_samples;
    result->learning_rate = tn_hypes_number(t->turned.hypes, "solver.learning_rate");
    const tn_shape *shape = tn_dataset_shape(t->data->train);
    result->input_size = tn_shape_size(shape);
    if (shape->rank == 2 || shape->rank == 3) {
        result->input_height = shape->dims[0];
        result->input_width = shape->dims[1];
        result->input_channels = shape->rank == 3 ? shape->dims[2] : 1;
    }
    result->label_size = tn_dataset_targets(t->data->train) * tn_dataset_label_steps(t->data->train);
    result->output_size = tn_trainer_output_size(t->trainer);
}

static void release(trial *t)
{
    tn_probe_deinit(&t->train);
    tn_probe_deinit(&t->valid);
    tn_probe_deinit(&t->shown);
    tn_memory_destroy(t->outputs);
    tn_memory_destroy(t->losses);
    tn_replay_deinit(&t->replay);
    tn_trainer_destroy(t->trainer);
    tn_pool_destroy(t->pool);
    tn_data_close(&t->own);
    tn_turned_deinit(&t->turned);
}

/* Whether a layer of the user's own has failed, which ends the trial; told once. */
static bool layer_failed(trial *t)
{
    const tn_error *fault = tn_trainer_fault(t->trainer);
    if (fault && t->result->end != TN_TRIAL_REFUSED) {
        t->result->end = TN_TRIAL_REFUSED;
        t->result->error = *fault;
        size_t length = strlen(fault->message);
        snprintf(t->result->error.message + length, sizeof fault->message - length, ", after %" PRIu64 " steps of training",
                 t->result->steps);
    }
    return fault != NULL;
}

/* ---- shown samples ---- */

static float *copy_row(const float *values, size_t width)
{
    float *row = malloc((width ? width : 1) * sizeof *row);
    if (row)
        memcpy(row, values, width * sizeof *row);
    return row;
}

/* The sample's input and label. Kept in the result from the first on, so that a failure frees what there is. */
static bool show_sample(trial *t, size_t i)
{
    tn_shown_sample *sample = &t->result->shown[t->result->shown_count++];
    sample->row = tn_dataset_row(t->shown.set, t->shown.samples[i]);
    sample->inputs = calloc(t->result->input_size ? t->result->input_size : 1, sizeof *sample->inputs);
    size_t steps = t->shown.steps;
    sample->label =
        t->shown.classes ? calloc(steps, sizeof *sample->label) : copy_row(t->shown.targets + i * t->shown.width, t->shown.width);
    if (!sample->inputs || !sample->label)
        return false;
    for (size_t k = 0; t->shown.classes && k < steps; k++)
        sample->label[k] = (float)t->shown.classes[i * steps + k];
    tn_probe_unscale(&t->shown, sample->label);
    tn_dataset_inputs(t->shown.set, &t->shown.samples[i], 1, sample->inputs);
    return true;
}

static tn_status show_samples(trial *t, tn_error *error)
{
    t->result->shown = calloc(t->shown.count ? t->shown.count : 1, sizeof *t->result->shown);
    bool shown = t->result->shown != NULL;
    for (size_t i = 0; shown && i < t->shown.count; i++)
        shown = show_sample(t, i);
    return shown ? TN_OK : tn_fail_memory(error, t->result->input_size * sizeof(float));
}

typedef enum moment { BEFORE, BETWEEN, AFTER } moment;

/* What the network makes of them now. */
static tn_status show_outputs(trial *t, moment when, tn_error *error)
{
    size_t width = t->result->output_size;
    if (t->shown.count == 0 || (when == BETWEEN && !t->request->on_shown))
        return TN_OK;
    tn_trainer_predict(t->trainer, t->shown.set, t->shown.samples, t->shown.count, t->outputs, t->losses);
    if (layer_failed(t))
        return TN_OK;
    for (size_t i = 0; i < t->shown.count; i++) {
        tn_shown_sample *sample = &t->result->shown[i];
        tn_probe_unscale(&t->shown, t->outputs + i * width);
        if (when == BETWEEN)
            continue;
        float *row = copy_row(t->outputs + i * width, width);
        if (!row)
            return tn_fail_memory(error, width * sizeof *row);
        *(when == AFTER ? &sample->output_after : &sample->output_before) = row;
        *(when == AFTER ? &sample->loss_after : &sample->loss_before) = (double)t->losses[i];
    }
    if (t->request->on_shown)
        t->request->on_shown(t->request->shown_context, t->result->steps, t->result, t->outputs, t->losses);
    return TN_OK;
}

/* ---- scores ---- */

static tn_status take_score(trial *t, tn_error *error)
{
    tn_trial_result *result = t->result;
    if (t->request->unscored)
        return TN_OK;
    if (result->score_count == t->score_capacity) {
        size_t capacity = t->score_capacity ? 2 * t->score_capacity : 8, bytes;
        tn_score_point *grown = tn_size_multiply(capacity, sizeof *grown, &bytes) ? realloc(result->scores, bytes) : NULL;
        if (!grown)
            return tn_fail_memory(error, capacity * sizeof *grown);
        result->scores = grown;
        t->score_capacity = capacity;
    }
    tn_recorder_flush(t->recorder);
    tn_score_point point = {.step = result->steps, .samples = result->samples};
    tn_probe_score(&t->train, t->trainer, t->threshold, t->outputs, t->losses, &point.train_score, &point.train_loss);
    tn_probe_score(&t->valid, t->trainer, t->threshold, t->outputs, t->losses, &point.valid_score, &point.valid_loss);
    if (layer_failed(t))
        return TN_OK;
    result->scores[result->score_count++] = point;
    tn_recorder_score(t->recorder, &point);
    return TN_OK;
}

/* What a person reads after a training, of the samples that are scored: the held-out ones where there are any. */
static tn_status take_metrics(trial *t, tn_error *error)
{
    const tn_probe *probe = t->valid.count > 0 ? &t->valid : &t->train;
    if (!t->request->is_training || probe->count == 0 || t->result->end == TN_TRIAL_NONFINITE)
        return TN_OK;
    tn_trainer_predict(t->trainer, probe->set, probe->samples, probe->count, t->outputs, t->losses);
    t->result->metrics = tn_native_metrics(t->data, probe, t->trainer, t->threshold, t->outputs, t->losses);
    const char *of = probe == &t->valid ? "validation" : "training";
    return t->result->metrics && json_object_set_new(t->result->metrics, "of", json_string(of)) == 0 ? TN_OK : tn_fail_memory(error, 64);
}

/* The test samples, of a training that came to its end: once, and nothing else looks at them. */
static tn_status take_test(trial *t, tn_error *error)
{
    bool ended = t->result->end == TN_TRIAL_COMPLETED || t->result->end == TN_TRIAL_STOPPED;
    if (!t->request->is_training || !t->data->test || !ended)
        return TN_OK;
    tn_status status = tn_native_test(t->native, t->data, t->trainer, t->threshold, &t->result->test, error);
    if (layer_failed(t)) {
        json_decref(t->result->test);
        t->result->test = NULL;
    }
    return status;
}

static bool weights_are_finite(const trial *t)
{
    char name[80];
    tn_shape shape;
    const float *values;
    for (size_t i = 0; tn_trainer_parameter(t->trainer, i, name, &shape, &values); i++)
        if (tn_native_count_nonfinite(values, tn_shape_size(&shape)) > 0)
            return false;
    return true;
}

/* ---- steps ---- */

static tn_status keep_step(trial *t, const tn_step_result *step, tn_error *error)
{
    tn_trial_result *result = t->result;
    if (result->steps == t->step_capacity) {
        /* The first block holds most trials whole; a long one grows now and then. */
        uint64_t total = tn_trainer_steps_total(t->trainer);
        size_t capacity = t->step_capacity ? 2 * t->step_capacity : total < 4096 ? (size_t)total : 4096, bytes;
        double *losses = tn_size_multiply(capacity, sizeof *losses, &bytes) ? realloc(result->losses, bytes) : NULL;
        if (losses)
            result->losses = losses;
        double *norms = losses && t->request->want_norms ? realloc(result->gradient_norms, bytes) : NULL;
        if (norms)
            result->gradient_norms = norms;
        if (!losses || (t->request->want_norms && !norms))
            return tn_fail_memory(error, capacity * sizeof *losses);
        t->step_capacity = capacity;
    }
    result->losses[result->steps] = step->loss;
    if (result->gradient_norms)
        result->gradient_norms[result->steps] = step->gradient_norm;
    result->steps = step->step;
    result->samples = step->samples;
    return TN_OK;
}

static void end_nonfinite(trial *t)
{
    t->result->end = TN_TRIAL_NONFINITE;
    t->result->nonfinite_step = t->result->steps;
}

/* What the trainer makes of the next batch, in t->step_ns without the recorder's own time. */
static void make_step(trial *t, tn_step_result *made)
{
    bool is_timed = t->request->is_training;
    tn_tap_fn *tap = tn_recorder_wants_tensors(t->recorder, t->result->steps + 1) ? tn_recorder_tap : NULL;
    uint64_t spent_ns = tn_recorder_spent_ns(t->recorder), start_ns = is_timed ? tn_clock_ns() : 0;
    tn_trainer_step(t->trainer, t->request->want_norms || t->request->is_training, tap, t->recorder, made);
    if (is_timed)
        t->step_ns = tn_clock_ns() - start_ns - (tn_recorder_spent_ns(t->recorder) - spent_ns);
}

/* One step; *more is false where the trial ends with it. */
static tn_status step_once(trial *t, bool *more, tn_error *error)
{
    tn_trial_result *result = t->result;
    tn_step_result made;
    tn_replay_before_step(&t->replay, t->trainer, result->steps, t->step_ns);
    make_step(t, &made);
    if (layer_failed(t)) {
        *more = false;
        return TN_OK;
    }
    tn_status status = keep_step(t, &made, error);
    bool is_odd = !isfinite(made.loss) || (t->knows_norm && !isfinite(made.gradient_norm));
    if (status == TN_OK && is_odd)
        status = tn_replay_run(&t->replay, t->trainer, t->recorder, made.step, error);
    if (status != TN_OK)
        return status;
    const tn_step step = {.step = made.step,
                          .samples = made.samples,
                          .loss = made.loss,
                          .learning_rate = made.learning_rate,
                          .gradient_norm = made.gradient_norm,
                          .wall_ns = t->step_ns};
    bool stopped = !tn_recorder_step(t->recorder, &step);
    if (t->request->is_training && tn_recorder_incident(t->recorder))
        status = tn_replay_run(&t->replay, t->trainer, t->recorder, made.step, error);
    if (!isfinite(made.loss) || (t->knows_norm && !isfinite(made.gradient_norm) && !weights_are_finite(t)))
        end_nonfinite(t);
    else if (stopped)
        result->end = t->request->spent && atomic_load(t->request->spent) ? TN_TRIAL_CANCELLED : TN_TRIAL_STOPPED;
    else
        return status;
    *more = false;
    return status;
}

/* The score after the present step, or the end where a weight is no number. */
static tn_status score_point(trial *t, bool *more, tn_error *error)
{
    if (!weights_are_finite(t)) {
        end_nonfinite(t);
        *more = false;
        return TN_OK;
    }
    tn_status status = take_score(t, error);
    bool reached = status == TN_OK && !t->request->unscored && tn_trial_train_score(t->result) >= t->request->stop_at_train_score;
    if (reached || layer_failed(t))
        *more = false;
    return status;
}

static tn_status run_steps(trial *t, tn_error *error)
{
    uint64_t total = tn_trainer_steps_total(t->trainer), every = t->request->score_every;
    tn_status status = TN_OK;
    bool more = true;
    while (status == TN_OK && more && t->result->steps < total) {
        if (t->native->cancel && atomic_load_explicit(&t->native->cancel->requested, memory_order_relaxed)) {
            t->result->end = TN_TRIAL_CANCELLED;
            return TN_OK;
        }
        status = step_once(t, &more, error);
        bool last = !more || t->result->steps == total;
        if (status == TN_OK && !last && every && t->result->steps % every == 0) {
            status = score_point(t, &more, error);
            if (status == TN_OK && more)
                status = show_outputs(t, BETWEEN, error);
        }
    }
    const tn_trial_result *result = t->result;
    bool taken = result->score_count && result->scores[result->score_count - 1].step == result->steps;
    if (status == TN_OK && result->end != TN_TRIAL_NONFINITE && result->end != TN_TRIAL_REFUSED && !taken)
        status = score_point(t, &more, error);
    return status;
}

static tn_status train(trial *t, tn_error *error)
{
    tn_status status = TN_OK;
    /* Knobs that change the data make others of them, which nobody has looked at. */
    if (t->data == &t->native->data)
        tn_recorder_data(t->recorder, t->native->summarised);
    if (t->shown.count)
        status = show_samples(t, error);
    if (status == TN_OK)
        status = show_outputs(t, BEFORE, error);
    if (status == TN_OK)
        status = take_score(t, error);
    if (status == TN_OK && !layer_failed(t))
        status = run_steps(t, error);
    if (status == TN_OK && !layer_failed(t))
        status = show_outputs(t, AFTER, error);
    if (status == TN_OK)
        status = take_metrics(t, error);
    if (status == TN_OK)
        status = take_test(t, error);
    if (status == TN_OK && t->request->weights_path)
        status = tn_native_write_weights(t->trainer, t->turned.hypes, t->request->weights_path, error);
    return status;
}

/* ---- 4. the end ---- */

/* A store that cannot write has told its own first failure and tells it again when it is closed; the trial stands without it. */
static void end_recording(trial *t, tn_status status)
{
    if (!t->recorder)
        return;
    char *text = t->native->store && status == TN_OK ? tn_trial_result_json(t->request->is_training ? NULL : t->request, t->result) : NULL;
    bool failed = status != TN_OK || (t->trainer && tn_trainer_fault(t->trainer));
    (void)tn_recorder_end(t->recorder, failed ? "failed" : tn_trial_end_name(t->result->end), text, NULL);
    free(text);
}

/* Mistakes in the request, as against those of the machine. */
static bool is_refusal(tn_status status)
{
    return status == TN_ERROR_HYPES || status == TN_ERROR_DATA || status == TN_ERROR_UNSUPPORTED;
}

tn_status tn_native_run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    uint64_t start = tn_clock_ns();
    tn_native *native = (tn_native *)subject;
    trial t = {.native = native, .request = request, .result = result};
    tn_error found = {0};
    tn_status status = prepare(&t, threads, &found);
    if (is_refusal(status)) {
        result->end = TN_TRIAL_REFUSED;
        result->error = found;
        status = TN_OK;
    } else if (status == TN_OK) {
        t.threshold = tn_native_threshold(t.turned.hypes);
        describe(&t);
        status = train(&t, &found);
        result->seconds = (double)(tn_clock_ns() - start) * 1e-9;
    }
    end_recording(&t, status);
    release(&t);
    if (status != TN_OK && error)
        *error = found;
    return status;
}
