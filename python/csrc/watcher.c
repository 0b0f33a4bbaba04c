/* watcher.c: _tenet.Watcher: hooks on modules and on the gradients of what they return; see watcher.h.
 *
 * The hooks are plain builtin methods in torch's global hook tables. They return None, so what the program computes stays as it is, and whatever fails in them is swallowed:
 * the tensor in question is not shown, and the program goes on. The gradient by an output is seen by a hook on the node of the graph that made it, never by a full backward
 * hook, which forbids in-place ops. */
#include "watcher.h"

#include "base/clock.h"

enum { GIL_AT = 1 << 18 /* values from which the GIL is given back: some ten microseconds of work */ };

/* ---- showing ---- */

static void count_time(tn_watcher *watcher, uint64_t since_ns)
{
    watcher->cost_ns += tn_clock_ns() - since_ns;
}

static void add_view(const tn_tensor_view *view, tn_vitals *vitals)
{
    if (view->count < GIL_AT) {
        tn_tensor_view_add(view, true, vitals);
        return;
    }
    tn_vitals found;
    Py_BEGIN_ALLOW_THREADS;
    tn_vitals_init(&found);
    tn_tensor_view_add(view, true, &found);
    Py_END_ALLOW_THREADS;
    tn_vitals_merge(vitals, &found);
}

/* By Python's side: a tensor on a GPU, a sparse one. */
static bool reduce(tn_watcher *watcher, PyObject *tensor, tn_vitals *vitals)
{
    PyObject *dict = PyObject_CallFunctionObjArgs(watcher->reduce, tensor, NULL);
    bool known = dict && dict != Py_None && tn_vitals_from_python(vitals, dict);
    Py_XDECREF(dict);
    PyErr_Clear();
    return known;
}

bool tn_watcher_vitals(tn_watcher *watcher, PyObject *tensor, tn_vitals *vitals)
{
    tn_tensor_view view;
    if (tn_tensor_view_open(&watcher->asker, tensor, &view)) {
        tn_vitals_init(vitals);
        add_view(&view, vitals);
        tn_tensor_view_close(&view);
        return true;
    }
    tn_tensor_view_close(&view);
    return reduce(watcher, tensor, vitals);
}

/* Asks the units where the size is another one than last time. false: a scalar, which has no units and is no activation. */
static bool take_units(tn_watcher *watcher, tn_shown *shown, PyObject *tensor, size_t count, int axis)
{
    if (count == shown->seen_count)
        return true;
    size_t rank;
    size_t units = tn_tensor_axis(&watcher->asker, tensor, axis, &rank);
    shown->axis = axis;
    /* Images keep their channels second, whatever op they come from. */
    if (axis < 0 && rank == 4) {
        shown->axis = 1;
        units = tn_tensor_axis(&watcher->asker, tensor, 1, &rank);
    }
    if (rank == 0)
        return false;
    shown->seen_count = count;
    shown->seen_units = units;
    return true;
}

static bool is_floating(tn_value_type type)
{
    return type == TN_VALUE_FLOAT32 || type == TN_VALUE_FLOAT64 || type == TN_VALUE_FLOAT16 || type == TN_VALUE_BFLOAT16;
}

/* Where its units are gathered, and how they lie; NULL where it has none that can be told. */
static tn_unit_vitals *begin_units(const tn_watcher *watcher, tn_shown *shown, const tn_tensor_view *view, PyObject *tensor, int axis,
                                   tn_unit_layout *layout)
{
    size_t first;
    bool has_units = shown->name.role == TN_ROLE_INPUT || shown->name.role == TN_ROLE_WEIGHT || shown->name.role == TN_ROLE_ACTIVATION;
    if (!has_units)
        return NULL;
    if (!tn_tensor_view_units(&watcher->asker, view, tensor, axis, layout, &first)) {
        tn_shown_lose_units(shown);
        return NULL;
    }
    return tn_shown_begin_units(shown, layout, shown->name.role == TN_ROLE_WEIGHT ? 0 : first);
}

