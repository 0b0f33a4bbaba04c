/* session_train.c: one training as the hypes say, or of a program as it is, with the rules watching, as a document of the schema tenet.report/1 with "run" (docs/report.md).
 * Layers of the user's own are checked before it, which takes a fraction of a second: rules cannot see that a gradient is wrong.
 *
 * Not for judging: rules say what they saw, and the verdict is "trained". */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "api/session.h"
#include "api/session_pictures.h"
#include "api/session_signals.h"
#include "base/clock.h"
#include "experiments/layer_finding.h"
#include "rules/rules.h"
#include "subject/process.h"

/* Scores of a training: enough for a curve, and rare enough to cost little. */
enum { SCORES = 20, CURVE_POINTS = 64, PROGRAM_SCORE_EVERY = 200 };

/* The last step of a program that is traced where all are: more than any makes. */
enum { TRACED_MAX = INT32_MAX };

/* An observer that tells the progress and ends the training when the budget is spent. */
typedef struct training_watch {
    tn_session *session;
    uint64_t steps_total, deadline_ns; /* deadline 0: none */
    bool budget_spent;
} training_watch;

static bool watch_step(void *context, const tn_step *step)
{
    training_watch *watch = context;
    tn_session *session = watch->session;
    if (session->progress && watch->steps_total > 0)
        session->progress(session->progress_context, fmin((double)step->step / (double)watch->steps_total, 1), "training");
    if (session->budget_steps > 0 && step->step >= session->budget_steps)
        watch->budget_spent = true;
    if (watch->deadline_ns > 0 && tn_clock_ns() >= watch->deadline_ns)
        watch->budget_spent = true;
    return !watch->budget_spent;
}

/* JSON that remembers whether memory was out. A new value is stolen. */
typedef struct json_writer {
    bool failed;
} json_writer;

static void set(json_writer *writer, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        writer->failed = true;
}

static void append(json_writer *writer, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        writer->failed = true;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *subject_json(json_writer *writer, const tn_subject_facts *facts)
{
    json_t *object = json_object();
    set(writer, object, "kind", json_string(facts->kind));
    set(writer, object, "name", json_string(facts->name));
    set(writer, object, "parameters", count(facts->parameters));
    set(writer, object, "samples", count(facts->train_samples));
    return object;
}

static json_t *scores_json(json_writer *writer, const tn_trial_result *result)
{
    json_t *array = json_array();
    for (size_t i = 0; i < result->score_count; i++) {
        json_t *point = json_object();
        set(writer, point, "step", count(result->scores[i].step));
        set(writer, point, "train", number(result->scores[i].train_score));
        set(writer, point, "valid", number(result->scores[i].valid_score));
        append(writer, array, point);
    }
    return array;
}

/* The losses in at most CURVE_POINTS means, each at the last of its steps. */
static json_t *curve_json(json_writer *writer, const tn_trial_result *result)
{
    json_t *array = json_array();
    uint64_t points = result->steps < CURVE_POINTS ? result->steps : CURVE_POINTS;
    for (uint64_t i = 0; i < points; i++) {
        uint64_t first = result->steps * i / points, last = result->steps * (i + 1) / points;
        json_t *point = json_object();
        set(writer, point, "step", count(last));
        set(writer, point, "loss", number(tn_trial_mean_loss(result, first, last)));
        append(writer, array, point);
    }
    return array;
}

static json_t *run_json(json_writer *writer, const tn_trial_result *result, const char *end)
{
    json_t *object = json_object();
    set(writer, object, "steps", count(result->steps));
    set(writer, object, "first_loss", number(result->steps > 0 ? result->losses[0] : NAN));
    set(writer, object, "last_loss", number(result->steps > 0 ? result->losses[result->steps - 1] : NAN));
    set(writer, object, "end", json_string(end));
    set(writer, object, "curve", curve_json(writer, result));
    set(writer, object, "scores", scores_json(writer, result));
    if (result->metrics)
        set(writer, object, "metrics", json_incref(result->metrics));
    if (result->test)
        set(writer, object, "test", json_incref(result->test));
    return object;
}

/* Where finite numbers broke. */
static json_t *origin_json(json_writer *writer, const tn_origin *origin)
{
    json_t *object = json_object();
    if (origin->op[0])
        set(writer, object, "op", json_string(origin->op));
    if (origin->node[0] && origin->node_index != SIZE_MAX)
        set(writer, object, "node", json_string(origin->node));
    set(writer, object, "direction", json_string(origin->direction));
    if (origin->sample != TN_ORIGIN_UNKNOWN)
        set(writer, object, "sample", count(origin->sample));
    if (origin->row != TN_ORIGIN_UNKNOWN)
        set(writer, object, "row", count(origin->row));
    if (origin->file[0])
        set(writer, object, "file", json_string(origin->file));
    if (origin->line > 0)
        set(writer, object, "line", json_integer(origin->line));
    set(writer, object, "exact", json_boolean(origin->exact));
    return object;
}

/* The command that finds the function and its line; NULL where they are known, or it is no program. */
static json_t *next_json(const tn_signal *signal, const tn_subject_facts *facts)
{
    bool is_open = strcmp(signal->rule, "nonfinite") == 0 && strcmp(facts->kind, "program") == 0 && !signal->origin.file[0];
    return is_open && facts->name ? json_sprintf("tenet nonfinite -- %s", facts->name) : NULL;
}

static json_t *signals_json(json_writer *writer, const tn_rule_set *rules, const tn_subject_facts *facts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const char *name = tn_rule_at(i)->name;
        const tn_signal *signal = tn_rule_set_signal(rules, name);
        json_t *object = json_object();
        set(writer, object, "rule", json_string(name));
        set(writer, object, "state", json_string(tn_rule_state_name(signal->state)));
        if (signal->state == TN_RULE_FIRED) {
            set(writer, object, "severity", json_string(tn_signal_severity_name(signal->severity)));
            set(writer, object, "step", count(signal->step));
            set(writer, object, "tensor", json_string(signal->tensor));
            set(writer, object, "value", number(signal->value));
            set(writer, object, "threshold", number(signal->threshold));
            if (signal->origin.direction)
                set(writer, object, "where", origin_json(writer, &signal->origin));
            json_t *next = next_json(signal, facts);
            if (next)
                set(writer, object, "next", next);
        }
        if (signal->text[0])
            set(writer, object, "text", json_string(signal->text));
        append(writer, array, object);
    }
    return array;
}

