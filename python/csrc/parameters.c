/* parameters.c: _tenet.Parameters: the parameters of one optimizer, shown around its step: gradients before it, updates and weights after it.
 *
 * An update is the weight less a copy of it from before the step. Where steps are observed one after another, the copy is renewed in the pass that takes the vitals of update
 * and weight, so a step reads each weight once. Before a step a copy counts as good where the tensor stands where it stood and has torch's same version number; a
 * program that writes to `.data` between two steps is not noticed, and its change counts to the next update.
 *
 * A weight stays as it is from one step to the next, so where a processor is idle that pass is owed, and made by the second thread during the next backward pass: no code of the program runs then
 * but hooks, and what is read is held. Not where two steps showed that the program changes its weights between them; who does it later is told with that change in the update, once; what is
 * written to `.data` by then counts to the update that is owed. So it is
 * with gradients, which it looks at during the step of an optimizer of torch's own, where a first step has shown that it leaves them as they are. */
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
    size_t version, gradient_version;
    bool copied;         /* the copy holds what the weight was before the coming step */
    tn_tensor_view view; /* of the weight or of the gradient, during a pass */
    PyObject *held;      /* the gradient that is viewed */
    bool open;
    PyObject *alias;         /* of a weight whose pass is owed, what keeps its values, from step to step; NULL */
    tn_tensor_view of_alias; /* good while there is an alias */
} parameter;

/* Whether an optimizer's step leaves the gradients as they are. */
typedef enum keeping { UNKNOWN, KEEPS, CHANGES } keeping;

typedef struct parameters_object {
    PyObject_HEAD PyObject *watcher;
    parameter *all;    /* [count] */
    tn_tile_job *jobs; /* [count], during a pass */
    size_t count;
    size_t copied_values;
    bool steady;   /* two steps have shown that the program leaves its weights alone between them */
    bool changing; /* that it does not */
    uint64_t owed; /* the step whose weights and updates are not told yet; 0: none */
    bool begun;
    keeping keeping;
    bool asked;       /* of the step that runs, where its code is known */
    uint64_t looking; /* the step whose gradients the second thread looks at meanwhile; 0: none */
    PyObject *grad_name, *version_name, *detach_name;
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

static size_t version_of(const parameters_object *object, PyObject *tensor)
{
    PyObject *version = PyObject_GetAttr(tensor, object->version_name);
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

/* Opens all gradients; how many jobs they are. */
static size_t open_gradients(const parameters_object *object)
{
    size_t jobs = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        if (!one->gradient || !open_gradient(object, one))
            continue;
        object->jobs[jobs++] = (tn_tile_job){.view = &one->view, .vitals = &one->gradient->vitals};
        one->gradient_version = version_of(object, one->held);
    }
    return jobs;
}

/* Shows what the jobs found where `shown`, and closes the views; what each gradient adds to the square of the norm, summed. */
static double show_gradients(const parameters_object *object, uint64_t step, bool shown)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
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

/* Whether the optimizer's step has left the gradients as they were. */
static bool are_gradients_kept(const parameters_object *object)
{
    bool kept = true;
    for (size_t i = 0; i < object->count; i++) {
        const parameter *one = &object->all[i];
        PyObject *gradient = one->gradient ? PyObject_GetAttr(one->tensor, object->grad_name) : NULL;
        if (gradient && gradient != Py_None)
            kept &= version_of(object, gradient) == one->gradient_version;
        Py_XDECREF(gradient);
    }
    PyErr_Clear();
    return kept;
}

/* Whether the copy is of the open weight, as it has been since the copy was made. */
static bool is_copied(const parameter *one, size_t version)
{
    return one->copied && one->copied_from == one->view.strided.data && one->version == version &&
           one->copy_size == one->view.count * tn_value_size(one->view.strided.type);
}

static void renew_copy(parameters_object *object, parameter *one)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    size_t version = version_of(object, one->tensor);
    bool was_copied = one->copied;
    if (!open_view(watcher, one)) {
        object->changing |= was_copied;
        object->steady = false;
        forget_copy(one);
        return;
    }
    size_t size = one->view.count * tn_value_size(one->view.strided.type);
    bool good = is_copied(one, version);
    object->changing |= was_copied && !good;
    object->steady &= good;
    if (!good && (one->copy_size != size || !one->copy)) {
        forget_copy(one);
        one->copy = one->view.dense && size ? tn_memory_create(size, 1) : NULL;
        one->copy_size = one->copy ? size : 0;
    }
    if (!good && one->copy)
        memcpy(one->copy, one->view.strided.data, size);
    one->copied = one->copy != NULL;
    one->copied_from = one->view.strided.data;
    object->copied_values += one->copied ? one->view.count : 0;
    close_view(one);
}

