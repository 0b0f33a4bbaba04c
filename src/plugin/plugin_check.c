/* plugin_check.c: the course of a check: which shapes, which probes, and what was found; see plugin_check.h. */
#include "plugin/plugin_check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "plugin/plugin_check_parts.h"

/* Shapes of our own: so many get the ordinary probe, and so many, of different ranks, all of them. */
enum { SHAPES_MAX = 6, WHOLE_SHAPES_MAX = 2 };

/* A sample of a network of more values than this is tried on few probes, since each slope is some twenty forward passes. */
enum { LARGE_SAMPLE = 2048 };

static const struct {
    const char *name, *cause;
} KINDS[] = {
#define TN_CHECK_KIND(id, cause) {#id, cause},
#include "plugin/plugin_faults.def"
#undef TN_CHECK_KIND
};

/* ---- faults ---- */

static json_t *checked(tn_check *check, json_t *value)
{
    check->out_of_memory = check->out_of_memory || !value;
    return value;
}

static void set(tn_check *check, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        check->out_of_memory = true;
}

static json_t *shapes_json(tn_check *check)
{
    json_t *list = checked(check, json_array());
    for (size_t i = 0; i < check->input_count; i++) {
        json_t *shape = checked(check, json_array());
        for (size_t k = 0; k < check->inputs[i].rank; k++)
            if (json_array_append_new(shape, json_integer((json_int_t)check->inputs[i].dims[k])) != 0)
                check->out_of_memory = true;
        if (json_array_append_new(list, shape) != 0)
            check->out_of_memory = true;
    }
    return list;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static size_t kind_of(const json_t *fault)
{
    size_t i = 0;
    while (i < TN_CHECK_KINDS && strcmp(KINDS[i].name, text_of(fault, "kind")) != 0)
        i++;
    return i;
}

/* The fault of this kind and tensor that was told before, or NULL. */
static json_t *find_fault(const tn_check *check, tn_check_kind kind, const char *tensor)
{
    size_t i;
    json_t *fault;
    json_array_foreach(check->faults, i, fault)
    {
        if (kind_of(fault) == (size_t)kind && strcmp(text_of(fault, "tensor"), tensor) == 0)
            return fault;
    }
    return NULL;
}

static void add_again(tn_check *check, json_t *fault)
{
    json_t *also = json_object_get(fault, "also_in");
    size_t i;
    const json_t *name;
    bool known = strcmp(text_of(fault, "probe"), check->probe->name) == 0;
    json_array_foreach(also, i, name) known = known || strcmp(json_string_value(name), check->probe->name) == 0;
    if (!known && json_array_append_new(also, json_string(check->probe->name)) != 0)
        check->out_of_memory = true;
}

void tn_check_add(tn_check *check, tn_check_kind kind, size_t tensor, json_t *details, const char *format, ...)
{
    char text[1024], name[64] = "";
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (tensor < TN_PLUGIN_TENSORS)
        tn_plugin_tensor_name(check->plugin, tensor, name);
    check->failed = true;
    json_t *known = find_fault(check, kind, name);
    if (known) {
        add_again(check, known);
        json_decref(details);
        return;
    }
    json_t *fault = checked(check, details ? details : json_object());
    set(check, fault, "kind", json_string(KINDS[kind].name));
    set(check, fault, "cause", json_string(KINDS[kind].cause));
    set(check, fault, "text", json_string(text));
    set(check, fault, "probe", json_string(check->probe->name));
    set(check, fault, "batch", json_integer((json_int_t)check->batch));
    set(check, fault, "inputs", shapes_json(check));
    set(check, fault, "also_in", json_array());
    if (name[0])
        set(check, fault, "tensor", json_string(name));
    size_t place = 0;
    while (place < json_array_size(check->faults) && kind_of(json_array_get(check->faults, place)) <= (size_t)kind)
        place++;
    if (json_array_insert_new(check->faults, place, fault) != 0)
        check->out_of_memory = true;
}

const char *tn_check_element(const tn_check *check, size_t tensor, size_t index, char text[128])
{
    char name[64];
    tn_plugin_tensor_name(check->plugin, tensor, name);
    bool is_parameter = tensor >= TN_PLUGIN_PARAMETER && tensor < TN_PLUGIN_SAVED;
    size_t own = tn_plugin_count(check->plugin, tensor, check->batch) / (is_parameter ? 1 : check->batch);
    if (is_parameter || tensor == TN_PLUGIN_SAVED || check->batch == 1)
        snprintf(text, 128, "%s[%zu]", name, index);
    else
        snprintf(text, 128, "%s[%zu] of sample %zu", name, index % own, index / own);
    return text;
}

/* ---- calls ---- */

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

bool tn_check_has_bits(float value, uint32_t bits)
{
    return bits_of(value) == bits;
}

bool tn_check_is_same(float left, float right)
{
    return bits_of(left) == bits_of(right);
}

void tn_check_fill(tn_check *check, size_t tensor, uint32_t bits)
{
    float *values = tn_plugin_values(check->plugin, tensor), filling;
    size_t count = tn_plugin_count(check->plugin, tensor, check->batch);
    memcpy(&filling, &bits, sizeof filling);
    for (size_t i = 0; i < count; i++)
        values[i] = filling;
}

bool tn_check_goes_on(const tn_check *check)
{
    tn_plugin_call call;
    bool cancelled = check->request->cancelled && atomic_load(check->request->cancelled);
    return check->plugin && tn_plugin_fault_of(check->plugin, &call) == TN_PLUGIN_FINE && check->status == TN_OK && !check->out_of_memory &&
           !cancelled;
}

/* A layer that failed in a call, as a fault. */
static void note_failure(tn_check *check, const tn_error *error, const char *situation)
{
    static const tn_check_kind OF[] = {[TN_PLUGIN_CRASHED] = TN_CHECK_crash,
                                       [TN_PLUGIN_HUNG] = TN_CHECK_hang,
                                       [TN_PLUGIN_EXITED] = TN_CHECK_exit,
                                       [TN_PLUGIN_OUTSIDE] = TN_CHECK_outside,
                                       [TN_PLUGIN_WROTE_READ_ONLY] = TN_CHECK_read_only};
    tn_plugin_call call;
    tn_plugin_fault fault = tn_plugin_fault_of(check->plugin, &call);
    const char *path = tn_plugin_path(check->plugin), *text = strstr(error->message, path);
    /* The message begins by "the plug-in PATH", which the fault's owner tells once. */
    text = text ? text + strlen(path) : error->message;
    tn_check_kind kind = fault == TN_PLUGIN_FINE ? TN_CHECK_crash : OF[fault];
    check->hangs = check->hangs || kind == TN_CHECK_hang;
    tn_check_add(check, kind, TN_PLUGIN_TENSORS, json_pack("{s:s}", "call", tn_plugin_call_name(call)), "it%s%s%s", text,
                 situation ? "; " : "", situation ? situation : "");
}

static bool finish(tn_check *check, tn_status status, const tn_error *error, const char *situation)
{
    check->calls++;
    if (status == TN_ERROR_LAYER) {
        note_failure(check, error, situation);
    } else if (status != TN_OK) {
        check->status = status;
        if (check->error)
            *check->error = *error;
    }
    return status == TN_OK;
}

bool tn_check_forward(tn_check *check, bool training)
{
    const tn_layer_plan *plan = tn_plugin_plan(check->plugin);
    tn_error error;
    for (size_t i = 0; i < plan->parameter_count; i++) {
        size_t count = tn_plugin_count(check->plugin, TN_PLUGIN_PARAMETER + i, check->batch);
        memcpy(tn_plugin_values(check->plugin, TN_PLUGIN_PARAMETER + i), check->parameters[i], count * sizeof(float));
    }
    return tn_check_goes_on(check) && finish(check, tn_plugin_forward(check->plugin, check->batch, training, &error), &error, NULL);
}

bool tn_check_backward(tn_check *check, unsigned wants, const char *situation)
{
    tn_error error;
    return tn_check_goes_on(check) &&
           finish(check, tn_plugin_backward(check->plugin, check->batch, true, wants, &error), &error, situation);
}

/* ---- a case ---- */

/* Values near those that the layer starts with, so that no gradient is right by chance: a slope of 1 hides a missing factor. */
static void fill_parameter(tn_check *check, const tn_layer_parameter *parameter, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double random = 2 * tn_rng_uniform(&check->rng) - 1;
        double start = parameter->start == TN_LAYER_CONSTANT ? parameter->value : 0;
        if (parameter->is_state)
            values[i] = (float)start;
        else if (start != 0)
            values[i] = (float)(start * (1 + 0.3 * random));
        else
            values[i] = (float)random;
    }
}

