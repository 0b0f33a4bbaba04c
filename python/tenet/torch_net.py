"""The network and its loss as the program's first training pass runs them, told in the words of the hypes schema, with the lines they stand in.

A pass is traced once, in the look (torch_trace.py). Only what reaches the loss counts. Where the schema has no word for it, facts.net is null, rather than wrong, and facts.refused.patch says
why.

session.private["net"] holds, for each node, the site where a later trial finds it (torch_patch.py): a module's path and the number of its call in the pass, or a function's name, file, line
and number.
"""
import math
import os
import sys
import weakref

import torch

from . import torch_inits, torch_loss_forms, torch_ops
from .torch_ops import Unknown
from .torch_optimizers import parameters_of
from .torch_trace import INPUT, Broken, Modes, Trace, TorchFunctionMode, Watcher, here, is_foreign_code, is_loss_module, place_of, root_kind

NAME_MAX = 47  # bytes, of the schema


class Description:
    """A finished trace as facts and sites. Raises Unknown."""

    def __init__(self, trace, value, optimizers):
        self.trace = trace
        self.rewrite = None  # a loss that is written out: where its parts stand
        self.absorbed = None  # the log_softmax that is part of the loss
        self.clamp = None  # the site of a clamp that is
        self.log_missing = False
        self.loss_call = None
        last = self.find_loss(value)
        self.kept = self.ancestors(last)
        self.check()
        self.name_nodes()
        trained = {id(parameter) for optimizer in optimizers for parameter in parameters_of(optimizer)}
        self.net = [self.fact(position, trained) for position in range(len(self.kept))]

    def find_loss(self, value):
        calls = [(call, states) for call, states in self.trace.losses if any(state is not None and state != INPUT for state in states)]
        if len(calls) > 1:
            raise Unknown("the loss has several parts")
        if not calls:
            return self.find_written(value)
        call, (prediction, target) = calls[0]
        clip = None
        if isinstance(prediction, Broken) and call.name == "binary_cross_entropy":
            prediction, clip = self.take_in_clamp(prediction)
        if isinstance(prediction, Broken):
            raise Unknown(prediction.why)
        if prediction is None or prediction == INPUT:
            raise Unknown("the prediction is not an output of the network's")
        if isinstance(target, Broken) or target is not None and target != INPUT:
            raise Unknown("the target depends on the network")
        self.loss_call = call
        last = self.take_in_logarithm(prediction)
        self.loss = torch_loss_forms.of_call(call, self.absorbed is not None)
        if clip is not None:
            self.loss = dict(self.loss if isinstance(self.loss, dict) else {"name": self.loss}, clip=clip)
        if self.absorbed is not None and torch_loss_forms.name_of(self.loss) != "softmax_cross_entropy":
            raise Unknown("log_softmax before %s" % call.name)
        self.log_missing = torch_loss_forms.is_nll(call) and self.absorbed is None
        return last

    def take_in_clamp(self, prediction):
        """A clamp of probabilities away from 0 and 1, before a loss that takes their logarithms, is part of the loss: (node, clip)."""
        found = torch_loss_forms.clamped(prediction.form)
        if found is None:
            return prediction, None
        number, clip, self.clamp = found
        return number, clip

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
        paths = {id(one): [root_kind(root), path] for root in reversed(self.trace.roots) for path, one in root.named_parameters()}
        weights = [{"weight": paths.get(id(node.weight)), "bias": paths.get(id(node.bias)), "shape": list(node.weight.shape)} if node.weight is not None else None for node in kept]
        return {"first_root": self.trace.sites.first, "nodes": [dict(fact) for fact in self.net], "sites": [node.site for node in kept], "weights": weights, "frozen": [node.frozen for node in kept],
                "absorbed": self.absorbed.site if self.absorbed else None, "clamp": self.clamp, "loss": self.loss, "rewrite": self.rewrite, "log_missing": self.log_missing}

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
        self.prepared_module = None  # the first layer, where the pass scales the input before it
        self.stepping = set()  # ids of optimizers
        self.places = None

    def is_on(self):
        """Until the first training pass of a look is described. A fork learns late that it is one."""
        if self.done or self.session.mode != "look":
            return False
        if self.places is None:
            facts = self.session.facts
            facts.setdefault("net", None)
            facts.setdefault("loss", None)
            self.places = facts.setdefault("places", {})
            self.refuse("no training step was seen")
        return True

    def refuse(self, why):
        self.session.facts.setdefault("refused", {})["patch"] = "the network is not described as one of the hypes: %s" % why

    def module_created(self, module):
        if self.is_on():
            self.made[module] = here()

    def optimizer_created(self, optimizer):
        if self.is_on():
            self.optimizers.append(optimizer)

    def root_input(self, module, args, kwargs):
        if not self.is_on() or not torch.is_grad_enabled() or is_loss_module(module):
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

    def root_output(self, module, args, output):
        if self.trace is not None:
            self.trace.is_inside = False

    def guarded(self, function, *args):
        try:
            function(*args)
        except Exception as error:
            self.session.failed("the description of the network", error)
            self.give_up("it could not be followed (%s)" % error)

    def see(self, *args):
        if self.trace is not None:
            self.guarded(self.trace.see, *args)

    def before_module(self, module, args):
        if self.trace is not None:
            self.guarded(self.trace.before_module, module, args)

    def after_module(self, module, args, result):
        if self.trace is not None:
            self.guarded(self.trace.after_module, module, args, result)

    def loss_input(self, call):
        if not self.is_on() or not call.training:
            return
        if self.trace is not None:
            self.trace.loss(call)
        self.places["loss"] = self.loss_place(call)

    def loss_place(self, call):
        """Where the loss module was constructed, else where the function is called."""
        frame = sys._getframe(1)
        while frame is not None and is_foreign_code(frame):
            module = frame.f_locals.get("self")
            if isinstance(module, torch.nn.Module) and is_loss_module(module):
                return self.made.get(module) or place_of(call.file, call.line)
            frame = frame.f_back
        return place_of(call.file, call.line)

    def backward(self, value, training):
        if not self.is_on() or self.trace is None:
            return
        trace, self.trace.leaves = self.trace, []
        self.stop()
        self.session.private["work"] = (trace.work, trace.rows)
        try:
            found = Description(trace, value, self.optimizers)
        except Unknown as unknown:
            self.refuse(str(unknown))
            return
        except Exception as error:
            self.session.failed("the description of the network", error)
            self.refuse("it could not be followed (%s)" % error)
            return
        self.tell(found)

    def tell(self, found):
        facts = self.session.facts
        facts["net"], facts["loss"] = found.net, found.loss
        facts["refused"].pop("patch", None)
        self.places["net"] = found.places()
        if found.rewrite:
            self.places["loss"] = place_of(found.rewrite["file"], found.rewrite["line"])
        self.session.private["net"] = found.sites()
        if found.trace.prepared:
            self.prepared_module = found.trace.nodes[found.kept[0]].module
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
        if self.session.mode != "look":
            return
        if self.is_on() and (self.trace is not None or self.session.step > 0):
            self.give_up("no backward() was seen" if self.trace is not None else "no module was called")
        if self.mode is not None:
            self.mode.leave()
        self.stepping.add(id(optimizer))
        if len(self.stepping) == 2:
            self.session.facts.update(net=None, loss=None)
            self.session.private.pop("net", None)
            self.refuse("several optimizers take part")

    def end(self, reason):
        self.is_on()


def install(session):
    if session.mode not in ("look", "serve"):
        return
    part = NetPart(session)
    session.net = part
    session.on("module_created", part.module_created)
    session.on("optimizer_created", part.optimizer_created)
    session.on("root_input", part.root_input)
    session.on("root_output", part.root_output)
    session.on("loss_input", part.loss_input)
    session.on("backward", part.backward)
    session.on("before_step", part.before_step)
    session.on("end", part.end)
