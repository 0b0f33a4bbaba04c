/* pulse.c: _tenet.Pulse: what happens at every step, whether it is observed or not: the loss at the root of each backward pass, the count of steps and samples, the record of the step.
 *
 * A small network's step takes as long as a few hundred lines of Python, so the common case is here: one optimizer, no closure, one loss that is a plain tensor, nobody who listens to the
 * step's events. Python's side (tenet/torch_watch.py) says by `plain` whether the coming step is of that kind, and takes over where it is not; the sums are kept here for both. */
#include "extension.h"

#include <math.h>
#include <structmember.h>

#include "base/clock.h"

typedef struct pulse {
    PyObject_HEAD PyObject *session, *tensor_type;
    PyObject *item, *numel; /* of tensors, unbound */
    PyObject *primary;      /* a weak reference; NULL: none yet */
    PyObject *link_object;
    tn_link *link; /* borrowed from link_object; NULL: none */
    PyObject *groups_name, *rate_name;
    double loss, rate;         /* sum over the backward passes since the last step; the rate of the step that runs */
    long long step, samples;   /* of the primary optimizer and of the trial so far */
    long long backwards, rows; /* since the last step */
    long long usual_rows;      /* of a backward pass whose rows nobody counts */
    long long attention;       /* the step after which Python's side wants to be asked; 0: none */
    double usual_seconds;      /* what a plain step takes: about the median; 0: none was taken */
    uint64_t ended_ns;         /* when the last one ended; 0: something else came after it */
    char plain, in_backward, in_step;
} pulse;

/* enter_backward(tensors, grad_tensors): True where the pass was counted; False where Python's side must look. */
static PyObject *enter_backward(PyObject *self, PyObject *args)
{
    pulse *p = (pulse *)self;
    PyObject *tensor, *gradient;
    if (!PyArg_UnpackTuple(args, "enter_backward", 2, 2, &tensor, &gradient))
        return NULL;
    if (!p->plain || p->in_backward || gradient != Py_None || (PyObject *)Py_TYPE(tensor) != p->tensor_type)
        Py_RETURN_FALSE;
    PyObject *value = PyObject_CallFunctionObjArgs(p->item, tensor, NULL);
    double number = value ? PyFloat_AsDouble(value) : -1;
    Py_XDECREF(value);
    if (PyErr_Occurred()) {
        PyErr_Clear(); /* several values, a complex one, a symbolic one */
        Py_RETURN_FALSE;
    }
    p->loss += number;
    p->backwards++;
    p->rows += p->usual_rows;
    p->in_backward = 1;
    Py_RETURN_TRUE;
}

static PyObject *leave_backward(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((pulse *)self)->in_backward = 0;
    Py_RETURN_NONE;
}

static double rate_of(const pulse *p, PyObject *optimizer)
{
    PyObject *groups = PyObject_GetAttr(optimizer, p->groups_name);
    PyObject *first = groups && PyList_Check(groups) && PyList_Size(groups) > 0 ? PyList_GetItem(groups, 0) : NULL;
    PyObject *rate = first && PyDict_Check(first) ? PyDict_GetItem(first, p->rate_name) : NULL;
    double number = rate ? PyFloat_AsDouble(rate) : NAN;
    Py_XDECREF(groups);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return NAN;
    }
    return number;
}

/* enter_step(optimizer, args, kwargs): True where the step may simply run, and done() follows; False where Python's side must look. */
static PyObject *enter_step(PyObject *self, PyObject *args)
{
    pulse *p = (pulse *)self;
    PyObject *optimizer, *arguments, *keywords;
    if (!PyArg_UnpackTuple(args, "enter_step", 3, 3, &optimizer, &arguments, &keywords))
        return NULL;
    if (!p->plain || p->in_step || !p->primary || PyWeakref_GetObject(p->primary) != optimizer || PyTuple_Size(arguments) > 0 ||
        PyDict_Size(keywords) > 0) {
        p->ended_ns = 0;
        Py_RETURN_FALSE;
    }
    p->rate = rate_of(p, optimizer);
    p->in_step = 1;
    Py_RETURN_TRUE;
}

static void forget(pulse *p)
{
    p->loss = 0;
    p->backwards = p->rows = 0;
}

/* Follows the median: each step moves it by a fiftieth, up or down, so a pause between two steps counts for no more than any long step. */
static void take_time(pulse *p)
{
    uint64_t now_ns = tn_clock_ns();
    double seconds = (double)(now_ns - p->ended_ns) * 1e-9;
    if (p->ended_ns && p->usual_seconds == 0)
        p->usual_seconds = seconds;
    else if (p->ended_ns)
        p->usual_seconds *= seconds > p->usual_seconds ? 1.02 : 1 / 1.02;
    p->ended_ns = now_ns;
}

/* done(): the end of such a step. 0: go on; 1: Python's side wants to be asked before the next step; 2: the other end wants the program to stop. */
static PyObject *done(PyObject *self, PyObject *unused)
{
    (void)unused;
    pulse *p = (pulse *)self;
    p->in_step = 0;
    p->step++;
    p->samples += p->rows;
    tn_step scalars = {.step = (uint64_t)p->step,
                       .samples = (uint64_t)p->samples,
                       .loss = p->backwards ? p->loss : NAN,
                       .learning_rate = p->rate,
                       .gradient_norm = NAN};
    forget(p);
    take_time(p);
    bool going_on = !p->link || tn_link_step(p->link, &scalars);
    return PyLong_FromLong(!going_on ? 2 : p->step == p->attention ? 1 : 0);
}

