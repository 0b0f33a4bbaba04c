/* plugin.c: the caller's end of a plug-in: starts the host, asks it, and tells in words what became of it; see plugin.h. */
#include "plugin/plugin.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "plugin/plugin_parts.h"

/* A sample, or a parameter, of more values than this is a mistake. */
#define VALUES_MAX ((size_t)1 << 40)

static const char *const CALLS[] = {"loading", "shape", "forward", "backward"};

const char *tn_plugin_call_name(tn_plugin_call call)
{
    return CALLS[call];
}

/* ---- the host's end ---- */

static const char *signal_words(int number)
{
    switch (number) {
    case SIGSEGV:
        return "segmentation fault";
    case SIGBUS:
        return "bus error";
    case SIGFPE:
        return "arithmetic error, such as a whole number divided by zero";
    case SIGILL:
        return "illegal instruction: built for another processor?";
    case SIGABRT:
        return "abort: a failed assertion, or damage to the heap";
    case SIGKILL:
        return "killed: is memory out?";
    default:
        return strsignal(number);
    }
}

static void describe_death(tn_plugin *plugin, bool is_late, int status)
{
    const tn_plugin_note *note = plugin->note;
    char place[TN_PLUGIN_PLACE_SIZE];
    int number = note->signal_number ? (int)note->signal_number : status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (is_late || number == SIGALRM) {
        plugin->fault = TN_PLUGIN_HUNG;
        snprintf(plugin->fault_text, sizeof plugin->fault_text, "did not return from %s within %g s", CALLS[note->call], plugin->seconds);
    } else if (note->has_exited || number == 0) {
        plugin->fault = TN_PLUGIN_EXITED;
        snprintf(plugin->fault_text, sizeof plugin->fault_text, "ended its process in %s, with exit code %d; a layer has to return",
                 CALLS[note->call],
                 note->has_exited                   ? (int)note->exit_code
                 : status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status)
                                                    : 0);
    } else {
        plugin->fault = TN_PLUGIN_CRASHED;
        const char *where = note->has_address ? tn_plugin_describe_address(plugin, &plugin->fault, place) : NULL;
        if (!where && note->has_address && note->address < 4096) {
            snprintf(place, sizeof place, "it used a NULL pointer");
            where = place;
        }
        snprintf(plugin->fault_text, sizeof plugin->fault_text, "crashed in %s (%s)%s%s", CALLS[note->call], signal_words(number),
                 where ? ": " : "", where ? where : "");
    }
    plugin->fault_call = note->call;
}

/* Ends the host and waits for it; its status, or -1. */
static int end_host(tn_plugin *plugin, bool by_force)
{
    int status = -1;
    if (plugin->host <= 0)
        return -1;
    if (by_force)
        kill(plugin->host, SIGKILL);
    pid_t got;
    do {
        got = waitpid(plugin->host, &status, 0);
    } while (got < 0 && errno == EINTR);
    plugin->host = 0;
    return got < 0 ? -1 : status;
}

static tn_status fail_fault(const tn_plugin *plugin, tn_error *error)
{
    return tn_fail(error, TN_ERROR_LAYER, "the plug-in %.300s %s", plugin->path, plugin->fault_text);
}

/* Waits for the host's byte. False where it died, or takes too long: *is_late. */
static bool hear(const tn_plugin *plugin, bool *is_late)
{
    uint64_t limit_ns = (uint64_t)(plugin->seconds * 1e9), start_ns = tn_clock_ns();
    char byte;
    *is_late = false;
    for (;;) {
        uint64_t gone_ns = tn_clock_ns() - start_ns;
        struct pollfd wait = {.fd = plugin->wire, .events = POLLIN};
        int ready = gone_ns < limit_ns ? poll(&wait, 1, (int)((limit_ns - gone_ns) / 1000000) + 1) : 0;
        if (ready > 0)
            return recv(plugin->wire, &byte, 1, 0) == 1;
        if (ready < 0 && errno != EINTR)
            return false;
        if (gone_ns >= limit_ns) {
            *is_late = true;
            return false;
        }
    }
}

static tn_status ask(tn_plugin *plugin, tn_plugin_call call, tn_error *error)
{
    tn_plugin_note *note = plugin->note;
    bool is_late = false;
    if (plugin->fault != TN_PLUGIN_FINE)
        return fail_fault(plugin, error);
    note->call = call;
    /* Only where this program is gone by then: it ends the host earlier itself. */
    note->limit_seconds = (unsigned)plugin->seconds + 10;
    bool answered = send(plugin->wire, "?", 1, MSG_NOSIGNAL) == 1 && hear(plugin, &is_late);
    if (!answered) {
        int status = end_host(plugin, is_late);
        describe_death(plugin, is_late, status);
        return fail_fault(plugin, error);
    }
    return TN_OK;
}

