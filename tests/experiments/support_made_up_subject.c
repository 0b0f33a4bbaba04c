/* support_made_up_subject.c: see the header. */
#include "experiments/support_made_up_subject.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"

static tn_knobs effective_knobs(const made_up *subject, const tn_knobs *given)
{
    tn_knobs knobs = *given;
    if (!(given->set & TN_KNOB_LEARNING_RATE))
        knobs.learning_rate = subject->facts.learning_rate;
    if (!(given->set & TN_KNOB_BATCH_SIZE))
        knobs.batch_size = subject->facts.batch_size;
    if (!(given->set & TN_KNOB_STEPS))
        knobs.steps = subject->facts.steps_total;
    if (!(given->set & TN_KNOB_SEED))
        knobs.seed = 1;
    return knobs;
}

static tn_status show_samples(const made_up *subject, const tn_trial_request *request, tn_trial_result *result)
{
    tn_rng rng;
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    result->shown = calloc(request->shown_samples ? request->shown_samples : 1, sizeof *result->shown);
    result->input_size = 2;
    result->label_size = 1;
    result->output_size = 4;
    for (size_t i = 0; result->shown && i < request->shown_samples; i++) {
        tn_shown_sample *sample = &result->shown[result->shown_count++];
        double label = (double)tn_rng_below(&rng, 4);
        double place = subject->random_labels ? (double)tn_rng_below(&rng, 4) : label;
        sample->row = i;
        sample->inputs = tn_memory_create(2, sizeof(float));
        sample->label = tn_memory_create(1, sizeof(float));
        sample->output_before = tn_memory_create(4, sizeof(float));
        sample->output_after = tn_memory_create(4, sizeof(float));
        if (!subject->same_inputs) {
            sample->inputs[0] = (float)(place + 0.1 * tn_rng_normal(&rng));
            sample->inputs[1] = (float)(place * place + 0.1 * tn_rng_normal(&rng));
        }
        sample->label[0] = (float)label;
    }
    return TN_OK;
}

static void add_score(const made_up *subject, tn_trial_result *result, uint64_t step, double train, double valid)
{
    result->scores[result->score_count++] = (tn_score_point){.step = step,
                                                             .samples = step * result->batch_size,
                                                             .train_score = train,
                                                             .valid_score = valid,
                                                             .train_loss = subject->tells_scores_alone ? NAN : log(4),
                                                             .valid_loss = log(4)};
}

