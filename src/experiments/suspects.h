/* suspects.h: which labels are likely to be wrong, by two judges that do not know each other (PROTOCOL B3).
 *
 * Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): each sample was predicted by a network that never saw it. With t[j] the mean probability of class j over the samples
 * labelled j, a sample counts for the class j of largest probability among those with p[j] >= t[j]; where that is another class than its label, it is off the diagonal of the confident joint,
 * and a suspect.
 *
 * Nearest neighbours: most of them have one other label, and hardly one has the sample's own.
 *
 * Only for classes. Blind spots: labels that are wrong in the same way for all samples of a kind (the network learns them as the rule), and classes that overlap, whose samples both judges suspect;
 * tn_suspects_weigh tells these from wrong labels. */
#ifndef TN_EXPERIMENTS_SUSPECTS_H
#define TN_EXPERIMENTS_SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TN_SUSPECT_NEIGHBOURS = 10 };

typedef struct tn_suspect {
    size_t sample;
    int32_t suggested;              /* the class that it looks like */
    float probability, given;       /* out-of-sample, of the suggested class and of the label */
    size_t votes, own_votes;        /* neighbours that have the suggested class, and the label */
    bool by_network, by_neighbours; /* who suspects it; at least one does */
} tn_suspect;

/* suspects [count] = those found, surest first: those of both judges, then by how far the suggested class is above the label. probabilities [count, classes] out of sample; labels [count] below
 * `classes`; neighbours [count, TN_SUSPECT_NEIGHBOURS]. TN_ERROR_MEMORY alone. */
tn_status tn_suspects_find(const float *probabilities, const int32_t *labels, const uint32_t *neighbours, size_t count, size_t classes,
                           tn_suspect *suspects, size_t *found, tn_error *error);

/* How often the label is another class than the predicted one, among the samples that the network is surest of. Wrong labels are everywhere, so there are about as many where it is sure as where it
 * is not; where classes overlap, or samples are hard, they are few there. */
typedef struct tn_doubt {
    double tenth, fifth, half; /* shares among the surest tenth, fifth and half of the samples */
    bool is_flat;              /* the labels are wrong rather than hard */
} tn_doubt;

tn_status tn_suspects_weigh(const float *probabilities, const int32_t *labels, size_t count, size_t classes, tn_doubt *doubt,
                            tn_error *error);

/* The class with the largest probability of a row [classes]. */
int32_t tn_suspects_argmax(const float *row, size_t classes);

#endif
