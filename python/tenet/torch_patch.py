"""A patch of the described net, applied to the running program: outputs of modules and functions changed where they are made, weights started anew, dense layers of other units, another loss.

Modules get a forward of their own, before the first pass. Functions are caught by a TorchFunctionMode, which is on only where a function is to be changed, and only within the passes of the
network (until the loss, where a part of that is to be changed). Weights are drawn from random numbers of their own, so the program's stay as they were. "patch" is acknowledged after the first
step, once everything in it was seen to happen.
"""
import weakref

import torch

from . import torch_inits, torch_loaders, torch_ops
from .torch_optimizers import parameters_of
from .torch_plan import Change, Plan, Refused
from .torch_trace import Modes, Sites, TorchFunctionMode, caller, frame_of_call, function_site, is_loss_module, root_kind
from .torch_usage import PREFIX


def changed(change, x, training, natural):
    """A node's output: of x, where the node is another one, else what `natural` computes."""
    if change.replaced is None:
        result = natural()
    elif change.replaced[0] == "identity":
        result = x
    else:
        result = torch_ops.compute(*change.replaced, x, training)
    for op, keys in change.after:
        result = torch_ops.compute(op, keys, result, training)
    return result


class TurnedForward:
    """A module's forward, some of whose calls in a pass are changed. Can be pickled and copied with its module."""

    def __init__(self, module):
        self.module = module
        self.changes = {}  # by the number of the call
        self.number = 0
        self.seen = set()

    def __call__(self, *args, **kwargs):
        change = self.changes.get(self.number)
        self.number += 1
        natural = type(self.module).forward
        if change is None:
            return natural(self.module, *args, **kwargs)
        self.seen.add(self.number - 1)
        x = args[0] if args else next(iter(kwargs.values()))
        return changed(change, x, self.module.training, lambda: natural(self.module, *args, **kwargs))


if TorchFunctionMode is not None:
    class Catcher(TorchFunctionMode):
        """Gives calls of the wanted functions to `catch`."""

        def __init__(self, names, catch):
            super().__init__()
            self.names = names
            self.catch = catch

        def __torch_function__(self, func, types, args=(), kwargs=None):
            name = getattr(func, "__name__", "")
            if name in self.names or name[:-1] in self.names:
                return self.catch(func, args, kwargs or {}, frame_of_call())
            return func(*args, **(kwargs or {}))


