/* gemm_bfloat16.c: products whose factors are rounded to bfloat16, with sums in float. See gemm.h.
 *
 * Where the processor has AMX, a product that is worth the way there goes to oneDNN's matmul; both factors are copied, rounded, each time. Other products go to gemm_pairs.c where there is AVX-512 BF16. Everywhere else
 * blocks of the factors are rounded to the stack, as floats, and multiplied as floats: the same numbers but for the order of the sums and for what is below 2^-126, in about the time of a float product.
 * The library allocates and so does the copy: unlike a float step, one on AMX does. A copy that finds no memory is no error, the others take its place. */
#include "engine/gemm_job.h"

#ifndef TN_REAL_DOUBLE

#include <dnnl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"
#include "engine/gemm_bfloat16.h"
#include "engine/gemm_pairs.h"

/* Of a factor's block on the stack: 64 KB each, so that both stay in the second cache. */
enum { BLOCK = 128 };

/* Below so many multiplications the call of the library takes longer than the product in blocks. */
#define LIBRARY_LEAST ((size_t)1 << 22)

TN_SIMD_CLONES
void tn_round_to_bfloat16(size_t count, const float *restrict from, float *restrict to)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        uint32_t is_nan = (bits & 0x7fffffffu) > 0x7f800000u ? 0xffffffffu : 0, odd = (bits >> 16) & 1;
        uint32_t rounded = (bits + 0x7fffu + odd) & 0xffff0000u, quiet = (bits | 0x00400000u) & 0xffff0000u;
        bits = (quiet & is_nan) | (rounded & ~is_nan);
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* block [rows, columns], dense, of values that lie `step` apart from row to row. */
static void round_block(size_t rows, size_t columns, const float *from, size_t step, float *block)
{
    for (size_t i = 0; i < rows; i++)
        tn_round_to_bfloat16(columns, from + i * step, block + i * columns);
}

static size_t at_most(size_t left)
{
    return left < BLOCK ? left : BLOCK;
}

/* Rows i .. of op(a) by columns j .. of op(b), over all of k. */
static void multiply_block(const tn_gemm_job *job, size_t i, size_t j)
{
    float a[BLOCK * BLOCK], b[BLOCK * BLOCK];
    const size_t m = at_most(job->m - i), n = at_most(job->n - j);
    tn_gemm_job part = {.transpose_a = job->transpose_a,
                        .transpose_b = job->transpose_b,
                        .m = m,
                        .n = n,
                        .a = a,
                        .b = b,
                        .c = job->c + i * job->ldc + j,
                        .ldc = job->ldc};
    part.bias = job->bias ? job->bias + j : NULL;
    part.add = job->add;
    size_t p = 0;
    do { /* once also where k is 0 and only the other terms are left */
        const size_t k = at_most(job->k - p);
        if (job->transpose_a)
            round_block(k, m, job->a + p * job->lda + i, job->lda, a);
        else
            round_block(m, k, job->a + i * job->lda + p, job->lda, a);
        if (job->transpose_b)
            round_block(n, k, job->b + j * job->ldb + p, job->ldb, b);
        else
            round_block(k, n, job->b + p * job->ldb + j, job->ldb, b);
        part.k = k;
        part.lda = job->transpose_a ? m : k;
        part.ldb = job->transpose_b ? k : n;
        tn_gemm_float32(&part);
        part.bias = NULL;
        part.add = true;
        p += k;
    } while (p < job->k);
}

void tn_gemm_blocks(const tn_gemm_job *job)
{
    for (size_t i = 0; i < job->m; i += BLOCK)
        for (size_t j = 0; j < job->n; j += BLOCK)
            multiply_block(job, i, j);
}

/* ---- the library ---- */

/* The upper halves of rounded values. */
TN_SIMD_CLONES
static void take_halves(size_t count, const float *restrict from, uint16_t *restrict to)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        to[i] = (uint16_t)(bits >> 16);
    }
}

/* halves [rows, columns], dense, of a factor as it is stored. */
static void copy_halves(size_t rows, size_t columns, const float *from, size_t step, uint16_t *halves)
{
    float row[BLOCK];
    for (size_t i = 0; i < rows; i++, from += step, halves += columns)
        for (size_t j = 0; j < columns; j += BLOCK) {
            tn_round_to_bfloat16(at_most(columns - j), from + j, row);
            take_halves(at_most(columns - j), row, halves + j);
        }
}

typedef struct product {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    dnnl_post_ops_t sum;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t memories[3];
} product;

static void product_deinit(product *self)
{
    for (size_t i = 0; i < 3; i++)
        (void)dnnl_memory_destroy(self->memories[i]);
    (void)dnnl_primitive_destroy(self->primitive);
    (void)dnnl_primitive_desc_destroy(self->description);
    (void)dnnl_primitive_attr_destroy(self->attributes);
    (void)dnnl_post_ops_destroy(self->sum);
    (void)dnnl_stream_destroy(self->stream);
    (void)dnnl_engine_destroy(self->engine);
}

/* A matrix as the library sees it: [rows, columns] with these steps between neighbours. */
typedef struct layout {
    dnnl_dims_t dims, steps;
    dnnl_data_type_t type;
} layout;

static layout layout_of(size_t rows, size_t columns, size_t row_step, size_t column_step, dnnl_data_type_t type)
{
    return (layout){
        .dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns}, .steps = {(dnnl_dim_t)row_step, (dnnl_dim_t)column_step}, .type = type};
}

/* The two versions of the library differ in how a product and the places of its matrices are described. */
#if DNNL_VERSION_MAJOR >= 3

static bool append_sum(dnnl_post_ops_t sum)
{
    return dnnl_post_ops_append_sum(sum, 1, 0, dnnl_data_type_undef) == dnnl_success;
}