void tn_watcher_show_units(const tn_watcher *watcher, tn_shown *shown, const tn_tensor_view *view, PyObject *tensor, int axis,
                           const tn_vitals *whole)
{
    tn_unit_layout layout;
    tn_unit_vitals *units = begin_units(watcher, shown, view, tensor, axis, &layout);
    if (units && view->count < GIL_AT) {
        tn_unit_vitals_add_known(units, view->strided.data, layout.rows, layout.inner, whole);
    } else if (units) {
        Py_BEGIN_ALLOW_THREADS;
        tn_unit_vitals_add_known(units, view->strided.data, layout.rows, layout.inner, whole);
        Py_END_ALLOW_THREADS;
    }
}

bool tn_watcher_show(tn_watcher *watcher, tn_shown *shown, PyObject *tensor, int axis)
{
    tn_tensor_view view;
    bool wanted = false, open = tn_tensor_view_open(&watcher->asker, tensor, &view);
    if (open) {
        /* Inputs may be word numbers; what else counts in whole numbers is no activation. */
        wanted = view.count > 0 && (is_floating(view.strided.type) || shown->name.role == TN_ROLE_INPUT) &&
                 take_units(watcher, shown, tensor, view.count, axis);
        if (wanted) {
            tn_vitals *vitals = tn_shown_begin(&watcher->shown, shown);
            add_view(&view, vitals);
            if (watcher->takes_units)
                tn_watcher_show_units(watcher, shown, &view, tensor, shown->axis, vitals);
        }
    } else {
        tn_vitals found;
        wanted = reduce(watcher, tensor, &found) && found.count && take_units(watcher, shown, tensor, (size_t)found.count, axis);
        if (wanted)
            tn_vitals_merge(tn_shown_begin(&watcher->shown, shown), &found);
        if (wanted)
            tn_shown_lose_units(shown);
    }
    tn_tensor_view_close(&view);
    PyErr_Clear();
    return wanted;
}

/* ---- the hook on a gradient ---- */

typedef struct gradient_hook {
    PyObject_HEAD PyObject *watcher;
    tn_shown *shown; /* belongs to the watcher */
    int axis;
} gradient_hook;

static PyObject *hook_call(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)keywords;
    gradient_hook *hook = (gradient_hook *)self;
    tn_watcher *watcher = (tn_watcher *)hook->watcher;
    PyObject *gradient = PyTuple_Size(args) >= 1 ? PyTuple_GetItem(args, 0) : Py_None;
    if (watcher->step && !watcher->paused && tn_tensor_is(&watcher->asker, gradient)) {
        uint64_t start_ns = tn_clock_ns();
        tn_watcher_show(watcher, hook->shown, gradient, hook->axis);
        count_time(watcher, start_ns);
    }
    PyErr_Clear();
    Py_RETURN_NONE;
}

static void hook_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((gradient_hook *)self)->watcher);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* torch warns where a tensor with hooks is pickled, unless they say that they are not meant to be. */
static PyObject *hook_unserializable(PyObject *self, void *unused)
{
    (void)self, (void)unused;
    Py_RETURN_TRUE;
}

static PyGetSetDef hook_attributes[] = {{"__torch_unserializable__", hook_unserializable, NULL, NULL, NULL}, {0}};

static PyType_Slot hook_slots[] = {{Py_tp_doc, "Sees the gradient by the output of one module."},
                                   {Py_tp_call, hook_call},
                                   {Py_tp_dealloc, hook_dealloc},
                                   {Py_tp_getset, hook_attributes},
                                   {0, NULL}};

static PyType_Spec hook_spec = {
    .name = "tenet._tenet.GradientHook", .basicsize = sizeof(gradient_hook), .flags = Py_TPFLAGS_DEFAULT, .slots = hook_slots};

