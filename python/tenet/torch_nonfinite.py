"""Finds the function of the program that first makes a NaN or an infinity of finite numbers: its name, forward or backward, the step, the
sample, the file and the line.

Works on the steps that a trial watches whatever it costs (watch_from, watch_to), which torch_watch opens and closes: the few before an incident, and of
a plain training the first, from its first optimizer on, or all. Forward, every torch
function is seen by a TorchFunctionMode, with what goes in and comes out; backward, every node that these functions made has a hook, and
remembers the line of its function. What is not finite carries its origin along, from tensor to tensor, so that the origin is told of what reached
the loss, and of nothing else: an infinity that the program writes itself (a mask before a softmax) is meant, unless NaN is made of it, and
then the function that did that is to blame. Where the loss is finite the first node is told whose incoming gradient is finite and whose
outgoing gradient is not: torch.where(x > 0, log(x), 0) is such a case.

Nothing here changes what the program computes. Inside a function that torch writes in Python (cross_entropy, multi_head_attention_forward) no
finer place is known than its call.
"""

import linecache
import math
import os

import torch
from torch.overrides import TorchFunctionMode

from . import session as sessions, torch_narrow, usage_guard
from .torch_optimizers import parameters_of
from .torch_trace import path_of

TEXT_MAX = 300
DEPTH_MAX = 4  # of lists in lists of arguments
# What asks something of a tensor, and gives none.
ASKING = {"__set__", "__len__", "__hash__", "__bool__", "__float__", "__int__", "__format__", "__repr__", "backward", "dim", "dtype", "is_complex", "is_floating_point", "item", "numel", "size", "stride",
          "tolist"}
# What gives a tensor that it did not compute: no function of these is an origin.
PASSING = {"__get__", "__getitem__", "detach", "view", "reshape", "requires_grad_", "retain_grad", "register_hook"}


class Origin:
    """Where something stopped being finite."""

    def __init__(self, op, direction, place, sample=None, shapes=(), meant=False, exact=True):
        self.op, self.direction, self.place, self.sample, self.shapes = op, direction, place, sample, shapes
        self.meant, self.exact = meant, exact
        self.then = None  # what made NaN of an infinity
        self.overflow = None  # in words, where float32 would have held it


