/* support_toy.c: see support_toy.h. */
#include "support_toy.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/link.h"

/* ---- the program ---- */

typedef struct program {
    char **words;
    tn_link *link;
    json_t *trial;
    bool looks;
    int rank, world;
    uint64_t steps;
    double rate;
} program;

/* The number of a word "name=K"; 0 where it was not said, 1 where it was said without a number. */
static uint64_t said(const program *p, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; p->words[i]; i++)
        if (strncmp(p->words[i], name, length) == 0 && (p->words[i][length] == '=' || p->words[i][length] == '\0'))
            return p->words[i][length] ? strtoull(p->words[i] + length + 1, NULL, 10) : 1;
    return 0;
}

static bool fails_now(const program *p, const char *name, uint64_t step)
{
    return said(p, name) == step && (!p->looks || said(p, "always"));
}

static void say(const program *p, tn_wire_type type, json_t *what)
{
    char *text = json_dumps(what, JSON_COMPACT);
    if (p->link && text)
        tn_link_text(p->link, type, text);
    free(text);
    json_decref(what);
}

static void hello(const program *p)
{
    say(p, TN_WIRE_HELLO,
        json_pack("{s:i, s:i, s:i, s:i, s:s, s:O}", "protocol", 1, "pid", (int)getpid(), "rank", p->rank, "world", p->world, "framework",
                  "toy 1", "trial", json_object_get(p->trial, "id")));
    if (p->link)
        tn_link_flush(p->link);
}

static void apply(program *p)
{
    json_t *applied = json_array(), *refused = json_object();
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(p->trial, "knobs"), name, value)
    {
        if (strcmp(name, "batch_size") == 0 && said(p, "refuses"))
            json_object_set_new(refused, name, json_string("it has no batches; add: x, y = toy.data(x, y)"));
        else if (strcmp(name, "learning_rate") != 0 || !said(p, "forgets"))
            json_array_append_new(applied, json_string(name));
    }
    if (json_is_integer(json_object_get(p->trial, "seed")))
        json_array_append_new(applied, json_string("seed"));
    p->steps = said(p, "steps") ? said(p, "steps") : 200;
    p->rate = 0.1;
    if (json_is_number(json_object_get(json_object_get(p->trial, "knobs"), "learning_rate")))
        p->rate = json_number_value(json_object_get(json_object_get(p->trial, "knobs"), "learning_rate"));
    uint64_t asked = (uint64_t)json_integer_value(json_object_get(p->trial, "steps")),
             own = (uint64_t)json_integer_value(json_object_get(p->trial, "own_steps"));
    if (said(p, "uncounted") && own > 0 && asked > own)
        p->steps *= (asked + own - 1) / own;
    if (json_is_integer(json_object_get(p->trial, "steps")) && !said(p, "uncounted")) {
        json_array_append_new(applied, json_string("steps"));
        p->steps = (uint64_t)json_integer_value(json_object_get(p->trial, "steps"));
    }
    say(p, TN_WIRE_APPLIED, json_pack("{s:o, s:o}", "applied", applied, "refused", refused));
}

static double loss_at(const program *p, uint64_t step)
{
    return 2 * pow(0.97, (double)step) * p->rate / 0.1;
}

static void score(const program *p, uint64_t step)
{
    double loss = loss_at(p, step);
    const tn_score_point point = {
        .step = step, .samples = 8 * step, .train_score = 1 - loss / 2, .valid_score = NAN, .train_loss = loss, .valid_loss = NAN};
    if (p->link)
        tn_link_score(p->link, &point);
}

static void vitals(const program *p, uint64_t step)
{
    static const tn_tensor_name NAMES[] = {
        {.node = "net.0", .op = "dense", .role = TN_ROLE_ACTIVATION, .count = 4, .units = 2},
        {.node = "net.0", .parameter = "weight", .op = "dense", .role = TN_ROLE_WEIGHT, .count = 2, .units = 2},
    };
    uint64_t every = (uint64_t)json_integer_value(json_object_get(p->trial, "vitals_every"));
    if (!p->link || every == 0 || (step - 1) % every != 0)
        return;
    for (uint32_t i = 0; i < 2; i++) {
        const float values[] = {(float)step, (float)(step + 10 * (uint64_t)p->rank), -1, 0};
        tn_vitals made;
        tn_vitals_init(&made);
        tn_vitals_add(&made, values, NAMES[i].count);
        if (step == 1)
            tn_link_tensor(p->link, i, &NAMES[i]);
        if (NAMES[i].role == TN_ROLE_ACTIVATION) {
            tn_unit unit[2];
            tn_unit_vitals units;
            tn_unit_vitals_init(&units, unit, 2, -INFINITY, INFINITY);
            tn_unit_vitals_add(&units, values, 2, 1);
            tn_link_units(p->link, step, i, &units, 2);
        }
        tn_link_vitals(p->link, step, i, &made);
    }
}

static void show(const program *p)
{
    if (json_integer_value(json_object_get(p->trial, "shown_samples")) > 0)
        say(p, TN_WIRE_SHOWN,
            json_pack("{s:[{s:i, s:[f, f], s:f, s:[f], s:[f], s:f, s:f}]}", "samples", "row", 5, "inputs", 1.0, 2.0, "label", 1.0,
                      "output_before", 0.25, "output_after", 0.75, "loss_before", 2.0, "loss_after", 0.5));
}

