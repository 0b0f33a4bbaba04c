/* health_judge.c: from measures to levels and a verdict; see health_parts.h.
 *
 * A feature is inside where it lies within the quantiles of the reference's tensors of its kind, plus an allowance that is wider the fewer networks there are. Beyond that the excess counts in spreads: the distance from
 * the median to the 10 % or 90 % quantile, so that a kind whose networks differ much is judged with more patience. */
#include <math.h>
#include <string.h>

#include "weights/health_parts.h"

/* Smallest spreads, in the units of the bands (octaves): where all networks of a reference agree closely, a user's may still differ that much. */
static const double SPREAD_MIN[TN_FEATURES] = {
    [TN_FEATURE_GAIN] = 1,  [TN_FEATURE_KURTOSIS] = 1,   [TN_FEATURE_TAIL] = 1,         [TN_FEATURE_SHIFT] = 2,
    [TN_FEATURE_ZEROS] = 3, [TN_FEATURE_DISTANCE] = 0.5, [TN_FEATURE_CONCENTRATION] = 1};
/* Which low sides are faults, of weights: an even spread of weights, a mean of 0 and few zeros never are. */
static const bool LOW_IS_BAD[TN_FEATURES] = {[TN_FEATURE_GAIN] = true};
/* What a network of the user may lie beyond the 10 % or 90 % quantile, in spreads: a part for all, and one that shrinks with the number of networks in the reference. */
static const double ALLOWANCE = 0.25, ALLOWANCE_BY_NETWORKS = 1;
/* Excess, in spreads, from which on a component is clearly outside, or as no mature network is; and, of the gain alone, from which on one component condemns the network. */
static const double OUTSIDE = 0.5, FAR = 1.5, EXPLODED = 4;
/* Tensors with fewer values than this have quantities too noisy for a verdict. */
enum { JUDGED_VALUES_MIN = 64 };
/* Shares of units. Trained networks have a few dead units; exact twins none but by construction. */
static const double DEAD_SHARE = 0.5, TWIN_SHARE = 0.1;
/* Gains begin at 1. In the reference at most 4 % of those of a normalisation are below 0 (crepe_full); at ten times the good rate all of them can be. So few of a kind may fall so by chance where they began at 0. */
static const double FLIPPED_SHARE = 0.9;
enum { FLIPPED_COUNT_MIN = 16 };
/* Standard deviation of an output's biases over the gain of its weights: at most 0.29 in the reference (kjv_lstm), 0.28 in healthy networks of the engine, also of rare classes and far targets; 0.47 to 0.53
 * where ten times the good rate did damage (docs/bench.md). Of one or two outputs it tells nothing. */
static const double OUTPUT_BIASES_SPREAD = 0.4;
enum { OUTPUT_BIASES_MIN = 3 };
/* Share of the judged weight tensors clearly outside, or of their values in tensors whose gain lies far above, above which the network is unhealthy, and the mean strain. Set between the mature networks, each judged by the others, and networks trained at ten times the good
 * rate (docs/bench.md); moved by the networks in the reference. */
static const double OUTSIDE_SHARE = 0.5, STRAIN = 4;
/* A feature counts in the strain with at least this, so that one that is low does not hide the others. */
static const double STRAIN_LEAST = -1;
/* Share of weight tensors that must be of kinds with a reference for a verdict. */
static const double JUDGED_SHARE = 0.3;
/* Share of weight tensors that may miss the test of freshness in a fresh network: a chance of 1e-4 each, and odd initialisers. */
static const double FRESH_SHARE = 0.9, FRESH_VALUES_SHARE = 0.9;
/* Biases of this size, relative to 1 / sqrt(fan_in), have been trained for a while even where the weights hide it. */
static const double MOVED_FAR = 0.1;

const char *tn_level_name(tn_level level)
{
    static const char *const NAMES[] = {"unjudged", "inside", "edge", "outside", "far"};
    return NAMES[level];
}

static void add_problem(tn_judged *judged, tn_problem problem)
{
    size_t at = judged->problem_count++;
    while (at > 0 && (judged->problems[at - 1].level < problem.level ||
                      (judged->problems[at - 1].level == problem.level && judged->problems[at - 1].excess < problem.excess))) {
        judged->problems[at] = judged->problems[at - 1];
        at--;
    }
    judged->problems[at] = problem;
    if (problem.level > judged->level)
        judged->level = problem.level;
}

static bool counts_as_strain(tn_feature feature)
{
    return feature == TN_FEATURE_GAIN || feature == TN_FEATURE_KURTOSIS || feature == TN_FEATURE_TAIL ||
           feature == TN_FEATURE_CONCENTRATION;
}

static tn_level level_of(tn_feature feature, double excess)
{
    /* The shape as a whole is told, for the eye; what makes a shape bad is judged by the other features. */
    if (feature == TN_FEATURE_DISTANCE || excess <= OUTSIDE)
        return TN_LEVEL_EDGE;
    return excess > FAR ? TN_LEVEL_FAR : TN_LEVEL_OUTSIDE;
}