static PyObject *before(PyObject *self, PyObject *args)
{
    parameters_object *object = (parameters_object *)self;
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    unsigned long long step;
    int observed, want_norm, keeps;
    if (!PyArg_ParseTuple(args, "Kppp:before", &step, &observed, &want_norm, &keeps))
        return NULL;
    object->steady = true;
    object->copied_values = 0;
    for (size_t i = 0; observed && i < object->count; i++)
        if (object->all[i].update)
            renew_copy(object, &object->all[i]);
    size_t jobs = open_gradients(object);
    object->asked = keeps && observed && !want_norm;
    if (object->asked && object->keeping == KEEPS && tn_tiles_are_shared(&watcher->tiles, object->copied_values)) {
        tn_tiles_begin(&watcher->tiles, object->jobs, jobs);
        object->looking = step;
        return PyFloat_FromDouble(NAN);
    }
    run_jobs(object, jobs);
    double squares = show_gradients(object, step, observed != 0);
    double norm = isnan(squares) ? INFINITY : sqrt(squares); /* NaN says that nobody asked */
    return PyFloat_FromDouble(want_norm || observed ? norm : NAN);
}

/* Shows the gradients that a second thread has looked at during the step, and sees whether they may be left to it the next time. */
static void end_gradients(parameters_object *object)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    if (object->asked && object->keeping != CHANGES)
        object->keeping = are_gradients_kept(object) ? KEEPS : CHANGES;
    if (!object->looking)
        return;
    Py_BEGIN_ALLOW_THREADS;
    tn_tiles_finish(&watcher->tiles);
    Py_END_ALLOW_THREADS;
    show_gradients(object, object->looking, true);
    object->looking = 0;
}

/* ---- after it ---- */

/* Whether the copy is of what the weight was before the step. */
static bool has_update(const parameter *one)
{
    return one->update && one->copied && one->copied_from == one->view.strided.data &&
           one->copy_size == one->view.count * tn_value_size(one->view.strided.type);
}

/* The jobs of the weights that are open; how many. The last weights are looked at first: the optimizer has just written those. */
static size_t gather_weights(const parameters_object *object)
{
    size_t jobs = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        if (!one->open)
            continue;
        tn_tile_job *job = &object->jobs[jobs++];
        *job = (tn_tile_job){.view = &one->view, .vitals = &one->weight->vitals};
        if (has_update(one)) {
            job->copy = one->copy;
            job->changes = &one->update->vitals;
        }
    }
    return jobs;
}

/* Sends what a job found. */
static void show_weight(const parameters_object *object, parameter *one, uint64_t step, const tn_tile_job *job, bool takes_units)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    if (watcher->link && job->copy && one->update->vitals.count)
        tn_shown_send(one->update, watcher->link, step, one->units, &one->update->vitals);
    if (!watcher->link || !one->weight->vitals.count)
        return;
    tn_shown_forget_units(one->weight);
    if (takes_units)
        tn_watcher_show_units(watcher, one->weight, &one->view, one->tensor, one->axis, &one->weight->vitals);
    tn_shown_send(one->weight, watcher->link, step, one->units, &one->weight->vitals);
}

