/* subject.c: the interface of subject.h, handed on to the kind of the subject. */
#include "subject/subject.h"

#include "subject/subject_kind.h"

tn_status tn_subject_run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    *result = (tn_trial_result){0};
    return subject->kind->run(subject, request, threads, result, error);
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
