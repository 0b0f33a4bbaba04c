/* process_facts.c: what a program told of itself in the look -> facts, and hypes where its network is one that they can describe; see process_parts.h.
 *
 * Nothing of it is trusted: what is missing or of the wrong type is unknown, as subject.h notes it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "subject/process_parts.h"

static double number(const json_t *told, const char *name)
{
    const json_t *value = json_object_get(told, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double number_or_zero(const json_t *told, const char *name)
{
    double value = number(told, name);
    return isfinite(value) && value > 0 ? value : 0;
}

static uint64_t count(const json_t *told, const char *name)
{
    double value = number_or_zero(told, name);
    return value < 9e15 ? (uint64_t)value : 0;
}

/* An object, borrowed; NULL where there is none or it is empty. */
static const json_t *object(const json_t *told, const char *name)
{
    const json_t *value = json_object_get(told, name);
    return json_is_object(value) && json_object_size(value) > 0 ? value : NULL;
}

static uint32_t knobs_of(const json_t *told)
{
    uint32_t knobs = 0;
    const json_t *name;
    size_t i;
    json_array_foreach(json_object_get(told, "knobs"), i, name)
    {
        if (json_is_string(name))
            knobs |= tn_knob_by_name(json_string_value(name));
    }
    return knobs;
}

static void find_inputs(tn_subject_facts *facts, const json_t *told)
{
    facts->input_mean = number(told, "input_mean");
    facts->input_std = number(told, "input_std");
    facts->input_min = number(told, "input_min");
    facts->input_max = number(told, "input_max");
    facts->input_std_min = number(told, "input_std_min");
    facts->input_std_max = number(told, "input_std_max");
    facts->constant_features = (size_t)count(told, "constant_features");
    facts->nonfinite_inputs = count(told, "nonfinite_inputs");
    facts->nonfinite_input_row = json_object_get(told, "nonfinite_input_row") ? (size_t)count(told, "nonfinite_input_row") : SIZE_MAX;
    facts->label_min = number(told, "label_min");
    facts->label_max = number(told, "label_max");
    facts->label_mean = number(told, "label_mean");
    facts->label_std = number(told, "label_std");
    facts->label_order = 1 - number(told, "label_mixing");
    if (!(facts->label_order > 0))
        facts->label_order = 0;
}

static void find_training(tn_subject_facts *facts, const json_t *told)
{
    const char *task = json_string_value(json_object_get(told, "task"));
    facts->parameters = count(told, "parameters");
    facts->train_samples = count(told, "train_samples");
    facts->task = task && strcmp(task, "classification") == 0 ? TN_SUBJECT_CLASSIFICATION : TN_SUBJECT_REGRESSION;
    facts->classes = (size_t)count(told, "classes");
    facts->features = (size_t)count(told, "features");
    facts->outputs = (size_t)count(told, "outputs");
    facts->steps_total = count(told, "steps_total");
    facts->steps_per_epoch = count(told, "steps_per_epoch");
    facts->batch_size = count(told, "batch_size");
    facts->learning_rate = number(told, "learning_rate");
    facts->work = number_or_zero(told, "work");
    facts->expected_loss = number(told, "expected_loss");
    facts->majority = number_or_zero(told, "majority");
    facts->trivial_loss = number(told, "trivial_loss");
}

static void find_score(tn_subject_facts *facts, const json_t *told, const tn_run_end *look)
{
    const json_t *scored = json_object_get(told, "scored");
    facts->score_note = json_string_value(json_object_get(told, "score_why"));
    facts->unscored = json_is_boolean(scored) ? !json_is_true(scored) : !look->has_scores && !look->by_lines;
    if (!facts->score_note && look->by_lines && !look->has_scores)
        facts->score_note = "from the loss";
    if (!facts->score_note && facts->unscored)
        facts->score_note = "nothing is known to score it by";
}

/* ---- hypes ---- */

/* The network in the words of the hypes. The data are the program's own: their source is there because hypes have one, and nobody opens it. */
static json_t *hypes_object(const json_t *told)
{
    const json_t *net = json_object_get(told, "net"), *loss = json_object_get(told, "loss"), *solver = json_object_get(told, "solver");
    if (!json_is_array(net) || json_array_size(net) == 0 || !(json_is_string(loss) || json_is_object(loss)))
        return NULL;
    json_t *made = json_pack("{s:{s:{s:s, s:s}}, s:O, s:O}", "data", "train", "format", "npz", "file", "the-program-reads-its-own-data.npz",
                             "net", net, "loss", loss);
    if (made && json_is_object(solver) && json_object_set(made, "solver", (json_t *)(uintptr_t)solver) != 0) {
        json_decref(made);
        return NULL;
    }
    return made;
}

