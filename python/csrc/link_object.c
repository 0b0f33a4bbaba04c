/* link_object.c: _tenet.Link, a program's end of the conversation (run/link.h) as a Python object. Every method but close and abandon does nothing once nobody listens. */
#include "extension.h"

#include <math.h>
#include <stdlib.h>

typedef struct link_object {
    PyObject_HEAD tn_link *link; /* NULL once closed */
} link_object;

static int link_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"address", NULL};
    const char *address;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s:Link", names, &address))
        return -1;
    link_object *object = (link_object *)self;
    if (object->link) {
        PyErr_SetString(PyExc_ValueError, "this Link is open already");
        return -1;
    }
    tn_error error;
    if (tn_link_open(address, &object->link, &error) != TN_OK) {
        tn_python_raise(&error);
        return -1;
    }
    return 0;
}

static void link_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    tn_link_close(((link_object *)self)->link);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static tn_link *opened(PyObject *self)
{
    tn_link *link = ((link_object *)self)->link;
    if (!link)
        PyErr_SetString(PyExc_ValueError, "this Link was closed");
    return link;
}

tn_link *tn_python_link_of(PyObject *object)
{
    if (PyType_GetSlot(Py_TYPE(object), Py_tp_init) != (void *)link_init) {
        PyErr_SetString(PyExc_TypeError, "expected a Link");
        return NULL;
    }
    return opened(object);
}

static PyObject *link_text(PyObject *self, PyObject *args)
{
    int type;
    const char *json;
    tn_link *link = opened(self);
    if (!link || !PyArg_ParseTuple(args, "is:text", &type, &json))
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    tn_link_text(link, (tn_wire_type)type, json);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *link_step(PyObject *self, PyObject *args)
{
    unsigned long long step, samples;
    tn_step scalars = {0};
    tn_link *link = opened(self);
    if (!link || !PyArg_ParseTuple(args, "KKddd:step", &step, &samples, &scalars.loss, &scalars.learning_rate, &scalars.gradient_norm))
        return NULL;
    scalars.step = step;
    scalars.samples = samples;
    bool going_on;
    Py_BEGIN_ALLOW_THREADS;
    going_on = tn_link_step(link, &scalars);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(going_on);
}

static PyObject *link_pace(PyObject *self, PyObject *args)
{
    double seconds;
    tn_link *link = opened(self);
    if (!link || !PyArg_ParseTuple(args, "d:pace", &seconds))
        return NULL;
    tn_link_pace(link, seconds > 0 && seconds < 1e6 ? (uint64_t)(seconds * 1e9) : 0);
    Py_RETURN_NONE;
}

static PyObject *link_score(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"step", "samples", "train_score", "valid_score", "train_loss", "valid_loss", NULL};
    unsigned long long step, samples;
    tn_score_point point = {.train_score = NAN, .valid_score = NAN, .train_loss = NAN, .valid_loss = NAN};
    tn_link *link = opened(self);
    if (!link || !PyArg_ParseTupleAndKeywords(args, keywords, "KK|dddd:score", names, &step, &samples, &point.train_score,
                                              &point.valid_score, &point.train_loss, &point.valid_loss))
        return NULL;
    point.step = step;
    point.samples = samples;
    tn_link_score(link, &point);
    Py_RETURN_NONE;
}

static PyObject *link_flush(PyObject *self, PyObject *unused)
{
    (void)unused;
    tn_link *link = opened(self);
    if (!link)
        return NULL;
    Py_BEGIN_ALLOW_THREADS;
    tn_link_flush(link);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

/* (type, text) of the next record; None where time ran out; ConnectionError where nobody is there. */
static PyObject *link_wait(PyObject *self, PyObject *args)
{
    double seconds = -1;
    tn_link *link = opened(self);
    if (!link || !PyArg_ParseTuple(args, "|d:wait", &seconds))
        return NULL;
    /* A piece at a time, so that a signal (Ctrl-C) reaches Python. */
    double piece = seconds < 0 || seconds > 1 ? 1 : seconds;
    for (double waited = 0;; waited += piece) {
        tn_wire_record record;
        bool has = false, alive;
        Py_BEGIN_ALLOW_THREADS;
        alive = tn_link_wait(link, piece, &has, &record);
        Py_END_ALLOW_THREADS;
        if (!alive) {
            PyErr_SetString(PyExc_ConnectionError, "the tenet that started this program has ended");
            return NULL;
        }
        if (has)
            return Py_BuildValue("(is)", (int)record.type, record.json ? record.json : "");
        if (PyErr_CheckSignals() != 0)
            return NULL;
        if (seconds >= 0 && waited + piece >= seconds)
            Py_RETURN_NONE;
    }
}

static PyObject *link_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    link_object *object = (link_object *)self;
    tn_link_close(object->link);
    object->link = NULL;
    Py_RETURN_NONE;
}

static PyObject *link_abandon(PyObject *self, PyObject *unused)
{
    (void)unused;
    link_object *object = (link_object *)self;
    tn_link_abandon(object->link);
    object->link = NULL;
    Py_RETURN_NONE;
}

static PyObject *link_alive(PyObject *self, void *unused)
{
    (void)unused;
    tn_link *link = ((link_object *)self)->link;
    return PyBool_FromLong(link && tn_link_is_alive(link));
}

static PyMethodDef methods[] = {
    {"text", TN_METHOD(link_text), METH_VARARGS, "text(type, json): a record of one of the JSON types."},
    {"step", TN_METHOD(link_step), METH_VARARGS,
     "step(step, samples, loss, learning_rate, gradient_norm): the end of a step. False where the program is to stop."},
    {"pace", TN_METHOD(link_pace), METH_VARARGS, "pace(seconds): steps that end closer to each other share a sending."},
    {"score", TN_METHOD(link_score), METH_VARARGS | METH_KEYWORDS,
     "score(step, samples, train_score=nan, valid_score=nan, train_loss=nan, valid_loss=nan): a score taken after so many steps."},
    {"flush", TN_METHOD(link_flush), METH_NOARGS, "Sends what is gathered."},
    {"wait", TN_METHOD(link_wait), METH_VARARGS,
     "wait(seconds=-1): (type, text) of the next record; None where time ran out; ConnectionError where nobody is there."},
    {"close", TN_METHOD(link_close), METH_NOARGS, "Sends what is left and closes."},
    {"abandon", TN_METHOD(link_abandon), METH_NOARGS, "Closes without sending: in the child of a fork."},
    {0},
};

static PyGetSetDef attributes[] = {{"alive", link_alive, NULL, "Whether anybody listens.", NULL}, {0}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Link(address): the conversation with the process that watches."},
    {Py_tp_init, link_init},
    {Py_tp_dealloc, link_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {.name = "tenet._tenet.Link", .basicsize = sizeof(link_object), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};

bool tn_python_add_link(PyObject *module)
{
    return tn_python_add_type(module, &spec, "Link") != NULL;
}
