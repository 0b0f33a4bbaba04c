"""One pass of a program's network, followed from the call of a root module to backward(): which tensors come from which calls.

Modules are seen by PyTorch's global hooks, functions by its TorchFunctionMode. Each tensor that was made is held until the pass is described, so its identity tells what it is: the output of
node i, or the same values in another shape. What only prepares the input (scaling, permuting, a cast) is no node. What the schema has no word for spoils the tensors that it makes.
"""
import linecache
import os
import sys

import torch

from . import session as sessions
from . import torch_loss_forms, torch_ops
from .torch_ops import Unknown

try:
    from torch.overrides import TorchFunctionMode
except ImportError:  # before 1.13
    TorchFunctionMode = None

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_MODULES = _TORCH + os.path.join("nn", "modules", "")
_TENET = os.path.dirname(os.path.abspath(__file__)) + os.sep
INPUT = -1  # in place of a node's number


class Broken:
    """In place of a node's number: a tensor that no node made. `form` is how it was computed, for losses that are written out."""

    def __init__(self, why, form=None):
        self.why = why
        self.form = form


class Node:
    def __init__(self, op, keys, parents, site, place, weights=(None, None), frozen=None):
        self.op, self.keys, self.parents, self.site, self.place = op, keys, parents, site, place
        self.weight, self.bias = weights
        self.frozen = frozen  # why its weights cannot change, where the pass itself shows it
        self.name = self.module = None


# ---- places ----

def place_of(file, line):
    """{"file", "line", "text"} of a line of the program; None where there is none."""
    if not file:
        return None
    return {"file": path_of(file), "line": line, "text": linecache.getline(file, line).strip()}


def path_of(file):
    """As a person in the working folder would write it."""
    inside = os.path.relpath(file)
    return file if inside.startswith(os.pardir) else inside


def here():
    return place_of(*sessions.user_frame(2))


def is_foreign_code(frame):
    return frame.f_code.co_filename.startswith((_TORCH, _TENET))


def frame_of_call():
    """The frame that called what a mode of tenet's sees, beyond any other mode of tenet's that passed the call on."""
    frame = probe = sys._getframe(2)
    while probe is not None and probe.f_code.co_filename.startswith((_TENET, _TORCH)):
        if probe.f_code.co_name == "__torch_function__" and probe.f_code.co_filename.startswith(_TENET):
            frame = probe.f_back
        probe = probe.f_back
    return frame


def caller(frame):
    """The frame that called a function of torch's, from a mode's frame outwards: the first outside torch. None where a module of torch's or tenet called it."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith((_TENET, _MODULES)):
            return None
        if not name.startswith((_TORCH, "<")):
            return frame
        frame = frame.f_back
    return None


def tensors_in(values):
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            found += [one for one in value if isinstance(one, torch.Tensor)]
    return found


def is_loss_module(module):
    return getattr(type(module).forward, "__module__", "") == "torch.nn.modules.loss"


class Sites:
    """Numbers the calls of one pass: the k-th of a module, the k-th of a function in a line. A pass begins where the first root module is called."""

    def __init__(self):
        self.counts = {}
        self.first = None

    def root(self, module):
        kind = root_kind(module)
        if self.first is None:
            self.first = kind
        if kind == self.first:
            self.counts.clear()

    def number(self, key):
        count = self.counts.get(key, 0)
        self.counts[key] = count + 1
        return count


def function_site(name, frame, sites):
    """Where a function is called, as a trial finds it again."""
    file, line = frame.f_code.co_filename, frame.f_lineno
    return {"kind": "function", "func": name, "file": os.path.abspath(file), "line": line, "call": sites.number((name, file, line))}


def root_kind(module):
    return "%s.%s" % (type(module).__module__, type(module).__qualname__)


if TorchFunctionMode is not None:
    class Watcher(TorchFunctionMode):
        """Shows every call of torch's, made outside of torch, to `see`."""

        def __init__(self, see):
            super().__init__()
            self.see = see
            self.entered = False

        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            self.see(func, args, kwargs or {}, result, frame_of_call())
            return result


