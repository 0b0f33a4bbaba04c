/* rule_support.h: what the rules share: filling signals, medians, and the names of tensors. Private to src/rules. */
#ifndef TN_RULE_SUPPORT_H
#define TN_RULE_SUPPORT_H

#include "base/quantile.h"
#include "rules/rules.h"

/* Tensors beyond this index are not watched by rules that keep a state for each. */
enum { TN_RULE_TENSORS = 1024 };

/* Sets FIRED with its figures and sentence. Where the signal had fired already its first step stays. `tensor` may be NULL. */
void tn_signal_fire(tn_signal *signal, uint64_t step, const char *tensor, double value, double threshold, const char *format, ...)
    TN_PRINTF(6, 7);

/* Names the cause that a signal makes likely, where it fired. */
void tn_signal_blame(tn_signal *signal, const char *cause);

/* Sets QUIET and empties the rest. */
void tn_signal_quiet(tn_signal *signal);

/* Whether the name is that of an op's output of kind `op`. */
bool tn_tensor_is_activation(const tn_tensor_name *name, const char *op);

/* Whether the name is of a weight that multiplies a node's input, or of a part of it (its gradient, its update): no bias, no gain of a normalisation. */
bool tn_tensor_is_matrix(const tn_tensor_name *name);

/* For rules that judge tensor by tensor on observed steps: how often in a row each was bad, and which one the signal is about. Zeroed
 * memory is a valid start. */
typedef struct tn_streaks {
    unsigned char runs[TN_RULE_TENSORS]; /* bad observed steps in a row, up to TN_STREAK */
    bool fired;
    size_t fired_index;
    uint64_t last_step, steps; /* the last observed step, and how many there were */
} tn_streaks;

/* Observed steps in a row on which a tensor must be bad; fewer observed steps are too few. */
enum { TN_STREAK = 3 };

/* Notes that `step` shows tensors. Call it for every tensor. */
void tn_streaks_observe(tn_streaks *streaks, uint64_t step);

/* Notes how tensor `index` looks now. True where the signal is to be fired about it: bad for TN_STREAK observed steps, and no other tensor
 * came first. Takes the signal back where its tensor recovered. */
bool tn_streaks_update(tn_streaks *streaks, tn_signal *signal, size_t index, bool bad);

/* At the end of the run: quiet where nothing fired and enough was seen, whether or not the net has tensors of the kind. */
void tn_streaks_end(const tn_streaks *streaks, tn_signal *signal);

/* Figures by which two tensors, or one at two steps, are told to hold the same values: a change in any of them shows in one of the four, all but never in none. */
typedef struct tn_print {
    double sum, sum_of_squares, min, max; /* of the finite values */
} tn_print;
tn_print tn_print_of(const tn_vitals *vitals);
bool tn_print_equal(const tn_print *a, const tn_print *b);

/* For rules on units: for how many values in a row each unit was bad. Zeroed memory is a valid start. */
enum { TN_RULE_UNITS = 1 << 16 };
typedef struct tn_unit_runs {
    uint32_t runs[TN_RULE_UNITS];
    uint32_t places[TN_RULE_TENSORS]; /* 1 + the place of a tensor's first unit; 0: not seen yet */
    uint32_t counts[TN_RULE_TENSORS]; /* of its units */
    uint32_t used;
} tn_unit_runs;

typedef bool tn_unit_is_bad(const tn_unit_vitals *vitals, const tn_unit *unit);

/* Notes how the tensor's units look now. The share of them that were bad for at least `values` values in a row; NAN where the tensor shows no units, other ones than it did at first, or there is no
 * room for them. */
double tn_unit_runs_update(tn_unit_runs *runs, const tn_tensor_seen *seen, tn_unit_is_bad *is_bad, double values);

/* Numbers parameters, so that a weight, its gradient and its update are known to belong together. Zeroed memory is a valid start. */
enum { TN_RULE_PARAMETERS = 1024 };
typedef struct tn_parameters {
    uint64_t hashes[2 * TN_RULE_PARAMETERS]; /* of node and parameter; 0: free */
    uint32_t slots[2 * TN_RULE_PARAMETERS];
    uint32_t count;
} tn_parameters;

/* The number of the parameter that `name` is of, from 0; TN_RULE_PARAMETERS where there are too many. */
size_t tn_parameters_find(tn_parameters *parameters, const tn_tensor_name *name);

/* How the gradient of the first weights compares with that of the last, step by step. Zeroed memory is a valid start. */
enum { TN_DEPTH_WINDOW = 16, TN_DEPTH_OBSERVED_MIN = 3 };
typedef struct tn_depth_end {
    bool seen;
    size_t node_index, index;
    double norm;
    char label[TN_TENSOR_LABEL_BYTES];
} tn_depth_end;
typedef struct tn_depth {
    uint64_t step; /* whose gradients are being seen; 0: none */
    bool finite;
    tn_depth_end first, last; /* of that step, by their node's place in the net */
    double ratios[TN_DEPTH_WINDOW];
    size_t observed;
    bool has_one_weight; /* there was nothing to compare with */
} tn_depth;

/* Notes the gradient of a weight. A new step forgets the one before: close that first. */
void tn_depth_see(tn_depth *depth, const tn_tensor_seen *seen);

/* Ends the step: the median of norm of the first / norm of the last over the last TN_DEPTH_WINDOW observed steps. NAN where there were fewer than TN_DEPTH_OBSERVED_MIN. Steps with a non-finite
 * gradient, or none at all in the last weights, are left out. */
double tn_depth_close(tn_depth *depth);

/* The median of values [count] and, where spread is not NULL, the standard deviation that normal data of their median absolute deviation
 * would have. Sorts and then overwrites values; count > 0. */
double tn_median_and_spread(double *values, size_t count, double *spread);

#endif
