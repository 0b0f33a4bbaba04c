/* trainer_state.c: checkpoints. A state is one block of memory for the same net, hypes and machine; it is no file format.
 *
 * header, generators of the batches and of each vertex, values, slots, the state that sequences carry to the next batch. Gradients and activations are not part of it: a step makes them
 * anew. The order of the current epoch is not stored either but drawn again from the generator as it was before. */
#include <string.h>

#include "engine/trainer_parts.h"

typedef struct header {
    uint64_t magic, size;
    uint64_t step, samples, epoch, position;
    tn_rng epoch_batches;
} header;

#define MAGIC UINT64_C(0x3165746174736e74) /* "tnstate1" */

size_t tn_trainer_state_size(const tn_trainer *t)
{
    return sizeof(header) + t->graph.count * sizeof(tn_rng) +
           (t->values_size + t->slot_count * t->trainable_size + t->carried_size) * sizeof(tn_real);
}

static unsigned char *put(unsigned char *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

static const unsigned char *get(const unsigned char *from, void *to, size_t size)
{
    memcpy(to, from, size);
    return from + size;
}

void tn_trainer_save(const tn_trainer *t, void *state)
{
    header head;
    memset(&head, 0, sizeof head); /* padding too, so that equal states are equal bytes */
    head.magic = MAGIC;
    head.size = tn_trainer_state_size(t);
    head.step = t->step;
    head.samples = t->samples;
    head.epoch = t->epoch;
    head.position = t->position;
    head.epoch_batches = t->epoch_batches;
    unsigned char *to = put(state, &head, sizeof head);
    to = put(to, t->rngs, t->graph.count * sizeof *t->rngs);
    to = put(to, t->values, t->values_size * sizeof *t->values);
    for (size_t i = 0; i < t->slot_count; i++)
        to = put(to, t->slots[i], t->trainable_size * sizeof *t->slots[i]);
    if (t->carries)
        put(to, t->carried_on, t->carried_size * sizeof *t->carried_on);
}

tn_status tn_trainer_restore(tn_trainer *t, const void *state, size_t size, tn_error *error)
{
    header head;
    if (size < sizeof head || size != tn_trainer_state_size(t))
        return tn_fail(error, TN_ERROR_DATA,
                       "the checkpoint has %zu bytes, and this network and optimizer need %zu; it was saved from another one", size,
                       tn_trainer_state_size(t));
    const unsigned char *from = get(state, &head, sizeof head);
    if (head.magic != MAGIC || head.size != size || head.position > t->epoch_samples)
        return tn_fail(error, TN_ERROR_DATA, "these %zu bytes are no checkpoint of this network", size);
    tn_trainer_drop_ahead(t);
    t->step = head.step;
    t->samples = head.samples;
    t->epoch = head.epoch;
    t->position = (size_t)head.position;
    t->batches = head.epoch_batches;
    tn_trainer_draw_order(t);
    from = get(from, t->rngs, t->graph.count * sizeof *t->rngs);
    from = get(from, t->values, t->values_size * sizeof *t->values);
    for (size_t i = 0; i < t->slot_count; i++)
        from = get(from, t->slots[i], t->trainable_size * sizeof *t->slots[i]);
    if (t->carries)
        get(from, t->carried_on, t->carried_size * sizeof *t->carried_on);
    return TN_OK;
}
