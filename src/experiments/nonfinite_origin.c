/* nonfinite_origin.c: see nonfinite_origin.h.
 *
 *   1. the training as given, until it turns non-finite: step L
 *   2. the same trial again, from the same seed, with every tensor of the last steps before L observed: the rule "nonfinite", or the
 *      program's own trace, names the op. Where the first step that was watched is broken already, it watches further back.
 *   3. is it the rate? PROTOCOL A1's ladder tells, where the fault comes within its 100 steps; else trials at RATES times the given rate
 *   4. is it the op? The same trial with the op guarded, and nothing else changed, as a control
 *
 * A fault that goes away with a smaller rate is lr_too_high's, whatever op overflows in the end. But where a program's dtype was too narrow for a result, the guard comes first, which is to compute it in
 * float32: what then trains to the end, without diverging, was no divergence, though a smaller rate may hide the fault. */
#include "experiments/nonfinite_origin.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/fixes/net_reader.h"
#include "experiments/source_place.h"
#include "rules/rules.h"

/* Steps before the incident that are watched at first, and by how much more where that was too late. */
enum { BEFORE = 2, FURTHER = 16 };

/* Of the given rate: small enough to tell a fault of the rate, which a third or a tenth of it would mend, from one that stays. */
static const double RATES[] = {0.1, 1e-3, 1e-6};
enum { RATES_COUNT = sizeof RATES / sizeof *RATES };

/* Trials of a guard or a smaller rate run past the step of the fault by a quarter of it, and MORE. */
enum { MORE = 20 };

/* Ends a trial at a step; its total stays the given one, so that a decay of the rate is the same. */
typedef struct stop_at {
    uint64_t step;
} stop_at;

static bool stop_step(void *context, const tn_step *step)
{
    return step->step < ((const stop_at *)context)->step;
}

static tn_trial_request as_given(tn_investigation *investigation)
{
    tn_trial_request request = tn_trial_as_given("nonfinite", tn_look_steps(investigation));
    request.unscored = true;
    request.want_norms = true;
    return request;
}

/* ---- 1. when ---- */

/* The first step whose gradient was not finite, where the loss never told (weights of NaN behind a torch.where); 0 where there is none. A norm that nobody computed is NaN too,
 * so it is a suspicion, which the watched trial confirms or drops. */
static uint64_t suspect_step(const tn_trial_result *result)
{
    for (uint64_t i = 0; result->gradient_norms && i < result->steps; i++)
        if (!isfinite(result->gradient_norms[i]))
            return i + 1;
    return 0;
}

static tn_status find_step(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    tn_trial_request request = as_given(investigation);
    tn_trial_result result;
    tn_investigation_expect(investigation, request.knobs.steps, "the training as given, until a number breaks");
    tn_status status = tn_trials_run(investigation, &request, &result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        tn_outcome_add_trial(investigation, outcome, &request, &result);
        investigation->origin.examined = true;
        bool is_told = result.end == TN_TRIAL_NONFINITE;
        investigation->origin.step = is_told ? result.nonfinite_step : suspect_step(&result);
        investigation->origin.found = investigation->origin.step > 0;
        investigation->origin.is_suspicion = investigation->origin.found && !is_told;
    } else if (status == TN_OK && result.end == TN_TRIAL_REFUSED) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "the training as given could not be run: %.200s", result.error.message);
    }
    tn_trial_result_deinit(&result);
    return status;
}

/* ---- 2. where ---- */

static void put_place(tn_investigation *investigation, json_t *where, const tn_signal *signal)
{
    const tn_origin *origin = &signal->origin;
    if (origin->node[0]) {
        tn_json_set(investigation, where, "node", json_string(origin->node));
        tn_json_set(investigation, where, "op", json_string(origin->op));
    }
    if (origin->direction)
        tn_json_set(investigation, where, "direction", json_string(origin->direction));
    tn_json_set(investigation, where, "step", json_integer((json_int_t)signal->step));
    tn_json_set(investigation, where, "updates", json_integer((json_int_t)signal->step - 1));
    if (signal->tensor[0])
        tn_json_set(investigation, where, "tensor", json_string(signal->tensor));
    if (origin->sample != TN_ORIGIN_UNKNOWN)
        tn_json_set(investigation, where, "sample", json_integer((json_int_t)origin->sample));
    if (origin->row != TN_ORIGIN_UNKNOWN)
        tn_json_set(investigation, where, "row", json_integer((json_int_t)origin->row));
    if (origin->nan_node[0])
        tn_json_set(investigation, where, "nan_node", json_string(origin->nan_node));
}

