/* extension.h: what the files of the Python extension share.
 *
 * The extension is built against the stable ABI of CPython 3.9, so one file serves all later versions; it links no framework. Functions that return PyObject * follow
 * Python's rules: a new reference, or NULL with an exception set. */
#ifndef TN_PYTHON_EXTENSION_H
#define TN_PYTHON_EXTENSION_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x03090000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "base/error.h"
#include "run/link.h"

/* Sets a Python exception that says what the error says: OSError for files and sockets, MemoryError, else ValueError. Returns NULL. */
PyObject *tn_python_raise(const tn_error *error);

/* A copy of a str as UTF-8, by malloc; NULL with an exception set. What is no str is told so. */
char *tn_python_text(PyObject *text);

/* The types, each added to the module under its name; false with an exception set. */
bool tn_python_add_link(PyObject *module);
bool tn_python_add_watcher(PyObject *module);
bool tn_python_add_parameters(PyObject *module);
bool tn_python_add_pulse(PyObject *module);
bool tn_python_add_tensors(PyObject *module);

/* The link of a Link object that is open; NULL with an exception set for another object, or one that was closed. */
tn_link *tn_python_link_of(PyObject *object);

/* Adds a type made from `spec` to the module, as `name`; the type, borrowed from the module; NULL with an exception set. */
PyObject *tn_python_add_type(PyObject *module, PyType_Spec *spec, const char *name);

extern PyMethodDef tn_python_functions[]; /* of the module that belong to no type */

/* How a method is entered in a table: C does not let its type be written without a cast. */
#define TN_METHOD(function) ((PyCFunction)(void (*)(void))(function))

#endif
