/* trials.c: trials side by side, under the budget, and what a trial's curve says; see investigation.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "experiments/investigation.h"
#include "experiments/trials_kept.h"

/* Steps between two looks at the clock, and between two words of progress. */
enum { CLOCK_EVERY = 16, PROGRESS_EVERY = 64 };

/* Diverged: the median of the last LATE_STEPS losses is over DIVERGED_FACTOR times the initial loss (PROTOCOL A2). */
enum { LATE_STEPS = 20 };
static const double DIVERGED_FACTOR = 2;

tn_trial_request tn_trial_as_given(const char *experiment, uint64_t steps)
{
    return (tn_trial_request){
        .experiment = experiment,
        .knobs = {.set = TN_KNOB_STEPS, .steps = steps},
        .stop_at_train_score = INFINITY,
    };
}

/* A trial whose loss stays this many times above that of the training set before the first step, for so many steps, will not come back: the rest of it is saved. */
static const double HOPELESS_FACTOR = 20;
enum { HOPELESS_STEPS = 100 };

/* The observer that every trial gets: counts steps, tells the progress, and ends the trial when the budget is spent or the loss is lost. */
typedef struct watch {
    tn_investigation *investigation;
    bool speaks;         /* runs on the caller's thread */
    double initial_loss; /* 0: not scored, so not known */
    unsigned hopeless;   /* steps in a row */
} watch;

static void tell_progress(tn_investigation *investigation)
{
    const tn_debug_options *options = investigation->options;
    if (!options->progress)
        return;
    double fraction = 0;
    if (investigation->planned_steps > 0)
        fraction = (double)atomic_load(&investigation->steps) / (double)investigation->planned_steps;
    /* The rest of the work is an estimate, so the bar stops short of the end until the end. */
    fraction = fmin(fraction, 0.99);
    investigation->progress = fmax(investigation->progress, fraction);
    options->progress(options->progress_context, investigation->progress, investigation->activity);
}

static bool budget_is_spent(tn_investigation *investigation)
{
    const tn_debug_options *options = investigation->options;
    if (options->cancel && atomic_load(&options->cancel->requested))
        return true;
    if (options->budget_steps > 0 && atomic_load(&investigation->steps) >= options->budget_steps)
        return true;
    return investigation->deadline_ns > 0 && tn_clock_ns() >= investigation->deadline_ns;
}

static bool watch_step(void *context, const tn_step *step)
{
    watch *self = context;
    tn_investigation *investigation = self->investigation;
    atomic_fetch_add(&investigation->steps, 1);
    if (step->step % CLOCK_EVERY == 0 && budget_is_spent(investigation))
        atomic_store(&investigation->spent, true);
    if (self->speaks && step->step % PROGRESS_EVERY == 0)
        tell_progress(investigation);
    bool is_far_above = self->initial_loss > 0 && !(step->loss <= HOPELESS_FACTOR * self->initial_loss);
    self->hopeless = is_far_above ? self->hopeless + 1 : 0;
    return !atomic_load(&investigation->spent) && self->hopeless < HOPELESS_STEPS;
}

static void watch_score(void *context, const tn_score_point *point)
{
    watch *self = context;
    if (point->step == 0 && isfinite(point->train_loss))
        self->initial_loss = point->train_loss;
}

typedef struct batch {
    tn_investigation *investigation;
    const tn_trial_request *requests;
    tn_trial_result *results;
    tn_status *statuses;
    tn_error *errors;
    bool *taken;                /* from the store, and not run */
    size_t threads, processors; /* for each trial */
} batch;

enum { OBSERVERS_MAX = 4 };

static void run_one(void *context, size_t tile, size_t worker)
{
    batch *all = context;
    tn_investigation *investigation = all->investigation;
    tn_trial_request request = all->requests[tile];
    all->results[tile] = (tn_trial_result){.end = TN_TRIAL_CANCELLED};
    if (budget_is_spent(investigation))
        atomic_store(&investigation->spent, true);
    if (atomic_load(&investigation->spent))
        return;
    bool taken;
    all->statuses[tile] =
        tn_results_kept_take(investigation->kept, investigation->subject, &request, &taken, &all->results[tile], &all->errors[tile]);
    if (all->statuses[tile] != TN_OK)
        return;
    all->taken[tile] = taken;
    watch self = {.investigation = investigation, .speaks = worker == 0};
    tn_observer observers[OBSERVERS_MAX] = {{.context = &self, .on_step = watch_step, .on_score = watch_score}};
    size_t count = 1;
    for (size_t i = 0; i < request.observer_count && count < OBSERVERS_MAX; i++)
        observers[count++] = request.observers[i];
    request.observers = observers;
    request.observer_count = count;
    request.deadline_ns = investigation->deadline_ns;
    request.own_steps = investigation->own_steps;
    request.processors = all->processors;
    request.spent = &investigation->spent;
    if (!taken)
        all->statuses[tile] = tn_subject_run(investigation->subject, &request, all->threads, &all->results[tile], &all->errors[tile]);
    if (all->results[tile].end == TN_TRIAL_NONFINITE && (request.knobs.set & ~(uint32_t)(TN_KNOB_STEPS | TN_KNOB_SEED)) == 0)
        atomic_store(&investigation->saw_nonfinite, true);
    if (all->results[tile].end == TN_TRIAL_STOPPED && atomic_load(&investigation->spent))
        all->results[tile].end = TN_TRIAL_CANCELLED;
    if (worker == 0)
        tell_progress(investigation);
}

