/* fresh.c: see fresh.h.
 *
 * Scales: He et al. 2015 (arXiv:1502.01852), Glorot and Bengio 2010, LeCun et al. 1998; torch.nn.Linear and Conv draw from kaiming_uniform(a = sqrt(5)), a box of half-width 1/sqrt(fan_in), and
 * torch.nn.LSTM from one of 1/sqrt(hidden). Keras cuts its normals at two standard deviations and corrects the scale; TensorFlow's truncated_normal and timm do not correct it. */
#include "weights/fresh.h"

#include <math.h>
#include <string.h>

/* COUNT_MIN: values below which shapes cannot be told; SHAPE_MIN: below which a shape without a known scale says too little. COUNT_MAX: the statistics count at most so many values, so that in large tensors a shape may be off by about a hundredth, which is what rounding to
 * 16 bits does. EXPECTED_MIN: a cell of the chi-square, by Cochran's rule. */
static const double COUNT_MIN = 200, SHAPE_MIN = 2000, COUNT_MAX = 2e5, EXPECTED_MIN = 5;
/* The chance to take a fresh tensor for a trained one: small, since a network has many tensors. Moved by nothing. */
static const double PROBABILITY_MIN = 1e-4;
/* Standard errors that a scale may be off. */
static const double SCALE_ERRORS = 4;
/* A box of n values reaches its limit within SHARP / n but for a share of exp(-SHARP). */
static const double SHARP = 12;
/* Biases below which a box cannot be told. */
enum { BIASES_MIN = 32 };
/* Share of exact zeros that a drawn tensor may hold: the row of a padding word. */
static const double ZEROS_MAX = 0.02;
/* Standard deviation of a normal cut at two. */
static const double CUT_STD = 0.87962566103423978;

typedef enum drawn_shape { SHAPE_BOX, SHAPE_BELL, SHAPE_CUT_BELL, SHAPES } drawn_shape;

/* Probability that a value drawn from the shape, scaled to standard deviation 1, has a magnitude below x. */
static double magnitude_below(drawn_shape shape, double x)
{
    switch (shape) {
    case SHAPE_BOX:
        return fmin(x / sqrt(3), 1);
    case SHAPE_BELL:
        return erf(x / sqrt(2));
    default:
        return fmin(erf(x * CUT_STD / sqrt(2)) / erf(sqrt(2)), 1);
    }
}

/* Probability of a chi-square variable with `freedom` degrees above x: Wilson and Hilferty 1931, good to a few per cent at the probabilities that decide here. */
static double chi_square_above(double x, double freedom)
{
    double spread = 2 / (9 * freedom);
    return 0.5 * erfc((cbrt(x / freedom) - (1 - spread)) / sqrt(2 * spread));
}

/* How likely a worse fit is. `sigma` was estimated from the same values, which costs a degree of freedom. Signs count apart, so that a shift is seen. */
static double shape_probability(const tn_vitals *vitals, drawn_shape shape, double sigma)
{
    double total = 0, chi_square = 0, cells = 0, observed = 0, expected = 0;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t e = 1; e < TN_VITALS_EXPONENTS; e++)
            total += (double)vitals->histogram[sign][e];
    double scale = fmin(1, COUNT_MAX / total);
    for (size_t sign = 0; sign < 2; sign++) {
        for (size_t e = TN_VITALS_EXPONENTS - 1; e >= 1; e--) {
            double low = ldexp(1, (int)e - 127) / sigma;
            observed += (double)vitals->histogram[sign][e] * scale;
            expected += 0.5 * total * scale * (magnitude_below(shape, 2 * low) - magnitude_below(shape, low));
            if (expected >= EXPECTED_MIN) {
                chi_square += (observed - expected) * (observed - expected) / expected;
                cells++;
                observed = expected = 0;
            }
        }
        /* What is left over near zero joins the first cell of the other sign; at the end it is below EXPECTED_MIN. */
    }
    if (observed > EXPECTED_MIN * 4)
        return 0;
    return cells >= 4 ? chi_square_above(chi_square, cells - 2) : 1;
}

typedef struct drawn_sample {
    double count, sigma, largest;
} drawn_sample;

/* Standard error of the logarithm of a standard deviation, by the shape's kurtosis. */
static double scale_error(drawn_shape shape, double count)
{
    static const double KURTOSIS[SHAPES] = {[SHAPE_BOX] = 1.8, [SHAPE_BELL] = 3, [SHAPE_CUT_BELL] = 2.37};
    return sqrt((KURTOSIS[shape] - 1) / (4 * fmin(count, COUNT_MAX)));
}

