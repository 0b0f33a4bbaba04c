/* program_run.c: a training loop in C or C++ that calls include/tenet_run.h.
 *
 * With $TENET_SOCKET it is a program under tenet: it says HELLO, acknowledges each knob when the loop reads it, sends scalars and vitals, and in the first run ("look") tells at its end
 * which knobs were read: those can be turned. Knobs of a trial that were not read before the first step are refused then, with the line to add. Without the variable the run
 * records by itself, into a store, where it is given one. docs/attach.md describes the conversation.
 *
 * A loop that gives no score of its own is scored by its loss: 1 - mean loss of the last quarter of the steps (at most 1024) / first loss, at least 0. A trial that turns what the loss is measured in
 * (labels, their scale) has no such score. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/program_run.h"
#include "base/clock.h"
#include "base/memory.h"

/* Of the time that a run may take more by showing its tensors, where no cadence is asked for. */
static const double AUTO_SHARE = 0.05;

/* ---- beginning ---- */

static void send_json(tn_run *run, tn_wire_type type, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text)
        tn_link_text(run->link, type, text);
    free(text);
    json_decref(object);
}

static json_int_t number_of(const char *variable, json_int_t otherwise)
{
    const char *text = getenv(variable);
    char *end;
    long long value = text ? strtoll(text, &end, 10) : 0;
    return text && end != text && *end == '\0' && value >= 0 ? (json_int_t)value : otherwise;
}

static void say_hello(tn_run *run)
{
    const char *id = json_string_value(json_object_get(run->trial, "id"));
    send_json(run, TN_WIRE_HELLO,
              json_pack("{s:i, s:i, s:I, s:I, s:s, s:s, s:b, s:s}", "protocol", TN_WIRE_VERSION, "pid", (int)getpid(), "rank",
                        number_of("RANK", 0), "world", number_of("WORLD_SIZE", 1), "framework", "c", "trial", id ? id : "", "serves", 0,
                        "why", "a loop that calls tenet.h is started anew for each trial"));
}

static void acknowledge(tn_run *run, const char *knob)
{
    send_json(run, TN_WIRE_APPLIED, json_pack("{s:[s], s:{}}", "applied", knob, "refused"));
}

static uint64_t whole_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static tn_status join_parent(tn_run *run, const char *address, tn_error *error)
{
    const char *path = getenv("TENET_TRIAL");
    json_error_t mistake;
    run->trial = path ? json_load_file(path, 0, &mistake) : json_object();
    if (!run->trial)
        return tn_fail(error, TN_ERROR_IO, "cannot read $TENET_TRIAL, \"%s\": %s", path ? path : "", mistake.text);
    const char *mode = json_string_value(json_object_get(run->trial, "mode"));
    run->mode = mode ? mode : "train";
    run->budget = whole_of(run->trial, "steps");
    run->score_every = whole_of(run->trial, "score_every");
    run->vitals_every = whole_of(run->trial, "vitals_every");
    run->vitals_share = run->vitals_every > 0 ? 0 : json_number_value(json_object_get(run->trial, "vitals_share"));
    run->unscored = json_is_true(json_object_get(run->trial, "unscored"));
    const json_t *knobs = json_object_get(run->trial, "knobs");
    bool rescaled = json_object_get(knobs, "label_scale") || json_object_get(knobs, "shuffle_labels");
    run->by_loss = !rescaled && !json_is_true(json_object_get(json_object_get(run->trial, "known"), "scores"));
    run->stopped = strcmp(run->mode, "serve") == 0;
    tn_status status = tn_link_open(address, &run->link, error);
    if (status != TN_OK)
        return status;
    say_hello(run);
    if (run->budget > 0)
        acknowledge(run, "steps");
    tn_link_flush(run->link);
    return TN_OK;
}

