/* parameters.c: _tenet.Parameters: the parameters of one optimizer, shown around its step: gradients before it, updates and weights after it.
 *
 * An update is the weight less a copy of it from before the step. Where steps are observed one after another, the copy is renewed in the pass that takes the vitals of update
 * and weight, so a step reads each weight once. Before a step a copy counts as good where the tensor stands where it stood and has torch's same version number; a
 * program that writes to `.data` between two steps is not noticed, and its change counts to the next update. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"
#include "watcher.h"

enum { BLOCK = 4096 /* values of a pass: weight, copy and difference stay in the first cache */ };

typedef struct parameter {
    PyObject *tensor;
    tn_shown *weight, *gradient, *update; /* gradient and update NULL where it is frozen */
    size_t units;
    void *copy; /* of its bytes; NULL: none */
    size_t copy_size;
    const void *copied_from;
    size_t version;
    bool copied;         /* the copy holds what the weight was before the coming step */
    tn_tensor_view view; /* during a pass */
    bool open;
} parameter;

typedef struct parameters_object {
    PyObject_HEAD PyObject *watcher;
    parameter *all; /* [count] */
    size_t count;
    PyObject *grad_name, *version_name;
} parameters_object;

static void forget_copy(parameter *one)
{
    tn_memory_destroy(one->copy);
    one->copy = NULL;
    one->copied = false;
    one->copy_size = 0;
}

static bool open_view(const tn_watcher *watcher, parameter *one)
{
    one->open = tn_tensor_view_open(&watcher->asker, one->tensor, &one->view);
    return one->open;
}

static void close_view(parameter *one)
{
    if (one->open)
        tn_tensor_view_close(&one->view);
    one->open = false;
}

static size_t version_of(const parameters_object *object, const parameter *one)
{
    PyObject *version = PyObject_GetAttr(one->tensor, object->version_name);
    size_t number = version ? PyLong_AsSize_t(version) : 0;
    Py_XDECREF(version);
    PyErr_Clear();
    return number;
}

/* ---- before a step ---- */

/* What a gradient adds to the square of the global norm. */
static double square_of(const tn_vitals *vitals)
{
    if (vitals->nan)
        return NAN;
    return vitals->positive_infinity || vitals->negative_infinity ? INFINITY : vitals->sum_of_squares;
}

/* Shows the gradient where `shown`, and returns its square. */
static double look_at_gradient(const parameters_object *object, parameter *one, uint64_t step, bool shown)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    PyObject *gradient = PyObject_GetAttr(one->tensor, object->grad_name);
    double square = 0;
    tn_vitals vitals;
    if (gradient && gradient != Py_None && tn_watcher_vitals(watcher, gradient, &vitals)) {
        square = square_of(&vitals);
        if (shown && watcher->link)
            tn_shown_send(one->gradient, watcher->link, step, one->units, &vitals);
    }
    Py_XDECREF(gradient);
    PyErr_Clear();
    return square;
}

static void renew_copy(const parameters_object *object, parameter *one)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    size_t version = version_of(object, one);
    if (!open_view(watcher, one)) {
        forget_copy(one);
        return;
    }
    size_t size = one->view.count * tn_value_size(one->view.strided.type);
    bool good = one->copied && one->copied_from == one->view.strided.data && one->version == version && one->copy_size == size;
    if (!good && (one->copy_size != size || !one->copy)) {
        forget_copy(one);
        one->copy = one->view.dense && size ? tn_memory_create(size, 1) : NULL;
        one->copy_size = one->copy ? size : 0;
    }
    if (!good && one->copy)
        memcpy(one->copy, one->view.strided.data, size);
    one->copied = one->copy != NULL;
    one->copied_from = one->view.strided.data;
    close_view(one);
}

static PyObject *before(PyObject *self, PyObject *args)
{
    parameters_object *object = (parameters_object *)self;
    unsigned long long step;
    int observed, want_norm;
    if (!PyArg_ParseTuple(args, "Kpp:before", &step, &observed, &want_norm))
        return NULL;
    double squares = 0;
    for (size_t i = 0; i < object->count; i++)
        if (object->all[i].gradient)
            squares += look_at_gradient(object, &object->all[i], step, observed != 0);
    for (size_t i = 0; observed && i < object->count; i++)
        if (object->all[i].update)
            renew_copy(object, &object->all[i]);
    return PyFloat_FromDouble(want_norm || observed ? sqrt(squares) : NAN);
}

/* ---- after it ---- */

