/* suspects.c: see suspects.h. */
#include "experiments/suspects.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* Of TN_SUSPECT_NEIGHBOURS = 10 neighbours so many have one other label, and so few the sample's own. Own choice: by chance alone, with a fifth of the neighbours mislabelled, a right label is outvoted
 * so clearly once in 10^4; moved by overlapping classes, where it is once in 20. */
enum { OUTVOTED = 6, OWN_MOST = 1 };

/* Wrong rather than hard: among the surest tenth and fifth at least this share of the labels is off, and at least this part of the share among the surest half. Set on clean data whose classes overlap
 * (at most 0.45 of it) and on 5 to 40 % of planted wrong labels (at least 0.6): bench/label_noise.py. */
static const double SHARE_MIN = 0.03, FLAT_MIN = 0.55;

int32_t tn_suspects_argmax(const float *row, size_t classes)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (row[k] > row[best])
            best = k;
    return (int32_t)best;
}

/* thresholds [classes] = the mean probability of class j over the samples labelled j; above 1 where there are none. */
static void find_thresholds(const float *probabilities, const int32_t *labels, size_t count, size_t classes, double *thresholds,
                            size_t *counts)
{
    for (size_t i = 0; i < count; i++) {
        thresholds[labels[i]] += (double)probabilities[i * classes + (size_t)labels[i]];
        counts[labels[i]]++;
    }
    for (size_t k = 0; k < classes; k++)
        thresholds[k] = counts[k] > 0 ? thresholds[k] / (double)counts[k] : 2;
}

/* The class that the network is confident of, or -1. */
static int32_t confident_class(const float *row, const double *thresholds, size_t classes)
{
    int32_t best = -1;
    for (size_t k = 0; k < classes; k++)
        if ((double)row[k] >= thresholds[k] && (best < 0 || row[k] > row[best]))
            best = (int32_t)k;
    return best;
}

/* The label that most neighbours have; *votes and *own are how many have it, and the sample's own. */
static int32_t vote(const int32_t *labels, const uint32_t *neighbours, int32_t given, size_t *votes, size_t *own)
{
    int32_t best = given;
    *votes = *own = 0;
    for (size_t k = 0; k < TN_SUSPECT_NEIGHBOURS; k++) {
        size_t same = 0;
        for (size_t m = 0; m < TN_SUSPECT_NEIGHBOURS; m++)
            same += labels[neighbours[m]] == labels[neighbours[k]];
        *own += labels[neighbours[k]] == given;
        if (same > *votes) {
            *votes = same;
            best = labels[neighbours[k]];
        }
    }
    return best;
}

static size_t votes_for(const int32_t *labels, const uint32_t *neighbours, int32_t class)
{
    size_t votes = 0;
    for (size_t k = 0; k < TN_SUSPECT_NEIGHBOURS; k++)
        votes += labels[neighbours[k]] == class;
    return votes;
}

static int by_certainty(const void *a, const void *b)
{
    const tn_suspect *x = a, *y = b;
    int both_x = x->by_network && x->by_neighbours, both_y = y->by_network && y->by_neighbours;
    float margin_x = x->probability - x->given, margin_y = y->probability - y->given;
    if (both_x != both_y)
        return both_y - both_x;
    if (margin_x != margin_y)
        return margin_x < margin_y ? 1 : -1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

tn_status tn_suspects_find(const float *probabilities, const int32_t *labels, const uint32_t *neighbours, size_t count, size_t classes,
                           tn_suspect *suspects, size_t *found, tn_error *error)
{
    double *thresholds = tn_memory_create(classes, sizeof *thresholds);
    size_t *counts = tn_memory_create(classes, sizeof *counts);
    *found = 0;
    tn_status status = thresholds && counts ? TN_OK : tn_fail_memory(error, classes * sizeof *counts);
    if (status == TN_OK)
        find_thresholds(probabilities, labels, count, classes, thresholds, counts);
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        const float *row = probabilities + i * classes;
        const uint32_t *near = neighbours + i * TN_SUSPECT_NEIGHBOURS;
        size_t votes, own;
        int32_t confident = confident_class(row, thresholds, classes), voted = vote(labels, near, labels[i], &votes, &own);
        bool by_network = confident >= 0 && confident != labels[i];
        bool by_neighbours = voted != labels[i] && votes >= OUTVOTED && own <= OWN_MOST;
        if (!by_network && !by_neighbours)
            continue;
        int32_t suggested = by_network ? confident : voted;
        suspects[(*found)++] = (tn_suspect){.sample = i,
                                            .suggested = suggested,
                                            .probability = row[suggested],
                                            .given = row[labels[i]],
                                            .votes = votes_for(labels, near, suggested),
                                            .own_votes = own,
                                            .by_network = by_network,
                                            .by_neighbours = by_neighbours};
    }
    qsort(suspects, *found, sizeof *suspects, by_certainty);
    tn_memory_destroy(thresholds);
    tn_memory_destroy(counts);
    return status;
}

typedef struct sureness {
    float probability; /* of the predicted class */
    bool is_off;       /* which is not the label */
} sureness;

static int by_sureness(const void *a, const void *b)
{
    const sureness *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability < y->probability ? 1 : -1;
    return (int)x->is_off - (int)y->is_off;
}

static double share_off(const sureness *samples, size_t count)
{
    size_t off = 0;
    for (size_t i = 0; i < count; i++)
        off += samples[i].is_off;
    return count > 0 ? (double)off / (double)count : 0;
}

tn_status tn_suspects_weigh(const float *probabilities, const int32_t *labels, size_t count, size_t classes, tn_doubt *doubt,
                            tn_error *error)
{
    *doubt = (tn_doubt){0};
    sureness *samples = tn_memory_create(count, sizeof *samples);
    if (!samples)
        return tn_fail_memory(error, count * sizeof *samples);
    for (size_t i = 0; i < count; i++) {
        int32_t predicted = tn_suspects_argmax(probabilities + i * classes, classes);
        samples[i] = (sureness){.probability = probabilities[i * classes + (size_t)predicted], .is_off = predicted != labels[i]};
    }
    qsort(samples, count, sizeof *samples, by_sureness);
    doubt->tenth = share_off(samples, count / 10);
    doubt->fifth = share_off(samples, count / 5);
    doubt->half = share_off(samples, count / 2);
    double least = fmin(doubt->tenth, doubt->fifth);
    doubt->is_flat = least >= SHARE_MIN && least >= FLAT_MIN * doubt->half;
    tn_memory_destroy(samples);
    return TN_OK;
}
