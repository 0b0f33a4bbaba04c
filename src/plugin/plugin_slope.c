/* plugin_slope.c: a layer's gradient, element by element and with its sign, against central differences of its forward pass.
 *
 * The loss is the sum of output * weights, weights random. All in single precision, which is what layers compute in, so the difference of one element is taken with steps from 1/8 to 1/4096,
 * extrapolated to step 0 (Ridders 1982, Accurate computation of F'(x) and F'(x) F''(x)), and the estimate with the smallest error of its own is kept: large steps err by curvature, small ones by
 * rounding. Outputs that a step leaves alone cancel bit for bit, so only those that it moves bring rounding in. Steps are divided by what was really added to the float.
 *
 * At a kink the slopes of both sides differ, and any value between them is right: what backward gives there for relu at 0, or for the ties of a maximum. */
#include <math.h>
#include <string.h>

#include "plugin/plugin_check_parts.h"

/* Of a tensor of more elements so many are checked, a random choice. */
enum { ELEMENTS_MAX = 48, STEPS = 10, FIRST_STEP = 3 };

/* What a gradient may differ by, relative to it: single precision leaves 1e-4 in sums of some hundred terms. A wrong term or factor is far above. Unit: share of the larger of both. */
static const double TOLERANCE = 5e-3;

/* An input smaller than the first step is tried on its own scale too. */
static const double TINY = 0.125;

/* An estimate whose own error is above this share of the gradient decides nothing. */
static const double DECIDES_BELOW = 0.1;

/* The difference of one element. */
typedef struct slope {
    double value, error; /* extrapolated */
    double left, right;  /* of the two sides, at the smallest step */
    double noise;        /* of those, by rounding */
    bool is_finite;
} slope;

/* One evaluation with an element at `to`; false where the layer failed or the output is not finite. Copies the output to `copy` where it is given. */
static bool evaluate(tn_check *check, float *value, float to, float *copy)
{
    size_t count = tn_plugin_count(check->plugin, TN_PLUGIN_OUTPUT, check->batch);
    const float *output = tn_plugin_values(check->plugin, TN_PLUGIN_OUTPUT);
    *value = to;
    if (!tn_check_forward(check, true))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(output[i]))
            return false;
    if (copy)
        memcpy(copy, output, count * sizeof *copy);
    return true;
}

/* Sum of weights * (now - before), and the sum of the sizes of what changed. */
static double weighted_change(const tn_check *check, const float *before, double *moved)
{
    size_t count = tn_plugin_count(check->plugin, TN_PLUGIN_OUTPUT, check->batch);
    const float *now = tn_plugin_values(check->plugin, TN_PLUGIN_OUTPUT);
    double sum = 0;
    *moved = 0;
    for (size_t i = 0; i < count; i++) {
        if (tn_check_is_same(now[i], before[i]))
            continue;
        double weight = (double)check->weights[i];
        sum += weight * ((double)now[i] - (double)before[i]);
        *moved += fabs(weight) * fmax(fabs((double)now[i]), fabs((double)before[i]));
    }
    return sum;
}

/* Ridders' tableau, row by row: *best and *error get the estimate that errs least by itself. */
static void extrapolate(double row[STEPS], size_t k, double first, double noise, double *best, double *error)
{
    double left = first, factor = 4;
    for (size_t j = 0; j < k; j++) {
        double above = row[j], next = (factor * left - above) / (factor - 1);
        double own = fmax(fabs(next - left), fabs(next - above)) + noise;
        row[j] = left;
        if (own < *error) {
            *error = own;
            *best = next;
        }
        left = next;
        factor *= 4;
    }
    row[k] = left;
}

/* Rounding of what a step moves: half a unit in the last place for each of two evaluations, and as much again for the terms that went into each. */
static double rounding(double moved, double width)
{
    return 4 * 0x1p-24 * moved / width;
}

/* An element, and what backward gives for it. */
typedef struct place {
    float *value; /* in its tensor; of a parameter in the check's own copy, which goes into the tensor before each call */
    bool is_input;
    double analytic;
    double scale;      /* of steps: 1, since layers bend on that scale, and more where floats lie further apart */
    double typical;    /* size of the gradients in this tensor */
    double negligible; /* below which a difference means nothing */
} place;

/* The two floats that the element is moved to. */
static void move(const tn_check *check, const place *at, float x, size_t k, float *low, float *high)
{
    double step = at->scale * exp2(-(double)(FIRST_STEP + k));
    *low = (float)((double)x - step);
    *high = (float)((double)x + step);
    if (at->is_input) {
        const tn_plugin_info *info = tn_plugin_info_of(check->plugin);
        *low = tn_plugin_within(info, (double)*low);
        *high = tn_plugin_within(info, (double)*high);
    }
}