/* A program guards the function that its trace names, at its line, where it can (python/tenet/usage_guard.py). */
static void take_guard(tn_investigation *investigation, const json_t *traced)
{
    tn_known_origin *known = &investigation->origin;
    const char *text = json_string_value(json_object_get(traced, "guard"));
    json_t *op = json_object_get(traced, "op"), *file = json_object_get(traced, "file"), *line = json_object_get(traced, "line");
    if (!text || !op || !file || !line)
        return;
    json_decref(known->guard);
    known->guard = tn_json_checked(investigation, json_pack("{s:{s:O,s:O,s:O,s:b}}", "program.guard", "op", op, "file", file, "line", line,
                                                            "overflow", known->is_overflow));
    snprintf(known->guard_text, sizeof known->guard_text, "%s", text);
}

/* What a program's own trace told is finer than its modules: the function, and the line. */
static void take_trace(tn_investigation *investigation, const json_t *traced)
{
    tn_known_origin *known = &investigation->origin;
    const char *text = json_string_value(json_object_get(traced, "text")),
               *direction = json_string_value(json_object_get(traced, "direction"));
    json_decref(known->where);
    known->where = tn_json_checked(investigation, json_deep_copy(traced));
    if (known->where) {
        json_object_del(known->where, "text");
        json_object_del(known->where, "guard");
    }
    known->is_overflow = json_is_string(json_object_get(traced, "overflow"));
    take_guard(investigation, traced);
    known->is_data = direction && strcmp(direction, "data") == 0;
    snprintf(known->text, sizeof known->text, "%s", text ? text : "");
}

/* Patches that keep an op's result finite. */
static const struct {
    const char *op, *key;
    double value;
    const char *text;
} GUARDS[] = {
    {"exp", "ceiling", 80, "exp(min(x, 80))"},     {"log", "floor", 1e-7, "log(max(x, 1e-7))"},
    {"sqrt", "floor", 1e-7, "sqrt(max(x, 1e-7))"}, {"reciprocal", "epsilon", 1e-6, "1 / (x + 1e-6)"},
    {"divide", "epsilon", 1e-6, "a / (b + 1e-6)"},
};

/* A guard of one value for the op of the origin. */
static void find_guard(tn_investigation *investigation, const tn_origin *origin)
{
    tn_known_origin *known = &investigation->origin;
    const tn_hypes *hypes = investigation->facts->is_program ? NULL : investigation->hypes;
    for (size_t i = 0; hypes && origin->node_index < tn_hypes_node_count(hypes) && i < sizeof GUARDS / sizeof *GUARDS; i++) {
        char path[64];
        if (strcmp(GUARDS[i].op, tn_net_op(hypes, origin->node_index)) != 0)
            continue;
        snprintf(path, sizeof path, "net.%zu.%s", origin->node_index, GUARDS[i].key);
        known->guard = tn_json_checked(investigation, json_pack("{s:f}", path, GUARDS[i].value));
        snprintf(known->guard_text, sizeof known->guard_text, "%s in place of %s (net.%zu)", GUARDS[i].text, GUARDS[i].op,
                 origin->node_index);
    }
}

