/* subject.c: the interface of subject.h, handed on to the kind of the subject. */
#include "subject/subject.h"

#include <string.h>

#include "subject/subject_kind.h"

/* In the order of the bits. */
static const char *const KNOB_NAMES[] = {"steps",          "seed",        "learning_rate", "batch_size", "samples",
                                         "shuffle_labels", "input_scale", "label_scale",   "init_scale", "clip_norm",
                                         "optimizer",      "decay",       "patch"};
enum { KNOB_COUNT = sizeof KNOB_NAMES / sizeof *KNOB_NAMES };

const char *tn_knob_name(tn_knob knob)
{
    for (size_t i = 0; i < KNOB_COUNT; i++)
        if ((uint32_t)knob == 1U << i)
            return KNOB_NAMES[i];
    return "unknown";
}

uint32_t tn_knob_by_name(const char *name)
{
    for (size_t i = 0; name && i < KNOB_COUNT; i++)
        if (strcmp(KNOB_NAMES[i], name) == 0)
            return 1U << i;
    return 0;
}

tn_status tn_subject_run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    *result = (tn_trial_result){0};
    return subject->kind->run(subject, request, threads, result, error);
}

bool tn_subject_trial_key(const tn_subject *subject, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE])
{
    return subject->kind->trial_key && subject->kind->trial_key(subject, request, key);
}

tn_status tn_subject_check_layers(const tn_subject *subject, json_t **checks, tn_error *error)
{
    if (subject->kind->check_layers)
        return subject->kind->check_layers(subject, checks, error);
    *checks = json_array();
    return *checks ? TN_OK : tn_fail_memory(error, sizeof(json_t *));
}

const tn_subject_facts *tn_subject_facts_of(const tn_subject *subject)
{
    return subject->kind->facts(subject);
}

const tn_hypes *tn_subject_hypes(const tn_subject *subject)
{
    return subject->kind->hypes ? subject->kind->hypes(subject) : NULL;
}

tn_status tn_subject_repatched(const tn_subject *subject, const tn_hypes *hypes, tn_subject **other, tn_error *error)
{
    *other = NULL;
    if (!subject->kind->repatched)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "this kind of subject takes no other hypes.");
    return subject->kind->repatched(subject, hypes, other, error);
}

void tn_subject_destroy(tn_subject *subject)
{
    if (subject)
        subject->kind->destroy(subject);
}
