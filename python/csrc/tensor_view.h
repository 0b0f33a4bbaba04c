/* tensor_view.h: the values of a framework's tensor, where they are, without a copy.
 *
 * Any framework: by DLPack. PyTorch's plain dense tensors, which are nearly all there are: by asking the tensor itself, in a fifth of the time and without leaving a view in
 * its history. A view is valid while its tensor is. */
#ifndef TN_PYTHON_TENSOR_VIEW_H
#define TN_PYTHON_TENSOR_VIEW_H

#include "extension.h"
#include "vitals/unit_layout.h"
#include "vitals/vitals_cast.h"

typedef struct tn_tensor_view {
    tn_strided strided;
    size_t count;
    bool dense;        /* the elements fill one stretch of memory from strided.data on, in some order */
    bool row_major;    /* and in the order of their indices */
    int64_t length;    /* the shape of a view that has one axis: the view must not be moved */
    PyObject *capsule; /* what keeps a DLPack view valid; NULL */
} tn_tensor_view;

/* How PyTorch's tensors are asked. */
typedef struct tn_tensor_asker {
    PyObject *tensor_type, *parameter_type;
    PyObject *to_dlpack, *data_ptr, *numel, *is_contiguous; /* unbound functions of the tensor type */
    PyObject *is_cpu_name, *dtype_name, *shape_name;
    PyObject *dtypes[TN_VALUE_TYPES];
} tn_tensor_asker;

/* From the type of tensors and of parameters, the function that makes a DLPack capsule, and the dtypes in the order of tn_value_type; false with an exception set. */
bool tn_tensor_asker_init(tn_tensor_asker *asker, PyObject *tensor_type, PyObject *parameter_type, PyObject *to_dlpack, PyObject *dtypes);
void tn_tensor_asker_deinit(tn_tensor_asker *asker);

bool tn_tensor_is(const tn_tensor_asker *asker, PyObject *object); /* a tensor, of that type or a subtype */

/* false, with no exception, where the values are out of reach: on another device, of a type that has no vitals, symbolic. The view must be closed. */
bool tn_tensor_view_open(const tn_tensor_asker *asker, PyObject *tensor, tn_tensor_view *view);

/* By DLPack alone: with `to_dlpack`, or, where that is NULL, tensor.__dlpack__(). false with an exception set. */
bool tn_tensor_view_dlpack(PyObject *tensor, PyObject *to_dlpack, tn_tensor_view *view);
void tn_tensor_view_close(tn_tensor_view *view);

/* Whether an open view of another tensor, whose memory it shared and which is still there, is a view of this one as well: in a fraction of the time that opening one takes. */
bool tn_tensor_view_stands(const tn_tensor_asker *asker, PyObject *tensor, const tn_tensor_view *view);

/* The same view once more; to be closed before `from` is. */
void tn_tensor_view_borrow(tn_tensor_view *view, const tn_tensor_view *from);

/* Adds the values; needs no GIL. Where `watched`, the histogram of a large tensor of float32 is a sample (tn_vitals_add_part). */
void tn_tensor_view_add(const tn_tensor_view *view, bool watched, tn_vitals *vitals);

/* Where the units of an open view of `tensor` stand, which `axis` (negative: from the end) counts. *first: the length of the first axis. false, with no exception, where they cannot be read in
 * place, and of tensors of one axis, which tell no units apart. */
bool tn_tensor_view_units(const tn_tensor_asker *asker, const tn_tensor_view *view, PyObject *tensor, int axis, tn_unit_layout *layout,
                          size_t *first);

/* The length of axis `axis` (negative: from the end); 1 where there is none. */
size_t tn_tensor_axis(const tn_tensor_asker *asker, PyObject *tensor, Py_ssize_t axis, size_t *rank);

PyObject *tn_vitals_to_python(const tn_vitals *vitals);        /* a dict */
bool tn_vitals_from_python(tn_vitals *vitals, PyObject *dict); /* the same back; false with an exception set */

#endif
