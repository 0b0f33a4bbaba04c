/* finding.c: see finding.h. */
#include "experiments/finding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/fixes/net_reader.h"
#include "experiments/program_mend.h"
#include "experiments/source_place.h"

void tn_findings_init(tn_findings *findings)
{
    *findings = (tn_findings){.findings = json_array(), .advice = json_array(), .ruled_out = json_array()};
}

void tn_findings_deinit(tn_findings *findings)
{
    json_decref(findings->findings);
    json_decref(findings->advice);
    json_decref(findings->ruled_out);
    *findings = (tn_findings){0};
}

void tn_finding_describe_look(const tn_look *look, char *text, size_t size)
{
    unsigned long long steps = look->result.steps;
    if (look->result.end == TN_TRIAL_NONFINITE)
        snprintf(text, size, "NaN or Inf at step %llu", (unsigned long long)look->result.nonfinite_step);
    else if (look->diverged)
        snprintf(text, size, "a diverging loss: from %.3g to %.3g in %llu steps", look->result.losses[0],
                 look->result.losses[look->result.steps - 1], steps);
    else
        snprintf(text, size, "a score of %.2f after %llu steps (0 is the trivial predictor, 1 perfect)", tn_trial_score(&look->result),
                 steps);
}

/* {"op", "step", "file", "line"} as far as they are known: the first node that the fix touches, the step where the run broke, and the line of the program. */
static json_t *where(tn_investigation *investigation, const tn_look *look, const json_t *patch)
{
    json_t *place = tn_json_checked(investigation, json_object());
    if (look->result.end == TN_TRIAL_NONFINITE)
        tn_json_set(investigation, place, "step", json_integer((json_int_t)look->result.nonfinite_step));
    const char *path;
    const json_t *value;
    json_object_foreach((json_t *)patch, path, value)
    {
        const json_t *line = tn_source_place(investigation->facts->places, path);
        if (line && !json_object_get(place, "file"))
            tn_source_put(investigation, place, line);
    }
    json_object_foreach((json_t *)patch, path, value)
    {
        if (strncmp(path, "net.", 4) != 0 || !investigation->hypes)
            continue;
        size_t index = strtoul(path + 4, NULL, 10);
        char op[96];
        if (index < tn_hypes_node_count(investigation->hypes))
            snprintf(op, sizeof op, "net.%zu (%s)", index, tn_net_op(investigation->hypes, index));
        else
            snprintf(op, sizeof op, "the end of net");
        tn_json_set(investigation, place, "op", json_string(op));
        break;
    }
    return place;
}

static bool is_listed(const tn_findings *findings, const char *symptom)
{
    size_t i, k;
    const json_t *finding, *name;
    json_array_foreach(findings->findings, i, finding)
    {
        json_array_foreach(json_object_get(finding, "symptoms"), k, name)
        {
            if (strcmp(json_string_value(name), symptom) == 0)
                return true;
        }
    }
    return false;
}

/* The rules that fired in the look and that this cause explains, unless an earlier finding has them. */
static json_t *symptoms_of(tn_investigation *investigation, const tn_findings *findings, const tn_look *look, tn_cause_id cause,
                           tn_cause_id other)
{
    json_t *names = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const char *name = tn_rule_at(i)->name;
        bool explains = tn_look_points_at(look, name, cause, NULL) || tn_look_points_at(look, name, other, NULL);
        if (explains && !is_listed(findings, name))
            tn_json_append(investigation, names, json_string(name));
    }
    return names;
}

