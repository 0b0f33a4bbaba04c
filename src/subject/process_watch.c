/* process_watch.c: one run of a program from its start to its end; see process_parts.h.
 *
 * The run's own thread waits on the program's connections, its end and the clock. A program that is to stop is told so, and gets time to write out what it has and to leave in good order;
 * then its processes are ended. How long each may take is below; nothing of a result depends on these times but whether it is refused.
 *
 * A program that is trained as it is (tenet train) is never ended: it runs to its own end, however long it is silent. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "subject/process_parts.h"

enum { TICK_MS = 50, DESCRIPTORS_MAX = 64, LOOK_STEPS = 2000, TRIM_TICKS = 100 };

/* Seconds. */
static const double STOP_GRACE = 3;     /* to leave after STOP, once the result is known */
static const double LAST_GRACE = 30;    /* of silence, while it still has scores, shown samples or facts to tell */
static const double END_GRACE = 5;      /* to leave after it said that it ends */
static const double CLOSE_GRACE = 3;    /* to leave after it closed its connection */
static const double EXIT_GRACE = 2;     /* for the word how a fork ended */
static const double CALL_GRACE = 0.3;   /* for a call that is on its way when the program has ended */
static const double START_PATIENCE = 5; /* times silence_seconds, between the first word and the first step: data are read then */

static double seconds_since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? (double)(now_ns - then_ns) * 1e-9 : 0;
}

static bool is_waiting_for_steps(const tn_run *run)
{
    return run->hearing.first_ns == 0;
}

TN_PRINTF(3, 4)
static void fail(tn_run *run, tn_status code, const char *format, ...)
{
    char what[512], when[64];
    va_list arguments;
    if (run->failure.code != TN_OK || run->hearing.decided)
        return;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (is_waiting_for_steps(run))
        snprintf(when, sizeof when, "before its first step");
    else
        snprintf(when, sizeof when, "after step %" PRIu64, run->hearing.result->steps);
    char words[360];
    if (run->mode == TN_RUN_TRAIN)
        words[0] = '\0'; /* they were on the terminal */
    else
        tn_last_words(run->order.output, words, sizeof words);
    tn_fail(&run->failure, code, "The program %s, %s.%s%s", what, when, words[0] ? " Its last words:\n" : "", words);
}

/* ---- start ---- */

static tn_status start_process(tn_run *run, tn_error *error)
{
    const tn_process *process = run->process;
    const tn_launch launch = {
        .settings = &process->settings,
        .isolation = run->mode == TN_RUN_TRAIN ? TN_ISOLATION_NONE : process->isolation,
        .shield = process->shield,
        .as_it_is = run->mode == TN_RUN_TRAIN,
        .threads = run->threads,
        .address = tn_listener_address(process->listener),
        .folder = process->folder,
        .trial = run->order.trial,
        .output = run->order.output,
        .log = run->order.log,
        .hypes = run->order.hypes,
    };
    return tn_child_start(&launch, &run->child, error);
}

/* A fork is of a program that has read its hypes already, so it serves only what turns none of them. */
static bool can_fork(const tn_run *run)
{
    const tn_knobs *knobs = run->request ? &run->request->knobs : NULL;
    bool turns_hypes = (run->order.turned.written & ~(uint32_t)TN_KNOB_STEPS) != 0;
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)(knobs && knobs->set & TN_KNOB_PATCH ? knobs->patch : NULL), path, value)
    {
        turns_hypes |= strncmp(path, "hypes.", 6) == 0;
    }
    return run->mode != TN_RUN_TRAIN && atomic_load(&run->process->serves) && !turns_hypes;
}

static bool ask_fork(const tn_run *run)
{
    json_t *asked = json_pack("{s:s, s:s}", "trial", run->order.trial, "output", run->order.output);
    char *text = asked ? json_dumps(asked, JSON_COMPACT) : NULL;
    bool is_asked = text && tn_listener_ask_fork(run->process->listener, text);
    json_decref(asked);
    free(text);
    return is_asked;
}

