/* debug.c: the protocol from the first look to the report; see debug.h. What follows a confirmed change is in debug_chain.c. */
#include "experiments/debug.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "experiments/debug_once.h"
#include "experiments/debug_walk.h"
#include "experiments/experiment.h"
#include "experiments/look.h"
#include "experiments/trials_kept.h"

static json_t *subject_json(tn_investigation *investigation)
{
    const tn_subject_facts *facts = investigation->facts;
    json_t *object = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, object, "kind", json_string(facts->kind));
    tn_json_set(investigation, object, "name", json_string(facts->name));
    tn_json_set(investigation, object, "parameters", json_integer((json_int_t)facts->parameters));
    tn_json_set(investigation, object, "samples", json_integer((json_int_t)facts->train_samples));
    tn_json_set(investigation, object, "probe_samples", json_integer((json_int_t)facts->probe_samples));
    tn_json_set(investigation, object, "task", json_string(tn_subject_task_name(facts->task)));
    tn_json_set(investigation, object, "classes", json_integer((json_int_t)facts->classes));
    tn_json_set(investigation, object, "features", json_integer((json_int_t)facts->features));
    tn_json_set(investigation, object, "steps", json_integer((json_int_t)facts->steps_total));
    tn_json_set(investigation, object, "batch_size", json_integer((json_int_t)facts->batch_size));
    tn_json_set(investigation, object, "learning_rate", tn_json_number(facts->learning_rate));
    tn_json_set(investigation, object, "input_mean", tn_json_number(facts->input_mean));
    tn_json_set(investigation, object, "input_std", tn_json_number(facts->input_std));
    if (facts->is_program) {
        tn_json_set(investigation, object, "forks", json_boolean(facts->forks));
        if (facts->forks_note)
            tn_json_set(investigation, object, "forks_note", json_string(facts->forks_note));
        tn_json_set(investigation, object, "start_seconds", tn_json_number(facts->start_seconds));
        tn_json_set(investigation, object, "step_seconds", tn_json_number(facts->step_seconds));
    }
    return object;
}

json_t *tn_debug_document(tn_investigation *investigation)
{
    static const char *const lists[] = {"findings", "advice", "ruled_out", "chain", "evidence", "signals", "plan", "experiments"};
    json_t *report = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, report, "schema", json_string("tenet.report/1"));
    tn_json_set(investigation, report, "subject", subject_json(investigation));
    tn_json_set(investigation, report, "verdict", json_string("inconclusive"));
    tn_json_set(investigation, report, "score", json_null());
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        tn_json_set(investigation, report, lists[i], json_array());
    return report;
}

static size_t count_severity(const json_t *report, const char *severity)
{
    size_t i, count = 0;
    const json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), i, finding)
    {
        const char *is = json_string_value(json_object_get(finding, "severity"));
        count += is && strcmp(is, severity) == 0;
    }
    return count;
}

/* Every experiment's sentence is the evidence for the verdict. */
static void gather_evidence(tn_investigation *investigation, json_t *report)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(report, "experiments"), i, entry)
        tn_evidence_add(investigation, json_object_get(report, "evidence"), NAN, NAN, json_string_value(json_object_get(entry, "name")),
                        "%s", json_string_value(json_object_get(entry, "summary")));
}

/* Whether the race came to a verdict: without one nothing is known to be healthy. */
static bool was_raced(const json_t *report)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(report, "experiments"), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name")),
                   *verdict = json_string_value(json_object_get(entry, "verdict"));
        if (name && verdict && strcmp(name, "race") == 0)
            return strcmp(verdict, "inconclusive") != 0;
    }
    return false;
}

/* Of a debug that went on: how many trials came from the store. None where there were some, of the same name: the subject is another one now. */
static void tell_resumed(tn_investigation *investigation, json_t *report, json_t *cost)
{
    size_t held = tn_results_kept_count(investigation->kept);
    if (!investigation->kept)
        return;
    tn_json_set(investigation, cost, "kept", json_integer((json_int_t)investigation->taken));
    if (investigation->taken > 0)
        return;
    char note[320];
    if (held > 0)
        snprintf(note, sizeof note,
                 "The store holds %zu finished trials of this name, and none of them is of this very subject: the file, the program or the "
                 "version of tenet has changed since, or another seed was asked for. Everything was run anew.",
                 held);
    else
        snprintf(note, sizeof note, "The store holds no finished trial of this name: there was nothing to go on from.");
    json_t *notes = json_object_get(report, "notes");
    if (!notes)
        tn_json_set(investigation, report, "notes", json_array());
    tn_json_append(investigation, json_object_get(report, "notes"), json_string(note));
}

enum { REASON_BYTES = 320 };

/* Whether a network of which nothing was found may not be called healthy all the same; why, if so. */
static bool doubts_health(const tn_investigation *investigation, char reason[REASON_BYTES])
{
    const tn_known_race *raced = &investigation->raced;
    const char *note = investigation->facts->score_note;
    if (investigation->facts->unscored) /* that it runs without NaN is known; that it learns is not */
        snprintf(reason, REASON_BYTES,
                 "it trains without NaN and without diverging; whether it learns cannot be told, since there is no score%s%s",
                 note ? ": " : "", note ? note : "");
    else if (tn_standing_is_dramatic(raced->standing, raced->known))
        snprintf(reason, REASON_BYTES,
                 "no single change makes it dramatically better, and yet it scores %.2f where a mere vote of a sample's nearest neighbours "
                 "scores %.2f: the data allow more than it learns",
                 raced->standing, raced->known);
    else if (raced->untried_beyond > 0)
        snprintf(
            reason, REASON_BYTES,
            "no single change makes it dramatically better, and yet it scores only %.2f; whether more steps would help could not be tried, "
            "since the program ends by itself after %" PRIu64 ": let it train longer and see whether its score goes on rising",
            raced->standing, raced->untried_beyond);
    else
        return false;
    return true;
}