static void release_case(tn_check *check)
{
    for (size_t i = 0; i < TN_LAYER_PARAMETERS_MAX; i++) {
        tn_memory_destroy(check->parameters[i]);
        check->parameters[i] = NULL;
    }
    tn_memory_destroy(check->output);
    tn_memory_destroy(check->weights);
    check->output = check->weights = NULL;
}

static tn_status prepare_case(tn_check *check, tn_error *error)
{
    tn_plugin *plugin = check->plugin;
    const tn_layer_plan *plan = tn_plugin_plan(plugin);
    tn_status status = tn_plugin_prepare(plugin, check->batch, error);
    if (status != TN_OK)
        return status;
    size_t outputs = tn_plugin_count(plugin, TN_PLUGIN_OUTPUT, check->batch);
    check->output = tn_memory_create(outputs, sizeof *check->output);
    check->weights = tn_memory_create(outputs, sizeof *check->weights);
    bool made = check->output && check->weights;
    for (size_t i = 0; i < outputs && made; i++)
        check->weights[i] = (float)tn_rng_normal(&check->rng);
    for (size_t i = 0; i < plan->parameter_count && made; i++) {
        size_t count = tn_plugin_count(plugin, TN_PLUGIN_PARAMETER + i, check->batch);
        check->parameters[i] = tn_memory_create(count, sizeof *check->parameters[i]);
        made = check->parameters[i] != NULL;
        if (made)
            fill_parameter(check, &plan->parameters[i], check->parameters[i], count);
    }
    for (size_t i = 0; i < check->input_count; i++)
        tn_plugin_probe_fill(check->probe, tn_plugin_info_of(plugin), &check->rng, tn_plugin_values(plugin, TN_PLUGIN_INPUT + i),
                             tn_plugin_count(plugin, TN_PLUGIN_INPUT + i, check->batch));
    return made ? TN_OK : tn_fail_memory(error, outputs * sizeof(float));
}