static tn_status open_store(tn_run *run, const char *path, tn_error *error)
{
    char key[TN_RUN_NAME_BYTES + 64];
    tn_status status = tn_store_open(path, &run->store, error);
    if (status != TN_OK)
        return status;
    snprintf(key, sizeof key, "%.*s:%ld:%llu", TN_RUN_NAME_BYTES, run->name, (long)getpid(), (unsigned long long)run->begun_ns);
    tn_recorder_config config = {
        .store = run->store,
        .trial = {.key = key,
                  .subject = run->name,
                  .experiment = "run",
                  .patch = "{}",
                  .isa = tn_isa_name(tn_isa_best()),
                  .version = TENET_VERSION},
    };
    run->vitals_share = AUTO_SHARE;
    return tn_recorder_create(&config, &run->recorder, error);
}

static void destroy(tn_run *run)
{
    tn_run_forget_tensors(run);
    tn_link_close(run->link);
    json_decref(run->trial);
    json_decref(run->asked);
    free(run->name);
    tn_memory_destroy(run);
}

tn_run *tn_run_begin(const char *name, const char *store_path, tn_error *error)
{
    const char *address = getenv("TENET_SOCKET");
    tn_run *run = tn_memory_create(1, sizeof *run);
    if (!run) {
        tn_fail_memory(error, sizeof *run);
        return NULL;
    }
    run->mode = "alone";
    run->begun_ns = tn_clock_ns();
    run->first_loss = run->learning_rate = NAN;
    run->name = tn_string_copy(name && *name ? name : "run");
    run->asked = json_object();
    tn_status status = TN_OK;
    if (!run->name || !run->asked)
        status = tn_fail_memory(error, sizeof *run);
    else if (address && *address)
        status = join_parent(run, address, error);
    else if (store_path)
        status = open_store(run, store_path, error);
    if (status == TN_OK)
        return run;
    if (run->recorder)
        tn_recorder_end(run->recorder, "cancelled", NULL, NULL);
    tn_store_close(run->store, NULL);
    destroy(run);
    return NULL;
}

/* ---- knobs ---- */

/* What the trial has for a knob; NULL where the loop's own value stands. */
static const json_t *turned(const tn_run *run, const char *knob)
{
    bool at_root = strcmp(knob, "steps") == 0 || strcmp(knob, "seed") == 0;
    const json_t *value = json_object_get(at_root ? run->trial : json_object_get(run->trial, "knobs"), knob);
    return value && !json_is_null(value) ? value : NULL;
}

/* Notes that the loop asks, and acknowledges. `value` (stolen) is the loop's own. */
static const json_t *ask(tn_run *run, const char *knob, json_t *value, bool fits)
{
    bool is_new = !json_object_get(run->asked, knob);
    if (is_new)
        json_object_set_new(run->asked, knob, value);
    else
        json_decref(value);
    const json_t *found = turned(run, knob);
    if (!found || !fits)
        return NULL;
    if (is_new && strcmp(knob, "steps") != 0)
        acknowledge(run, knob);
    return found;
}

double tn_knob_f64(tn_run *run, const char *knob, double otherwise)
{
    if (!run || !knob)
        return otherwise;
    json_t *value = json_real(otherwise);
    const json_t *found = turned(run, knob);
    found = ask(run, knob, value ? value : json_null(), json_is_number(found));
    return found ? json_number_value(found) : otherwise;
}

int64_t tn_knob_i64(tn_run *run, const char *knob, int64_t otherwise)
{
    if (!run || !knob)
        return otherwise;
    const json_t *found = turned(run, knob);
    found = ask(run, knob, json_integer(otherwise), json_is_integer(found) || json_is_boolean(found));
    return !found ? otherwise : json_is_integer(found) ? (int64_t)json_integer_value(found) : json_is_true(found);
}

const char *tn_knob_text(tn_run *run, const char *knob, const char *otherwise)
{
    if (!run || !knob)
        return otherwise;
    const json_t *found = turned(run, knob);
    found = ask(run, knob, otherwise ? json_string(otherwise) : json_null(), json_is_string(found));
    return found ? json_string_value(found) : otherwise;
}

