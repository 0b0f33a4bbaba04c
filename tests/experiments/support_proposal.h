/* support_proposal.h: what the proposers of candidate fixes propose for a hypes file. */
#ifndef TN_TESTS_SUPPORT_PROPOSAL_H
#define TN_TESTS_SUPPORT_PROPOSAL_H

#include "experiments/fixes/fix.h"
#include "experiments/support_made_up_subject.h"

typedef struct proposal {
    made_up subject;
    tn_debug_options options;
    tn_investigation investigation;
    tn_look look;
    tn_hypes *hypes;
    tn_fix_list list;
    void (*show)(struct proposal *self); /* what the look has seen; NULL: nothing unusual */
} proposal;

/* A usual network, and one with the usual loss for classes; members of the hypes. */
#define MLP   "\"net\": [{\"op\": \"dense\", \"units\": 32}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}]"
#define USUAL MLP ", \"loss\": \"softmax_cross_entropy\""

/* Begins with a made-up subject, for the test to change; proposal_make then proposes for it and the hypes, of which it is given all but the data. */
void proposal_begin(proposal *self);
void proposal_make(proposal *self, const char *net_loss_and_more);
void proposal_end(proposal *self);

/* The patch of the first candidate for a cause, or of the one with this text, as compact JSON in `text`; "" where there is none. */
const char *proposal_patch_for(const proposal *self, tn_cause_id cause, char text[512]);
const char *proposal_patch_named(const proposal *self, const char *name, char text[512]);

/* The first candidate for a cause; NULL where there is none. */
const tn_fix *proposal_first_of(const proposal *self, tn_cause_id cause);

/* All of it: the first patch for a cause is `wanted`, and every candidate fits the hypes. */
void proposal_expect_patch(const char *hypes, tn_cause_id cause, const char *wanted);

#endif