/* The slopes of the two sides, at the smallest step. At the bound of its inputs an element has one side alone. */
static void find_sides(tn_check *check, const place *at, float x, slope *found)
{
    float low, high;
    double moved;
    move(check, at, x, STEPS - 1, &low, &high);
    found->is_finite = evaluate(check, at->value, x, check->output);
    if (found->is_finite && high > x && (found->is_finite = evaluate(check, at->value, high, NULL))) {
        found->right = weighted_change(check, check->output, &moved) / ((double)high - (double)x);
        found->noise = 4 * rounding(moved, (double)high - (double)x);
    }
    if (found->is_finite && low < x && (found->is_finite = evaluate(check, at->value, low, NULL))) {
        found->left = weighted_change(check, check->output, &moved) / ((double)low - (double)x);
        found->noise = fmax(found->noise, 4 * rounding(moved, (double)x - (double)low));
    }
    if (!(high > x))
        found->right = found->left;
    if (!(low < x))
        found->left = found->right;
}

/* Whether the estimate is sure, and backward the same. */
static bool agrees(const place *at, const slope *found)
{
    double slack = TOLERANCE * fmax(fabs(at->analytic), fabs(found->value)) + at->negligible;
    return found->error <= 0.2 * slack && fabs(at->analytic - found->value) <= slack;
}

/* Stops at an estimate that is sure, and that backward agrees with. False where the layer failed. */
static bool find_slope(tn_check *check, const place *at, slope *found)
{
    const float x = *at->value;
    double row[STEPS] = {0}, most_moved = 0;
    bool is_settled = false;
    *found = (slope){.error = INFINITY, .is_finite = true};
    for (size_t k = 0; k < STEPS && found->is_finite && !is_settled; k++) {
        float low, high;
        double moved;
        move(check, at, x, k, &low, &high);
        double width = (double)high - (double)low;
        found->is_finite = evaluate(check, at->value, low, check->output) && evaluate(check, at->value, high, NULL);
        if (!found->is_finite || !(width > 0))
            break;
        double change = weighted_change(check, check->output, &moved) / width;
        if (k == 0)
            found->value = change;
        /* What a shorter step no longer moves was rounded away. */
        most_moved = fmax(most_moved, moved);
        extrapolate(row, k, change, rounding(most_moved, width), &found->value, &found->error);
        is_settled = agrees(at, found);
    }
    if (!is_settled && found->is_finite)
        find_sides(check, at, x, found);
    else
        found->left = found->right = found->value;
    if (tn_check_goes_on(check))
        *at->value = x;
    return tn_check_goes_on(check);
}

typedef enum judgement { RIGHT, WRONG, UNDECIDED } judgement;

static judgement judge(const place *at, const slope *found, double *tolerance)
{
    double analytic = at->analytic, typical = at->typical, scale = fmax(fabs(analytic), fabs(found->value));
    if (!found->is_finite || !isfinite(found->error))
        return UNDECIDED;
    *tolerance = 3 * found->error + TOLERANCE * scale + at->negligible;
    double slack = found->noise + TOLERANCE * fmax(fabs(found->left), fabs(found->right)) + at->negligible;
    bool is_between = analytic >= fmin(found->left, found->right) - slack && analytic <= fmax(found->left, found->right) + slack;
    bool decides = *tolerance <= DECIDES_BELOW * fmax(scale, typical) + at->negligible;
    double difference = fabs(analytic - found->value);
    if (difference <= *tolerance)
        return decides ? RIGHT : UNDECIDED;
    if (is_between)
        return RIGHT;
    /* The estimate's own error is an estimate too: what is a little beyond it decides nothing, and what is far beyond is wrong however coarse it is. */
    return difference > (decides ? 2 : 10) * *tolerance ? WRONG : UNDECIDED;
}

/* What is wrong with a tensor's gradient so far. */
typedef struct mistakes {
    size_t checked, wrong, undecided;
    size_t index; /* of the worst */
    double worst, analytic, numeric, tolerance;
    double least_ratio, most_ratio; /* analytic over numeric, of the wrong ones */
} mistakes;

static void note_mistake(mistakes *found, size_t index, double analytic, double numeric, double tolerance)
{
    double difference = fabs(analytic - numeric), ratio = numeric != 0 ? analytic / numeric : NAN;
    if (found->wrong == 0)
        found->least_ratio = found->most_ratio = ratio;
    found->least_ratio = fmin(found->least_ratio, ratio);
    found->most_ratio = fmax(found->most_ratio, ratio);
    if (isnan(ratio))
        found->least_ratio = NAN;
    found->wrong++;
    if (difference <= found->worst)
        return;
    found->worst = difference;
    found->index = index;
    found->analytic = analytic;
    found->numeric = numeric;
    found->tolerance = tolerance;
}