/* At the first step: what the trial turns and the loop has not asked for. */
static void refuse_unasked(tn_run *run)
{
    json_t *refused = json_object();
    const char *knob;
    json_t *value;
    char why[200];
    json_object_foreach(json_object_get(run->trial, "knobs"), knob, value)
    {
        const char *form = json_is_string(value) ? "text" : json_is_real(value) ? "f64" : "i64";
        snprintf(why, sizeof why, "the loop does not ask for it before its first step; add: tn_knob_%s(run, \"%.40s\", ...)", form, knob);
        if (!json_object_get(run->asked, knob))
            json_object_set_new(refused, knob, json_string(why));
    }
    if (turned(run, "seed") && !json_object_get(run->asked, "seed"))
        json_object_set_new(refused, "seed",
                            json_string("the loop does not ask for it before its first step; add: tn_knob_i64(run, \"seed\", ...)"));
    if (json_is_object(json_object_get(run->trial, "patch")))
        json_object_set_new(refused, "patch",
                            json_string("a loop that calls tenet.h describes no network; it can read a file of hypes (--hypes FILE)"));
    if (json_object_size(refused) > 0)
        send_json(run, TN_WIRE_APPLIED, json_pack("{s:[], s:O}", "applied", "refused", refused));
    json_decref(refused);
}

/* ---- steps and scores ---- */

static void tell_score(tn_run *run, const tn_score_point *point)
{
    if (run->link && !run->unscored)
        tn_link_score(run->link, point);
    if (run->recorder)
        tn_recorder_score(run->recorder, point);
}

/* By the loss; see the head of this file. */
static void score_by_loss(tn_run *run)
{
    if (!run->by_loss || run->has_scores || !(run->first_loss > 0) || !isfinite(run->first_loss))
        return;
    uint64_t window = run->step / 4 < 1 ? 1 : run->step / 4 > TN_RUN_WINDOW ? TN_RUN_WINDOW : run->step / 4;
    double sum = 0;
    for (uint64_t i = 0; i < window; i++)
        sum += run->step > 0 ? run->losses[(run->step - i) % TN_RUN_WINDOW] : run->first_loss;
    double loss = sum / (double)window, score = fmax(0, 1 - loss / run->first_loss);
    if (!isfinite(loss))
        return;
    tn_score_point point = {
        .step = run->step, .samples = run->samples, .train_score = score, .valid_score = NAN, .train_loss = loss, .valid_loss = NAN};
    tell_score(run, &point);
}

void tn_run_score(tn_run *run, double score)
{
    if (!run || run->told || !isfinite(score))
        return;
    run->has_scores = true;
    tn_score_point point = {
        .step = run->step, .samples = run->samples, .train_score = NAN, .valid_score = score, .train_loss = NAN, .valid_loss = NAN};
    tell_score(run, &point);
}

/* The knobs that the loop asked for, as a list. */
static json_t *asked_names(const tn_run *run)
{
    json_t *names = json_array();
    const char *knob;
    json_t *value;
    json_object_foreach(run->asked, knob, value) json_array_append_new(names, json_string(knob));
    /* tn_run_step ends the run there, whether the loop asked or not. */
    if (!json_object_get(run->asked, "steps"))
        json_array_append_new(names, json_string("steps"));
    return names;
}

static void tell_inputs(const tn_run *run, json_t *facts)
{
    const tn_vitals *inputs = &run->inputs;
    if (inputs->count == 0 || tn_vitals_finite(inputs) == 0)
        return;
    json_t *told = json_pack("{s:I, s:f, s:f, s:f, s:f, s:I}", "features", (json_int_t)run->features, "input_mean", inputs->mean,
                             "input_std", sqrt(tn_vitals_variance(inputs)), "input_min", (double)inputs->min, "input_max",
                             (double)inputs->max, "nonfinite_inputs", (json_int_t)(inputs->count - tn_vitals_finite(inputs)));
    json_object_update(facts, told);
    if (run->std_max > 0) {
        json_object_set_new(facts, "input_std_min", json_real(run->std_min));
        json_object_set_new(facts, "input_std_max", json_real(run->std_max));
    }
    json_decref(told);
}

