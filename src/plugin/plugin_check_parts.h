/* plugin_check_parts.h: what the files of a check share: the case at hand, and the faults found so far. For plugin_check*.c, plugin_pass.c and plugin_slope.c only. */
#ifndef TN_PLUGIN_PLUGIN_CHECK_PARTS_H
#define TN_PLUGIN_PLUGIN_CHECK_PARTS_H

#include "plugin/plugin_check.h"
#include "plugin/plugin_probe.h"

/* What can be wrong, the gravest first. */
typedef enum tn_check_kind {
#define TN_CHECK_KIND(id, cause) TN_CHECK_##id,
#include "plugin/plugin_faults.def"
#undef TN_CHECK_KIND
    TN_CHECK_KINDS
} tn_check_kind;

/* Fills a tensor before a call: what is still there afterwards was not written. A NaN of its own. */
#define TN_CHECK_UNWRITTEN 0x7FD1E55Au

typedef struct tn_check {
    const tn_plugin_check_request *request;
    tn_plugin *plugin; /* NULL after one that failed and could not be started again */
    double arguments[TN_LAYER_ARGUMENTS_MAX];
    size_t input_count;
    tn_layer_shape inputs[TN_LAYER_INPUTS_MAX];
    const tn_plugin_probe *probe;
    size_t batch;
    tn_rng rng;
    float *parameters[TN_LAYER_PARAMETERS_MAX]; /* of this case; put back before each forward */
    float *output, *weights;                    /* [output]: a copy of one, and d_output */
    size_t elements, undecided;                 /* of gradients, in this case */
    bool failed;                                /* a fault was found in this case */
    bool hangs;                                 /* a call did not return: the others are not waited for */
    size_t calls;
    json_t *faults, *probes;
    bool out_of_memory;
    tn_error *error;
    tn_status status; /* of the machine */
} tn_check;

/* One call, on the tensors as they lie; a layer that failed is noted as a fault, with `situation` (may be NULL) behind it, and started again. False then. */
bool tn_check_forward(tn_check *check, bool training);
bool tn_check_backward(tn_check *check, unsigned wants, const char *situation);

/* Whether the checks of this case can go on. */
bool tn_check_goes_on(const tn_check *check);

/* Notes a fault; details (stolen, may be NULL) are added to it. One of a kind and tensor is told once, with the probes that showed it too. `tensor` TN_PLUGIN_TENSORS: none. */
void tn_check_add(tn_check *check, tn_check_kind kind, size_t tensor, json_t *details, const char *format, ...) TN_PRINTF(5, 6);

/* "inputs[0][3] of sample 1" for element `index` of a tensor, into text. */
const char *tn_check_element(const tn_check *check, size_t tensor, size_t index, char text[128]);

/* Fills a tensor by bits, and whether an element has them still. */
void tn_check_fill(tn_check *check, size_t tensor, uint32_t bits);
bool tn_check_has_bits(float value, uint32_t bits);

/* Bit for bit: a NaN is the same as itself, and 0 another one than -0. */
bool tn_check_is_same(float left, float right);

/* plugin_pass.c: everything but slopes, in this case. */
void tn_check_passes(tn_check *check);

/* plugin_slope.c: the gradients of backward, which has just run on d_output = weights, against differences. */
void tn_check_slopes(tn_check *check);

#endif
