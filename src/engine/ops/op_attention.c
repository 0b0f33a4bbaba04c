/* op_attention.c: multi-head attention (Vaswani et al. 2017, arXiv:1706.03762), PyTorch's equations.
 *
 * x [B, T, C] asks, y [B, S, C'] answers: the second node of "from", or x itself. With d = C / heads, for each head:
 *   q = x W_q + b_q,  k = y W_k + b_k,  v = y W_v + b_v,  P = softmax(q k^T / sqrt(d)),  o = P v;   output = o W_o + b_o
 * P is 0 where a key is masked: behind the query (causal), or padding (the last node of "from" holds tokens, and the key's is "padding"). A query without any key gets o = 0.
 * With "rotary" each pair (i, i + d / 2) of a head's q and k is turned by the angle t 10000^(-2 i / d) at step t (Su et al. 2021, arXiv:2104.09864).
 * Backward, for each head, with do = dy W_o^T:
 *   dv = P^T do;  dP = do v^T;  dS = P (dP - sum over keys of P dP) / sqrt(d);  dq = dS k;  dk = dS^T q
 *
 * A head of a sample is a tile; queries go in blocks, which of a causal head read only the keys up to their last.
 * saved: q [B T, C], k and v [B S, C], o [B T, C], P [B, heads, T, S]. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "engine/gemm.h"
#include "engine/ops/ops.h"
#include "engine/ops/row_product.h"
#include "engine/row_math.h"
#include "engine/tiles.h"

enum { WEIGHT_Q, WEIGHT_K, WEIGHT_V, WEIGHT_O, BIAS_Q, BIAS_K, BIAS_V, BIAS_O, PARAMETERS };
enum { BLOCK = 32 }; /* queries */

#define ROTARY_BASE 10000.0

typedef struct attributes {
    size_t queries, keys, width, key_width, heads, depth; /* T, S, C, C', heads, d */
    size_t memory, tokens;                                /* inputs that answer, and that tell padding */
    bool causal, bias, rotary, has_padding;
    tn_real padding;
} attributes;

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

/* ---- configure ---- */

static tn_status check_inputs(const tn_node *node, attributes *own, tn_error *error)
{
    char one[96], other[96];
    const size_t sequences = node->input_count - (own->has_padding ? 1 : 0);
    if (sequences < 1 || sequences > 2)
        return tn_fail(error, TN_ERROR_HYPES, "attention takes a sequence, or two of which the second answers%s; \"from\" names %zu",
                       own->has_padding ? ", and then, since \"padding\" is set, the tokens of what answers" : "", node->input_count);
    own->memory = sequences - 1;
    own->tokens = sequences;
    for (size_t i = 0; i < sequences; i++)
        if (node->inputs[i].rank != 2)
            return tn_fail(error, TN_ERROR_HYPES, "attention needs sequences [time, features], and input %zu has the shape %s", i + 1,
                           tn_shape_format(one, &node->inputs[i]));
    own->queries = node->inputs[0].dims[0];
    own->width = node->inputs[0].dims[1];
    own->keys = node->inputs[own->memory].dims[0];
    own->key_width = node->inputs[own->memory].dims[1];
    if (own->width % own->heads != 0)
        return tn_fail(error, TN_ERROR_HYPES, "attention shares %zu features among %zu heads; make the first a multiple of the second",
                       own->width, own->heads);
    own->depth = own->width / own->heads;
    if (own->rotary && own->depth % 2 != 0)
        return tn_fail(error, TN_ERROR_HYPES, "rotary turns pairs of features, and a head has %zu; make that number even", own->depth);
    if (own->causal && own->queries != own->keys)
        return tn_fail(error, TN_ERROR_HYPES, "causal attention needs as many steps that answer as ask; the first is %s, the second %s",
                       tn_shape_format(one, &node->inputs[0]), tn_shape_format(other, &node->inputs[own->memory]));
    if (own->has_padding && tn_shape_size(&node->inputs[own->tokens]) != own->keys)
        return tn_fail(error, TN_ERROR_HYPES, "attention has %zu steps that answer, and the tokens that tell padding have the shape %s",
                       own->keys, tn_shape_format(one, &node->inputs[own->tokens]));
    return TN_OK;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    static const char *const names[] = {"weight_q", "weight_k", "weight_v", "weight_o", "bias_q", "bias_k", "bias_v", "bias_o"};
    attributes *own = (attributes *)(void *)node->attributes;
    const json_t *padding = json_object_get(hypes_node, "padding");
    own->heads = tn_attribute_size(hypes_node, "heads");
    own->causal = tn_attribute_boolean(hypes_node, "causal");
    own->bias = tn_attribute_boolean(hypes_node, "bias");
    own->rotary = tn_attribute_boolean(hypes_node, "rotary");
    own->has_padding = json_is_integer(padding);
    own->padding = (tn_real)json_integer_value(padding);
    tn_status status = check_inputs(node, own, error);
    if (status)
        return status;
    for (size_t k = 0; k < (own->bias ? PARAMETERS : BIAS_Q); k++) {
        const size_t which = k % BIAS_Q;
        const bool answers = which == WEIGHT_K || which == WEIGHT_V;
        const size_t inputs = answers ? own->key_width : own->width;
        const tn_shape matrix = {.rank = 2, .dims = {inputs, own->width}}, vector = {.rank = 1, .dims = {own->width}};
        tn_parameter *parameter = tn_node_add_parameter(node, names[k], k < BIAS_Q ? &matrix : &vector);
        parameter->fan_in = inputs;
        parameter->fan_out = own->width;
        if (k < BIAS_Q)
            node->multiply_adds += (double)(answers ? own->keys : own->queries) * (double)tn_shape_size(&matrix);
    }
    /* Scores and sums of values, of each query and each key that it may see. */
    const double pairs = (double)own->queries * (own->causal ? (double)(own->keys + 1) / 2 : (double)own->keys);
    node->multiply_adds += 2 * pairs * (double)own->width;
    node->output = node->inputs[0];
    node->saved_per_sample = 2 * own->width * (own->queries + own->keys) + own->heads * own->queries * own->keys;
    node->scratch_per_sample = 2 * own->width * (own->queries + own->keys);
    node->scratch_per_worker = BLOCK * own->keys;
    return TN_OK;
}

