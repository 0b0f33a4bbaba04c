/* experiment_gradcheck.c: do layers of the user's own compute what they should? (PROTOCOL A5)
 *
 * Each is called on inputs picked to break it, and its gradient is held against differences (plugin/plugin_check.h). That needs no training, so in a whole debug it comes first. A layer that crashes, writes
 * where it must not or has a wrong gradient is the cause, and the debug is done: what else is wrong shows once it is mended. One that makes NaN of some finite inputs is the cause only where the training as
 * given turns non-finite in that layer, however small the rate is; else it is told as advice. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/experiment.h"
#include "experiments/layer_finding.h"
#include "experiments/nonfinite_origin.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Whether the training as given breaks in the layer that was checked, and not by its rate alone. */
static bool breaks_training(const tn_investigation *investigation, const json_t *check)
{
    const tn_known_origin *origin = &investigation->origin;
    const char *node = text_of(origin->where, "node");
    const json_t *given = tn_hypes_node(investigation->hypes, (size_t)json_integer_value(json_object_get(check, "node")));
    char own[64];
    snprintf(own, sizeof own, "plugin_%lld", (long long)json_integer_value(json_object_get(check, "node")));
    const char *name = json_object_get(given, "name") ? text_of(given, "name") : own;
    return origin->found && origin->where && strcmp(node, name) == 0 && origin->persists != TN_VERDICT_FAIL;
}

/* Asks the training, once, where some layer makes NaN of finite numbers and nothing worse was found. */
static tn_status ask_training(tn_investigation *investigation, const json_t *checks, tn_outcome *outcome, tn_error *error)
{
    size_t i, k;
    const json_t *check, *fault;
    bool nonfinite = false, breaks = false;
    json_array_foreach(checks, i, check)
    {
        json_array_foreach(json_object_get(check, "faults"), k, fault)
        {
            nonfinite = nonfinite || tn_layer_weight_of(fault) == TN_LAYER_NONFINITE;
            breaks = breaks || tn_layer_weight_of(fault) == TN_LAYER_BREAKS;
        }
    }
    bool asks = nonfinite && !breaks && !investigation->facts->is_layer && !atomic_load(&investigation->spent);
    return asks ? tn_nonfinite_examine(investigation, outcome, error) : TN_OK;
}

static void tell(tn_investigation *investigation, const json_t *check, const json_t *fault, tn_findings *findings)
{
    tn_layer_weight weight = tn_layer_weight_of(fault);
    bool is_alone = investigation->facts->is_layer;
    if (is_alone || weight == TN_LAYER_BREAKS || (weight == TN_LAYER_NONFINITE && breaks_training(investigation, check)))
        tn_finding_add_layer(investigation, findings, check, fault, true);
    else
        tn_finding_advise_layer(investigation, findings, check, fault);
}

/* One line for each probe: what was tried, and how many gradients were compared. */
static void add_probes(tn_investigation *investigation, const json_t *check, size_t layers, tn_outcome *outcome)
{
    size_t i;
    const json_t *probe;
    json_array_foreach(json_object_get(check, "probes"), i, probe)
    {
        const json_t *inputs = json_object_get(probe, "inputs");
        char *shapes = json_dumps(json_array_size(inputs) == 1 ? json_array_get(inputs, 0) : inputs, JSON_ENCODE_ANY | JSON_COMPACT);
        long long elements = (long long)json_integer_value(json_object_get(probe, "elements")),
                  undecided = (long long)json_integer_value(json_object_get(probe, "undecided"));
        char compared[96] = "";
        if (elements > 0 && undecided > 0)
            snprintf(compared, sizeof compared, ", %lld gradients, %lld of them too small or too bent to tell", elements, undecided);
        else if (elements > 0)
            snprintf(compared, sizeof compared, ", %lld gradients", elements);
        tn_evidence_add(investigation, outcome->evidence, (double)elements, NAN, "gradcheck", "%s%s%s, batch %lld of %.100s: %s%s",
                        layers > 1 ? text_of(check, "where") : "", layers > 1 ? ": " : "", text_of(probe, "probe"),
                        (long long)json_integer_value(json_object_get(probe, "batch")), shapes ? shapes : "", text_of(probe, "verdict"),
                        compared);
        free(shapes);
    }
}