static json_t *cost_json(json_writer *writer, const tn_trial_result *result, double seconds)
{
    json_t *object = json_object();
    set(writer, object, "trials", json_integer(1));
    set(writer, object, "steps", count(result->steps));
    set(writer, object, "seconds", number(seconds));
    return object;
}

/* What a training was and how it went. */
typedef struct training {
    const tn_subject_facts *facts;
    const tn_trial_result *result;
    const tn_rule_set *rules;
    json_t *checks; /* of layers of the user's own, as tn_subject_check_layers tells them; owned, or NULL */
    const char *end;
    double seconds;
    int exit_code; /* of a program; -1 where there is none */
} training;

/* The finding that a layer of the user's own failed. */
static json_t *failed_layer_json(const tn_trial_result *result)
{
    return json_pack("[{s:s, s:s, s:b, s:s, s:f, s:{s:I}, s:[], s:[{s:s, s:n, s:n, s:s}], s:{s:s, s:n}}]", "cause", "faulty_layer",
                     "severity", "error", "confirmed", 1, "confirmed_by", "control", "confidence", 0.99, "where", "step",
                     (json_int_t)result->steps + 1, "symptoms", "evidence", "text", result->error.message, "value", "threshold", "source",
                     "train", "fix", "text", "Mend the layer: `tenet gradcheck` on its library looks for the input that breaks it.",
                     "patch");
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The gravest fault of each layer of the user's own that was found to have one. The training was made all the same. */
static json_t *advice_json(json_writer *writer, const training *done)
{
    json_t *advice = json_array();
    size_t i;
    const json_t *check;
    json_array_foreach(done->checks, i, check)
    {
        const json_t *fault = json_array_get(json_object_get(check, "faults"), 0);
        if (!fault || tn_layer_weight_of(fault) == TN_LAYER_HARMLESS)
            continue;
        append(writer, advice,
               json_pack("{s:s, s:o, s:n}", "cause", text_of(fault, "cause"), "text",
                         json_sprintf("The layer %s, %s: %s. `tenet gradcheck %s` tells on what input, and what to do.",
                                      text_of(check, "name"), text_of(check, "where"), text_of(fault, "text"), done->facts->name),
                         "patch"));
    }
    return advice;
}

/* The whole document, or NULL where memory is out. */
static json_t *document_json(const training *done)
{
    json_writer writer = {.failed = false};
    json_t *document = json_object(), *run = run_json(&writer, done->result, done->end);
    if (done->exit_code >= 0)
        set(&writer, run, "exit_code", json_integer(done->exit_code));
    if (done->result->end == TN_TRIAL_REFUSED && done->result->error.message[0])
        set(&writer, run, "error", json_string(done->result->error.message));
    set(&writer, document, "schema", json_string("tenet.report/1"));
    set(&writer, document, "subject", subject_json(&writer, done->facts));
    bool layer_failed = done->result->end == TN_TRIAL_REFUSED && done->result->error.code == TN_ERROR_LAYER;
    set(&writer, document, "verdict", json_string(layer_failed ? "faulty" : "trained"));
    set(&writer, document, "score", number(tn_trial_score(done->result)));
    if (done->facts->score_note)
        set(&writer, document, "score_note", json_string(done->facts->score_note));
    set(&writer, document, "findings", layer_failed ? failed_layer_json(done->result) : json_array());
    set(&writer, document, "advice", advice_json(&writer, done));
    set(&writer, document, "ruled_out", json_array());
    set(&writer, document, "signals", signals_json(&writer, done->rules, done->facts));
    set(&writer, document, "plan", json_array());
    set(&writer, document, "experiments", json_array());
    set(&writer, document, "run", run);
    set(&writer, document, "cost", cost_json(&writer, done->result, done->seconds));
    if (writer.failed) {
        json_decref(document);
        return NULL;
    }
    return document;
}

static uint64_t every(uint64_t steps, uint64_t times)
{
    return steps / times > 0 ? steps / times : 1;
}

/* On the engine: scores at a fixed share of the steps, which are known. */
static tn_status train_native(tn_session *session, tn_trial_request *request, training *done, tn_trial_result *result, tn_error *error)
{
    done->facts = tn_subject_facts_of(session->subject);
    request->score_every = every(done->facts->steps_total, SCORES);
    tn_status status = done->facts->layers > 0 ? tn_subject_check_layers(session->subject, &done->checks, error) : TN_OK;
    if (status == TN_OK)
        status = tn_subject_run(session->subject, request, session->threads, result, error);
    /* What was trained before a layer of the user's own failed stands in the report. */
    bool trained = result->error.code == TN_ERROR_LAYER;
    if (status == TN_OK && result->end == TN_TRIAL_REFUSED && !trained) {
        if (error)
            *error = result->error;
        status = result->error.code != TN_OK ? result->error.code : TN_ERROR_HYPES;
    }
    return status;
}

/* A program, as it is. */
static tn_status train_program(tn_session *session, tn_trial_request *request, training *done, tn_subject_facts *facts,
                               tn_trial_result *result, tn_error *error)
{
    const tn_process_settings settings = tn_session_process_settings(session);
    request->score_every = PROGRAM_SCORE_EVERY;
    request->want_norms = true;
    if (session->watches_all || session->watch_share > 0) {
        request->watch_from = 1;
        request->watch_to = session->traces ? TRACED_MAX : 1;
    }
    *facts = (tn_subject_facts){.kind = "program", .name = session->program.name};
    done->facts = facts;
    return tn_process_train(&settings, request, facts, result, &done->exit_code, error);
}

/* To the user, a spent budget is an end that was asked for, as Ctrl-C is. */
static const char *end_name(const training_watch *watch, const tn_trial_result *result)
{
    return tn_trial_end_name(result->end == TN_TRIAL_STOPPED && watch->budget_spent ? TN_TRIAL_CANCELLED : result->end);
}

/* What the page is told last: how the run ended, and where it failed, why. A program that a signal of its user ended did not fail. */
static void end_pictures(tn_session_pictures *pictures, const training *done, tn_status status, const char *end, const tn_error *failed)
{
    enum { BY_SIGNAL = 128 };
    tn_error why = *failed;
    bool asked = done->exit_code == BY_SIGNAL + SIGINT || done->exit_code == BY_SIGNAL + SIGTERM;
    if (status == TN_OK && done->exit_code > 0 && !asked)
        tn_fail(&why, TN_ERROR_IO, "the program ended with exit code %d", done->exit_code);
    tn_session_pictures_end(pictures, done->facts, done->result,
                            status != TN_OK || why.code != TN_OK ? "failed"
                            : asked                              ? tn_trial_end_name(TN_TRIAL_CANCELLED)
                                                                 : end,
                            &why);
}

static tn_status train(tn_session *session, tn_rule_set *rules, json_t **document, tn_error *error)
{
    uint64_t start_ns = tn_clock_ns();
    training_watch watch = {.session = session, .steps_total = session->subject ? tn_subject_facts_of(session->subject)->steps_total : 0};
    if (session->budget_seconds > 0)
        watch.deadline_ns = start_ns + (uint64_t)(session->budget_seconds * 1e9);
    if (session->budget_steps > 0 && (watch.steps_total == 0 || session->budget_steps < watch.steps_total))
        watch.steps_total = session->budget_steps;
    tn_session_signals signals;
    tn_session_pictures pictures;
    tn_subject_facts facts;
    tn_trial_result result;
    memset(&result, 0, sizeof result);
    if (session->layer_path)
        return tn_fail(error, TN_ERROR_USAGE,
                       "A layer alone is no network that could be trained; check it by gradcheck, or name it in a net.");
    training done = {.result = &result, .rules = rules, .exit_code = -1};
    tn_status status = tn_session_pictures_begin(&pictures, session, rules, session->subject ? tn_subject_facts_of(session->subject) : NULL,
                                                 watch.steps_total, error);
    enum { WATCH, RULES, TELLS = RULES + 1, PICTURES, OBSERVERS };
    tn_observer observers[OBSERVERS] = {
        [WATCH] = {.context = &watch, .on_step = watch_step}, [PICTURES] = tn_session_pictures_observer(&pictures)};
    tn_session_signals_observers(&signals, session, rules, &observers[RULES]);
    tn_trial_request request = {
        .experiment = "train",
        .stop_at_train_score = INFINITY,
        .weights_path = session->weights_path,
        .vitals_every = session->watches_all ? 1 : 0,
        .vitals_share = session->watch_share,
        .is_training = true,
        .may_lag = tn_session_signals_may_lag(session),
        .processors = tn_processor_count(),
        .observers = observers,
        .observer_count = OBSERVERS,
    };
    tn_session_pictures_request(&pictures, &request);
    tn_error failed = {.code = TN_OK};
    if (status == TN_OK)
        status = session->program.command ? train_program(session, &request, &done, &facts, &result, &failed)
                                          : train_native(session, &request, &done, &result, &failed);
    if (failed.code != TN_OK && error)
        *error = failed;
    if (result.error.code == TN_ERROR_LAYER)
        failed = result.error;
    end_pictures(&pictures, &done, status, end_name(&watch, &result), &failed);
    if (status == TN_OK) {
        done.end = end_name(&watch, &result);
        done.seconds = (double)(tn_clock_ns() - start_ns) / 1e9;
        *document = document_json(&done);
        if (!*document)
            status = tn_fail_memory(error, sizeof **document);
    }
    json_decref(done.checks);
    tn_trial_result_deinit(&result);
    return status;
}

tn_status tn_session_train(tn_session *session, tn_report **report, tn_error *error)
{
    tn_rule_set *rules = NULL;
    json_t *document = NULL;
    *report = NULL;
    tn_status status = tn_rule_set_create(&session->rules, &rules, error);
    if (status == TN_OK)
        status = train(session, rules, &document, error);
    bool debugs = status == TN_OK && session->debug_on_plateau && tn_rule_set_signal(rules, "plateau")->state == TN_RULE_FIRED &&
                  !atomic_load(&session->cancel.requested);
    tn_rule_set_destroy(rules);
    atomic_store(&session->cancel.requested, false);
    if (status == TN_OK)
        status = tn_session_report(session, document, report, error);
    if (status != TN_OK || !debugs)
        return status;
    /* The store keeps both reports; the caller gets that of the debug. */
    tn_report_destroy(*report);
    *report = NULL;
    return tn_session_debug(session, report, error);
}