/* ---- a pass ---- */

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_precision factors;
    tn_real *q, *k, *v, *o, *shares;
    tn_real *d_q, *d_k, *d_v, *d_o;
    size_t scratch_each;
    /* for the turning of q or k */
    tn_real *turned;
    size_t steps;
    tn_real sign;
    tn_tiles tiles;
} job;

static job job_of(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    const size_t of_queries = pass->batch * own->queries * own->width, of_keys = pass->batch * own->keys * own->width;
    job j = {.own = own, .pass = pass, .factors = node->factors, .q = pass->saved, .scratch_each = node->scratch_per_worker};
    j.k = j.q + of_queries;
    j.v = j.k + of_keys;
    j.o = j.v + of_keys;
    j.shares = j.o + of_queries;
    j.d_q = tn_pass_shared_scratch(node, pass) + node->scratch_shared;
    j.d_k = j.d_q + of_queries;
    j.d_v = j.d_k + of_keys;
    j.d_o = j.d_v + of_keys;
    return j;
}

/* The map with number `which` of the four; rows of queries or of keys. */
static tn_row_product product_of(const job *j, size_t which)
{
    const attributes *own = j->own;
    const bool of_keys = which == WEIGHT_K || which == WEIGHT_V;
    return (tn_row_product){.pool = j->pass->pool,
                            .factors = j->factors,
                            .rows = j->pass->batch * (of_keys ? own->keys : own->queries),
                            .inputs = of_keys ? own->key_width : own->width,
                            .outputs = own->width,
                            .weight = j->pass->parameters[which],
                            .bias = own->bias ? j->pass->parameters[BIAS_Q + which] : NULL};
}

/* All heads of some samples: (a, b) becomes (a cos - b sin, a sin + b cos), or with sign -1 back. */
static void turn_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const attributes *own = j->own;
    const size_t half = own->depth / 2;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t i = 0; i < half; i++) {
        const double frequency = pow(ROTARY_BASE, -2.0 * (double)i / (double)own->depth);
        for (size_t t = 0; t < j->steps; t++) {
            const tn_real cosine = (tn_real)cos((double)t * frequency), sine = j->sign * (tn_real)sin((double)t * frequency);
            for (size_t b = first; b < first + count; b++) {
                tn_real *row = j->turned + (b * j->steps + t) * own->width;
                for (size_t h = 0; h < own->heads; h++) {
                    tn_real *pair = row + h * own->depth + i;
                    const tn_real x = pair[0], y = pair[half];
                    pair[0] = x * cosine - y * sine;
                    pair[half] = x * sine + y * cosine;
                }
            }
        }
    }
}