static void add_probe(tn_check *check)
{
    json_t *row = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:s}", "probe", check->probe->name, "title", check->probe->title, "inputs",
                            shapes_json(check), "batch", (json_int_t)check->batch, "elements", (json_int_t)check->elements, "undecided",
                            (json_int_t)check->undecided, "verdict", check->failed ? "fail" : "pass");
    if (!row || json_array_append_new(check->probes, row) != 0)
        check->out_of_memory = true;
}

static tn_status start_layer(tn_check *check, tn_error *error)
{
    tn_plugin_close(check->plugin);
    return tn_plugin_open(check->request->path, check->request->seconds, &check->plugin, error);
}

/* The layer, alive, asked for the shapes of the check. */
static tn_status ask_shape(tn_check *check, tn_error *error)
{
    tn_plugin_call call;
    tn_status status = TN_OK;
    if (tn_plugin_fault_of(check->plugin, &call) != TN_PLUGIN_FINE)
        status = start_layer(check, error);
    return status == TN_OK ? tn_plugin_shape(check->plugin, check->inputs, check->input_count, check->arguments, error) : status;
}

static void run_case(tn_check *check, const tn_plugin_probe *probe)
{
    tn_error error = {.code = TN_OK};
    check->probe = probe;
    check->batch = probe->batch;
    check->elements = check->undecided = 0;
    check->failed = false;
    /* A stream of its own for each case, so that none moves with those before it. */
    tn_rng_init(&check->rng, check->request->seed, TN_STREAM_PROBE + ((uint64_t)(json_array_size(check->probes) + 1) << 16));
    tn_status status = ask_shape(check, &error);
    if (status == TN_ERROR_LAYER)
        note_failure(check, &error, NULL);
    else if (status == TN_OK)
        status = prepare_case(check, &error);
    if (status == TN_OK)
        tn_check_passes(check);
    else if (status != TN_ERROR_LAYER)
        finish(check, status, &error, NULL);
    release_case(check);
    if (check->plugin)
        add_probe(check);
}

