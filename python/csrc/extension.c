/* extension.c: the module tenet._tenet: what a watched program has of C. */
#include "extension.h"

#include <stdlib.h>
#include <string.h>

PyObject *tn_python_raise(const tn_error *error)
{
    PyObject *kind = error->code == TN_ERROR_MEMORY ? PyExc_MemoryError : error->code == TN_ERROR_IO ? PyExc_OSError : PyExc_ValueError;
    char text[1024];
    tn_error_format(error, text, sizeof text);
    PyErr_SetString(kind, text);
    return NULL;
}

char *tn_python_text(PyObject *text)
{
    PyObject *bytes = PyUnicode_AsUTF8String(text);
    if (!bytes)
        return NULL;
    const char *borrowed = PyBytes_AsString(bytes);
    char *copy = borrowed ? strdup(borrowed) : NULL;
    if (borrowed && !copy)
        PyErr_NoMemory();
    Py_DECREF(bytes);
    return copy;
}

PyObject *tn_python_add_type(PyObject *module, PyType_Spec *spec, const char *name)
{
    PyObject *type = PyType_FromSpec(spec);
    if (!type)
        return NULL;
    if (PyModule_AddObject(module, name, type) != 0) {
        Py_DECREF(type);
        return NULL;
    }
    return type;
}

PyMODINIT_FUNC PyInit__tenet(void);

static int execute(PyObject *module)
{
    return tn_python_add_link(module) && tn_python_add_watcher(module) && tn_python_add_parameters(module) && tn_python_add_pulse(module) &&
                   tn_python_add_tensors(module)
               ? 0
               : -1;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_tenet",
    .m_doc = "The link to the process that watches, vitals of tensors, hooks and scores.",
    .m_methods = tn_python_functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__tenet(void)
{
    return PyModuleDef_Init(&definition);
}