static void conclude(const json_t *checks, const tn_findings *findings, tn_outcome *outcome)
{
    size_t i, layers = json_array_size(checks), faults = 0, elements = 0, cases = 0, k;
    const json_t *check, *probe, *untold = NULL, *faulty = NULL;
    json_array_foreach(checks, i, check)
    {
        faults += json_array_size(json_object_get(check, "faults"));
        faulty = !faulty && json_array_size(json_object_get(check, "faults")) > 0 ? check : faulty;
        untold = strcmp(text_of(check, "verdict"), "inconclusive") == 0 ? check : untold;
        json_array_foreach(json_object_get(check, "probes"), k, probe)
        {
            cases++;
            elements += (size_t)json_integer_value(json_object_get(probe, "elements"));
        }
    }
    if (json_array_size(findings->findings) > 0)
        tn_outcome_conclude(outcome, TN_VERDICT_FAIL, "%s, %.80s: %.120s", text_of(faulty, "name"), text_of(faulty, "where"),
                            text_of(json_array_get(json_object_get(faulty, "faults"), 0), "text"));
    else if (untold)
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE, "%s could not be checked: %.180s", text_of(untold, "name"),
                            text_of(untold, "reason"));
    else
        tn_outcome_conclude(outcome, TN_VERDICT_PASS, "%s%zu probes, %zu gradients compared with differences; nothing was found that %s",
                            layers == 1 ? "" : "all layers: ", cases, elements, faults > 0 ? "this training meets" : "is wrong");
}

static tn_status run(tn_investigation *investigation, tn_outcome *outcome, tn_error *error)
{
    if (investigation->facts->layers == 0) {
        tn_outcome_conclude(outcome, TN_VERDICT_INCONCLUSIVE,
                            "the net has no layer of your own; expected a node such as {\"plugin\": \"layer.so\"}");
        return TN_OK;
    }
    json_t *checks = NULL;
    tn_investigation_expect(investigation, 0, "checking the layers of your own");
    tn_status status = tn_subject_check_layers(investigation->subject, &checks, error);
    if (status == TN_OK)
        status = ask_training(investigation, checks, outcome, error);
    if (status != TN_OK) {
        json_decref(checks);
        return status;
    }
    tn_findings findings;
    tn_findings_init(&findings);
    size_t i, k;
    const json_t *check, *fault;
    json_array_foreach(checks, i, check)
    {
        add_probes(investigation, check, json_array_size(checks), outcome);
        json_array_foreach(json_object_get(check, "faults"), k, fault) tell(investigation, check, fault, &findings);
    }
    conclude(checks, &findings, outcome);
    investigation->is_settled = investigation->is_whole && tn_finding_has_confirmed(findings.findings);
    tn_json_set(investigation, outcome->result, "layers", json_incref(checks));
    tn_json_set(investigation, outcome->result, "findings", json_incref(findings.findings));
    tn_json_set(investigation, outcome->result, "advice", json_incref(findings.advice));
    tn_findings_deinit(&findings);
    json_decref(checks);
    return TN_OK;
}

static tn_status plan(tn_investigation *investigation, tn_planned *planned, tn_error *error)
{
    (void)error;
    if (investigation->facts->layers > 0)
        tn_planned_add(planned, 0, 0, "each layer of your own on inputs picked to break it, in a process of its own; no training");
    return TN_OK;
}

const tn_experiment tn_experiment_gradcheck = {
    .info = {"gradcheck", "gradcheck", "A5", "do layers of your own compute what they should?"},
    .why = "a layer of your own is the first suspect, and checking it needs no training",
    .fails_under = "wrong_gradient, nonfinite_op, faulty_layer, batch_computation",
    .run = run,
    .plan = plan,
};