static bool may_go_on(const tn_check *check)
{
    bool cancelled = check->request->cancelled && atomic_load(check->request->cancelled);
    return check->plugin && check->status == TN_OK && !check->out_of_memory && !check->hangs && !cancelled;
}

static void run_probes(tn_check *check, bool all)
{
    const tn_plugin_probe *probe;
    for (size_t i = 0; (probe = tn_plugin_probe_at(i)) && may_go_on(check); i++)
        if (all || i < 3 || (!probe->has_slopes && probe->batch < 16))
            run_case(check, probe);
}

/* ---- which shapes ---- */

/* Whether the layer takes these inputs. Where it fails at the question, it does, and the first case tells. */
static bool takes(tn_check *check, char *refusal, size_t size)
{
    tn_error error;
    tn_status status = ask_shape(check, &error);
    if (status == TN_ERROR_HYPES && !refusal[0])
        snprintf(refusal, size, "%.300s", error.message);
    if (status != TN_OK && status != TN_ERROR_HYPES && status != TN_ERROR_LAYER)
        finish(check, status, &error, NULL);
    return status == TN_OK || status == TN_ERROR_LAYER;
}

static void run_own_shapes(tn_check *check, size_t input_count, char *refusal, size_t size)
{
    const tn_layer_shape *shape;
    size_t taken = 0, whole = 0, last_rank = 0;
    for (size_t i = 0; (shape = tn_plugin_probe_shape(i)) && taken < SHAPES_MAX && may_go_on(check); i++) {
        check->input_count = input_count;
        for (size_t k = 0; k < input_count; k++)
            check->inputs[k] = *shape;
        if (!takes(check, refusal, size))
            continue;
        bool all = whole < WHOLE_SHAPES_MAX && shape->rank != last_rank;
        taken++;
        whole += all;
        last_rank = shape->rank;
        if (all)
            run_probes(check, true);
        else
            run_case(check, tn_plugin_probe_at(0));
    }
}

static void run_all(tn_check *check, char *refusal, size_t size)
{
    const tn_plugin_check_request *request = check->request;
    const tn_plugin_info info = *tn_plugin_info_of(check->plugin);
    size_t values = 0;
    if (request->input_count > 0) {
        check->input_count = request->input_count;
        memcpy(check->inputs, request->inputs, request->input_count * sizeof *request->inputs);
        for (size_t i = 0; i < request->input_count; i++)
            values += tn_plugin_shape_size(&request->inputs[i]);
        if (takes(check, refusal, size))
            run_probes(check, values <= LARGE_SAMPLE);
        return;
    }
    run_own_shapes(check, info.least_inputs, refusal, size);
    if (info.most_inputs > info.least_inputs && may_go_on(check))
        run_own_shapes(check, info.least_inputs + 1, refusal, size);
}

/* ---- the whole ---- */

static json_t *arguments_json(tn_check *check, const tn_plugin_info *info)
{
    json_t *object = checked(check, json_object());
    for (size_t i = 0; i < info->argument_count; i++)
        set(check, object, info->arguments[i].name, json_real(check->arguments[i]));
    return object;
}

static json_t *conclude(tn_check *check, const tn_plugin_info *info, const char *refusal)
{
    bool none = json_array_size(check->probes) == 0, cancelled = check->request->cancelled && atomic_load(check->request->cancelled);
    const char *verdict = json_array_size(check->faults) > 0 ? "fail" : none || cancelled ? "inconclusive" : "pass";
    char reason[512];
    snprintf(reason, sizeof reason, cancelled ? "it was ended before all probes were made" : "no shape was tried that it takes: %s",
             refusal);
    json_t *told = strcmp(verdict, "inconclusive") == 0 ? json_string(reason) : json_null();
    return checked(check, json_pack("{s:s, s:s, s:o, s:s, s:o, s:O, s:O, s:I}", "plugin", check->request->path, "name", info->name,
                                    "arguments", arguments_json(check, info), "verdict", verdict, "reason", told, "faults", check->faults,
                                    "probes", check->probes, "calls", (json_int_t)check->calls));
}