static void compare_feature(tn_judged *judged, const tn_reference *reference, tn_feature feature, bool has_norms)
{
    double value = tn_feature_value(feature, &judged->measure, reference->histogram);
    const tn_band *band = &reference->bands[feature];
    if (!isfinite(value) || isnan(band->q50) ||
        (feature == TN_FEATURE_GAIN && tn_kind_is_weight(judged->component.kind) && !judged->measure.has_fan))
        return;
    double allowance = ALLOWANCE + ALLOWANCE_BY_NETWORKS / (double)reference->networks;
    double high = fmax(band->q90 - band->q50, SPREAD_MIN[feature]), low = fmax(band->q50 - band->q10, SPREAD_MIN[feature]);
    double above = (value - band->q90) / high - allowance,
           below =
               LOW_IS_BAD[feature] && !has_norms && tn_kind_is_weight(judged->component.kind) ? (band->q10 - value) / low - allowance : -1;
    if (counts_as_strain(feature))
        judged->strain += fmax((value - band->q50) / (value > band->q50 ? high : low), STRAIN_LEAST);
    judged->exploded |= feature == TN_FEATURE_GAIN && above > EXPLODED;
    judged->huge |= feature == TN_FEATURE_GAIN && above > FAR;
    double excess = fmax(above, below);
    if (excess <= 0)
        return;
    bool is_above = above > below;
    add_problem(judged, (tn_problem){.kind = TN_PROBLEM_FEATURE,
                                     .level = level_of(feature, excess),
                                     .feature = feature,
                                     .above = is_above,
                                     .value = value,
                                     .limit = is_above ? band->q90 : band->q10,
                                     .median = band->q50,
                                     .excess = excess});
}

static void judge_units(tn_judged *judged)
{
    const tn_measure *measure = &judged->measure;
    if (!measure->has_values || measure->units < 2 || judged->component.kind == TN_KIND_EMBEDDING)
        return;
    double dead = (double)measure->dead_units / (double)measure->units, twins = (double)measure->twin_units / (double)measure->units;
    if (dead > DEAD_SHARE)
        add_problem(judged, (tn_problem){.kind = TN_PROBLEM_DEAD_UNITS, .level = TN_LEVEL_OUTSIDE, .value = dead, .limit = DEAD_SHARE});
    if (twins > TWIN_SHARE)
        add_problem(judged, (tn_problem){.kind = TN_PROBLEM_TWIN_UNITS, .level = TN_LEVEL_FAR, .value = twins, .limit = TWIN_SHARE});
}

static void judge_gains(tn_judged *judged)
{
    const tn_measure *measure = &judged->measure;
    if (judged->component.kind == TN_KIND_NORM_GAIN && measure->count >= FLIPPED_COUNT_MIN && measure->negative_share > FLIPPED_SHARE)
        add_problem(judged,
                    (tn_problem){
                        .kind = TN_PROBLEM_FLIPPED_GAINS, .level = TN_LEVEL_FAR, .value = measure->negative_share, .limit = FLIPPED_SHARE});
}

void tn_judge_output_biases(tn_judged *biases, const tn_judged *weight)
{
    double spread = biases->measure.std / weight->measure.gain;
    if (biases->component.kind != TN_KIND_BIAS || weight->component.kind != TN_KIND_DENSE_OUTPUT ||
        biases->component.count < OUTPUT_BIASES_MIN || weight->component.count < JUDGED_VALUES_MIN || !weight->measure.has_fan ||
        !(spread > OUTPUT_BIASES_SPREAD) || !isfinite(spread))
        return;
    add_problem(biases,
                (tn_problem){.kind = TN_PROBLEM_OUTPUT_BIASES, .level = TN_LEVEL_FAR, .value = spread, .limit = OUTPUT_BIASES_SPREAD});
}

void tn_judge_component(tn_judged *judged, bool has_norms)
{
    const tn_measure *measure = &judged->measure;
    tn_kind kind = judged->component.kind;
    judged->level = TN_LEVEL_UNJUDGED;
    judged->problem_count = 0;
    judged->strain = 0;
    judged->exploded = judged->huge = false;
    if (measure->nonfinite > 0) {
        add_problem(judged, (tn_problem){.kind = TN_PROBLEM_NONFINITE, .level = TN_LEVEL_FAR, .value = (double)measure->nonfinite});
        return;
    }
    if (kind == TN_KIND_STATE || kind == TN_KIND_UNKNOWN)
        return;
    if (tn_kind_is_weight(kind) && measure->constant) {
        /* A layer of zeros can be one that a trained network has given up; its verdict is that of the others. */
        add_problem(
            judged,
            (tn_problem){.kind = TN_PROBLEM_CONSTANT, .level = measure->rms > 0 ? TN_LEVEL_FAR : TN_LEVEL_OUTSIDE, .value = measure->min});
        return;
    }
    judge_units(judged);
    judge_gains(judged);
    const tn_reference *reference = tn_reference_of(kind);
    if (!reference || reference->networks == 0 || judged->component.count < JUDGED_VALUES_MIN)
        return;
    if (judged->level == TN_LEVEL_UNJUDGED)
        judged->level = TN_LEVEL_INSIDE;
    /* Biases and gains that still are what an initialiser made them are nobody's trained ones, and no fault. */
    if (!tn_kind_is_weight(kind) && judged->fresh.state != TN_FRESH_TRAINED)
        return;
    for (tn_feature feature = 0; feature < TN_FEATURES; feature++)
        compare_feature(judged, reference, feature, has_norms);
}

