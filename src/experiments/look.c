/* look.c: see look.h. */
#include "experiments/look.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Below this score a network counts as no better than the trivial predictor: TN_NEAR_TRIVIAL, or as many standard errors as chance alone may reach on so few probe samples, and never more than
 * NEAR_TRIVIAL_MOST, since a handful of samples would call every network trivial. Unit: score (0 trivial, 1 perfect). Own choice. */
static const double NEAR_TRIVIAL_MOST = 0.2, STANDARD_ERRORS = 3;

/* Multiply-adds that one trial may take, forward and backward: two to eight seconds of one core. Counted, not timed, so that a debug repeats. */
static const double WORK_AFFORDABLE = 2e11, WORK_CHEAP = 4e9;

/* A trial has at least STEPS_MIN steps whatever the net costs, and at most STEPS_MAX however little. */
enum { STEPS_MIN = 300, STEPS_MAX = 20000, SCORES = 20, VITALS = 10 };

static double near_trivial(const tn_subject_facts *facts)
{
    double majority = facts->majority;
    if (facts->task != TN_SUBJECT_CLASSIFICATION || facts->probe_samples == 0 || !(majority > 0 && majority < 1))
        return TN_NEAR_TRIVIAL;
    /* Accuracy becomes a score by (accuracy - majority) / (1 - majority). */
    double error = sqrt(majority * (1 - majority) / (double)facts->probe_samples) / (1 - majority);
    return fmin(fmax(TN_NEAR_TRIVIAL, STANDARD_ERRORS * error), NEAR_TRIVIAL_MOST);
}

double tn_look_step_work(const tn_subject_facts *facts)
{
    double work = facts->work > 0 ? facts->work : (double)facts->parameters;
    return 3 * work * (double)facts->batch_size;
}

bool tn_look_is_costly(const tn_investigation *investigation)
{
    return STEPS_MIN * tn_look_step_work(investigation->facts) > WORK_AFFORDABLE;
}

uint64_t tn_look_steps(const tn_investigation *investigation)
{
    double step_work = tn_look_step_work(investigation->facts) + 1;
    double plateau = tn_investigation_setting(investigation, "plateau_steps", 2000);
    /* A tiny net runs as long as its user would let it; a large one as long as it must to learn something. */
    double steps = fmin(fmax(plateau, WORK_CHEAP / step_work), STEPS_MAX);
    steps = fmin(steps, fmax(WORK_AFFORDABLE / step_work, STEPS_MIN));
    uint64_t total = tn_investigation_length(investigation);
    return total > 0 && (double)total < steps ? total : (uint64_t)steps;
}

/* Whether all that a patch changes is what the network computes, its weights or its loss: a program makes as many steps then. */
static bool changes_only_the_network(const json_t *patch)
{
    static const char *const NETWORK[] = {"net.", "init", "loss"};
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, path, value)
    {
        size_t i = 0, count = sizeof NETWORK / sizeof *NETWORK;
        while (i < count && strncmp(path, NETWORK[i], strlen(NETWORK[i])) != 0)
            i++;
        if (i == count)
            return false;
    }
    return true;
}

/* Whether these may change how many steps a program makes: more or fewer batches, another file of hypes, another use of the framework. */
static bool may_move_the_end(const tn_knobs *knobs)
{
    return knobs->set & ((uint32_t)TN_KNOB_BATCH_SIZE | (uint32_t)TN_KNOB_SAMPLES) ||
           (knobs->set & TN_KNOB_PATCH && !changes_only_the_network(knobs->patch));
}

void tn_look_take_own_end(tn_investigation *investigation, tn_look *look, const tn_trial_request *request, tn_trial_result *result)
{
    bool ended = result->end == TN_TRIAL_COMPLETED && result->steps > 0 && result->steps < request->knobs.steps;
    if (!ended || result->acknowledged & (uint32_t)TN_KNOB_STEPS)
        return;
    if (investigation->own_steps == 0 && result->steps < look->steps && !may_move_the_end(&request->knobs)) {
        investigation->own_steps = look->steps = result->steps;
        look->truncated = false;
    }
    if (result->steps == investigation->own_steps)
        result->acknowledged |= (uint32_t)TN_KNOB_STEPS;
}

static bool take_kept(tn_investigation *investigation, tn_look *look)
{
    tn_look *kept = investigation->kept_look;
    if (!kept)
        return false;
    *look = *kept;
    tn_memory_destroy(kept);
    investigation->kept_look = NULL;
    return true;
}

tn_status tn_look_keep(tn_investigation *investigation, tn_look *look, tn_error *error)
{
    tn_look *kept = tn_memory_create(1, sizeof *kept);
    if (!kept)
        return tn_fail_memory(error, sizeof *kept);
    *kept = *look;
    *look = (tn_look){0};
    investigation->kept_look = kept;
    return TN_OK;
}

