/* experiment_softmax.c: does the loss survive large logits? (PROTOCOL A6)
 *
 * Softmax divides exponentials; where they overflow, or a probability underflows to 0 and its logarithm is taken, the loss or its gradient is NaN or infinite. The last layer is made to give logits up
 * to 10, 100, 1,000 and 10,000 (its weights zero, its biases uniform), one step is run, and loss and gradient are looked at. Control: the same logits through the loss that takes logits, whose value
 * is computed in double here as well, by the form that subtracts the largest first.
 *
 * Only for native networks that end in a layer with biases and a cross entropy. Finite and far from the reference is no fault: a clipped probability, which gives no gradient any more. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/experiment.h"
#include "experiments/finding.h"
#include "experiments/fixes/net_reader.h"

enum { PROBES = 4, SHOWN = 64 };

static const double LIMITS[PROBES] = {10, 100, 1000, 10000};

/* Relative error of the loss from which on it is no longer the cross entropy of these logits. Single precision leaves 1e-6 of it. */
static const double FAR = 1e-3;

typedef struct probe {
    size_t samples, broken; /* shown, and with a loss that is not finite */
    bool gradient_broken, valid;
    double worst; /* relative error of the finite losses */
} probe;

/* The last layer gives fixed logits. With `twin`, nothing but the loss on logits follows it. */
static json_t *patch_of(const tn_hypes *hypes, size_t last, double limit, const char *twin)
{
    json_t *patch = json_object();
    tn_patch_put(patch, json_pack("{s:s}", "scheme", "zeros"), "net.%zu.init", last);
    tn_patch_put(patch, json_pack("{s:s, s:f}", "scheme", "uniform", "limit", limit), "net.%zu.bias_init", last);
    for (size_t i = last + 1; twin && i < tn_hypes_node_count(hypes); i++)
        tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
    if (twin)
        tn_patch_put(patch, json_pack("{s:s}", "name", twin), "loss");
    return patch;
}

/* The cross entropy of logits [width] and a class, in double. */
static double reference(const float *logits, size_t width, float label)
{
    double highest = -INFINITY, sum = 0;
    if (width == 1) {
        double z = (double)logits[0];
        return fmax(z, 0) - z * (double)label + log1p(exp(-fabs(z)));
    }
    for (size_t k = 0; k < width; k++)
        highest = fmax(highest, (double)logits[k]);
    for (size_t k = 0; k < width; k++)
        sum += exp((double)logits[k] - highest);
    return highest + log(sum) - (double)logits[(size_t)label];
}

/* The mean over the labels of a sample: one, or one for each row of the logits of a sequence. */
static double reference_of(const tn_trial_result *twin, size_t i)
{
    const tn_shown_sample *sample = &twin->shown[i];
    size_t rows = twin->label_size, width = twin->output_size / rows, counted = 0;
    double sum = 0;
    for (size_t k = 0; k < rows; k++) {
        if (sample->label[k] < 0)
            continue;
        sum += reference(sample->output_before + k * width, width, sample->label[k]);
        counted++;
    }
    return counted > 0 ? sum / (double)counted : 0;
}

static void compare(const tn_trial_result *given, const tn_trial_result *twin, probe *made)
{
    made->samples = given->shown_count;
    made->gradient_broken = given->end == TN_TRIAL_NONFINITE || given->steps == 0 || !isfinite(given->gradient_norms[0]);
    for (size_t i = 0; i < given->shown_count && i < twin->shown_count; i++) {
        double loss = given->shown[i].loss_before, right = reference_of(twin, i);
        made->broken += isfinite(loss) ? 0 : 1;
        if (isfinite(loss))
            made->worst = fmax(made->worst, fabs(loss - right) / fmax(1, fabs(right)));
    }
}

static tn_status try_limit(tn_investigation *investigation, tn_outcome *outcome, size_t last, const char *twin, double limit, probe *made,
                           tn_error *error)
{
    tn_trial_request requests[2];
    tn_trial_result results[2];
    json_t *patches[2];
    for (size_t i = 0; i < 2; i++) {
        patches[i] = tn_json_checked(investigation, patch_of(investigation->hypes, last, limit, i == 1 ? twin : NULL));
        requests[i] = tn_trial_as_given("softmax", 1);
        requests[i].knobs.set |= TN_KNOB_PATCH;
        requests[i].knobs.patch = patches[i];
        requests[i].shown_samples = SHOWN;
        requests[i].unscored = requests[i].want_norms = true;
    }
    tn_investigation_expect(investigation, 2, "large logits");
    tn_status status = tn_trials_run(investigation, requests, results, 2, error);
    made->valid = status == TN_OK && tn_trial_is_valid(&requests[0], &results[0]) && tn_trial_is_valid(&requests[1], &results[1]);
    for (size_t i = 0; i < 2 && status == TN_OK; i++)
        tn_outcome_add_trial(investigation, outcome, &requests[i], &results[i]);
    if (made->valid)
        compare(&results[0], &results[1], made);
    tn_trials_deinit(results, 2);
    for (size_t i = 0; i < 2; i++)
        json_decref(patches[i]);
    return status;
}

