/* experiment_samples.c: ten training samples as the network sees them, for a person to check by hand (PROTOCOL B3).
 *
 * Input after all scaling, label, prediction and loss, before the first step and after the last. Images are drawn with characters. The experiment judges nothing but what is plain:
 * inputs that are all the same, or not finite. */
#include <math.h>
#include <string.h>

#include "experiments/experiment.h"
#include "experiments/look.h"
#include "experiments/shown_json.h"

enum { STEPS = 200 };

static json_t *prediction(tn_investigation *investigation, const float *outputs, size_t count)
{
    if (investigation->facts->task != TN_SUBJECT_CLASSIFICATION || count == 1)
        return tn_shown_numbers(investigation, outputs, count);
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (outputs[i] > outputs[best])
            best = i;
    return json_integer((json_int_t)best);
}

static json_t *sample_json(tn_investigation *investigation, const tn_trial_result *result, const tn_shown_sample *sample)
{
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "row", json_integer((json_int_t)sample->row));
    tn_shown_put_inputs(investigation, entry, result, sample);
    bool is_class = investigation->facts->task == TN_SUBJECT_CLASSIFICATION && result->label_size == 1;
    tn_json_set(investigation, entry, "label",
                is_class ? json_integer((json_int_t)sample->label[0]) : tn_shown_numbers(investigation, sample->label, result->label_size));
    tn_json_set(investigation, entry, "prediction_before", prediction(investigation, sample->output_before, result->output_size));
    tn_json_set(investigation, entry, "prediction_after", prediction(investigation, sample->output_after, result->output_size));
    tn_json_set(investigation, entry, "loss_before", tn_json_number(sample->loss_before));
    tn_json_set(investigation, entry, "loss_after", tn_json_number(sample->loss_after));
    return entry;
}

static void judge(tn_outcome *outcome, const tn_trial_result *result)
{
    size_t same = 0, not_finite = 0;
    for (size_t i = 0; i < result->shown_count; i++) {
        const float *inputs = result->shown[i].inputs;
        bool finite = true;
        for (size_t k = 0; k < result->input_size; k++)
            finite = finite && isfinite(inputs[k]);
        not_finite += !finite;
        same += i > 0 && memcmp(inputs, result->shown[0].inputs, result->input_size * sizeof *inputs) == 0;
    }
    if (result->shown_count == 0)
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the program's samples cannot be seen from outside");
    else if (not_finite > 0)
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "%zu of the %zu samples hold a value that is NaN or infinite", not_finite,
                            result->shown_count);
    else if (result->shown_count > 1 && same == result->shown_count - 1)
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "all %zu samples look the same to the network", result->shown_count);
    else
        tn_outcome_conclude(outcome, TN_VERDICT_PASS,
                            "%zu samples as the network sees them, for you to check: does each label fit its input?", result->shown_count);
}

static uint64_t steps_of(const tn_investigation *investigation)
{
    uint64_t total = investigation->facts->steps_total;
    return total > 0 && total < STEPS ? total : STEPS;
}

static void show(tn_investigation *investigation, tn_outcome *outcome, const tn_trial_result *result)
{
    json_t *shown = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < result->shown_count; i++)
        tn_json_append(investigation, shown, sample_json(investigation, result, &result->shown[i]));
    tn_json_set(investigation, outcome->result, "shown", shown);
    judge(outcome, result);
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    /* The first look showed them. */
    if (investigation->look && tn_look_is_valid(investigation->look)) {
        show(investigation, outcome, &investigation->look->result);
        return TN_OK;
    }
    tn_trial_request request = tn_trial_as_given("samples", steps_of(investigation));
    request.shown_samples = TN_LOOK_SHOWN;
    tn_investigation_expect(investigation, request.knobs.steps, "ten samples as the network sees them");
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        show(investigation, outcome, &result);
        tn_outcome_add_trial(investigation, outcome, &request, &result);
    }
    tn_trial_result_deinit(&result);
    return status;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)error;
    tn_planned_add(planned, 1, steps_of(investigation), "as given, %d samples shown", TN_LOOK_SHOWN);
    return TN_OK;
}

const tn_experiment tn_experiment_samples = {
    .info = {"samples", "samples", "B3", "ten training samples as the network sees them, with label, prediction and loss"},
    .why = "a person sees at a glance what no statistic tells: labels that do not fit, inputs that were mangled",
    .fails_under = "nonfinite_input, constant_feature",
    .run = run,
    .plan = plan,
};