class Trace(TorchFunctionMode):
    def __init__(self, session, in_step):
        super().__init__()
        self.session, self.in_step = session, in_step
        self.origins = {}  # id of a tensor that is not finite: (the tensor, Origin)
        self.nodes = {}  # id of a node: (the node, name of its function, its place)
        self.handles = []
        self.loss_origin = self.backward_origin = self.update_origin = None
        self.first = True  # the first step that is watched
        self.told = self.closed = False

    # ---- the steps ----

    def begin(self):
        self.__enter__()

    def close(self):
        self.forget()
        self.origins = {}
        self.closed = True
        if is_innermost(self):
            self.__exit__(None, None, None)

    def forget(self):
        """The graph of a step is gone with it."""
        for handle in self.handles:
            handle.remove()
        self.handles, self.nodes = [], {}
        self.loss_origin = self.backward_origin = self.update_origin = None

    def see_loss(self, tensors):
        """Before a backward pass."""
        with aside():
            for tensor in [tensors] if isinstance(tensors, torch.Tensor) else list(tensors):
                if self.loss_origin is None and is_bad(tensor):
                    self.loss_origin = self.origin_of(tensor)

    def end_step(self, step, parameters):
        """After an optimizer step on `parameters`. Tells the first origin that did harm."""
        with aside():
            harmed = any(is_bad(one) or is_bad(one.grad) for one in parameters)
        origin = self.loss_origin or (harmed and (self.backward_origin or self.update_origin)) or None
        if origin is not None and not self.told:
            self.told = True
            self.tell(origin, step)
        self.forget()
        if not harmed:
            self.origins = {}
        self.first = False

    def tell(self, origin, step):
        file, line = origin.place
        file = file and path_of(file)
        source = linecache.getline(file, line).strip() if file else ""
        where = "%s:%d" % (os.path.basename(file), line) if file else "no line of the program"
        text = "%s, %s at step %d (after %d updates), %s" % (
            origin.op, "in the data" if origin.direction == "data" else origin.direction, step, step - 1, where,
        )
        if source:
            text += ": %s" % source
        if origin.sample is not None:
            text += "; first in sample %d" % origin.sample
        if origin.overflow:
            text += "; %s" % origin.overflow
        if origin.then:
            text += "; %s makes NaN of it" % origin.then
        told = {
            "op": origin.op, "direction": origin.direction, "step": step, "updates": step - 1, "sample": origin.sample, "file": file, "line": line or None,
            "source": source, "guard": usage_guard.text_of(origin.op, bool(origin.overflow)) if file and origin.direction != "data" else None, "shapes": [list(shape) for shape in origin.shapes], "then": origin.then, "overflow": origin.overflow, "exact": origin.exact, "text": text[:TEXT_MAX],
        }
        self.session.note_origin(text[:TEXT_MAX], {key: value for key, value in told.items() if value is not None})

    # ---- forward ----

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self.closed:  # a mode that the program has entered since keeps this one where it is
            return function(*args, **kwargs)
        name = function_name(function)
        if name in ASKING:
            return function(*args, **kwargs)
        in_place = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__" or "out" in kwargs
        inputs = tensors_in((args, kwargs))
        before = [one for one in inputs if is_bad(one)] if in_place else None
        result = function(*args, **kwargs)
        if name == "__get__" and not isinstance(result, torch.Tensor):
            return result
        try:
            outputs = inputs[:1] if name == "__setitem__" else tensors_in(result)
            self.see(function, args, kwargs, inputs, before, outputs)
            if name not in PASSING:
                self.follow(name, outputs)
        except Exception as problem:
            self.session.failed("the search for NaN", problem)
        return result

    def see(self, function, args, kwargs, inputs, before, outputs):
        name = function_name(function)
        bad = [one for one in outputs if is_bad(one)]
        if not bad:
            for one in outputs:
                self.origins.pop(id(one), None)  # an in-place function has made it finite, or another tensor lived there
            return
        broken = before if before is not None else [one for one in inputs if is_bad(one)]
        known = [self.origin_of(one) for one in broken]
        blamed = next((one for one in known if not one.meant), known[0] if known else None)
        has_nan = any(bool(torch.isnan(one).any()) for one in bad)
        made_here = blamed is None or (blamed.meant and has_nan and not any(bool(torch.isnan(one).any()) for one in broken))
        if made_here and name not in PASSING:
            meant = blamed is None and not has_nan and writes_infinity((args, kwargs))
            blamed = self.origin_here(name, bad[0], inputs, meant)
            if before is None and not has_nan:
                with aside():
                    blamed.overflow = torch_narrow.overflow_of(function, args, kwargs, inputs, bad[0])
            if blamed.direction == "update" and self.update_origin is None:
                self.update_origin = blamed
        elif blamed is None:
            blamed = Origin("gradient" if name == "__get__" else name, "backward", (None, 0), meant=True)
        elif has_nan and blamed.then is None and not blamed.meant and not blamed.has_nan and name not in PASSING:
            blamed.then = name
        for one in bad:
            self.origins[id(one)] = (one, blamed)

    def origin_here(self, name, bad, inputs, meant):
        made = Origin(name, "update" if self.in_step() else "forward", sessions.user_frame(4), sample_of(bad, rows_of(inputs)),
                      [one.shape for one in inputs], meant)
        made.has_nan = bool(torch.isnan(bad).any())
        return made

    def origin_of(self, tensor):
        """Of a tensor that is not finite. One that nobody was seen to make came in: with the data, or as a weight that broke before."""
        found = self.origins.get(id(tensor))
        if found is not None and found[0] is tensor:
            return found[1]
        if isinstance(tensor, torch.nn.Parameter):
            made = Origin("optimizer", "update", (None, 0), shapes=[tensor.shape], exact=not self.first or self.session.step == 0)
        else:
            infinite = not bool(torch.isnan(tensor).any())
            made = Origin("input", "data", sessions.user_frame(4), sample_of(tensor, None), [tensor.shape], meant=infinite)
        made.has_nan = bool(torch.isnan(tensor).any())
        self.origins[id(tensor)] = (tensor, made)
        return made

    def see_batch(self, _loader, batch):
        """Data that a loader gives: here an infinity is no mask."""
        for one in tensors_in(batch):
            if is_bad(one):
                self.origin_of(one).meant = False

    # ---- backward ----

    def follow(self, name, outputs):
        """Puts a hook on each node of the graph that is new since the last function."""
        waiting = [one.grad_fn for one in outputs if one.grad_fn is not None]
        place = sessions.user_frame(3) if waiting else None
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in self.nodes or not hasattr(node, "next_functions") or type(node).__name__ == "AccumulateGrad":
                continue
            of, at = name, place
            written = getattr(type(node), "_forward_cls", None)
            if written is not None:  # a torch.autograd.Function of the program's own
                code = getattr(written.backward, "__code__", None)
                of, at = written.__name__, line_of(code) if code else place
            self.nodes[id(node)] = (node, of, at)
            self.handles.append(node.register_hook(self.hook(of, at)))
            waiting.extend(after for after, _ in node.next_functions)

    def hook(self, name, place):
        def look(gradients_out, gradients_in):
            # torch's words: what a node gives are its "inputs'" gradients.
            if self.backward_origin is not None or self.loss_origin is not None:
                return
            with aside():
                given, got = tensors_in(gradients_out), tensors_in(gradients_in)
                bad = next((one for one in given if is_bad(one)), None)
                if bad is not None and not any(is_bad(one) for one in got):
                    self.backward_origin = Origin(name, "backward", place, sample_of(bad, rows_of(got)), [one.shape for one in got])

        return look