/* One replay that watches the steps from `from` on. *found is true where nothing earlier can be to blame. */
static tn_status watch_steps(tn_investigation *investigation, uint64_t from, bool *found, tn_outcome *outcome, tn_error *error)
{
    tn_known_origin *known = &investigation->origin;
    tn_rule_set *rules;
    tn_status status = tn_rule_set_create(NULL, &rules, error);
    if (status != TN_OK)
        return status;
    stop_at end = {known->step};
    const tn_observer observers[] = {tn_rule_set_observer(rules), {.context = &end, .on_step = stop_step}};
    tn_trial_request request = as_given(investigation);
    request.watch_from = from;
    request.watch_to = known->step;
    request.observers = observers;
    request.observer_count = 2;
    tn_trial_result result;
    tn_investigation_expect(investigation, known->step, "the same again, with every tensor of the last steps watched");
    status = tn_trials_run(investigation, &request, &result, 1, error);
    const tn_signal *signal = tn_rule_set_signal(rules, "nonfinite");
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        tn_outcome_add_trial(investigation, outcome, &request, &result);
        bool fired = signal->state == TN_RULE_FIRED;
        *found = from == 1 || (fired && signal->origin.exact) || (result.origin && json_is_true(json_object_get(result.origin, "exact")));
        if (fired) {
            json_decref(known->where);
            known->where = tn_json_checked(investigation, json_object());
            put_place(investigation, known->where, signal);
            known->is_data = signal->origin.direction && strcmp(signal->origin.direction, "data") == 0;
            snprintf(known->text, sizeof known->text, "%s", signal->text);
            if (*found && signal->origin.node[0])
                find_guard(investigation, &signal->origin);
        }
        if (result.origin)
            take_trace(investigation, result.origin);
    }
    tn_trial_result_deinit(&result);
    tn_rule_set_destroy(rules);
    return status;
}

static tn_status find_place(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    uint64_t step = investigation->origin.step, before = BEFORE;
    tn_status status = TN_OK;
    for (bool found = false; status == TN_OK && !found && !atomic_load(&investigation->spent); before *= FURTHER) {
        uint64_t from = step > before ? step - before : 1;
        status = watch_steps(investigation, from, &found, outcome, error);
        if (from == 1)
            break;
    }
    return status;
}

/* ---- 3. the rate ---- */

static tn_status run_until_past(tn_investigation *investigation, tn_trial_request *requests, tn_trial_result *results, size_t count,
                                tn_outcome *outcome, tn_error *error)
{
    const uint64_t step = investigation->origin.step;
    stop_at end = {step + step / 4 + MORE};
    const tn_observer observer = {.context = &end, .on_step = stop_step};
    for (size_t i = 0; i < count; i++) {
        requests[i].observers = &observer;
        requests[i].observer_count = 1;
    }
    tn_status status = tn_trials_run(investigation, requests, results, count, error);
    for (size_t i = 0; i < count && status == TN_OK; i++)
        if (tn_trial_is_valid(&requests[i], &results[i]))
            tn_outcome_add_trial(investigation, outcome, &requests[i], &results[i]);
    return status;
}

static tn_status try_rates(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    tn_known_origin *known = &investigation->origin;
    double given = investigation->facts->learning_rate;
    tn_trial_request requests[RATES_COUNT];
    tn_trial_result results[RATES_COUNT];
    for (size_t i = 0; i < RATES_COUNT; i++) {
        requests[i] = as_given(investigation);
        requests[i].knobs.set |= TN_KNOB_LEARNING_RATE;
        requests[i].knobs.learning_rate = given * RATES[i];
    }
    tn_investigation_expect(investigation, RATES_COUNT * known->step, "the same at far smaller rates");
    tn_status status = run_until_past(investigation, requests, results, RATES_COUNT, outcome, error);
    size_t broken = 0, valid = 0;
    double clean = NAN;
    for (size_t i = 0; i < RATES_COUNT && status == TN_OK; i++) {
        bool counts = tn_trial_is_valid(&requests[i], &results[i]);
        valid += counts;
        bool broke = results[i].end == TN_TRIAL_NONFINITE || (known->is_suspicion && suspect_step(&results[i]) > 0);
        broken += counts && broke;
        if (counts && !broke && isnan(clean))
            clean = requests[i].knobs.learning_rate;
    }
    if (broken == RATES_COUNT) {
        known->persists = TN_VERDICT_PASS;
        snprintf(known->persists_text, sizeof known->persists_text,
                 "it turns non-finite at the rate %.3g and at every smaller one tried, down to %.3g: the rate is not the cause", given,
                 given * RATES[RATES_COUNT - 1]);
    } else if (valid == RATES_COUNT) {
        known->persists = TN_VERDICT_FAIL;
        snprintf(known->persists_text, sizeof known->persists_text, "at the rate %.3g the same steps stay finite", clean);
    }
    tn_trials_deinit(results, RATES_COUNT);
    return status;
}