/* A step that ended in an exception. */
static PyObject *failed(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((pulse *)self)->in_step = 0;
    Py_RETURN_NONE;
}

static PyObject *forget_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    forget((pulse *)self);
    Py_RETURN_NONE;
}

/* follow(primary, link): the weak reference to the primary optimizer, and where its steps are told; None for none. */
static PyObject *follow(PyObject *self, PyObject *args)
{
    pulse *p = (pulse *)self;
    PyObject *primary, *link_object;
    if (!PyArg_UnpackTuple(args, "follow", 2, 2, &primary, &link_object))
        return NULL;
    tn_link *link = link_object == Py_None ? NULL : tn_python_link_of(link_object);
    if (!link && PyErr_Occurred())
        return NULL;
    if (primary != Py_None && !PyWeakref_CheckRef(primary)) {
        PyErr_SetString(PyExc_TypeError, "expected a weak reference");
        return NULL;
    }
    Py_XDECREF(p->primary);
    Py_XDECREF(p->link_object);
    p->primary = primary == Py_None ? NULL : primary;
    p->link_object = link_object;
    p->link = link;
    Py_XINCREF(p->primary);
    Py_INCREF(link_object);
    Py_RETURN_NONE;
}

static int pulse_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"tensor_type", NULL};
    pulse *p = (pulse *)self;
    PyObject *tensor;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:Pulse", names, &tensor))
        return -1;
    if (p->tensor_type) {
        PyErr_SetString(PyExc_ValueError, "this Pulse was made already");
        return -1;
    }
    Py_INCREF(tensor);
    p->tensor_type = tensor;
    p->item = PyObject_GetAttrString(tensor, "item");
    p->groups_name = PyUnicode_InternFromString("param_groups");
    p->rate_name = PyUnicode_InternFromString("lr");
    p->usual_rows = 1;
    return p->item && p->groups_name && p->rate_name ? 0 : -1;
}

static void pulse_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pulse *p = (pulse *)self;
    PyObject *held[] = {p->tensor_type, p->item, p->primary, p->link_object, p->groups_name, p->rate_name};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        Py_XDECREF(held[i]);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMemberDef members[] = {
    {"step", T_LONGLONG, offsetof(pulse, step), 0, "Steps of the primary optimizer so far."},
    {"samples", T_LONGLONG, offsetof(pulse, samples), 0, "Training samples so far."},
    {"loss", T_DOUBLE, offsetof(pulse, loss), 0, "The sum of the losses since the last step."},
    {"backwards", T_LONGLONG, offsetof(pulse, backwards), 0, "Backward passes since the last step."},
    {"rows", T_LONGLONG, offsetof(pulse, rows), 0, "Training samples since the last step."},
    {"usual_rows", T_LONGLONG, offsetof(pulse, usual_rows), 0, "Samples of a backward pass, where nobody counts them."},
    {"attention", T_LONGLONG, offsetof(pulse, attention), 0, "The step after which done() is not 0."},
    {"usual_seconds", T_DOUBLE, offsetof(pulse, usual_seconds), 0, "What a step takes that nobody looks at; 0 where none was taken."},
    {"plain", T_BOOL, offsetof(pulse, plain), 0, "Whether steps need not be looked at by Python's side."},
    {"in_backward", T_BOOL, offsetof(pulse, in_backward), 0, "Whether a backward pass runs."},
    {"in_step", T_BOOL, offsetof(pulse, in_step), 0, "Whether an optimizer steps."},
    {0},
};

static PyMethodDef methods[] = {
    {"enter_backward", TN_METHOD(enter_backward), METH_VARARGS,
     "enter_backward(tensors, grad_tensors): whether the pass is counted, and leave_backward() follows."},
    {"leave_backward", TN_METHOD(leave_backward), METH_NOARGS, "The end of a backward pass."},
    {"enter_step", TN_METHOD(enter_step), METH_VARARGS,
     "enter_step(optimizer, args, kwargs): whether the step may simply run, and done() or failed() follows."},
    {"done", TN_METHOD(done), METH_NOARGS,
     "The end of such a step: 0, or 1 where Python's side wants to be asked, or 2 where the program is to stop."},
    {"failed", TN_METHOD(failed), METH_NOARGS, "The end of such a step by an exception."},
    {"forget", TN_METHOD(forget_method), METH_NOARGS, "What was summed belongs to no step."},
    {"follow", TN_METHOD(follow), METH_VARARGS,
     "follow(primary, link): the weak reference to the primary optimizer and the link; None for none."},
    {0},
};

static PyType_Slot slots[] = {{Py_tp_doc, "Pulse(tensor_type): counts steps and sums losses."},
                              {Py_tp_init, pulse_init},
                              {Py_tp_dealloc, pulse_dealloc},
                              {Py_tp_methods, methods},
                              {Py_tp_members, members},
                              {0, NULL}};

static PyType_Spec spec = {.name = "tenet._tenet.Pulse", .basicsize = sizeof(pulse), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};

bool tn_python_add_pulse(PyObject *module)
{
    return tn_python_add_type(module, &spec, "Pulse") != NULL;
}