static void facts(const program *p)
{
    say(p, TN_WIRE_FACTS,
        json_pack("{s:i, s:i, s:s, s:i, s:i, s:i, s:I, s:i, s:f, s:b, s:[s,s,s,s,s], s:{s:s}, s:{s:{s:s, s:i, s:s}}, s:{s:s}}",
                  "parameters", 42, "train_samples", 80, "task", "classification", "classes", 2, "features", 3, "outputs", 2, "steps_total",
                  (json_int_t)(said(p, "steps") ? said(p, "steps") : 200), "batch_size", 8, "learning_rate", 0.1, "scored", 1, "knobs",
                  "seed", "learning_rate", "batch_size", "samples", "label_scale", "refused", "optimizer", "it has its own", "places",
                  "loss", "file", "train.py", "line", 12, "text", "loss(x, y)", "private", "secret", "kept"));
}

static void end_program(const program *p, const char *reason)
{
    if (p->looks)
        facts(p);
    say(p, TN_WIRE_END, json_pack("{s:s}", "reason", reason));
    if (p->link)
        tn_link_flush(p->link);
}

static void fail_as_told(program *p, uint64_t step)
{
    if (fails_now(p, "crash", step)) {
        fprintf(stderr, "about to crash\n");
        signal(SIGSEGV, SIG_DFL); /* a sanitizer has its own idea of it */
        raise(SIGSEGV);
    }
    if (fails_now(p, "exit", step)) {
        printf("giving up\n");
        exit(3);
    }
    if (fails_now(p, "hang", step))
        pause();
    if (fails_now(p, "nonsense", step)) {
        for (int i = 200; i < 260; i++)
            (void)!write(i, "this is no record, nor ever was", 31);
    }
    if (fails_now(p, "close", step)) {
        for (int i = 0; i < 1024; i++)
            close(i);
        sleep(600);
    }
}

static void log_step(uint64_t step, double loss)
{
    FILE *log = fopen(getenv("TENET_LOG"), "a");
    if (!log)
        return;
    fprintf(log, "{\"step\": %llu, \"loss\": %.9g, \"learning_rate\": 0.1}\n", (unsigned long long)step, loss);
    fclose(log);
}

static int train(program *p)
{
    if (!said(p, "lines"))
        score(p, 0);
    for (uint64_t step = 1; step <= p->steps; step++) {
        double loss = fails_now(p, "nan", step) ? NAN : loss_at(p, step - 1);
        fail_as_told(p, step);
        usleep(1000 * (unsigned)said(p, "slow"));
        vitals(p, step);
        const tn_step made = {.step = step, .samples = 8 * step, .loss = loss, .learning_rate = p->rate, .gradient_norm = 1};
        bool going_on = !p->link || tn_link_step(p->link, &made);
        if (said(p, "lines"))
            log_step(step, loss);
        uint64_t every = (uint64_t)json_integer_value(json_object_get(p->trial, "score_every"));
        if (every && step % every == 0)
            score(p, step);
        if (!going_on && !said(p, "deaf")) {
            end_program(p, "stopped");
            return 0;
        }
    }
    score(p, p->steps);
    show(p);
    end_program(p, json_is_integer(json_object_get(p->trial, "steps")) ? "steps" : "exit");
    if (said(p, "restless"))
        sleep(600);
    return 0;
}

/* A child that thinks it is somebody. */
static void fork_nuisance(program *p)
{
    pid_t child = fork();
    if (child != 0) {
        waitpid(child, NULL, 0);
        return;
    }
    tn_link *link;
    tn_link_step(p->link, &(tn_step){.step = 77, .loss = 77}); /* over its parent's */
    if (tn_link_open(getenv("TENET_SOCKET"), &link, NULL) == TN_OK) {
        p->link = link;
        hello(p);
        tn_link_text(link, TN_WIRE_STOP, "");
        tn_link_close(link);
    }
    _exit(0);
}

int toy_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--toy") != 0)
        return -1;
    program p = {.words = argv + 2, .world = 1};
    const char *path = getenv("TENET_TRIAL");
    p.trial = path ? json_load_file(path, 0, NULL) : json_object();
    const char *mode = json_string_value(json_object_get(p.trial, "mode"));
    p.looks = mode && strcmp(mode, "look") == 0;
    printf("toy of mode %s\n", mode ? mode : "none");
    fflush(stdout);
    if (said(&p, "writes")) {
        FILE *file = fopen("written", "w");
        if (file)
            fclose(file);
    }
    pid_t rank = -1;
    if (said(&p, "ranks")) {
        p.world = 2;
        rank = fork();
        p.rank = rank == 0;
    }
    if (!said(&p, "silent") && !said(&p, "lines") && tn_link_open(getenv("TENET_SOCKET"), &p.link, NULL) != TN_OK)
        return 9;
    if (p.link)
        hello(&p);
    apply(&p);
    if (said(&p, "forks"))
        fork_nuisance(&p);
    int status = train(&p);
    tn_link_close(p.link);
    json_decref(p.trial);
    if (rank > 0)
        waitpid(rank, NULL, 0);
    return status;
}

/* ---- the test's side ---- */

void toy_settings(toy *made, ...)
{
    *made = (toy){0};
    ssize_t length = readlink("/proc/self/exe", made->program, sizeof made->program - 1);
    if (length <= 0)
        abort();
    size_t count = 0;
    made->command[count++] = made->program;
    made->command[count++] = "--toy";
    va_list words;
    va_start(words, made);
    for (const char *word = va_arg(words, const char *); word && count < TOY_WORDS + 2; word = va_arg(words, const char *))
        made->command[count++] = word;
    va_end(words);
    made->settings = (tn_process_settings){
        .command = made->command, .name = "toy", .threads = 1, .silence_seconds = 20, .look_seconds = 5, .cancel = &made->cancel};
}

tn_subject *toy_open(const toy *made)
{
    tn_subject *subject = NULL;
    tn_error error = {0};
    if (tn_subject_process(&made->settings, &subject, &error) != TN_OK) {
        fprintf(stderr, "toy: %s\n", error.message);
        abort();
    }
    return subject;
}