static void tell_facts(tn_run *run, bool ended_by_itself)
{
    uint64_t samples = whole_of(run->asked, "samples"), batch = run->batch_size ? run->batch_size : 1;
    bool scored = run->has_scores || (run->first_loss > 0 && isfinite(run->first_loss));
    const json_t *rate = json_object_get(run->asked, "learning_rate");
    double learning_rate = json_is_number(rate) ? json_number_value(rate) : run->learning_rate;
    uint64_t asked_steps = whole_of(run->asked, "steps"), parameters = run->parameters ? run->parameters : run->gradients;
    json_t *facts = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:s, s:o, s:{}, s:{s:b}}", "framework", "c", "parameters",
                              (json_int_t)parameters, "train_samples", (json_int_t)samples, "steps_total",
                              (json_int_t)(asked_steps       ? asked_steps
                                           : ended_by_itself ? run->step
                                                             : 0),
                              "steps_per_epoch", (json_int_t)(samples > 0 ? (samples + batch - 1) / batch : 0), "batch_size",
                              (json_int_t)batch, "work", (double)parameters, "scored", (int)scored, "score_why",
                              scored && !run->has_scores ? "from the loss"
                              : scored                   ? "by the loop"
                                                         : "the loop gives no score, and its first loss is not positive",
                              "knobs", asked_names(run), "refused", "private", "scores", (int)run->has_scores);
    if (facts && isfinite(learning_rate))
        json_object_set_new(facts, "learning_rate", json_real(learning_rate));
    if (facts)
        tell_inputs(run, facts);
    send_json(run, TN_WIRE_FACTS, facts);
}

/* The last score, and in the first run the facts: when the loop is told to stop, since it may not come back. */
static void tell_end(tn_run *run, const char *reason)
{
    if (run->told)
        return;
    if (run->step > 0 && (run->score_every == 0 || run->step % run->score_every != 0))
        score_by_loss(run);
    run->told = true;
    if (!run->link)
        return;
    if (strcmp(run->mode, "look") == 0)
        tell_facts(run, strcmp(reason, "exit") == 0);
    send_json(run, TN_WIRE_END, json_pack("{s:s}", "reason", reason));
    tn_link_flush(run->link);
}

/* After the first loss is known and before its step is told. */
static void begin_steps(tn_run *run, const tn_step *step, uint64_t batch_samples)
{
    run->first_loss = step->loss;
    run->learning_rate = step->learning_rate;
    run->batch_size = batch_samples;
    if (run->link)
        refuse_unasked(run);
    score_by_loss(run);
}

/* When tensors are looked at again, so that looking takes its share of the time and no more. */
static void plan_tensors(tn_run *run)
{
    if (run->vitals_share > 0 && run->spent_ns > 0) {
        run->next_ns = tn_clock_ns() + (uint64_t)((double)run->spent_ns * (1 / run->vitals_share - 1));
        run->spent_ns = 0;
    }
}

bool tn_run_step(tn_run *run, double loss, double learning_rate, uint64_t batch_samples)
{
    if (!run || (!run->link && !run->recorder))
        return true;
    if (run->stopped)
        return false;
    tn_step step = {
        .step = run->step + 1, .samples = run->samples + batch_samples, .loss = loss, .learning_rate = learning_rate, .gradient_norm = NAN};
    if (run->step == 0)
        begin_steps(run, &step, batch_samples);
    run->step = step.step;
    run->samples = step.samples;
    run->losses[run->step % TN_RUN_WINDOW] = loss;
    bool going_on = run->link ? tn_link_step(run->link, &step) : tn_recorder_step(run->recorder, &step);
    plan_tensors(run);
    if (run->score_every > 0 && run->step % run->score_every == 0)
        score_by_loss(run);
    run->reached = run->budget > 0 && run->step >= run->budget;
    if (going_on && !run->reached)
        return true;
    tell_end(run, run->reached ? "steps" : "stopped");
    run->stopped = true;
    return false;
}

tn_status tn_run_end(tn_run *run, tn_error *error)
{
    if (!run)
        return TN_OK;
    tell_end(run, "exit");
    tn_status status = TN_OK, closed = TN_OK;
    tn_error later = {0};
    if (run->recorder)
        status = tn_recorder_end(run->recorder, "completed", NULL, error);
    if (run->store)
        closed = tn_store_close(run->store, &later);
    if (status == TN_OK && closed != TN_OK) {
        status = closed;
        if (error)
            *error = later;
    }
    destroy(run);
    return status;
}
