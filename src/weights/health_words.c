/* health_words.c: what tenet health says, in words for a person who meets it for the first time; see health_parts.h. */
#include <math.h>

#include "weights/health_parts.h"

/* "3.2 times" of a distance in octaves. */
static void add_times(tn_text *text, double octaves)
{
    char buffer[32];
    tn_text_addf(text, "%s times", tn_number_format(buffer, exp2(octaves), octaves < 6.6 ? 2 : 3));
}

static void describe_gain(tn_text *text, const tn_judged *judged, const tn_problem *problem)
{
    char rms[32], gain[32];
    if (!tn_kind_is_weight(judged->component.kind)) {
        tn_text_addf(text, "its values are about %s in size: ", tn_number_format(rms, judged->measure.rms, 3));
    } else {
        tn_text_addf(text, "its weights are about %s in size, which multiplies a signal by about %s: ",
                     tn_number_format(rms, judged->measure.rms, 3), tn_number_format(gain, judged->measure.gain, 3));
    }
    add_times(text, fabs(problem->value - problem->median));
    tn_text_addf(text, " %s than usual, and ", problem->above ? "more" : "less");
    add_times(text, fabs(problem->value - problem->limit));
    tn_text_addf(text, " %s nine in ten of the reference", problem->above ? "above" : "below");
}

static void describe_feature(tn_text *text, const tn_judged *judged, const tn_problem *problem)
{
    const tn_measure *measure = &judged->measure;
    char found[32], usual[32];
    switch (problem->feature) {
    case TN_FEATURE_GAIN:
        describe_gain(text, judged, problem);
        break;
    case TN_FEATURE_KURTOSIS:
        tn_text_addf(text, "a few weights dwarf all others: their fourth moment is %s, usual is %s (a bell curve has 3)",
                     tn_number_format(found, measure->kurtosis, 3), tn_number_format(usual, exp2(problem->median), 2));
        break;
    case TN_FEATURE_TAIL:
        tn_text_addf(text, "its largest value is %s times the typical one; usual is %s", tn_number_format(found, measure->tail, 3),
                     tn_number_format(usual, exp2(problem->median), 2));
        break;
    case TN_FEATURE_SHIFT:
        tn_text_addf(text, "its values all lean to one side: their mean is %s of their size; usual is %s",
                     tn_number_format(found, measure->shift, 2), tn_number_format(usual, exp2(problem->median) - 1.0 / 256, 2));
        break;
    case TN_FEATURE_ZEROS:
        tn_text_addf(text, "%.0f %% of its values are exactly zero; usual is %.2g %%", 100 * measure->zero_share,
                     fmax(0, 100 * (exp2(problem->median) - 1.0 / 1024)));
        break;
    case TN_FEATURE_DISTANCE:
        tn_text_addf(text,
                     "its histogram has another shape than those of mature networks: sizes would have to move by %.1f powers of two on "
                     "average; usual is %.1f",
                     problem->value, problem->median);
        break;
    default:
        tn_text_addf(text, "%.0f %% of its strength lies in one single direction, so all its units say nearly the same; usual is %.0f %%",
                     100 * measure->concentration, 100 * exp2(problem->median));
    }
}

void tn_problem_describe(tn_text *text, const tn_judged *judged, const tn_problem *problem)
{
    char buffer[32];
    switch (problem->kind) {
    case TN_PROBLEM_NONFINITE:
        tn_text_addf(text, "%.0f of its %zu values are NaN or infinite", problem->value, judged->component.count);
        break;
    case TN_PROBLEM_CONSTANT:
        tn_text_addf(text, "all its values are %s, so all its units compute the same", tn_number_format(buffer, problem->value, 4));
        break;
    case TN_PROBLEM_DEAD_UNITS:
        tn_text_addf(text, "%zu of its %zu units have weights that are as good as zero", judged->measure.dead_units, judged->measure.units);
        break;
    case TN_PROBLEM_TWIN_UNITS:
        tn_text_addf(text, "%zu of its %zu units are exact copies of others", judged->measure.twin_units, judged->measure.units);
        break;
    case TN_PROBLEM_FLIPPED_GAINS:
        tn_text_addf(text, "%.0f %% of its gains, which begin at 1, are below 0; in mature networks at most 4 %% are",
                     100 * problem->value);
        break;
    case TN_PROBLEM_OUTPUT_BIASES:
        tn_text_addf(text,
                     "they differ by %s, which is %.2f times what the weights beside them multiply a signal by; in mature networks at "
                     "most 0.3 times",
                     tn_number_format(buffer, judged->measure.std, 2), problem->value);
        break;
    default:
        describe_feature(text, judged, problem);
    }
}

