/* native.h: what the files of the native subject share. Private to src/subject/native*.c.
 *
 *   native.c        a subject's life: data read once, the net compiled once, facts
 *   native_knobs.c  knobs -> one patch of the hypes, and which of them arrived
 *   native_trial.c  one trial: hypes, data, trainer, recorder, the loop
 *   native_replay.c going back to the steps before an incident
 *   native_probe.c  samples that are scored
 *   native_metrics.c  what a person reads of them after a training, and of the test samples
 *   native_facts.c  what needs no training
 *   native_load.c   weights from a file
 *   native_weights.c  weights into a file
 *   native_torch.c  where PyTorch keeps them
 *
 * A subject never changes after it is made, so trials may run side by side; each has its own hypes, trainer, pool and recorder. Files already read are shared by all
 * trials, and by all subjects made from one another. */
#ifndef TN_SUBJECT_NATIVE_H
#define TN_SUBJECT_NATIVE_H

#include <stdatomic.h>

#include "base/hash.h"
#include "data/dataset.h"
#include "engine/trainer.h"
#include "run/data_summary.h"
#include "subject/subject_kind.h"

/* Counted by the subjects that share it. */
typedef struct tn_native_sources {
    atomic_size_t references;
    tn_source_cache *cache;
} tn_native_sources;

typedef struct tn_native {
    tn_subject subject; /* first: a tn_subject * of this kind points here */
    const tn_hypes *hypes;
    tn_store *store;
    tn_cancel *cancel;
    tn_native_sources *sources;
    tn_data data;      /* as the hypes describe it; trials that change nothing of it share it */
    char *data_key;    /* what tn_data_open reads of the hypes */
    uint64_t identity; /* hash of the hypes as written */
    tn_subject_facts facts;
    tn_data_builder *summary; /* of `data`; holds what `summarised` points to */
    const tn_data_summary *summarised;
} tn_native;

/* ---- native.c ---- */

/* How many of the values are NaN or Inf, by their bits: all those of the exponent are set. */
size_t tn_native_count_nonfinite(const float *values, size_t count);

/* What tn_data_open reads of the hypes, as text to compare; malloc'd, NULL where memory is out. */
char *tn_native_data_key(const tn_hypes *hypes);

/* Above what a single output means class 1. */
double tn_native_threshold(const tn_hypes *hypes);

bool tn_native_trial_key(const tn_subject *subject, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE]);
tn_status tn_native_run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error);

/* ---- native_knobs.c ---- */

typedef struct tn_turned {
    tn_hypes *hypes;       /* with all knobs applied */
    char *record;          /* knobs and patch as JSON, for the store */
    uint32_t acknowledged; /* knobs whose values stand in these hypes */
} tn_turned;

/* TN_ERROR_HYPES where the knobs do not fit. Deinit in any case. */
tn_status tn_native_turn(const tn_hypes *base, const tn_knobs *knobs, tn_turned *turned, tn_error *error);
void tn_turned_deinit(tn_turned *turned);

/* ---- native_probe.c ---- */

/* At most so many samples are scored; of training samples fewer where a validation set has the say. */
enum { TN_PROBE_SAMPLES = 2000, TN_TRAIN_PROBE_SAMPLES = 500 };

/* What a choice of samples is for, so that choices do not follow each other. */
typedef enum tn_probe_use { TN_PROBE_TRAIN, TN_PROBE_VALID, TN_PROBE_SHOWN, TN_PROBE_STATISTICS, TN_PROBE_TEST } tn_probe_use;

/* How many samples of `set` (NULL: none) a probe of at most `most` holds. */
size_t tn_probe_samples(const tn_dataset *set, size_t most);

/* A fixed random choice of samples of a set, with their labels. Depends on data.seed only, never on a trial's seed. */
typedef struct tn_probe {
    const tn_dataset *set;
    size_t count, width; /* width of a row of targets */
    size_t steps;        /* class numbers of a sample */
    uint32_t *samples;   /* [count], ascending */
    int32_t *classes;    /* [count, steps] or NULL */
    float *targets;      /* [count, width], scaled, or NULL */
} tn_probe;

/* At most `most` samples; of samples with a label for each step fewer, four labels for each of `most` at least. set NULL: an empty probe. */
tn_status tn_probe_init(tn_probe *probe, const tn_dataset *set, uint64_t seed, tn_probe_use use, size_t most, tn_error *error);
void tn_probe_deinit(tn_probe *probe);

/* The same of so many samples of a set that is there, at least 1 and no more than it has. */
tn_status tn_probe_init_count(tn_probe *probe, const tn_dataset *set, uint64_t seed, tn_probe_use use, size_t count, tn_error *error);

/* Targets of a sample, or outputs that predict them, in original units; classes have none. row [width] */
void tn_probe_unscale(const tn_probe *probe, float *row);

/* What tn_trainer_predict made of the probe's samples, outputs and losses, as a score and a mean loss. */
void tn_probe_judge(const tn_probe *probe, const tn_trainer *trainer, double threshold, const float *outputs, const float *losses,
                    double *score, double *loss);

/* The score and mean loss of the trainer's network on the probe; NAN both for an empty one. outputs [count, output size] and losses [count] are scratch. */
void tn_probe_score(const tn_probe *probe, tn_trainer *trainer, double threshold, float *outputs, float *losses, double *score,
                    double *loss);

/* ---- native_metrics.c ---- */

/* What metrics.h measures of predictions of a probe of `data` that is not empty, and "samples"; outputs are brought to original units on the way. A new object, NULL where memory is out. */
json_t *tn_native_metrics(const tn_data *data, const tn_probe *probe, const tn_trainer *trainer, double threshold, float *outputs,
                          const float *losses);

/* What the network makes of the test samples, of which there are some: their metrics, "score", "loss", and "of" "test"; of so many that their outputs do not fit into memory a random part. *test is a new object, NULL where
 * the user interrupts it. */
tn_status tn_native_test(const tn_native *native, const tn_data *data, tn_trainer *trainer, double threshold, json_t **test,
                         tn_error *error);

/* ---- native_facts.c ---- */

/* Fills native->facts and native->summary; `trainer` is compiled from the native's hypes and data. */
tn_status tn_native_find_facts(tn_native *native, const tn_trainer *trainer, tn_error *error);

/* ---- native_load.c ---- */

/* The weights of hypes.weights.file, times init.scale, in place of those that the trainer was initialised with; nothing where there is none. */
tn_status tn_native_load_weights(const tn_hypes *hypes, tn_trainer *trainer, tn_error *error);

/* ---- native_plugins.c ---- */

/* How many nodes are plug-ins. */
size_t tn_native_count_plugins(const tn_hypes *hypes);

/* `hash` followed by what the libraries of all plug-ins hold, so that a trial with another build of one has another key. TN_ERROR_MEMORY alone: a library that cannot be read is told elsewhere. */
tn_status tn_native_hash_plugins(const tn_hypes *hypes, uint64_t *hash, tn_error *error);

tn_status tn_native_check_layers(const tn_subject *subject, json_t **checks, tn_error *error);

/* ---- native_weights.c ---- */

/* All parameters and running statistics as a safetensors file, as hypes.weights.layout says: by their names and in the engine's layout (dense [inputs, units], conv2d [kernel_h, kernel_w, channels,
 * filters]), or as the state_dict of the same network in PyTorch. */
tn_status tn_native_write_weights(const tn_trainer *trainer, const tn_hypes *hypes, const char *path, tn_error *error);

#endif
