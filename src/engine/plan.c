/* plan.c: see plan.h.
 *
 * 1. lay_outputs: each output gets a region, its own or that of the tensor it overwrites or renames.
 * 2. lay_gradients: the same backwards.
 * 3. place: regions get offsets, the largest first, each in the lowest gap among regions that live at the same time (the greedy rule of
 * Pisarchyk and Lee 2020, arXiv:2001.03288). */
#include "engine/plan.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

/* A piece of the block. */
typedef struct region {
    size_t size;        /* reals, whole cache lines */
    size_t first, last; /* times */
    size_t offset;
} region;

typedef struct planner {
    const tn_graph *graph;
    size_t batch;
    region *regions;
    size_t count;
    size_t *writers;   /* [n + 1] the vertex whose forward made what lies there, through aliases; the last is for the input */
    size_t *readers;   /* [n + 1] edges that read what the writer made, aliases not counted */
    size_t *outputs;   /* [n + 1] region of each output, the last of the input */
    size_t *gradients; /* [n] region of each d_output or TN_PLAN_NONE */
    bool overflow;
} planner;

static size_t forward_time(size_t index)
{
    return index + 1;
}

static size_t backward_time(const planner *p, size_t index)
{
    return 2 * p->graph->count + 1 - index;
}

/* The input stands after the last vertex in the planner's arrays. */
static size_t slot_of(const planner *p, size_t source)
{
    return source == TN_GRAPH_INPUT ? p->graph->count : source;
}

static bool is_alias(const tn_vertex *vertex)
{
    return (vertex->node.op->flags & TN_OP_ALIAS) != 0;
}

static bool may_run_in_place(const tn_vertex *vertex)
{
    return (vertex->node.op->flags & TN_OP_BACKWARD_FROM_OUTPUT) != 0 && vertex->node.input_count == 1 &&
           tn_shape_size(&vertex->node.inputs[0]) == tn_shape_size(&vertex->node.output);
}

static size_t add_region(planner *p, size_t size, size_t time)
{
    size_t line = TN_ALIGNMENT / sizeof(tn_real);
    if (size > SIZE_MAX / 4)
        p->overflow = true;
    p->regions[p->count] = (region){.size = p->overflow ? 0 : (size + line - 1) / line * line, .first = time, .last = time};
    return p->count++;
}

static void extend(planner *p, size_t index, size_t time)
{
    region *r = &p->regions[index];
    if (time < r->first)
        r->first = time;
    if (time > r->last)
        r->last = time;
}

static size_t batch_of(planner *p, size_t per_sample)
{
    size_t size;
    if (!tn_size_multiply(p->batch, per_sample, &size))
        p->overflow = true;
    return p->overflow ? 0 : size;
}

static void count_readers(planner *p)
{
    size_t n = p->graph->count;
    p->writers[n] = n;
    for (size_t i = 0; i < n; i++) {
        const tn_vertex *vertex = &p->graph->vertices[i];
        p->writers[i] = is_alias(vertex) ? p->writers[slot_of(p, vertex->sources[0])] : i;
        for (size_t k = 0; k < vertex->node.input_count && !is_alias(vertex); k++)
            p->readers[p->writers[slot_of(p, vertex->sources[k])]]++;
    }
}

/* Whether backward of what made this tensor reads it. */
static bool is_read_by_its_writer(const planner *p, size_t writer)
{
    if (writer == p->graph->count)
        return false;
    const tn_vertex *vertex = &p->graph->vertices[writer];
    return vertex->needs_gradient && !(vertex->node.op->flags & TN_OP_IGNORES_OUTPUT);
}

static void lay_outputs(planner *p)
{
    size_t n = p->graph->count;
    p->outputs[n] = add_region(p, batch_of(p, tn_shape_size(&p->graph->input)), 0);
    for (size_t i = 0; i < n; i++) {
        const tn_vertex *vertex = &p->graph->vertices[i];
        size_t source = slot_of(p, vertex->sources[0]);
        size_t writer = p->writers[source];
        if (is_alias(vertex) || (may_run_in_place(vertex) && p->readers[writer] == 1 && !is_read_by_its_writer(p, writer)))
            p->outputs[i] = p->outputs[source];
        else
            p->outputs[i] = add_region(p, batch_of(p, tn_shape_size(&vertex->node.output)), forward_time(i));
        extend(p, p->outputs[i], forward_time(i));
        if (!is_alias(vertex) && is_read_by_its_writer(p, i))
            extend(p, p->outputs[i], backward_time(p, i));
        bool keeps_inputs =
            vertex->needs_gradient && !is_alias(vertex) && !(vertex->node.op->flags & (TN_OP_BACKWARD_FROM_OUTPUT | TN_OP_IGNORES_INPUTS));
        for (size_t k = 0; k < vertex->node.input_count; k++)
            extend(p, p->outputs[slot_of(p, vertex->sources[k])], keeps_inputs ? backward_time(p, i) : forward_time(i));
    }
    extend(p, p->outputs[n - 1], n + 1);
}

