/* experiment_table.c: the experiments in the order of the protocol. A new one is a file and a row here. */
#include <string.h>

#include "base/clock.h"
#include "experiments/experiment.h"

static const tn_experiment *const table[] = {
    &tn_experiment_gradcheck, &tn_experiment_usage,   &tn_experiment_initial_loss, &tn_experiment_lr_boundary, &tn_experiment_nonfinite,
    &tn_experiment_clip,      &tn_experiment_overfit, &tn_experiment_samples,      &tn_experiment_init,        &tn_experiment_scale,
    &tn_experiment_decay,     &tn_experiment_race,    &tn_experiment_batch,        &tn_experiment_simplify,    &tn_experiment_climb,
    &tn_experiment_softmax,   &tn_experiment_search,
};

size_t tn_experiment_count(void)
{
    return sizeof table / sizeof *table;
}

const tn_experiment_info *tn_experiment_at(size_t index)
{
    return &table[index]->info;
}

const tn_experiment *tn_experiment_find(const char *command)
{
    for (size_t i = 0; i < tn_experiment_count(); i++)
        if (strcmp(table[i]->info.command, command) == 0)
            return table[i];
    return NULL;
}

void tn_plan_add(tn_investigation *investigation, json_t *report, const char *name, const char *why, uint64_t steps)
{
    json_t *planned = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, planned, "experiment", json_string(name));
    tn_json_set(investigation, planned, "why", json_string(why));
    tn_json_set(investigation, planned, "steps", json_integer((json_int_t)steps));
    tn_json_append(investigation, json_object_get(report, "plan"), planned);
}

tn_status tn_experiment_perform(tn_investigation *investigation, const tn_experiment *experiment, const char *why, json_t *report,
                                tn_outcome *outcome, tn_error *error)
{
    tn_outcome_init(outcome);
    uint64_t steps_before = atomic_load(&investigation->steps), asked_before = investigation->asked_steps, start_ns = tn_clock_ns();
    tn_status status = experiment->run(investigation, outcome, error);
    uint64_t steps = atomic_load(&investigation->steps) - steps_before - (investigation->asked_steps - asked_before);
    if (status != TN_OK)
        return status;
    if (atomic_load(&investigation->spent) && outcome->verdict == TN_VERDICT_PASS)
        outcome->verdict = TN_VERDICT_INCONCLUSIVE;
    if (atomic_load(&investigation->spent) && !outcome->summary[0])
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the budget was spent before it could be told");

    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "name", json_string(experiment->info.name));
    tn_json_set(investigation, entry, "protocol", json_string(experiment->info.protocol));
    tn_json_set(investigation, entry, "title", json_string(experiment->info.title));
    tn_json_set(investigation, entry, "verdict", json_string(tn_verdict_name(outcome->verdict)));
    tn_json_set(investigation, entry, "summary", json_string(outcome->summary));
    tn_json_set(investigation, entry, "evidence", json_incref(outcome->evidence));
    tn_json_set(investigation, entry, "trials", json_incref(outcome->trials));
    tn_json_set(investigation, entry, "result", json_incref(outcome->result));
    tn_json_set(investigation, entry, "seconds", tn_json_number((double)(tn_clock_ns() - start_ns) / 1e9));
    tn_json_append(investigation, json_object_get(report, "experiments"), entry);

    tn_plan_add(investigation, report, experiment->info.name, why, steps);
    return TN_OK;
}