static tn_status question_rate(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    tn_known_origin *known = &investigation->origin;
    const tn_known_rates *rates = &investigation->rates;
    bool on_ladder = rates->given_broke && (double)known->step <= tn_investigation_setting(investigation, "nan_steps", 100);
    if (on_ladder) {
        known->persists = isnan(rates->clean) ? TN_VERDICT_PASS : TN_VERDICT_FAIL;
        if (isnan(rates->clean) && isnan(rates->boundary))
            snprintf(known->persists_text, sizeof known->persists_text, "it breaks before the first update: the rate is not the cause");
        else
            snprintf(known->persists_text, sizeof known->persists_text,
                     isnan(rates->clean) ? "the ladder of rates found none that runs clean, down to %.3g: the rate is not the cause"
                                         : "the ladder of rates found that %.3g runs clean",
                     isnan(rates->clean) ? rates->boundary : rates->clean);
        return TN_OK;
    }
    if (!(investigation->facts->knobs & TN_KNOB_LEARNING_RATE) || !(investigation->facts->learning_rate > 0)) {
        snprintf(known->persists_text, sizeof known->persists_text, "whether a smaller rate would help is not known: it cannot be turned");
        return TN_OK;
    }
    return try_rates(investigation, outcome, error);
}

/* ---- 4. the op ---- */

static tn_status run_to_the_end(tn_investigation *investigation, tn_trial_request *request, tn_trial_result *result, tn_outcome *outcome,
                                tn_error *error)
{
    tn_status status = tn_trials_run(investigation, request, result, 1, error);
    if (status == TN_OK && tn_trial_is_valid(request, result))
        tn_outcome_add_trial(investigation, outcome, request, result);
    return status;
}

static tn_status try_guard(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    tn_known_origin *known = &investigation->origin;
    if (!known->guard || !(investigation->facts->knobs & TN_KNOB_PATCH))
        return TN_OK;
    tn_trial_request request = as_given(investigation);
    request.knobs.set |= TN_KNOB_PATCH;
    request.knobs.patch = known->guard;
    tn_trial_result result;
    /* A divergence passes the narrow dtype's limit long before float32's, so that one is given all steps to show. */
    tn_investigation_expect(investigation, known->is_overflow ? request.knobs.steps : known->step, "a control: the op guarded");
    tn_status status = known->is_overflow ? run_to_the_end(investigation, &request, &result, outcome, error)
                                          : run_until_past(investigation, &request, &result, 1, outcome, error);
    if (status == TN_OK && tn_trial_is_valid(&request, &result)) {
        bool breaks = result.end == TN_TRIAL_NONFINITE || suspect_step(&result) > 0;
        known->guard_helps = breaks || (known->is_overflow && tn_trial_diverged(&result, NAN)) ? TN_VERDICT_FAIL : TN_VERDICT_PASS;
    }
    tn_trial_result_deinit(&result);
    return status;
}

tn_status tn_nonfinite_examine(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    tn_known_origin *known = &investigation->origin;
    if (known->examined)
        return TN_OK;
    tn_status status = find_step(investigation, outcome, error);
    if (status != TN_OK || !known->found)
        return status;
    status = find_place(investigation, outcome, error);
    if (known->is_suspicion && !known->where) {
        known->found = false;
        return status;
    }
    if (status == TN_OK && known->is_overflow && !known->is_data && !atomic_load(&investigation->spent))
        status = try_guard(investigation, outcome, error);
    if (known->is_overflow && known->guard_helps == TN_VERDICT_PASS) {
        known->persists = TN_VERDICT_PASS;
        snprintf(known->persists_text, sizeof known->persists_text,
                 "in float32 it trains to the end: the dtype is too narrow, and nothing diverges");
        return status;
    }
    if (status == TN_OK && !known->is_data && !atomic_load(&investigation->spent))
        status = question_rate(investigation, outcome, error);
    if (status == TN_OK && !known->is_data && !known->is_overflow && known->persists != TN_VERDICT_FAIL &&
        !atomic_load(&investigation->spent))
        status = try_guard(investigation, outcome, error);
    return status;
}

