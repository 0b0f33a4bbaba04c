/* layer.c: a layer of the user's own as a subject, without a network: it can be checked, and there is nothing to train. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "plugin/plugin_check.h"
#include "subject/subject_kind.h"

/* A call on a probe may take so long: it has few samples. */
enum { CHECK_SECONDS = 20 };

typedef struct layer {
    tn_subject subject; /* first */
    char *path;
    uint64_t seed;
    tn_cancel *cancel;
    tn_subject_facts facts;
    double arguments[TN_LAYER_ARGUMENTS_MAX];
    size_t input_count;
    tn_layer_shape inputs[TN_LAYER_INPUTS_MAX];
} layer;

static tn_status run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    (void)subject;
    (void)request;
    (void)threads;
    (void)error;
    result->end = TN_TRIAL_REFUSED;
    tn_fail(&result->error, TN_ERROR_UNSUPPORTED,
            "a layer alone is no network that could be trained; name it in a net as {\"plugin\": \"...\"}");
    return TN_OK;
}

static const tn_subject_facts *facts_of(const tn_subject *subject)
{
    return &((const layer *)subject)->facts;
}

static void destroy(tn_subject *subject)
{
    layer *own = (layer *)subject;
    free(own->path);
    tn_memory_destroy(own);
}

static tn_status check_layers(const tn_subject *subject, json_t **checks, tn_error *error)
{
    const layer *own = (const layer *)subject;
    const tn_plugin_check_request request = {.path = own->path,
                                             .arguments = own->arguments,
                                             .inputs = own->input_count > 0 ? own->inputs : NULL,
                                             .input_count = own->input_count,
                                             .seed = own->seed,
                                             .seconds = CHECK_SECONDS,
                                             .cancelled = own->cancel ? &own->cancel->requested : NULL};
    json_t *result = NULL;
    tn_status status = tn_plugin_check(&request, &result, error);
    *checks = status == TN_OK ? json_pack("[o]", result) : NULL;
    if (status == TN_OK && (!*checks || json_object_set_new(result, "where", json_string(own->path)) != 0))
        status = tn_fail_memory(error, sizeof(json_t *));
    return status;
}

static const tn_subject_kind LAYER = {.run = run, .facts = facts_of, .destroy = destroy, .check_layers = check_layers};

/* "inputs": [[8, 8, 3]]. */
static tn_status read_shapes(layer *own, const json_t *list, tn_error *error)
{
    bool good = json_is_array(list) && json_array_size(list) >= 1 && json_array_size(list) <= TN_LAYER_INPUTS_MAX;
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        const json_t *shape = json_array_get(list, i);
        good = json_array_size(shape) >= 1 && json_array_size(shape) <= TN_LAYER_AXES_MAX;
        own->inputs[i].rank = json_array_size(shape);
        for (size_t k = 0; good && k < own->inputs[i].rank; k++) {
            json_int_t size = json_integer_value(json_array_get(shape, k));
            good = size >= 1 && size <= 1000000;
            own->inputs[i].dims[k] = (size_t)size;
        }
    }
    own->input_count = json_array_size(list);
    return good ? TN_OK
                : tn_fail(error, TN_ERROR_USAGE,
                          "inputs has to be a list of shapes, one for each input of the layer, without the batch: inputs=[[8,8,3]]");
}

static tn_status read_assignments(layer *own, const char *const *assignments, size_t count, tn_error *error)
{
    static const char *const OTHERS[] = {"inputs"};
    tn_plugin *plugin = NULL;
    json_t *given = json_object();
    tn_status status = given ? TN_OK : tn_fail_memory(error, sizeof *given);
    for (size_t i = 0; i < count && status == TN_OK; i++)
        status = tn_patch_assign(given, assignments[i], error);
    if (status == TN_OK && json_object_get(given, "inputs"))
        status = read_shapes(own, json_object_get(given, "inputs"), error);
    if (status == TN_OK)
        status = tn_plugin_open(own->path, CHECK_SECONDS, &plugin, error);
    if (status == TN_OK)
        status = tn_plugin_read_arguments(plugin, given, OTHERS, 1, own->arguments, error);
    tn_plugin_close(plugin);
    json_decref(given);
    return status;
}

tn_status tn_subject_layer(const char *path, const char *const *assignments, size_t assignment_count, uint64_t seed, tn_cancel *cancel,
                           tn_subject **subject, tn_error *error)
{
    *subject = NULL;
    layer *own = tn_memory_create(1, sizeof *own);
    if (!own)
        return tn_fail_memory(error, sizeof *own);
    own->subject.kind = &LAYER;
    own->seed = seed;
    own->cancel = cancel;
    own->path = tn_string_copy(path);
    own->facts = (tn_subject_facts){.kind = "layer", .name = own->path, .layers = 1, .is_layer = true};
    tn_status status = own->path ? read_assignments(own, assignments, assignment_count, error) : tn_fail_memory(error, strlen(path) + 1);
    if (status != TN_OK)
        destroy(&own->subject);
    else
        *subject = &own->subject;
    return status;
}
