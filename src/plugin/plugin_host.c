/* plugin_host.c: the process that a plug-in runs in: loads it, calls it when it is asked to, and leaves a note where it dies. See plugin_parts.h.
 *
 * It is forked, not started, so that a program that embeds tenet needs no second program beside it. It closes every file but its own, drops what the caller had not printed yet, and sends what
 * the plug-in prints to stderr. */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "plugin/plugin_parts.h"

enum { WIRE = 3, MEMORY = 4, STACK_SIZE = 1 << 16 };

/* The one note of this process, for its signal handler. There is one host a process, and none in the caller's. */
static tn_plugin_note *dying_note;

/* What a fault of the processor leaves for the caller; then the signal takes its course. */
static void leave_note(int number, siginfo_t *cause, void *context)
{
    dying_note->signal_number = number;
    if (number == SIGSEGV || number == SIGBUS) {
        dying_note->has_address = 1;
        dying_note->address = (uintptr_t)cause->si_addr;
#if defined(__x86_64__)
        /* Bit 1 of the page fault's error code: it was a write (Intel SDM volume 3, 4.7). */
        dying_note->is_write = (((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#else
        (void)context;
#endif
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void leave_exit(int code, void *context)
{
    (void)context;
    dying_note->has_exited = 1;
    dying_note->exit_code = code;
    /* Not what the caller has registered for its own exit. */
    _exit(code); /* the forked child */
}

static void watch_signals(void)
{
    static const int DEADLY[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    static unsigned char stack[STACK_SIZE];
    const stack_t apart = {.ss_sp = stack, .ss_size = sizeof stack};
    sigset_t none;
    sigaltstack(&apart, NULL);
    for (size_t i = 0; i < sizeof DEADLY / sizeof *DEADLY; i++) {
        struct sigaction action = {.sa_sigaction = leave_note, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        sigaction(DEADLY[i], &action, NULL);
    }
    /* Ctrl-C is for the program that asks; it ends this one. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Files: its own two, and stderr. */
static void keep_files(int wire, int file)
{
    int own = fcntl(wire, F_DUPFD, MEMORY + 1), memory = fcntl(file, F_DUPFD, MEMORY + 1), nothing = open("/dev/null", O_RDWR);
    dup2(own, WIRE);
    dup2(memory, MEMORY);
    dup2(nothing, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    close_range(MEMORY + 1, ~0U, 0);
    __fpurge(stdout);
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static void refuse(tn_plugin_note *note, const char *text)
{
    note->refused = true;
    snprintf(note->text, sizeof note->text, "%s", text);
}

static const tn_layer *load(const char *path, tn_plugin_note *note)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const tn_layer *layer = library ? dlsym(library, "tenet_layer") : NULL;
    const char *why = dlerror();
    if (!library) {
        refuse(note, why ? why : "it cannot be loaded");
    } else if (!layer) {
        refuse(note, "it has no object `tenet_layer`; define one: const tn_layer tenet_layer = {TN_LAYER_ABI, ...}");
    } else if (layer->abi != TN_LAYER_ABI) {
        snprintf(note->text, sizeof note->text, "it was built for another tenet_layer.h: its abi is %u, this program's %d; build it anew",
                 layer->abi, TN_LAYER_ABI);
        note->refused = true;
    } else if (!layer->name || !layer->shape || !layer->forward || !layer->backward) {
        refuse(note, "its `tenet_layer` lacks one of name, shape, forward and backward");
    } else if (layer->argument_count > TN_LAYER_ARGUMENTS_MAX) {
        refuse(note, "its `tenet_layer` has more arguments than TN_LAYER_ARGUMENTS_MAX");
    }
    return note->refused ? NULL : layer;
}

static void describe(const tn_layer *layer, tn_plugin_info *info)
{
    bool one = layer->least_inputs == 0 && layer->most_inputs == 0;
    *info = (tn_plugin_info){.flags = layer->flags,
                             .least_inputs = one ? 1 : layer->least_inputs,
                             .most_inputs = one ? 1 : layer->most_inputs,
                             .input_least = layer->input_least,
                             .input_most = layer->input_most,
                             .argument_count = layer->argument_count};
    snprintf(info->name, sizeof info->name, "%s", layer->name);
    for (size_t i = 0; i < layer->argument_count; i++) {
        const tn_layer_argument *argument = &layer->arguments[i];
        info->arguments[i] = (tn_plugin_argument){
            .otherwise = argument->otherwise, .least = argument->least, .most = argument->most, .is_whole = argument->is_whole};
        snprintf(info->arguments[i].name, sizeof info->arguments[i].name, "%s", argument->name);
    }
}

static void ask_shape(const tn_layer *layer, tn_plugin_note *note)
{
    tn_layer_question question = {.input_count = note->input_count, .arguments = note->arguments};
    memcpy(question.inputs, note->inputs, sizeof question.inputs);
    tn_layer_plan plan = {0};
    layer->shape(&question, &plan);
    plan.refusal[sizeof plan.refusal - 1] = '\0';
    for (size_t i = 0; i < TN_LAYER_PARAMETERS_MAX; i++)
        plan.parameters[i].name[sizeof plan.parameters[i].name - 1] = '\0';
    note->plan = plan;
}

/* The tensors, each with nothing around it; in place of those of the layout before, whose view had *size bytes. */
static bool map(tn_plugin_note *note, size_t *size)
{
    const tn_plugin_layout *layout = &note->layout;
    if (*size > 0)
        munmap((void *)note->base, *size);
    *size = 0;
    unsigned char *base = mmap(NULL, layout->host_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    for (size_t i = 0; i < TN_PLUGIN_TENSORS; i++) {
        const tn_plugin_region *region = &layout->regions[i];
        int access = region->is_read_only ? PROT_READ : PROT_READ | PROT_WRITE;
        if (region->bytes == 0)
            continue;
        const unsigned char *placed =
            mmap(base + region->place, region->pages, access, MAP_SHARED | MAP_FIXED, MEMORY, (off_t)region->file);
        if (placed != base + region->place)
            return false;
    }
    note->base = (uintptr_t)base;
    *size = layout->host_size;
    return true;
}

static float *tensor_at(const tn_plugin_note *note, size_t tensor)
{
    const tn_plugin_region *region = &note->layout.regions[tensor];
    return region->bytes > 0 ? (float *)(note->base + region->place + region->lead) : NULL;
}

static void run_pass(const tn_layer *layer, const tn_plugin_note *note)
{
    bool backward = note->call == TN_PLUGIN_BACKWARD;
    tn_layer_pass pass = {.batch = note->batch,
                          .training = note->training,
                          .input_count = note->input_count,
                          .output_size = tn_plugin_shape_size(&note->plan.output),
                          .input_shapes = note->inputs,
                          .output_shape = &note->plan.output,
                          .arguments = note->arguments,
                          .output = tensor_at(note, TN_PLUGIN_OUTPUT),
                          .saved = tensor_at(note, TN_PLUGIN_SAVED),
                          .d_output = backward ? tensor_at(note, TN_PLUGIN_D_OUTPUT) : NULL};
    for (size_t i = 0; i < note->input_count; i++) {
        pass.input_sizes[i] = tn_plugin_shape_size(&note->inputs[i]);
        pass.inputs[i] = tensor_at(note, TN_PLUGIN_INPUT + i);
        pass.d_inputs[i] = backward && (note->wants >> i & 1) ? tensor_at(note, TN_PLUGIN_D_INPUT + i) : NULL;
    }
    for (size_t i = 0; i < note->plan.parameter_count; i++) {
        pass.parameter_sizes[i] = tn_plugin_shape_size(&note->plan.parameters[i].shape);
        pass.parameters[i] = tensor_at(note, TN_PLUGIN_PARAMETER + i);
        pass.d_parameters[i] =
            backward && (note->wants >> (TN_LAYER_INPUTS_MAX + i) & 1) ? tensor_at(note, TN_PLUGIN_D_PARAMETER + i) : NULL;
    }
    (backward ? layer->backward : layer->forward)(&pass);
}

static size_t heap_now(void)
{
    const struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

_Noreturn void tn_plugin_host(const char *path, int wire, int file, tn_plugin_note *note)
{
    const struct rlimit none = {0, 0};
    unsigned generation = 0;
    size_t mapped = 0;
    const tn_layer *layer = NULL;
    char byte;
    dying_note = note;
    setrlimit(RLIMIT_CORE, &none);
    keep_files(wire, file);
    watch_signals();
    if (on_exit(leave_exit, NULL) != 0)
        _exit(127); /* the forked child */
    while (read(WIRE, &byte, 1) == 1) {
        alarm(note->limit_seconds);
        note->refused = false;
        if (note->call == TN_PLUGIN_LOAD && (layer = load(path, note)))
            describe(layer, &note->info);
        else if (layer && note->call == TN_PLUGIN_SHAPE)
            ask_shape(layer, note);
        else if (layer && note->call != TN_PLUGIN_LOAD && note->layout.generation != generation && !map(note, &mapped))
            refuse(note, "memory is out");
        else if (layer && note->call != TN_PLUGIN_LOAD)
            run_pass(layer, note);
        generation = note->layout.generation;
        note->heap = heap_now();
        fflush(stdout);
        alarm(0);
        if (write(WIRE, &byte, 1) != 1)
            break;
    }
    _exit(0); /* the forked child */
}