static tn_status run(tn_subject *base, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    (void)threads;
    (void)error;
    const made_up *subject = (const made_up *)base;
    tn_knobs knobs = effective_knobs(subject, &request->knobs);
    bool goes_round = subject->can_go_round && request->own_steps == subject->ends_at;
    bool is_short = subject->ends_at > 0 && knobs.steps > subject->ends_at && !goes_round;
    if (is_short)
        knobs.steps = subject->ends_at;
    *result = (tn_trial_result){
        .end = TN_TRIAL_COMPLETED,
        .acknowledged = request->knobs.set & ~subject->refused,
        .batch_size = knobs.batch_size,
        .learning_rate = knobs.learning_rate,
        .train_samples = request->knobs.set & TN_KNOB_SAMPLES ? knobs.samples : subject->facts.train_samples,
        .losses = tn_memory_create(knobs.steps, sizeof(double)),
        .scores = tn_memory_create(2, sizeof(tn_score_point)),
    };
    if (request->want_norms)
        result->gradient_norms = tn_memory_create(knobs.steps, sizeof(double));
    double score = subject->score ? subject->score(&knobs) : 0.9;
    if (subject->reaches_at > 0 && score >= request->stop_at_train_score && knobs.steps > subject->reaches_at)
        knobs.steps = subject->reaches_at;
    bool small = (request->knobs.set & TN_KNOB_SAMPLES) != 0, shuffled = (request->knobs.set & TN_KNOB_SHUFFLE_LABELS) != 0;
    double train = small ? (subject->cannot_overfit ? 0 : 1) : score;
    bool breaks = subject->breaks && subject->breaks(&knobs);
    add_score(subject, result, 0, 0, 0);
    for (uint64_t step = 1; step <= knobs.steps; step++) {
        double progress = (double)step / (double)knobs.steps;
        double loss = log(4) * (knobs.learning_rate >= subject->diverge_rate ? 1 + 2 * progress : 1 - 0.5 * progress);
        bool is_clipped = (request->knobs.set & TN_KNOB_CLIP_NORM) != 0 && !subject->clip_is_no_use;
        bool is_spike = subject->spike_every > 0 && step % subject->spike_every == 0 && !is_clipped;
        bool is_early_nan = (subject->always_nan || knobs.learning_rate >= subject->nan_rate || breaks) && step == 3;
        bool is_nan = is_early_nan || (subject->late_nan_step > 0 && step == subject->late_nan_step && !is_clipped);
        double norm = is_spike ? 100 : 1;
        if (is_nan)
            loss = NAN;
        result->losses[step - 1] = loss;
        if (result->gradient_norms)
            result->gradient_norms[step - 1] = norm;
        result->steps = step;
        result->samples = step * knobs.batch_size;
        tn_step scalars = {
            .step = step, .samples = result->samples, .loss = loss, .learning_rate = knobs.learning_rate, .gradient_norm = norm};
        bool go_on = true;
        for (size_t i = 0; i < request->observer_count; i++)
            if (request->observers[i].on_step)
                go_on = request->observers[i].on_step(request->observers[i].context, &scalars) && go_on;
        if (is_nan) {
            result->end = TN_TRIAL_NONFINITE;
            result->nonfinite_step = step;
            break;
        }
        if (!go_on) {
            result->end = TN_TRIAL_STOPPED;
            break;
        }
    }
    if (is_short && result->end == TN_TRIAL_COMPLETED)
        result->acknowledged &= ~(uint32_t)TN_KNOB_STEPS;
    add_score(subject, result, result->steps, train, shuffled && !subject->memorises ? 0 : score);
    return show_samples(subject, request, result);
}

static const tn_subject_facts *facts(const tn_subject *base)
{
    return &((const made_up *)base)->facts;
}

static const tn_hypes *hypes(const tn_subject *base)
{
    return ((const made_up *)base)->hypes;
}

void made_up_init(made_up *subject)
{
    static const tn_subject_kind kind = {.run = run, .facts = facts, .hypes = hypes};
    *subject = (made_up){
        .base = {.kind = &kind},
        .facts = {.kind = "made up",
                  .name = "made up",
                  .parameters = 100,
                  .knobs = (TN_KNOB_PATCH << 1) - 1,
                  .work = 1e5,
                  .train_samples = 2000,
                  .probe_samples = 200,
                  .probe_is_validation = true,
                  .task = TN_SUBJECT_CLASSIFICATION,
                  .classes = 4,
                  .features = 2,
                  .outputs = 4,
                  .steps_total = 1000,
                  .steps_per_epoch = 63,
                  .batch_size = 32,
                  .learning_rate = 0.01,
                  .expected_loss = log(4),
                  .majority = 0.25,
                  .trivial_loss = log(4),
                  .input_std = 1,
                  .input_min = -3,
                  .input_max = 3,
                  .input_std_min = 1,
                  .input_std_max = 1,
                  .label_max = 3,
                  .label_mean = 1.5,
                  .label_std = 1.1},
        .nan_rate = INFINITY,
        .diverge_rate = INFINITY,
    };
}

static const tn_debug_options options = {.threads = 2, .seed = 1};

json_t *made_up_debug(made_up *subject)
{
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_run(&subject->base, &options, &report, &error), TN_OK);
    assert_non_null(report);
    return report;
}

json_t *made_up_experiment(made_up *subject, const char *command)
{
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_experiment(&subject->base, command, &options, &report, &error), TN_OK);
    assert_non_null(report);
    return report;
}

json_t *report_experiment(const json_t *report, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(report, "experiments"), i, entry)
    {
        if (strcmp(report_string(entry, "name"), name) == 0)
            return entry;
    }
    fail_msg("the report has no experiment %s", name);
    return NULL;
}

const char *report_string(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "(none)";
}

const json_t *report_finding(const json_t *report, size_t index)
{
    return json_array_get(json_object_get(report, "findings"), index);
}