static bool is_sigma(const drawn_sample *sample, drawn_shape shape, double sigma)
{
    return sigma > 0 && fabs(log(sample->sigma / sigma)) <= SCALE_ERRORS * scale_error(shape, sample->count);
}

/* A box is known by its edge: no value beyond, and the largest right at it. */
static bool is_limit(const drawn_sample *sample, double limit)
{
    return limit > 0 && sample->largest <= limit * (1 + 1e-3) && sample->largest >= limit * (1 - SHARP / sample->count - 1e-3);
}

static const char *name_box(const tn_component *component, const drawn_sample *sample)
{
    double in = (double)component->fan_in, out = (double)component->fan_out, first = component->has_shape ? (double)component->dims[0] : 0;
    double last = component->has_shape && component->rank > 0 ? (double)component->dims[component->rank - 1] : 0;
    bool recurrent = component->kind == TN_KIND_RECURRENT_INPUT || component->kind == TN_KIND_RECURRENT_HIDDEN;
    double gates = component->outputs_first ? first : last;
    if (in > 0) {
        if (is_limit(sample, 1 / sqrt(in)))
            return "PyTorch's default (uniform)";
        if (is_limit(sample, sqrt(6 / in)))
            return "He uniform";
        if (is_limit(sample, sqrt(3 / in)))
            return "LeCun uniform";
    }
    if (in > 0 && out > 0 && is_limit(sample, sqrt(6 / (in + out))))
        return "Glorot uniform";
    if (out > 0 && (is_limit(sample, sqrt(6 / out)) || is_limit(sample, 1 / sqrt(out))))
        return "uniform by the outputs";
    for (double parts = 1; recurrent && parts <= 4; parts++)
        if (parts != 2 && is_limit(sample, sqrt(parts / gates)))
            return "PyTorch's default of a recurrent layer (uniform)";
    static const double LIMITS[] = {0.01, 0.02, 0.05, 0.08, 0.1, 0.5, 1};
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++)
        if (is_limit(sample, LIMITS[i]))
            return "uniform with a round limit";
    return NULL;
}

static const char *name_bell(const tn_component *component, const drawn_sample *sample, drawn_shape shape)
{
    double in = (double)component->fan_in, out = (double)component->fan_out;
    if (in > 0 && is_sigma(sample, shape, sqrt(2 / in)))
        return "He normal";
    if (in > 0 && out > 0 && is_sigma(sample, shape, sqrt(2 / (in + out))))
        return "Glorot normal";
    if (in > 0 && is_sigma(sample, shape, sqrt(1 / in)))
        return "LeCun normal";
    if (out > 0 && (is_sigma(sample, shape, sqrt(2 / out)) || is_sigma(sample, shape, sqrt(1 / out))))
        return "normal by the outputs";
    static const double SIGMAS[] = {0.01, 0.02, 0.05, 0.1, 1};
    for (size_t i = 0; i < sizeof SIGMAS / sizeof *SIGMAS; i++)
        if (is_sigma(sample, shape, SIGMAS[i]) || is_sigma(sample, shape, SIGMAS[i] * CUT_STD))
            return "normal with a round standard deviation";
    return NULL;
}

/* Rows or columns of length 1 at right angles: the squares add up to the smaller side, to rounding. */
static bool is_orthogonal(const tn_component *component, const tn_vitals *vitals)
{
    if (!component->has_shape || component->rank < 2)
        return false;
    size_t rows = component->dims[0], columns = component->dims[component->rank - 1];
    size_t other_rows = component->count / rows, other_columns = component->count / columns;
    double by_rows = (double)(rows < other_rows ? rows : other_rows),
           by_columns = (double)(columns < other_columns ? columns : other_columns);
    static const double GAINS[] = {1, 2}; /* of the squares: 1 by itself, 2 before relu */
    for (size_t i = 0; i < sizeof GAINS / sizeof *GAINS; i++)
        if (fabs(vitals->sum_of_squares / (GAINS[i] * by_rows) - 1) < 1e-5 ||
            fabs(vitals->sum_of_squares / (GAINS[i] * by_columns) - 1) < 1e-5)
            return true;
    return false;
}

/* Values that float16 rounds keep their shape; subnormals of float32 are none. */
static bool make_sample(const tn_component *component, const tn_vitals *vitals, drawn_sample *sample)
{
    uint64_t finite = tn_vitals_finite(vitals), zeros = vitals->zeros;
    if (finite != vitals->count || finite <= zeros)
        return false;
    sample->count = (double)(finite - zeros);
    sample->sigma = sqrt(vitals->sum_of_squares / sample->count);
    sample->largest = fmax(fabs((double)vitals->min), fabs((double)vitals->max));
    return (double)zeros <= ZEROS_MAX * (double)finite || (component->kind == TN_KIND_EMBEDDING && zeros <= component->fan_in);
}

