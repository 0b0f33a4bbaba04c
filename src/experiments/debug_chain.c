/* debug_chain.c: one fault may hide another (DESIGN.md, "chain"). Make the change that was confirmed, debug the subject with it, and so on until it is healthy; tn_debug_run is
 * declared in debug.h.
 *
 * The subject as given keeps the report: its verdict, findings and experiments. "chain" has a link for each change, with what the debug after it came to, and "fixed" has all
 * changes as one patch. A program is not gone on with: its fix is lines that a person changes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiments/debug_once.h"
#include "experiments/experiment.h"
#include "hypes/hypes_difference.h"

enum { LINKS_MAX = 4 };

/* A debug costs about what the one before it did. One of up to so many multiply-adds, some ten seconds, is gone on with unasked. */
static const double WORK_AFFORDABLE = 2e11;

typedef struct chain {
    const tn_debug_options *options;
    uint64_t start_ns;
    uint64_t trials, steps; /* of all debugs so far */
    uint64_t kept;          /* trials that they took from the store */
    json_t *report;         /* of the subject as given */
    json_t *links;          /* borrowed from it */
    const tn_hypes *given;
    tn_subject *subject; /* with the changes of all links; NULL before the first */
    tn_hypes *hypes;     /* of `subject` */
    size_t round;        /* debugs that were run */
} chain;

/* The first finding, where it was confirmed by its fix and the fix is a patch; else NULL. */
static const json_t *repaired_by(const json_t *report)
{
    const json_t *finding = json_array_get(json_object_get(report, "findings"), 0);
    const char *by = json_string_value(json_object_get(finding, "confirmed_by"));
    bool has_patch = json_object_size(json_object_get(json_object_get(finding, "fix"), "patch")) > 0;
    return by && strcmp(by, "fix") == 0 && has_patch ? finding : NULL;
}

static bool is_affordable(const tn_subject_facts *facts, const json_t *last)
{
    double steps = json_number_value(json_object_get(json_object_get(last, "cost"), "steps"));
    return 3 * facts->work * (double)facts->batch_size * steps < WORK_AFFORDABLE;
}

static bool goes_on(const chain *self, const tn_subject *subject, const json_t *last)
{
    const tn_subject_facts *facts = tn_subject_facts_of(subject);
    if (!repaired_by(last) || facts->is_program || !self->given || json_is_true(json_object_get(last, "spent")) ||
        json_array_size(self->links) >= LINKS_MAX)
        return false;
    return self->options->until_healthy || is_affordable(facts, last);
}

/* What the whole chain has left of the budget, and of the bar: each debug takes four fifths of what is left of it. */
static tn_debug_options options_left(const chain *self)
{
    tn_debug_options left = *self->options;
    if (left.budget_seconds > 0)
        left.budget_seconds = fmax(1e-3, left.budget_seconds - (double)(tn_clock_ns() - self->start_ns) / 1e9);
    if (left.budget_steps > 0)
        left.budget_steps = left.budget_steps > self->steps ? left.budget_steps - self->steps : 1;
    return left;
}

static void tell_progress(void *context, double fraction, const char *activity)
{
    const chain *self = context;
    double done = 1 - pow(0.2, (double)self->round);
    self->options->progress(self->options->progress_context, done + 0.8 * (1 - done) * fraction, activity);
}

static tn_status debug(chain *self, tn_subject *subject, json_t **report, tn_error *error)
{
    tn_debug_options options = options_left(self);
    if (options.progress) {
        options.progress = tell_progress;
        options.progress_context = self;
    }
    tn_status status = tn_debug_once(subject, &options, report, error);
    if (status != TN_OK)
        return status;
    const json_t *cost = json_object_get(*report, "cost");
    self->trials += (uint64_t)json_integer_value(json_object_get(cost, "trials"));
    self->steps += (uint64_t)json_integer_value(json_object_get(cost, "steps"));
    self->kept += (uint64_t)json_integer_value(json_object_get(cost, "kept"));
    self->round++;
    return TN_OK;
}

/* {"cause", "fix", "verdict", "suspected", "score", "cost"}: the change, and what a debug of the subject with it came to. */
static json_t *link_of(const json_t *finding, const json_t *next)
{
    const json_t *first = json_array_get(json_object_get(next, "findings"), 0);
    json_t *suspected = json_is_true(json_object_get(first, "confirmed")) ? NULL : json_object_get(first, "cause");
    return json_pack("{s:O, s:O, s:O, s:O*, s:O, s:O}", "cause", json_object_get(finding, "cause"), "fix", json_object_get(finding, "fix"),
                     "verdict", json_object_get(next, "verdict"), "suspected", suspected, "score", json_object_get(next, "score"), "cost",
                     json_object_get(next, "cost"));
}

