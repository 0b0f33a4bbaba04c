/* session_pictures.c: see session_pictures.h. Writing takes at most a fortieth of the time: a page that is slow to write comes less often. */
#include "api/session_pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* Seconds between two pages; nanoseconds to the first one that shows something, between two panels, and between two measurements of the pace. */
static const double REFRESH = 3;
static const uint64_t FIRST_NS = 700000000, PANEL_NS = 200000000, PACE_NS = 2000000000;

enum { SHARE = 40, SHOWN = 10 };

bool tn_session_has_pictures(const tn_session *session)
{
    return session->html_path || session->panel;
}

/* ---- what is known ---- */

static void take_facts(tn_session_pictures *pictures, const tn_subject_facts *facts)
{
    if (!facts)
        return;
    pictures->facts.kind = facts->kind;
    pictures->facts.parameters = facts->parameters;
    pictures->facts.train_samples = facts->train_samples;
}

/* What a rule has said before and does not say now, or says of another tensor, was heard, and stays, as past. */
static void take_back(tn_history *history, const tn_signal *now)
{
    for (size_t i = 0; i < tn_history_signal_count(history); i++) {
        tn_history_signal signal = *tn_history_signal_at(history, i);
        if (strcmp(signal.rule, now->rule) != 0 || (now->state == TN_RULE_FIRED && strcmp(signal.tensor, now->tensor) == 0))
            continue;
        snprintf(signal.severity, sizeof signal.severity, "past");
        tn_history_add_signal(history, &signal);
    }
}

/* Signals as they stand now. */
static void take_signals(tn_session_pictures *pictures)
{
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_signal *signal = tn_rule_set_signal(pictures->rules, tn_rule_at(i)->name);
        take_back(pictures->history, signal);
        if (signal->state != TN_RULE_FIRED)
            continue;
        tn_history_signal kept = {.step = signal->step, .value = signal->value, .threshold = signal->threshold};
        snprintf(kept.rule, sizeof kept.rule, "%s", signal->rule);
        snprintf(kept.severity, sizeof kept.severity, "%s", tn_signal_severity_name(signal->severity));
        snprintf(kept.tensor, sizeof kept.tensor, "%s", signal->tensor);
        snprintf(kept.text, sizeof kept.text, "%s", signal->text);
        tn_history_add_signal(pictures->history, &kept);
    }
}

/* The pace is that of the steps, without what came before the first; early on it is that of the first few. */
static void take_time(tn_session_pictures *pictures, uint64_t now)
{
    uint64_t step = tn_history_last_step(pictures->history), passed = now - pictures->paced_ns;
    bool is_long = passed >= PACE_NS, is_first = pictures->facts.steps_per_second == 0 && passed >= PANEL_NS / 2;
    pictures->facts.seconds = (double)(now - pictures->start_ns) / 1e9;
    if (pictures->paced_step == 0 || step <= pictures->paced_step || (!is_long && !is_first))
        return;
    pictures->facts.steps_per_second = (double)(step - pictures->paced_step) * 1e9 / (double)passed;
    if (is_long) {
        pictures->paced_ns = now;
        pictures->paced_step = step;
    }
}

/* ---- drawing ---- */

static void write_page(tn_session_pictures *pictures, uint64_t now)
{
    const char *path = pictures->session->html_path;
    if (!path || pictures->failure.code != TN_OK)
        return;
    pictures->facts.written = (int64_t)time(NULL);
    (void)tn_webpage_write(path, &pictures->facts, pictures->history, pictures->shown, &pictures->failure);
    uint64_t after = tn_clock_ns(), wait = SHARE * (after - now), least = (uint64_t)(REFRESH * 1e9);
    pictures->write_ns = after + (wait > least ? wait : least);
}

static void draw(tn_session_pictures *pictures)
{
    uint64_t now = tn_clock_ns();
    const tn_session *session = pictures->session;
    bool page_due = session->html_path && now >= pictures->write_ns, panel_due = session->panel && now >= pictures->panel_ns;
    if (!page_due && !panel_due)
        return;
    take_signals(pictures);
    take_time(pictures, now);
    if (panel_due) {
        session->panel(session->panel_context, &(tn_panel){.history = pictures->history, .facts = &pictures->facts});
        pictures->panel_ns = now + PANEL_NS;
    }
    if (page_due)
        write_page(pictures, now);
}

/* ---- observing ---- */

static bool on_step(void *context, const tn_step *step)
{
    tn_session_pictures *pictures = context;
    (void)pictures->feed.on_step(pictures->feed.context, step);
    if (pictures->paced_step == 0) {
        pictures->paced_ns = tn_clock_ns();
        pictures->paced_step = step->step;
    }
    draw(pictures);
    return true;
}

static void on_tensor(void *context, const tn_tensor_seen *seen)
{
    tn_session_pictures *pictures = context;
    pictures->feed.on_tensor(pictures->feed.context, seen);
}

static void on_score(void *context, const tn_score_point *point)
{
    tn_session_pictures *pictures = context;
    pictures->feed.on_score(pictures->feed.context, point);
}

static void on_end(void *context, uint64_t steps)
{
    tn_session_pictures *pictures = context;
    pictures->feed.on_end(pictures->feed.context, steps);
}

tn_observer tn_session_pictures_observer(tn_session_pictures *pictures)
{
    if (!pictures->history)
        return (tn_observer){.context = NULL};
    return (tn_observer){.context = pictures, .on_step = on_step, .on_tensor = on_tensor, .on_score = on_score, .on_end = on_end};
}

/* ---- samples ---- */

