/* causes.c: the two catalogues as arrays, and looking up in them. Their texts stand in causes.def and symptoms.def; report/explain.c writes them out. */
#include "causes/causes.h"

#include <string.h>

#include "base/text.h"

static const tn_cause CAUSES[] = {
#define TN_CAUSE(id, title, protocol, arises, explanation, raised_by, confirmed_by, looks_like, what_to_do, sources)                       \
    {TN_CAUSE_##id, #id, title, protocol, arises, explanation, raised_by, confirmed_by, looks_like, what_to_do, sources},
#include "causes/causes.def"
#undef TN_CAUSE
};

static const tn_symptom SYMPTOMS[] = {
#define TN_SYMPTOM(id, title, explanation, causes) {#id, title, explanation, causes},
#include "causes/symptoms.def"
#undef TN_SYMPTOM
};

enum { SYMPTOM_COUNT = sizeof SYMPTOMS / sizeof SYMPTOMS[0] };

const tn_cause *tn_cause_get(tn_cause_id id)
{
    return (unsigned)id < TN_CAUSE_COUNT ? &CAUSES[id] : NULL;
}

const tn_cause *tn_cause_find(const char *name)
{
    for (size_t i = 0; i < TN_CAUSE_COUNT; i++) {
        if (strcmp(CAUSES[i].name, name) == 0) {
            return &CAUSES[i];
        }
    }
    return NULL;
}

const char *tn_cause_nearest(const char *name)
{
    const char *names[TN_CAUSE_COUNT + SYMPTOM_COUNT];
    for (size_t i = 0; i < TN_CAUSE_COUNT; i++) {
        names[i] = CAUSES[i].name;
    }
    for (size_t i = 0; i < SYMPTOM_COUNT; i++) {
        names[TN_CAUSE_COUNT + i] = SYMPTOMS[i].name;
    }
    return tn_nearest_name(name, names, TN_CAUSE_COUNT + SYMPTOM_COUNT);
}

size_t tn_symptom_count(void)
{
    return SYMPTOM_COUNT;
}

const tn_symptom *tn_symptom_at(size_t index)
{
    return index < SYMPTOM_COUNT ? &SYMPTOMS[index] : NULL;
}

const tn_symptom *tn_symptom_find(const char *name)
{
    for (size_t i = 0; i < SYMPTOM_COUNT; i++) {
        if (strcmp(SYMPTOMS[i].name, name) == 0) {
            return &SYMPTOMS[i];
        }
    }
    return NULL;
}

bool tn_cause_is_listed(tn_cause_id cause, const char *list, size_t *place)
{
    const tn_cause *of = tn_cause_get(cause);
    size_t length = of ? strlen(of->name) : 0, index = 0;
    for (const char *at = list; of && *at; index++) {
        size_t name = strcspn(at, ",");
        if (name == length && strncmp(at, of->name, length) == 0) {
            if (place)
                *place = index;
            return true;
        }
        at += name;
        at += strspn(at, ", ");
    }
    return false;
}

bool tn_cause_explains(tn_cause_id cause, const char *symptom, size_t *place)
{
    const tn_symptom *known = tn_symptom_find(symptom);
    return known && tn_cause_is_listed(cause, known->causes, place);
}
