/* layer_finding.c: see layer_finding.h. */
#include "experiments/layer_finding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_kind(const json_t *fault, const char *kind)
{
    return strcmp(text_of(fault, "kind"), kind) == 0;
}

tn_layer_weight tn_layer_weight_of(const json_t *fault)
{
    if (is_kind(fault, "nonfinite_forward") || is_kind(fault, "nonfinite_backward"))
        return TN_LAYER_NONFINITE;
    return is_kind(fault, "lost_memory") ? TN_LAYER_HARMLESS : TN_LAYER_BREAKS;
}

/* What to do, by kind; the text of the fault says where. */
static const struct {
    const char *kind, *text;
} REMEDIES[] = {
    {"crash", "Mend what crashes; build the layer with -g -fsanitize=address, or run it under a debugger on the input that is named."},
    {"outside", "Correct the bounds of the loop or the index: a tensor of a pass has batch times its size elements."},
    {"read_only", "Write to output, saved and the gradients alone; copy what has to be changed."},
    {"hang", "Find the loop that does not end on the input that is named."},
    {"exit", "Return from the layer's functions; a layer that cannot go on says so in shape, by plan->refusal."},
    {"unwritten_output", "Write every element of the output, for all samples of the batch."},
    {"not_repeatable", "Keep nothing between calls but parameters and saved; draw no random numbers; write before reading."},
    {"unwritten_gradient", "Write every element of each gradient that is not NULL, 0 where there is none."},
    {"added_gradient", "Write gradients with = in place of +=: they do not start at 0."},
    {"wrong_gradient", "Derive backward again from forward, and check it by `tenet gradcheck`."},
    {"nonfinite_forward", "Guard the operation: x / max(y, tiny), log(x + tiny), the largest value subtracted before exp; or give "
                          "input_least and input_most, where such inputs cannot come."},
    {"nonfinite_backward",
     "Guard the derivative, such as 1 / sqrt(x + tiny); or give input_least and input_most, where such inputs cannot come."},
    {"mixed_samples", "Compute each sample from its own values; where mixing is meant, set TN_LAYER_MIXES_SAMPLES."},
    {"changed_output", "Leave the output as forward wrote it; backward has saved for what it needs."},
    {"lost_memory", "Free what each call allocates, or use saved in its place."},
};

static const char *remedy_of(const json_t *fault)
{
    for (size_t i = 0; i < sizeof REMEDIES / sizeof *REMEDIES; i++)
        if (is_kind(fault, REMEDIES[i].kind))
            return REMEDIES[i].text;
    return "Mend the layer, and check it by `tenet gradcheck`.";
}

/* "probe zeros: batch 2, inputs [7]; also in ties, kinks". */
static void describe_probe(const json_t *fault, char *text, size_t size)
{
    char *shapes = json_dumps(json_object_get(fault, "inputs"), JSON_ENCODE_ANY | JSON_COMPACT);
    size_t i, used = (size_t)snprintf(text, size, "seen on the probe \"%s\", batch %lld, inputs of shape %.100s", text_of(fault, "probe"),
                                      (long long)json_integer_value(json_object_get(fault, "batch")), shapes ? shapes : "");
    const json_t *also;
    free(shapes);
    json_array_foreach(json_object_get(fault, "also_in"), i, also)
    {
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "; also on ", json_string_value(also));
    }
}

static double number_of(const json_t *fault, const char *key)
{
    const json_t *value = json_object_get(fault, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void add_change(tn_investigation *investigation, json_t *finding, const char *text)
{
    json_t *fix = tn_json_checked(investigation, json_object());
    tn_json_set(investigation, fix, "text", json_string(text));
    tn_json_set(investigation, fix, "patch", json_null());
    tn_json_set(investigation, finding, "fix", fix);
}

void tn_finding_add_layer(tn_investigation *investigation, tn_findings *findings, const json_t *check, const json_t *fault,
                          bool is_confirmed)
{
    const tn_cause *cause = tn_cause_find(text_of(fault, "cause"));
    json_t *finding = tn_finding_create(investigation, cause ? cause->id : TN_CAUSE_faulty_layer, is_confirmed, "control");
    json_t *evidence = tn_json_checked(investigation, json_array()), *place = tn_json_checked(investigation, json_object());
    char probe[512];
    describe_probe(fault, probe, sizeof probe);
    tn_evidence_add(investigation, evidence, number_of(fault, "analytic"), number_of(fault, "numeric"), "gradcheck", "the layer %s: %s",
                    text_of(check, "name"), text_of(fault, "text"));
    tn_evidence_add(investigation, evidence, NAN, NAN, "gradcheck", "%s", probe);
    if (tn_layer_weight_of(fault) == TN_LAYER_NONFINITE && investigation->origin.found)
        tn_evidence_add(investigation, evidence, NAN, NAN, "PROTOCOL A3", "in the training as given: %s", investigation->origin.text);
    tn_json_set(investigation, place, "op", json_string(text_of(check, "where")));
    tn_json_set(investigation, place, "layer", json_string(text_of(check, "name")));
    if (json_object_get(fault, "element"))
        tn_json_set(investigation, place, "tensor", json_string(text_of(fault, "element")));
    tn_json_set(investigation, finding, "where", place);
    tn_json_set(investigation, finding, "confidence", tn_json_number(is_confirmed ? 0.99 : 0.5));
    tn_json_set(investigation, finding, "symptoms", json_array());
    tn_json_set(investigation, finding, "evidence", evidence);
    tn_json_set(investigation, finding, "fault", json_deep_copy(fault));
    add_change(investigation, finding, remedy_of(fault));
    tn_finding_place(investigation, findings, finding);
}

void tn_finding_advise_layer(tn_investigation *investigation, tn_findings *findings, const json_t *check, const json_t *fault)
{
    json_t *entry = tn_json_checked(investigation, json_object());
    char text[1400];
    snprintf(text, sizeof text, "The layer %s, %s: %s. This training does not meet it. %s", text_of(check, "name"), text_of(check, "where"),
             text_of(fault, "text"), remedy_of(fault));
    tn_json_set(investigation, entry, "cause", json_string(text_of(fault, "cause")));
    tn_json_set(investigation, entry, "text", json_string(text));
    tn_json_set(investigation, entry, "patch", json_null());
    tn_json_append(investigation, findings->advice, entry);
}

void tn_finding_add_failed_layer(tn_investigation *investigation, tn_findings *findings, const tn_trial_result *result)
{
    json_t *finding = tn_finding_create(investigation, TN_CAUSE_faulty_layer, true, "control");
    json_t *evidence = tn_json_checked(investigation, json_array()), *place = tn_json_checked(investigation, json_object());
    tn_evidence_add(investigation, evidence, (double)result->steps, NAN, "look", "as given: %s", result->error.message);
    tn_json_set(investigation, place, "step", json_integer((json_int_t)result->steps + 1));
    tn_json_set(investigation, finding, "where", place);
    tn_json_set(investigation, finding, "confidence", tn_json_number(0.99));
    tn_json_set(investigation, finding, "symptoms", json_array());
    tn_json_set(investigation, finding, "evidence", evidence);
    add_change(investigation, finding,
               "Mend what fails, on inputs such as this training meets; none of the probes of `tenet gradcheck` has shown it.");
    tn_finding_place(investigation, findings, finding);
}