/* A weight on another device: its statistics come over; its update is left out there. */
static void show_far(const parameters_object *object, parameter *one, uint64_t step)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    tn_vitals vitals;
    if (tn_watcher_vitals(watcher, one->tensor, &vitals) && watcher->link && vitals.count)
        tn_shown_send(one->weight, watcher->link, step, one->units, &vitals);
}

/* Sends what all of them found, in order, and closes the views. takes_units: those are looked at first. */
static void show_weights(const parameters_object *object, uint64_t step, bool takes_units)
{
    size_t jobs = 0;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        if (one->open)
            show_weight(object, one, step, &object->jobs[jobs++], takes_units);
        else
            show_far(object, one, step);
        close_view(one);
    }
}

static void note_versions(const parameters_object *object)
{
    for (size_t i = 0; i < object->count; i++)
        if (object->all[i].copied)
            object->all[i].version = version_of(object, object->all[i].tensor);
}

static PyObject *after(PyObject *self, PyObject *args)
{
    parameters_object *object = (parameters_object *)self;
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    unsigned long long step;
    if (!PyArg_ParseTuple(args, "K:after", &step))
        return NULL;
    end_gradients(object);
    for (size_t i = 0; i < object->count; i++)
        open_view(watcher, &object->all[i]);
    run_jobs(object, gather_weights(object));
    show_weights(object, step, watcher->takes_weight_units);
    note_versions(object);
    Py_RETURN_NONE;
}

/* ---- after it, later ---- */

static PyObject *owe(PyObject *self, PyObject *args)
{
    parameters_object *object = (parameters_object *)self;
    const tn_watcher *watcher = (const tn_watcher *)object->watcher;
    unsigned long long step;
    if (!PyArg_ParseTuple(args, "K:owe", &step))
        return NULL;
    end_gradients(object);
    if (!object->steady || object->changing || object->owed || watcher->takes_weight_units ||
        !tn_tiles_are_shared(&watcher->tiles, object->copied_values))
        Py_RETURN_FALSE;
    note_versions(object);
    object->owed = step;
    Py_RETURN_TRUE;
}

static void forget_alias(parameter *one)
{
    if (one->alias)
        tn_tensor_view_close(&one->of_alias);
    Py_CLEAR(one->alias);
}

static void forget_aliases(const parameters_object *object)
{
    for (size_t i = 0; i < object->count; i++)
        forget_alias(&object->all[i]);
}

/* Opens a weight in a way that keeps its memory, whatever the program does with the tensor. */
static void open_kept(const parameters_object *object, parameter *one)
{
    const tn_watcher *watcher = (const tn_watcher *)object->watcher;
    if (!one->alias || !tn_tensor_view_stands(&watcher->asker, one->tensor, &one->of_alias)) {
        forget_alias(one);
        one->alias = PyObject_CallMethodObjArgs(one->tensor, object->detach_name, NULL);
        if (one->alias && !tn_tensor_view_open(&watcher->asker, one->alias, &one->of_alias))
            Py_CLEAR(one->alias);
    }
    one->open = one->alias != NULL;
    if (one->open)
        tn_tensor_view_borrow(&one->view, &one->of_alias);
    PyErr_Clear();
}

/* Opens the weights and hands them to the second thread. false where one does not stand as the step left it. */
static bool begin_owed(parameters_object *object)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    bool same = true;
    for (size_t i = 0; i < object->count; i++) {
        parameter *one = &object->all[i];
        open_kept(object, one);
        same &= !one->update || (one->open && is_copied(one, version_of(object, one->tensor)));
    }
    tn_tiles_begin(&watcher->tiles, object->jobs, gather_weights(object));
    object->begun = true;
    object->changing |= !same;
    return same;
}