/* ---- the network ---- */

static void tally_freshness(tn_tally *tally, const tn_judged *judged)
{
    bool is_fresh = judged->fresh.state == TN_FRESH_NAMED || judged->fresh.state == TN_FRESH_SHAPE;
    if (tn_kind_is_weight(judged->component.kind)) {
        if (judged->fresh.state == TN_FRESH_FEW || judged->fresh.state == TN_FRESH_CONSTANT)
            return;
        tally->weights++;
        tally->fresh += is_fresh;
        tally->values += (double)judged->component.count;
        tally->fresh_values += is_fresh ? (double)judged->component.count : 0;
    } else if (judged->component.kind != TN_KIND_STATE && judged->component.kind != TN_KIND_UNKNOWN &&
               judged->fresh.state != TN_FRESH_FEW) {
        tally->vectors++;
        tally->moved_vectors += judged->fresh.state == TN_FRESH_TRAINED;
        double fan = judged->component.fan_in > 0 ? (double)judged->component.fan_in : 1;
        bool is_gain = judged->component.kind == TN_KIND_NORM_GAIN; /* begins at 1 */
        double moved = is_gain ? judged->measure.std : judged->measure.rms * sqrt(fan);
        tally->moved_far += judged->fresh.state == TN_FRESH_TRAINED && moved >= MOVED_FAR;
    }
}

static tn_verdict verdict_of(const tn_tally *tally)
{
    if (tally->broken > 0)
        return TN_VERDICT_UNHEALTHY;
    bool looks_fresh = tally->weights > 0 && (double)tally->fresh >= FRESH_SHARE * (double)tally->weights &&
                       tally->fresh_values >= FRESH_VALUES_SHARE * tally->values;
    if (looks_fresh && 2 * tally->moved_vectors <= tally->vectors)
        return TN_VERDICT_UNTRAINED;
    if (tally->exploded > 0 || tally->thrown > 0 || tally->huge_values > OUTSIDE_SHARE * tally->judged_values ||
        (tally->judged > 0 && ((double)tally->outside > OUTSIDE_SHARE * (double)tally->judged || tally->strain > STRAIN)))
        return TN_VERDICT_UNHEALTHY;
    if (tally->judged == 0 || (double)tally->judged < JUDGED_SHARE * (double)(tally->judged + tally->unjudged))
        return TN_VERDICT_INCONCLUSIVE;
    return !looks_fresh || 2 * tally->moved_far >= tally->vectors ? TN_VERDICT_HEALTHY : TN_VERDICT_INCONCLUSIVE;
}

tn_tally tn_judge_network(const tn_judged *judged, size_t count)
{
    tn_tally tally = {0};
    for (size_t i = 0; i < count; i++) {
        if (judged[i].skipped)
            continue;
        tally_freshness(&tally, &judged[i]);
        for (size_t k = 0; k < judged[i].problem_count; k++) {
            const tn_problem *problem = &judged[i].problems[k];
            tally.broken += problem->kind == TN_PROBLEM_NONFINITE || problem->kind == TN_PROBLEM_TWIN_UNITS ||
                            (problem->kind == TN_PROBLEM_CONSTANT && problem->level == TN_LEVEL_FAR);
            tally.thrown += problem->kind == TN_PROBLEM_FLIPPED_GAINS || problem->kind == TN_PROBLEM_OUTPUT_BIASES;
        }
        if (!tn_kind_is_weight(judged[i].component.kind))
            continue;
        bool is_judged = judged[i].level != TN_LEVEL_UNJUDGED;
        tally.judged += is_judged;
        tally.unjudged += !is_judged && judged[i].component.count >= JUDGED_VALUES_MIN;
        tally.exploded += judged[i].exploded;
        tally.judged_values += is_judged ? (double)judged[i].component.count : 0;
        tally.huge_values += judged[i].huge ? (double)judged[i].component.count : 0;
        tally.strain += judged[i].strain;
        tally.outside += judged[i].level >= TN_LEVEL_OUTSIDE;
        tally.far += judged[i].level == TN_LEVEL_FAR;
    }
    tally.strain = tally.judged > 0 ? tally.strain / (double)tally.judged : 0;
    tally.verdict = verdict_of(&tally);
    return tally;
}