class Applied:
    """A plan at work in this process."""

    def __init__(self, session, plan):
        self.session = session
        self.plan = plan
        self.sites = Sites()
        self.roots = weakref.WeakSet()
        self.turned = []
        self.functions = {}  # (function, file, line, call): (what is seen to happen, handler)
        self.waiting = set()  # what has not happened yet
        self.mode = None
        self.is_outside = False  # functions outside of the root module's forward are to be changed
        self.prepare()

    def prepare(self):
        plan = self.plan
        for number, change in plan.changes.items():
            site = plan.net["sites"][number]
            self.waiting.add("net.%d" % number)
            if site["kind"] == "function":
                self.on_function(site, "net.%d" % number, self.change_function(change))
        if plan.log_site:
            self.on_function(plan.log_site, "loss", lambda func, args, kwargs: torch.log_softmax(args[0], torch_ops.channel_axis(args[0])))
        if plan.mean_site:
            self.on_function(plan.mean_site, "loss.reduction", lambda func, args, kwargs: func(*args, **kwargs) / max(len(args[0]) if args[0].dim() else 1, 1))
        if plan.bare_site and plan.bare_site["kind"] == "function":
            self.on_function(plan.bare_site, "loss", lambda func, args, kwargs: args[0])
        if plan.loss_name:
            self.waiting.add("loss function")
        for number in plan.inits:
            self.waiting.add("net.%d.init" % number)
        for number in plan.trained:
            self.waiting.add("net.%d.trainable" % number)
        for number in plan.widths:
            self.waiting.add("net.%d.units" % number)
        if self.functions:
            if TorchFunctionMode is None:
                raise Refused("net", "functions cannot be changed in torch %s" % torch.__version__)
            self.mode = Modes(Catcher({key[0] for key in self.functions}, self.catch))
        if plan.shuffle is not None:
            why = torch_loaders.shuffle(self.session, plan.shuffle)
            if why:
                raise Refused("solver.shuffle", why)
        if plan.weight_decay is not None:
            self.waiting.add("solver.weight_decay")

    def change_function(self, change):
        def handler(func, args, kwargs):
            x = args[0] if args else kwargs.get("input")
            training = kwargs.get("training", args[2] if len(args) > 2 and isinstance(args[2], bool) else torch.is_grad_enabled())
            return changed(change, x, training, lambda: func(*args, **kwargs))
        return handler

    def on_function(self, site, what, handler):
        self.waiting.add(what)
        self.functions[site["func"], site["file"], site["line"], site["call"]] = (what, handler)
        self.is_outside = self.is_outside or not site.get("inside")

    def catch(self, func, args, kwargs, frame):
        frame = caller(frame)
        if frame is None:
            return func(*args, **kwargs)
        site = function_site(torch_ops.plain_name(func), frame, self.sites)
        found = self.functions.get((site["func"], site["file"], site["line"], site["call"]))
        if found is None:
            return func(*args, **kwargs)
        what, handler = found
        result = handler(func, args, kwargs)
        self.waiting.discard(what)
        return result

    # ---- a pass ----

    def root(self, module):
        net = self.plan.net
        if net is None or is_loss_module(module):
            return
        if self.sites.first is None:
            self.sites.first = net["first_root"]
        if root_kind(module) == net["first_root"]:
            self.collect()
            for turned in self.turned:
                turned.number = 0
        self.sites.root(module)
        if module not in self.roots:
            self.roots.add(module)
            self.enter(module)
        if self.mode is not None:
            self.mode.enter()

    def enter(self, root):
        """A root module that was not seen yet: its modules turned, its weights drawn anew if nothing was learnt yet."""
        kind, plan = root_kind(root), self.plan
        sites = [(plan.net["sites"][number], change) for number, change in plan.changes.items()]
        if plan.bare_site and plan.bare_site["kind"] == "module":
            sites.append((plan.bare_site, Change(("identity", {}))))
        for site, change in sites:
            if site["kind"] == "module" and site["root"] == kind:
                self.turn(root.get_submodule(site["path"]), site, change)
        if self.session.step == 0:
            for number, (units, after) in plan.widths.items():
                self.widen(root, kind, number, units, after)
            for number, parts in plan.inits.items():
                for part, init in parts.items():
                    self.draw(root, kind, number, part, init)
        self.free(root, kind)

    def turn(self, module, site, change):
        if type(module).__name__ != site["type"]:
            raise Refused(site["path"], "it is a %s now" % type(module).__name__)
        turned = module.__dict__.get("forward")
        if not isinstance(turned, TurnedForward):
            turned = TurnedForward(module)
            module.__dict__["forward"] = turned
            self.turned.append(turned)
        turned.changes[site["call"]] = change

    def parameter(self, root, kind, number, part):
        found = self.plan.net["weights"][number][part]
        return root.get_parameter(found[1]) if found is not None and found[0] == kind else None

    def draw(self, root, kind, number, part, init):
        tensor, weight = self.parameter(root, kind, number, part), self.parameter(root, kind, number, "weight")
        if tensor is None or weight is None:
            return
        generator = torch_inits.generator_of(self.session.trial, number * 2 + (part == "bias"))
        torch_inits.draw(tensor, init, *torch_inits.fans(weight.detach()), generator)
        self.waiting.discard("net.%d.init" % number)

    def widen(self, root, kind, number, units, after):
        """A dense layer gets other units, and the next one as many inputs. The optimizer keeps the parameters, which have no history yet."""
        weight, bias, taking = self.parameter(root, kind, number, "weight"), self.parameter(root, kind, number, "bias"), self.parameter(root, kind, after, "weight")
        if weight is None or taking is None:
            return
        generator = torch_inits.generator_of(self.session.trial, number * 2)
        torch_inits.resize(weight, (units, weight.shape[1]), generator)
        if bias is not None:
            torch_inits.resize(bias, (units,), generator)
        torch_inits.resize(taking, (taking.shape[0], units), generator)
        for place, name in ((number, "out_features"), (after, "in_features")):
            module = root.get_submodule(self.plan.net["weights"][place]["weight"][1].rpartition(".")[0])
            if hasattr(module, name):
                setattr(module, name, units)
        self.waiting.discard("net.%d.units" % number)

    def free(self, root, kind):
        for number in self.plan.trained:
            for part in ("weight", "bias"):
                parameter = self.parameter(root, kind, number, part)
                if parameter is not None:
                    parameter.requires_grad_(True)

    def collect(self):
        """What the turned modules have seen happen."""
        for number in self.plan.changes:
            site = self.plan.net["sites"][number]
            if site["kind"] == "module" and "net.%d" % number in self.waiting:
                for turned in self.turned:
                    if site["call"] in turned.seen and turned.changes.get(site["call"]) is self.plan.changes[number]:
                        self.waiting.discard("net.%d" % number)

    def leave(self, is_over):
        if self.mode is not None and (is_over or not self.is_outside):
            self.mode.leave()

    def loss(self, call):
        plan = self.plan
        if plan.loss_name is None:
            return
        call.name = plan.loss_name
        if plan.reduction is not None:
            call.kwargs = {key: value for key, value in call.kwargs.items() if key not in ("size_average", "reduce")}
            call.kwargs["reduction"] = plan.reduction
        if call.training:
            self.waiting.discard("loss function")

    # ---- a step ----

    def step(self, optimizer, is_primary):
        plan = self.plan
        if plan.weight_decay is not None:
            self.decay(optimizer)
        if not (is_primary and plan.trained):
            return
        given = {id(parameter) for parameter in parameters_of(optimizer)}
        for root in list(self.roots):
            self.free(root, root_kind(root))
            for number in plan.trained:
                for part in ("weight", "bias"):
                    parameter = self.parameter(root, root_kind(root), number, part)
                    if parameter is not None and id(parameter) not in given:
                        optimizer.param_groups[0]["params"].append(parameter)
                    if parameter is not None:
                        self.waiting.discard("net.%d.trainable" % number)

    def decay(self, optimizer):
        for group in optimizer.param_groups:
            if "weight_decay" in group:
                group["weight_decay"] = self.plan.weight_decay
            elif self.plan.weight_decay != 0:
                raise Refused("solver.weight_decay", "%s has none" % type(optimizer).__name__)
        self.waiting.discard("solver.weight_decay")


