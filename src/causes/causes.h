/* causes.h: the catalogues of causes (causes.def) and symptoms (symptoms.def): two tables that drive ids, texts and docs.
 *
 * A cause is what a person can change, and only causes are findings; a symptom is what a rule sees. Everything here is constant data; any thread may read it. */
#ifndef TN_CAUSES_H
#define TN_CAUSES_H

#include <stdbool.h>
#include <stddef.h>

typedef enum tn_cause_id {
#define TN_CAUSE(id, ...) TN_CAUSE_##id,
#include "causes/causes.def"
#undef TN_CAUSE
    TN_CAUSE_COUNT
} tn_cause_id;

typedef enum tn_arises { TN_ARISES_NATIVE = 1, TN_ARISES_ATTACHED = 2, TN_ARISES_BOTH = 3 } tn_arises;

typedef struct tn_cause {
    tn_cause_id id;
    const char *name;     /* "lr_too_high" */
    const char *title;    /* "the learning rate is too high": lower case, so that it can follow "faulty: " */
    const char *protocol; /* "A1, A2" */
    tn_arises arises;
    const char *explanation;  /* what it is, two to four sentences */
    const char *raised_by;    /* rules and experiments that can raise it, comma separated; "" where this version does not look for it yet */
    const char *confirmed_by; /* how it is confirmed */
    const char *looks_like;   /* what else looks like it */
    const char *what_to_do;
    const char *sources; /* papers, books and threads that describe it */
} tn_cause;

const tn_cause *tn_cause_get(tn_cause_id id);
const tn_cause *tn_cause_find(const char *name); /* NULL where there is none */
const char *tn_cause_nearest(const char *name);  /* the cause or symptom whose name is nearest, or NULL */

typedef struct tn_symptom {
    const char *name;  /* "vanishing_gradient" */
    const char *title; /* "gradients fade away" */
    const char *explanation;
    const char *causes; /* names of causes that can be behind it, comma separated, the most frequent first */
} tn_symptom;

size_t tn_symptom_count(void);
const tn_symptom *tn_symptom_at(size_t index);
const tn_symptom *tn_symptom_find(const char *name); /* NULL where there is none */

/* Whether the catalogue has `cause` among what may be behind `symptom`: such a symptom is listed under the cause, not beside it; in *place (may be NULL) after how many others.
 * false for a name that is none. */
bool tn_cause_explains(tn_cause_id cause, const char *symptom, size_t *place);

/* Whether a comma-separated list of causes has `cause`, and in *place (may be NULL) after how many others. */
bool tn_cause_is_listed(tn_cause_id cause, const char *list, size_t *place);

#endif
