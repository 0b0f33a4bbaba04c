/* bench_batches.c: what it saves to make the next batch while a step runs, and to put sequences of similar length in one.
 *
 *     bench_batches ahead HYPES [PATH=VALUE ...]      hypes with changes, as --set takes them
 *     bench_batches buckets HYPES [PATH=VALUE ...]    which have data.buckets
 *
 * Two trainers of the same hypes on one thread, one of which works ahead, take blocks of steps in turns, so that whatever else the machine does falls on both. Prints one line of JSON: {"step_us",
 * "ahead_us" (medians over the blocks), "saved" (the median of what each pair of blocks says), "making_us" (what the batches alone take, measured), "counted_us" (what the decision goes by), "works_ahead"}. The losses of both are compared: the
 * program fails where one bit differs.
 *
 * buckets: a trainer without data.buckets and one with take steps in turns, on one thread: {"epoch_steps", "padded_s", "buckets_s" (seconds that an epoch takes, by the mean of all steps that were
 * timed), "saved"}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/augment.h"
#include "engine/trainer_parts.h"
#include "hypes/hypes.h"

enum { BLOCKS = 41, BLOCK_NS = 100000000, WARM = 10 };

static void fail(const tn_error *error)
{
    char text[4096];
    tn_error_format(error, text, sizeof text);
    fprintf(stderr, "bench_batches: %s\n", text);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double values[BLOCKS])
{
    qsort(values, BLOCKS, sizeof *values, compare);
    return values[BLOCKS / 2];
}

static tn_hypes *read_hypes(int count, char **arguments)
{
    tn_error error;
    tn_hypes *hypes = NULL, *changed = NULL;
    if (tn_hypes_load(arguments[0], &hypes, &error) != TN_OK)
        fail(&error);
    json_t *patch = json_object();
    for (int i = 1; i < count; i++)
        if (tn_patch_assign(patch, arguments[i], &error) != TN_OK)
            fail(&error);
    if (tn_hypes_patch(hypes, patch, &changed, &error) != TN_OK)
        fail(&error);
    json_decref(patch);
    tn_hypes_destroy(hypes);
    return changed;
}

/* Microseconds a step over `steps` steps. */
static double run(tn_trainer *trainer, uint64_t steps, double *losses)
{
    tn_step_result result;
    uint64_t start = tn_clock_ns();
    for (uint64_t i = 0; i < steps; i++) {
        tn_trainer_step(trainer, false, NULL, NULL, &result);
        *losses += result.loss * (double)(i + 1);
    }
    return (double)(tn_clock_ns() - start) / (double)steps / 1e3;
}

static double time_making(tn_trainer *t, uint64_t times)
{
    uint64_t start = tn_clock_ns();
    for (uint64_t i = 0; i < times; i++) {
        const size_t at = (size_t)i * t->batch % (t->epoch_samples - t->batch + 1);
        tn_trainer_wanted wanted = tn_trainer_want(t, tn_trainer_nets(t) - 1, t->data->train, t->order + at);
        wanted.training = true;
        wanted.number = i * t->batch;
        tn_trainer_load_inputs(t, &wanted, 0, t->batch, NULL, t->place);
        tn_trainer_load_labels(t, &wanted, 0, t->batch, t->place);
    }
    return (double)(tn_clock_ns() - start) / (double)times / 1e3;
}

/* Steps of each trainer, in turns of so many. */
enum { BUCKET_ROUNDS = 50, BUCKET_STEPS = 2 };

static int compare_buckets(const tn_hypes *hypes)
{
    tn_error error;
    tn_data data;
    tn_hypes *of[2];
    tn_trainer *both[2];
    double microseconds[2] = {0, 0}, losses = 0;
    json_t *patches[2] = {json_pack("{s:n}", "data.buckets"), json_object()};
    if (tn_data_open(hypes, NULL, &data, &error) != TN_OK)
        fail(&error);
    for (size_t k = 0; k < 2; k++)
        if (tn_hypes_patch(hypes, patches[k], &of[k], &error) != TN_OK || tn_trainer_create(of[k], &data, NULL, &both[k], &error) != TN_OK)
            fail(&error);
    for (size_t round = 0; round < BUCKET_ROUNDS; round++)
        for (size_t k = 0; k < 2; k++)
            microseconds[(round + k) % 2] += run(both[(round + k) % 2], BUCKET_STEPS, &losses);
    const double steps = (double)tn_trainer_steps_per_epoch(both[0]);
    printf("{\"epoch_steps\": %.0f, \"padded_s\": %.1f, \"buckets_s\": %.1f, \"saved\": %.3f}\n", steps,
           microseconds[0] / BUCKET_ROUNDS * steps / 1e6, microseconds[1] / BUCKET_ROUNDS * steps / 1e6,
           1 - microseconds[1] / microseconds[0]);
    for (size_t k = 0; k < 2; k++) {
        tn_trainer_destroy(both[k]);
        tn_hypes_destroy(of[k]);
        json_decref(patches[k]);
    }
    tn_data_close(&data);
    return 0;
}

static int compare_ahead(const tn_hypes *hypes)
{
    tn_error error;
    tn_data data;
    tn_trainer *both[2];
    double times[2][BLOCKS], saved[BLOCKS], losses[2] = {0, 0};
    if (tn_data_open(hypes, NULL, &data, &error) != TN_OK)
        fail(&error);
    for (size_t k = 0; k < 2; k++) {
        if (tn_trainer_create(hypes, &data, NULL, &both[k], &error) != TN_OK)
            fail(&error);
        both[k]->steps_total = UINT64_MAX;
    }
    if (tn_trainer_work_ahead(both[1], &error) != TN_OK)
        fail(&error);
    double warm = run(both[0], WARM, &losses[0]);
    (void)run(both[1], WARM, &losses[1]);
    const uint64_t steps = BLOCK_NS / 4 / (uint64_t)(warm * 1e3) + 1;
    for (size_t block = 0; block < BLOCKS; block++) {
        for (size_t k = 0; k < 2; k++) {
            const size_t turn = (block + k) % 2;
            times[turn][block] = run(both[turn], steps, &losses[turn]);
        }
        saved[block] = 1 - times[1][block] / times[0][block];
    }
    if (!(losses[0] == losses[1])) {
        fprintf(stderr, "bench_batches: the losses differ: %.17g and %.17g\n", losses[0], losses[1]);
        return 1;
    }
    const double alone = median(times[0]), ahead = median(times[1]);
    printf("{\"step_us\": %.1f, \"ahead_us\": %.1f, \"saved\": %.3f, \"making_us\": %.1f, \"counted_us\": %.1f, \"works_ahead\": %s}\n",
           alone, ahead, median(saved), time_making(both[0], 2000), tn_trainer_batch_work(both[0]) / 1e3,
           tn_trainer_works_ahead(both[1]) ? "true" : "false");
    for (size_t k = 0; k < 2; k++)
        tn_trainer_destroy(both[k]);
    tn_data_close(&data);
    return 0;
}

int main(int count, char **arguments)
{
    const bool buckets = count > 2 && strcmp(arguments[1], "buckets") == 0;
    if (!buckets && (count < 3 || strcmp(arguments[1], "ahead") != 0)) {
        fprintf(stderr, "usage: bench_batches ahead|buckets HYPES [PATH=VALUE ...]\n");
        return 2;
    }
    tn_hypes *hypes = read_hypes(count - 2, arguments + 2);
    int code = buckets ? compare_buckets(hypes) : compare_ahead(hypes);
    tn_hypes_destroy(hypes);
    return code;
}
