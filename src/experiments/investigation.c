/* investigation.c: the start and end of an investigation, its budget and its progress; see investigation.h. Trials stand in trials.c, JSON in outcome.c. */
#include "experiments/investigation.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

tn_status tn_investigation_init(tn_investigation *investigation, tn_subject *subject, const tn_debug_options *options, tn_error *error)
{
    *investigation = (tn_investigation){
        .subject = subject,
        .facts = tn_subject_facts_of(subject),
        .hypes = tn_subject_hypes(subject),
        .options = options,
        .start_ns = tn_clock_ns(),
        .activity = "starting",
        .rates = {.clean = NAN, .boundary = NAN, .steepest = NAN},
    };
    if (options->budget_seconds > 0)
        investigation->deadline_ns = investigation->start_ns + (uint64_t)(options->budget_seconds * 1e9);
    return tn_pool_create(options->threads, &investigation->pool, error);
}

void tn_investigation_deinit(tn_investigation *investigation)
{
    tn_pool_destroy(investigation->pool);
    investigation->pool = NULL;
}

double tn_investigation_setting(const tn_investigation *investigation, const char *key, double otherwise)
{
    char path[64] = "debug.";
    if (!investigation->hypes || strlen(key) + sizeof "debug." > sizeof path)
        return otherwise;
    strcat(path, key);
    const json_t *value = tn_hypes_value(investigation->hypes, path);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

void tn_investigation_expect(tn_investigation *investigation, uint64_t steps, const char *activity)
{
    investigation->announced_steps += steps;
    if (investigation->announced_steps > investigation->planned_steps)
        investigation->planned_steps = investigation->announced_steps;
    investigation->activity = activity;
}
