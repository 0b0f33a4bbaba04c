/* trainer_batch.c: the samples of a batch and their labels, put where the network and the loss read them. Which samples those are is decided elsewhere (trainer_step.c).
 *
 * A sample depends on its number in the set and, in training, on its number in the training alone, so that a batch may be made in pieces, by any thread. */
#include <string.h>

#include "base/memory.h"
#include "engine/trainer_parts.h"

bool tn_trainer_place_init(const tn_trainer *t, tn_trainer_place *place)
{
    size_t batch = t->plan.batch, input = tn_shape_size(&t->graph.input), widest = input > t->output_size ? input : t->output_size;
    place->classes = tn_memory_create(batch * t->label_steps, sizeof *place->classes);
    place->targets = tn_memory_create(t->label_steps > 1 ? 0 : batch * t->output_size, sizeof *place->targets);
    place->staging = tn_memory_create(sizeof(tn_real) == sizeof(float) ? 0 : batch * widest, sizeof *place->staging);
    return place->classes && place->targets && place->staging;
}

void tn_trainer_place_deinit(tn_trainer_place *place)
{
    tn_memory_destroy(place->classes);
    tn_memory_destroy(place->targets);
    tn_memory_destroy(place->staging);
}

/* The data comes as floats: straight to its place, or in double into `staging`, from where it is widened. */
#ifdef TN_REAL_DOUBLE
static float *floats_for(tn_real *place, float *staging)
{
    (void)place;
    return staging;
}

static void widen(const float *from, size_t count, tn_real *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (tn_real)from[i];
}
#else
static float *floats_for(tn_real *place, float *staging)
{
    (void)staging;
    return place;
}

static void widen(const float *from, size_t count, tn_real *to)
{
    (void)from;
    (void)count;
    (void)to;
}
#endif

void tn_trainer_load_inputs(const tn_trainer *t, const tn_trainer_wanted *wanted, size_t first, size_t count, tn_pool *pool,
                            const tn_trainer_place *to)
{
    const size_t size = wanted->values;
    float *inputs = floats_for(to->inputs, to->staging) + first * size;
    tn_dataset_first_inputs(wanted->set, wanted->samples + first, count, size, inputs);
    if (wanted->training && t->augment.is_on)
        tn_augment_batch(&t->augment, wanted->set, wanted->number + first, count, pool, inputs);
    widen(inputs, count * size, to->inputs + first * size);
}

static void load_targets(const tn_trainer *t, const tn_trainer_wanted *wanted, size_t first, size_t count, const tn_trainer_place *to)
{
    const size_t width = t->output_size;
    float *targets = floats_for(to->targets, to->staging) + first * width;
    tn_dataset_target_labels(wanted->set, wanted->samples + first, count, targets);
    if (wanted->training && t->augment.is_on)
        tn_augment_boxes(&t->augment, wanted->set, wanted->number + first, count, targets);
    widen(targets, count * width, to->targets + first * width);
}

/* Class numbers for a loss that takes targets: the number itself of one output, else a 1 in its place. */
static void spread_classes(size_t width, size_t count, const int32_t *classes, tn_real *targets)
{
    memset(targets, 0, count * width * sizeof *targets);
    for (size_t i = 0; i < count; i++) {
        if (width == 1)
            targets[i] = (tn_real)classes[i];
        else
            targets[i * width + (size_t)classes[i]] = 1;
    }
}

void tn_trainer_load_labels(const tn_trainer *t, const tn_trainer_wanted *wanted, size_t first, size_t count, const tn_trainer_place *to)
{
    if (tn_dataset_label_kind(wanted->set) != TN_LABELS_CLASSES) {
        load_targets(t, wanted, first, count, to);
        return;
    }
    int32_t *classes = to->classes + first * wanted->steps;
    tn_dataset_first_labels(wanted->set, wanted->samples + first, count, wanted->steps, classes);
    if (!t->loss->takes_classes)
        spread_classes(t->output_size, count, classes, to->targets + first * t->output_size);
}

tn_labels tn_trainer_labels(const tn_trainer *t, const tn_dataset *set, size_t count)
{
    if (tn_dataset_label_kind(set) != TN_LABELS_CLASSES || !t->loss->takes_classes)
        return (tn_labels){.targets = t->place->targets};
    tn_labels labels = {.classes = t->place->classes};
    for (size_t i = 0; i < count * t->label_steps; i++)
        labels.counted += labels.classes[i] >= 0;
    return labels;
}

/* Whether what vertex `index` puts out lies where the network's input does: it renames or overwrites it. Both live at once, so no other tensor has that offset then. */
static bool lies_in_input(const tn_trainer *t, size_t index)
{
    for (; index != TN_GRAPH_INPUT; index = t->graph.vertices[index].sources[0])
        if (t->plan.vertices[index].output != t->plan.input)
            return false;
    return true;
}

void tn_trainer_move_to(tn_trainer *t, const tn_trainer_place *place)
{
    t->place = place;
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_vertex *vertex = &t->graph.vertices[i];
        tn_pass *pass = &t->passes[i];
        for (size_t k = 0; k < vertex->node.input_count; k++)
            if (lies_in_input(t, vertex->sources[k]))
                pass->inputs[k] = place->inputs;
        if (lies_in_input(t, i))
            pass->output = place->inputs;
    }
}