static void turn(job *j, tn_real *values, size_t steps, bool back)
{
    if (!j->own->rotary)
        return;
    j->turned = values;
    j->steps = steps;
    j->sign = back ? (tn_real)-1 : (tn_real)1;
    j->tiles = tn_tiles_split(j->pass->batch, 8 * steps * j->own->width, 1, TN_TILES_MAX);
    tn_pool_run(j->pass->pool, j->tiles.count, turn_tile, j);
}

/* How many keys query t may look at. */
static size_t keys_of(const attributes *own, size_t t)
{
    return own->causal ? t + 1 : own->keys;
}

/* row [keys] of scores becomes shares; `known` of them count, but for those whose token is padding. */
TN_SIMD_CLONES
static void share_out(size_t known, size_t keys, tn_real scale, const tn_real *tokens, tn_real padding, tn_real *restrict row)
{
    for (size_t s = 0; s < known; s++)
        row[s] *= scale;
    for (size_t s = 0; s < known && tokens; s++)
        row[s] = tokens[s] == padding ? (tn_real)-INFINITY : row[s];
    const tn_real largest = tn_row_max(row, known), shift = largest == (tn_real)-INFINITY ? (tn_real)0 : largest;
    for (size_t s = 0; s < known; s++)
        row[s] = tn_exp(row[s] - shift);
    const double sum = tn_row_sum(row, known);
    const tn_real factor = sum == 0 ? (tn_real)0 : (tn_real)(1 / sum);
    for (size_t s = 0; s < known; s++)
        row[s] *= factor;
    for (size_t s = known; s < keys; s++)
        row[s] = 0;
}

/* row [known] = P (dP - sum of P dP) scale. */
TN_SIMD_CLONES
static void score_gradient(size_t known, size_t keys, tn_real scale, const tn_real *restrict shares, tn_real *restrict row)
{
    const tn_real dot = (tn_real)tn_row_dot(shares, row, known);
    for (size_t s = 0; s < known; s++)
        row[s] = shares[s] * (row[s] - dot) * scale;
    for (size_t s = known; s < keys; s++)
        row[s] = 0;
}

static tn_real scale_of(const attributes *own)
{
    return (tn_real)(1 / sqrt((double)own->depth));
}

/* One head of one sample. */
static void forward_head(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const attributes *own = j->own;
    const size_t sample = tile / own->heads, head = tile % own->heads, width = own->width, depth = own->depth, keys = own->keys;
    const tn_real *q = j->q + sample * own->queries * width + head * depth;
    const tn_real *k = j->k + sample * keys * width + head * depth, *v = j->v + sample * keys * width + head * depth;
    const tn_real *tokens = own->has_padding ? j->pass->inputs[own->tokens] + sample * keys : NULL;
    tn_real *o = j->o + sample * own->queries * width + head * depth, *shares = j->shares + tile * own->queries * keys;
    for (size_t t = 0; t < own->queries; t += BLOCK) {
        const size_t rows = own->queries - t < BLOCK ? own->queries - t : BLOCK, known = keys_of(own, t + rows - 1);
        tn_gemm(j->factors, false, true, rows, known, depth, q + t * width, width, k, width, NULL, false, shares + t * keys, keys);
        for (size_t r = t; r < t + rows; r++)
            share_out(keys_of(own, r), keys, scale_of(own), tokens, own->padding, shares + r * keys);
        tn_gemm(j->factors, false, false, rows, depth, known, shares + t * keys, keys, v, width, NULL, false, o + t * width, width);
    }
}