tn_status tn_look_run(tn_investigation *investigation, tn_look *look, tn_error *error)
{
    return take_kept(investigation, look) ? TN_OK : tn_look_run_steps(investigation, tn_look_steps(investigation), look, error);
}

tn_status tn_look_run_steps(tn_investigation *investigation, uint64_t steps, tn_look *look, tn_error *error)
{
    *look = (tn_look){.steps = steps};
    look->result.end = TN_TRIAL_CANCELLED;
    uint64_t total = tn_investigation_length(investigation); /* 0: a program that was not seen to end */
    look->truncated = total == 0 || total > look->steps;
    tn_status status = tn_rule_set_create(investigation->options->rules, &look->rules, error);
    if (status != TN_OK)
        return status;
    const tn_observer *guest = investigation->options->look;
    const tn_observer observers[] = {tn_rule_set_observer(look->rules), guest ? *guest : (tn_observer){.context = NULL}};
    look->request = tn_trial_as_given("look", look->steps);
    look->request.score_every = look->steps / SCORES > 0 ? look->steps / SCORES : 1;
    look->request.vitals_every = look->steps / VITALS > 0 ? look->steps / VITALS : 1;
    look->request.want_norms = true;
    look->request.shown_samples = investigation->walk ? TN_LOOK_SHOWN : 0;
    look->request.observers = observers;
    look->request.observer_count = guest ? 2 : 1;
    tn_investigation_expect(investigation, look->steps, "a first look at the training as given");
    status = tn_trials_run(investigation, &look->request, &look->result, 1, error);
    look->request.observers = NULL;
    look->request.observer_count = 0;
    if (status == TN_OK) {
        tn_look_take_own_end(investigation, look, &look->request, &look->result);
        look->request.knobs.steps = look->steps;
    }
    if (status != TN_OK || !tn_look_is_valid(look))
        return status;
    look->standing = tn_trial_standing(investigation, &look->result);
    look->nonfinite = look->result.end == TN_TRIAL_NONFINITE || tn_look_fired(look, "nonfinite");
    look->diverged = tn_trial_diverged(&look->result, NAN);
    look->near_trivial = !investigation->facts->unscored && look->standing < near_trivial(investigation->facts);
    return TN_OK;
}

void tn_look_deinit(tn_look *look)
{
    tn_trial_result_deinit(&look->result);
    tn_rule_set_destroy(look->rules);
    look->rules = NULL;
}

bool tn_look_is_valid(const tn_look *look)
{
    return tn_trial_is_valid(&look->request, &look->result);
}

bool tn_look_is_broken(const tn_look *look)
{
    return look->nonfinite || look->diverged || look->near_trivial;
}

bool tn_look_fired(const tn_look *look, const char *rule)
{
    return tn_rule_set_signal(look->rules, rule)->state == TN_RULE_FIRED;
}

const tn_signal *tn_look_signal_of(const tn_look *look, tn_cause_id cause)
{
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_signal *signal = tn_rule_set_signal(look->rules, tn_rule_at(i)->name);
        if (signal->state == TN_RULE_FIRED && signal->cause && strcmp(signal->cause, tn_cause_get(cause)->name) == 0)
            return signal;
    }
    return NULL;
}

bool tn_look_points_at(const tn_look *look, const char *rule, tn_cause_id cause, size_t *place)
{
    const tn_signal *signal = tn_rule_set_signal(look->rules, rule);
    if (signal->state != TN_RULE_FIRED)
        return false;
    return signal->cause ? tn_cause_is_listed(cause, signal->cause, place) : tn_cause_explains(cause, rule, place);
}

json_t *tn_look_signals(tn_investigation *investigation, const tn_look *look)
{
    json_t *list = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_signal *signal = tn_rule_set_signal(look->rules, tn_rule_at(i)->name);
        json_t *entry = tn_json_checked(investigation, json_object());
        tn_json_set(investigation, entry, "rule", json_string(tn_rule_at(i)->name));
        tn_json_set(investigation, entry, "state", json_string(tn_rule_state_name(signal->state)));
        if (signal->state == TN_RULE_FIRED) {
            tn_json_set(investigation, entry, "severity", json_string(tn_signal_severity_name(signal->severity)));
            tn_json_set(investigation, entry, "step", json_integer((json_int_t)signal->step));
            tn_json_set(investigation, entry, "tensor", json_string(signal->tensor));
            tn_json_set(investigation, entry, "value", tn_json_number(signal->value));
            tn_json_set(investigation, entry, "threshold", tn_json_number(signal->threshold));
            if (signal->cause)
                tn_json_set(investigation, entry, "cause", json_string(signal->cause));
        }
        if (signal->text[0])
            tn_json_set(investigation, entry, "text", json_string(signal->text));
        tn_json_append(investigation, list, entry);
    }
    return list;
}
