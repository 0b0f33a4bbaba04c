/* run_list.h: the runs of a store as a person looks for them: what each was, how far it came, and which rules fired. Reads the store only. */
#ifndef TN_REPORT_RUN_LIST_H
#define TN_REPORT_RUN_LIST_H

#include <jansson.h>

#include "base/error.h"
#include "store/store.h"

/* Strings are the list's. */
typedef struct tn_run_row {
    int64_t id;
    char *key, *subject, *experiment, *isa, *version, *started,
        *signals;    /* `signals`: the rules that fired, by step: "nonfinite, diverging" */
    char *end;       /* NULL where the run has not ended, as far as the store knows */
    json_t *changes; /* what was turned and patched, one object of paths or names; empty where nothing was */
    uint64_t seed, steps;
    bool has_loss;
    double loss, score; /* the last ones; score NAN where there is none */
} tn_run_row;

typedef struct tn_run_list {
    tn_run_row *rows; /* [count], oldest first */
    size_t count, capacity;
} tn_run_list;

/* tn_run_list_deinit in any case. */
tn_status tn_run_list_read(tn_store *store, tn_run_list *list, tn_error *error);
void tn_run_list_deinit(tn_run_list *list);

/* The run that a person names: its number, or "last" for the newest. TN_ERROR_USAGE, saying which there are, where there is none. */
tn_status tn_run_list_find(const tn_run_list *list, const char *name, const tn_run_row **row, tn_error *error);

/* How it ended, for people: "completed", or "not ended". */
const char *tn_run_row_end(const tn_run_row *row);

/* "learning_rate=0.1 net.2.op=relu" into text [size], cut with ".." where it is longer. false where memory is out. */
bool tn_run_row_changes(const tn_run_row *row, char *text, size_t size);

#endif
