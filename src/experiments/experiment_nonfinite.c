/* experiment_nonfinite.c: which operation first makes NaN or Inf of finite numbers? (PROTOCOL A3)
 *
 * Names op, direction, step, tensor and sample, and the line of an attached program; says whether a smaller rate would help, and proves the
 * op by a guard where there is one. Within a whole debug it costs nothing unless an earlier trial of the training as given turned non-finite;
 * a NaN that comes later is found by the race's first look, which then asks the same (nonfinite_origin.h).
 *
 * Steps count from 1, as everywhere: what broke at step 58 broke after 57 updates. */
#include <math.h>

#include "experiments/experiment.h"
#include "experiments/look.h"
#include "experiments/nonfinite_origin.h"

static void conclude(tn_investigation *investigation, tn_outcome *outcome)
{
    const tn_known_origin *known = &investigation->origin;
    if (!known->examined)
        return;
    if (!known->found) {
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "nothing turns non-finite in %llu steps",
                            (unsigned long long)tn_look_steps(investigation));
    } else if (!known->where) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the training turns non-finite at step %llu, and did not when it was watched",
                            (unsigned long long)known->step);
    } else {
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "%s", known->text);
    }
    tn_evidence_add(investigation, outcome->evidence, NAN, NAN, "PROTOCOL A3", "%s", known->text[0] ? known->text : outcome->summary);
    if (known->persists_text[0])
        tn_evidence_add(investigation, outcome->evidence, NAN, NAN, "PROTOCOL A1", "%s", known->persists_text);
    if (known->guard_helps != TN_VERDICT_INCONCLUSIVE)
        tn_evidence_add(investigation, outcome->evidence, NAN, NAN, "control", "%s: %s", known->guard_text,
                        known->guard_helps == TN_VERDICT_PASS ? "finite over the same steps"
                        : known->is_overflow                  ? "non-finite too, or divergent"
                                                              : "non-finite too");
    if (known->where)
        tn_json_set(investigation, outcome->result, "where", json_deep_copy(known->where));
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (investigation->is_whole && !atomic_load(&investigation->saw_nonfinite)) {
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "no trial of the training as given has turned non-finite so far");
        return TN_OK;
    }
    tn_status status = tn_nonfinite_examine(investigation, outcome, error);
    if (status != TN_OK)
        return status;
    conclude(investigation, outcome);
    if (investigation->is_whole)
        return TN_OK; /* the race weighs it against the other causes */
    tn_findings findings;
    tn_findings_init(&findings);
    tn_nonfinite_add_finding(investigation, &findings);
    tn_json_set(investigation, outcome->result, "broken", json_boolean(investigation->origin.found));
    tn_json_set(investigation, outcome->result, "findings", json_incref(findings.findings));
    tn_findings_deinit(&findings);
    return TN_OK;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)error;
    /* Once to find the step, which the look has shown, and once to watch it. */
    bool known = investigation->look && tn_look_is_valid(investigation->look);
    tn_planned_add(
        planned, known ? 2 : 0, known ? investigation->look->result.steps : 0,
        "only where something turns non-finite: the same trial again with its last steps watched, smaller rates, the op guarded");
    return TN_OK;
}

const tn_experiment tn_experiment_nonfinite = {
    .info = {"nonfinite", "nonfinite", "A3", "which operation first makes NaN of finite numbers?"},
    .why = "a number that breaks has one op, one step and one sample where it broke first",
    .fails_under = "nonfinite_op, nonfinite_input, unstable_softmax, needs_clipping, wrong_activation, lr_too_high",
    .run = run,
    .plan = plan,
};