/* What was measured, beside the race, that speaks for this cause. */
static void add_measurements(tn_investigation *investigation, json_t *evidence, const tn_fix *fix)
{
    const tn_subject_facts *facts = investigation->facts;
    const tn_known_rates *rates = &investigation->rates;
    if (fix->cause == TN_CAUSE_lr_too_high && rates->given_broke && !isnan(rates->clean))
        tn_evidence_add(
            investigation, evidence, facts->learning_rate, rates->clean, "lr_boundary",
            "the rate %.4g breaks within 100 steps; divided by 3 again and again from the same start, %.3g is the first that runs clean",
            facts->learning_rate, rates->clean);
    if (fix->cause == TN_CAUSE_lr_too_low && !isnan(rates->boundary))
        tn_evidence_add(investigation, evidence, facts->learning_rate, rates->boundary, "lr_boundary",
                        "the rate %.4g is %.3g times below the boundary %.3g; good ones lie 1 to 10 times below", facts->learning_rate,
                        rates->boundary / facts->learning_rate, rates->boundary);
    if (fix->cause == TN_CAUSE_unscaled_input)
        tn_evidence_add(investigation, evidence, facts->input_std, 1, "facts",
                        "the inputs reach the network with mean %.3g and standard deviation %.3g, from %.3g to %.3g", facts->input_mean,
                        facts->input_std, facts->input_min, facts->input_max);
    if (fix->cause == TN_CAUSE_unscaled_label)
        tn_evidence_add(investigation, evidence, facts->label_std, 1, "facts",
                        "the targets reach the loss with mean %.3g and standard deviation %.3g", facts->label_mean, facts->label_std);
    if ((fix->cause == TN_CAUSE_wrong_output || fix->cause == TN_CAUSE_wrong_loss) && facts->task == TN_SUBJECT_REGRESSION)
        tn_evidence_add(investigation, evidence, facts->label_max, NAN, "facts", "the targets lie between %.3g and %.3g", facts->label_min,
                        facts->label_max);
    if (fix->cause == TN_CAUSE_not_shuffled && facts->label_order > 0)
        tn_evidence_add(investigation, evidence, 1 - facts->label_order, 1, "facts",
                        "32 labels that come one after the other differ %.0f %% as much as labels drawn at random do",
                        100 * (1 - facts->label_order));
    tn_mend_add_evidence(investigation, evidence, fix->patch);
    if (investigation->overfits == TN_VERDICT_FAIL)
        tn_evidence_add(investigation, evidence, NAN, NAN, "overfit", "as given it cannot learn even ten samples by heart");
}

static json_t *scores(tn_investigation *investigation, const double *values, size_t count)
{
    json_t *array = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < count; i++)
        tn_json_append(investigation, array, tn_json_number(values[i]));
    return array;
}

static json_t *fix_json(tn_investigation *investigation, const tn_fix *fix, const tn_confirmation *confirmation)
{
    json_t *entry = tn_json_checked(investigation, json_object()), *effect = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, entry, "text", json_string(fix->text));
    json_t *patch = tn_fix_as_patch(investigation, fix);
    tn_json_set(investigation, entry, "patch", patch);
    if (investigation->facts->is_program)
        tn_json_set(investigation, entry, "lines", tn_source_lines(investigation, patch));
    tn_json_set(investigation, effect, "metric", json_string("score"));
    tn_json_set(investigation, effect, "before", scores(investigation, confirmation->before, confirmation->pairs));
    tn_json_set(investigation, effect, "after", scores(investigation, confirmation->after, confirmation->pairs));
    tn_json_set(investigation, entry, "effect", effect);
    return entry;
}

/* How sure, by the pairs alone: each is a coin that fell on the fix's side. */
static double confidence(const tn_confirmation *confirmation)
{
    if (confirmation->confirmed)
        return 1 - pow(0.5, (double)confirmation->pairs);
    return (double)(confirmation->better + 1) / (double)(confirmation->pairs + 2) * 0.8;
}

/* Behind the findings that are confirmed, where this one is; else last. */
void tn_finding_place(tn_investigation *investigation, tn_findings *findings, json_t *finding)
{
    size_t place = 0, count = json_array_size(findings->findings);
    while (place < count && (!json_is_true(json_object_get(finding, "confirmed")) ||
                             json_is_true(json_object_get(json_array_get(findings->findings, place), "confirmed"))))
        place++;
    if (json_array_insert_new(findings->findings, place, finding) != 0)
        investigation->out_of_memory = true;
}

bool tn_finding_has_confirmed(const json_t *findings)
{
    return json_is_true(json_object_get(json_array_get(findings, 0), "confirmed"));
}