class Modes:
    """A mode that begins and ends at different places of the program. One that another mode covers, or that is at work (Tensor.backward runs within it), is taken away later."""

    def __init__(self, mode):
        self.mode = mode
        self.is_on = False

    def enter(self):
        if not self.is_on:
            self.mode.__enter__()
            self.is_on = True

    def leave(self):
        top = getattr(torch.overrides, "_get_current_function_mode", None)
        if self.is_on and (top is None or top() is self.mode):
            self.mode.__exit__(None, None, None)
            self.is_on = False


class Trace:
    """One pass."""

    def __init__(self, places):
        self.places = places
        self.nodes = []
        self.states = {}  # id of a tensor: (the tensor, the number of its node, INPUT or Broken)
        self.leaves = []  # modules of torch's that are running
        self.roots = []
        self.sites = Sites()
        self.losses = []  # calls of loss functions
        self.scalars = []  # what was computed down to one number: (tensor, Broken)
        self.work = 0.0  # multiply-adds
        self.rows = 0  # of the first input
        self.is_inside = False  # of a root module's forward
        self.prepared = False  # the program scales the input before the first node

    # tensors

    def state(self, tensor):
        found = self.states.get(id(tensor))
        return found[1] if found is not None else None

    def put(self, result, state):
        for tensor in tensors_in([result] if isinstance(result, torch.Tensor) else result if isinstance(result, (list, tuple)) else []):
            self.states[id(tensor)] = (tensor, state)
            if isinstance(state, Broken) and tensor.dim() == 0 or tensor.numel() == 1 and isinstance(state, Broken):
                self.scalars.append((tensor, state))

    def forget(self):
        """Another pass begins: what this one made is no input."""
        for key, (tensor, _) in list(self.states.items()):
            self.states[key] = (tensor, Broken("several passes of the network take part in one loss"))
        self.nodes, self.losses, self.scalars, self.leaves, self.roots, self.work = [], [], [], [], [], 0.0
        self.sites, self.rows = Sites(), 0

    # what is called

    def root(self, module, args, kwargs):
        given = tensors_in(list(args) + list(kwargs.values()))
        if self.roots and not any(isinstance(self.state(tensor), int) and self.state(tensor) >= 0 for tensor in given):
            self.forget()
        self.leaves.clear()
        self.sites.root(module)
        self.roots.append(module)
        self.is_inside = True
        self.rows = self.rows or next((len(tensor) for tensor in given if tensor.dim() > 0), 0)
        for tensor in given:
            if self.state(tensor) is None or isinstance(self.state(tensor), Broken):
                self.states[id(tensor)] = (tensor, INPUT)

    def before_module(self, module, args):
        if self.leaves or torch_ops.is_leaf(module):
            self.leaves.append(module)

    def after_module(self, module, args, result):
        if not self.leaves or self.leaves[-1] is not module:
            return
        self.leaves.pop()
        if self.leaves:
            return
        number = self.sites.number(id(module))
        given = tensors_in(args)
        known = [tensor for tensor in given if self.state(tensor) is not None]
        if not known:
            self.put(result, Broken("%s is called with nothing that is known" % type(module).__name__))
            return
        state = self.state(given[0]) if given else None
        try:
            if state is None or len(known) > 1:
                raise Unknown("%s takes several inputs" % type(module).__name__)
            if isinstance(state, Broken):
                raise Unknown(state.why)
            said = torch_ops.describe_module(module, given[0])
            if said is None:
                self.put(result, state)
                return
            root, path = self.path_of(module)
            site = {"kind": "module", "root": root_kind(root), "path": path, "call": number, "type": type(module).__name__}
            place = self.places.get(module) or here()
            parameters = module._parameters
            weights = (parameters.get("weight"), parameters.get("bias"))
            if said[0] in torch_ops.WEIGHTED and weights[0] is None:
                raise Unknown("%s with a weight that is computed" % type(module).__name__)
            self.add(said, [state], result, site, place, weights)
            self.nodes[-1].module = module
        except Unknown as unknown:
            self.put(result, Broken(str(unknown)))

    def path_of(self, module):
        for root in self.roots:
            for path, one in root.named_modules():
                if one is module:
                    return root, path
        raise Unknown("%s stands outside of the modules' tree" % type(module).__name__)

    def add(self, said, parents, result, site, place, weights=(None, None)):
        frozen = None if torch.is_grad_enabled() else "it runs without gradients"
        self.nodes.append(Node(said[0], said[1], parents, site, place, weights, frozen))
        self.put(result, len(self.nodes) - 1)

    def see(self, func, args, kwargs, result, frame):
        if isinstance(result, (torch.Tensor, tuple, list)):
            name = torch_ops.plain_name(func)
            if self.leaves:
                self.work += torch_ops.multiply_adds(name, args, result)
                return
            frame = caller(frame)
            if frame is not None:
                self.work += torch_ops.multiply_adds(name, args, result)
                self.call(name, args, kwargs, result, frame)

    def call(self, name, args, kwargs, result, frame):
        site = function_site(name, frame, self.sites)
        site["inside"] = self.is_inside
        given = tensors_in(list(args) + list(kwargs.values()))
        states = [self.state(tensor) for tensor in given]
        known = [state for state in states if state is not None]
        if not known or not tensors_in([result] if isinstance(result, torch.Tensor) else result):
            return
        try:
            broken = [state for state in known if isinstance(state, Broken)]
            if broken:
                raise Unknown(broken[0].why)
            if name in ("add", "__radd__") and len(known) == 2 and max(known) >= 0 and given[0].shape == given[1].shape:
                self.add(("add", {}), known, result, site, here())
                return
            if states[0] is None or len(known) > 1 and max(known) >= 0:
                raise Unknown("%s of several tensors" % name)
            if states[0] == INPUT and name not in torch_ops.FUNCTIONS:
                if any(tensor.requires_grad for tensor, state in zip(given, states) if state is None):
                    raise Unknown("%s with weights" % name)
                self.prepare(name, given[0], result)
                return
            self.one(name, given[0], states[0], args, kwargs, result, site)
        except Unknown as unknown:
            self.put(result, Broken(str(unknown), torch_loss_forms.form(name, args, kwargs, self.state, site, Broken)))

    def prepare(self, name, x, result):
        """Of the input alone: flattening is a node, all else prepares."""
        if name in torch_ops.RESHAPES and isinstance(result, torch.Tensor):
            try:
                said = torch_ops.describe_reshape(x, result)
            except Unknown:
                said = None
            if said is not None:
                self.add(said, [INPUT], result, None, here())
                return
        self.prepared = self.prepared or name not in torch_ops.RESHAPES and name not in torch_ops.PASSES_ON and name not in ("permute", "transpose", "t")
        self.put(result, INPUT)

    def one(self, name, x, state, args, kwargs, result, site):
        said = torch_ops.describe_call(name, x, args, kwargs, result)
        if said is None:
            if state >= 0 and not (isinstance(result, torch.Tensor) and result.requires_grad) and x.requires_grad:
                self.cut(state)
            self.put(result, state)
            return
        weights = (None, None)
        if said[0] in torch_ops.WEIGHTED:
            weights = (torch_ops.argument(args, kwargs, 1, "weight"), torch_ops.argument(args, kwargs, 2, "bias"))
            if not isinstance(weights[0], torch.nn.Parameter):
                raise Unknown("%s with a weight that is computed" % name)
        self.add(said, [state], result, site, here(), weights)

    def cut(self, state):
        """detach(): nothing before it learns."""
        waiting = [state]
        while waiting:
            number = waiting.pop()
            if number >= 0:
                self.nodes[number].frozen = "it is cut off by detach()"
                waiting += self.nodes[number].parents

    def loss(self, call):
        states = [self.state(call.prediction), self.state(call.target) if isinstance(call.target, torch.Tensor) else None]
        self.losses.append((call, states))