class PatchPart:
    """Follows the session's present trial: a forked child learns of its own late."""

    def __init__(self, session):
        self.session = session
        self.trial = None
        self.applied = None
        self.turned = []  # mends of torch_usage.py at work
        self.is_answered = True

    def current(self):
        if self.trial is not self.session.trial:
            self.begin()
        return self.applied

    def begin(self):
        self.trial, self.applied = self.session.trial, None
        self.is_answered = not self.session.patch
        if self.session.patch:
            self.guarded(self.make)

    def make(self):
        patch = dict(self.session.patch)
        mends = [path for path in patch if path.startswith(PREFIX)]
        self.turned = [self.mend(path, patch.pop(path)) for path in mends]
        self.applied = Applied(self.session, Plan(patch, self.session.known.get("net")))
        if not self.missing():
            self.answer()

    def mend(self, path, value):
        """One of the mends of torch_usage.py."""
        try:
            return self.session.usage.turn(path[len(PREFIX):], value)
        except KeyError:
            raise Refused(path, "there is no such mend") from None

    def missing(self):
        """What has not been seen to happen."""
        return sorted(self.applied.waiting) + [turned.waits_for for turned in self.turned if turned.waits_for]

    def guarded(self, function, *args):
        """Calls it; what it cannot do refuses the patch, and nothing more of it is done."""
        try:
            return function(*args)
        except Refused as refused:
            self.refuse(str(refused))
        except Exception as error:
            self.session.failed("the patch", error)
            self.refuse("%s: %s" % (type(error).__name__, error))
        return None

    def refuse(self, why):
        if self.applied is not None:
            self.applied.leave(True)
        self.applied = None
        if not self.is_answered:
            self.is_answered = True
            self.session.refused("patch", why)

    def answer(self):
        if not self.is_answered:
            self.is_answered = True
            self.session.applied("patch")

    def begun(self, *_):
        self.current()

    def root_input(self, module, args, kwargs):
        applied = self.current()
        if applied is not None:
            self.guarded(applied.root, module)

    def root_output(self, module, args, output):
        if self.applied is not None:
            self.guarded(self.applied.leave, False)

    def loss_input(self, call):
        applied = self.current()
        if applied is not None:
            self.guarded(applied.loss, call)

    def backward(self, value, training):
        if self.applied is not None:
            self.guarded(self.applied.leave, True)

    def before_step(self, optimizer, is_primary):
        applied = self.current()
        if applied is None:
            return
        applied.leave(True)  # backward() ran within the mode
        self.guarded(applied.step, optimizer, is_primary)
        if self.applied is not None and is_primary and not self.is_answered:
            applied.collect()
            if not self.missing():
                self.answer()

    def after_step(self, optimizer, is_primary):
        if self.applied is None or not is_primary or self.is_answered:
            return
        self.applied.collect()
        if self.missing():
            self.refuse("the first step passed without %s" % ", ".join(self.missing()))
        else:
            self.answer()

    def end(self, reason):
        if not self.is_answered:
            self.refuse("no training step was made")


def install(session):
    if session.mode not in ("trial", "serve") and not session.patch:
        return
    part = PatchPart(session)
    session.on("module_created", part.begun)
    session.on("loader_created", part.begun)
    session.on("loader_iterated", part.begun)
    session.on("optimizer_created", part.begun)
    session.on("root_input", part.root_input)
    session.on("root_output", part.root_output)
    session.on("loss_input", part.loss_input)
    session.on("backward", part.backward)
    session.on("before_step", part.before_step)
    session.on("after_step", part.after_step)
    session.on("end", part.end)
    if session.mode != "serve":
        part.begin()