static void finish(tn_investigation *investigation, json_t *report, bool is_whole)
{
    bool broken = false, cannot_overfit = investigation->overfits == TN_VERDICT_FAIL;
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(report, "experiments"), i, entry) broken =
        broken || json_is_true(json_object_get(json_object_get(entry, "result"), "broken"));
    const json_t *score = json_object_get(report, "score");
    /* A slow network may fail to learn ten samples in the steps it is given, and still train well. */
    broken = broken || (cannot_overfit && !(json_number_value(score) >= 0.5));
    const char *verdict = "healthy";
    if (count_severity(report, "error") > 0)
        verdict = "faulty";
    else if (count_severity(report, "suspected") > 0 || broken || (is_whole && !was_raced(report)) || atomic_load(&investigation->spent) ||
             !is_whole)
        verdict = "inconclusive";
    char reason[REASON_BYTES];
    if (is_whole && strcmp(verdict, "healthy") == 0 && doubts_health(investigation, reason)) {
        tn_json_set(investigation, report, "reason", json_string(reason));
        verdict = "inconclusive";
    }
    tn_json_set(investigation, report, "verdict", json_string(verdict));
    if (json_array_size(investigation->facts->notes) > 0)
        tn_json_set(investigation, report, "notes", json_deep_copy(investigation->facts->notes));
    if (investigation->facts->score_note)
        tn_json_set(investigation, report, "score_note", json_string(investigation->facts->score_note));
    gather_evidence(investigation, report);

    json_t *cost = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, cost, "trials", json_integer((json_int_t)investigation->trials));
    tn_json_set(investigation, cost, "steps", json_integer((json_int_t)atomic_load(&investigation->steps)));
    tn_json_set(investigation, cost, "seconds", tn_json_number((double)(tn_clock_ns() - investigation->start_ns) / 1e9));
    tn_json_set(investigation, report, "cost", cost);
    tell_resumed(investigation, report, cost);
    tn_json_set(investigation, report, "spent", json_boolean(atomic_load(&investigation->spent)));
}

/* What a whole debug takes as a rule, for the progress: that much beside the race, and the race in steps of the look. */
enum { USUAL_STEPS = 2500, USUAL_LOOKS = 16 };

/* The whole protocol, or one experiment of it. */
static tn_status run(tn_subject *subject, const tn_experiment *experiment, bool is_whole, const tn_debug_options *options, json_t **result,
                     tn_error *error)
{
    *result = NULL;
    tn_investigation investigation;
    tn_status status = tn_investigation_init(&investigation, subject, options, error);
    json_t *report = NULL;
    if (status == TN_OK) {
        report = tn_debug_document(&investigation);
        investigation.is_whole = is_whole;
        investigation.planned_steps = is_whole ? USUAL_STEPS + USUAL_LOOKS * tn_look_steps(&investigation) : 0;
    }
    if (status == TN_OK)
        status = experiment ? tn_debug_perform(&investigation, experiment, experiment->why, report, NULL, error)
                            : tn_debug_walk(&investigation, report, error);
    if (status == TN_OK)
        finish(&investigation, report, is_whole);
    if (status == TN_OK && investigation.out_of_memory)
        status = tn_fail_memory(error, 0);
    if (status == TN_OK)
        *result = json_incref(report);
    json_decref(report);
    tn_investigation_deinit(&investigation);
    return status;
}

/* What every subject is asked, in this order. */
#define OF_ALL                                                                                                                             \
    &tn_experiment_initial_loss, &tn_experiment_lr_boundary, &tn_experiment_nonfinite, &tn_experiment_overfit, &tn_experiment_samples,     \
        &tn_experiment_race, &tn_experiment_batch

const tn_experiment *const *tn_debug_protocol(const tn_subject_facts *facts, size_t *count)
{
    static const tn_experiment *const of_program[] = {&tn_experiment_usage, OF_ALL};
    static const tn_experiment *const of_network[] = {&tn_experiment_gradcheck, OF_ALL};
    /* A network of hypes has no framework to misuse, and as a rule no layers of its user's own. */
    size_t first = facts->is_program || facts->layers > 0 ? 0 : 1;
    *count = sizeof of_network / sizeof *of_network - first;
    return (facts->is_program ? of_program : of_network) + first;
}

tn_status tn_debug_once(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error)
{
    return run(subject, NULL, true, options, report, error);
}

tn_status tn_debug_experiment(tn_subject *subject, const char *command, const tn_debug_options *options, json_t **report, tn_error *error)
{
    *report = NULL;
    const tn_experiment *experiment = tn_experiment_find(command);
    if (!experiment)
        return tn_fail(error, TN_ERROR_USAGE, "there is no experiment '%s'", command);
    return run(subject, experiment, experiment == &tn_experiment_race, options, report, error);
}

tn_status tn_debug_bisect(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error)
{
    return run(subject, &tn_experiment_bisect, false, options, report, error);
}
