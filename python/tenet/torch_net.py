"""The network and its loss as the program's first training pass runs them, told in the words of the hypes schema, with the lines they stand in.

A pass is traced once, in the look: modules by PyTorch's global hooks, functions by its TorchFunctionMode, from the call of a root module to backward(). Each tensor that a node made is held
until the pass is described, so its identity tells what it is: the output of node i, or the same values in another shape. What only prepares the input (scaling, permuting, a cast) is no
node. What the schema has no word for spoils the tensors it makes, and only if one of these reaches the loss is the net not described: facts.net is then null, and facts.refused.patch says why.

session.private["net"] holds, for each node, the site where a later trial finds it (torch_patch.py): a module's path and the number of its call in the pass, or a function's name, file, line
and number.
"""
import linecache
import math
import os
import sys
import weakref

import torch

from . import session as sessions
from . import torch_inits, torch_loss_forms, torch_ops
from .torch_ops import Unknown

try:
    from torch.overrides import TorchFunctionMode
except ImportError:  # before 1.13
    TorchFunctionMode = None

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_TENET = os.path.dirname(os.path.abspath(__file__)) + os.sep
INPUT = -1  # in place of a node's number
NAME_MAX = 47  # bytes, of the schema


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
        self.name = None


# ---- places ----

def place_of(file, line):
    """{"file", "line", "text"} of a line of the program; None where there is none."""
    if not file:
        return None
    text = linecache.getline(file, line).strip()
    inside = os.path.relpath(file)
    return {"file": file if inside.startswith(os.pardir) else inside, "line": line, "text": text}


def here():
    return place_of(*sessions.user_frame(2))