/* Whether outputs are shares of classes as they are: none outside of [0, 1], and one in all. */
static bool are_shares(const float *output, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        if (!(output[k] >= 0 && output[k] <= 1))
            return false;
        sum += (double)output[k];
    }
    return fabs(sum - 1) <= 1e-3;
}

/* One label for several outputs that counts them: a class. What a program that is trained does is not told otherwise. */
static bool are_classes(const tn_trial_result *result)
{
    for (size_t i = 0; i < result->shown_count; i++) {
        float label = result->shown[i].label[0];
        if (!(label >= 0 && label < (float)result->output_size) || label != floorf(label))
            return false;
    }
    return result->label_size == 1 && result->output_size > 1;
}

static tn_shown_meaning meaning_of(const tn_session *session, const tn_trial_result *result)
{
    if (!are_classes(result))
        return TN_SHOWN_NUMBERS;
    if (session->hypes)
        return strcmp(tn_hypes_string(session->hypes, "loss.name"), "categorical_cross_entropy") == 0 ? TN_SHOWN_SHARES : TN_SHOWN_LOGITS;
    for (size_t i = 0; i < result->shown_count; i++)
        if (!are_shares(result->shown[i].output_after, result->output_size))
            return TN_SHOWN_LOGITS;
    return TN_SHOWN_SHARES;
}

/* Without memory there are no samples on the page, which is no reason to end a training. */
static void open_shown(tn_session_pictures *pictures, const tn_trial_result *result, const char *note)
{
    const tn_shown_inputs inputs = {
        .meaning = meaning_of(pictures->session, result),
        .count = result->shown_count,
        .input_size = result->input_size,
        .label_size = result->label_size,
        .output_size = result->output_size,
        .height = result->input_height,
        .width = result->input_width,
        .channels = result->input_channels,
        .note = note,
    };
    if (tn_shown_log_create(&inputs, &pictures->shown, NULL) != TN_OK)
        return;
    for (size_t i = 0; i < result->shown_count; i++)
        tn_shown_log_sample(pictures->shown, i, result->shown[i].row, result->shown[i].inputs, result->shown[i].label);
}

static void on_shown(void *context, uint64_t step, const tn_trial_result *result, const float *outputs, const float *losses)
{
    tn_session_pictures *pictures = context;
    if (!pictures->shown)
        open_shown(pictures, result, NULL);
    if (!pictures->shown)
        return;
    tn_shown_log_moment(pictures->shown, step);
    for (size_t i = 0; i < result->shown_count; i++)
        tn_shown_log_output(pictures->shown, i, outputs + i * result->output_size, (double)losses[i]);
}

/* A program shows what it made of its samples when it saw them first, and at its end. */
static void take_shown(tn_session_pictures *pictures, const tn_trial_result *result)
{
    if (pictures->shown || result->shown_count == 0 || result->output_size == 0 || result->input_size == 0 || result->label_size == 0)
        return;
    open_shown(pictures, result, "A program's samples are seen twice: in its first batches, in training mode, and at its end.");
    for (int after = 0; pictures->shown && after <= 1; after++) {
        tn_shown_log_moment(pictures->shown, after ? result->steps : 0);
        for (size_t i = 0; i < result->shown_count; i++) {
            const tn_shown_sample *sample = &result->shown[i];
            tn_shown_log_output(pictures->shown, i, after ? sample->output_after : sample->output_before,
                                after ? sample->loss_after : sample->loss_before);
        }
    }
}

void tn_session_pictures_request(tn_session_pictures *pictures, tn_trial_request *request)
{
    if (!pictures->history)
        return;
    request->want_norms = true;
    if (!pictures->session->html_path)
        return;
    request->shown_samples = SHOWN;
    request->on_shown = on_shown;
    request->shown_context = pictures;
}

/* ---- begin and end ---- */

tn_status tn_session_pictures_begin(tn_session_pictures *pictures, tn_session *session, const tn_rule_set *rules,
                                    const tn_subject_facts *facts, uint64_t steps_total, tn_error *error)
{
    *pictures = (tn_session_pictures){.session = session, .rules = rules, .start_ns = tn_clock_ns()};
    if (!tn_session_has_pictures(session))
        return TN_OK;
    tn_status status = tn_history_create(&pictures->history, error);
    if (status != TN_OK)
        return status;
    pictures->feed = tn_history_observer(pictures->history);
    pictures->facts = (tn_run_facts){.title = tn_session_name(session), .state = "running", .steps_total = steps_total, .refresh = REFRESH};
    take_facts(pictures, facts);
    write_page(pictures, pictures->start_ns);
    pictures->write_ns = pictures->start_ns + FIRST_NS;
    pictures->panel_ns = pictures->start_ns + PANEL_NS;
    if (pictures->failure.code != TN_OK && error)
        *error = pictures->failure;
    return pictures->failure.code;
}

void tn_session_pictures_end(tn_session_pictures *pictures, const tn_subject_facts *facts, const tn_trial_result *result, const char *end,
                             const tn_error *error)
{
    if (pictures->history) {
        uint64_t now = tn_clock_ns();
        take_facts(pictures, facts);
        if (result)
            take_shown(pictures, result);
        take_signals(pictures);
        take_time(pictures, now);
        pictures->facts.state = end;
        pictures->facts.words = error && error->code != TN_OK ? error->message : NULL;
        write_page(pictures, now);
    }
    if (pictures->failure.code != TN_OK)
        pictures->session->page_error = pictures->failure;
    tn_shown_log_destroy(pictures->shown);
    tn_history_destroy(pictures->history);
    pictures->shown = NULL;
    pictures->history = NULL;
}
