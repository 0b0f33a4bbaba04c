/* trainer_work.c: what a sample costs, counted rather than timed, so that whoever plans trials by it plans the same on every machine. */
#include "engine/trainer_parts.h"

/* Every weight is used once for each output position of its unit: once in a dense layer, once a pixel in a convolution. */
static double node_work(const tn_node *node)
{
    double work = (double)tn_shape_size(&node->output);
    for (size_t i = 0; i < node->parameter_count; i++) {
        const tn_parameter *parameter = &node->parameters[i];
        if (parameter->shape.rank < 2)
            continue;
        double units = (double)parameter->shape.dims[parameter->unit_axis];
        work += (double)tn_shape_size(&parameter->shape) * (double)tn_shape_size(&node->output) / units;
    }
    return work;
}

double tn_trainer_work(const tn_trainer *trainer)
{
    double work = 0;
    for (size_t i = 0; i < trainer->graph.count; i++)
        work += node_work(&trainer->graph.vertices[i].node);
    return work;
}
