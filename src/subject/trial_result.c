/* trial_result.c: what a trial gave: names, scores and freeing; see subject.h. */
#include <math.h>
#include <stdlib.h>

#include "subject/subject.h"

const char *tn_trial_end_name(tn_trial_end end)
{
    static const char *const NAMES[] = {"completed", "nonfinite", "stopped", "cancelled", "refused"};
    return (size_t)end < sizeof NAMES / sizeof NAMES[0] ? NAMES[end] : "unknown";
}

void tn_trial_result_deinit(tn_trial_result *result)
{
    free(result->losses);
    free(result->gradient_norms);
    free(result->scores);
    for (size_t i = 0; result->shown && i < result->shown_count; i++) {
        free(result->shown[i].inputs);
        free(result->shown[i].label);
        free(result->shown[i].output_before);
        free(result->shown[i].output_after);
    }
    free(result->shown);
    *result = (tn_trial_result){0};
}

double tn_trial_train_score(const tn_trial_result *result)
{
    return result->score_count ? result->scores[result->score_count - 1].train_score : NAN;
}

double tn_trial_score(const tn_trial_result *result)
{
    if (result->score_count == 0)
        return NAN;
    const tn_score_point *last = &result->scores[result->score_count - 1];
    return isnan(last->valid_score) ? last->train_score : last->valid_score;
}