/* {0: hook} for one module's outputs, which is how torch keeps hooks; made once. */
static PyObject *hooks_of(tn_watcher *watcher, tn_watched_module *module)
{
    if (module->hook)
        return module->hook;
    if (!module->gradient)
        module->gradient = tn_shown_create(&watcher->shown, TN_ROLE_ACTIVATION_GRADIENT, module->node, NULL, module->op,
                                           tn_watched_index(watcher, module));
    gradient_hook *hook = module->gradient ? (gradient_hook *)PyType_GenericAlloc((PyTypeObject *)watcher->hook_type, 0) : NULL;
    PyObject *zero = hook ? PyLong_FromLong(0) : NULL, *dict = zero ? PyDict_New() : NULL;
    if (hook) {
        hook->shown = module->gradient;
        hook->axis = module->axis;
        Py_INCREF(watcher);
        hook->watcher = (PyObject *)watcher;
    }
    if (dict && PyDict_SetItem(dict, zero, (PyObject *)hook) == 0) {
        Py_INCREF(dict);
        module->hook = dict;
    }
    Py_XDECREF(hook);
    Py_XDECREF(zero);
    Py_XDECREF(dict);
    return module->hook;
}

/* Puts the hook on the node that made `output`. It goes to the node alone and not to the tensor, where the program could see it or add to its table. */
static void hook_gradient(tn_watcher *watcher, tn_watched_module *module, PyObject *output)
{
    PyObject *maker = PyObject_GetAttr(output, watcher->grad_fn_name);
    PyObject *hooks = maker && maker != Py_None ? hooks_of(watcher, module) : NULL;
    PyObject *present = hooks ? PyObject_GetAttr(output, watcher->hooks_name) : NULL;
    if (present == Py_None) {
        PyObject *done = NULL;
        if (PyObject_SetAttr(output, watcher->hooks_name, hooks) == 0) {
            done = PyObject_CallMethodObjArgs(maker, watcher->register_name, output, NULL);
            PyErr_Clear();
            (void)PyObject_SetAttr(output, watcher->hooks_name, Py_None);
        }
        Py_XDECREF(done);
    } else if (present) {
        PyObject *key, *hook;
        Py_ssize_t at = 0;
        if (PyDict_Next(hooks, &at, &key, &hook))
            Py_XDECREF(PyObject_CallMethod(output, "register_hook", "O", hook));
    }
    Py_XDECREF(present);
    Py_XDECREF(maker);
    PyErr_Clear();
}

/* ---- the hooks on modules ---- */

/* Whether a function of no arguments answers True. */
static bool asks(PyObject *function)
{
    PyObject *answer = PyObject_CallObject(function, NULL);
    bool yes = answer && PyObject_IsTrue(answer) == 1;
    Py_XDECREF(answer);
    PyErr_Clear();
    return yes;
}

static tn_watched_module *module_of(tn_watcher *watcher, PyObject *module)
{
    tn_watched_module *found = tn_watched_find(watcher, module);
    if (found)
        return found;
    PyObject *done = PyObject_CallFunctionObjArgs(watcher->find_root, module, watcher->depth == 1 ? Py_True : Py_False, NULL);
    Py_XDECREF(done);
    PyErr_Clear();
    return tn_watched_find(watcher, module);
}

static void show_input(tn_watcher *watcher, PyObject *args)
{
    PyObject *tensor = tn_first_tensor(&watcher->asker, args);
    if (!tensor)
        return;
    if (!watcher->input)
        watcher->input = tn_shown_create(&watcher->shown, TN_ROLE_INPUT, "input", NULL, "input", 0);
    size_t rank;
    watcher->input_rows = tn_tensor_axis(&watcher->asker, tensor, 0, &rank);
    if (watcher->input)
        tn_watcher_show(watcher, watcher->input, tensor, -1);
}

static void enter_root(tn_watcher *watcher, PyObject *module, PyObject *args)
{
    watcher->root_watched =
        watcher->step && !watcher->paused && !watcher->in_backward && asks(watcher->is_grad_enabled) && !asks(watcher->is_tracing);
    Py_CLEAR(watcher->last_output);
    if (!watcher->root_watched)
        return;
    tn_watched_module *root = module_of(watcher, module);
    /* The batch is what the first root of a step gets; what comes later may be made of it. */
    if (!root || root->hidden)
        return;
    if (!watcher->input_root)
        watcher->input_root = module;
    if (watcher->input_root == module)
        show_input(watcher, args);
}