/* Gives the source of edge `k` of vertex `i` its d_output, and the edge its place to write. */
static void lay_edge_gradient(planner *p, tn_plan *plan, size_t i, size_t k)
{
    const tn_vertex *vertex = &p->graph->vertices[i];
    size_t source = vertex->sources[k];
    plan->vertices[i].d_inputs[k] = TN_PLAN_NONE;
    if (!tn_graph_edge_needs_gradient(p->graph, i, k))
        return;
    size_t time = backward_time(p, i);
    if (p->gradients[source] != TN_PLAN_NONE) {
        /* Not the first writer: a place of its own, added afterwards. */
        plan->vertices[i].accumulates[k] = true;
        plan->vertices[i].d_inputs[k] = add_region(p, batch_of(p, tn_shape_size(&vertex->node.inputs[k])), time);
        return;
    }
    bool passes = k == 0 && (vertex->node.op->flags & TN_OP_PASSES_GRADIENT) != 0;
    bool shares = p->graph->vertices[source].consumers == 1 && (is_alias(vertex) || may_run_in_place(vertex) || passes);
    p->gradients[source] = shares ? p->gradients[i] : add_region(p, batch_of(p, tn_shape_size(&vertex->node.inputs[k])), time);
    plan->vertices[i].d_inputs[k] = p->gradients[source];
    extend(p, p->gradients[source], backward_time(p, source));
}

static void lay_gradients(planner *p, tn_plan *plan)
{
    size_t n = p->graph->count;
    for (size_t i = 0; i < n; i++)
        p->gradients[i] = TN_PLAN_NONE;
    /* The loss always writes its gradient, even by a network in which nothing trains. */
    p->gradients[n - 1] = add_region(p, batch_of(p, tn_shape_size(&p->graph->vertices[n - 1].node.output)), n + 1);
    extend(p, p->gradients[n - 1], backward_time(p, n - 1));
    for (size_t i = n; i-- > 0;) {
        const tn_node *node = &p->graph->vertices[i].node;
        for (size_t k = 0; k < node->input_count; k++)
            lay_edge_gradient(p, plan, i, k);
    }
}

static size_t lay_saved(planner *p, size_t i)
{
    const tn_vertex *vertex = &p->graph->vertices[i];
    size_t per_sample = batch_of(p, vertex->node.saved_per_sample);
    if (vertex->node.saved_per_batch > SIZE_MAX / 8)
        p->overflow = true;
    size_t saved = add_region(p, per_sample + vertex->node.saved_per_batch, forward_time(i));
    if (vertex->needs_gradient)
        extend(p, saved, backward_time(p, i));
    return saved;
}

static size_t lay_scratch(planner *p, size_t threads)
{
    size_t most = 0;
    for (size_t i = 0; i < p->graph->count; i++) {
        const tn_node *node = &p->graph->vertices[i].node;
        size_t workers, samples = batch_of(p, node->scratch_per_sample);
        if (!tn_size_multiply(node->scratch_per_worker, threads, &workers) || workers > SIZE_MAX / 8 ||
            node->scratch_shared > SIZE_MAX / 8 || samples > SIZE_MAX / 8)
            p->overflow = true;
        else if (workers + node->scratch_shared + samples > most)
            most = workers + node->scratch_shared + samples;
    }
    size_t scratch = add_region(p, most, 0);
    extend(p, scratch, 2 * p->graph->count + 1);
    return scratch;
}

static int compare_sizes(const void *a, const void *b)
{
    const region *const *first = a, *const *second = b;
    if ((*first)->size != (*second)->size)
        return (*first)->size > (*second)->size ? -1 : 1;
    return *first < *second ? -1 : *first > *second;
}

