/* tensor_view.c: see tensor_view.h.
 *
 * The layout of DLManagedTensor is that of DLPack 0.x, which every framework still hands out unless it is asked for more: https://github.com/dmlc/dlpack. */
#include "tensor_view.h"

#include <string.h>

#include "vitals/vitals.h"

typedef struct dl_tensor {
    void *data;
    int32_t device_type, device_id;
    int32_t rank;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} dl_tensor;

enum { DL_CPU = 1, DL_PINNED = 3, DL_INT = 0, DL_UINT = 1, DL_FLOAT = 2, DL_BFLOAT = 4, DL_BOOL = 6 };

static tn_value_type type_of(uint8_t code, uint8_t bits)
{
    switch (code) {
    case DL_INT:
        return bits == 8    ? TN_VALUE_INT8
               : bits == 16 ? TN_VALUE_INT16
               : bits == 32 ? TN_VALUE_INT32
               : bits == 64 ? TN_VALUE_INT64
                            : TN_VALUE_TYPES;
    case DL_UINT:
        return bits == 8 ? TN_VALUE_UINT8 : TN_VALUE_TYPES;
    case DL_FLOAT:
        return bits == 16 ? TN_VALUE_FLOAT16 : bits == 32 ? TN_VALUE_FLOAT32 : bits == 64 ? TN_VALUE_FLOAT64 : TN_VALUE_TYPES;
    case DL_BFLOAT:
        return bits == 16 ? TN_VALUE_BFLOAT16 : TN_VALUE_TYPES;
    case DL_BOOL:
        return bits == 8 ? TN_VALUE_BOOL : TN_VALUE_TYPES;
    default:
        return TN_VALUE_TYPES;
    }
}

/* Whether the elements fill one stretch of memory: each axis, from the one with the smallest stride on, steps over what the smaller ones fill. */
static bool is_dense(const tn_strided *tensor)
{
    int64_t filled = 1;
    bool used[TN_STRIDED_RANK_MAX] = {false};
    for (size_t done = 0; done < tensor->rank; done++) {
        size_t next = TN_STRIDED_RANK_MAX;
        for (size_t axis = 0; axis < tensor->rank; axis++)
            if (!used[axis] && (tensor->shape[axis] == 1 || tensor->strides[axis] == filled)) {
                next = axis;
                break;
            }
        if (next == TN_STRIDED_RANK_MAX)
            return false;
        used[next] = true;
        filled *= tensor->shape[next];
    }
    return true;
}

static bool is_row_major(const tn_strided *tensor)
{
    int64_t filled = 1;
    for (size_t axis = tensor->rank; axis-- > 0;) {
        if (tensor->shape[axis] != 1 && tensor->strides[axis] != filled)
            return false;
        filled *= tensor->shape[axis];
    }
    return true;
}

static bool read_dlpack(const dl_tensor *from, tn_tensor_view *view)
{
    tn_error error;
    if (from->device_type != DL_CPU && from->device_type != DL_PINNED) {
        PyErr_SetString(PyExc_ValueError, "the tensor is not in the processor's memory");
        return false;
    }
    tn_value_type type = from->lanes == 1 ? type_of(from->code, from->bits) : TN_VALUE_TYPES;
    if (type == TN_VALUE_TYPES || from->rank < 0 || from->rank > TN_STRIDED_RANK_MAX) {
        PyErr_Format(PyExc_TypeError, "no vitals for values of DLPack's type %d with %d bits", (int)from->code, (int)from->bits);
        return false;
    }
    view->strided = (tn_strided){.data = (const char *)from->data + from->byte_offset,
                                 .type = type,
                                 .rank = (size_t)from->rank,
                                 .shape = from->shape,
                                 .strides = from->strides};
    if (tn_strided_count(&view->strided, &view->count, &error) != TN_OK) {
        tn_python_raise(&error);
        return false;
    }
    view->row_major = !from->strides || view->count == 0 || is_row_major(&view->strided);
    view->dense = view->row_major || is_dense(&view->strided);
    if (!from->data && view->count) {
        PyErr_SetString(PyExc_ValueError, "the tensor has no values");
        return false;
    }
    return true;
}

bool tn_tensor_view_dlpack(PyObject *tensor, PyObject *to_dlpack, tn_tensor_view *view)
{
    *view = (tn_tensor_view){0};
    if (to_dlpack) {
        view->capsule = PyObject_CallFunctionObjArgs(to_dlpack, tensor, NULL);
    } else {
        PyObject *method = PyObject_GetAttrString(tensor, "__dlpack__");
        view->capsule = method ? PyObject_CallObject(method, NULL) : NULL;
        Py_XDECREF(method);
    }
    if (!view->capsule)
        return false;
    const dl_tensor *from = PyCapsule_GetPointer(view->capsule, "dltensor");
    if (from && read_dlpack(from, view))
        return true;
    tn_tensor_view_close(view);
    return false;
}

