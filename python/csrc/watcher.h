/* watcher.h: the object that sees the activations of a program's modules and their gradients.
 *
 * Python's side (tenet/torch_watch.py) puts the hooks in place on observed steps only, names the modules, and says when a step begins and ends. Everything between runs here,
 * with the GIL, which is given back for long tensors only. */
#ifndef TN_PYTHON_WATCHER_H
#define TN_PYTHON_WATCHER_H

#include "parameter_tiles.h"
#include "shown.h"
#include "tensor_view.h"

/* A module of the program. Its address is the key; the weak reference tells whether it still is the same one. */
typedef struct tn_watched_module {
    const void *module;
    PyObject *reference;
    char *node, *op;
    size_t node_index; /* in the order of first forward passes; NOT_RUN before the first */
    int axis;          /* the unit axis of the output, if it has so many and no other rule holds */
    bool leaf;         /* shown whatever it returns; else only where it returns something of its own */
    bool top;          /* of its tree: whoever calls it, no forward pass is under way, whatever became of the last one */
    bool hidden;       /* never shown: losses, containers that only hold */
    tn_shown *activation, *gradient;
    PyObject *hook; /* {0: a GradientHook}; NULL before the first */
} tn_watched_module;

enum { TN_MODULE_NOT_RUN = -1 };

typedef struct tn_watcher {
    PyObject_HEAD PyObject *link_object;
    tn_link *link; /* borrowed from link_object */
    tn_tensor_asker asker;
    tn_shown_table shown;
    tn_tiles tiles;              /* of parameters, whose vitals are taken all at once */
    tn_watched_module **modules; /* a hash table of [module_slots], open addressing */
    size_t module_slots, module_count, next_index;
    PyObject *find_root; /* find_root(module, is_root): names a module that was not met before, and all below it */
    PyObject *reduce;    /* reduce(tensor): vitals as a dict, of a tensor on another device */
    PyObject *is_grad_enabled, *is_tracing;
    PyObject *hook_type;
    PyObject *hooks_name, *grad_fn_name, *register_name;
    tn_shown *input;
    const void *input_root; /* the module that got the batch in this step: its address alone */
    PyObject *last_output;  /* of the root that runs: a container that returns its child's output is not shown twice */
    uint64_t step;          /* being observed; 0: none */
    size_t depth;
    bool paused;                          /* the step's tensors were all seen */
    bool root_watched;                    /* the root that runs is shown */
    bool in_backward;                     /* recomputed activations were shown before */
    uint64_t cost_ns;                     /* time spent in the hooks since it was last asked */
    size_t calls;                         /* of modules, likewise */
    size_t input_rows;                    /* the first axis of the step's last input */
    uint64_t began;                       /* the last step that was observed */
    uint64_t observed;                    /* steps before it, of this trial */
    bool takes_units, takes_weight_units; /* of the step that is being observed */
} tn_watcher;

/* Adds the vitals of a tensor to where those of `shown` gather, whatever its device. false where it is out of reach. No exception is left. */
bool tn_watcher_show(tn_watcher *watcher, tn_shown *shown, PyObject *tensor, int axis);

/* Adds the vitals of the units of an open view of `tensor` to where those of `shown` gather. whole: the vitals of the tensor. For steps whose are due. */
void tn_watcher_show_units(const tn_watcher *watcher, tn_shown *shown, const tn_tensor_view *view, PyObject *tensor, int axis,
                           const tn_vitals *whole);

/* The vitals of a tensor of any device into *vitals, which is initialised first. */
bool tn_watcher_vitals(tn_watcher *watcher, PyObject *tensor, tn_vitals *vitals);

/* The watcher behind an object; NULL with an exception set. */
tn_watcher *tn_watcher_of(PyObject *object);

/* ---- modules (watched_modules.c) ---- */

tn_watched_module *tn_watched_find(const tn_watcher *watcher, PyObject *module); /* NULL: not met */

/* Enters a module, or names it anew. NULL with an exception set. */
tn_watched_module *tn_watched_add(tn_watcher *watcher, PyObject *module, const char *node, const char *op);
void tn_watched_clear(tn_watcher *watcher);

/* The first tensor of what a module returned, borrowed; NULL where there is none. */
PyObject *tn_first_tensor(const tn_tensor_asker *asker, PyObject *value);

/* The number of a node in the order of first use. */
size_t tn_watched_index(tn_watcher *watcher, tn_watched_module *module);

#endif
