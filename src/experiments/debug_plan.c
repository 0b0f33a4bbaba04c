/* debug_plan.c: see debug_plan.h; tn_debug_plan is declared in debug.h. */
#include "experiments/debug_plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "experiments/experiment.h"

/* A short run that measures a step, where the subject has not done so itself. */
enum { MEASURED_STEPS = 20 };

void tn_planned_add(tn_planned *planned, uint64_t trials, uint64_t steps, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *entry = tn_json_checked(planned->investigation, json_object());
    tn_json_set(planned->investigation, entry, "text", json_string(text));
    tn_json_set(planned->investigation, entry, "trials", json_integer((json_int_t)trials));
    tn_json_set(planned->investigation, entry, "steps", json_integer((json_int_t)steps));
    tn_json_append(planned->investigation, planned->list, entry);
    planned->trials += trials;
    planned->steps += trials * steps;
}

static tn_status measure_step(tn_investigation *investigation, double *start_seconds, double *step_seconds, tn_error *error)
{
    *start_seconds = investigation->facts->start_seconds;
    *step_seconds = investigation->facts->step_seconds;
    if (*step_seconds > 0)
        return TN_OK;
    uint64_t total = investigation->facts->steps_total;
    tn_trial_request request = tn_trial_as_given("plan", total > 0 && total < MEASURED_STEPS ? total : MEASURED_STEPS);
    tn_trial_result result;
    uint64_t start_ns = tn_clock_ns();
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && result.steps > 0)
        *step_seconds = (double)(tn_clock_ns() - start_ns) / 1e9 / (double)result.steps;
    tn_trial_result_deinit(&result);
    return status;
}

/* Trials of one experiment run side by side, one a processor. */
static json_t *entry_of(const tn_experiment *experiment, const tn_planned *planned, double start_seconds, double step_seconds,
                        double *seconds)
{
    tn_investigation *investigation = planned->investigation;
    double lanes = fmin((double)investigation->options->threads, fmax(1, (double)planned->trials));
    *seconds = ((double)planned->trials * start_seconds + (double)planned->steps * step_seconds) / lanes;
    json_t *entry = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "experiment", json_string(experiment->info.name));
    tn_json_set(investigation, entry, "protocol", json_string(experiment->info.protocol));
    tn_json_set(investigation, entry, "why", json_string(experiment->why));
    tn_json_set(investigation, entry, "trials", json_incref(planned->list));
    tn_json_set(investigation, entry, "steps", json_integer((json_int_t)planned->steps));
    tn_json_set(investigation, entry, "seconds", tn_json_number(*seconds));
    return entry;
}

static tn_status fill(tn_investigation *investigation, json_t *document, tn_error *error)
{
    double start_seconds, step_seconds, total = 0;
    uint64_t trials = 0, steps = 0;
    tn_status status = measure_step(investigation, &start_seconds, &step_seconds, error);
    json_t *plan = tn_json_checked(investigation, json_array());
    size_t count;
    const tn_experiment *const *protocol = tn_debug_protocol(investigation->facts, &count);
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        tn_planned planned = {.investigation = investigation, .list = tn_json_checked(investigation, json_array())};
        double seconds = 0;
        status = protocol[i]->plan(investigation, &planned, error);
        if (status == TN_OK)
            tn_json_append(investigation, plan, entry_of(protocol[i], &planned, start_seconds, step_seconds, &seconds));
        json_decref(planned.list);
        total += seconds;
        trials += planned.trials;
        steps += planned.steps;
    }
    json_t *cost = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, cost, "trials", json_integer((json_int_t)trials));
    tn_json_set(investigation, cost, "steps", json_integer((json_int_t)steps));
    tn_json_set(investigation, cost, "seconds", tn_json_number(total));
    tn_json_set(investigation, document, "verdict", json_string("planned"));
    tn_json_set(investigation, document, "plan", plan);
    tn_json_set(investigation, document, "cost", cost);
    return status;
}

tn_status tn_debug_plan(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error)
{
    *report = NULL;
    tn_investigation investigation;
    tn_status status = tn_investigation_init(&investigation, subject, options, error);
    json_t *document = NULL;
    if (status == TN_OK) {
        document = tn_debug_document(&investigation);
        status = fill(&investigation, document, error);
    }
    if (status == TN_OK && investigation.out_of_memory)
        status = tn_fail_memory(error, 0);
    if (status == TN_OK)
        *report = json_incref(document);
    json_decref(document);
    tn_investigation_deinit(&investigation);
    return status;
}
