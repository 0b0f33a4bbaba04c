/* named_tensors.c: _tenet.Tensors, tensors that Python names and hands over whole: of Keras, whose steps are compiled, and of programs that watch by themselves. */
#include "shown.h"
#include "tensor_view.h"

typedef struct tensors_object {
    PyObject_HEAD PyObject *link;
    tn_shown_table table;
} tensors_object;

static int tensors_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"link", NULL};
    PyObject *link;
    tensors_object *object = (tensors_object *)self;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:Tensors", names, &link))
        return -1;
    if (!tn_python_link_of(link))
        return -1;
    if (object->link) {
        PyErr_SetString(PyExc_ValueError, "these Tensors were made already");
        return -1;
    }
    Py_INCREF(link);
    object->link = link;
    return 0;
}

static void tensors_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    tensors_object *object = (tensors_object *)self;
    tn_shown_table_deinit(&object->table);
    Py_XDECREF(object->link);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyObject *tensors_add(PyObject *self, PyObject *args)
{
    int role;
    const char *node, *parameter, *op;
    Py_ssize_t node_index;
    if (!PyArg_ParseTuple(args, "iszsn:add", &role, &node, &parameter, &op, &node_index))
        return NULL;
    if (role < TN_ROLE_INPUT || role > TN_ROLE_ACTIVATION_GRADIENT || node_index < 0) {
        PyErr_SetString(PyExc_ValueError, "the role is 0 to 5, and the node's number at least 0");
        return NULL;
    }
    tn_shown *shown = tn_shown_create(&((tensors_object *)self)->table, (tn_role)role, node, parameter, op, (size_t)node_index);
    return shown ? PyLong_FromUnsignedLong(shown->index) : PyErr_NoMemory();
}

static PyObject *tensors_tell(PyObject *self, PyObject *args)
{
    unsigned long long step;
    Py_ssize_t index, units;
    PyObject *tensor;
    tensors_object *object = (tensors_object *)self;
    if (!PyArg_ParseTuple(args, "KnnO:tell", &step, &index, &units, &tensor))
        return NULL;
    tn_link *link = object->link ? tn_python_link_of(object->link) : NULL;
    if (!link && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "these Tensors have no Link");
    if (!link)
        return NULL;
    if (index < 0 || (size_t)index >= object->table.count) {
        PyErr_Format(PyExc_IndexError, "there is no tensor %zd; %zu were added", index, object->table.count);
        return NULL;
    }
    tn_tensor_view view;
    if (!tn_tensor_view_dlpack(tensor, NULL, &view))
        return NULL;
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    Py_BEGIN_ALLOW_THREADS;
    tn_tensor_view_add(&view, true, &vitals);
    Py_END_ALLOW_THREADS;
    tn_tensor_view_close(&view);
    tn_shown_send(object->table.all[index], link, step, units > 0 ? (size_t)units : 1, &vitals);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"add", TN_METHOD(tensors_add), METH_VARARGS,
     "add(role, node, parameter, op, node_index): the number of a new tensor; role as in vitals/tensor.h, parameter None for activations."},
    {"tell", TN_METHOD(tensors_tell), METH_VARARGS, "tell(step, number, units, tensor): the vitals of its values at that step."},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Tensors(link): named tensors whose vitals go over a Link."},
    {Py_tp_init, tensors_init},
    {Py_tp_dealloc, tensors_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "tenet._tenet.Tensors", .basicsize = sizeof(tensors_object), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};

bool tn_python_add_tensors(PyObject *module)
{
    return tn_python_add_type(module, &spec, "Tensors") != NULL;
}
