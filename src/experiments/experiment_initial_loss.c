/* experiment_initial_loss.c: is the first loss what the loss and the number of classes imply?
 *
 * A network that knows nothing gives every class the same probability, so its cross entropy is ln C. A first loss far above says that the outputs are large and wrong before
 * training begins (inputs or initial weights too large); one far below, that the loss does not see what it should. Regression has no such number: there
 * the first loss is set against that of the best constant, for information.
 * (A start like that of Karpathy, "A recipe for training neural networks", 2019; TheDeepChecker tests the same.) */
#include <math.h>

#include "experiments/experiment.h"
#include "experiments/look.h"

/* Share of the expected loss, without unit. He weights on standardised inputs start up to 1.5 times above ln C; raw pixels of 0 .. 255 start 10 to 100 times above. */
static const double FACTOR_HIGH = 3, FACTOR_LOW = 0.5;

static void judge(tn_investigation *investigation, tn_outcome *outcome, double loss)
{
    double expected = investigation->facts->expected_loss, trivial = investigation->facts->trivial_loss;
    tn_json_set(investigation, outcome->result, "initial_loss", tn_json_number(loss));
    tn_json_set(investigation, outcome->result, "expected_loss", tn_json_number(expected));
    tn_json_set(investigation, outcome->result, "trivial_loss", tn_json_number(trivial));
    if (!isfinite(loss)) {
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "the loss is not finite before the first step");
    } else if (!isnan(expected)) {
        double high = FACTOR_HIGH * expected, low = FACTOR_LOW * expected;
        bool fits = loss <= high && loss >= low;
        tn_outcome_conclude(outcome, fits ? TN_VERDICT_PASS : TN_VERDICT_FAIL,
                            "the first loss is %.4g; a network that knows nothing has %.4g%s", loss, expected,
                            loss > high  ? ", so its outputs start large and wrong"
                            : loss < low ? ", so the loss does not see the labels as it should"
                                         : "");
    } else if (!isnan(trivial) && trivial > 0) {
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "the first loss is %.4g, %.3g times that of the best constant", loss, loss / trivial);
    } else {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the first loss is %.4g; this loss implies no first value", loss);
    }
    tn_evidence_add(investigation, outcome->evidence, loss, expected, "ln C, the entropy of a uniform guess", "%s", outcome->summary);
}

static double first_loss(const tn_trial_result *result)
{
    bool is_known = result->score_count > 0 && !isnan(result->scores[0].train_loss); /* a program may tell a score alone */
    return is_known ? result->scores[0].train_loss : result->losses[0];
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    /* The first look began with it. */
    if (investigation->look && tn_look_is_valid(investigation->look) && investigation->look->result.steps > 0) {
        judge(investigation, outcome, first_loss(&investigation->look->result));
        return TN_OK;
    }
    tn_investigation_expect(investigation, 1, "the loss before training");
    tn_trial_request request = tn_trial_as_given("initial_loss", 1);
    tn_trial_result result;
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        tn_outcome_add_trial(investigation, outcome, &request, &result);
        judge(investigation, outcome, first_loss(&result));
    }
    tn_trial_result_deinit(&result);
    return status;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)investigation;
    (void)error;
    tn_planned_add(planned, 1, 1, "as given");
    return TN_OK;
}

const tn_experiment tn_experiment_initial_loss = {
    .info = {"initial_loss", "initial-loss", "B2", "is the loss before training what loss and classes imply?"},
    .why = "costs one step, and a wrong first loss points at inputs, weights, output or loss",
    .fails_under = "bad_init, unscaled_input, unscaled_label, wrong_output, wrong_loss, nonfinite_input",
    .run = run,
    .plan = plan,
};