json_t *tn_finding_create(tn_investigation *investigation, tn_cause_id cause, bool is_confirmed, const char *by)
{
    json_t *finding = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, finding, "cause", json_string(tn_cause_get(cause)->name));
    tn_json_set(investigation, finding, "severity", json_string(is_confirmed ? "error" : "suspected"));
    tn_json_set(investigation, finding, "confirmed", json_boolean(is_confirmed));
    tn_json_set(investigation, finding, "confirmed_by", is_confirmed ? json_string(by) : json_null());
    return finding;
}

void tn_finding_add_fix(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_fix *fix,
                        const tn_confirmation *confirmation)
{
    json_t *finding = tn_finding_create(investigation, fix->cause, confirmation->confirmed, "fix");
    json_t *evidence = tn_json_checked(investigation, json_array()), *change = fix_json(investigation, fix, confirmation);
    char given[160];
    tn_finding_describe_look(look, given, sizeof given);
    tn_evidence_add(investigation, evidence, look->standing, NAN, "look", "as given: %s", given);
    add_measurements(investigation, evidence, fix);
    char when[48] = "";
    if (confirmation->steps > 0 && confirmation->steps < look->steps)
        snprintf(when, sizeof when, " after %llu steps", (unsigned long long)confirmation->steps);
    if (confirmation->pairs > 0)
        tn_evidence_add(investigation, evidence, confirmation->after_mean, confirmation->before_mean, "race",
                        "%s, and nothing else changed: better on %zu of %zu fresh seeds, mean score%s %.2f where it was %.2f", fix->text,
                        confirmation->better, confirmation->pairs, when, confirmation->after_mean, confirmation->before_mean);
    else
        tn_evidence_add(investigation, evidence, NAN, NAN, "race",
                        "%s, and nothing else changed: better on one seed, and no fresh ones were run", fix->text);
    tn_json_set(investigation, finding, "where", where(investigation, look, json_object_get(change, "patch")));
    tn_json_set(investigation, finding, "confidence", tn_json_number(confidence(confirmation)));
    tn_json_set(investigation, finding, "symptoms", symptoms_of(investigation, findings, look, fix->cause, fix->other_cause));
    tn_json_set(investigation, finding, "evidence", evidence);
    if (fix->other_cause != fix->cause) {
        json_t *pair = tn_json_checked(investigation, json_array());
        tn_json_append(investigation, pair, json_string(tn_cause_get(fix->cause)->name));
        tn_json_append(investigation, pair, json_string(tn_cause_get(fix->other_cause)->name));
        tn_json_set(investigation, finding, "together_with", pair);
    }
    tn_json_set(investigation, finding, "fix", change);
    tn_finding_place(investigation, findings, finding);
}

void tn_finding_add_best_so_far(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_candidate *candidate)
{
    tn_finding_add_fix(investigation, findings, look, candidate->fix, &(tn_confirmation){0});
    json_t *finding = json_array_get(findings->findings, json_array_size(findings->findings) - 1);
    tn_evidence_add(investigation, json_object_get(finding, "evidence"), candidate->standing, candidate->base_standing, "race",
                    "a score of %.2f after %llu steps, as given %.2f after as many samples; the budget ended there", candidate->standing,
                    (unsigned long long)candidate->steps, candidate->base_standing);
}

/* What an experienced eye says without a proof: at most this sure. */
static const double UNPROVEN_CONFIDENCE = 0.5;

void tn_finding_add_untried(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_fix *fix, const char *why)
{
    json_t *finding = tn_finding_create(investigation, fix->cause, false, NULL);
    json_t *evidence = tn_json_checked(investigation, json_array()), *change = fix_json(investigation, fix, &(tn_confirmation){0});
    char given[160];
    tn_finding_describe_look(look, given, sizeof given);
    tn_evidence_add(investigation, evidence, look->standing, NAN, "look", "as given: %s", given);
    add_measurements(investigation, evidence, fix);
    tn_evidence_add(investigation, evidence, NAN, NAN, "race", "not tried, since it cannot be turned from outside: %s", why);
    tn_json_set(investigation, finding, "where", where(investigation, look, json_object_get(change, "patch")));
    tn_json_set(investigation, finding, "confidence", tn_json_number(fix->prior * UNPROVEN_CONFIDENCE));
    tn_json_set(investigation, finding, "symptoms", symptoms_of(investigation, findings, look, fix->cause, fix->other_cause));
    tn_json_set(investigation, finding, "evidence", evidence);
    tn_json_set(investigation, finding, "fix", change);
    tn_finding_place(investigation, findings, finding);
}

