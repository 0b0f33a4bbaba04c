/* native_torch.c: see native_torch.h. Names and layouts are those of torch.nn, and of two habits of writing attention by hand: three maps of their own, and one map c_attn that gives all three. */
#include "subject/native_torch.h"

#include <stdio.h>
#include <string.h>

typedef enum layout {
    LAYOUT_SAME,     /* as it stands; of a norm behind a flattened image in PyTorch's order */
    LAYOUT_MATRIX,   /* [inputs, outputs] is [outputs, inputs] there */
    LAYOUT_KERNEL,   /* [h, w, channels, filters] is [filters, channels, h, w] */
    LAYOUT_PACKED_0, /* the first of three matrices, or vectors, in one: queries; then keys, values */
    LAYOUT_PACKED_1,
    LAYOUT_PACKED_2
} layout;

typedef struct row {
    const char *op;        /* NULL: any */
    const char *parameter; /* with a * at its end: what begins so */
    const char *suffix;    /* NULL: a dot and the parameter's name */
    layout form;
} row;

/* Of one parameter, what torch.nn has comes first. */
static const row ROWS[] = {
    {"dense", "weight", ".weight", LAYOUT_MATRIX},
    {"conv2d", "weight", ".weight", LAYOUT_KERNEL},
    {"conv2d_transpose", "weight", ".weight", LAYOUT_KERNEL}, /* [h, w, filters, channels] is [channels, filters, h, w] */
    {"embedding", "weight", ".weight", LAYOUT_SAME},
    {"position_embedding", "weight", ".weight", LAYOUT_SAME},
    {"position_embedding", "weight", "", LAYOUT_SAME}, /* a Parameter of its own */
    {"attention", "weight_q", ".in_proj_weight", LAYOUT_PACKED_0},
    {"attention", "weight_k", ".in_proj_weight", LAYOUT_PACKED_1},
    {"attention", "weight_v", ".in_proj_weight", LAYOUT_PACKED_2},
    {"attention", "weight_o", ".out_proj.weight", LAYOUT_MATRIX},
    {"attention", "bias_q", ".in_proj_bias", LAYOUT_PACKED_0},
    {"attention", "bias_k", ".in_proj_bias", LAYOUT_PACKED_1},
    {"attention", "bias_v", ".in_proj_bias", LAYOUT_PACKED_2},
    {"attention", "bias_o", ".out_proj.bias", LAYOUT_SAME},
    {"attention", "weight_q", ".q_proj_weight", LAYOUT_MATRIX}, /* keys of another width than queries */
    {"attention", "weight_k", ".k_proj_weight", LAYOUT_MATRIX},
    {"attention", "weight_v", ".v_proj_weight", LAYOUT_MATRIX},
    {"attention", "weight_q", ".c_attn.weight", LAYOUT_PACKED_0},
    {"attention", "weight_k", ".c_attn.weight", LAYOUT_PACKED_1},
    {"attention", "weight_v", ".c_attn.weight", LAYOUT_PACKED_2},
    {"attention", "weight_o", ".c_proj.weight", LAYOUT_MATRIX},
    {"attention", "bias_q", ".c_attn.bias", LAYOUT_PACKED_0},
    {"attention", "bias_k", ".c_attn.bias", LAYOUT_PACKED_1},
    {"attention", "bias_v", ".c_attn.bias", LAYOUT_PACKED_2},
    {"attention", "bias_o", ".c_proj.bias", LAYOUT_SAME},
    {"attention", "weight_q", ".q_proj.weight", LAYOUT_MATRIX},
    {"attention", "weight_k", ".k_proj.weight", LAYOUT_MATRIX},
    {"attention", "weight_v", ".v_proj.weight", LAYOUT_MATRIX},
    {"attention", "weight_o", ".o_proj.weight", LAYOUT_MATRIX},
    {"attention", "bias_q", ".q_proj.bias", LAYOUT_SAME},
    {"attention", "bias_k", ".k_proj.bias", LAYOUT_SAME},
    {"attention", "bias_v", ".v_proj.bias", LAYOUT_SAME},
    {"attention", "bias_o", ".o_proj.bias", LAYOUT_SAME},
    {NULL, "bias", ".bias", LAYOUT_SAME},
    {NULL, "gain", ".weight", LAYOUT_SAME},
    {NULL, "running_mean", ".running_mean", LAYOUT_SAME},
    {NULL, "running_variance", ".running_var", LAYOUT_SAME},
    {NULL, "weight_ih_l*", NULL, LAYOUT_MATRIX}, /* of recurrent layers: called as here */
    {NULL, "weight_hh_l*", NULL, LAYOUT_MATRIX},
    {NULL, "bias_ih_l*", NULL, LAYOUT_SAME},
    {NULL, "bias_hh_l*", NULL, LAYOUT_SAME},
};

static void add_axis(tn_torch_place *place, size_t count, size_t stride)
{
    place->counts[place->axes] = count;
    place->strides[place->axes++] = stride;
}

/* The axis of the inputs, whose values are `step` apart in PyTorch's tensor; an image's go channel by channel there. */
static void add_features(tn_torch_place *place, const tn_parameter_facts *facts, size_t step)
{
    const tn_shape *image = facts->image;
    if (!image) {
        add_axis(place, facts->shape->dims[0], step);
        return;
    }
    const size_t h = image->dims[0], w = image->dims[1], channels = image->dims[2];
    add_axis(place, h, w * step);
    add_axis(place, w, step);
    add_axis(place, channels, h * w * step);
}