static tn_status start(tn_run *run, tn_error *error)
{
    tn_listener *listener = run->process->listener;
    run->start_ns = run->heard_ns = tn_clock_ns();
    run->forked = can_fork(run);
    tn_status status = tn_inbox_open(listener, run->order.id, run->forked, &run->inbox, error);
    if (status == TN_OK && run->forked) {
        if (ask_fork(run))
            return TN_OK;
        tn_inbox_close(listener, &run->inbox);
        run->forked = false;
        status = tn_inbox_open(listener, run->order.id, false, &run->inbox, error);
    }
    if (status == TN_OK)
        status = tn_process_log_create(run->order.log, &run->log, error);
    return status == TN_OK ? start_process(run, error) : status;
}

/* ---- hearing ---- */

static void wait_for_news(tn_run *run, int milliseconds)
{
    struct pollfd polled[DESCRIPTORS_MAX + 2];
    int descriptors[DESCRIPTORS_MAX];
    size_t count = 0;
    polled[count++] = (struct pollfd){.fd = run->inbox.event, .events = POLLIN};
    if (run->child.pid > 0 && run->child.descriptor >= 0)
        polled[count++] = (struct pollfd){.fd = run->child.descriptor, .events = POLLIN};
    size_t voices = tn_hearing_descriptors(&run->hearing, descriptors, DESCRIPTORS_MAX);
    for (size_t i = 0; i < voices; i++)
        polled[count++] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    (void)poll(polled, (nfds_t)count, milliseconds);
}

static bool hear_step(void *context, const tn_step *step)
{
    tn_run *run = context;
    tn_hearing_step(&run->hearing, step);
    return !run->hearing.decided && run->hearing.nonsense.code == TN_OK;
}

static bool hear_score(void *context, const tn_score_point *point)
{
    tn_run *run = context;
    tn_hearing_score(&run->hearing, point);
    return !run->hearing.decided && run->hearing.nonsense.code == TN_OK;
}

/* Lines count for a program whose training is not heard otherwise. */
static void hear_lines(tn_run *run, bool ended, bool *heard)
{
    const tn_log_listener listener = {.context = run, .on_step = hear_step, .on_score = hear_score};
    size_t lines = 0;
    tn_error found = {0};
    if (!run->log || run->hearing.primary || run->failure.code != TN_OK)
        return;
    if (tn_process_log_poll(run->log, ended, &listener, &lines, &found) != TN_OK)
        fail(run, found.code, "wrote to $TENET_LOG what cannot be read (%.300s)", found.message);
    *heard |= lines > 0;
}

static tn_status hear(tn_run *run, bool ended, bool *heard, tn_error *error)
{
    tn_hearing *hearing = &run->hearing;
    tn_status status = TN_OK;
    for (tn_caller *caller; status == TN_OK && (caller = tn_inbox_take(run->process->listener, &run->inbox)) != NULL; *heard = true)
        status = tn_hearing_add(hearing, caller, error);
    bool some = false;
    if (status == TN_OK)
        status = tn_hearing_listen(hearing, &some, error);
    *heard |= some;
    if (status == TN_OK)
        hear_lines(run, ended, heard);
    if (hearing->nonsense.code == TN_ERROR_MEMORY) {
        if (error)
            *error = hearing->nonsense;
        return TN_ERROR_MEMORY;
    }
    const tn_error *nonsense = &hearing->nonsense;
    if (!hearing->primary && hearing->stray.code != TN_OK && !tn_hearing_is_open(hearing))
        nonsense = &hearing->stray; /* nobody is left who could train */
    if (nonsense->code != TN_OK)
        fail(run, TN_ERROR_DATA, "told tenet what makes no sense (%.300s)", nonsense->message);
    return status;
}

/* ---- judging the time ---- */

