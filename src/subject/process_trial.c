/* process_trial.c: one run of a program, told as a trial's result; see process_parts.h.
 *
 *   1. knobs -> the trial file and the hypes, the recorder
 *   2. the program runs (process_watch.c)
 *   3. how it ended -> the result: what it said itself, else its exit status
 *
 * A knob counts as turned where the program says so, where its file of hypes took it, and, for the number of steps, where this side ended it in time. A program that ends by itself
 * before the steps that it was to make has not turned that knob. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/simd.h"
#include "subject/process_parts.h"

/* Of the losses, for a score from the loss: the last tenth. */
enum { LATE_SHARE = 10 };

/* Knobs that make other data of those that the look saw. */
enum { CHANGE_DATA = TN_KNOB_SAMPLES | TN_KNOB_SHUFFLE_LABELS | TN_KNOB_INPUT_SCALE | TN_KNOB_LABEL_SCALE | TN_KNOB_PATCH };

void tn_run_end_deinit(tn_run_end *end)
{
    json_decref(end->facts);
    *end = (tn_run_end){0};
}

/* ---- 1. preparing ---- */

static uint64_t seed_of(const tn_process *process, const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_SEED ? knobs->seed : process->settings.base_seed;
}

static void make_key(const tn_process *process, const char *record, uint64_t seed, char key[TN_TRIAL_KEY_SIZE])
{
    char numbers[96];
    snprintf(numbers, sizeof numbers, "|%016" PRIx64 "|%" PRIu64 "|%s|%s", process->identity, seed, tn_isa_name(tn_isa_best()),
             TENET_VERSION);
    snprintf(key, TN_TRIAL_KEY_SIZE, "%016" PRIx64, tn_hash_text(tn_hash_text(TN_HASH_START, record), numbers));
}

bool tn_process_trial_key(const tn_process *process, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE])
{
    char *record = NULL;
    bool known = tn_order_record(&request->knobs, &record, NULL) == TN_OK;
    if (known)
        make_key(process, record, seed_of(process, &request->knobs), key);
    free(record);
    return known;
}

static tn_status open_recorder(tn_run *run, tn_error *error)
{
    const tn_process *process = run->process;
    const tn_trial_request *request = run->request;
    if (!request)
        return TN_OK; /* the look */
    const char *isa = tn_isa_name(tn_isa_best());
    uint64_t seed = seed_of(process, &request->knobs);
    char key[TN_TRIAL_KEY_SIZE];
    make_key(process, run->order.record, seed, key);
    const tn_recorder_config config = {
        .store = process->settings.store,
        .trial = {.key = key,
                  .subject = process->settings.name,
                  .experiment = request->experiment,
                  .patch = run->order.record,
                  .isa = isa,
                  .version = TENET_VERSION,
                  .seed = seed},
        .vitals_every = request->vitals_every,
        .observers = request->observers,
        .observer_count = request->observer_count,
    };
    tn_status status = tn_recorder_create(&config, &run->hearing.recorder, error);
    tn_data_summary summary;
    if (status == TN_OK && run->mode == TN_RUN_TRIAL && !(request->knobs.set & CHANGE_DATA) && tn_process_summarise(process, &summary))
        tn_recorder_data(run->hearing.recorder, &summary);
    return status;
}

static tn_status check_knobs(const tn_run *run, tn_error *error)
{
    const tn_process *process = run->process;
    uint32_t missing = run->mode == TN_RUN_TRIAL ? run->request->knobs.set & ~process->facts.knobs : 0;
    if (!missing)
        return TN_OK;
    const char *name;
    json_t *why;
    json_object_foreach((json_t *)(uintptr_t)process->facts.refused, name, why)
    {
        if (tn_knob_by_name(name) & missing)
            return tn_fail(error, TN_ERROR_UNSUPPORTED, "The program's %s cannot be turned: %.700s", name,
                           json_is_string(why) ? json_string_value(why) : "it did not say why");
    }
    return tn_fail(error, TN_ERROR_UNSUPPORTED, "this program has no knob %#x; it can turn %#x", (unsigned)missing,
                   (unsigned)process->facts.knobs);
}

static tn_status prepare(tn_run *run, tn_error *error)
{
    tn_status status = check_knobs(run, error);
    if (status == TN_OK)
        status = tn_order_write(run->process, run->mode, run->request, run->threads, &run->order, error);
    if (status == TN_OK)
        status = open_recorder(run, error);
    const tn_trial_request *request = run->request;
    if (request && request->knobs.set & TN_KNOB_STEPS)
        run->hearing.steps_wanted = request->knobs.steps;
    return status;
}

