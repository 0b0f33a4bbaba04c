/* label_signal.h: do the inputs say anything about the labels? (PROTOCOL B3, without any network)
 *
 * A sample's nearest neighbours vote for its label. Where labels belong to inputs, the vote beats the same vote on permuted labels; where they are misaligned, it does not. Blind spot: problems
 * where neighbours differ by nature (parity, XOR of few points), so it never convicts alone. */
#ifndef TN_EXPERIMENTS_LABEL_SIGNAL_H
#define TN_EXPERIMENTS_LABEL_SIGNAL_H

#include "experiments/fixes/fix.h"
#include "experiments/look.h"

typedef struct tn_label_signal {
    bool known; /* enough samples to tell */
    size_t samples;
    double
        given; /* share of right votes; in regression R2 of the neighbours' mean as a prediction of the target's rank, averaged over the targets */
    double
        score; /* the same as a score, of targets as they are (0 trivial, 1 perfect): what these data are known to give away. NAN where samples have a label for each step, or come several times */
    double permuted, permuted_std; /* the same on permuted labels: mean and standard deviation over permutations */
    bool present;                  /* given beats permuted by far */
} tn_label_signal;

tn_status tn_label_signal_measure(tn_investigation *investigation, tn_label_signal *signal, tn_error *error);

/* The control that convicts: on fresh paired seeds, permuted labels train as well as the given ones. before: given, after: permuted. */
typedef struct tn_label_control {
    size_t pairs;
    double given_mean, permuted_mean;
    bool equal;
} tn_label_control;

tn_status tn_label_control_run(tn_investigation *investigation, uint64_t steps, tn_label_control *control, tn_outcome *outcome,
                               tn_error *error);

/* Whether `fix` only makes the subject memorise: with it, permuted labels score almost the `standing` that the given ones reach. One trial. It is asked of programs that learn next to nothing as given,
 * since they are scored on what they train on (subject/score.h); for others, where samples are so few (XOR) that to learn them is to know them by heart, and where labels cannot be permuted,
 * *memorises is false. */
tn_status tn_label_control_memorises(tn_investigation *investigation, const tn_look *look, const tn_fix *fix, double standing,
                                     bool *memorises, tn_outcome *outcome, tn_error *error);

#endif