void tn_tensor_view_close(tn_tensor_view *view)
{
    /* Nobody consumed the capsule, so its own destructor releases the tensor. */
    Py_XDECREF(view->capsule);
    view->capsule = NULL;
}

/* Values in the order of memory. */
static void add_floats(const tn_tensor_view *view, bool watched, tn_vitals *vitals)
{
    if (watched)
        tn_vitals_add_part(vitals, view->strided.data, view->count, view->count);
    else
        tn_vitals_add(vitals, view->strided.data, view->count);
}

void tn_tensor_view_add(const tn_tensor_view *view, bool watched, tn_vitals *vitals)
{
    if (view->dense && !view->row_major) {
        /* In the order of memory, which is faster; only the place of a non-finite value depends on the order. */
        tn_strided flat = {
            .data = view->strided.data, .type = view->strided.type, .rank = 1, .shape = (const int64_t[]){(int64_t)view->count}};
        tn_vitals found;
        tn_vitals_init(&found);
        if (view->strided.type == TN_VALUE_FLOAT32)
            add_floats(view, watched, &found);
        else
            (void)tn_vitals_add_strided(&found, &flat, NULL);
        if (tn_vitals_finite(&found) == found.count) {
            tn_vitals_merge(vitals, &found);
            return;
        }
    }
    if (view->row_major && view->strided.type == TN_VALUE_FLOAT32)
        add_floats(view, watched, vitals);
    else
        (void)tn_vitals_add_strided(vitals, &view->strided, NULL); /* the view's count has proved that it cannot fail */
}

/* ---- PyTorch's own ---- */

bool tn_tensor_asker_init(tn_tensor_asker *asker, PyObject *tensor_type, PyObject *parameter_type, PyObject *to_dlpack, PyObject *dtypes)
{
    *asker = (tn_tensor_asker){0};
    if (!PyTuple_Check(dtypes) || PyTuple_Size(dtypes) != TN_VALUE_TYPES) {
        PyErr_Format(PyExc_ValueError, "expected a tuple of %d dtypes", (int)TN_VALUE_TYPES);
        return false;
    }
    for (Py_ssize_t i = 0; i < TN_VALUE_TYPES; i++) {
        asker->dtypes[i] = PyTuple_GetItem(dtypes, i);
        Py_INCREF(asker->dtypes[i]);
    }
    Py_INCREF(tensor_type);
    Py_INCREF(parameter_type);
    Py_INCREF(to_dlpack);
    asker->tensor_type = tensor_type;
    asker->parameter_type = parameter_type;
    asker->to_dlpack = to_dlpack;
    asker->data_ptr = PyObject_GetAttrString(tensor_type, "data_ptr");
    asker->numel = PyObject_GetAttrString(tensor_type, "numel");
    asker->is_contiguous = PyObject_GetAttrString(tensor_type, "is_contiguous");
    asker->is_cpu_name = PyUnicode_InternFromString("is_cpu");
    asker->dtype_name = PyUnicode_InternFromString("dtype");
    asker->shape_name = PyUnicode_InternFromString("shape");
    return asker->data_ptr && asker->numel && asker->is_contiguous && asker->is_cpu_name && asker->dtype_name && asker->shape_name;
}

void tn_tensor_asker_deinit(tn_tensor_asker *asker)
{
    PyObject **all[] = {&asker->tensor_type,   &asker->parameter_type, &asker->to_dlpack,  &asker->data_ptr,  &asker->numel,
                        &asker->is_contiguous, &asker->is_cpu_name,    &asker->dtype_name, &asker->shape_name};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        Py_CLEAR(*all[i]);
    for (size_t i = 0; i < TN_VALUE_TYPES; i++)
        Py_CLEAR(asker->dtypes[i]);
}

bool tn_tensor_is(const tn_tensor_asker *asker, PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    return (PyObject *)type == asker->tensor_type || (PyObject *)type == asker->parameter_type ||
           PyType_IsSubtype(type, (PyTypeObject *)asker->tensor_type);
}

/* The answer of a function of one tensor, compared with True. */
static bool is_true(PyObject *answer)
{
    bool yes = answer == Py_True;
    Py_XDECREF(answer);
    return yes;
}

static tn_value_type dtype_of(const tn_tensor_asker *asker, PyObject *tensor)
{
    PyObject *dtype = PyObject_GetAttr(tensor, asker->dtype_name);
    size_t i = 0;
    while (i < TN_VALUE_TYPES && asker->dtypes[i] != dtype)
        i++;
    Py_XDECREF(dtype);
    return (tn_value_type)i;
}

/* A size or an address; 0 with an exception set where there is none. */
static size_t number_of(PyObject *function, PyObject *tensor)
{
    PyObject *answer = PyObject_CallFunctionObjArgs(function, tensor, NULL);
    size_t number = answer ? PyLong_AsSize_t(answer) : 0;
    Py_XDECREF(answer);
    return number;
}