tn_status tn_plugin_check(const tn_plugin_check_request *request, json_t **result, tn_error *error)
{
    char refusal[320] = "";
    tn_plugin_info info;
    *result = NULL;
    tn_check *check = tn_memory_create(1, sizeof *check);
    if (!check)
        return tn_fail_memory(error, sizeof *check);
    *check = (tn_check){.request = request, .error = error, .faults = json_array(), .probes = json_array(), .probe = tn_plugin_probe_at(0)};
    tn_status status = start_layer(check, error);
    if (status == TN_OK) {
        info = *tn_plugin_info_of(check->plugin);
        for (size_t i = 0; i < info.argument_count; i++)
            check->arguments[i] = request->arguments ? request->arguments[i] : info.arguments[i].otherwise;
        run_all(check, refusal, sizeof refusal);
        *result = conclude(check, &info, refusal);
        status = check->status;
    }
    if (status == TN_OK && check->out_of_memory)
        status = tn_fail_memory(error, sizeof(json_t *));
    if (status != TN_OK) {
        json_decref(*result);
        *result = NULL;
    }
    json_decref(check->faults);
    json_decref(check->probes);
    tn_plugin_close(check->plugin);
    tn_memory_destroy(check);
    return status;
}

/* ---- arguments ---- */

static tn_status read_argument(const tn_plugin *plugin, const tn_plugin_argument *argument, const json_t *given, double *value,
                               tn_error *error)
{
    const char *name = tn_plugin_info_of(plugin)->name;
    if (!json_is_number(given) && !json_is_boolean(given))
        return tn_fail(error, TN_ERROR_HYPES, "\"%s\" is no number; the plug-in %s takes a number there", argument->name, name);
    *value = json_is_number(given) ? json_number_value(given) : json_is_true(given) ? 1 : 0;
    bool bounded = argument->least < argument->most, whole = !argument->is_whole || *value == floor(*value);
    bool inside = isfinite(*value) && (!bounded || (*value >= argument->least && *value <= argument->most));
    if (inside && whole)
        return TN_OK;
    if (!bounded)
        return tn_fail(error, TN_ERROR_HYPES, "\"%s\" is %g; the plug-in %s takes a %snumber there", argument->name, *value, name,
                       argument->is_whole ? "whole " : "");
    return tn_fail(error, TN_ERROR_HYPES, "\"%s\" is %g; the plug-in %s takes a %snumber from %g to %g there", argument->name, *value, name,
                   argument->is_whole ? "whole " : "", argument->least, argument->most);
}

static tn_status fail_argument(const tn_plugin_info *info, const char *key, tn_error *error)
{
    const char *names[TN_LAYER_ARGUMENTS_MAX];
    char known[TN_LAYER_ARGUMENTS_MAX * (TN_LAYER_NAME_SIZE + 4)] = "";
    size_t used = 0;
    for (size_t i = 0; i < info->argument_count; i++) {
        names[i] = info->arguments[i].name;
        used += (size_t)snprintf(known + used, sizeof known - used, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
    }
    const char *nearest = tn_nearest_name(key, names, info->argument_count);
    if (nearest)
        return tn_fail(error, TN_ERROR_HYPES, "the plug-in %s has no argument \"%.60s\"; did you mean \"%s\"?", info->name, key, nearest);
    return tn_fail(error, TN_ERROR_HYPES, "the plug-in %s has no argument \"%.60s\"; %s%s", info->name, key,
                   info->argument_count > 0 ? "it has " : "it takes none", known);
}

tn_status tn_plugin_read_arguments(const tn_plugin *plugin, const json_t *object, const char *const *others, size_t count, double *values,
                                   tn_error *error)
{
    const tn_plugin_info *info = tn_plugin_info_of(plugin);
    const char *key;
    json_t *given;
    for (size_t i = 0; i < info->argument_count; i++) {
        given = json_object_get(object, info->arguments[i].name);
        values[i] = info->arguments[i].otherwise;
        tn_status status = given ? read_argument(plugin, &info->arguments[i], given, &values[i], error) : TN_OK;
        if (status != TN_OK)
            return status;
    }
    json_object_foreach((json_t *)object, key, given)
    {
        bool known = false;
        for (size_t i = 0; i < info->argument_count; i++)
            known = known || strcmp(key, info->arguments[i].name) == 0;
        for (size_t i = 0; i < count; i++)
            known = known || strcmp(key, others[i]) == 0;
        if (!known)
            return fail_argument(info, key, error);
    }
    return TN_OK;
}
