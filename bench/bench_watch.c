/* bench_watch.c: what it costs a training to be watched: `off`, `auto` and `all` in turns, in one process.
 *
 *     bench_watch NET THREADS ROUNDS     NET of nets.c; what bench/watch_cost.py runs
 *
 * Three trainings as `tenet train --store` makes them (a subject, the rules, a store on disk), each in a thread of its own. One at a time has the turn, for a fixed time, while the others wait
 * inside their step's observer; what it handed over is committed before the next turn begins, outside its time, so that nobody pays for another. A round is a turn of each, in changing
 * order. Prints one line of JSON: for each of the three, medians over rounds of microseconds a step by the clock and of the processor (all threads, the store's included), and the median of
 * the rounds' ratios to `off`, and the same of the training's own thread, which a busy machine stretches least; tensors and megabytes of an observed step; and bytes of the store for each step that was observed. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "nets.h"
#include "rules/rules.h"
#include "subject/subject.h"

enum { OFF, AUTO, ALL, MODES, ROUNDS_MAX = 100, WARM_ROUNDS = 1 };

static const char *const MODE_NAMES[MODES] = {"off", "auto", "all"};

/* Of a turn. Longer than the store gathers before it commits. */
#define TURN_NS UINT64_C(600000000)

/* `auto` as tenet train has it. */
static const double SHARE = 0.05;

/* Whose turn it is; MODES: nobody's. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int turn;
    bool over;
} gate;

typedef struct training {
    gate *gate;
    int mode;
    const tn_hypes *hypes;
    size_t threads;
    char path[96];
    tn_store *store;
    pthread_t thread;
    uint64_t start_ns, start_steps; /* of the turn */
    double start_cpu, start_thread;
    uint64_t steps, observed, last_observed, tensors, bytes, replayed;
    double turn_us, turn_cpu_us, turn_thread_us; /* a step of the last turn */
} training;

static double processor_us(clockid_t of)
{
    struct timespec spent;
    clock_gettime(of, &spent);
    return (double)spent.tv_sec * 1e6 + (double)spent.tv_nsec / 1e3;
}

/* Waits for the turn; false where there is none to come. */
static bool begin_turn(training *t)
{
    pthread_mutex_lock(&t->gate->lock);
    while (t->gate->turn != t->mode && !t->gate->over)
        pthread_cond_wait(&t->gate->changed, &t->gate->lock);
    bool goes_on = !t->gate->over;
    pthread_mutex_unlock(&t->gate->lock);
    t->start_steps = t->steps;
    t->start_cpu = processor_us(CLOCK_PROCESS_CPUTIME_ID);
    t->start_thread = processor_us(CLOCK_THREAD_CPUTIME_ID);
    t->start_ns = tn_clock_ns();
    return goes_on;
}

static void end_turn(training *t, uint64_t now_ns)
{
    double steps = (double)(t->steps - t->start_steps);
    t->turn_thread_us = (processor_us(CLOCK_THREAD_CPUTIME_ID) - t->start_thread) / steps;
    tn_error error;
    if (tn_store_flush(t->store, &error) != TN_OK)
        bench_fail(error.message);
    t->turn_us = (double)(now_ns - t->start_ns) / 1e3 / steps;
    t->turn_cpu_us = (processor_us(CLOCK_PROCESS_CPUTIME_ID) - t->start_cpu) / steps;
    pthread_mutex_lock(&t->gate->lock);
    t->gate->turn = MODES;
    pthread_cond_broadcast(&t->gate->changed);
    pthread_mutex_unlock(&t->gate->lock);
}

static bool on_step(void *context, const tn_step *step)
{
    training *t = context;
    t->steps = step->step;
    uint64_t now_ns = tn_clock_ns();
    if (now_ns - t->start_ns < TURN_NS)
        return true;
    end_turn(t, now_ns);
    return begin_turn(t);
}

static void on_tensor(void *context, const tn_tensor_seen *seen)
{
    training *t = context;
    bool is_new = seen->step != t->last_observed;
    t->observed += is_new;
    t->replayed += is_new && seen->replayed;
    t->last_observed = seen->step;
    t->tensors++;
    t->bytes += 4 * seen->name->count;
}

static void *run(void *context)
{
    training *t = context;
    tn_error error;
    tn_subject *subject;
    tn_rule_settings settings;
    tn_rule_set *rules;
    tn_rule_settings_init(&settings);
    if (tn_subject_native(t->hypes, t->store, NULL, &subject, &error) != TN_OK || tn_rule_set_create(&settings, &rules, &error) != TN_OK)
        bench_fail(error.message);
    /* As tenet train has them: who hears of steps at once hears of no tensors. */
    const tn_observer observers[] = {
        tn_rule_set_observer(rules), {.context = t, .on_tensor = on_tensor, .may_lag = true}, {.context = t, .on_step = on_step}};
    const tn_trial_request request = {.experiment = "train",
                                      .stop_at_train_score = 2, /* never */
                                      .vitals_every = t->mode == ALL ? 1 : 0,
                                      .vitals_share = t->mode == AUTO ? SHARE : 0,
                                      .is_training = true,
                                      .unscored = true,
                                      .may_lag = true,
                                      .observers = observers,
                                      .observer_count = sizeof observers / sizeof *observers};
    tn_trial_result result = {0};
    begin_turn(t);
    if (tn_subject_run(subject, &request, t->threads, &result, &error) != TN_OK)
        bench_fail(error.message);
    if (!t->gate->over)
        bench_fail("a training ended by itself");
    tn_trial_result_deinit(&result);
    tn_rule_set_destroy(rules);
    tn_subject_destroy(subject);
    return NULL;
}