static PyObject *forward_pre(PyObject *self, PyObject *args)
{
    tn_watcher *watcher = (tn_watcher *)self;
    watcher->calls++;
    if (PyTuple_Size(args) < 2)
        Py_RETURN_NONE;
    const tn_watched_module *known = tn_watched_find(watcher, PyTuple_GetItem(args, 0));
    watcher->depth = known && known->top ? 1 : watcher->depth + 1;
    if (watcher->depth == 1) {
        uint64_t start_ns = tn_clock_ns();
        enter_root(watcher, PyTuple_GetItem(args, 0), PyTuple_GetItem(args, 1));
        count_time(watcher, start_ns);
    }
    PyErr_Clear();
    Py_RETURN_NONE;
}

static void show_output(tn_watcher *watcher, tn_watched_module *module, PyObject *output)
{
    PyObject *tensor = tn_first_tensor(&watcher->asker, output);
    if (!tensor || (!module->leaf && tensor == watcher->last_output))
        return;
    if (!module->activation)
        module->activation =
            tn_shown_create(&watcher->shown, TN_ROLE_ACTIVATION, module->node, NULL, module->op, tn_watched_index(watcher, module));
    if (!module->activation || !tn_watcher_show(watcher, module->activation, tensor, module->axis))
        return;
    Py_INCREF(tensor);
    Py_XDECREF(watcher->last_output);
    watcher->last_output = tensor;
    hook_gradient(watcher, module, tensor);
}

static PyObject *forward(PyObject *self, PyObject *args)
{
    tn_watcher *watcher = (tn_watcher *)self;
    if (watcher->root_watched && PyTuple_Size(args) >= 3) {
        uint64_t start_ns = tn_clock_ns();
        tn_watched_module *module = module_of(watcher, PyTuple_GetItem(args, 0));
        if (module && !module->hidden)
            show_output(watcher, module, PyTuple_GetItem(args, 2));
        if (watcher->depth <= 1)
            Py_CLEAR(watcher->last_output);
        count_time(watcher, start_ns);
    }
    if (watcher->depth)
        watcher->depth--;
    PyErr_Clear();
    Py_RETURN_NONE;
}

/* ---- methods ---- */

static PyObject *add_module(PyObject *self, PyObject *args)
{
    PyObject *module;
    const char *node, *op;
    int leaf, hidden, axis, top;
    if (!PyArg_ParseTuple(args, "Osspipp:add_module", &module, &node, &op, &leaf, &axis, &hidden, &top))
        return NULL;
    tn_watched_module *added = tn_watched_add((tn_watcher *)self, module, node, op);
    if (!added)
        return NULL;
    added->leaf = leaf != 0;
    added->hidden = hidden != 0;
    added->top = top != 0;
    added->axis = axis;
    Py_RETURN_NONE;
}

static PyObject *node_index(PyObject *self, PyObject *module)
{
    tn_watcher *watcher = (tn_watcher *)self;
    tn_watched_module *found = tn_watched_find(watcher, module);
    return PyLong_FromSize_t(found ? tn_watched_index(watcher, found) : watcher->next_index);
}

static PyObject *knows(PyObject *self, PyObject *module)
{
    return PyBool_FromLong(tn_watched_find((tn_watcher *)self, module) != NULL);
}

static void forget_root(tn_watcher *watcher)
{
    watcher->depth = 0;
    watcher->root_watched = false;
    watcher->input_root = NULL;
    Py_CLEAR(watcher->last_output);
}

static PyObject *begin(PyObject *self, PyObject *args)
{
    tn_watcher *watcher = (tn_watcher *)self;
    unsigned long long step;
    if (!PyArg_ParseTuple(args, "K:begin", &step))
        return NULL;
    tn_shown_flush(&watcher->shown, NULL, 0);
    forget_root(watcher);
    watcher->input_rows = 0;
    watcher->paused = false;
    watcher->step = step;
    watcher->observed += watcher->began && step != watcher->began; /* a step that was skipped begins anew */
    watcher->began = step;
    watcher->takes_units = tn_unit_vitals_are_due(false, watcher->observed);
    watcher->takes_weight_units = tn_unit_vitals_are_due(true, watcher->observed);
    Py_RETURN_NONE;
}