static void finish_owed(parameters_object *object)
{
    tn_watcher *watcher = (tn_watcher *)object->watcher;
    Py_BEGIN_ALLOW_THREADS;
    tn_tiles_finish(&watcher->tiles);
    Py_END_ALLOW_THREADS;
    object->begun = false;
}

static void tell_owed(parameters_object *object)
{
    if (!object->begun)
        begin_owed(object);
    finish_owed(object);
    show_weights(object, object->owed, false);
    object->owed = 0;
    if (object->changing) /* nothing is owed again, and what was kept may be nobody else's */
        forget_aliases(object);
}

static PyObject *begin(PyObject *self, PyObject *unused)
{
    (void)unused;
    parameters_object *object = (parameters_object *)self;
    /* What the program has put elsewhere may go again: it is looked at before the program goes on. */
    if (object->owed && !object->begun && !begin_owed(object))
        tell_owed(object);
    Py_RETURN_NONE;
}

static PyObject *tell(PyObject *self, PyObject *unused)
{
    (void)unused;
    parameters_object *object = (parameters_object *)self;
    if (object->owed)
        tell_owed(object);
    Py_RETURN_NONE;
}

static void drop_owed(parameters_object *object)
{
    if (object->begun || object->looking)
        finish_owed(object);
    for (size_t i = 0; (object->owed || object->looking) && i < object->count; i++) {
        close_view(&object->all[i]);
        object->all[i].copied = false;
    }
    object->owed = object->looking = 0;
    forget_aliases(object);
}

static PyObject *drop(PyObject *self, PyObject *unused)
{
    (void)unused;
    drop_owed((parameters_object *)self);
    Py_RETURN_NONE;
}

static PyObject *failed(PyObject *self, PyObject *unused)
{
    (void)unused;
    end_gradients((parameters_object *)self);
    Py_RETURN_NONE;
}

static PyObject *release_copies(PyObject *self, PyObject *unused)
{
    (void)unused;
    parameters_object *object = (parameters_object *)self;
    for (size_t i = 0; i < object->count; i++)
        forget_copy(&object->all[i]);
    forget_aliases(object);
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
    object->detach_name = PyUnicode_InternFromString("detach");
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
    return object->grad_name && object->version_name && object->detach_name ? 0 : -1;
}

static void parameters_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    parameters_object *object = (parameters_object *)self;
    drop_owed(object);
    for (size_t i = 0; i < object->count; i++) {
        forget_copy(&object->all[i]);
        Py_XDECREF(object->all[i].tensor);
    }
    tn_memory_destroy(object->all);
    tn_memory_destroy(object->jobs);
    Py_XDECREF(object->grad_name);
    Py_XDECREF(object->version_name);
    Py_XDECREF(object->detach_name);
    Py_XDECREF(object->watcher);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"before", TN_METHOD(before), METH_VARARGS,
     "before(step, observed, want_norm, keeps): shows the gradients where observed; the global norm of all of them: infinite where one is "
     "not finite, nan where nobody asked. `keeps`: the step that follows is known to change no gradient in a way that torch does not "
     "count, so a second thread may look at them until after() or owe() shows them."},
    {"after", TN_METHOD(after), METH_VARARGS, "after(step): shows updates and weights."},
    {"failed", TN_METHOD(failed), METH_NOARGS, "The step ended in an exception: its gradients are shown, nothing else."},
    {"owe", TN_METHOD(owe), METH_VARARGS,
     "owe(step): True where updates and weights are left to tell(), and are to be left alone until begin() or tell(); False where after() "
     "is to "
     "be called now."},
    {"begin", TN_METHOD(begin), METH_NOARGS, "A second thread may look at what is owed, up to tell()."},
    {"tell", TN_METHOD(tell), METH_NOARGS, "Shows what is owed."},
    {"drop", TN_METHOD(drop), METH_NOARGS, "Nothing is owed any more, told or not."},
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
