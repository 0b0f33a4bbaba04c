/* support_proposal.c: see support_proposal.h. */
#include "experiments/support_proposal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void proposal_make(proposal *self, const char *net_loss_and_more)
{
    char text[2048];
    tn_error error = {0};
    snprintf(text, sizeof text, "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 0}}, %s}", net_loss_and_more);
    if (tn_hypes_parse(text, strlen(text), "test.json", ".", &self->hypes, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    self->options = (tn_debug_options){.threads = 1, .seed = 1};
    assert_int_equal(tn_investigation_init(&self->investigation, &self->subject.base, &self->options, &error), TN_OK);
    assert_int_equal(tn_rule_set_create(NULL, &self->look.rules, &error), TN_OK);
    if (self->show)
        self->show(self);
    tn_fix_case about = {.investigation = &self->investigation, .look = &self->look, .hypes = self->hypes};
    tn_fixes_propose(&about, &self->list);
}

void proposal_begin(proposal *self)
{
    memset(self, 0, sizeof *self);
    made_up_init(&self->subject);
}

void proposal_end(proposal *self)
{
    tn_fixes_deinit(&self->list);
    tn_look_deinit(&self->look);
    tn_investigation_deinit(&self->investigation);
    tn_hypes_destroy(self->hypes);
}

const char *proposal_patch_for(const proposal *self, tn_cause_id cause, char text[512])
{
    text[0] = '\0';
    for (size_t i = 0; i < self->list.count; i++)
        if (self->list.fixes[i].cause == cause && self->list.fixes[i].patch) {
            size_t length = json_dumpb(self->list.fixes[i].patch, text, 511, JSON_COMPACT);
            text[length < 511 ? length : 511] = '\0';
            break;
        }
    return text;
}

void proposal_expect_patch(const char *hypes, tn_cause_id cause, const char *wanted)
{
    static proposal self;
    char text[512];
    proposal_begin(&self);
    proposal_make(&self, hypes);
    assert_string_equal(proposal_patch_for(&self, cause, text), wanted);
    /* Every candidate fits the hypes that it was made for. */
    for (size_t i = 0; i < self.list.count; i++) {
        tn_hypes *patched = NULL;
        tn_error error = {0};
        if (self.list.fixes[i].patch && tn_hypes_patch(self.hypes, self.list.fixes[i].patch, &patched, &error) != TN_OK)
            fail_msg("%s: %s", self.list.fixes[i].text, error.message);
        tn_hypes_destroy(patched);
    }
    proposal_end(&self);
}

const char *proposal_patch_named(const proposal *self, const char *name, char text[512])
{
    text[0] = '\0';
    for (size_t i = 0; i < self->list.count; i++)
        if (strcmp(self->list.fixes[i].text, name) == 0) {
            size_t length = json_dumpb(self->list.fixes[i].patch, text, 511, JSON_COMPACT);
            text[length < 511 ? length : 511] = '\0';
        }
    return text;
}

const tn_fix *proposal_first_of(const proposal *self, tn_cause_id cause)
{
    for (size_t i = 0; i < self->list.count; i++)
        if (self->list.fixes[i].cause == cause)
            return &self->list.fixes[i];
    return NULL;
}
