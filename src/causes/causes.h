/* causes.h: the catalogue of causes and symptoms (causes.def), one table that drives ids, texts and docs. */
#ifndef TN_CAUSES_H
#define TN_CAUSES_H

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
    const char *name;      /* "lr_too_high" */
    const char *title;     /* "The learning rate is too high" */
    const char *protocol;  /* "A1, A2" */
    tn_arises arises;
    const char *explanation; /* what it is, two to four sentences */
    const char *raised_by;   /* rules and experiments that can raise it, comma separated */
    const char *confirmed_by; /* how it is confirmed */
    const char *looks_like;  /* what else looks like it */
    const char *what_to_do;
} tn_cause;

const tn_cause *tn_cause_get(tn_cause_id id);
const tn_cause *tn_cause_find(const char *name); /* NULL where there is none */

#endif
