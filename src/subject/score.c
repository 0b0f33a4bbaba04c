/* score.c: see score.h. Counts and sums only: nothing here allocates, and nothing depends on the order of the classes. */
#include "subject/score.h"

#include <math.h>

/* Classes below this are counted in an array; a larger number, which few tasks have, by looking through all labels. */
enum { CLASSES_COUNTED = 4096 };

static size_t count_of(size_t count, const int32_t *classes, int32_t wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += classes[i] == wanted;
    return found;
}

/* How many samples the most frequent class has. */
static size_t majority_count(size_t count, const int32_t *classes)
{
    uint32_t counts[CLASSES_COUNTED] = {0};
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t class = classes[i];
        size_t found = class >= 0 && class < CLASSES_COUNTED ? ++counts[class] : count_of(count, classes, class);
        most = found > most ? found : most;
    }
    return most;
}

int32_t tn_score_class(size_t width, const float *row, double single_threshold)
{
    if (isnan(row[0]))
        return -1;
    if (width == 1)
        return (double)row[0] > single_threshold;
    size_t best = 0;
    bool equal = true;
    for (size_t k = 1; k < width; k++) {
        if (isnan(row[k]))
            return -1;
        equal = equal && row[k] == row[0];
        best = row[k] > row[best] ? k : best;
    }
    return equal ? -1 : (int32_t)best;
}

double tn_score_classification(size_t count, size_t width, const float *outputs, const int32_t *classes, double single_threshold)
{
    size_t majority = majority_count(count, classes), right = 0;
    if (majority == count)
        return NAN;
    for (size_t i = 0; i < count; i++)
        right += tn_score_class(width, outputs + i * width, single_threshold) == classes[i];
    return ((double)right - (double)majority) / (double)(count - majority);
}

bool tn_score_flag_is_wrong(float output, float target, double threshold)
{
    return isnan(output) || ((double)output > threshold) != (target > 0.5f);
}

double tn_score_flags(size_t count, size_t width, const float *outputs, const float *targets, double threshold)
{
    size_t wrong = 0, trivial = 0;
    for (size_t k = 0; k < width; k++) {
        size_t yes = 0;
        for (size_t i = 0; i < count; i++) {
            yes += targets[i * width + k] > 0.5f;
            wrong += tn_score_flag_is_wrong(outputs[i * width + k], targets[i * width + k], threshold);
        }
        trivial += yes < count - yes ? yes : count - yes;
    }
    return trivial > 0 ? fmax(1 - (double)wrong / (double)trivial, -1) : NAN;
}

/* The entropy of the frequencies of classes [count], in nats, and how many are no padding. Larger class numbers than can be counted here are taken together, which only lowers it. */
static double entropy_of(size_t count, const int32_t *classes, size_t *labels)
{
    uint64_t counts[CLASSES_COUNTED] = {0};
    *labels = 0;
    for (size_t i = 0; i < count; i++) {
        if (classes[i] < 0)
            continue;
        counts[classes[i] < CLASSES_COUNTED ? classes[i] : CLASSES_COUNTED - 1]++;
        ++*labels;
    }
    double entropy = 0;
    for (size_t k = 0; k < CLASSES_COUNTED; k++) {
        double share = (double)counts[k] / (double)*labels;
        entropy -= counts[k] > 0 ? share * log(share) : 0;
    }
    return entropy;
}

double tn_score_sequences(size_t count, size_t steps, const float *losses, const int32_t *classes, double *loss)
{
    size_t labels;
    double entropy = entropy_of(count * steps, classes, &labels), sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t own = 0;
        for (size_t k = 0; k < steps; k++)
            own += classes[i * steps + k] >= 0;
        sum += own > 0 ? (double)losses[i] * (double)own : 0;
    }
    *loss = labels > 0 ? sum / (double)labels : NAN;
    if (labels == 0 || !(entropy > 0))
        return NAN;
    double score = 1 - *loss / entropy;
    return score >= -1 ? score : -1; /* NaN too: it stands for outputs that are no numbers */
}

/* R2 of column k, at least -1; false where its target is constant or not finite. */
static bool r2_of(size_t count, size_t width, size_t k, const float *outputs, const float *targets, double *r2)
{
    double sum = 0, squares = 0, errors = 0;
    bool constant = true;
    for (size_t i = 0; i < count; i++) {
        sum += (double)targets[i * width + k];
        constant = constant && targets[i * width + k] == targets[k];
    }
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double deviation = (double)targets[i * width + k] - mean, error = (double)outputs[i * width + k] - (double)targets[i * width + k];
        squares += deviation * deviation;
        errors += error * error;
    }
    if (constant || !isfinite(squares))
        return false;
    *r2 = 1 - errors / squares;
    if (!(*r2 >= -1)) /* NaN too: it stands for outputs that are no numbers */
        *r2 = -1;
    return true;
}

double tn_score_regression(size_t count, size_t width, const float *outputs, const float *targets)
{
    double sum = 0;
    size_t scored = 0;
    for (size_t k = 0; k < width && count > 0; k++) {
        double r2;
        if (!r2_of(count, width, k, outputs, targets, &r2))
            continue;
        sum += r2;
        scored++;
    }
    return scored ? sum / (double)scored : NAN;
}