static void set_shape(tn_torch_place *place, size_t rank, const size_t dims[])
{
    place->rank = rank;
    memcpy(place->dims, dims, rank * sizeof *dims);
}

/* Row `part` of `parts` matrices on top of each other. */
static void set_matrix(tn_torch_place *place, const tn_parameter_facts *facts, size_t part, size_t parts)
{
    const size_t inputs = facts->shape->dims[0], outputs = facts->shape->dims[1], dims[] = {parts * outputs, inputs};
    set_shape(place, 2, dims);
    place->offset = part * outputs * inputs;
    add_features(place, facts, 1);
    add_axis(place, outputs, inputs);
}

static void set_vector(tn_torch_place *place, const tn_parameter_facts *facts, size_t part, size_t parts)
{
    const size_t values = facts->shape->dims[0], dims[] = {parts * values};
    set_shape(place, 1, dims);
    place->offset = part * values;
    add_features(place, facts, 1);
}

static void set_kernel(tn_torch_place *place, const tn_shape *shape)
{
    const size_t h = shape->dims[0], w = shape->dims[1], channels = shape->dims[2], filters = shape->dims[3];
    const size_t dims[] = {filters, channels, h, w};
    set_shape(place, 4, dims);
    add_axis(place, h, w);
    add_axis(place, w, 1);
    add_axis(place, channels, h * w);
    add_axis(place, filters, channels * h * w);
}

static void set_table(tn_torch_place *place, const tn_shape *shape)
{
    set_shape(place, shape->rank, shape->dims);
    add_axis(place, tn_shape_size(shape), 1);
}

static void set_place(tn_torch_place *place, const tn_parameter_facts *facts, layout form)
{
    const bool is_matrix = facts->shape->rank == 2;
    const size_t part = place->is_packed ? (size_t)(form - LAYOUT_PACKED_0) : 0, parts = place->is_packed ? 3 : 1;
    if (form == LAYOUT_KERNEL)
        set_kernel(place, facts->shape);
    else if (form == LAYOUT_SAME && is_matrix)
        set_table(place, facts->shape);
    else if (is_matrix)
        set_matrix(place, facts, part, parts);
    else
        set_vector(place, facts, part, parts);
}

static bool matches(const char *pattern, const char *name)
{
    const size_t length = strlen(pattern) - 1;
    return pattern[length] == '*' ? strncmp(pattern, name, length) == 0 : strcmp(pattern, name) == 0;
}

bool tn_torch_place_of(const tn_parameter_facts *facts, size_t which, tn_torch_place *place)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const row *r = &ROWS[i];
        if ((r->op && strcmp(r->op, facts->op) != 0) || !matches(r->parameter, facts->name) || which-- > 0)
            continue;
        *place = (tn_torch_place){.is_packed = r->form >= LAYOUT_PACKED_0};
        snprintf(place->suffix, sizeof place->suffix, "%s%s", r->suffix ? "" : ".", r->suffix ? r->suffix : facts->name);
        set_place(place, facts, r->form);
        return true;
    }
    return false;
}

void tn_torch_name(const tn_hypes *hypes, const tn_parameter_facts *facts, const tn_torch_place *place, char name[TN_TORCH_NAME_SIZE])
{
    char number[32];
    const json_t *node = tn_hypes_node(hypes, facts->node_index);
    const char *prefix = json_string_value(tn_hypes_value(hypes, "weights.prefix"));
    const char *module = json_string_value(json_object_get(node, "module"));
    if (!module)
        module = json_string_value(json_object_get(node, "name"));
    snprintf(number, sizeof number, "%zu", facts->node_index);
    snprintf(name, TN_TORCH_NAME_SIZE, "%s%s%s", prefix ? prefix : "", module ? module : number, place->suffix);
}

/* Visits the values in order. One of `from` and `to` is walked by strides. */
static void copy(const tn_torch_place *place, const float *from, float *to, bool takes)
{
    size_t counts[TN_TORCH_RANK_MAX], strides[TN_TORCH_RANK_MAX], number = 0;
    for (size_t i = 0; i < TN_TORCH_RANK_MAX; i++) {
        counts[i] = i < place->axes ? place->counts[i] : 1;
        strides[i] = i < place->axes ? place->strides[i] : 0;
    }
    for (size_t a = 0; a < counts[0]; a++) {
        for (size_t b = 0; b < counts[1]; b++) {
            for (size_t c = 0; c < counts[2]; c++) {
                const size_t at = place->offset + a * strides[0] + b * strides[1] + c * strides[2];
                for (size_t d = 0; d < counts[3]; d++, number++) {
                    const size_t there = at + d * strides[3];
                    to[takes ? number : there] = from[takes ? there : number];
                }
            }
        }
    }
}

void tn_torch_take(const tn_torch_place *place, const float *tensor, float *values)
{
    copy(place, tensor, values, true);
}

void tn_torch_put(const tn_torch_place *place, const float *values, float *tensor)
{
    copy(place, values, tensor, false);
}
