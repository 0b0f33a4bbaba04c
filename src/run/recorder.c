/* recorder.c: see recorder.h. Which steps are observed, and the vitals of what is tapped; what follows from them is in recorder_back.c. */
#include "run/recorder.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/cadence.h"
#include "run/recorder_back.h"
#include "run/recorder_queue.h"
#include "run/recorder_taker.h"

struct tn_recorder {
    tn_recorder_config config;
    tn_recorder_back *back;
    tn_recorder_queue *queue; /* NULL: all is done at once */
    uint64_t last_step;
    tn_cadence cadence;
    uint64_t tapped_step, tapped_steps; /* the last step whose tensors were tapped, and how many there were */
    uint64_t replayed_step;             /* 0: none */
    uint64_t seen_step, seen_before;    /* the last step whose tensors were seen; bit n: those of n steps before it were */
    uint64_t observe_until;             /* every step, after an incident */
    uint64_t spent_ns, step_spent_ns;   /* in taps: in all, and when the last step ended */
    size_t fired;                       /* rules, when last asked */
    tn_taker taker;                     /* of units [config.units_max, at most TN_UNITS_MAX] */
    bool leaves_vitals;                 /* to the queue, as far as it takes them */
};

static void destroy(tn_recorder *recorder)
{
    tn_queue_destroy(recorder->queue);
    tn_back_destroy(recorder->back);
    tn_taker_deinit(&recorder->taker);
    tn_memory_destroy(recorder);
}

/* Only where all steps are observed anyway: what an observer says late can change no more than which steps are. */
static bool may_lag(const tn_recorder_config *config)
{
    bool any = config->store != NULL;
    for (size_t i = 0; i < config->observer_count; i++)
        any = any || config->observers[i].may_lag;
    return config->may_lag && config->vitals_every == 1 && any && tn_processor_count() > 1;
}

/* Only where there is a processor that the training leaves idle, and nobody who must hear of them at once. */
static bool may_leave_vitals(const tn_recorder_config *config)
{
    bool any_prompt = false;
    for (size_t i = 0; i < config->observer_count; i++)
        any_prompt = any_prompt || (config->observers[i].on_tensor && !config->observers[i].may_lag);
    return !any_prompt && tn_pool_threads(config->pool) < tn_processor_count();
}

static tn_status open_queue(tn_recorder *recorder, tn_error *error)
{
    if (!may_lag(&recorder->config))
        return TN_OK;
    tn_status status = tn_queue_create(recorder->back, recorder->config.units_max, &recorder->queue, error);
    if (status == TN_OK)
        tn_back_tell_only(recorder->back, TN_HEARERS_LAGGING);
    recorder->leaves_vitals = status == TN_OK && may_leave_vitals(&recorder->config);
    return status == TN_ERROR_UNSUPPORTED ? TN_OK : status; /* without a thread all is done at once */
}

tn_status tn_recorder_create(const tn_recorder_config *config, tn_recorder **recorder, tn_error *error)
{
    *recorder = NULL;
    tn_recorder *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    created->config = *config;
    tn_cadence_init(&created->cadence, config->vitals_every, config->vitals_share);
    size_t units = config->units_max < TN_UNITS_MAX ? config->units_max : TN_UNITS_MAX;
    created->config.units_max = units;
    tn_status status = tn_taker_init(&created->taker, units, config->pool, error);
    if (status == TN_OK)
        status = tn_back_create(&created->config, &created->back, error);
    if (status == TN_OK)
        status = open_queue(created, error);
    if (status != TN_OK) {
        destroy(created);
        return status;
    }
    *recorder = created;
    return TN_OK;
}

bool tn_recorder_has_thread(const tn_recorder *recorder)
{
    return recorder->queue != NULL;
}

bool tn_recorder_wants_tensors(const tn_recorder *recorder, uint64_t step)
{
    bool is_watched = step > 0 && step >= recorder->config.watch_from && step <= recorder->config.watch_to;
    return is_watched || tn_cadence_wants(&recorder->cadence, step) || (step > 0 && step <= recorder->observe_until);
}

static bool is_measured(const tn_recorder *recorder)
{
    return recorder->cadence.share > 0;
}

/* After it the back may be called. */
static tn_recorder_back *settled(tn_recorder *recorder)
{
    if (recorder->queue)
        tn_queue_drain(recorder->queue);
    return recorder->back;
}

void tn_recorder_flush(tn_recorder *recorder)
{
    tn_back_flush(settled(recorder));
}

static void note_seen(tn_recorder *recorder, uint64_t step)
{
    if (step > recorder->seen_step) {
        uint64_t steps = step - recorder->seen_step;
        recorder->seen_before = steps < 64 ? recorder->seen_before << steps : 0;
        recorder->seen_step = step;
    }
    if (recorder->seen_step - step < 64)
        recorder->seen_before |= UINT64_C(1) << (recorder->seen_step - step);
}

bool tn_recorder_has_seen(const tn_recorder *recorder, uint64_t step)
{
    return step <= recorder->seen_step && recorder->seen_step - step < 64 && (recorder->seen_before >> (recorder->seen_step - step) & 1);
}