/* A block of float32: differences to `changes`, and the copy renewed. */
TN_SIMD_CLONES
static void subtract(float *restrict changes, float *restrict copy, const float *restrict values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float value = values[i];
        changes[i] = value - copy[i];
        copy[i] = value;
    }
}

static void pass_floats(const parameter *one, tn_vitals *weight, tn_vitals *update)
{
    float changes[BLOCK];
    const float *values = one->view.strided.data;
    float *copy = one->copy;
    for (size_t at = 0; at < one->view.count; at += BLOCK) {
        size_t count = one->view.count - at < BLOCK ? one->view.count - at : BLOCK;
        subtract(changes, copy + at, values + at, count);
        tn_vitals_add(update, changes, count);
        tn_vitals_add(weight, values + at, count);
    }
}

/* Of doubles the difference is taken before it is rounded: it may be smaller than a float can tell of the weight. */
static void pass_doubles(const parameter *one, tn_vitals *update)
{
    float changes[BLOCK];
    const char *values = one->view.strided.data, *copy = one->copy;
    for (size_t at = 0; at < one->view.count; at += BLOCK) {
        size_t count = one->view.count - at < BLOCK ? one->view.count - at : BLOCK;
        for (size_t i = 0; i < count; i++) {
            double now, then;
            memcpy(&now, values + (at + i) * sizeof now, sizeof now);
            memcpy(&then, copy + (at + i) * sizeof then, sizeof then);
            double change = now - then;
            tn_values_cast(&changes[i], &change, TN_VALUE_FLOAT64, 1, 1);
        }
        tn_vitals_add(update, changes, count);
    }
}

static void pass_others(const parameter *one, tn_vitals *update)
{
    float now[BLOCK], then[BLOCK];
    tn_value_type type = one->view.strided.type;
    size_t width = tn_value_size(type);
    for (size_t at = 0; at < one->view.count; at += BLOCK) {
        size_t count = one->view.count - at < BLOCK ? one->view.count - at : BLOCK;
        tn_values_cast(now, (const char *)one->view.strided.data + at * width, type, 1, count);
        tn_values_cast(then, (const char *)one->copy + at * width, type, 1, count);
        for (size_t i = 0; i < count; i++)
            now[i] -= then[i];
        tn_vitals_add(update, now, count);
    }
}

/* Vitals of weight and update; without the GIL. */
static void pass(parameter *one, tn_vitals *weight, tn_vitals *update)
{
    tn_vitals_init(weight);
    tn_vitals_init(update);
    bool has_update = one->update && one->copied && one->copied_from == one->view.strided.data &&
                      one->copy_size == one->view.count * tn_value_size(one->view.strided.type);
    if (has_update && one->view.strided.type == TN_VALUE_FLOAT32) {
        pass_floats(one, weight, update);
        return;
    }
    if (has_update && one->view.strided.type == TN_VALUE_FLOAT64)
        pass_doubles(one, update);
    else if (has_update)
        pass_others(one, update);
    if (has_update)
        memcpy(one->copy, one->view.strided.data, one->copy_size);
    tn_tensor_view_add(&one->view, weight);
}

/* The last weights first: the optimizer has just written those, so they are still in cache. What is found is sent in order. */
static void pass_all(parameters_object *object, uint64_t step)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    tn_vitals nothing;
    for (size_t i = object->count; i-- > 0;) {
        parameter *one = &object->all[i];
        if (one->open)
            pass(one, &one->weight->vitals, one->update ? &one->update->vitals : &nothing);
    }
    for (size_t i = 0; watcher->link && i < object->count; i++) {
        parameter *one = &object->all[i];
        if (one->open && one->update && one->update->vitals.count)
            tn_shown_send(one->update, watcher->link, step, one->units, &one->update->vitals);
        if (one->open && one->weight->vitals.count)
            tn_shown_send(one->weight, watcher->link, step, one->units, &one->weight->vitals);
    }
}

/* A weight on another device: its statistics come over; its update is left out there. */
static void show_far(const parameters_object *object, parameter *one, uint64_t step)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    tn_vitals vitals;
    if (tn_watcher_vitals(watcher, one->tensor, &vitals) && watcher->link && vitals.count)
        tn_shown_send(one->weight, watcher->link, step, one->units, &vitals);
}

