/* plugin_pass.c: what can be told of a layer by calling it: does it write all that it should and nothing else, does it repeat, are finite inputs turned into finite numbers, and is each sample computed by
 * itself? Slopes are another file's. Called once a case; each function ends where the layer failed. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "plugin/plugin_check_parts.h"

/* Calls before the heap is measured, and between two measures. */
enum { WARM_CALLS = 8, MEASURED_CALLS = 32 };

/* Among so many elements the one that breaks is looked for. */
enum { SUSPECTS_MAX = 64 };

static size_t count_of(const tn_check *check, size_t tensor)
{
    return tn_plugin_count(check->plugin, tensor, check->batch);
}

static float *values_of(const tn_check *check, size_t tensor)
{
    return tn_plugin_values(check->plugin, tensor);
}

/* The first element with these bits; its count where there is none. */
static size_t find_bits(const tn_check *check, size_t tensor, uint32_t bits)
{
    const float *values = values_of(check, tensor);
    size_t count = count_of(check, tensor), i = 0;
    while (i < count && !tn_check_has_bits(values[i], bits))
        i++;
    return i;
}

static size_t find_nonfinite(const tn_check *check, size_t tensor)
{
    const float *values = values_of(check, tensor);
    size_t count = count_of(check, tensor), i = 0;
    while (i < count && isfinite(values[i]))
        i++;
    return i;
}

/* The gradient tensors that backward writes, one after the other from `tensor` on. */
static bool next_gradient(const tn_check *check, size_t *tensor)
{
    for (; *tensor < TN_PLUGIN_SAVED; (*tensor)++) {
        bool is_gradient = (*tensor >= TN_PLUGIN_D_INPUT && *tensor < TN_PLUGIN_PARAMETER) || *tensor >= TN_PLUGIN_D_PARAMETER;
        if (is_gradient && count_of(check, *tensor) > 0)
            return true;
    }
    return false;
}

/* ---- forward ---- */

static bool output_is_written(tn_check *check, bool training)
{
    char element[128];
    size_t i = find_bits(check, TN_PLUGIN_OUTPUT, TN_CHECK_UNWRITTEN), count = count_of(check, TN_PLUGIN_OUTPUT);
    if (i == count)
        return true;
    tn_check_element(check, TN_PLUGIN_OUTPUT, i, element);
    tn_check_add(check, TN_CHECK_unwritten_output, TN_PLUGIN_OUTPUT, json_pack("{s:s}", "element", element),
                 "forward%s leaves %s unwritten", training ? "" : ", asked without training,", element);
    return false;
}

static bool run_forward(tn_check *check, bool training)
{
    tn_check_fill(check, TN_PLUGIN_OUTPUT, TN_CHECK_UNWRITTEN);
    tn_check_fill(check, TN_PLUGIN_SAVED, TN_CHECK_UNWRITTEN);
    return tn_check_forward(check, training);
}

/* Whether `forward`, or backward by `gradient`, gives non-finite numbers for the inputs as they lie. *value: the first such. */
static bool breaks(tn_check *check, size_t gradient, float *value)
{
    if (!run_forward(check, true))
        return false;
    size_t tensor = TN_PLUGIN_OUTPUT, i = find_nonfinite(check, tensor);
    bool broke = i < count_of(check, tensor);
    if (gradient != TN_PLUGIN_OUTPUT) {
        if (broke || !tn_check_backward(check, tn_plugin_wants_all(check->plugin), NULL))
            return false;
        tensor = gradient;
        i = find_nonfinite(check, tensor);
        broke = i < count_of(check, tensor);
    }
    if (broke)
        *value = values_of(check, tensor)[i];
    return broke;
}

/* As which function the output grows where one element nears 0: it goes through 1e-2, 1e-3 and 1e-4. */
static const char *name_growth(tn_check *check, float *place, float broken)
{
    static const float NEAR[] = {1e-2F, 1e-3F, 1e-4F};
    double sums[3] = {0};
    for (size_t k = 0; k < 3; k++) {
        const float *output = values_of(check, TN_PLUGIN_OUTPUT);
        *place = NEAR[k];
        if (!run_forward(check, true))
            return "";
        for (size_t i = 0; i < count_of(check, TN_PLUGIN_OUTPUT); i++)
            sums[k] += isfinite(output[i]) ? fabs((double)output[i]) : 0;
    }
    double first = sums[1] - sums[0], second = sums[2] - sums[1];
    if (second > 8 * first && second < 12 * first && first > 0)
        return ": it divides by zero there";
    if (first > 0 && fabs(second - first) < 0.05 * second)
        return ": it takes the logarithm of zero there";
    return isnan(broken) && isfinite(sums[2]) && sums[2] > 0 ? ": it divides 0 by 0 there" : "";
}

