/* trainer_work.c: what a sample costs, counted rather than timed, so that whoever plans trials by it plans the same on every machine. */
#include "engine/trainer_parts.h"

double tn_trainer_work(const tn_trainer *trainer)
{
    double work = 0;
    for (size_t i = 0; i < trainer->graph.count; i++) {
        const tn_node *node = &trainer->graph.vertices[i].node;
        work += node->multiply_adds + (double)tn_shape_size(&node->output);
    }
    return work;
}
