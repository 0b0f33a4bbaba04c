/* trial_result.c: what a trial gave: names, scores, JSON and freeing; see subject.h. */
#include <math.h>
#include <stdlib.h>

#include "subject/subject_kind.h"

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
    json_decref(result->origin);
    *result = (tn_trial_result){0};
}

double tn_trial_mean_loss(const tn_trial_result *result, uint64_t first, uint64_t last)
{
    double sum = 0;
    for (uint64_t step = first; step < last; step++)
        sum += result->losses[step];
    return sum / (double)(last - first);
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

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

char *tn_trial_result_json(const tn_trial_result *result)
{
    json_t *object = json_pack("{s:o,s:o,s:I,s:I,s:I,s:o,s:o}", "score", number_or_null(tn_trial_score(result)), "train_score",
                               number_or_null(tn_trial_train_score(result)), "steps", (json_int_t)result->steps, "samples",
                               (json_int_t)result->samples, "train_samples", (json_int_t)result->train_samples, "nonfinite_step",
                               result->end == TN_TRIAL_NONFINITE ? json_integer((json_int_t)result->nonfinite_step) : json_null(),
                               "seconds", number_or_null(result->seconds));
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}
