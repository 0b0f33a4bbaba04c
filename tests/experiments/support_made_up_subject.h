/* support_made_up_subject.h: a subject whose training is a formula, so that a test knows what an experiment must find. */
#ifndef TN_TESTS_SUPPORT_MADE_UP_SUBJECT_H
#define TN_TESTS_SUPPORT_MADE_UP_SUBJECT_H

#include "experiments/debug.h"
#include "subject/subject_kind.h"

typedef struct made_up made_up;

/* How it trains. Fields that a test does not set make a subject that trains well. */
struct made_up {
    tn_subject base;
    tn_subject_facts facts;
    double nan_rate;     /* rates from here on give NaN at step 3 */
    double diverge_rate; /* rates from here on triple the loss */
    bool always_nan;
    bool (*breaks)(const tn_knobs *effective); /* NaN at the third step where it says so; NULL: never */
    uint64_t spike_every;    /* every so many steps the gradient is 100 times as large, where it is not clipped; 0: never */
    uint64_t late_nan_step;  /* NaN there, where gradients are not clipped; 0: never */
    bool clip_is_no_use;     /* ... and where they are */
    bool cannot_overfit;     /* training score of small subsets stays 0 */
    bool same_inputs;        /* every shown input is the same */
    bool random_labels;      /* shown labels have nothing to do with the inputs */
    bool memorises;          /* permuted labels score as the given ones do, since nothing is held out */
    bool tells_scores_alone; /* without the losses of their samples, as a program may */
    /* The score after training under these knobs; rate, seed and the rest are the effective ones. */
    double (*score)(const tn_knobs *effective);
    uint64_t ends_at;      /* it ends by itself there, whatever steps are asked for, as a program does; 0: it does not */
    bool can_go_round;     /* ... but for a trial that is told that it does: that one makes the steps it was asked for */
    uint64_t reaches_at;   /* a trial that may end at its score reaches it after so many steps; 0: it never ends before its steps */
    uint32_t refused;      /* knobs that it does not acknowledge */
    const tn_hypes *hypes; /* NULL: it has none, and gets no patches */
};

/* 2,000 samples of 2 features, 4 classes, rate 0.01, batch 32, 1,000 steps, score 0.9. */
void made_up_init(made_up *subject);

/* Runs the whole debug, or one experiment, and gives the report; fails the test on an error. */
json_t *made_up_debug(made_up *subject);
json_t *made_up_experiment(made_up *subject, const char *command);

/* The result object of experiment `name` in a report; borrowed. */
json_t *report_experiment(const json_t *report, const char *name);
const char *report_string(const json_t *object, const char *key);
const json_t *report_finding(const json_t *report, size_t index);

#endif
