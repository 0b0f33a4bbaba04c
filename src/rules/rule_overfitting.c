/* rule_overfitting.c: the network learns its training samples by heart, and what it knows of others gets worse.
 *
 * By the scores taken while training, where both were taken (0 the trivial predictor, 1 perfect):
 *   worse    the score on validation samples lies below its best by over `drop` at each of the last IN_A_ROW scores, and below that on training samples by over `drop`;
 *   by heart the score on training samples is HEART or more, and that on validation samples lower by over `gap`, at each of the last IN_A_ROW scores.
 * Taken back where it no longer holds.
 *
 * Thresholds
 *   drop 0.1 of the score; SageMaker and AutoTrainer have 0.1 for the gap of losses and accuracies, which half of all good networks exceed. Moved by small validation sets.
 *   gap  0.5 of the score; own choice: a network that knows nothing of half of what it could know.
 *   IN_A_ROW 3 scores (losslint has 3 evaluations), HEART 0.9.
 * Blind spots: runs without validation samples; a loss that gets worse while the score does not (over-confidence), which is no fault here. */
#include <math.h>

#include "rules/rule_support.h"

enum { IN_A_ROW = 3 };

static const double HEART = 0.9;

enum { DROP, GAP, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [DROP] = {"drop", 0.1, 0, 1, "of the score", "The validation score may fall so far below its best.", false},
    [GAP] = {"gap", 0.5, 0, 1, "of the score", "And lie so far below a training score of 0.9 or more.", false},
};

typedef struct state {
    uint64_t scores, worse, by_heart; /* seen; and in a row */
    double best;
} state;

static void on_score(void *memory, const double *settings, tn_signal *signal, const tn_score_point *point)
{
    state *s = memory;
    double train = point->train_score, valid = point->valid_score;
    if (!isfinite(train) || !isfinite(valid) || point->step == 0)
        return;
    s->best = s->scores++ == 0 ? valid : fmax(s->best, valid);
    s->worse = s->best - valid > settings[DROP] && train - valid > settings[DROP] ? s->worse + 1 : 0;
    s->by_heart = train >= HEART && train - valid > settings[GAP] ? s->by_heart + 1 : 0;
    if (s->worse >= IN_A_ROW)
        tn_signal_fire(signal, point->step, NULL, s->best - valid, settings[DROP],
                       "the score on validation samples was %.2f and is %.2f at step %llu, while that on training samples is %.2f", s->best,
                       valid, (unsigned long long)point->step, train);
    else if (s->by_heart >= IN_A_ROW)
        tn_signal_fire(signal, point->step, NULL, train - valid, settings[GAP],
                       "the training samples are learnt by heart: a score of %.2f at step %llu, and %.2f on validation samples", train,
                       (unsigned long long)point->step, valid);
    else if (s->scores >= IN_A_ROW)
        tn_signal_quiet(signal);
    tn_signal_blame(signal, "overfitting");
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return IN_A_ROW;
}

const tn_rule tn_rule_overfitting = {
    .name = "overfitting",
    .title = "validation gets worse while training goes on",
    .severity = TN_SIGNAL_WARNING,
    .what = "At each of the last 3 scores, the score on validation samples lies over `drop` below its best and below that on training "
            "samples; or the score on training samples is 0.9 or more, and "
            "over `gap` above that on validation samples.",
    .blind_spots = "Runs without validation samples; a validation loss that gets worse while the score does not.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "scores on training and validation samples",
    .needs = needs,
    .state_size = sizeof(state),
    .on_score = on_score,
};