static bool is_plain(const tn_tensor_asker *asker, PyObject *tensor)
{
    PyObject *type = (PyObject *)Py_TYPE(tensor);
    return type == asker->tensor_type || type == asker->parameter_type;
}

/* The common case: a plain tensor, row by row in the processor's memory. */
static bool open_plain(const tn_tensor_asker *asker, PyObject *tensor, tn_tensor_view *view)
{
    if (!is_plain(asker, tensor) || !is_true(PyObject_GetAttr(tensor, asker->is_cpu_name)))
        return false;
    view->strided.type = dtype_of(asker, tensor);
    if (view->strided.type == TN_VALUE_TYPES || !is_true(PyObject_CallFunctionObjArgs(asker->is_contiguous, tensor, NULL)))
        return false;
    view->count = number_of(asker->numel, tensor);
    size_t address = view->count ? number_of(asker->data_ptr, tensor) : 0;
    view->strided.data = (const void *)address; /* NOLINT(performance-no-int-to-ptr): that is how Python says an address */
    view->dense = view->row_major = true;
    view->length = (int64_t)view->count;
    view->strided.rank = 1;
    view->strided.shape = &view->length;
    return !PyErr_Occurred() && (address || view->count == 0);
}

bool tn_tensor_view_open(const tn_tensor_asker *asker, PyObject *tensor, tn_tensor_view *view)
{
    *view = (tn_tensor_view){0};
    if (open_plain(asker, tensor, view))
        return true;
    PyErr_Clear();
    /* DLPack leaves the history of a tensor alone only where it is cut off. */
    PyObject *detached = PyObject_CallMethod(tensor, "detach", NULL);
    bool open = detached && tn_tensor_view_dlpack(detached, asker->to_dlpack, view);
    Py_XDECREF(detached);
    PyErr_Clear();
    return open;
}

bool tn_tensor_view_stands(const tn_tensor_asker *asker, PyObject *tensor, const tn_tensor_view *view)
{
    if (view->capsule || !is_plain(asker, tensor))
        return false;
    size_t address = number_of(asker->data_ptr, tensor);
    PyErr_Clear();
    return address && address == (size_t)view->strided.data;
}

void tn_tensor_view_borrow(tn_tensor_view *view, const tn_tensor_view *from)
{
    *view = *from;
    view->capsule = NULL;
    if (!from->capsule)
        view->strided.shape = &view->length;
}

/* The axes of a tensor's shape; -1, with no exception, where they are not to be had or more than TN_STRIDED_RANK_MAX. */
static int read_shape(const tn_tensor_asker *asker, PyObject *tensor, int64_t shape[TN_STRIDED_RANK_MAX])
{
    PyObject *asked = PyObject_GetAttr(tensor, asker->shape_name);
    Py_ssize_t axes = asked ? PyTuple_Size(asked) : -1;
    if (axes > TN_STRIDED_RANK_MAX)
        axes = -1;
    for (Py_ssize_t i = 0; i < axes; i++)
        shape[i] = PyLong_AsLongLong(PyTuple_GetItem(asked, i));
    Py_XDECREF(asked);
    if (PyErr_Occurred())
        axes = -1;
    PyErr_Clear();
    return (int)axes;
}

bool tn_tensor_view_units(const tn_tensor_asker *asker, const tn_tensor_view *view, PyObject *tensor, int axis, tn_unit_layout *layout,
                          size_t *first)
{
    int64_t shape[TN_STRIDED_RANK_MAX];
    if (!view->dense || view->strided.type != TN_VALUE_FLOAT32)
        return false;
    int rank = read_shape(asker, tensor, shape), at = axis < 0 ? rank + axis : axis;
    if (rank < 2 || at < 0 || at >= rank)
        return false;
    /* A plain view has but one axis; it is row by row. */
    tn_strided whole = {.data = view->strided.data, .type = TN_VALUE_FLOAT32, .rank = (size_t)rank, .shape = shape};
    if (!view->row_major)
        whole.strides = view->strided.strides;
    if ((!view->row_major && view->strided.rank != whole.rank) || !tn_unit_layout_find(layout, &whole, (size_t)at))
        return false;
    *first = (size_t)shape[0];
    return layout->rows * layout->units * layout->inner == view->count;
}

size_t tn_tensor_axis(const tn_tensor_asker *asker, PyObject *tensor, Py_ssize_t axis, size_t *rank)
{
    PyObject *shape = PyObject_GetAttr(tensor, asker->shape_name);
    Py_ssize_t axes = shape ? PyTuple_Size(shape) : -1;
    size_t length = 1;
    *rank = axes > 0 ? (size_t)axes : 0;
    Py_ssize_t at = axis < 0 ? axes + axis : axis;
    if (axes > 0 && at >= 0 && at < axes) {
        length = PyLong_AsSize_t(PyTuple_GetItem(shape, at));
        length = length == 0 || length == (size_t)-1 ? 1 : length;
    }
    Py_XDECREF(shape);
    PyErr_Clear();
    return length;
}