def caller(frame):
    """The frame that called a function of torch's, from a mode's frame outwards: the first outside torch. None where that is tenet's."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_TENET):
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
            self.see(func, args, kwargs or {}, result, sys._getframe(1))
            return result


class Modes:
    """A mode that begins and ends at different places of the program. One that another mode covers is taken away when it is on top again."""

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
        self.work = 0.0
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
        self.sites = Sites()

    # what is called

    def root(self, module, args, kwargs):
        given = tensors_in(list(args) + list(kwargs.values()))
        if self.roots and not any(isinstance(self.state(tensor), int) and self.state(tensor) >= 0 for tensor in given):
            self.forget()
        self.leaves.clear()
        self.sites.root(module)
        self.roots.append(module)
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
            site = {"kind": "module", "path": self.path_of(module), "call": number, "type": type(module).__name__}
            place = self.places.get(module) or here()
            parameters = module._parameters
            weights = (parameters.get("weight"), parameters.get("bias"))
            if said[0] in torch_ops.WEIGHTED and weights[0] is None:
                raise Unknown("%s with a weight that is computed" % type(module).__name__)
            self.add(said, [state], result, site, place, weights)
        except Unknown as unknown:
            self.put(result, Broken(str(unknown)))

    def path_of(self, module):
        for root in self.roots:
            for path, one in root.named_modules():
                if one is module:
                    return path
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
        given = tensors_in(list(args) + list(kwargs.values()))
        states = [self.state(tensor) for tensor in given]
        known = [state for state in states if state is not None]
        if not known or not tensors_in([result] if isinstance(result, torch.Tensor) else result):
            return
        key = (name, frame.f_code.co_filename, frame.f_lineno)
        site = {"kind": "function", "func": name, "file": os.path.abspath(key[1]), "line": key[2], "call": self.sites.number(key)}
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


# ---- the description ----

class Description:
    """A finished trace as facts and sites. Raises Unknown."""

    def __init__(self, trace, value, optimizers):
        self.trace = trace
        self.rewrite = None  # a loss that is written out: where its parts stand
        self.absorbed = None  # the log_softmax that is part of the loss
        self.log_missing = False
        self.loss_call = None
        last = self.find_loss(value)
        self.kept = self.ancestors(last)
        self.check()
        self.name_nodes()
        trained = {id(parameter) for optimizer in optimizers for group in optimizer.param_groups for parameter in group["params"]}
        self.net = [self.fact(position, trained) for position in range(len(self.kept))]

    def find_loss(self, value):
        calls = [(call, states) for call, states in self.trace.losses if any(state is not None and state != INPUT for state in states)]
        if len(calls) > 1:
            raise Unknown("the loss has several parts")
        if not calls:
            return self.find_written(value)
        call, (prediction, target) = calls[0]
        if isinstance(prediction, Broken):
            raise Unknown(prediction.why)
        if prediction is None or prediction == INPUT:
            raise Unknown("the prediction is not an output of the network's")
        if isinstance(target, Broken) or target is not None and target != INPUT:
            raise Unknown("the target depends on the network")
        self.loss_call = call
        last = self.take_in_logarithm(prediction)
        self.loss = torch_loss_forms.of_call(call, self.absorbed is not None)
        if self.absorbed is not None and torch_loss_forms.name_of(self.loss) != "softmax_cross_entropy":
            raise Unknown("log_softmax before %s" % call.name)
        self.log_missing = torch_loss_forms.is_nll(call) and self.absorbed is None
        return last

    def take_in_logarithm(self, number):
        """A log_softmax before the loss is part of it."""
        node = self.trace.nodes[number]
        if node.op != "log_softmax":
            return number
        self.absorbed = node
        if node.parents[0] < 0:
            raise Unknown("nothing stands before log_softmax")
        return node.parents[0]

    def find_written(self, value):
        """A loss that is written out with torch's functions: the number that backward() was called on."""
        for tensor, state in reversed(self.trace.scalars):
            found = float(tensor.detach())
            if state.form is not None and (found == value or math.isnan(found) and math.isnan(value)):
                written = torch_loss_forms.match(state.form, self.trace.nodes)
                if written is None:
                    continue
                self.loss, number, self.rewrite = written
                return self.take_in_logarithm(number) if self.trace.nodes[number].op == "log_softmax" else number
        raise Unknown("the loss is none of the hypes' losses")

    def ancestors(self, last):
        wanted, waiting = set(), [last]
        while waiting:
            number = waiting.pop()
            if number >= 0 and number not in wanted:
                wanted.add(number)
                waiting += self.trace.nodes[number].parents
        return sorted(wanted)

    def check(self):
        seen = set()
        for number in self.kept:
            node = self.trace.nodes[number]
            if node.op == "log_softmax":
                raise Unknown("log_softmax within the network")
            if node.weight is not None and id(node.weight) in seen:
                raise Unknown("weights that are used twice")
            seen.add(id(node.weight))

    def name_nodes(self):
        """A module's path, and an op with its number; each once, none too long, none that the schema keeps for itself."""
        taken = {"input", ""}
        for position, number in enumerate(self.kept):
            node = self.trace.nodes[number]
            name = (node.site or {}).get("path") or "%s_%d" % (node.op, position)
            name = name.encode("ascii", "replace").decode()[-NAME_MAX:]
            while name in taken:
                name = ("%s_%d" % (name, position))[-NAME_MAX:]
            taken.add(name)
            node.name = name

    def fact(self, position, trained):
        node = self.trace.nodes[self.kept[position]]
        fact = dict({"op": node.op}, **node.keys)
        fact["name"] = node.name
        before = self.kept[position - 1] if position else INPUT
        if node.op == "add" or node.parents != [before]:
            names = ["input" if parent < 0 else self.trace.nodes[parent].name for parent in node.parents]
            fact["from"] = names if node.op == "add" else names[0]
        if node.op in torch_ops.WEIGHTED:
            self.add_inits(node, fact)
        parameters = [one for one in (node.weight, node.bias) if isinstance(one, torch.nn.Parameter)]
        if parameters and all(node.frozen or not one.requires_grad or id(one) not in trained for one in parameters):
            fact["trainable"] = False
        return fact

    def add_inits(self, node, fact):
        init = torch_inits.read_weight(node.weight)
        if init is not None:
            fact["init"] = init
        if node.bias is not None:
            bias_init = torch_inits.read_bias(node.bias, torch_inits.fans(node.weight)[0])
            if bias_init is not None:
                fact["bias_init"] = bias_init

    def sites(self):
        kept = [self.trace.nodes[number] for number in self.kept]
        shapes = [list(node.weight.shape) if node.weight is not None else None for node in kept]
        return {"first_root": self.trace.sites.first, "root": root_kind(self.trace.roots[0]), "nodes": [dict(fact) for fact in self.net],
                "sites": [node.site for node in kept], "shapes": shapes, "frozen": [node.frozen for node in kept],
                "absorbed": self.absorbed.site if self.absorbed else None, "loss": self.loss, "rewrite": self.rewrite, "log_missing": self.log_missing}

    def places(self):
        return [self.trace.nodes[number].place for number in self.kept]