/* ---- life ---- */

static tn_status start(tn_plugin *plugin, const char *resolved, tn_error *error)
{
    int ends[2];
    plugin->file = memfd_create("tenet-plugin", MFD_CLOEXEC);
    if (plugin->file < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return tn_fail(error, TN_ERROR_IO, "cannot start a process for the plug-in %.300s: %s", plugin->path, strerror(errno));
    plugin->wire = ends[0];
    pid_t host = fork();
    if (host == 0)
        tn_plugin_host(resolved, ends[1], plugin->file, plugin->note);
    int failed = errno;
    close(ends[1]);
    if (host < 0)
        return tn_fail(error, TN_ERROR_IO, "cannot start a process for the plug-in %.300s: %s", plugin->path, strerror(failed));
    plugin->host = host;
    return TN_OK;
}

static bool is_word(const char *name)
{
    for (const char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return false;
    return name[0] != '\0' && !isdigit((unsigned char)name[0]);
}

static tn_status check_info(const tn_plugin *plugin, tn_error *error)
{
    const tn_plugin_info *info = &plugin->note->info;
    const char *wrong = NULL;
    char text[128];
    if (!is_word(info->name)) {
        wrong = "its name has to be of letters, digits and _";
    } else if (info->least_inputs < 1 || info->most_inputs > TN_LAYER_INPUTS_MAX || info->least_inputs > info->most_inputs) {
        snprintf(text, sizeof text, "it takes %zu to %zu inputs; a layer takes 1 to %d", info->least_inputs, info->most_inputs,
                 TN_LAYER_INPUTS_MAX);
        wrong = text;
    } else if (!(info->input_least <= info->input_most)) {
        wrong = "its input_least is above its input_most";
    }
    for (size_t i = 0; i < info->argument_count && !wrong; i++) {
        const tn_plugin_argument *argument = &info->arguments[i];
        static const char *const TAKEN[] = {"op", "name", "from", "init", "bias_init", "trainable", "plugin"};
        bool taken = !is_word(argument->name);
        for (size_t k = 0; k < sizeof TAKEN / sizeof *TAKEN; k++)
            taken = taken || strcmp(argument->name, TAKEN[k]) == 0;
        snprintf(text, sizeof text, "its argument %zu is called \"%s\", which is no word or means something else in a net", i,
                 argument->name);
        wrong = taken ? text : NULL;
        if (!wrong && !(argument->least <= argument->most)) {
            snprintf(text, sizeof text, "its argument \"%s\" has bounds that no number fits", argument->name);
            wrong = text;
        }
    }
    return wrong ? tn_fail(error, TN_ERROR_HYPES, "\"%.300s\" is no plug-in of tenet: %s", plugin->path, wrong) : TN_OK;
}

/* The library's absolute path, malloc'd: dlopen would look a bare name up elsewhere. */
static char *resolve(const char *path, tn_error *error)
{
    size_t length = strlen(path);
    char *resolved = realpath(path, NULL);
    if (!resolved && errno == ENOMEM)
        tn_fail_memory(error, PATH_MAX);
    else if (!resolved)
        tn_fail(error, TN_ERROR_HYPES, "cannot open the plug-in \"%.300s\": %s. Is it built, and its path relative to this file?", path,
                strerror(errno));
    else if (length > 2 && strcmp(path + length - 2, ".c") == 0)
        tn_fail(error, TN_ERROR_HYPES,
                "\"%.200s\" is the source of a plug-in; build it, and give the library: cc -O2 -fPIC -shared %.200s -o %.*s.so", path, path,
                (int)(length > 202 ? 200 : length - 2), path);
    else
        return resolved;
    free(resolved);
    return NULL;
}

static tn_status open_into(tn_plugin *plugin, const char *path, tn_error *error)
{
    plugin->path = tn_string_copy(path);
    plugin->note = mmap(NULL, sizeof *plugin->note, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (plugin->note == MAP_FAILED)
        plugin->note = NULL;
    if (!plugin->path || !plugin->note)
        return tn_fail_memory(error, sizeof *plugin->note);
    tn_error found = {.code = TN_ERROR_HYPES};
    char *resolved = resolve(path, &found);
    if (!resolved) {
        if (error)
            *error = found;
        return found.code;
    }
    tn_status status = start(plugin, resolved, error);
    free(resolved);
    if (status == TN_OK)
        status = ask(plugin, TN_PLUGIN_LOAD, error);
    if (status == TN_OK && plugin->note->refused)
        status = tn_fail(error, TN_ERROR_HYPES, "\"%.300s\" is no plug-in of tenet: %s", path, plugin->note->text);
    return status == TN_OK ? check_info(plugin, error) : status;
}

tn_status tn_plugin_open(const char *path, double seconds, tn_plugin **plugin, tn_error *error)
{
    *plugin = NULL;
    tn_plugin *opened = tn_memory_create(1, sizeof *opened);
    if (!opened)
        return tn_fail_memory(error, sizeof *opened);
    opened->seconds = seconds;
    opened->wire = -1;
    opened->file = -1;
    tn_status status = open_into(opened, path, error);
    if (status != TN_OK)
        tn_plugin_close(opened);
    else
        *plugin = opened;
    return status;
}

void tn_plugin_close(tn_plugin *plugin)
{
    if (!plugin)
        return;
    end_host(plugin, true);
    if (plugin->wire >= 0)
        close(plugin->wire);
    if (plugin->file >= 0)
        close(plugin->file);
    if (plugin->view)
        munmap(plugin->view, plugin->layout.file_size);
    if (plugin->note)
        munmap(plugin->note, sizeof *plugin->note);
    free(plugin->path);
    tn_memory_destroy(plugin);
}

const tn_plugin_info *tn_plugin_info_of(const tn_plugin *plugin)
{
    return &plugin->note->info;
}

const char *tn_plugin_path(const tn_plugin *plugin)
{
    return plugin->path;
}

const tn_layer_plan *tn_plugin_plan(const tn_plugin *plugin)
{
    return &plugin->plan;
}

size_t tn_plugin_batch(const tn_plugin *plugin)
{
    return plugin->batch;
}

tn_plugin_fault tn_plugin_fault_of(const tn_plugin *plugin, tn_plugin_call *call)
{
    *call = plugin->fault_call;
    return plugin->fault;
}

size_t tn_plugin_heap(const tn_plugin *plugin)
{
    return plugin->note->heap;
}

/* ---- shapes and memory ---- */

static bool is_good_shape(const tn_layer_shape *shape)
{
    size_t size = 1;
    bool good = shape->rank >= 1 && shape->rank <= TN_LAYER_AXES_MAX;
    for (size_t i = 0; good && i < shape->rank; i++)
        good = shape->dims[i] > 0 && tn_size_multiply(size, shape->dims[i], &size) && size <= VALUES_MAX;
    return good;
}

/* What makes no sense in an answer, or NULL. */
static const char *find_mistake(const tn_layer_plan *plan, char text[TN_PLUGIN_TEXT_SIZE])
{
    if (!is_good_shape(&plan->output))
        return "output has no shape, or one that is empty or beyond all memory; set plan->output.rank and dims";
    if (plan->parameter_count > TN_LAYER_PARAMETERS_MAX)
        return "there are more parameters than TN_LAYER_PARAMETERS_MAX";
    if (plan->saved_per_sample > VALUES_MAX || plan->saved_per_batch > VALUES_MAX)
        return "saved_per_sample or saved_per_batch is beyond all memory";
    for (size_t i = 0; i < plan->parameter_count; i++) {
        const tn_layer_parameter *parameter = &plan->parameters[i];
        const char *wrong = NULL;
        if (!is_word(parameter->name))
            wrong = "has no name of letters, digits and _";
        else if (!is_good_shape(&parameter->shape))
            wrong = "has no shape, or one that is empty or beyond all memory";
        else if ((unsigned)parameter->start > TN_LAYER_AS_HYPES)
            wrong = "has a start that is none of tn_layer_start";
        for (size_t k = 0; k < i && !wrong; k++)
            wrong = strcmp(plan->parameters[k].name, parameter->name) == 0 ? "has the name of another one" : NULL;
        if (wrong) {
            snprintf(text, TN_PLUGIN_TEXT_SIZE, "parameters[%zu] %s", i, wrong);
            return text;
        }
    }
    return NULL;
}

tn_status tn_plugin_shape(tn_plugin *plugin, const tn_layer_shape *inputs, size_t input_count, const double *arguments, tn_error *error)
{
    tn_plugin_note *note = plugin->note;
    char text[TN_PLUGIN_TEXT_SIZE];
    note->input_count = plugin->input_count = input_count;
    memcpy(note->inputs, inputs, input_count * sizeof *inputs);
    memcpy(plugin->inputs, inputs, input_count * sizeof *inputs);
    for (size_t i = 0; i < note->info.argument_count; i++)
        note->arguments[i] = arguments[i];
    tn_status status = ask(plugin, TN_PLUGIN_SHAPE, error);
    if (status != TN_OK)
        return status;
    plugin->plan = note->plan;
    plugin->batch = 0;
    if (plugin->plan.refusal[0])
        return tn_fail(error, TN_ERROR_HYPES, "%s: %s", note->info.name, plugin->plan.refusal);
    const char *wrong = find_mistake(&plugin->plan, text);
    return wrong ? tn_fail(error, TN_ERROR_LAYER, "the plug-in %.300s answers nonsense in shape: %s", plugin->path, wrong) : TN_OK;
}

tn_status tn_plugin_prepare(tn_plugin *plugin, size_t batch, tn_error *error)
{
    tn_plugin_layout layout;
    if (!tn_plugin_lay(plugin, batch, &layout))
        return tn_fail(error, TN_ERROR_MEMORY, "the tensors of the plug-in %.300s need more memory than can be addressed", plugin->path);
    if (plugin->view)
        munmap(plugin->view, plugin->layout.file_size);
    plugin->view = NULL;
    /* Cut to nothing first, so that all of it is zero. */
    bool sized = ftruncate(plugin->file, 0) == 0 && ftruncate(plugin->file, (off_t)layout.file_size) == 0;
    unsigned char *view = sized ? mmap(NULL, layout.file_size, PROT_READ | PROT_WRITE, MAP_SHARED, plugin->file, 0) : MAP_FAILED;
    if (view == MAP_FAILED)
        return tn_fail_memory(error, layout.file_size);
    plugin->view = view;
    plugin->layout = layout;
    plugin->note->layout = layout;
    plugin->batch = batch;
    tn_plugin_guard(plugin);
    return TN_OK;
}

/* ---- passes ---- */

static tn_status run(tn_plugin *plugin, tn_plugin_call call, size_t batch, bool training, unsigned wants, tn_error *error)
{
    tn_plugin_note *note = plugin->note;
    long long distance;
    char name[64];
    note->batch = batch;
    note->training = training;
    note->wants = wants;
    tn_status status = ask(plugin, call, error);
    if (status != TN_OK)
        return status;
    if (note->refused)
        return tn_fail(error, TN_ERROR_MEMORY, "%s for the tensors of the plug-in %.300s", note->text, plugin->path);
    size_t damaged = tn_plugin_find_damage(plugin, &distance);
    if (damaged == TN_PLUGIN_TENSORS)
        return TN_OK;
    plugin->fault = TN_PLUGIN_OUTSIDE;
    plugin->fault_call = call;
    size_t count = plugin->layout.regions[damaged].bytes / sizeof(float);
    tn_plugin_tensor_name(plugin, damaged, name);
    if (distance < 0)
        snprintf(plugin->fault_text, sizeof plugin->fault_text, "wrote outside its tensors in %s: %lld floats before the start of %s",
                 CALLS[call], -distance, name);
    else
        snprintf(plugin->fault_text, sizeof plugin->fault_text,
                 "wrote outside its tensors in %s: to %s[%zu], behind the end of that tensor, which has %zu floats for a batch of %zu",
                 CALLS[call], name, count + (size_t)distance - 1, count, plugin->batch);
    return fail_fault(plugin, error);
}

tn_status tn_plugin_forward(tn_plugin *plugin, size_t batch, bool training, tn_error *error)
{
    return run(plugin, TN_PLUGIN_FORWARD, batch, training, 0, error);
}

tn_status tn_plugin_backward(tn_plugin *plugin, size_t batch, bool training, unsigned wants, tn_error *error)
{
    return run(plugin, TN_PLUGIN_BACKWARD, batch, training, wants, error);
}

unsigned tn_plugin_wants_all(const tn_plugin *plugin)
{
    unsigned wants = (1u << plugin->input_count) - 1;
    for (size_t i = 0; i < plugin->plan.parameter_count; i++)
        if (!plugin->plan.parameters[i].is_state)
            wants |= 1u << (TN_LAYER_INPUTS_MAX + i);
    return wants;
}
