/* op_dropout.c: while training, each value is 0 with probability `rate` and else divided by 1 - rate; in evaluation nothing changes
 * (inverted dropout).
 *
 * saved [B, input]: the factor of each value, 0 or 1 / (1 - rate). A dropped NaN stays NaN (x times 0), as in PyTorch: dropout must not
 * hide it.
 * Which values fall depends on two numbers drawn from the node's rng and on the position, by a hash, so tiles can run on any thread.
 * Srivastava 2014. The hash is lowbias32 of Wellons (https://nullprogram.com/blog/2018/07/31/), public domain, applied twice with a key
 * before each. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

#include <string.h>

enum { TILE = 16384, SPLIT_FROM = 4 * TILE };

typedef struct settings {
    double rate;
} settings;

typedef struct job {
    size_t count;
    uint32_t keys[2];
    uint32_t threshold; /* drop where the hash is below */
    tn_real factor;     /* of what is kept */
    const tn_real *x;
    tn_real *y, *factors;
} job;

TN_INLINE uint32_t mix(uint32_t value)
{
    value ^= value >> 16;
    value *= 0x7feb352dU;
    value ^= value >> 15;
    value *= 0x846ca68bU;
    value ^= value >> 16;
    return value;
}

TN_SIMD_CLONES
static void drop_span(const job *work, size_t start, size_t count)
{
    const uint32_t first = work->keys[0], second = work->keys[1], threshold = work->threshold;
    const tn_real factor = work->factor;
    const tn_real *x = work->x + start;
    tn_real *y = work->y + start, *factors = work->factors + start;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const uint32_t hash = mix(mix((uint32_t)(start + i) + first) ^ second);
        const tn_real kept = hash < threshold ? (tn_real)0 : factor;
        factors[i] = kept;
        y[i] = x[i] * kept;
    }
}

static void drop_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const size_t start = tile * TILE, rest = work->count - start;
    drop_span(work, start, rest < TILE ? rest : TILE);
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *factors, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = d_output[i] * factors[i];
    }
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    ((settings *)node->attributes)->rate = tn_attribute_number(hypes_node, "rate");
    node->saved_per_sample = tn_shape_size(&node->inputs[0]);
    return tn_activation_configure(node, hypes_node, error);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const double rate = ((const settings *)node->attributes)->rate;
    const size_t count = pass->batch * tn_shape_size(&node->output);
    if (!pass->training) {
        if (pass->output != pass->inputs[0]) {
            memcpy(pass->output, pass->inputs[0], count * sizeof(tn_real));
        }
        return;
    }
    const uint64_t key = tn_rng_bits(pass->rng);
    job work = {.count = count,
                .keys = {(uint32_t)key, (uint32_t)(key >> 32)},
                .threshold = (uint32_t)(rate * 4294967296.0),
                .factor = (tn_real)(1.0 / (1.0 - rate)),
                .x = pass->inputs[0],
                .y = pass->output,
                .factors = pass->saved};
    if (count < SPLIT_FROM || tn_pool_threads(pass->pool) == 1) {
        drop_span(&work, 0, count);
        return;
    }
    tn_pool_run(pass->pool, (count + TILE - 1) / TILE, drop_tile, &work);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (pass->d_inputs[0] == NULL) {
        return;
    }
    const size_t count = pass->batch * tn_shape_size(&node->output);
    if (pass->training) {
        backward_span(NULL, count, pass->saved, pass->d_output, pass->d_inputs[0]);
    } else if (pass->d_inputs[0] != pass->d_output) {
        memcpy(pass->d_inputs[0], pass->d_output, count * sizeof(tn_real));
    }
}

const tn_op tn_op_dropout = {
    .name = "dropout",
    .flags =
        TN_OP_RANDOM | TN_OP_BACKWARD_FROM_OUTPUT | TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS, /* backward reads saved factors only */
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
