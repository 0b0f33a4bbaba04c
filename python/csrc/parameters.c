/* parameters.c: _tenet.Parameters: the parameters of one optimizer, shown around its step: gradients before it, updates and weights after it.
 *
 * An update is the weight less a copy of it from before the step. Where steps are observed one after another, the copy is renewed in the pass that takes the vitals of update
 * and weight, so a step reads each weight once. Before a step a copy counts as good where the tensor stands where it stood and has torch's same version number; a
 * program that writes to `.data` between two steps is not noticed, and its change counts to the next update. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "watcher.h"

typedef struct parameter {
    PyObject *tensor;
    tn_shown *weight, *gradient, *update; /* gradient and update NULL where it is frozen */
    size_t units;
    int axis;   /* that counts them */
    void *copy; /* of its bytes; NULL: none */
    size_t copy_size;
    const void *copied_from;
    size_t version;
    bool copied;         /* the copy holds what the weight was before the coming step */
    tn_tensor_view view; /* of the weight or of the gradient, during a pass */
    PyObject *held;      /* the gradient that is viewed */
    bool open;
} parameter;

typedef struct parameters_object {
    PyObject_HEAD PyObject *watcher;
    parameter *all;    /* [count] */
    tn_tile_job *jobs; /* [count], during a pass */
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
    Py_CLEAR(one->held);
}

/* The vitals of what is open, without the GIL. */
static void run_jobs(const parameters_object *object, size_t jobs)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    Py_BEGIN_ALLOW_THREADS;
    tn_tiles_run(&watcher->tiles, object->jobs, jobs);
    Py_END_ALLOW_THREADS;
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

/* Opens the gradient of a parameter; false where it has none, or where it is on another device. */
static bool open_gradient(const parameters_object *object, parameter *one)
{
    const tn_watcher *watcher = (const tn_watcher *)object->watcher;
    PyObject *gradient = PyObject_GetAttr(one->tensor, object->grad_name);
    if (!gradient || gradient == Py_None) {
        Py_XDECREF(gradient);
        PyErr_Clear();
        return false;
    }
    one->held = gradient;
    one->open = tn_tensor_view_open(&watcher->asker, gradient, &one->view);
    return one->open;
}

/* Vitals of all gradients; what each adds to the square of the norm, summed. Shows them where `shown`. */
static double look_at_gradients(const parameters_object *object, uint64_t step, bool shown)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    size_t jobs = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        if (one->gradient && open_gradient(object, one))
            object->jobs[jobs++] = (tn_tile_job){.view = &one->view, .vitals = &one->gradient->vitals};
    }
    run_jobs(object, jobs);
    double squares = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        /* What is held and not open is on another device: its statistics come over. */
        if (one->held && (one->open || tn_watcher_vitals(watcher, one->held, &one->gradient->vitals))) {
            squares += square_of(&one->gradient->vitals);
            if (shown && watcher->link)
                tn_shown_send(one->gradient, watcher->link, step, one->units, &one->gradient->vitals);
        }
        close_view(one);
    }
    PyErr_Clear();
    return squares;
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
    double squares = look_at_gradients(object, step, observed != 0);
    for (size_t i = 0; observed && i < object->count; i++)
        if (object->all[i].update)
            renew_copy(object, &object->all[i]);
    double norm = isnan(squares) ? INFINITY : sqrt(squares); /* NaN says that nobody asked */
    return PyFloat_FromDouble(want_norm || observed ? norm : NAN);
}

/* ---- after it ---- */

/* Whether the copy is of what the weight was before the step. */
static bool has_update(const parameter *one)
{
    return one->update && one->copied && one->copied_from == one->view.strided.data &&
           one->copy_size == one->view.count * tn_value_size(one->view.strided.type);
}

/* The last weights are looked at first: the optimizer has just written those. What is found is sent in order. */
static void look_at_weights(const parameters_object *object, uint64_t step)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    size_t jobs = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        if (!one->open)
            continue;
        object->jobs[jobs] = (tn_tile_job){.view = &one->view, .vitals = &one->weight->vitals};
        if (has_update(one)) {
            object->jobs[jobs].copy = one->copy;
            object->jobs[jobs].changes = &one->update->vitals;
        }
        jobs++;
    }
    run_jobs(object, jobs);
    jobs = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        if (!one->open)
            continue;
        bool changed = object->jobs[jobs++].copy != NULL;
        if (watcher->link && changed && one->update->vitals.count)
            tn_shown_send(one->update, watcher->link, step, one->units, &one->update->vitals);
        if (!watcher->link || !one->weight->vitals.count)
            continue;
        tn_shown_forget_units(one->weight);
        tn_watcher_show_units(watcher, one->weight, &one->view, one->tensor, one->axis, &one->weight->vitals);
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
    look_at_weights(object, step);
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
    int axis, frozen;
    if (!PyArg_ParseTuple(row, "Osssnnip", &tensor, &node, &name, &op, &node_index, &units, &axis, &frozen))
        return false;
    Py_INCREF(tensor);
    *one = (parameter){.tensor = tensor, .units = units > 0 ? (size_t)units : 1, .axis = axis};
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
    object->jobs = tn_memory_create((size_t)count, sizeof *object->jobs);
    if (!object->all || !object->jobs) {
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
    tn_memory_destroy(object->jobs);
    Py_XDECREF(object->grad_name);
    Py_XDECREF(object->version_name);
    Py_XDECREF(object->watcher);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"before", TN_METHOD(before), METH_VARARGS,
     "before(step, observed, want_norm): shows the gradients where observed; the global norm of all of them: infinite where one is not "
     "finite, nan where nobody asked."},
    {"after", TN_METHOD(after), METH_VARARGS, "after(step): shows updates and weights."},
    {"expire", TN_METHOD(expire), METH_NOARGS, "The copies of the weights are out of date."},
    {"release", TN_METHOD(release_copies), METH_NOARGS, "Frees the copies of the weights."},
    {0},
};

static PyType_Slot slots[] = {{Py_tp_doc, "Parameters(watcher, [(tensor, node, name, op, node_index, units, axis, frozen)])."},
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