class NetPart:
    """Listens for the first training pass, and puts net, loss and places into the facts."""

    def __init__(self, session):
        self.session = session
        self.made = weakref.WeakKeyDictionary()  # module: where it was constructed
        self.optimizers = []
        self.trace = None
        self.hooks = []
        self.done = False
        self.mode = None
        self.description = None
        self.stepping = set()  # ids of optimizers
        session.facts.setdefault("net", None)
        session.facts.setdefault("loss", None)
        self.places = session.facts.setdefault("places", {})
        self.refuse("no training step was seen")

    def refuse(self, why):
        self.session.facts.setdefault("refused", {})["patch"] = "the network is not described as one of the hypes: %s" % why

    def module_created(self, module):
        if not self.done:
            self.made[module] = here()

    def optimizer_created(self, optimizer):
        self.optimizers.append(optimizer)

    def root_input(self, module, args, kwargs):
        if self.done or not torch.is_grad_enabled() or is_loss_module(module):
            return None
        if hasattr(module, "_orig_mod") or TorchFunctionMode is None:
            self.give_up("torch.compile hides its operations" if TorchFunctionMode is not None else "torch %s is too old" % torch.__version__)
            return None
        if self.trace is None:
            self.trace = Trace(self.made)
            self.mode = Modes(Watcher(self.see))
            self.hooks = [torch.nn.modules.module.register_module_forward_pre_hook(self.before_module),
                          torch.nn.modules.module.register_module_forward_hook(self.after_module)]
        self.trace.root(module, args, kwargs)
        self.mode.enter()
        return None

    def guarded(self, function, *args):
        if self.done:
            return
        try:
            function(*args)
        except Exception as error:
            self.session.failed("the description of the network", error)
            self.give_up("it could not be followed (%s)" % error)

    def see(self, *args):
        self.guarded(self.trace.see, *args)

    def before_module(self, module, args):
        self.guarded(self.trace.before_module, module, args)

    def after_module(self, module, args, result):
        self.guarded(self.trace.after_module, module, args, result)

    def loss_input(self, call):
        if self.done or self.trace is None or not torch.is_grad_enabled():
            return
        self.trace.loss(call)
        self.places["loss"] = self.loss_place(call)

    def loss_place(self, call):
        """Where the loss module was constructed, else where the function is called."""
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith((_TORCH, _TENET)):
            module = frame.f_locals.get("self")
            if isinstance(module, torch.nn.Module) and is_loss_module(module):
                return self.made.get(module) or place_of(call.file, call.line)
            frame = frame.f_back
        return place_of(call.file, call.line)

    def backward(self, value, training):
        if self.trace is None or self.done:
            return
        trace, self.trace.leaves = self.trace, []
        self.stop()
        self.session.private["work"] = trace.work
        try:
            self.description = Description(trace, value, self.optimizers)
        except Unknown as unknown:
            self.refuse(str(unknown))
            return
        except Exception as error:
            self.session.failed("the description of the network", error)
            self.refuse("it could not be followed (%s)" % error)
            return
        self.tell(value)

    def tell(self, value):
        found, facts = self.description, self.session.facts
        facts["net"], facts["loss"] = found.net, found.loss
        facts["refused"].pop("patch", None)
        self.places["net"] = found.places()
        if found.rewrite:
            self.places["loss"] = place_of(found.rewrite["file"], found.rewrite["line"])
        self.session.private["net"] = found.sites()
        if found.log_missing:
            call, ops = found.loss_call, [fact["op"] for fact in found.net]
            self.session.note("%s:%s: nll_loss takes logarithms of probabilities, and gets what %s gives; expected log_softmax before it, or cross_entropy in its "
                              "place" % (os.path.basename(call.file or "?"), call.line, ops[-1] if ops else "the input"))

    def give_up(self, why):
        self.refuse(why)
        self.stop()

    def stop(self):
        self.done = True
        if self.mode is not None:
            self.mode.leave()
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        self.trace = None

    def before_step(self, optimizer, is_primary):
        """A step without a description: an optimizer that calls the network itself (LBFGS) begins its step before the first pass."""
        if not self.done and (self.trace is not None or self.session.step > 0):
            self.give_up("no backward() was seen" if self.trace is not None else "no module was called")
        if self.mode is not None:
            self.mode.leave()
        self.stepping.add(id(optimizer))
        if len(self.stepping) == 2:
            self.session.facts["net"] = None
            self.refuse("several optimizers take part")


def install(session):
    if session.mode != "look":
        return
    part = NetPart(session)
    session.net = part
    session.on("module_created", part.module_created)
    session.on("optimizer_created", part.optimizer_created)
    session.on("root_input", part.root_input)
    session.on("loss_input", part.loss_input)
    session.on("backward", part.backward)
    session.on("before_step", part.before_step)