class Window:
    """The steps that a trial watches, and the trace that is open during them, until it has told what it looks for."""

    def __init__(self, session, in_step, is_compiled=lambda: False):
        self.session, self.in_step, self.is_compiled = session, in_step, is_compiled
        self.first = self.last = 0
        self.trace = None
        self.waits = self.is_over = False
        session.on("optimizer_created", self.see_optimizer)

    def restart(self, trial):
        self.first, self.last = int(trial.get("watch_from") or 0), int(trial.get("watch_to") or 0)
        self.waits, self.is_over = self.session.mode == "train", False  # what a program does before it trains is left alone

    def see_optimizer(self, optimizer):
        if self.waits:
            self.waits = False
            self.holds(self.session.step + 1)

    def holds(self, step):
        """Whether the coming step is watched. Opens the trace with the first one, and closes it behind the last."""
        inside = self.first <= step <= self.last
        wanted = inside and not self.waits and not self.is_over and not self.is_compiled()
        if wanted and self.trace is None:
            self.trace = Trace(self.session, self.in_step)
            self.session.on("batch", self.trace.see_batch)
            self.trace.begin()
        elif not wanted:
            self.close()
        return inside

    def close(self):
        if self.trace is not None:
            self.session.listeners("batch").remove(self.trace.see_batch)
            self.trace.close()
            self.trace = None

    def next_after(self, step):
        """The next step that is watched; infinity where there is none."""
        return max(self.first, step + 1) if step < self.last else math.inf

    def see_loss(self, tensors):
        if self.trace is not None:
            self.trace.see_loss(tensors)

    def end_step(self, step, optimizer):
        if self.trace is not None:
            self.trace.end_step(step, parameters_of(optimizer))
            self.is_over = self.trace.told


def function_name(function):
    return getattr(function, "__name__", str(function))


def modes():
    """How many function modes this thread is in; None where torch does not tell: the first 1.13, which enters none of its own."""
    length = getattr(torch._C, "_len_torch_function_stack", None)
    return length() if length is not None else None


def is_innermost(mode):
    """Whether the function mode is the one that was entered last: leaving it then leaves no other."""
    count = modes()
    return count is None or (count > 0 and torch._C._get_function_stack_at(count - 1) is mode)


def aside():
    """A context in which tensors are looked at without being seen. 1.13 leaves modes on where it disables classes."""
    if hasattr(torch._C, "DisableTorchFunctionSubclass") or not modes():
        return torch._C.DisableTorchFunction()
    return torch.overrides._pop_mode_temporarily()


def line_of(code):
    """(file, line) of a function's "def", behind its decorators."""
    file, first = os.path.abspath(code.co_filename), code.co_firstlineno
    lines = (line for line in range(first, first + 8) if linecache.getline(file, line).lstrip().startswith("def "))
    return file, next(lines, first)


def tensors_in(value, depth=0):
    if isinstance(value, torch.Tensor):
        return [value]
    if depth > DEPTH_MAX:
        return []
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [one for part in value for one in tensors_in(part, depth + 1)]


def is_bad(tensor):
    """Whether it holds a NaN or an infinity."""
    if tensor is None or not (tensor.is_floating_point() or tensor.is_complex()) or tensor.is_sparse or tensor.numel() == 0:
        return False
    plain = tensor.detach()
    if not plain.is_complex() and math.isfinite(plain.sum().item()):
        return False  # no NaN and no infinity is lost in a sum; one that overflows proves nothing
    return not bool(torch.isfinite(plain).all())


def writes_infinity(value, depth=0):
    """Whether an argument is an infinity: the program means it."""
    if isinstance(value, float):
        return value - value != 0
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)) or depth > DEPTH_MAX:
        return False
    return any(writes_infinity(one, depth + 1) for one in value)


def rows_of(tensors):
    return next((one.shape[0] for one in tensors if one.dim() > 1), None)


def sample_of(tensor, rows):
    """The first index along the first axis that is not finite, where that axis is the batch's. `rows` None: any length will do."""
    if tensor.dim() == 0 or (rows is not None and tensor.shape[0] != rows):
        return None
    bad = ~torch.isfinite(tensor.detach()).reshape(tensor.shape[0], -1).all(1)
    return int(bad.nonzero()[0]) if bool(bad.any()) else None
