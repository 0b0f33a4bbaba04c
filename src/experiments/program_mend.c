/* program_mend.c: see program_mend.h. */
#include "experiments/program_mend.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/source_place.h"

static const char PREFIX[] = "program.";

/* How sure of what was seen and not raced: the child read it off the program's own calls. And of what a control measured. */
static const double SEEN_CONFIDENCE = 0.7, CONTROL_CONFIDENCE = 0.95;

bool tn_mend_read(const json_t *mend, const char **name, tn_cause_id *cause)
{
    const char *cause_name = json_string_value(json_object_get(mend, "cause"));
    *name = json_string_value(json_object_get(mend, "name"));
    const tn_cause *found = *name && cause_name ? tn_cause_find(cause_name) : NULL;
    if (found)
        *cause = found->id;
    return found != NULL;
}

const json_t *tn_mend_at(const tn_subject_facts *facts, const char *path)
{
    size_t i;
    const json_t *mend;
    if (strncmp(path, PREFIX, sizeof PREFIX - 1) != 0)
        return NULL;
    json_array_foreach(facts->mends, i, mend)
    {
        const char *name = json_string_value(json_object_get(mend, "name"));
        if (name && strcmp(name, path + sizeof PREFIX - 1) == 0)
            return mend;
    }
    return NULL;
}

bool tn_mend_can_race(const json_t *mend)
{
    return !json_is_false(json_object_get(mend, "race"));
}

static bool has_control(const json_t *mend)
{
    return json_is_string(json_object_get(mend, "control"));
}

bool tn_mend_is_proven(const tn_subject_facts *facts, const json_t *patch)
{
    const char *path;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, path, value)
    {
        if (has_control(tn_mend_at(facts, path)))
            return true;
    }
    return false;
}

bool tn_mend_any_proven_unraced(const tn_subject_facts *facts)
{
    size_t i;
    const json_t *mend;
    json_array_foreach(facts->mends, i, mend)
    {
        const char *name;
        tn_cause_id cause;
        if (tn_mend_read(mend, &name, &cause) && has_control(mend) && !tn_mend_can_race(mend))
            return true;
    }
    return false;
}

static void add_seen(tn_investigation *investigation, json_t *evidence, const json_t *mend)
{
    const char *seen = json_string_value(json_object_get(mend, "seen")), *control = json_string_value(json_object_get(mend, "control"));
    if (seen)
        tn_evidence_add(investigation, evidence, NAN, NAN, "program", "%s", seen);
    if (control)
        tn_evidence_add(investigation, evidence, NAN, NAN, "control", "%s", control);
}

void tn_mend_add_evidence(tn_investigation *investigation, json_t *evidence, const json_t *patch)
{
    const char *path;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, path, value)
    {
        add_seen(investigation, evidence, tn_mend_at(investigation->facts, path));
    }
}

/* Whether a finding has the mend as its fix, alone or with another. */
static bool is_found(const tn_findings *findings, const char *path)
{
    size_t i;
    const json_t *finding;
    json_array_foreach(findings->findings, i, finding)
    {
        if (json_object_get(json_object_get(json_object_get(finding, "fix"), "patch"), path))
            return true;
    }
    return false;
}

static void add(tn_investigation *investigation, tn_findings *findings, const json_t *mend, const char *path, tn_cause_id cause,
                bool is_proven)
{
    json_t *finding = tn_finding_create(investigation, cause, is_proven, "control");
    json_t *evidence = tn_json_checked(investigation, json_array()), *place = tn_json_checked(investigation, json_object()),
           *fix = tn_json_checked(investigation, json_object()), *patch = tn_json_checked(investigation, json_object());
    const char *text = json_string_value(json_object_get(mend, "text"));
    add_seen(investigation, evidence, mend);
    tn_source_put(investigation, place, tn_source_place(investigation->facts->places, path));
    tn_json_set(investigation, patch, path, json_true());
    tn_json_set(investigation, fix, "text", json_string(text ? text : path));
    tn_json_set(investigation, fix, "patch", patch);
    tn_json_set(investigation, fix, "lines", tn_source_lines(investigation, patch));
    tn_json_set(investigation, finding, "where", place);
    tn_json_set(investigation, finding, "confidence", tn_json_number(is_proven ? CONTROL_CONFIDENCE : SEEN_CONFIDENCE));
    tn_json_set(investigation, finding, "symptoms", json_array());
    tn_json_set(investigation, finding, "evidence", evidence);
    tn_json_set(investigation, finding, "fix", fix);
    tn_finding_place(investigation, findings, finding);
}

/* Which mends to tell of: those that a control proved, those that are mistakes in any program, or all that were seen. */
typedef enum telling { TELL_PROVEN, TELL_CERTAIN, TELL_SEEN } telling;

static bool is_told(telling which, const json_t *mend)
{
    return which == TELL_SEEN || (which == TELL_PROVEN ? has_control(mend) : json_is_true(json_object_get(mend, "certain")));
}

static void add_those(tn_investigation *investigation, tn_findings *findings, telling which, bool raced)
{
    size_t i;
    const json_t *mend;
    if (investigation->mends_told)
        return;
    json_array_foreach(investigation->facts->mends, i, mend)
    {
        const char *name;
        tn_cause_id cause;
        char path[96];
        if (!is_told(which, mend) || (raced && !tn_mend_can_race(mend)) || !tn_mend_read(mend, &name, &cause))
            continue;
        snprintf(path, sizeof path, "%s%.80s", PREFIX, name);
        if (!is_found(findings, path))
            add(investigation, findings, mend, path, cause, which == TELL_PROVEN);
    }
}

void tn_mend_add_controls(tn_investigation *investigation, tn_findings *findings, bool raced)
{
    add_those(investigation, findings, TELL_PROVEN, raced);
}

void tn_mend_add_certain(tn_investigation *investigation, tn_findings *findings)
{
    add_those(investigation, findings, TELL_CERTAIN, false);
}

void tn_mend_add_seen(tn_investigation *investigation, tn_findings *findings)
{
    add_those(investigation, findings, TELL_SEEN, false);
}
