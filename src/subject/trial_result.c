/* trial_result.c: what a trial gave: names, scores, JSON and freeing; see subject.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "subject/subject_kind.h"

const char *tn_trial_end_name(tn_trial_end end)
{
    static const char *const NAMES[] = {"completed", "nonfinite", "stopped", "cancelled", "refused"};
    return (size_t)end < sizeof NAMES / sizeof NAMES[0] ? NAMES[end] : "unknown";
}

const char *tn_subject_task_name(tn_subject_task task)
{
    static const char *const NAMES[] = {"classification", "regression", "multi-label"};
    return (size_t)task < sizeof NAMES / sizeof NAMES[0] ? NAMES[task] : "unknown";
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
    json_decref(result->metrics);
    json_decref(result->test);
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

void tn_trial_mark(const tn_trial_request *request, char mark[TN_TRIAL_MARK_SIZE])
{
    snprintf(mark, TN_TRIAL_MARK_SIZE, "%" PRIu64 "|%.9g|%d|%d|%d", request->score_every, request->stop_at_train_score,
             (int)request->train_scores_only, (int)request->unscored, (int)request->want_norms);
}

/* [[step, samples, train score, valid score, train loss, valid loss], ...]. */
static json_t *scores_json(const tn_trial_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->score_count; i++) {
        const tn_score_point *point = &result->scores[i];
        json_array_append_new(list, json_pack("[I,I,o,o,o,o]", (json_int_t)point->step, (json_int_t)point->samples,
                                              number_or_null(point->train_score), number_or_null(point->valid_score),
                                              number_or_null(point->train_loss), number_or_null(point->valid_loss)));
    }
    return list;
}

/* What is needed, beside the result that people read, to make it again. */
static bool add_rest(json_t *object, const tn_trial_request *request, const tn_trial_result *result)
{
    char mark[TN_TRIAL_MARK_SIZE];
    tn_trial_mark(request, mark);
    json_t *scores = scores_json(result);
    bool whole = json_array_size(scores) == result->score_count;
    json_t *rest = json_pack("{s:s,s:o,s:I,s:I,s:o}", "mark", mark, "scores", scores, "acknowledged", (json_int_t)result->acknowledged,
                             "batch_size", (json_int_t)result->batch_size, "learning_rate", number_or_null(result->learning_rate));
    whole = whole && rest && json_object_update(object, rest) == 0;
    json_decref(rest);
    return whole;
}

char *tn_trial_result_json(const tn_trial_request *request, const tn_trial_result *result)
{
    json_t *object = json_pack("{s:o,s:o,s:I,s:I,s:I,s:o,s:o}", "score", number_or_null(tn_trial_score(result)), "train_score",
                               number_or_null(tn_trial_train_score(result)), "steps", (json_int_t)result->steps, "samples",
                               (json_int_t)result->samples, "train_samples", (json_int_t)result->train_samples, "nonfinite_step",
                               result->end == TN_TRIAL_NONFINITE ? json_integer((json_int_t)result->nonfinite_step) : json_null(),
                               "seconds", number_or_null(result->seconds));
    bool whole = object && (!request || add_rest(object, request, result));
    char *text = whole ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

static double number_of(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static uint64_t whole_of(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
}

/* A trial of more steps than this is none that we wrote. */
static const uint64_t STEPS_MAX = UINT64_C(1) << 32;

static bool restore(const json_t *object, bool with_norms, tn_trial_result *result)
{
    const json_t *scores = json_object_get(object, "scores");
    result->steps = whole_of(json_object_get(object, "steps"));
    result->score_count = json_array_size(scores);
    if (!json_is_array(scores) || result->steps > STEPS_MAX)
        return false;
    result->samples = whole_of(json_object_get(object, "samples"));
    result->train_samples = whole_of(json_object_get(object, "train_samples"));
    result->nonfinite_step = whole_of(json_object_get(object, "nonfinite_step"));
    result->acknowledged = (uint32_t)whole_of(json_object_get(object, "acknowledged"));
    result->batch_size = whole_of(json_object_get(object, "batch_size"));
    result->learning_rate = number_of(json_object_get(object, "learning_rate"));
    result->seconds = number_of(json_object_get(object, "seconds"));
    size_t room = result->steps ? (size_t)result->steps : 1;
    result->losses = calloc(room, sizeof *result->losses);
    result->gradient_norms = with_norms ? calloc(room, sizeof *result->gradient_norms) : NULL;
    result->scores = calloc(result->score_count ? result->score_count : 1, sizeof *result->scores);
    if (!result->losses || !result->scores || (with_norms && !result->gradient_norms))
        return false;
    for (size_t i = 0; i < result->score_count; i++) {
        const json_t *point = json_array_get(scores, i);
        result->scores[i] = (tn_score_point){.step = whole_of(json_array_get(point, 0)),
                                             .samples = whole_of(json_array_get(point, 1)),
                                             .train_score = number_of(json_array_get(point, 2)),
                                             .valid_score = number_of(json_array_get(point, 3)),
                                             .train_loss = number_of(json_array_get(point, 4)),
                                             .valid_loss = number_of(json_array_get(point, 5))};
    }
    return true;
}

bool tn_trial_result_restore(const char *json, bool with_norms, tn_trial_result *result)
{
    json_t *object = json_loads(json, 0, NULL);
    bool whole = object && restore(object, with_norms, result);
    json_decref(object);
    return whole;
}
