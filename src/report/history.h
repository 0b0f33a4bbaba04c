/* history.h: the picture of one run in bounded memory: its scalars, a summary of every observed tensor, and what the rules said.
 *
 * A history is an observer: give it to a trial to follow it live, or let tn_history_from_store replay a run that was recorded; both make the same picture. It keeps at most TN_HISTORY_POINTS points a series and TN_HISTORY_ROWS rows a tensor. Where they are full, neighbours are merged two by two, so each stands for 1, 2, 4 ... observations:
 * the same run always gives the same picture, the first and the last observation stay as they were, a spike stays in the envelope, and NaN and Inf are counted.
 *
 * Not for judging (rules do) and not for laying out. One thread at a time. It allocates when it meets a tensor for the first time; an allocation that fails is told by
 * tn_history_status, and what it would have held is left out. */
#ifndef TN_REPORT_HISTORY_H
#define TN_REPORT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "run/recorder.h"
#include "store/store.h"
#include "vitals/tensor.h"
#include "vitals/vitals.h"

enum {
    TN_HISTORY_POINTS = 1024,  /* a series; even */
    TN_HISTORY_ROWS = 128,     /* a tensor; even */
    TN_HISTORY_TENSORS = 2048, /* beyond these, tensors are counted and left out */
    TN_HISTORY_SIGNALS = 256,
    TN_HISTORY_BUCKETS = 16 /* of each sign */
};

typedef enum tn_history_kind {
    TN_HISTORY_LOSS, /* of the batch, at every step */
    TN_HISTORY_LEARNING_RATE,
    TN_HISTORY_GRADIENT_NORM,
    TN_HISTORY_TRAIN_SCORE,
    TN_HISTORY_VALID_SCORE,
    TN_HISTORY_TRAIN_LOSS,
    TN_HISTORY_VALID_LOSS,
    TN_HISTORY_KINDS
} tn_history_kind;

/* As the store calls it: "loss", "learning_rate", "gradient_norm", "score.train", "score.valid", "loss.train", "loss.valid". */
const char *tn_history_kind_name(tn_history_kind kind);

/* `count` observations in a row. */
typedef struct tn_history_point {
    uint64_t first_step, last_step;
    uint64_t count;
    uint64_t nan, infinite; /* how many of them; the rest are finite */
    double first, last;     /* as observed, finite or not */
    double min, max;        /* of the finite ones; +INFINITY and -INFINITY where there are none */
    double sum;             /* of the finite ones */
} tn_history_point;

typedef struct tn_history_series {
    uint64_t seen;   /* observations */
    uint64_t stride; /* observations that a point stands for; the last one may still be growing */
    size_t count;
    tn_history_point points[TN_HISTORY_POINTS]; /* [count], steps ascending */
} tn_history_series;

/* The mean of the finite values; NAN where there are none. */
double tn_history_point_mean(const tn_history_point *point);

/* What is kept of the vitals of one tensor at one observed step. */
typedef struct tn_history_row {
    uint64_t step;
    uint64_t count;            /* values of the tensor */
    uint64_t nonfinite;        /* of them; where rows were merged, the most of any */
    double l2, rms, mean, std; /* of the finite values */
    double min, max;           /* of the finite values; +INFINITY and -INFINITY where there are none */
    double rms_min, rms_max;   /* of the observations that were merged into this row */
    double zeros;              /* share of the values, in [0, 1] */
    double
        ratio; /* of an update: its L2 norm over that of the weight; NAN for other tensors, and where the weight is not known or is zero */
    /* histogram[s][k], k < 15: the share, in 1/65535, of values with sign s (1: negative) whose magnitude is in [2^(top-k), 2^(top-k+1)); k = 15: of all smaller ones but zero (subnormal ones count as
     * positive). A share that
     * is not zero is at least 1. */
    int top;
    uint16_t histogram[2][TN_HISTORY_BUCKETS];
} tn_history_row;

typedef struct tn_history_tensor {
    char *key;                   /* "dense_2.weight.gradient": tn_tensor_key */
    char *node, *parameter, *op; /* parameter NULL for activations; op "" where unknown */
    tn_role role;
    size_t node_index, count, units;
    const struct tn_history_tensor *weight; /* of an update: what it updates; NULL where that was not seen */
    uint64_t seen, stride;
    uint64_t nonfinite_step; /* the first observed step with a NaN or Inf; 0: none */
    size_t row_count;
    tn_history_row rows[TN_HISTORY_ROWS]; /* [row_count], steps ascending; each is the first of `stride` observations */
    tn_history_row last;                  /* the last observation, which may be that of the last row */
} tn_history_tensor;

/* Rows with the last observation as one more where it is not the last row's: what a picture should show. `i` < the count. */
size_t tn_history_row_count(const tn_history_tensor *tensor);
const tn_history_row *tn_history_row_at(const tn_history_tensor *tensor, size_t i);

/* What a rule said. */
typedef struct tn_history_signal {
    char rule[48], severity[16]; /* severity "" where the rule gives none */
    uint64_t step;
    char tensor[96]; /* empty where it is about the run */
    double value, threshold;
    char text[256];
} tn_history_signal;

typedef struct tn_history tn_history;

/* An empty one. The caller destroys *history. */
tn_status tn_history_create(tn_history **history, tn_error *error);
void tn_history_destroy(tn_history *history); /* NULL is allowed */

/* The observer to give to a trial. It ends no trial. */
tn_observer tn_history_observer(tn_history *history);

/* Adds a signal, or replaces the one of the same rule and tensor. False where TN_HISTORY_SIGNALS are kept already. */
bool tn_history_add_signal(tn_history *history, const tn_history_signal *signal);

/* Takes what the rules of another observer (a tn_rule_set's) say now: signals that are new or said otherwise, and those that are taken back. */
void tn_history_take_signals(tn_history *history, const tn_observer *rules);

/* What run `trial` of the store recorded; `ended`: whether the store says that it ended. The caller destroys *history. TN_ERROR_STORE where what is stored is damaged. */
tn_status tn_history_from_store(tn_store *store, int64_t trial, bool ended, tn_history **history, tn_error *error);

/* TN_ERROR_MEMORY where something was left out since memory was out. */
tn_status tn_history_status(const tn_history *history, tn_error *error);

/* Reading. What is returned is the history's, valid until it observes more. */
const tn_history_series *tn_history_series_of(const tn_history *history, tn_history_kind kind);
size_t tn_history_tensor_count(const tn_history *history);
const tn_history_tensor *tn_history_tensor_at(const tn_history *history, size_t i); /* in the order in which they were first seen */
const tn_history_tensor *tn_history_tensor_find(const tn_history *history, const char *key); /* NULL where there is none */
size_t tn_history_tensors_left_out(const tn_history *history);
size_t tn_history_signal_count(const tn_history *history);
const tn_history_signal *tn_history_signal_at(const tn_history *history, size_t i);
uint64_t tn_history_last_step(const tn_history *history); /* the last whose scalars were seen; 0: none */
bool tn_history_has_ended(const tn_history *history);     /* whether the run said so */

#endif