tn_fresh tn_fresh_weight(const tn_component *component, const tn_vitals *vitals)
{
    drawn_sample sample;
    if (vitals->count > 1 && !(vitals->min < vitals->max))
        return (tn_fresh){.state = TN_FRESH_CONSTANT};
    if (!make_sample(component, vitals, &sample))
        return (tn_fresh){.state = TN_FRESH_TRAINED};
    if (sample.count < COUNT_MIN)
        return (tn_fresh){.state = TN_FRESH_FEW};
    /* A box's scale is told by its edge, which is far sharper than its spread. */
    const double sigmas[SHAPES] = {
        [SHAPE_BOX] = sample.largest * (1 + 1 / sample.count) / sqrt(3), [SHAPE_BELL] = sample.sigma, [SHAPE_CUT_BELL] = sample.sigma};
    tn_fresh found = {.state = TN_FRESH_TRAINED};
    for (drawn_shape shape = 0; shape < SHAPES; shape++) {
        double probability = shape_probability(vitals, shape, sigmas[shape]);
        /* Both must hold: a box with spread corners has its edge, but not its spread. */
        if (shape == SHAPE_BOX && fabs(log(sample.sigma / sigmas[shape])) > SCALE_ERRORS * scale_error(shape, sample.count) + 1e-3)
            probability = 0;
        if (shape == SHAPE_CUT_BELL &&
            sample.largest > 2 * sample.sigma / CUT_STD * (1.002 + SCALE_ERRORS * scale_error(shape, sample.count)))
            probability = 0;
        found.probability = fmax(found.probability, probability);
        if (probability < PROBABILITY_MIN || found.state == TN_FRESH_NAMED)
            continue;
        const char *scheme = shape == SHAPE_BOX ? name_box(component, &sample) : name_bell(component, &sample, shape);
        if (!scheme && is_orthogonal(component, vitals))
            scheme = "orthogonal";
        found.state = scheme ? TN_FRESH_NAMED : sample.count >= SHAPE_MIN ? TN_FRESH_SHAPE : TN_FRESH_FEW;
        found.scheme = scheme;
    }
    return found;
}

tn_fresh tn_fresh_vector(const tn_component *component, const tn_vitals *vitals)
{
    double low = (double)vitals->min, high = (double)vitals->max, largest = fmax(fabs(low), fabs(high));
    if (tn_vitals_finite(vitals) != vitals->count || vitals->count == 0)
        return (tn_fresh){.state = TN_FRESH_TRAINED};
    if (!(low < high) && (largest <= 0 || fabs(low - 1) <= 0))
        return (tn_fresh){.state = TN_FRESH_CONSTANT, .scheme = largest <= 0 ? "all 0" : "all 1", .probability = 1};
    if (component->kind != TN_KIND_BIAS)
        return (tn_fresh){.state = TN_FRESH_TRAINED};
    /* The forget gates of Keras' LSTM start at 1, the rest of its bias at 0. */
    double zeros = (double)vitals->zeros, count = (double)vitals->count;
    if (fabs(vitals->sum - (count - zeros)) <= 0 && fabs(vitals->sum_of_squares - (count - zeros)) <= 0 && zeros >= 0.7 * count)
        return (tn_fresh){.state = TN_FRESH_CONSTANT, .scheme = "0, and 1 at the forget gates", .probability = 1};
    double sigma = sqrt(vitals->sum_of_squares / count),
           limits[] = {component->fan_in > 0 ? 1 / sqrt((double)component->fan_in) : 0, 2 / sqrt(count), sqrt(3 / count), 1 / sqrt(count)};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        /* i = 0: the fan; else a recurrent layer of 4, 3 or 1 gates. The chance that n values of a box all lie below 1 - SHARP / n of it is exp(-SHARP); few values say little. */
        double limit = limits[i];
        bool inside = limit > 0 && largest <= limit * (1 + 1e-3),
             spread = fabs(log(sigma / (limit / sqrt(3)))) <= SCALE_ERRORS * scale_error(SHAPE_BOX, count);
        if (inside && spread)
            return (tn_fresh){.state = count < BIASES_MIN ? TN_FRESH_FEW : TN_FRESH_NAMED,
                              .scheme = count < BIASES_MIN ? NULL : "PyTorch's default (uniform)",
                              .probability = 1};
    }
    return (tn_fresh){.state = TN_FRESH_TRAINED};
}