static bool describe(product *self, const layout layouts[3], void *const places[3])
{
    dnnl_memory_desc_t descriptions[3] = {NULL};
    bool done = true;
    for (size_t i = 0; i < 3 && done; i++)
        done =
            dnnl_memory_desc_create_with_strides(&descriptions[i], 2, layouts[i].dims, layouts[i].type, layouts[i].steps) == dnnl_success &&
            dnnl_memory_create(&self->memories[i], descriptions[i], self->engine, places[i]) == dnnl_success;
    done = done && dnnl_matmul_primitive_desc_create(&self->description, self->engine, descriptions[0], descriptions[1], NULL,
                                                     descriptions[2], self->attributes) == dnnl_success;
    for (size_t i = 0; i < 3; i++)
        (void)dnnl_memory_desc_destroy(descriptions[i]);
    return done;
}

#else

static bool append_sum(dnnl_post_ops_t sum)
{
    return dnnl_post_ops_append_sum(sum, 1) == dnnl_success;
}

static bool describe(product *self, const layout layouts[3], void *const places[3])
{
    dnnl_memory_desc_t descriptions[3];
    dnnl_matmul_desc_t operation;
    for (size_t i = 0; i < 3; i++)
        if (dnnl_memory_desc_init_by_strides(&descriptions[i], 2, layouts[i].dims, layouts[i].type, layouts[i].steps) != dnnl_success ||
            dnnl_memory_create(&self->memories[i], &descriptions[i], self->engine, places[i]) != dnnl_success)
            return false;
    return dnnl_matmul_desc_init(&operation, &descriptions[0], &descriptions[1], NULL, &descriptions[2]) == dnnl_success &&
           dnnl_primitive_desc_create(&self->description, &operation, self->attributes, self->engine, NULL) == dnnl_success;
}

#endif

/* c [m, n] = op(a) op(b) + (adds ? c : 0). */
static bool run(product *self, const layout layouts[3], void *const places[3], bool adds)
{
    if (dnnl_engine_create(&self->engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&self->stream, self->engine, dnnl_stream_default_flags) != dnnl_success ||
        dnnl_primitive_attr_create(&self->attributes) != dnnl_success || dnnl_post_ops_create(&self->sum) != dnnl_success)
        return false;
    if (adds && (!append_sum(self->sum) || dnnl_primitive_attr_set_post_ops(self->attributes, self->sum) != dnnl_success))
        return false;
    if (!describe(self, layouts, places) || dnnl_primitive_create(&self->primitive, self->description) != dnnl_success)
        return false;
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, self->memories[0]}, {DNNL_ARG_WEIGHTS, self->memories[1]}, {DNNL_ARG_DST, self->memories[2]}};
    return dnnl_primitive_execute(self->primitive, self->stream, 3, arguments) == dnnl_success &&
           dnnl_stream_wait(self->stream) == dnnl_success;
}

/* Columns to step over and rows to step over, of op(x) where x is stored with this many values a row. */
static layout factor_layout(bool transposed, size_t rows, size_t columns, size_t stored_row, dnnl_data_type_t type)
{
    return transposed ? layout_of(rows, columns, 1, stored_row, type) : layout_of(rows, columns, stored_row, 1, type);
}

static bool multiply_in_library(const tn_gemm_job *job, const layout *a, const layout *b, void *a_place, void *b_place)
{
    const layout layouts[] = {*a, *b, layout_of(job->m, job->n, job->ldc, 1, dnnl_f32)};
    void *const places[] = {a_place, b_place, job->c};
    product self = {0};
    bool done = run(&self, layouts, places, job->add);
    product_deinit(&self);
    for (size_t i = 0; i < job->m && done && job->bias; i++)
        for (size_t j = 0; j < job->n; j++)
            job->c[i * job->ldc + j] += job->bias[j];
    return done;
}

bool tn_gemm_library(const tn_gemm_job *job)
{
    const layout a = factor_layout(job->transpose_a, job->m, job->k, job->lda, dnnl_f32),
                 b = factor_layout(job->transpose_b, job->k, job->n, job->ldb, dnnl_f32);
    return multiply_in_library(job, &a, &b, (void *)(uintptr_t)job->a, (void *)(uintptr_t)job->b);
}

static bool multiply_halves(const tn_gemm_job *job)
{
    uint16_t *halves = malloc((job->m * job->k + job->k * job->n) * sizeof *halves);
    if (!halves)
        return false;
    uint16_t *b_halves = halves + job->m * job->k;
    const size_t a_row = job->transpose_a ? job->m : job->k, b_row = job->transpose_b ? job->k : job->n;
    copy_halves(job->m * job->k / a_row, a_row, job->a, job->lda, halves);
    copy_halves(job->k * job->n / b_row, b_row, job->b, job->ldb, b_halves);
    const layout a = factor_layout(job->transpose_a, job->m, job->k, a_row, dnnl_bf16),
                 b = factor_layout(job->transpose_b, job->k, job->n, b_row, dnnl_bf16);
    bool done = multiply_in_library(job, &a, &b, halves, b_halves);
    free(halves);
    return done;
}

void tn_gemm_bfloat16(const tn_gemm_job *job)
{
    if (job->m == 0 || job->n == 0)
        return;
    bool is_large = job->k > 0 && job->m * job->n >= LIBRARY_LEAST / job->k;
    if (is_large && tn_isa_has_amx_bfloat16() && multiply_halves(job))
        return;
    if (!tn_gemm_pairs(job))
        tn_gemm_blocks(job);
}

#else

typedef int tn_no_bfloat16_in_double; /* a file of C holds at least one declaration */

#endif