void tn_finding_add_labels(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_label_signal *signal,
                           const tn_label_control *control)
{
    json_t *finding = tn_finding_create(investigation, TN_CAUSE_misaligned_labels, control->equal, "control");
    json_t *evidence = tn_json_checked(investigation, json_array());
    char given[160];
    tn_finding_describe_look(look, given, sizeof given);
    tn_evidence_add(investigation, evidence, look->standing, NAN, "look", "as given: %s", given);
    tn_evidence_add(investigation, evidence, control->given_mean, control->permuted_mean, "control: permuted labels",
                    "labels permuted at random train as well as the given ones: mean score %.2f against %.2f on %zu fresh seeds",
                    control->permuted_mean, control->given_mean, control->pairs);
    tn_evidence_add(investigation, evidence, signal->given, signal->permuted, "nearest neighbours",
                    "a sample's nearest neighbours tell its label no better (%.2f) than permuted labels would (%.2f), among %zu samples",
                    signal->given, signal->permuted, signal->samples);
    tn_evidence_add(investigation, evidence, NAN, NAN, "overfit", "it learns ten samples by heart, so the network itself works");
    tn_json_set(investigation, finding, "where", json_object());
    tn_json_set(investigation, finding, "confidence", tn_json_number(control->equal ? 1 - pow(0.5, (double)control->pairs) : 0.5));
    tn_json_set(investigation, finding, "symptoms",
                symptoms_of(investigation, findings, look, TN_CAUSE_misaligned_labels, TN_CAUSE_misaligned_labels));
    tn_json_set(investigation, finding, "evidence", evidence);
    json_t *fix = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, fix, "text",
                json_string("Read inputs and labels in the same order: look at the samples with `tenet samples`, and at whatever sorts, "
                            "shuffles or joins one without the other. No setting can repair this."));
    tn_json_set(investigation, fix, "patch", json_null());
    tn_json_set(investigation, finding, "fix", fix);
    tn_finding_place(investigation, findings, finding);
}

void tn_finding_add_nonfinite_input(tn_investigation *investigation, tn_findings *findings)
{
    const tn_subject_facts *facts = investigation->facts;
    json_t *finding = tn_finding_create(investigation, TN_CAUSE_nonfinite_input, false, NULL);
    json_t *evidence = tn_json_checked(investigation, json_array()), *place = tn_json_checked(investigation, json_object()),
           *fix = tn_json_checked(investigation, json_object());
    char row[48] = "";
    if (facts->nonfinite_input_row != SIZE_MAX) {
        snprintf(row, sizeof row, "; the first stands in row %zu", facts->nonfinite_input_row);
        tn_json_set(investigation, place, "sample", json_integer((json_int_t)facts->nonfinite_input_row));
    }
    tn_evidence_add(investigation, evidence, (double)facts->nonfinite_inputs, 0, "facts", "%llu input values are NaN or infinite%s",
                    (unsigned long long)facts->nonfinite_inputs, row);
    tn_source_put(investigation, place, tn_source_place(facts->places, "data.input"));
    if (investigation->origin.text[0])
        tn_evidence_add(investigation, evidence, NAN, NAN, "nonfinite", "%s", investigation->origin.text);
    tn_json_set(investigation, finding, "where", place);
    tn_json_set(investigation, finding, "confidence", tn_json_number(0.95));
    tn_json_set(investigation, finding, "symptoms", json_array());
    tn_json_set(investigation, finding, "evidence", evidence);
    tn_json_set(investigation, fix, "text", json_string("Remove these rows from the data, or fill their values in."));
    tn_json_set(investigation, fix, "patch", json_null());
    tn_json_set(investigation, finding, "fix", fix);
    tn_finding_place(investigation, findings, finding);
}