/* A knob of this trial that the program says it cannot turn: the trial proves nothing, also where all of it was heard together with the refusal. */
static void find_refusal(tn_run *run)
{
    const tn_voice *speaker = tn_hearing_speaker(&run->hearing);
    const char *name;
    json_t *why;
    bool cancelled = run->hearing.decided && run->hearing.result->end == TN_TRIAL_CANCELLED;
    if (!speaker || !run->request || run->mode != TN_RUN_TRIAL || cancelled)
        return;
    json_object_foreach(speaker->refused, name, why)
    {
        uint32_t knob = tn_knob_by_name(name);
        if (!(knob & run->request->knobs.set & ~run->order.turned.written) || run->failure.code != TN_OK)
            continue;
        run->is_refused = true;
        tn_fail(&run->failure, TN_ERROR_UNSUPPORTED, "The program's %s cannot be turned: %.700s", name,
                json_is_string(why) ? json_string_value(why) : "it did not say why");
    }
}

static void cancel(tn_run *run)
{
    if (run->hearing.decided)
        return;
    run->hearing.result->end = TN_TRIAL_CANCELLED;
    run->hearing.decided = run->hearing.wants_stop = true;
}

static void judge_silence(tn_run *run, uint64_t now_ns)
{
    double limit = run->process->settings.silence_seconds;
    bool spoke = run->hearing.voices || run->hearing.by_lines;
    if (spoke && is_waiting_for_steps(run))
        limit *= START_PATIENCE;
    if (seconds_since(run->heard_ns, now_ns) >= limit)
        fail(run, TN_ERROR_IO, spoke ? "told nothing for %.3g seconds and seems to hang" : "told nothing in its first %.3g seconds", limit);
}

static void judge(tn_run *run, uint64_t now_ns)
{
    tn_hearing *hearing = &run->hearing;
    const tn_process_settings *settings = &run->process->settings;
    if (run->mode == TN_RUN_TRAIN)
        return;
    find_refusal(run);
    if (settings->cancel && atomic_load_explicit(&settings->cancel->requested, memory_order_relaxed))
        cancel(run);
    if (run->request && run->request->deadline_ns > 0 && now_ns >= run->request->deadline_ns && is_waiting_for_steps(run))
        cancel(run);
    bool looked = run->mode == TN_RUN_LOOK && hearing->first_ns > 0 &&
                  (hearing->result->steps >= LOOK_STEPS || seconds_since(hearing->first_ns, now_ns) >= settings->look_seconds);
    if (looked)
        hearing->wants_stop = true;
    if (!hearing->wants_stop && run->end_ns == 0)
        judge_silence(run, now_ns);
}

/* Whether a program that should have left by now is to be ended. */
static bool is_overdue(tn_run *run, uint64_t now_ns)
{
    const tn_hearing *hearing = &run->hearing;
    if (run->mode == TN_RUN_TRAIN)
        return false;
    if (run->failure.code != TN_OK)
        return true;
    bool listens = tn_hearing_is_open(hearing);
    if (run->end_ns > 0)
        return seconds_since(run->end_ns, now_ns) >= END_GRACE;
    if (run->stop_ns > 0 && !listens)
        return true;
    if (run->stop_ns > 0 && hearing->decided)
        return seconds_since(run->stop_ns, now_ns) >= STOP_GRACE;
    if (run->stop_ns > 0) {
        uint64_t last_ns = run->heard_ns > run->stop_ns ? run->heard_ns : run->stop_ns;
        return seconds_since(last_ns, now_ns) >= LAST_GRACE;
    }
    if (run->close_ns > 0 && seconds_since(run->close_ns, now_ns) >= CLOSE_GRACE) {
        fail(run, TN_ERROR_IO, "closed its connection to tenet and goes on, unseen");
        return true;
    }
    return false;
}

static void note_times(tn_run *run, bool heard, uint64_t now_ns)
{
    const tn_hearing *hearing = &run->hearing;
    const tn_voice *speaker = tn_hearing_speaker(hearing);
    if (heard)
        run->heard_ns = now_ns;
    if (run->end_ns == 0 && speaker && speaker->end)
        run->end_ns = now_ns;
    if (run->close_ns == 0 && hearing->primary && !hearing->primary->is_open)
        run->close_ns = now_ns;
    if (run->stop_ns == 0 && hearing->wants_stop)
        run->stop_ns = now_ns;
}

/* ---- the end ---- */