/* ---- 3. how it ended ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* Why a run that ended without a word, or with a bad one, is refused. code TN_OK: it is not. */
static void find_failure(tn_run *run, const json_t *end)
{
    const tn_trial_result *result = run->hearing.result;
    const char *reason = text_of(end, "reason");
    char how[96], words[400], when[48] = "before its first training step";
    if (run->failure.code != TN_OK || strcmp(reason, "steps") == 0 || strcmp(reason, "stopped") == 0)
        return;
    if (result->steps > 0)
        snprintf(when, sizeof when, "after step %" PRIu64, result->steps);
    tn_last_words(run->order.output, words, sizeof words);
    const char *before = words[0] ? " Its last words:\n" : "";
    if (strcmp(reason, "exception") == 0) {
        tn_fail(&run->failure, TN_ERROR_IO, "The program ended by an exception %s: %.600s", when, text_of(end, "text"));
        tn_error_at(&run->failure, text_of(end, "file"), (int)json_integer_value(json_object_get(end, "line")), NULL);
        return;
    }
    bool failed = run->status_known && run->status != 0;
    if (failed && !(end && result->steps > 0)) {
        tn_child_tell(run->status, how);
        tn_fail(&run->failure, TN_ERROR_IO, "The program %s %s.%s%s", how, when, before, words);
    } else if (!end && !run->hearing.by_lines && result->steps > 0 && !(run->status_known && run->status == 0)) {
        tn_fail(&run->failure, TN_ERROR_IO, "The program was gone %s; how it ended is not known.%s%s", when, before, words);
    } else if (result->steps == 0) {
        tn_fail(&run->failure, TN_ERROR_UNSUPPORTED, "The program ended without a training step.%s%s", before, words);
    }
}

static bool is_short(const tn_run *run)
{
    return run->hearing.steps_wanted > 0 && run->hearing.result->steps < run->hearing.steps_wanted;
}

/* The end of a run that was not decided before. */
static void find_end(tn_run *run, const json_t *end)
{
    tn_trial_result *result = run->hearing.result;
    if (run->hearing.decided && !run->is_refused)
        return;
    bool reached = !run->is_refused && run->hearing.steps_wanted > 0 && !is_short(run);
    if (run->failure.code == TN_OK && !reached && !(run->stop_ns > 0 && result->steps > 0))
        find_failure(run, end);
    if (run->failure.code != TN_OK && !reached) {
        result->end = TN_TRIAL_REFUSED;
        result->error = run->failure;
    } else {
        bool is_lost = run->mode == TN_RUN_TRAIN && result->nonfinite_step > 0;
        result->end = is_lost ? TN_TRIAL_NONFINITE : run->hearing.stopped ? TN_TRIAL_STOPPED : TN_TRIAL_COMPLETED;
    }
}

static void acknowledge(tn_run *run)
{
    tn_trial_result *result = run->hearing.result;
    const tn_voice *speaker = tn_hearing_speaker(&run->hearing);
    if (!run->request)
        return;
    uint32_t turned = run->order.turned.written | (speaker ? speaker->applied : 0) | (uint32_t)TN_KNOB_STEPS;
    if (result->end == TN_TRIAL_COMPLETED && is_short(run) && !run->hearing.decided) {
        turned &= ~(uint32_t)TN_KNOB_STEPS;
        tn_fail(&result->error, TN_ERROR_UNSUPPORTED, "The program ended by itself after %" PRIu64 " of %" PRIu64 " steps.", result->steps,
                run->hearing.steps_wanted);
    }
    result->acknowledged = run->request->knobs.set & turned;
}

/* Where a program of lines tells no score: how much of its first loss it has taken away. Not where a change may have touched what the loss is of. */
static void score_from_loss(tn_run *run)
{
    tn_trial_result *result = run->hearing.result;
    uint32_t set = run->request ? run->request->knobs.set : 0;
    bool unscored = run->request && run->request->unscored;
    if (!run->hearing.by_lines || result->score_count > 0 || result->steps == 0 || unscored || set & (TN_KNOB_LABEL_SCALE | TN_KNOB_PATCH))
        return;
    uint64_t late = result->steps / LATE_SHARE ? result->steps / LATE_SHARE : 1;
    double first = result->losses[0], last = 0;
    for (uint64_t i = result->steps - late; i < result->steps; i++)
        last += result->losses[i] / (double)late;
    if (!(isfinite(first) && first > 0))
        return;
    const tn_score_point start = {.train_score = 0, .valid_score = NAN, .train_loss = first, .valid_loss = NAN};
    const tn_score_point end = {.step = result->steps,
                                .samples = result->samples,
                                .train_score = isfinite(last) ? fmax(0, 1 - last / first) : 0,
                                .valid_score = NAN,
                                .train_loss = last,
                                .valid_loss = NAN};
    run->hearing.decided = false; /* these two still count */
    tn_hearing_score(&run->hearing, &start);
    if (result->end != TN_TRIAL_NONFINITE)
        tn_hearing_score(&run->hearing, &end);
}