void tn_finding_add_advice(tn_investigation *investigation, tn_findings *findings, const tn_fix *fix, const tn_confirmation *confirmation)
{
    json_t *entry = fix_json(investigation, fix, confirmation);
    char text[480];
    snprintf(text, sizeof text, "It trains as it is; with %s the mean score was %.2f where it was %.2f, better on %zu of %zu fresh seeds.",
             fix->text, confirmation->after_mean, confirmation->before_mean, confirmation->better, confirmation->pairs);
    tn_json_set(investigation, entry, "cause", json_string(tn_cause_get(fix->cause)->name));
    tn_json_set(investigation, entry, "text", json_string(text));
    tn_json_append(investigation, findings->advice, entry);
}

static bool names_cause(const json_t *list, tn_cause_id cause)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "cause"));
        if (name && strcmp(name, tn_cause_get(cause)->name) == 0)
            return true;
    }
    return false;
}

bool tn_finding_names(const tn_findings *findings, tn_cause_id cause)
{
    return names_cause(findings->findings, cause);
}

/* The candidate of a cause that came furthest: the one that finished, then the best. */
static const tn_candidate *best_of_cause(const tn_race *race, tn_cause_id cause)
{
    const tn_candidate *best = NULL;
    for (size_t i = 0; i < race->count; i++) {
        const tn_candidate *candidate = &race->candidates[i];
        if (candidate->fix->cause != cause || candidate->fix->other_cause != cause || !candidate->valid)
            continue;
        if (!best || candidate->steps > best->steps || (candidate->steps == best->steps && candidate->standing > best->standing))
            best = candidate;
    }
    return best;
}

/* A race that stopped at the first confirmed cause leaves some on their way, of which this one did well: nothing rules it out. */
static void mention_unfinished(tn_investigation *investigation, tn_findings *findings, const tn_candidate *candidate)
{
    json_t *evidence = json_object_get(json_array_get(findings->findings, 0), "evidence");
    if (evidence)
        tn_evidence_add(investigation, evidence, candidate->standing, NAN, "race",
                        "%s may repair it too (%s): score %.2f after %llu steps, as far as it was run", candidate->fix->text,
                        tn_cause_get(candidate->fix->cause)->name, candidate->standing, (unsigned long long)candidate->steps);
}

void tn_finding_rule_out(tn_investigation *investigation, tn_findings *findings, const tn_race *race)
{
    for (int cause = 0; cause < TN_CAUSE_COUNT; cause++) {
        const tn_candidate *best = best_of_cause(race, (tn_cause_id)cause);
        if (!best || names_cause(findings->findings, (tn_cause_id)cause) || names_cause(findings->advice, (tn_cause_id)cause) ||
            (best->finished && !best->memorises && tn_race_is_repair(race, race->base, best->standing)))
            continue;
        if (!best->finished && !best->memorises && tn_standing_is_dramatic(best->base_standing, best->standing)) {
            mention_unfinished(investigation, findings, best);
            continue;
        }
        char why[480];
        snprintf(why, sizeof why, "%s alone: score %.2f after %llu steps%s, as given %.2f", best->fix->text, best->standing,
                 (unsigned long long)best->steps, best->memorises ? " and no less with permuted labels" : "", best->base_standing);
        json_t *entry = tn_json_checked(investigation, json_object());
        tn_json_set(investigation, entry, "cause", json_string(tn_cause_get((tn_cause_id)cause)->name));
        tn_json_set(investigation, entry, "why", json_string(why));
        tn_json_append(investigation, findings->ruled_out, entry);
    }
}

void tn_finding_mention_others(tn_investigation *investigation, tn_findings *findings, const tn_candidate *const *ranked, size_t count)
{
    json_t *evidence = json_object_get(json_array_get(findings->findings, 0), "evidence");
    for (size_t i = 0; evidence && i < count; i++)
        if (!names_cause(findings->findings, ranked[i]->fix->cause) && !names_cause(findings->advice, ranked[i]->fix->cause))
            tn_evidence_add(investigation, evidence, ranked[i]->standing, NAN, "race", "%s would repair it too (%s): score %.2f",
                            ranked[i]->fix->text, tn_cause_get(ranked[i]->fix->cause)->name, ranked[i]->standing);
}
