/* trainer_carry.c: sequences that go on from one batch to the next (solver.carry_state). The training samples, which follow one another, are cut into as many streams of one length as a batch has
 * samples; a step takes the next sample of each, and its recurrent nodes start where the step before left them:
 *
 *     stream 0   sample 0    1    2    3      step s: samples s, 4 + s, 8 + s
 *     stream 1   sample 4    5    6    7      the state of sample 4 + s starts behind that of 4 + s - 1
 *     stream 2   sample 8    9   10   11
 *
 * No gradient passes from a batch to the one before. A state is 0 at the start of an epoch, and where a sample does not go on where the one before it ended, since rows were left out. What fills no step is
 * not trained on. A prediction reads each sample by itself, from a state of 0. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/trainer_parts.h"

static tn_status refuse(const tn_hypes *hypes, const tn_node *reversed, tn_error *error)
{
    char path[40];
    if (!reversed)
        return tn_hypes_fail(hypes, "solver.carry_state", error,
                             "there is no rnn, gru or lstm in the net that has a state to carry; leave carry_state out");
    snprintf(path, sizeof path, "net.%zu", reversed->index);
    return tn_hypes_fail(hypes, path, error,
                         "%s reads its sequences from their end, too, and what comes behind a batch is not known in it; leave "
                         "\"bidirectional\" out, or solver.carry_state",
                         reversed->name);
}

tn_status tn_trainer_lay_carried(tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    if (!tn_dataset_rows_follow(t->data->train))
        return tn_hypes_fail(hypes, "solver.carry_state", error,
                             "carries the state of a sample to the one that goes on where it ends, and here none does; it takes the format "
                             "\"text\" with a \"stride\" as long as \"time\"");
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_node *node = &t->graph.vertices[i].node;
        size_t reals = 0;
        if (node->carried_count == 0)
            continue;
        if (node->carried_width == 0)
            return refuse(hypes, node, error);
        t->vertices[i].carried = t->carried_size;
        if (!tn_size_multiply(t->batch, node->carried_count * node->carried_width, &reals))
            return tn_fail_memory(error, SIZE_MAX);
        t->carried_size += reals;
    }
    if (t->carried_size == 0)
        return refuse(hypes, NULL, error);
    t->carried = tn_memory_create(t->carried_size, sizeof *t->carried);
    t->carried_on = tn_memory_create(t->carried_size, sizeof *t->carried_on);
    return t->carried && t->carried_on ? TN_OK : tn_fail_memory(error, t->carried_size * sizeof *t->carried);
}

void tn_trainer_draw_streams(const tn_trainer *t, uint32_t *order)
{
    const size_t steps = t->epoch_samples / t->batch;
    for (size_t i = 0; i < t->epoch_samples; i++)
        order[i] = (uint32_t)(i % t->batch * steps + i / t->batch);
}

/* Whether sequence b of the batch that comes now goes on where that of the last batch ended. */
static bool goes_on(const tn_trainer *t, size_t batch, size_t b)
{
    if (t->position < batch)
        return false;
    const tn_dataset *set = t->data->train;
    const size_t before = t->order[t->position - batch + b], now = t->order[t->position + b];
    return tn_dataset_row(set, now) == tn_dataset_row(set, before) + 1;
}

void tn_trainer_begin_carried(tn_trainer *t, size_t batch)
{
    memcpy(t->carried, t->carried_on, t->carried_size * sizeof *t->carried);
    for (size_t b = 0; b < batch; b++) {
        if (goes_on(t, batch, b))
            continue;
        for (size_t i = 0; i < t->graph.count; i++) {
            const tn_node *node = &t->graph.vertices[i].node;
            tn_real *state = t->carried + t->vertices[i].carried + b * node->carried_width;
            for (size_t k = 0; k < node->carried_count; k++)
                memset(state + k * batch * node->carried_width, 0, node->carried_width * sizeof *state);
        }
    }
}