static void backward_head(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const attributes *own = j->own;
    const size_t sample = tile / own->heads, head = tile % own->heads, width = own->width, depth = own->depth, keys = own->keys;
    const size_t of_queries = sample * own->queries * width + head * depth, of_keys = sample * keys * width + head * depth;
    const tn_real *q = j->q + of_queries, *d_o = j->d_o + of_queries, *k = j->k + of_keys, *v = j->v + of_keys;
    const tn_real *shares = j->shares + tile * own->queries * keys;
    tn_real *d_q = j->d_q + of_queries, *d_k = j->d_k + of_keys, *d_v = j->d_v + of_keys;
    tn_real *d_scores = j->pass->scratch + worker * j->scratch_each;
    for (size_t s = 0; s < keys; s++) {
        memset(d_k + s * width, 0, depth * sizeof *d_k);
        memset(d_v + s * width, 0, depth * sizeof *d_v);
    }
    for (size_t t = 0; t < own->queries; t += BLOCK) {
        const size_t rows = own->queries - t < BLOCK ? own->queries - t : BLOCK, known = keys_of(own, t + rows - 1);
        tn_gemm(j->factors, true, false, known, depth, rows, shares + t * keys, keys, d_o + t * width, width, NULL, true, d_v, width);
        tn_gemm(j->factors, false, true, rows, known, depth, d_o + t * width, width, v, width, NULL, false, d_scores, keys);
        for (size_t r = 0; r < rows; r++)
            score_gradient(keys_of(own, t + r), known, scale_of(own), shares + (t + r) * keys, d_scores + r * keys);
        tn_gemm(j->factors, false, false, rows, depth, known, d_scores, keys, k, width, NULL, false, d_q + t * width, width);
        tn_gemm(j->factors, true, false, known, depth, rows, d_scores, keys, q + t * width, width, NULL, true, d_k, width);
    }
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    job j = job_of(node, pass);
    const attributes *own = j.own;
    tn_real *const projected[] = {j.q, j.k, j.v};
    for (size_t which = WEIGHT_Q; which <= WEIGHT_V; which++) {
        const tn_row_product of = product_of(&j, which);
        tn_row_product_forward(&of, pass->inputs[which == WEIGHT_Q ? 0 : own->memory], projected[which]);
    }
    turn(&j, j.q, own->queries, false);
    turn(&j, j.k, own->keys, false);
    const bool small = pass->batch * own->heads * own->queries * own->keys * own->depth * 4 < TN_TILE_WORK;
    tn_pool_run(small ? NULL : pass->pool, pass->batch * own->heads, forward_head, &j);
    const tn_row_product last = product_of(&j, WEIGHT_O);
    tn_row_product_forward(&last, j.o, pass->output);
}

/* dW, db, and what goes back to the input that map `which` reads. */
static void backward_product(const job *j, size_t which, const tn_real *d, bool *written)
{
    const size_t input = which == WEIGHT_Q ? 0 : j->own->memory;
    const tn_row_product of = product_of(j, which);
    tn_real *d_bias = j->own->bias ? j->pass->d_parameters[BIAS_Q + which] : NULL;
    tn_row_product_weights(&of, j->pass->inputs[input], d, j->pass->d_parameters[which], d_bias);
    if (j->pass->d_inputs[input])
        tn_row_product_inputs(&of, d, written[input], j->pass->d_inputs[input]);
    written[input] = true;
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    job j = job_of(node, pass);
    const attributes *own = j.own;
    const tn_row_product last = product_of(&j, WEIGHT_O);
    tn_row_product_weights(&last, j.o, pass->d_output, pass->d_parameters[WEIGHT_O], own->bias ? pass->d_parameters[BIAS_O] : NULL);
    tn_row_product_inputs(&last, pass->d_output, false, j.d_o);
    const bool small = pass->batch * own->heads * own->queries * own->keys * own->depth * 8 < TN_TILE_WORK;
    tn_pool_run(small ? NULL : pass->pool, pass->batch * own->heads, backward_head, &j);
    turn(&j, j.d_q, own->queries, true);
    turn(&j, j.d_k, own->keys, true);
    bool written[2] = {false, false};
    backward_product(&j, WEIGHT_Q, j.d_q, written);
    backward_product(&j, WEIGHT_K, j.d_k, written);
    backward_product(&j, WEIGHT_V, j.d_v, written);
    if (own->has_padding && pass->d_inputs[own->tokens])
        memset(pass->d_inputs[own->tokens], 0, pass->batch * own->keys * sizeof(tn_real));
}

const tn_op tn_op_attention = {
    .name = "attention",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_MANY_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