/* Surroundings in which a layer is likely to work: ordinary values, else one for all, since roots and logarithms take no negative ones. False where it breaks in all. */
static bool find_surroundings(tn_check *check, size_t gradient)
{
    static const double SAME[] = {0.75, 1.5, -0.75};
    const tn_plugin_info *info = tn_plugin_info_of(check->plugin);
    for (size_t k = 0; k <= sizeof SAME / sizeof *SAME && tn_check_goes_on(check); k++) {
        float broken;
        for (size_t i = 0; i < check->input_count; i++) {
            size_t count = count_of(check, TN_PLUGIN_INPUT + i);
            float *values = values_of(check, TN_PLUGIN_INPUT + i);
            if (k == 0)
                tn_plugin_probe_fill(tn_plugin_probe_at(0), info, &check->rng, values, count);
            for (size_t n = 0; k > 0 && n < count; n++)
                values[n] = tn_plugin_within(info, SAME[k - 1]);
        }
        if (!breaks(check, gradient, &broken))
            return tn_check_goes_on(check);
    }
    return false;
}

/* printf's own words for them depend on a sign that means nothing. */
static const char *nonfinite_word(float value)
{
    return isnan(value) ? "NaN" : value < 0 ? "-Inf" : "Inf";
}

/* Whether one element of the probe, in such surroundings, breaks it: "where inputs[0][3] of sample 1 is 0". Inputs are not put back. */
static bool isolate(tn_check *check, size_t gradient, char *text, size_t size, double *x)
{
    for (size_t tensor = TN_PLUGIN_INPUT; tensor < TN_PLUGIN_INPUT + check->input_count; tensor++) {
        float probed[SUSPECTS_MAX], broken;
        size_t count = count_of(check, tensor), suspects = count < SUSPECTS_MAX ? count : SUSPECTS_MAX;
        memcpy(probed, values_of(check, tensor), suspects * sizeof *probed);
        if (!find_surroundings(check, gradient))
            return false;
        for (size_t i = 0; i < suspects && tn_check_goes_on(check); i++) {
            char element[128];
            float *place = values_of(check, tensor) + i, before = *place;
            *place = probed[i];
            if (breaks(check, gradient, &broken)) {
                const char *growth = probed[i] == 0 && gradient == TN_PLUGIN_OUTPUT ? name_growth(check, place, broken) : "";
                snprintf(text, size, "%s where %s alone is %.9g%s", nonfinite_word(broken), tn_check_element(check, tensor, i, element),
                         (double)probed[i], growth);
                *x = (double)probed[i];
                return true;
            }
            if (tn_check_goes_on(check))
                *place = before;
        }
    }
    return false;
}

/* A non-finite number in `tensor`, made of finite ones. */
static void tell_nonfinite(tn_check *check, size_t tensor, size_t index)
{
    char element[128], text[256];
    double x = NAN;
    bool forward = tensor == TN_PLUGIN_OUTPUT;
    float value = values_of(check, tensor)[index];
    tn_check_element(check, tensor, index, element);
    const char *title = check->probe->title;
    if (!isolate(check, tensor, text, sizeof text, &x))
        snprintf(text, sizeof text, "%s in %s where the inputs are: %s", nonfinite_word(value), element, title);
    json_t *details = json_pack("{s:s, s:o}", "element", element, "x", isnan(x) ? json_null() : json_real(x));
    tn_check_add(check, forward ? TN_CHECK_nonfinite_forward : TN_CHECK_nonfinite_backward, tensor, details, "%s gives %s",
                 forward ? "forward" : "backward", text);
}

static bool is_repeated(tn_check *check, size_t tensor, const float *before)
{
    char element[128];
    const float *now = values_of(check, tensor);
    size_t count = count_of(check, tensor), i = 0;
    while (i < count && tn_check_is_same(now[i], before[i]))
        i++;
    if (i == count)
        return true;
    tn_check_element(check, tensor, i, element);
    tn_check_add(
        check, TN_CHECK_not_repeatable, tensor, json_pack("{s:s}", "element", element),
        "two equal calls give %s = %.9g and %.9g: it keeps something between calls, reads what it has not written, or draws random numbers",
        element, (double)before[i], (double)now[i]);
    return false;
}