/* Makes the change of `last` and debugs the subject with it: *next is its report; NULL where the subject takes no other hypes. */
static tn_status add_link(chain *self, tn_subject *subject, const json_t *last, json_t **next, tn_error *error)
{
    const json_t *finding = repaired_by(last);
    tn_hypes *hypes = NULL;
    tn_subject *changed = NULL;
    tn_status status =
        tn_hypes_patch(self->hypes ? self->hypes : self->given, json_object_get(json_object_get(finding, "fix"), "patch"), &hypes, error);
    if (status == TN_OK)
        status = tn_subject_repatched(subject, hypes, &changed, error);
    if (status == TN_OK)
        status = debug(self, changed, next, error);
    if (status == TN_OK && json_array_append_new(self->links, link_of(finding, *next)) != 0)
        status = tn_fail_memory(error, sizeof(json_t *));
    if (status != TN_OK) {
        tn_subject_destroy(changed);
        tn_hypes_destroy(hypes);
        return status == TN_ERROR_UNSUPPORTED ? TN_OK : status;
    }
    tn_subject_destroy(self->subject);
    tn_hypes_destroy(self->hypes);
    self->subject = changed;
    self->hypes = hypes;
    return TN_OK;
}

static const json_t *patch_of(const json_t *link)
{
    return json_object_get(json_object_get(link, "fix"), "patch");
}

/* The links' patches as one where they can stand together: *merged is NULL where they cannot. */
static tn_status merge_patches(const chain *self, json_t **merged, tn_error *error)
{
    size_t i;
    const json_t *link;
    *merged = json_object();
    json_array_foreach(self->links, i, link)
    {
        bool clash = tn_patches_clash(*merged, patch_of(link));
        json_t *both = clash ? NULL : tn_patch_merge(*merged, patch_of(link));
        json_decref(*merged);
        *merged = both;
        if (!both)
            return clash ? TN_OK : tn_fail_memory(error, sizeof(json_t *));
    }
    return *merged ? TN_OK : tn_fail_memory(error, sizeof(json_t *));
}

/* All changes of the chain as one patch of the hypes as given: as they were written where they can stand together, else by what differs in the end. */
static tn_status find_patch(const chain *self, json_t **patch, tn_error *error)
{
    tn_status status = merge_patches(self, patch, error);
    if (status != TN_OK || *patch)
        return status;
    tn_differences *differences = NULL;
    status = tn_differences_create(self->given, self->hypes, &differences, error);
    if (status != TN_OK)
        return status;
    size_t count = tn_differences_count(differences);
    bool *all = tn_memory_create(count + 1, sizeof *all);
    if (all)
        memset(all, true, count * sizeof *all);
    *patch = all ? tn_differences_patch(differences, all) : NULL;
    tn_memory_destroy(all);
    tn_differences_destroy(differences);
    return *patch ? TN_OK : tn_fail_memory(error, count);
}

static tn_status conclude(chain *self, const json_t *last, tn_error *error)
{
    json_t *patch = NULL, *cost = json_object_get(self->report, "cost");
    tn_status status = find_patch(self, &patch, error);
    if (status != TN_OK)
        return status;
    json_t *fixed =
        json_pack("{s:o, s:O, s:O}", "patch", patch, "verdict", json_object_get(last, "verdict"), "score", json_object_get(last, "score"));
    bool set = fixed && json_object_set_new(self->report, "fixed", fixed) == 0 &&
               json_object_set_new(cost, "trials", json_integer((json_int_t)self->trials)) == 0 &&
               json_object_set_new(cost, "steps", json_integer((json_int_t)self->steps)) == 0 &&
               json_object_set_new(cost, "seconds", json_real((double)(tn_clock_ns() - self->start_ns) / 1e9)) == 0;
    if (set && self->options->resumes)
        set = json_object_set_new(cost, "kept", json_integer((json_int_t)self->kept)) == 0;
    return set ? TN_OK : tn_fail_memory(error, sizeof *self);
}

tn_status tn_debug_run(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error)
{
    *report = NULL;
    chain self = {.options = options, .start_ns = tn_clock_ns(), .given = tn_subject_hypes(subject)};
    tn_status status = debug(&self, subject, &self.report, error);
    self.links = json_object_get(self.report, "chain");
    json_t *last = json_incref(self.report);
    while (status == TN_OK && goes_on(&self, self.subject ? self.subject : subject, last)) {
        json_t *next = NULL;
        status = add_link(&self, self.subject ? self.subject : subject, last, &next, error);
        if (!next)
            break;
        json_decref(last);
        last = next;
    }
    if (status == TN_OK && json_array_size(self.links) > 0)
        status = conclude(&self, last, error);
    json_decref(last);
    tn_subject_destroy(self.subject);
    tn_hypes_destroy(self.hypes);
    if (status == TN_OK)
        *report = self.report;
    else
        json_decref(self.report);
    return status;
}
