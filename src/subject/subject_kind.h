/* subject_kind.h: what a kind of subject implements: native.c now, an attached program later, a made-up one in a test.
 *
 * A kind's own struct begins with a tn_subject, whose `kind` it sets. The functions have the contracts of their namesakes in subject.h. */
#ifndef TN_SUBJECT_KIND_H
#define TN_SUBJECT_KIND_H

#include "subject/subject.h"

typedef struct tn_subject_kind {
    tn_status (*run)(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error);
    const tn_subject_facts *(*facts)(const tn_subject *subject);
    const tn_hypes *(*hypes)(const tn_subject *subject); /* NULL: there are none */
    tn_status (*repatched)(const tn_subject *subject, const tn_hypes *hypes, tn_subject **other, tn_error *error); /* NULL: cannot */
    void (*destroy)(tn_subject *subject);
    bool (*trial_key)(const tn_subject *subject, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE]); /* NULL: there are none */
    tn_status (*check_layers)(const tn_subject *subject, json_t **checks, tn_error *error);                     /* NULL: there are none */
} tn_subject_kind;

struct tn_subject {
    const tn_subject_kind *kind;
};

/* The result for the store, malloc'd; NULL where memory is out, then the store holds the end alone. With the losses, which the store has as a series, it is all of the result but what a trial
 * shows and its norms, so that tn_trial_result_restore can make it again. request NULL: what the user trains, which is not made again. */
char *tn_trial_result_json(const tn_trial_request *request, const tn_trial_result *result);

#endif