/* Leaves the output of a finite training pass in check->output. */
static bool check_forward(tn_check *check)
{
    size_t bytes = count_of(check, TN_PLUGIN_OUTPUT) * sizeof(float);
    if (!run_forward(check, false) || !output_is_written(check, false) || !run_forward(check, true) || !output_is_written(check, true))
        return false;
    memcpy(check->output, values_of(check, TN_PLUGIN_OUTPUT), bytes);
    if (!run_forward(check, true) || !is_repeated(check, TN_PLUGIN_OUTPUT, check->output))
        return false;
    size_t broken = find_nonfinite(check, TN_PLUGIN_OUTPUT);
    if (broken * sizeof(float) < bytes)
        tell_nonfinite(check, TN_PLUGIN_OUTPUT, broken);
    return broken * sizeof(float) == bytes && tn_check_goes_on(check);
}

/* ---- samples ---- */

/* Changes the first sample and looks at the others. The inputs are put back. */
static bool check_samples(tn_check *check)
{
    const tn_plugin_info *info = tn_plugin_info_of(check->plugin);
    size_t width = count_of(check, TN_PLUGIN_OUTPUT) / check->batch, changed = check->batch / 2;
    char element[128];
    if (check->batch < 2 || info->flags & TN_LAYER_MIXES_SAMPLES)
        return true;
    for (size_t i = 0; i < check->input_count; i++) {
        size_t own = count_of(check, TN_PLUGIN_INPUT + i) / check->batch;
        float *sample = values_of(check, TN_PLUGIN_INPUT + i) + changed * own;
        for (size_t k = 0; k < own; k++)
            sample[k] = tn_plugin_within(info, (double)sample[k] * 0.5 + 0.25);
    }
    if (!run_forward(check, true))
        return false;
    const float *now = values_of(check, TN_PLUGIN_OUTPUT);
    for (size_t i = 0; i < check->batch * width; i++) {
        if (i / width == changed || tn_check_is_same(now[i], check->output[i]))
            continue;
        tn_check_element(check, TN_PLUGIN_OUTPUT, i, element);
        tn_check_add(check, TN_CHECK_mixed_samples, TN_PLUGIN_OUTPUT, json_pack("{s:s}", "element", element),
                     "other inputs of sample %zu alone turn %s from %.9g into %.9g: samples leak into each other; where that is meant, set "
                     "TN_LAYER_MIXES_SAMPLES",
                     changed, element, (double)check->output[i], (double)now[i]);
        return false;
    }
    return true;
}

/* ---- backward ---- */

static bool run_backward(tn_check *check, uint32_t filled)
{
    for (size_t tensor = 0; next_gradient(check, &tensor); tensor++)
        tn_check_fill(check, tensor, filled);
    return tn_check_backward(check, tn_plugin_wants_all(check->plugin), NULL);
}

/* Which of two faults it is where an element has still what was there before: with another filling it would have another value where it is added to. */
static bool gradients_are_written(tn_check *check)
{
    size_t tensor = 0, index = 0;
    bool written = true;
    for (; written && next_gradient(check, &tensor); tensor += written) {
        index = find_bits(check, tensor, TN_CHECK_UNWRITTEN);
        written = index == count_of(check, tensor);
    }
    if (written)
        return true;
    char element[128];
    size_t count = count_of(check, tensor), missing = 0;
    const float *values = values_of(check, tensor);
    for (size_t i = 0; i < count; i++)
        missing += tn_check_has_bits(values[i], TN_CHECK_UNWRITTEN);
    tn_check_element(check, tensor, index, element);
    if (!run_backward(check, 0))
        return false;
    bool is_added = !tn_check_has_bits(values_of(check, tensor)[index], 0);
    json_t *details = json_pack("{s:s, s:I, s:I}", "element", element, "wrong", (json_int_t)missing, "checked", (json_int_t)count);
    if (is_added)
        tn_check_add(check, TN_CHECK_added_gradient, tensor, details,
                     "backward adds to %s in place of writing it, so that what lay there stays in it; write = where it has +=", element);
    else
        tn_check_add(
            check, TN_CHECK_unwritten_gradient, tensor, details,
            "backward leaves %s unwritten, and %zu of the %zu elements of that gradient: whatever lay there before trains the network",
            element, missing, count);
    return false;
}