/* The lowest offset at which `r` overlaps none of placed [count] that live at one of its times. */
static size_t lowest_gap(const region *r, region *const *placed, size_t count)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const region *other = placed[i];
            bool together = other->first <= r->last && r->first <= other->last;
            if (together && other->offset < offset + r->size && offset < other->offset + other->size) {
                offset = other->offset + other->size;
                moved = true;
            }
        }
    }
    return offset;
}

/* Sets every region's offset; the block's size, or 0 where it cannot be addressed. */
static size_t place(planner *p, region **sorted)
{
    size_t reals = 0;
    for (size_t i = 0; i < p->count; i++) {
        sorted[i] = &p->regions[i];
        if (p->regions[i].size > SIZE_MAX / 8 / p->count)
            p->overflow = true;
    }
    if (p->overflow)
        return 0;
    qsort(sorted, p->count, sizeof *sorted, compare_sizes);
    for (size_t i = 0; i < p->count; i++) {
        sorted[i]->offset = lowest_gap(sorted[i], sorted, i);
        if (sorted[i]->offset + sorted[i]->size > reals)
            reals = sorted[i]->offset + sorted[i]->size;
    }
    return reals;
}

static size_t offset_of(const planner *p, size_t index)
{
    return index == TN_PLAN_NONE ? TN_PLAN_NONE : p->regions[index].offset;
}

/* Replaces region numbers by offsets. */
static void resolve(const planner *p, tn_plan *plan)
{
    plan->input = offset_of(p, plan->input);
    plan->scratch = offset_of(p, plan->scratch);
    for (size_t i = 0; i < p->graph->count; i++) {
        tn_plan_vertex *vertex = &plan->vertices[i];
        vertex->output = offset_of(p, p->outputs[i]);
        vertex->d_output = offset_of(p, p->gradients[i]);
        vertex->saved = offset_of(p, vertex->saved);
        for (size_t k = 0; k < p->graph->vertices[i].node.input_count; k++)
            vertex->d_inputs[k] = offset_of(p, vertex->d_inputs[k]);
    }
}

static tn_status make_plan(planner *p, tn_plan *plan, region **sorted, size_t threads, tn_error *error)
{
    count_readers(p);
    lay_outputs(p);
    lay_gradients(p, plan);
    for (size_t i = 0; i < p->graph->count; i++)
        plan->vertices[i].saved = lay_saved(p, i);
    plan->input = p->outputs[p->graph->count];
    plan->scratch = lay_scratch(p, threads);
    plan->reals = place(p, sorted);
    if (plan->reals == 0)
        return tn_fail(error, TN_ERROR_MEMORY,
                       "a batch of %zu samples needs more memory than can be addressed; use a smaller solver.batch_size", plan->batch);
    resolve(p, plan);
    return TN_OK;
}

tn_status tn_plan_init(tn_plan *plan, const tn_graph *graph, size_t batch, size_t threads, tn_error *error)
{
    size_t n = graph->count;
    size_t regions_max = 3 + n * (2 + TN_OP_INPUTS_MAX + 1);
    *plan = (tn_plan){.batch = batch, .vertices = tn_memory_create(n, sizeof *plan->vertices)};
    planner p = {.graph = graph,
                 .batch = batch,
                 .regions = tn_memory_create(regions_max, sizeof(region)),
                 .writers = tn_memory_create(n + 1, sizeof(size_t)),
                 .readers = tn_memory_create(n + 1, sizeof(size_t)),
                 .outputs = tn_memory_create(n + 1, sizeof(size_t)),
                 .gradients = tn_memory_create(n, sizeof(size_t))};
    region **sorted = tn_memory_create(regions_max, sizeof *sorted);
    tn_status status;
    if (plan->vertices && p.regions && p.writers && p.readers && p.outputs && p.gradients && sorted)
        status = make_plan(&p, plan, sorted, threads, error);
    else
        status = tn_fail_memory(error, regions_max * sizeof(region));
    tn_memory_destroy(sorted);
    tn_memory_destroy(p.regions);
    tn_memory_destroy(p.writers);
    tn_memory_destroy(p.readers);
    tn_memory_destroy(p.outputs);
    tn_memory_destroy(p.gradients);
    return status;
}

void tn_plan_deinit(tn_plan *plan)
{
    tn_memory_destroy(plan->vertices);
    *plan = (tn_plan){0};
}
