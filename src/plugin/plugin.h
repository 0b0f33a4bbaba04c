/* plugin.h: a layer of the user's own (include/tenet_layer.h) at work in a process of its own.
 *
 * The layer's library is loaded in a forked child, the host, never here. Tensors lie in memory that both share: in the host each stands between pages that nothing may touch, those that the layer may
 * only read are protected, and what is left of the first and last page is filled with a pattern that is looked at after each call. So a layer that crashes, hangs, exits or writes where it must not ends
 * its host, or is found out, and nothing else happens; the plug-in is then failed, and says what was done and by which call.
 *
 * One plug-in serves one caller at a time. The host ignores Ctrl-C, and ends with the plug-in, or soon after the program that made it. Not for judging what a layer computes: plugin_check.h. */
#ifndef TN_PLUGIN_PLUGIN_H
#define TN_PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tenet_layer.h"

typedef struct tn_plugin tn_plugin;

/* What a library says of itself, copied out of the host. */
typedef struct tn_plugin_argument {
    char name[TN_LAYER_NAME_SIZE];
    double otherwise, least, most;
    bool is_whole;
} tn_plugin_argument;

typedef struct tn_plugin_info {
    char name[TN_LAYER_NAME_SIZE];
    unsigned flags; /* of tn_layer_flags */
    size_t least_inputs, most_inputs;
    double input_least, input_most; /* both 0: any */
    size_t argument_count;
    tn_plugin_argument arguments[TN_LAYER_ARGUMENTS_MAX];
} tn_plugin_info;

/* The call that a layer was in. */
typedef enum tn_plugin_call { TN_PLUGIN_LOAD, TN_PLUGIN_SHAPE, TN_PLUGIN_FORWARD, TN_PLUGIN_BACKWARD } tn_plugin_call;

const char *tn_plugin_call_name(tn_plugin_call call); /* "forward" */

typedef enum tn_plugin_fault {
    TN_PLUGIN_FINE,
    TN_PLUGIN_CRASHED,        /* a signal, none of those below */
    TN_PLUGIN_HUNG,           /* a call took longer than its limit */
    TN_PLUGIN_EXITED,         /* it ended its process */
    TN_PLUGIN_OUTSIDE,        /* it wrote, or read, outside its tensors */
    TN_PLUGIN_WROTE_READ_ONLY /* it wrote into a tensor that it may only read */
} tn_plugin_fault;

/* Tensors of a pass. */
typedef enum tn_plugin_tensor {
    TN_PLUGIN_INPUT = 0, /* these stand for themselves and those behind them, up to the next */
    TN_PLUGIN_OUTPUT = TN_PLUGIN_INPUT + TN_LAYER_INPUTS_MAX,
    TN_PLUGIN_D_OUTPUT,
    TN_PLUGIN_D_INPUT,
    TN_PLUGIN_PARAMETER = TN_PLUGIN_D_INPUT + TN_LAYER_INPUTS_MAX,
    TN_PLUGIN_D_PARAMETER = TN_PLUGIN_PARAMETER + TN_LAYER_PARAMETERS_MAX,
    TN_PLUGIN_SAVED = TN_PLUGIN_D_PARAMETER + TN_LAYER_PARAMETERS_MAX,
    TN_PLUGIN_TENSORS
} tn_plugin_tensor;

/* A call in training may take so long, unless the caller says otherwise. Unit: seconds. Own choice: far above what any layer takes on a batch, below what a person waits. */
enum { TN_PLUGIN_SECONDS = 60 };

/* Loads the library at `path`, which is kept as messages shall name it. A call may take `seconds`. TN_ERROR_HYPES where the file is missing or no plug-in; TN_ERROR_LAYER where loading it crashes.
 * The caller closes *plugin. */
tn_status tn_plugin_open(const char *path, double seconds, tn_plugin **plugin, tn_error *error);
void tn_plugin_close(tn_plugin *plugin); /* NULL is allowed */

const tn_plugin_info *tn_plugin_info_of(const tn_plugin *plugin);
const char *tn_plugin_path(const tn_plugin *plugin);

/* Asks for output, parameters and sizes; `arguments` [argument_count of info]. TN_ERROR_HYPES where the layer refuses the shapes, with its words; TN_ERROR_LAYER where it fails or its answer makes no
 * sense. The plan is kept for the calls below. */
tn_status tn_plugin_shape(tn_plugin *plugin, const tn_layer_shape *inputs, size_t input_count, const double *arguments, tn_error *error);
const tn_layer_plan *tn_plugin_plan(const tn_plugin *plugin);

size_t tn_plugin_shape_size(const tn_layer_shape *shape);

/* Lays the tensors out for batches of up to `batch` samples, all zero, and with pages to guard both ends of each: exactly those of a batch of this size. */
tn_status tn_plugin_prepare(tn_plugin *plugin, size_t batch, tn_error *error);
size_t tn_plugin_batch(const tn_plugin *plugin); /* as prepared; 0 before */

/* A tensor as this side sees it, and its floats for `batch` samples; NULL and 0 where the layer has none. Valid until the next prepare. */
float *tn_plugin_values(tn_plugin *plugin, size_t tensor);
size_t tn_plugin_count(const tn_plugin *plugin, size_t tensor, size_t batch);

/* "x", "output", "gradient of x", "slope": for messages, into text, which is returned. */
const char *tn_plugin_tensor_name(const tn_plugin *plugin, size_t tensor, char text[64]);

/* One call on what lies in the tensors. Inputs and parameters are filled before forward, d_output before backward. `wants`: bits of d_inputs and, from bit TN_LAYER_INPUTS_MAX on, of d_parameters that
 * backward has to make. TN_ERROR_LAYER where the layer failed; every call after that fails the same way. */
tn_status tn_plugin_forward(tn_plugin *plugin, size_t batch, bool training, tn_error *error);
tn_status tn_plugin_backward(tn_plugin *plugin, size_t batch, bool training, unsigned wants, tn_error *error);

/* All that backward can make. */
unsigned tn_plugin_wants_all(const tn_plugin *plugin);

/* What became of it, and in which call. */
tn_plugin_fault tn_plugin_fault_of(const tn_plugin *plugin, tn_plugin_call *call);

/* Bytes that the layer's process holds on the heap, as after its last call; 0 where the system does not tell. */
size_t tn_plugin_heap(const tn_plugin *plugin);

#endif