/* "; it is 2 times the difference in all of them": a factor tells which term to look for. */
static void describe_ratio(const mistakes *found, char text[96])
{
    double least = found->least_ratio, most = found->most_ratio, middle = (least + most) / 2;
    text[0] = '\0';
    if (isnan(least) || !(fabs(most - least) <= 0.02 * fabs(middle)))
        return;
    if (fabs(middle) < 1e-6)
        snprintf(text, 96, ". It is 0 in all of them");
    else if (fabs(middle + 1) < 0.02)
        snprintf(text, 96, ". Its sign is flipped in all of them");
    else
        snprintf(text, 96, ". It is %.3g times the difference in all of them", middle);
}

static void tell(tn_check *check, size_t tensor, const mistakes *found, float x)
{
    char element[128], ratio[96];
    tn_check_element(check, tensor, found->index, element);
    describe_ratio(found, ratio);
    json_t *details =
        json_pack("{s:s, s:f, s:f, s:f, s:f, s:I, s:I}", "element", element, "x", (double)x, "analytic", found->analytic, "numeric",
                  found->numeric, "tolerance", found->tolerance, "wrong", (json_int_t)found->wrong, "checked", (json_int_t)found->checked);
    tn_check_add(check, TN_CHECK_wrong_gradient, tensor, details,
                 "backward gives %.6g for the gradient by %s, which is %.6g there; central differences of forward give %.6g (tolerance "
                 "%.2g). %zu of %zu "
                 "elements are wrong%s",
                 found->analytic, element, (double)x, found->numeric, found->tolerance, found->wrong, found->checked, ratio);
}

/* Root mean square of the gradient. */
static double typical_size(const float *gradient, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)gradient[i] * (double)gradient[i];
    return sqrt(sum / (double)count);
}

/* What rounding of the largest output alone makes of a difference by the longest step: smaller gradients cannot be seen. */
static double resolution(const tn_check *check)
{
    size_t count = tn_plugin_count(check->plugin, TN_PLUGIN_OUTPUT, check->batch);
    const float *output = tn_plugin_values(check->plugin, TN_PLUGIN_OUTPUT);
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)output[i] * (double)check->weights[i]));
    return 16 * 0x1p-24 * largest * exp2(FIRST_STEP);
}

/* `tensor` is the input or parameter, `gradient` its own. */
static void check_tensor(tn_check *check, size_t tensor, size_t gradient)
{
    size_t count = tn_plugin_count(check->plugin, tensor, check->batch);
    bool is_input = tensor < TN_PLUGIN_OUTPUT;
    float *values = is_input ? tn_plugin_values(check->plugin, tensor) : check->parameters[tensor - TN_PLUGIN_PARAMETER];
    const float *analytic = tn_plugin_values(check->plugin, gradient);
    if (count == 0 || !analytic)
        return;
    double typical = typical_size(analytic, count), negligible = 1e-4 * typical + resolution(check);
    mistakes found = {0};
    for (size_t n = 0; n < count && n < ELEMENTS_MAX && tn_check_goes_on(check); n++) {
        size_t i = count <= ELEMENTS_MAX ? n : (size_t)tn_rng_below(&check->rng, count);
        double size = fabs((double)values[i]), tolerance = 0;
        place at = {&values[i], is_input, (double)analytic[i], fmax(1, size / 64), typical, negligible};
        slope measured;
        if (!find_slope(check, &at, &measured))
            return;
        judgement judged = judge(&at, &measured, &tolerance);
        if (judged == WRONG && size > 0 && size < TINY) {
            /* A root or a logarithm near 0 bends on the scale of its input. */
            slope closer;
            double other;
            at.scale = size;
            if (!find_slope(check, &at, &closer))
                return;
            judged = judge(&at, &closer, &other) == RIGHT ? RIGHT : WRONG;
        }
        found.checked++;
        found.undecided += judged == UNDECIDED;
        if (judged == WRONG)
            note_mistake(&found, i, (double)analytic[i], measured.value, tolerance);
    }
    check->elements += found.checked;
    check->undecided += found.undecided;
    if (found.wrong > 0)
        tell(check, tensor, &found, values[found.index]);
}

void tn_check_slopes(tn_check *check)
{
    const tn_layer_plan *plan = tn_plugin_plan(check->plugin);
    for (size_t i = 0; i < check->input_count && tn_check_goes_on(check); i++)
        check_tensor(check, TN_PLUGIN_INPUT + i, TN_PLUGIN_D_INPUT + i);
    for (size_t i = 0; i < plan->parameter_count && tn_check_goes_on(check); i++)
        if (!plan->parameters[i].is_state)
            check_tensor(check, TN_PLUGIN_PARAMETER + i, TN_PLUGIN_D_PARAMETER + i);
}