static void give_turn(gate *g, int mode)
{
    pthread_mutex_lock(&g->lock);
    g->turn = mode;
    g->over = mode == MODES;
    pthread_cond_broadcast(&g->changed);
    while (g->turn != MODES)
        pthread_cond_wait(&g->changed, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static void print(const bench_net *n, size_t threads, training trainings[MODES], double wall[MODES][ROUNDS_MAX],
                  double cpu[MODES][ROUNDS_MAX], double thread[MODES][ROUNDS_MAX], size_t rounds)
{
    printf("{\"net\": \"%s\", \"batch\": %zu, \"threads\": %zu, \"rounds\": %zu", n->name, n->batch, threads, rounds);
    double ratios[MODES][ROUNDS_MAX], cpu_ratios[MODES][ROUNDS_MAX], thread_ratios[MODES][ROUNDS_MAX];
    for (size_t m = 0; m < MODES; m++)
        for (size_t r = 0; r < rounds; r++) {
            ratios[m][r] = wall[m][r] / wall[OFF][r];
            cpu_ratios[m][r] = cpu[m][r] / cpu[OFF][r];
            thread_ratios[m][r] = thread[m][r] / thread[OFF][r];
        }
    for (size_t m = 0; m < MODES; m++) {
        const training *t = &trainings[m];
        struct stat file = {0};
        stat(t->path, &file);
        double observed = t->observed ? (double)t->observed : 1;
        printf(", \"%s\": {\"microseconds\": %.2f, \"ratio\": %.4f, \"processor_microseconds\": %.2f, \"processor_ratio\": %.4f, "
               "\"thread_microseconds\": %.2f, \"thread_ratio\": %.4f, \"steps\": "
               "%llu, \"observed\": %llu, \"replayed\": %llu, \"tensors\": %.2f, \"megabytes\": %.4f, \"stored_bytes\": %.0f}",
               MODE_NAMES[m], median(wall[m], rounds), median(ratios[m], rounds), median(cpu[m], rounds), median(cpu_ratios[m], rounds),
               median(thread[m], rounds), median(thread_ratios[m], rounds), (unsigned long long)t->steps, (unsigned long long)t->observed,
               (unsigned long long)t->replayed, (double)t->tensors / observed, (double)t->bytes / observed / 1e6,
               t->observed ? (double)file.st_size / observed : 0);
    }
    printf("}\n");
}

static void measure(const bench_net *n, size_t threads, size_t rounds)
{
    double wall[MODES][ROUNDS_MAX], cpu[MODES][ROUNDS_MAX], thread[MODES][ROUNDS_MAX];
    char folder[64], text[4096];
    tn_error error;
    tn_hypes *hypes;
    bench_net_begin(n, ", \"steps\": 1000000000", folder, text, sizeof text);
    if (tn_hypes_parse(text, strlen(text), "bench", folder, &hypes, &error) != TN_OK)
        bench_fail(error.message);
    gate g = {.turn = MODES};
    pthread_mutex_init(&g.lock, NULL);
    pthread_cond_init(&g.changed, NULL);
    training trainings[MODES] = {0};
    for (int m = 0; m < MODES; m++) {
        training *t = &trainings[m];
        *t = (training){.gate = &g, .mode = m, .hypes = hypes, .threads = threads};
        snprintf(t->path, sizeof t->path, "%s/%s.tenet", folder, MODE_NAMES[m]);
        if (tn_store_open(t->path, &t->store, &error) != TN_OK)
            bench_fail(error.message);
        if (pthread_create(&t->thread, NULL, run, t) != 0)
            bench_fail("no thread");
    }
    for (size_t r = 0; r < rounds + WARM_ROUNDS; r++)
        for (size_t i = 0; i < MODES; i++) {
            size_t m = (i + r) % MODES;
            give_turn(&g, (int)m);
            if (r < WARM_ROUNDS)
                continue;
            wall[m][r - WARM_ROUNDS] = trainings[m].turn_us;
            cpu[m][r - WARM_ROUNDS] = trainings[m].turn_cpu_us;
            thread[m][r - WARM_ROUNDS] = trainings[m].turn_thread_us;
        }
    give_turn(&g, MODES);
    for (size_t m = 0; m < MODES; m++) {
        pthread_join(trainings[m].thread, NULL);
        if (tn_store_close(trainings[m].store, &error) != TN_OK)
            bench_fail(error.message);
    }
    print(n, threads, trainings, wall, cpu, thread, rounds);
    for (size_t m = 0; m < MODES; m++)
        unlink(trainings[m].path);
    tn_hypes_destroy(hypes);
    pthread_cond_destroy(&g.changed);
    pthread_mutex_destroy(&g.lock);
    bench_net_end(folder);
}

int main(int argc, char **argv)
{
    size_t threads = argc == 4 ? (size_t)strtoul(argv[2], NULL, 10) : 0, rounds = argc == 4 ? (size_t)strtoul(argv[3], NULL, 10) : 0;
    for (size_t i = 0; threads && rounds && rounds <= ROUNDS_MAX && i < BENCH_NETS; i++)
        if (strcmp(argv[1], bench_nets[i].name) == 0) {
            measure(&bench_nets[i], threads, rounds);
            return 0;
        }
    bench_fail("use: bench_watch NET THREADS ROUNDS (1 to 100)");
}