/* NULL where the schema does not take it: such a program is raced by its knobs alone. */
static tn_hypes *find_hypes(const tn_process *process)
{
    json_t *made = hypes_object(process->told);
    char *text = made ? json_dumps(made, JSON_INDENT(2)) : NULL;
    tn_hypes *hypes = NULL;
    if (text)
        (void)tn_hypes_parse(text, strlen(text), process->settings.name, ".", &hypes, NULL);
    json_decref(made);
    free(text);
    return hypes;
}

tn_status tn_process_find_facts(tn_process *process, const tn_run_end *look, const tn_trial_result *result, tn_error *error)
{
    const json_t *told = look->facts;
    tn_subject_facts *facts = &process->facts;
    process->told = told ? json_incref(look->facts) : json_object();
    if (!process->told)
        return tn_fail_memory(error, 64);
    process->reports_by_lines = look->by_lines;
    process->one_by_one = look->world > 1;
    *facts = (tn_subject_facts){.kind = "program", .name = process->settings.name};
    find_training(facts, told);
    find_inputs(facts, told);
    find_score(facts, told, look);
    if (facts->batch_size == 0)
        facts->batch_size = look->batch_size;
    if (isnan(facts->learning_rate))
        facts->learning_rate = look->learning_rate;
    if (facts->steps_total == 0 && look->ended_by_itself)
        facts->steps_total = result->steps;
    facts->knobs = knobs_of(told) | process->mapped | (uint32_t)TN_KNOB_STEPS;
    if (process->settings.hypes_path)
        facts->knobs |= TN_KNOB_PATCH;
    facts->is_program = true;
    facts->knob_paths = process->mapping;
    facts->hypes_file = process->settings.hypes_path;
    facts->notes = json_object_get(told, "notes");
    facts->places = object(told, "places");
    facts->mends = json_is_array(json_object_get(told, "mends")) ? json_object_get(told, "mends") : NULL;
    facts->refused = object(told, "refused");
    facts->start_seconds = isnan(look->start_seconds) ? 0 : look->start_seconds;
    facts->step_seconds = isnan(look->step_seconds) ? 0 : look->step_seconds;
    facts->forks = atomic_load(&process->serves);
    facts->forks_note = facts->forks || !process->serves_not[0] ? NULL : process->serves_not;
    process->hypes = find_hypes(process);
    return TN_OK;
}

bool tn_process_summarise(const tn_process *process, tn_data_summary *summary)
{
    const tn_subject_facts *facts = &process->facts;
    bool has_inputs = isfinite(facts->input_mean) && isfinite(facts->input_std), classifies = facts->task == TN_SUBJECT_CLASSIFICATION,
         has_labels = classifies ? facts->majority > 0 : isfinite(facts->label_mean) && isfinite(facts->label_std);
    *summary = (tn_data_summary){.samples = facts->train_samples, .nonfinite_row = TN_NO_ROW, .nonfinite_label_row = TN_NO_ROW};
    if (facts->train_samples == 0 || !(has_inputs || has_labels))
        return false;
    if (has_inputs) {
        summary->features = facts->features > 0 ? facts->features : 1;
        summary->mean = facts->input_mean;
        summary->std = facts->input_std;
        summary->min = facts->input_min;
        summary->max = facts->input_max;
        summary->constant_features = facts->constant_features;
        summary->nonfinite = facts->nonfinite_inputs;
        bool has_row = facts->nonfinite_inputs > 0 && facts->nonfinite_input_row != SIZE_MAX;
        summary->nonfinite_row = has_row ? facts->nonfinite_input_row : TN_NO_ROW;
    }
    if (has_labels && classifies) {
        summary->classes = facts->classes;
        summary->majority = facts->majority;
    } else if (has_labels) {
        summary->targets = 1;
        summary->label_mean = facts->label_mean;
        summary->label_std = facts->label_std;
    }
    return true;
}

bool tn_process_summarise_labels(const json_t *told, tn_data_summary *summary)
{
    const json_t *labels = object(told, "seen_labels");
    *summary = (tn_data_summary){.samples = count(labels, "count"),
                                 .made_labels = !json_is_true(json_object_get(labels, "given")),
                                 .nonfinite_row = TN_NO_ROW,
                                 .nonfinite_labels = count(labels, "nonfinite"),
                                 .nonfinite_label_row = TN_NO_ROW};
    if (summary->samples == 0)
        return false;
    summary->classes = (size_t)count(labels, "classes");
    if (summary->classes > 0) {
        summary->majority = fmin(number_or_zero(labels, "majority"), 1);
        return summary->majority > 0;
    }
    summary->targets = 1;
    summary->label_mean = number(labels, "mean");
    summary->label_std = number(labels, "std");
    return summary->nonfinite_labels > 0 || (isfinite(summary->label_mean) && summary->label_std >= 0);
}