/* Multiply-adds of a program's step, forward and backward, from which on a second thread helps its framework. Smaller ones it slows down, by ten times where the processors are busy. The engine
 * splits its own work by its size. */
static const double WORK_FOR_THREADS = 2e8;

static bool gains_by_threads(const tn_subject_facts *facts)
{
    return !facts->is_program || 3 * facts->work * (double)facts->batch_size >= WORK_FOR_THREADS;
}

tn_status tn_trials_run(tn_investigation *investigation, const tn_trial_request *requests, tn_trial_result *results, size_t count,
                        tn_error *error)
{
    memset(results, 0, count * sizeof *results);
    batch all = {
        .investigation = investigation,
        .requests = requests,
        .results = results,
        .statuses = tn_memory_create(count, sizeof *all.statuses),
        .errors = tn_memory_create(count, sizeof *all.errors),
        .taken = tn_memory_create(count, sizeof *all.taken),
        .threads = count == 1 && gains_by_threads(investigation->facts) ? investigation->options->threads : 1,
    };
    const size_t pool = tn_pool_threads(investigation->pool), at_once = count < pool ? count : pool;
    all.processors = tn_processor_count() / (at_once > 0 ? at_once : 1);
    tn_status status = TN_OK;
    if (!all.statuses || !all.errors || !all.taken) {
        status = tn_fail_memory(error, count * sizeof *all.errors);
    } else {
        /* A single trial runs on the caller's thread and has the processors to itself. */
        tn_pool_run(count > 1 ? investigation->pool : NULL, count, run_one, &all);
        for (size_t i = 0; i < count && status == TN_OK; i++) {
            status = all.statuses[i];
            if (status != TN_OK && error)
                *error = all.errors[i];
            investigation->trials += !all.taken[i] && all.results[i].end != TN_TRIAL_CANCELLED;
            investigation->taken += all.taken[i];
        }
    }
    tn_memory_destroy(all.statuses);
    tn_memory_destroy(all.errors);
    tn_memory_destroy(all.taken);
    return status;
}

void tn_trials_deinit(tn_trial_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tn_trial_result_deinit(&results[i]);
}

bool tn_trial_is_valid(const tn_trial_request *request, const tn_trial_result *result)
{
    if (result->end == TN_TRIAL_CANCELLED || result->end == TN_TRIAL_REFUSED)
        return false;
    return (request->knobs.set & ~result->acknowledged) == 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { MEDIAN_MAX = 64 };

double tn_median(const double *values, size_t count)
{
    double sorted[MEDIAN_MAX];
    if (count == 0)
        return NAN;
    if (count > MEDIAN_MAX)
        count = MEDIAN_MAX;
    for (size_t i = 0; i < count; i++)
        sorted[i] = isfinite(values[i]) ? values[i] : INFINITY;
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* The loss of the steps at the start: of the first one, before any update, or the usual one of the first few, whichever is less, since the first batch may be an odd one and the steps after it may have exploded. */
static double early_loss(const tn_trial_result *result)
{
    return fmin(fabs(result->losses[0]), fabs(tn_median(result->losses, LATE_STEPS)));
}

/* The probe is scored as in evaluation. In training, batch normalisation and dropout may make the same weights' loss far larger, and it is that loss which is looked at late. */
bool tn_trial_diverged(const tn_trial_result *result, double initial_loss)
{
    if (result->steps < LATE_STEPS)
        return false;
    double initial = result->score_count > 0 ? result->scores[0].train_loss : initial_loss;
    double late = tn_median(result->losses + result->steps - LATE_STEPS, LATE_STEPS);
    return isfinite(initial) && !(late <= DIVERGED_FACTOR * fmax(fabs(initial), early_loss(result)));
}

double tn_trial_standing(const tn_investigation *investigation, const tn_trial_result *result)
{
    if (result->end != TN_TRIAL_COMPLETED && result->end != TN_TRIAL_STOPPED)
        return 0;
    if (investigation->facts->unscored)
        return result->end == TN_TRIAL_COMPLETED && !tn_trial_diverged(result, NAN) ? 1 : 0;
    double score = tn_trial_score(result);
    return score > 0 ? score : 0;
}

static const double GAIN_MIN = 0.1, SHARE_CLOSED = 0.5;

bool tn_standing_is_dramatic(double base, double with)
{
    return with - base >= fmax(GAIN_MIN, SHARE_CLOSED * (1 - base));
}
