/* vitals_dict.c: vitals as a Python dict, and back: for tensors whose statistics the framework itself took, and for tests. */
#include <math.h>
#include <string.h>

#include "tensor_view.h"
#include "vitals/vitals.h"

enum { BUCKETS = 2 * TN_VITALS_EXPONENTS };

PyObject *tn_vitals_to_python(const tn_vitals *vitals)
{
    PyObject *histogram = PyList_New(BUCKETS);
    for (Py_ssize_t i = 0; histogram && i < BUCKETS; i++) {
        PyObject *count = PyLong_FromUnsignedLongLong((&vitals->histogram[0][0])[i]);
        if (!count || PyList_SetItem(histogram, i, count) != 0)
            Py_CLEAR(histogram);
    }
    PyObject *first = vitals->first_nonfinite == TN_VITALS_NO_INDEX ? NULL : PyLong_FromUnsignedLongLong(vitals->first_nonfinite);
    if (!first && !PyErr_Occurred()) {
        first = Py_None;
        Py_INCREF(first);
    }
    if (!histogram || !first) {
        Py_XDECREF(histogram);
        Py_XDECREF(first);
        return NULL;
    }
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:N,s:d,s:d,s:d,s:d,s:d,s:d,s:N}", "count", (unsigned long long)vitals->count, "nan",
                         (unsigned long long)vitals->nan, "positive_infinity", (unsigned long long)vitals->positive_infinity,
                         "negative_infinity", (unsigned long long)vitals->negative_infinity, "zeros", (unsigned long long)vitals->zeros,
                         "subnormals", (unsigned long long)vitals->subnormals, "first_nonfinite", first, "min", (double)vitals->min, "max",
                         (double)vitals->max, "sum", vitals->sum, "sum_of_squares", vitals->sum_of_squares, "mean", vitals->mean, "m2",
                         vitals->m2, "histogram", histogram);
}

static uint64_t count_of(PyObject *dict, const char *key)
{
    PyObject *value = PyDict_GetItemString(dict, key);
    return value && value != Py_None ? PyLong_AsUnsignedLongLong(value) : TN_VITALS_NO_INDEX;
}

static double number_of(PyObject *dict, const char *key)
{
    PyObject *value = PyDict_GetItemString(dict, key);
    return value ? PyFloat_AsDouble(value) : NAN;
}

bool tn_vitals_from_python(tn_vitals *vitals, PyObject *dict)
{
    tn_vitals_init(vitals);
    PyObject *histogram = PyDict_Check(dict) ? PyDict_GetItemString(dict, "histogram") : NULL;
    if (!histogram || !PyList_Check(histogram) || PyList_Size(histogram) != BUCKETS) {
        PyErr_Format(PyExc_ValueError, "expected a dict of vitals with a histogram of %d buckets", (int)BUCKETS);
        return false;
    }
    vitals->count = count_of(dict, "count");
    vitals->nan = count_of(dict, "nan");
    vitals->positive_infinity = count_of(dict, "positive_infinity");
    vitals->negative_infinity = count_of(dict, "negative_infinity");
    vitals->zeros = count_of(dict, "zeros");
    vitals->subnormals = count_of(dict, "subnormals");
    vitals->first_nonfinite = count_of(dict, "first_nonfinite");
    vitals->min = (float)number_of(dict, "min");
    vitals->max = (float)number_of(dict, "max");
    vitals->sum = number_of(dict, "sum");
    vitals->sum_of_squares = number_of(dict, "sum_of_squares");
    vitals->mean = number_of(dict, "mean");
    vitals->m2 = number_of(dict, "m2");
    for (Py_ssize_t i = 0; i < BUCKETS; i++)
        (&vitals->histogram[0][0])[i] = PyLong_AsUnsignedLongLong(PyList_GetItem(histogram, i));
    return !PyErr_Occurred();
}