static void add_finding(tn_investigation *investigation, tn_outcome *outcome, size_t last, const char *twin)
{
    tn_findings findings;
    tn_findings_init(&findings);
    /* That the training meets such logits is not shown here. */
    json_t *finding = tn_finding_create(investigation, TN_CAUSE_unstable_softmax, false, NULL),
           *place = tn_json_checked(investigation, json_object()), *fix = tn_json_checked(investigation, json_object()),
           *patch = tn_json_checked(investigation, json_object());
    for (size_t i = last + 1; i < tn_hypes_node_count(investigation->hypes); i++)
        tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
    tn_patch_put(patch, json_pack("{s:s}", "name", twin), "loss");
    char text[128];
    snprintf(text, sizeof text, "%s in place of %s and what stands before it", twin, tn_net_loss(investigation->hypes));
    tn_json_set(investigation, place, "op", json_string(tn_net_loss(investigation->hypes)));
    tn_json_set(investigation, finding, "where", place);
    tn_json_set(investigation, finding, "confidence", tn_json_number(0.5));
    tn_json_set(investigation, finding, "symptoms", json_array());
    tn_json_set(investigation, finding, "evidence", json_deep_copy(outcome->evidence));
    tn_json_set(investigation, fix, "text", json_string(text));
    tn_json_set(investigation, fix, "patch", patch);
    tn_json_set(investigation, finding, "fix", fix);
    tn_finding_place(investigation, &findings, finding);
    tn_json_set(investigation, outcome->result, "findings", json_incref(findings.findings));
    tn_findings_deinit(&findings);
}

static void conclude(tn_investigation *investigation, tn_outcome *outcome, const probe *probes, size_t last, const char *twin)
{
    const char *loss = tn_net_loss(investigation->hypes);
    const probe *worst = NULL;
    size_t first = PROBES;
    for (size_t i = 0; i < PROBES; i++) {
        bool is_broken = probes[i].broken > 0 || probes[i].gradient_broken;
        if (is_broken && first == PROBES)
            first = i;
        if (probes[i].worst > FAR && !worst)
            worst = &probes[i];
        tn_evidence_add(investigation, outcome->evidence, (double)probes[i].broken, 0, "PROTOCOL A6",
                        "logits up to %g: %zu of %zu losses are not finite, the gradient is %s; the same logits through %s are finite",
                        LIMITS[i], probes[i].broken, probes[i].samples, probes[i].gradient_broken ? "not finite" : "finite", twin);
    }
    if (first < PROBES) {
        add_finding(investigation, outcome, last, twin);
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "with logits up to %g the loss (%s) or its gradient is no longer finite",
                            LIMITS[first], loss);
    } else if (worst) {
        tn_outcome_conclude(outcome, TN_VERDICT_PASS,
                            "%s stays finite up to logits of %g, but is no longer the cross entropy from %g on: probabilities are clipped",
                            loss, LIMITS[PROBES - 1], LIMITS[worst - probes]);
    } else {
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "%s is stable: right and finite up to logits of %g", loss, LIMITS[PROBES - 1]);
    }
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    const tn_hypes *hypes = investigation->hypes;
    size_t last = hypes && !investigation->facts->is_program ? tn_net_last_weighted(hypes) : TN_NO_NODE;
    /* A layer with an activation of its own has no logits of any size. */
    if (last != TN_NO_NODE && !tn_net_is_linear(tn_net_op(hypes, last)))
        last = TN_NO_NODE;
    const char *loss = last == TN_NO_NODE ? "" : tn_net_loss(hypes), *twin = NULL;
    if (strcmp(loss, "softmax_cross_entropy") == 0 || strcmp(loss, "categorical_cross_entropy") == 0)
        twin = "softmax_cross_entropy";
    else if (last != TN_NO_NODE && strstr(loss, "cross_entropy") && tn_net_outputs(hypes) == 1)
        twin = "sigmoid_cross_entropy";
    if (!twin) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "there is no cross entropy of a native network to probe");
        return TN_OK;
    }
    probe probes[PROBES] = {0};
    for (size_t i = 0; i < PROBES; i++) {
        tn_status status = try_limit(investigation, outcome, last, twin, LIMITS[i], &probes[i], error);
        if (status != TN_OK || atomic_load(&investigation->spent))
            return status;
        if (!probes[i].valid) {
            tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the last layer cannot be made to give such logits");
            return TN_OK;
        }
    }
    conclude(investigation, outcome, probes, last, twin);
    return TN_OK;
}

const tn_experiment tn_experiment_softmax = {
    .info = {"softmax", "softmax", "A6", "does the loss stay finite with large logits?"},
    .why = "an unstable softmax or logarithm shows at once with large logits, and else only late in a training",
    .run = run,
};