uint64_t tn_recorder_spent_ns(const tn_recorder *recorder)
{
    return recorder->spent_ns;
}

void tn_recorder_replay(tn_recorder *recorder, uint64_t step)
{
    recorder->replayed_step = step;
}

bool tn_recorder_incident(tn_recorder *recorder)
{
    size_t fired = 0;
    if (recorder->queue)
        return false;
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->fired)
            fired += observer->fired(observer->context);
    }
    bool is_incident = fired > recorder->fired;
    recorder->fired = fired;
    if (is_incident)
        recorder->observe_until = recorder->last_step + TN_INCIDENT_STEPS;
    return is_incident;
}

double tn_update_ratio(const tn_vitals *update, const tn_vitals *weight)
{
    uint64_t updates = tn_vitals_finite(update), weights = tn_vitals_finite(weight);
    if (updates == 0 || weights == 0 || !(weight->sum_of_squares > 0))
        return NAN;
    return sqrt(update->sum_of_squares / (double)updates) / sqrt(weight->sum_of_squares / (double)weights);
}

void tn_recorder_tensor(tn_recorder *recorder, const tn_tensor_seen *seen)
{
    note_seen(recorder, seen->step);
    if (!recorder->queue) {
        tn_back_tensor(recorder->back, seen);
        return;
    }
    tn_observers_tensor(&recorder->config, TN_HEARERS_PROMPT, seen);
    if (tn_vitals_finite(seen->vitals) == seen->vitals->count)
        tn_queue_tensor(recorder->queue, seen);
    else
        tn_back_tensor(settled(recorder), seen); /* who looks for what is not finite wants the rows of the batch */
}

static bool wants_units(const tn_recorder *recorder, const tn_tensor_name *name)
{
    bool of_weight = name->role == TN_ROLE_WEIGHT, has_units = of_weight || name->role == TN_ROLE_INPUT || name->role == TN_ROLE_ACTIVATION;
    return has_units && name->units <= recorder->config.units_max && tn_unit_vitals_are_due(of_weight, recorder->tapped_steps - 1);
}

void tn_recorder_tap(void *context, const tn_tensor_shown *shown)
{
    tn_recorder *recorder = context;
    const tn_tensor_name *name = shown->name;
    uint64_t start_ns = is_measured(recorder) ? tn_clock_ns() : 0;
    tn_tensor_seen seen = {.step = recorder->replayed_step ? recorder->replayed_step : recorder->last_step + 1,
                           .name = name,
                           .index = shown->index,
                           .replayed = recorder->replayed_step != 0,
                           .batch = shown->batch,
                           .maker = shown->maker};
    recorder->tapped_steps += recorder->tapped_step != seen.step;
    recorder->tapped_step = seen.step;
    bool with_units = wants_units(recorder, name);
    if (recorder->leaves_vitals && tn_queue_values(recorder->queue, &seen, shown, with_units)) {
        note_seen(recorder, seen.step);
        return;
    }
    tn_taker_take(&recorder->taker, shown->values, shown->vitals, with_units, &seen);
    tn_recorder_tensor(recorder, &seen);
    if (is_measured(recorder))
        recorder->spent_ns += tn_clock_ns() - start_ns;
}

/* A replay stands between steps, and belongs to none. */
static void tell_cadence(tn_recorder *recorder, const tn_step *step, uint64_t start_ns)
{
    uint64_t own_ns = recorder->spent_ns - recorder->step_spent_ns + tn_clock_ns() - start_ns;
    tn_cadence_tell(&recorder->cadence, step->step, recorder->seen_step == step->step, step->wall_ns ? step->wall_ns + own_ns : 0,
                    tn_back_step_bytes(recorder->back));
    recorder->step_spent_ns = recorder->spent_ns;
}

bool tn_recorder_step(tn_recorder *recorder, const tn_step *step)
{
    uint64_t start_ns = is_measured(recorder) ? tn_clock_ns() : 0;
    bool going_on;
    recorder->last_step = step->step;
    if (recorder->queue) {
        tn_queue_step(recorder->queue, step);
        going_on = tn_observers_step(&recorder->config, TN_HEARERS_PROMPT, step);
    } else {
        going_on = tn_back_step(recorder->back, step);
    }
    if (is_measured(recorder))
        tell_cadence(recorder, step, start_ns);
    return going_on;
}

void tn_recorder_score(tn_recorder *recorder, const tn_score_point *point)
{
    tn_back_score(settled(recorder), point);
}

void tn_recorder_data(tn_recorder *recorder, const tn_data_summary *data)
{
    tn_back_data(settled(recorder), data);
}

void tn_recorder_origin(tn_recorder *recorder, const tn_told_origin *origin)
{
    tn_back_origin(settled(recorder), origin);
}

tn_status tn_recorder_end(tn_recorder *recorder, const char *end, const char *result_json, tn_error *error)
{
    if (!recorder)
        return TN_OK;
    tn_status status = tn_back_end(settled(recorder), recorder->last_step, end, result_json, error);
    destroy(recorder);
    return status;
}