/* ---- the finding ---- */

/* The line that a program's guard changes. */
static json_t *guarded_lines(tn_investigation *investigation)
{
    const tn_known_origin *known = &investigation->origin;
    json_t *lines = tn_json_checked(investigation, json_array()), *entry = tn_json_checked(investigation, json_object());
    json_t *source = json_object_get(known->where, "source");
    tn_source_put(investigation, entry, known->where);
    if (source)
        tn_json_set(investigation, entry, "was", json_incref(source));
    tn_json_set(investigation, entry, "change", json_string(known->guard_text));
    tn_json_append(investigation, lines, entry);
    return lines;
}

/* How sure: a control that agrees in one run of the same numbers is exact; the rate alone, told apart, is strong; neither, weak. */
static const double CONFIRMED = 0.97, RATE_RULED_OUT = 0.8, ONLY_SEEN = 0.5;

void tn_nonfinite_add_finding(tn_investigation *investigation, tn_findings *findings)
{
    const tn_known_origin *known = &investigation->origin;
    tn_cause_id cause = known->is_data ? TN_CAUSE_nonfinite_input : TN_CAUSE_nonfinite_op;
    if (!known->found || !known->where || !json_object_get(known->where, "op") || known->persists == TN_VERDICT_FAIL ||
        tn_finding_names(findings, cause))
        return;
    bool confirmed = known->guard_helps == TN_VERDICT_PASS;
    json_t *finding = tn_finding_create(investigation, cause, confirmed, "control");
    json_t *evidence = tn_json_checked(investigation, json_array()), *fix = tn_json_checked(investigation, json_object());
    tn_evidence_add(investigation, evidence, (double)known->step, NAN, "nonfinite", "%s", known->text);
    if (known->persists_text[0])
        tn_evidence_add(investigation, evidence, NAN, NAN, "A1's ladder", "%s", known->persists_text);
    if (known->guard_helps != TN_VERDICT_INCONCLUSIVE)
        tn_evidence_add(investigation, evidence, NAN, NAN, "control: the op guarded",
                        "%s, and nothing else changed, %s over the same steps", known->guard_text,
                        confirmed            ? "stays finite"
                        : known->is_overflow ? "turns non-finite or diverges too"
                                             : "turns non-finite too");
    const char *advice =
        known->is_data ? "Remove this row from the data, or fill its values in."
        : confirmed    ? known->guard_text
        : known->is_overflow
            ? "Compute this in float32, or in bfloat16, whose range is as wide; or make smaller what it is computed of."
            : "Guard this operation, or write it in its stable form: log(x + tiny), x / (y + tiny), "
              "sqrt(x + tiny), the maximum subtracted before exp. Where a mask leaves nothing of a row, leave the row out.";
    tn_json_set(investigation, finding, "where", json_deep_copy(known->where));
    tn_json_set(investigation, finding, "confidence",
                tn_json_number(confirmed                            ? CONFIRMED
                               : known->is_data                     ? CONFIRMED
                               : known->persists == TN_VERDICT_PASS ? RATE_RULED_OUT
                                                                    : ONLY_SEEN));
    tn_json_set(investigation, finding, "symptoms", json_array());
    tn_json_set(investigation, finding, "evidence", evidence);
    tn_json_set(investigation, fix, "text", json_string(advice));
    tn_json_set(investigation, fix, "patch", confirmed ? json_deep_copy(known->guard) : json_null());
    if (confirmed && investigation->facts->is_program)
        tn_json_set(investigation, fix, "lines", guarded_lines(investigation));
    tn_json_set(investigation, finding, "fix", fix);
    tn_finding_place(investigation, findings, finding);
}
