/* health_parts.h: what the files of tenet health share: a judged component, and the steps from vitals to a verdict. */
#ifndef TN_WEIGHTS_HEALTH_PARTS_H
#define TN_WEIGHTS_HEALTH_PARTS_H

#include "base/text.h"
#include "weights/fresh.h"
#include "weights/health.h"
#include "weights/health_reference.h"

/* How far outside of the reference. A unit of excess is the distance from the reference's median to its 10 % or 90 % quantile: a spread. */
typedef enum tn_level {
    TN_LEVEL_UNJUDGED, /* state, unknown kinds, or a kind without a reference */
    TN_LEVEL_INSIDE,
    TN_LEVEL_EDGE,    /* a little outside: nothing to worry about by itself */
    TN_LEVEL_OUTSIDE, /* clearly outside */
    TN_LEVEL_FAR      /* as no mature network is */
} tn_level;

const char *tn_level_name(tn_level level);

typedef enum tn_problem_kind {
    TN_PROBLEM_NONFINITE,
    TN_PROBLEM_CONSTANT,      /* a weight all of whose values are equal */
    TN_PROBLEM_DEAD_UNITS,    /* units whose weights are as good as zero */
    TN_PROBLEM_TWIN_UNITS,    /* units that are copies of each other */
    TN_PROBLEM_FLIPPED_GAINS, /* gains of a normalisation that are nearly all negative */
    TN_PROBLEM_OUTPUT_BIASES, /* biases of an output that differ by more than its weights can make up for */
    TN_PROBLEM_FEATURE        /* a feature outside of its band */
} tn_problem_kind;

typedef struct tn_problem {
    tn_problem_kind kind;
    tn_level level;
    tn_feature feature;
    bool above;
    double value, limit, median; /* of the feature, in the units of its band; limit: where the reference ends */
    double excess;
} tn_problem;

enum { TN_PROBLEMS_MAX = TN_FEATURES + 6 };

typedef struct tn_judged {
    tn_component component;
    char *name;          /* owned */
    const char *skipped; /* why it cannot be judged, or NULL */
    tn_vitals *vitals;   /* owned; NULL where skipped */
    tn_measure measure;
    tn_fresh fresh;
    tn_level level;
    double
        strain; /* how far gain, fourth moment, tail and concentration lie above the usual: the sum of their distances from the median, in spreads */
    bool exploded;                        /* its gain alone lies beyond anything */
    bool huge;                            /* its gain lies far above */
    tn_problem problems[TN_PROBLEMS_MAX]; /* the worst first */
    size_t problem_count;
} tn_judged;

typedef enum tn_verdict { TN_VERDICT_HEALTHY, TN_VERDICT_UNTRAINED, TN_VERDICT_UNHEALTHY, TN_VERDICT_INCONCLUSIVE } tn_verdict;

/* The figures that lead to a verdict, over all weights of the network. */
typedef struct tn_tally {
    size_t weights; /* weight tensors that can be told fresh from trained */
    size_t fresh;   /* of these, fit an initialiser */
    double values, fresh_values;
    size_t vectors, moved_vectors; /* biases and gains; and those that are neither constant nor PyTorch's default */
    size_t moved_far;              /* of the moved, those that training moved by a tenth of the size of weights or more */
    size_t judged, outside, far;   /* weight tensors with a reference; of these, level OUTSIDE or worse; FAR */
    size_t unjudged;               /* weight tensors that are large enough, but of a kind without a reference */
    size_t broken;                 /* tensors with a value that is no number, weights that are constant, and units that are copies */
    size_t exploded;
    size_t thrown;                     /* normalisations with flipped gains, and outputs with biases that are too far apart */
    double judged_values, huge_values; /* of the judged, and of those whose gain lies far above */
    double strain;                     /* the mean over the judged */
    tn_verdict verdict;
} tn_tally;

/* Sets level and problems from measure and reference (health_judge.c). has_norms: the network normalises, so that small weights do no harm. */
void tn_judge_component(tn_judged *judged, bool has_norms);

/* Adds what the biases of an output tell beside its weights; both are judged, and `weight` is of the kind of an output. */
void tn_judge_output_biases(tn_judged *biases, const tn_judged *weight);

/* The verdict over components [count] that are judged. */
tn_tally tn_judge_network(const tn_judged *judged, size_t count);

/* Words for people (health_words.c): what was found, beside what is usual; and what usually causes it. */
void tn_problem_describe(tn_text *text, const tn_judged *judged, const tn_problem *problem);
const char *tn_problem_cause(const tn_problem *problem);
void tn_tally_describe(tn_text *text, const tn_tally *tally);

/* The document (health_document.c); NULL where memory is out. `source` is stolen. */
json_t *tn_health_document(const tn_judged *judged, size_t count, const tn_tally *tally, json_t *source);

#endif