/* The activations come before what follows from them: a rule that looks for the first bad tensor takes the order for that of the step. */
static PyObject *flush(PyObject *self, PyObject *unused)
{
    (void)unused;
    tn_watcher *watcher = (tn_watcher *)self;
    tn_shown_flush(&watcher->shown, watcher->link, watcher->step);
    Py_RETURN_NONE;
}

static PyObject *end(PyObject *self, PyObject *args)
{
    tn_watcher *watcher = (tn_watcher *)self;
    int send;
    if (!PyArg_ParseTuple(args, "p:end", &send))
        return NULL;
    tn_shown_flush(&watcher->shown, send ? watcher->link : NULL, watcher->step);
    forget_root(watcher);
    watcher->step = 0;
    Py_RETURN_NONE;
}

static PyObject *backward(PyObject *self, PyObject *args)
{
    int runs;
    if (!PyArg_ParseTuple(args, "p:backward", &runs))
        return NULL;
    ((tn_watcher *)self)->in_backward = runs != 0;
    Py_RETURN_NONE;
}

static PyObject *cost(PyObject *self, PyObject *unused)
{
    (void)unused;
    tn_watcher *watcher = (tn_watcher *)self;
    uint64_t spent_ns = watcher->cost_ns;
    watcher->cost_ns = 0;
    return PyFloat_FromDouble((double)spent_ns * 1e-9);
}

static PyObject *calls(PyObject *self, PyObject *unused)
{
    (void)unused;
    tn_watcher *watcher = (tn_watcher *)self;
    size_t made = watcher->calls;
    watcher->calls = 0;
    return PyLong_FromSize_t(made);
}

static PyObject *input_rows(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromSize_t(((tn_watcher *)self)->input_rows);
}

static PyObject *pause_watcher(PyObject *self, PyObject *unused)
{
    (void)unused;
    tn_watcher *watcher = (tn_watcher *)self;
    forget_root(watcher);
    watcher->paused = true;
    Py_RETURN_NONE;
}

static PyObject *help(PyObject *self, PyObject *args)
{
    int wanted;
    if (!PyArg_ParseTuple(args, "p:help", &wanted))
        return NULL;
    ((tn_watcher *)self)->tiles.helped = wanted != 0;
    Py_RETURN_NONE;
}

static void visit_link(void *link)
{
    tn_link_visit(link);
}

static PyObject *attach(PyObject *self, PyObject *link_object)
{
    tn_watcher *watcher = (tn_watcher *)self;
    tn_link *link = link_object == Py_None ? NULL : tn_python_link_of(link_object);
    if (!link && PyErr_Occurred())
        return NULL;
    Py_INCREF(link_object);
    Py_XDECREF(watcher->link_object);
    watcher->link_object = link_object;
    watcher->link = link;
    watcher->tiles.errand = link ? visit_link : NULL;
    watcher->tiles.errand_for = link;
    watcher->began = watcher->observed = 0; /* of another trial, where there is one */
    for (size_t i = 0; i < watcher->shown.count; i++)
        watcher->shown.all[i]->told_count = 0; /* another parent, or another conversation with it */
    Py_RETURN_NONE;
}

static PyObject *close_watcher(PyObject *self, PyObject *unused)
{
    (void)unused;
    tn_watcher *watcher = (tn_watcher *)self;
    forget_root(watcher);
    watcher->step = 0;
    watcher->link = NULL;
    watcher->tiles.errand = NULL;
    Py_CLEAR(watcher->link_object);
    tn_watched_clear(watcher);
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static int watcher_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"tensor_type", "parameter_type", "to_dlpack", "dtypes", "is_grad_enabled",
                            "is_tracing",  "find_root",      "reduce",    NULL};
    PyObject *tensor, *parameter, *to_dlpack, *dtypes, *grad, *tracing, *find, *reducer;
    tn_watcher *watcher = (tn_watcher *)self;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OOOOOOOO:Watcher", names, &tensor, &parameter, &to_dlpack, &dtypes, &grad, &tracing,
                                     &find, &reducer))
        return -1;
    if (watcher->find_root) {
        PyErr_SetString(PyExc_ValueError, "this Watcher was made already");
        return -1;
    }
    if (!PyType_Check(tensor) || !tn_tensor_asker_init(&watcher->asker, tensor, parameter, to_dlpack, dtypes))
        return -1;
    PyObject **kept[] = {&watcher->is_grad_enabled, &watcher->is_tracing, &watcher->find_root, &watcher->reduce};
    PyObject *given[] = {grad, tracing, find, reducer};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        Py_INCREF(given[i]);
        *kept[i] = given[i];
    }
    watcher->hook_type = PyType_FromSpec(&hook_spec);
    watcher->hooks_name = PyUnicode_InternFromString("_backward_hooks");
    watcher->grad_fn_name = PyUnicode_InternFromString("grad_fn");
    watcher->register_name = PyUnicode_InternFromString("_register_hook_dict");
    return watcher->hook_type && watcher->hooks_name && watcher->grad_fn_name && watcher->register_name ? 0 : -1;
}