static void describe(tn_run *run)
{
    tn_trial_result *result = run->hearing.result;
    const tn_subject_facts *facts = &run->process->facts;
    const tn_knobs *knobs = run->request ? &run->request->knobs : &(tn_knobs){0};
    uint32_t turned = result->acknowledged;
    result->train_samples = turned & TN_KNOB_SAMPLES ? knobs->samples : facts->train_samples;
    result->batch_size = turned & TN_KNOB_BATCH_SIZE ? knobs->batch_size
                         : facts->batch_size         ? facts->batch_size
                                                     : run->hearing.first_samples;
    if (result->train_samples > 0 && result->batch_size > result->train_samples)
        result->batch_size = result->train_samples;
    result->learning_rate = turned & TN_KNOB_LEARNING_RATE ? knobs->learning_rate : run->hearing.learning_rate;
}

static void tell_end(const tn_run *run, const json_t *said, bool has_scores, tn_run_end *end)
{
    const tn_hearing *hearing = &run->hearing;
    const tn_voice *speaker = tn_hearing_speaker(hearing);
    const tn_trial_result *result = hearing->result;
    *end = (tn_run_end){.start_seconds = NAN, .step_seconds = NAN};
    end->facts = speaker ? json_incref(speaker->facts) : NULL;
    if (hearing->first_ns > 0)
        end->start_seconds = (double)(hearing->first_ns - run->start_ns) * 1e-9;
    if (result->steps > 1)
        end->step_seconds = (double)(hearing->last_ns - hearing->first_ns) * 1e-9 / (double)(result->steps - 1);
    end->by_lines = hearing->by_lines;
    end->spoke = hearing->voices || hearing->by_lines;
    end->ended_by_itself = run->stop_ns == 0 && run->failure.code == TN_OK && (!said || strcmp(text_of(said, "reason"), "exit") == 0);
    end->has_scores = has_scores;
    end->status_known = run->status_known;
    end->status = run->status;
    end->learning_rate = hearing->learning_rate;
    end->batch_size = hearing->first_samples;
    if (!speaker)
        return;
    hearing->result->origin = json_incref(speaker->origin);
    end->world = speaker->caller->world;
    memcpy(end->framework, speaker->caller->framework, sizeof end->framework);
    if (speaker->note)
        snprintf(end->note, sizeof end->note, "%s", speaker->note);
}

static void conclude(tn_run *run, tn_run_end *end)
{
    const tn_voice *speaker = tn_hearing_speaker(&run->hearing);
    const json_t *said = speaker ? speaker->end : NULL;
    bool has_scores = run->hearing.result->score_count > 0;
    find_end(run, said);
    acknowledge(run);
    describe(run);
    score_from_loss(run);
    tell_end(run, said, has_scores, end);
}

/* ---- the run ---- */

/* Mistakes in the request, as against those of the machine. */
static bool is_refusal(tn_status status)
{
    return status == TN_ERROR_HYPES || status == TN_ERROR_UNSUPPORTED;
}

static void end_recording(tn_run *run, tn_status status)
{
    if (!run->hearing.recorder)
        return;
    char *text = run->process->settings.store && status == TN_OK
                     ? tn_trial_result_json(run->mode == TN_RUN_TRIAL ? run->request : NULL, run->hearing.result)
                     : NULL;
    (void)tn_recorder_end(run->hearing.recorder, status == TN_OK ? tn_trial_end_name(run->hearing.result->end) : "failed", text, NULL);
    run->hearing.recorder = NULL;
    free(text);
}

/* A fork whose server ended before it said a word is started anew, as a process of its own. */
static tn_status watch(tn_run *run, tn_error *error)
{
    tn_status status = tn_run_watch(run, error);
    if (status != TN_OK || !run->abandoned)
        return status;
    run->abandoned = false;
    atomic_store(&run->process->serves, false);
    run->failure = (tn_error){0};
    run->status_known = false;
    run->stop_ns = run->end_ns = run->close_ns = 0;
    return tn_run_watch(run, error);
}

tn_status tn_process_run(tn_process *process, tn_run_mode mode, const tn_trial_request *request, size_t threads, tn_trial_result *result,
                         tn_run_end *end, tn_error *error)
{
    uint64_t start_ns = tn_clock_ns();
    tn_error found = {0};
    tn_run run = {.process = process,
                  .mode = mode,
                  .request = request,
                  .threads = threads,
                  .inbox = {.event = -1},
                  .child = {.descriptor = -1},
                  .hearing = {.request = request, .mode = mode, .result = result, .learning_rate = NAN}};
    *end = (tn_run_end){.start_seconds = NAN, .step_seconds = NAN};
    tn_status status = prepare(&run, &found);
    bool refused = mode == TN_RUN_TRIAL && is_refusal(status);
    if (refused) {
        result->end = TN_TRIAL_REFUSED;
        result->error = found;
        status = TN_OK;
    } else if (status == TN_OK) {
        status = watch(&run, &found);
        if (status == TN_OK)
            conclude(&run, end);
    }
    result->seconds = (double)(tn_clock_ns() - start_ns) * 1e-9;
    end_recording(&run, status);
    tn_hearing_deinit(&run.hearing);
    tn_order_deinit(&run.order);
    if (status != TN_OK && error)
        *error = found;
    return status;
}
