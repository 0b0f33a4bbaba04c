/* program_run.h: what stands behind a tn_run of include/tenet_run.h. Private to program_run.c and program_tensors.c. */
#ifndef TN_API_PROGRAM_RUN_H
#define TN_API_PROGRAM_RUN_H

#include <jansson.h>

#include "run/link.h"
#include "run/recorder.h"
#include "tenet.h"

enum { TN_RUN_WINDOW = 1024, TN_RUN_NAME_BYTES = 256, TN_RUN_BUCKETS = 1024 };

/* A tensor that was shown before. */
typedef struct tn_shown_tensor {
    struct tn_shown_tensor *next; /* in its bucket */
    size_t index;
    tn_tensor_name name; /* its strings are in `text` */
    char *key;           /* the name as the loop gives it */
    char *text;          /* node, parameter */
    bool announced;      /* to the parent */
} tn_shown_tensor;

struct tn_run {
    char *name;
    json_t *trial; /* NULL without a parent */
    const char *mode;
    tn_link *link;         /* NULL without a parent */
    tn_store *store;       /* NULL with one */
    tn_recorder *recorder; /* likewise */
    json_t *asked;         /* the knobs that were asked for, with the loop's values, which stay as they are until the end */
    uint64_t step, samples, budget, score_every, vitals_every;
    double vitals_share; /* > 0: as often as costs this share of the time */
    uint64_t begun_ns, spent_ns, next_ns;
    bool unscored, has_scores, by_loss, stopped, told, reached;
    double first_loss, learning_rate;
    uint64_t batch_size;
    double losses[TN_RUN_WINDOW];
    tn_shown_tensor *buckets[TN_RUN_BUCKETS];
    size_t tensor_count, node_count;
    uint64_t shown_step, shown_steps; /* the last step whose tensors were shown, and how many there were */
    tn_unit *units;                   /* [unit_capacity], of one tensor at a time */
    size_t unit_capacity;
    uint64_t parameters, gradients; /* values in weights, in gradients */
    tn_vitals inputs;               /* of the first input that was shown in the first run; count 0: none */
    size_t features;
    double std_min, std_max; /* of a feature that is not constant; std_min INFINITY where there is none */
};

/* Forgets the tensors that were shown, and what their units took. */
void tn_run_forget_tensors(tn_run *run);

#endif