/* A fork has ended when all its connections have, and how it ended is known, or will not be. */
static bool fork_has_ended(tn_run *run, uint64_t now_ns)
{
    int status = 0;
    bool known = false;
    bool ended = tn_inbox_ended(run->process->listener, &run->inbox, &known, &status);
    if (known) {
        run->status_known = true;
        run->status = status;
    }
    /* Before its first word it was tenet's code that ran. */
    if (!run->hearing.voices) {
        run->abandoned = ended;
        return ended;
    }
    if (tn_hearing_is_open(&run->hearing))
        return ended && known;
    return ended || seconds_since(run->close_ns ? run->close_ns : run->heard_ns, now_ns) >= EXIT_GRACE;
}

static bool has_ended(tn_run *run, uint64_t now_ns)
{
    if (run->forked)
        return fork_has_ended(run, now_ns);
    if (!tn_child_ended(&run->child))
        return false;
    run->status_known = true;
    run->status = run->child.status;
    return true;
}

/* The processes of a fork are known by their connections. One that never called can only be ended with who forked it. */
static void end_fork(tn_run *run)
{
    bool any = false;
    for (const tn_voice *voice = run->hearing.voices; voice; voice = voice->next) {
        pid_t pid = voice->caller->pid;
        if (!voice->is_open || pid <= 1)
            continue;
        if (getpgid(pid) == pid)
            kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        any = true;
    }
    if (!any && !run->hearing.voices) {
        atomic_store(&run->process->serves, false);
        tn_listener_dismiss(run->process->listener);
    }
}

static void end_by_force(tn_run *run)
{
    if (run->forked) {
        end_fork(run);
        return;
    }
    tn_child_end(&run->child);
    run->was_asked_to_end = true;
}

/* What was sent before the end is still to be read. */
static tn_status drain(tn_run *run, tn_error *error)
{
    tn_status status = TN_OK;
    bool heard = true;
    run->hearing.ranks_missing = true;
    for (tn_voice *voice = run->hearing.voices; voice; voice = voice->next)
        voice->left_behind = true;
    /* A program that ended at once may have called, and not yet be through the door. */
    if (!run->hearing.voices && !run->hearing.by_lines && !run->hearing.decided)
        wait_for_news(run, (int)(CALL_GRACE * 1000));
    while (status == TN_OK && heard) {
        heard = false;
        status = hear(run, true, &heard, error);
    }
    find_refusal(run);
    return status;
}

/* A program that hears nothing is asked by a signal, once. */
static void ask_to_end(tn_run *run)
{
    if (run->mode != TN_RUN_TRAIN || run->was_asked_to_end || tn_hearing_is_open(&run->hearing) || run->child.pid <= 0)
        return;
    run->was_asked_to_end = true;
    kill(run->child.pid, SIGTERM);
}

static tn_status listen_to_its_end(tn_run *run, tn_error *error)
{
    for (size_t tick = 0;; tick++) {
        bool heard = false;
        wait_for_news(run, TICK_MS);
        tn_status status = hear(run, false, &heard, error);
        if (status != TN_OK)
            return status;
        uint64_t now_ns = tn_clock_ns();
        note_times(run, heard, now_ns);
        judge(run, now_ns);
        note_times(run, false, now_ns);
        if (run->hearing.wants_stop) {
            tn_hearing_stop(&run->hearing);
            ask_to_end(run);
        }
        if (has_ended(run, now_ns))
            return drain(run, error);
        if (is_overdue(run, now_ns)) {
            end_by_force(run);
            return drain(run, error);
        }
        if (tick % TRIM_TICKS == TRIM_TICKS - 1 && run->mode != TN_RUN_TRAIN)
            tn_output_trim(run->order.output);
    }
}

tn_status tn_run_watch(tn_run *run, tn_error *error)
{
    tn_status status = start(run, error);
    if (status == TN_OK)
        status = listen_to_its_end(run, error);
    if (status != TN_OK && run->child.pid > 0)
        tn_child_end(&run->child);
    if (status != TN_OK && run->forked)
        end_fork(run);
    tn_inbox_close(run->process->listener, &run->inbox);
    tn_process_log_destroy(run->log);
    run->log = NULL;
    return status;
}