static void watcher_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    tn_watcher *watcher = (tn_watcher *)self;
    tn_watched_clear(watcher);
    tn_tiles_deinit(&watcher->tiles);
    tn_shown_table_deinit(&watcher->shown);
    tn_tensor_asker_deinit(&watcher->asker);
    PyObject *held[] = {watcher->link_object,   watcher->is_grad_enabled, watcher->is_tracing, watcher->find_root,
                        watcher->reduce,        watcher->hook_type,       watcher->hooks_name, watcher->grad_fn_name,
                        watcher->register_name, watcher->last_output};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        Py_XDECREF(held[i]);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

tn_watcher *tn_watcher_of(PyObject *object)
{
    if (PyType_GetSlot(Py_TYPE(object), Py_tp_init) == (void *)watcher_init)
        return (tn_watcher *)object;
    PyErr_SetString(PyExc_TypeError, "expected a Watcher");
    return NULL;
}

static PyMethodDef methods[] = {
    {"attach", TN_METHOD(attach), METH_O, "attach(link): where vitals are sent; None: nowhere."},
    {"add_module", TN_METHOD(add_module), METH_VARARGS, "add_module(module, node, op, leaf, axis, hidden, top): names a module."},
    {"knows", TN_METHOD(knows), METH_O, "knows(module): whether it has a name."},
    {"node_index", TN_METHOD(node_index), METH_O, "node_index(module): its number in the order of first forward passes."},
    {"forward_pre", TN_METHOD(forward_pre), METH_VARARGS, "A global forward pre-hook."},
    {"forward", TN_METHOD(forward), METH_VARARGS, "A global forward hook."},
    {"begin", TN_METHOD(begin), METH_VARARGS, "begin(step): tensors are shown from here on, as those of this step."},
    {"flush", TN_METHOD(flush), METH_NOARGS, "Sends what gathered of the step so far."},
    {"end", TN_METHOD(end), METH_VARARGS, "end(send): they are not any more; what gathered is sent or forgotten."},
    {"backward", TN_METHOD(backward), METH_VARARGS, "backward(runs): whether a backward pass runs."},
    {"cost", TN_METHOD(cost), METH_NOARGS, "Seconds spent in here since the last call."},
    {"calls", TN_METHOD(calls), METH_NOARGS, "Calls of modules since the last call."},
    {"input_rows", TN_METHOD(input_rows), METH_NOARGS, "Rows of the step's last input; 0 where none was seen."},
    {"pause", TN_METHOD(pause_watcher), METH_NOARGS, "Nothing more gathers until begin() or end()."},
    {"help", TN_METHOD(help), METH_VARARGS, "help(wanted): whether a second thread helps with the vitals of parameters."},
    {"close", TN_METHOD(close_watcher), METH_NOARGS, "Forgets all modules; breaks the cycles that hold them."},
    {0},
};

static PyType_Slot slots[] = {{Py_tp_doc, "Sees what modules return, and the gradients by it."},
                              {Py_tp_init, watcher_init},
                              {Py_tp_dealloc, watcher_dealloc},
                              {Py_tp_methods, methods},
                              {0, NULL}};

static PyType_Spec spec = {.name = "tenet._tenet.Watcher", .basicsize = sizeof(tn_watcher), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};

bool tn_python_add_watcher(PyObject *module)
{
    return tn_python_add_type(module, &spec, "Watcher") != NULL;
}