/* NULL in the place of a gradient that nobody asked for: of the data that a first layer takes, of frozen parameters. */
static bool check_wants(tn_check *check)
{
    unsigned all = tn_plugin_wants_all(check->plugin), inputs = (1u << check->input_count) - 1;
    if (!tn_check_backward(check, all & ~inputs,
                           "d_inputs[0] is NULL then, as for the first layer of a net, whose inputs need no gradient"))
        return false;
    return all == inputs || tn_check_backward(check, inputs, "d_parameters are NULL then, as for a layer with \"trainable\": false");
}

static bool check_backward(tn_check *check)
{
    char element[128];
    size_t bytes = count_of(check, TN_PLUGIN_OUTPUT) * sizeof(float);
    memcpy(values_of(check, TN_PLUGIN_D_OUTPUT), check->weights, bytes);
    if (!run_forward(check, true) || !run_backward(check, TN_CHECK_UNWRITTEN) || !gradients_are_written(check))
        return false;
    const float *output = values_of(check, TN_PLUGIN_OUTPUT);
    for (size_t i = 0; i < bytes / sizeof(float); i++) {
        if (tn_check_is_same(output[i], check->output[i]))
            continue;
        tn_check_element(check, TN_PLUGIN_OUTPUT, i, element);
        tn_check_add(check, TN_CHECK_changed_output, TN_PLUGIN_OUTPUT, json_pack("{s:s}", "element", element),
                     "backward changes %s from %.9g to %.9g; it may only read the output", element, (double)check->output[i],
                     (double)output[i]);
        return false;
    }
    for (size_t tensor = 0; next_gradient(check, &tensor); tensor++) {
        size_t broken = find_nonfinite(check, tensor);
        if (broken == count_of(check, tensor))
            continue;
        tell_nonfinite(check, tensor, broken);
        return false;
    }
    return true;
}

/* Gradients fit into check->output one after the other only where they are no longer; so each is copied by itself. */
static bool backward_repeats(tn_check *check)
{
    for (size_t tensor = 0; next_gradient(check, &tensor); tensor++) {
        size_t bytes = count_of(check, tensor) * sizeof(float);
        float *before = tn_memory_create(count_of(check, tensor), sizeof *before);
        check->out_of_memory = check->out_of_memory || !before;
        if (!before)
            return false;
        memcpy(before, values_of(check, tensor), bytes);
        bool repeats = run_forward(check, true) && run_backward(check, TN_CHECK_UNWRITTEN) && is_repeated(check, tensor, before);
        tn_memory_destroy(before);
        if (!repeats)
            return false;
    }
    return true;
}

static bool check_memory(tn_check *check)
{
    size_t before = 0;
    for (size_t i = 0; i < WARM_CALLS + MEASURED_CALLS; i++) {
        if (!run_forward(check, true) || !run_backward(check, TN_CHECK_UNWRITTEN))
            return false;
        if (i + 1 == WARM_CALLS)
            before = tn_plugin_heap(check->plugin);
    }
    size_t after = tn_plugin_heap(check->plugin);
    if (after < before + MEASURED_CALLS * sizeof(float))
        return true;
    tn_check_add(
        check, TN_CHECK_lost_memory, TN_PLUGIN_TENSORS, NULL,
        "each forward and backward loses %zu bytes: after %d of each its process holds %zu bytes more; something is malloc'd and not freed",
        (after - before) / MEASURED_CALLS, MEASURED_CALLS, after - before);
    return false;
}

void tn_check_passes(tn_check *check)
{
    bool is_ordinary = check->probe == tn_plugin_probe_at(0);
    if (!check_forward(check) || !check_backward(check))
        return;
    bool goes_on = backward_repeats(check) && (!is_ordinary || (check_wants(check) && check_memory(check)));
    if (goes_on && check->probe->has_slopes && !(tn_plugin_info_of(check->plugin)->flags & TN_LAYER_ESTIMATES_GRADIENT) &&
        run_forward(check, true) && run_backward(check, TN_CHECK_UNWRITTEN))
        tn_check_slopes(check);
    /* Last, since it changes the inputs; after slopes the inputs are as they were. */
    if (goes_on && tn_check_goes_on(check) && run_forward(check, true)) {
        memcpy(check->output, values_of(check, TN_PLUGIN_OUTPUT), count_of(check, TN_PLUGIN_OUTPUT) * sizeof(float));
        check_samples(check);
    }
}