const char *tn_problem_cause(const tn_problem *problem)
{
    static const char *const ABOVE[TN_FEATURES] = {
        [TN_FEATURE_GAIN] = ("usually a learning rate that is too high, gradients that were not clipped, or initial weights that were too "
                             "large; weight decay keeps weights small"),
        [TN_FEATURE_KURTOSIS] = "usually a few steps with exploding gradients, or inputs of which a few are far larger than the rest",
        [TN_FEATURE_TAIL] = "usually a few steps with exploding gradients, or an input feature whose scale is far smaller than the others'",
        [TN_FEATURE_SHIFT] = "usually inputs that are all positive and not standardised, or a learning rate that is too high",
        [TN_FEATURE_ZEROS] = "usually pruning, an L1 penalty, or weights that were set to zero and never trained",
        [TN_FEATURE_DISTANCE] = "usually weights that a few large steps threw about, or that were quantised or pruned",
        [TN_FEATURE_CONCENTRATION] = "usually a learning rate that is too high: a few huge steps in one direction drown what was there",
    };
    switch (problem->kind) {
    case TN_PROBLEM_NONFINITE:
        return "the training diverged: a learning rate that is too high, a division by zero or a logarithm of zero; `tenet debug` finds "
               "which";
    case TN_PROBLEM_CONSTANT:
        return "weights that begin equal stay equal: initialise them at random; all zero can also be a layer that was created and never "
               "trained, or a decay that is too strong";
    case TN_PROBLEM_DEAD_UNITS:
        return "usually weight decay on units that get no gradient any more (dead relu), or pruning";
    case TN_PROBLEM_TWIN_UNITS:
        return "units that begin equal stay equal: the initial weights were copied or constant";
    case TN_PROBLEM_FLIPPED_GAINS:
        return "usually a learning rate that is too high: a step as long as the gain itself throws it to the other side of 0";
    case TN_PROBLEM_OUTPUT_BIASES:
        return "usually a learning rate that is too high: biases follow what the last batches held; or classes of very different "
               "frequency, or targets far from 0";
    default:
        if (problem->feature == TN_FEATURE_GAIN && !problem->above)
            return "usually weight decay that is too strong, initial weights that were too small, or a layer that gets no gradient";
        return ABOVE[problem->feature];
    }
}

static void describe_unhealthy(tn_text *text, const tn_tally *tally)
{
    if (tally->broken > 0) {
        tn_text_addf(text, "%zu %s values that are no numbers, one and the same value throughout, or units that are copies of others.",
                     tally->broken, tally->broken == 1 ? "tensor holds" : "tensors hold");
        return;
    }
    if (tally->thrown > 0)
        tn_text_addf(text, "%zu %s thrown about as in no mature network; ", tally->thrown,
                     tally->thrown == 1 ? "tensor of gains or of an output's biases was"
                                        : "tensors of gains or of an output's biases were");
    tn_text_addf(text, "%zu of %zu weight tensors lie clearly outside of what mature networks show", tally->outside, tally->judged);
    if (tally->far > 0)
        tn_text_addf(text, ", %zu of them far", tally->far);
    if (tally->strain > 0)
        tn_text_addf(text,
                     "; taken together, size, extremes and one-sidedness lie %.1f spreads above the usual (mature networks: at most 4)",
                     tally->strain);
    tn_text_add(text, ".");
}

static void describe_inconclusive(tn_text *text, const tn_tally *tally)
{
    if (tally->judged == 0)
        tn_text_add(text, "no weight tensor is of a kind that tenet knows, and large enough to be judged.");
    else if (tally->fresh == 0 || tally->unjudged > tally->judged)
        tn_text_addf(text, "only %zu of %zu weight tensors are of kinds that the reference has.", tally->judged,
                     tally->judged + tally->unjudged);
    else
        tn_text_addf(text,
                     "%zu of %zu weight tensors look as an initialiser makes them, but %zu of %zu biases and gains have changed: trained "
                     "for a few steps, or too slowly to tell.",
                     tally->fresh, tally->weights, tally->moved_vectors, tally->vectors);
}

void tn_tally_describe(tn_text *text, const tn_tally *tally)
{
    switch (tally->verdict) {
    case TN_VERDICT_UNTRAINED:
        tn_text_addf(text,
                     "%zu of %zu weight tensors look exactly as an initialiser makes them, and %zu of %zu biases and gains have their "
                     "first values. Either this network was never trained, or the training does not change its weights.",
                     tally->fresh, tally->weights, tally->vectors - tally->moved_vectors, tally->vectors);
        break;
    case TN_VERDICT_UNHEALTHY:
        describe_unhealthy(text, tally);
        break;
    case TN_VERDICT_HEALTHY:
        tn_text_addf(text, "%zu of %zu weight tensors lie within what mature networks show", tally->judged - tally->outside, tally->judged);
        if (tally->fresh > 0)
            tn_text_addf(text, "; %zu still look as an initialiser makes them, as after a short training, or where a layer was left alone",
                         tally->fresh);
        tn_text_add(text, ".");
        break;
    default:
        describe_inconclusive(text, tally);
    }
}
