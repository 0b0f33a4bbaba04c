/* functions.c: functions of the module that need no object: scores, vitals of any tensor that speaks DLPack, and the scratch layer of a forked trial. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "extension.h"
#include "run/scratch.h"
#include "subject/score.h"
#include "tensor_view.h"
#include "vitals/vitals.h"

/* Values of a tensor as floats, or rounded to int32; `count` of them by malloc. NULL with an exception set. */
static void *values_of(PyObject *tensor, bool integers, size_t *count)
{
    tn_tensor_view view;
    if (!tn_tensor_view_dlpack(tensor, NULL, &view))
        return NULL;
    float *floats = malloc((view.count ? view.count : 1) * sizeof *floats);
    if (!floats) {
        tn_tensor_view_close(&view);
        return PyErr_NoMemory();
    }
    *count = view.count;
    bool is_int32 = integers && view.strided.type == TN_VALUE_INT32 && view.dense;
    bool is_int64 = integers && view.strided.type == TN_VALUE_INT64 && view.dense;
    if (is_int32) {
        memcpy(floats, view.strided.data, view.count * sizeof *floats);
    } else if (is_int64) {
        /* A class number beyond int32 is nobody's class. */
        for (size_t i = 0; i < view.count; i++) {
            int64_t wide;
            memcpy(&wide, (const char *)view.strided.data + i * sizeof wide, sizeof wide);
            int32_t narrow = wide < INT32_MIN || wide > INT32_MAX ? -1 : (int32_t)wide;
            memcpy(&floats[i], &narrow, sizeof narrow);
        }
    } else if (integers || !view.row_major) {
        PyErr_SetString(PyExc_TypeError,
                        integers ? "class numbers must be contiguous integers of 32 or 64 bits" : "expected a contiguous tensor");
        free(floats);
        floats = NULL;
    } else {
        tn_values_cast(floats, view.strided.data, view.strided.type, 1, view.count);
    }
    tn_tensor_view_close(&view);
    return floats;
}

/* Outputs as floats and what they are held against; false with an exception set. `rows` holds as many rows of `width` as both have. */
static bool read_pair(PyObject *args, bool classes, float **outputs, void **targets, size_t *rows, size_t *width, double *threshold)
{
    PyObject *output_tensor, *target_tensor;
    Py_ssize_t columns;
    size_t output_count = 0, target_count = 0;
    *outputs = NULL;
    *targets = NULL;
    if (!PyArg_ParseTuple(args, classes ? "OOn|d" : "OOn", &output_tensor, &target_tensor, &columns, threshold))
        return false;
    *outputs = values_of(output_tensor, false, &output_count);
    *targets = *outputs ? values_of(target_tensor, classes, &target_count) : NULL;
    *width = columns > 0 ? (size_t)columns : 0;
    size_t per_row = classes ? 1 : *width;
    if (*targets && *width && output_count % *width == 0 && output_count / *width * per_row == target_count) {
        *rows = output_count / *width;
        return true;
    }
    if (*targets)
        PyErr_Format(PyExc_ValueError, "%zu outputs in rows of %zd do not fit %zu targets", output_count, columns, target_count);
    free(*outputs);
    free(*targets);
    return false;
}

static PyObject *score_classification(PyObject *module, PyObject *args)
{
    (void)module;
    float *outputs;
    void *classes;
    size_t rows, width;
    double threshold = 0, score = NAN;
    if (!read_pair(args, true, &outputs, &classes, &rows, &width, &threshold))
        return NULL;
    if (rows)
        score = tn_score_classification(rows, width, outputs, classes, threshold);
    free(outputs);
    free(classes);
    return PyFloat_FromDouble(score);
}

static PyObject *score_regression(PyObject *module, PyObject *args)
{
    (void)module;
    float *outputs;
    void *targets;
    size_t rows, width;
    double threshold = 0, score = NAN;
    if (!read_pair(args, false, &outputs, &targets, &rows, &width, &threshold))
        return NULL;
    if (rows)
        score = tn_score_regression(rows, width, outputs, targets);
    free(outputs);
    free(targets);
    return PyFloat_FromDouble(score);
}

static PyObject *scratch_begin(PyObject *module, PyObject *args)
{
    (void)module;
    const char *folder;
    if (!PyArg_ParseTuple(args, "s:scratch_begin", &folder))
        return NULL;
    tn_error error;
    tn_scratch done = {0};
    if (tn_scratch_begin(folder, &done, &error) != TN_OK)
        return tn_python_raise(&error);
    return Py_BuildValue("(nns)", (Py_ssize_t)done.overlays, (Py_ssize_t)done.read_only, done.first_of);
}

static PyObject *vitals(PyObject *module, PyObject *tensor)
{
    (void)module;
    tn_tensor_view view;
    if (!tn_tensor_view_dlpack(tensor, NULL, &view))
        return NULL;
    tn_vitals found;
    tn_vitals_init(&found);
    Py_BEGIN_ALLOW_THREADS;
    tn_tensor_view_add(&view, false, &found);
    Py_END_ALLOW_THREADS;
    tn_tensor_view_close(&view);
    return tn_vitals_to_python(&found);
}

PyMethodDef tn_python_functions[] = {
    {"score_classification", TN_METHOD(score_classification), METH_VARARGS,
     "score_classification(outputs, classes, width, single_threshold=0): 0 is the trivial predictor's score, 1 perfect; nan for one "
     "class."},
    {"score_regression", TN_METHOD(score_regression), METH_VARARGS, "score_regression(outputs, targets, width): the same for numbers: R2."},
    {"scratch_begin", TN_METHOD(scratch_begin), METH_VARARGS,
     "scratch_begin(folder): (overlays, read_only, first_of). From here on this process writes to a scratch layer; run/scratch.h."},
    {"vitals", TN_METHOD(vitals), METH_O, "vitals(tensor): a dict of what one pass over the tensor tells."},
    {0},
};
