/* bisect_judge.h: what a debug says of one commit: tenet itself, run in the commit's work tree, and its report in a line. */
#ifndef TN_CLI_BISECT_JUDGE_H
#define TN_CLI_BISECT_JUDGE_H

#include <jansson.h>

#include "cli/child_process.h"
#include "cli/options.h"

typedef enum tn_judged { TN_JUDGED_GOOD, TN_JUDGED_BAD, TN_JUDGED_UNCLEAR, TN_JUDGED_UNUSABLE } tn_judged;

typedef struct tn_judgement {
    tn_judged judged;
    char text[512];   /* "healthy, score 0.93", "faulty: lr_too_high (solver.learning_rate=0.01)" */
    json_t *document; /* the report; NULL where there is none */
} tn_judgement;

/* Debugs in `folder` with the subject and the options of this command. A commit that cannot be run is no error but unusable; TN_ERROR_CANCELLED where a person ended it. */
tn_status tn_bisect_judge(const tn_options *options, const char *folder, tn_signal_watch *watch, tn_judgement *judgement, tn_error *error);
void tn_judgement_deinit(tn_judgement *judgement);

const char *tn_judged_name(tn_judged judged); /* "good", "bad", "unclear", "unusable" */

#endif