static PyObject *after(PyObject *self, PyObject *args)
{
    parameters_object *object = (parameters_object *)self;
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    unsigned long long step;
    if (!PyArg_ParseTuple(args, "K:after", &step))
        return NULL;
    for (size_t i = 0; i < object->count; i++)
        if (!open_view(watcher, &object->all[i]))
            show_far(object, &object->all[i], step);
    Py_BEGIN_ALLOW_THREADS;
    pass_all(object, step);
    Py_END_ALLOW_THREADS;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        close_view(one);
        if (one->copied)
            one->version = version_of(object, one);
    }
    Py_RETURN_NONE;
}

static PyObject *release_copies(PyObject *self, PyObject *unused)
{
    (void)unused;
    parameters_object *object = (parameters_object *)self;
    for (size_t i = 0; i < object->count; i++)
        forget_copy(&object->all[i]);
    Py_RETURN_NONE;
}

/* Copies are out of date: steps were taken that were not observed. */
static PyObject *expire(PyObject *self, PyObject *unused)
{
    (void)unused;
    parameters_object *object = (parameters_object *)self;
    for (size_t i = 0; i < object->count; i++)
        object->all[i].copied = false;
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static bool fill(parameters_object *object, tn_watcher *watcher, PyObject *row, parameter *one)
{
    PyObject *tensor;
    const char *node, *name, *op;
    Py_ssize_t node_index, units;
    int frozen;
    if (!PyArg_ParseTuple(row, "Osssnnp", &tensor, &node, &name, &op, &node_index, &units, &frozen))
        return false;
    Py_INCREF(tensor);
    *one = (parameter){.tensor = tensor, .units = units > 0 ? (size_t)units : 1};
    object->count++;
    size_t index = (size_t)node_index;
    one->weight = tn_shown_create(&watcher->shown, TN_ROLE_WEIGHT, node, name, op, index);
    if (!frozen) {
        one->gradient = tn_shown_create(&watcher->shown, TN_ROLE_GRADIENT, node, name, op, index);
        one->update = tn_shown_create(&watcher->shown, TN_ROLE_UPDATE, node, name, op, index);
    }
    if (one->weight && (frozen || (one->gradient && one->update)))
        return true;
    PyErr_NoMemory();
    return false;
}

static int parameters_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"watcher", "rows", NULL};
    PyObject *watcher_object, *rows;
    parameters_object *object = (parameters_object *)self;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!:Parameters", names, &watcher_object, &PyList_Type, &rows))
        return -1;
    tn_watcher *watcher = tn_watcher_of(watcher_object);
    if (!watcher)
        return -1;
    if (object->watcher) {
        PyErr_SetString(PyExc_ValueError, "these Parameters were made already");
        return -1;
    }
    Py_INCREF(watcher_object);
    object->watcher = watcher_object;
    object->grad_name = PyUnicode_InternFromString("grad");
    object->version_name = PyUnicode_InternFromString("_version");
    Py_ssize_t count = PyList_Size(rows);
    object->all = tn_memory_create((size_t)count, sizeof *object->all);
    if (!object->all) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        if (!fill(object, watcher, PyList_GetItem(rows, i), &object->all[i]))
            return -1;
    return object->grad_name && object->version_name ? 0 : -1;
}

static void parameters_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    parameters_object *object = (parameters_object *)self;
    for (size_t i = 0; i < object->count; i++) {
        forget_copy(&object->all[i]);
        Py_XDECREF(object->all[i].tensor);
    }
    tn_memory_destroy(object->all);
    Py_XDECREF(object->grad_name);
    Py_XDECREF(object->version_name);
    Py_XDECREF(object->watcher);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"before", TN_METHOD(before), METH_VARARGS,
     "before(step, observed, want_norm): shows the gradients where observed; the global norm of all of them, nan where nobody asked."},
    {"after", TN_METHOD(after), METH_VARARGS, "after(step): shows updates and weights."},
    {"expire", TN_METHOD(expire), METH_NOARGS, "The copies of the weights are out of date."},
    {"release", TN_METHOD(release_copies), METH_NOARGS, "Frees the copies of the weights."},
    {0},
};

static PyType_Slot slots[] = {{Py_tp_doc, "Parameters(watcher, [(tensor, node, name, op, node_index, units, frozen)])."},
                              {Py_tp_init, parameters_init},
                              {Py_tp_dealloc, parameters_dealloc},
                              {Py_tp_methods, methods},
                              {0, NULL}};

static PyType_Spec spec = {
    .name = "tenet._tenet.Parameters", .basicsize = sizeof(parameters_object), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};

bool tn_python_add_parameters(PyObject *module)
{
    return tn_python_add_type(module, &spec, "Parameters") != NULL;
}
