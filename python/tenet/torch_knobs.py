"""Knobs at the optimizer, the parameters and the network's input: learning_rate, decay, optimizer, clip_norm, init_scale, steps,
input_scale; seeds are in torch_seeds.py.

Each listens to the session's events and looks its knob up when it is needed, since a forked child learns of its trial late.
"""
import inspect
import itertools
import math
import weakref

import torch

from . import knob_answers, torch_rows
from .knob_answers import LINE
from .torch_optimizers import parameters_of
from .torch_seeds import Seeds

STATISTICS_ROWS = 10000
WIDTH_MAX = 4096  # features that have statistics of their own
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adadelta": "Adadelta"}
KEPT_KEYS = ("params", "lr", "weight_decay", "initial_lr", "name")  # of a parameter group, when its optimizer is another one


def install(session):
    if not knob_answers.is_needed(session) and session.trial.get("seed") is None and session.trial.get("steps") is None:
        return
    session.seeds = Seeds(session)
    session.input_scale = InputScale(session)
    session.init_scale = InitScale(session)
    session.steps_knob = Steps(session)
    session.optimizers = Optimizers(session)


class Steps:
    """The program ends at the budget, once samples that are to be shown are there."""

    def __init__(self, session):
        self.session = session
        session.on("before_step", self.on_step)
        session.on("step_done", self.on_done)
        session.on("end", self.on_end)

    def budget(self):
        return knob_answers.of(self.session).wants("steps")

    def on_step(self, optimizer, is_primary):
        if self.budget() is not None:
            knob_answers.of(self.session).applied("steps")

    def on_done(self, step):
        budget, shown = self.budget(), getattr(self.session, "shown", None)
        if budget is None or step < budget:
            return
        if shown is None or shown.is_complete():
            self.restore()
            self.session.end("steps")
        else:
            shown.wait(step)

    def restore(self):
        shown = getattr(self.session, "shown", None)
        if shown is not None:
            shown.stop_waiting()

    def on_end(self, reason):
        self.restore()
        if self.session.mode == "look":
            knob_answers.can(self.session, "seed", "steps")
        answers = knob_answers.of(self.session)
        for name, why in (("seed", "the program makes no module and no optimizer"),
                          ("steps", "no step of an optimizer of torch.optim was seen")):
            if name in answers.open():
                answers.refused(name, why)


# ---- the optimizer ----

class Optimizers:
    """learning_rate, decay, optimizer and clip_norm."""

    KNOBS = ("learning_rate", "decay", "optimizer", "clip_norm")

    def __init__(self, session):
        self.session = session
        self.initial = weakref.WeakKeyDictionary()  # optimizer: the rate of each group when it was made
        self.factor = None  # of learning_rate, from the first optimizer that steps
        self.restoring = weakref.WeakKeyDictionary()  # optimizer: the rates to give back after the step
        self.swapped = weakref.WeakSet()
        self.is_swapping = False
        self.look = None  # (class, first rate) of the primary
        session.on("optimizer_created", self.on_created)
        session.on("before_step", self.before)
        session.on("after_step", self.after)
        session.on("end", self.on_end)

    def on_created(self, optimizer):
        if self.is_swapping:
            return
        self.initial[optimizer] = [group.get("lr") for group in optimizer.param_groups]
        name = knob_answers.of(self.session).wants("optimizer")
        if name is not None and self.session.mode != "look":
            self.swap(optimizer, name)

    def swap(self, optimizer, name):
        """Makes the optimizer one of another class in place, so that schedulers, scalers and the program keep hold of it. Its rates and
        weight decay stay, the rest is the class's default."""
        answers = knob_answers.of(self.session)
        kind = getattr(torch.optim, OPTIMIZERS.get(name, ""), None)
        if kind is None:
            answers.refused("optimizer", "there is no optimizer %s; expected one of %s" % (name, ", ".join(sorted(OPTIMIZERS))))
            return
        groups = [{key: value for key, value in group.items() if key in KEPT_KEYS and value is not None}
                  for group in optimizer.param_groups]
        before = dict(vars(optimizer)), type(optimizer)
        self.is_swapping = True
        try:
            optimizer.__class__ = kind
            kind.__init__(optimizer, groups, **({} if "lr" in groups[0] else {"lr": 0.001}))
            self.swapped.add(optimizer)
            answers.applied("optimizer")
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            optimizer.__class__ = before[1]
            vars(optimizer).clear()
            vars(optimizer).update(before[0])
            answers.refused("optimizer", "%s cannot become %s: %s" % (before[1].__name__, kind.__name__, error))
        finally:
            self.is_swapping = False

    # ---- around a step ----

    def first_rate(self, optimizer):
        """Of the first group, when the optimizer was made; where that was 0, at its first step."""
        rates = self.initial.get(optimizer)
        made = number(rates[0]) if rates else None
        return made if made else number(optimizer.param_groups[0].get("lr"))

    def before(self, optimizer, is_primary):
        if self.session.mode == "look":
            if is_primary and self.look is None:
                self.look = (type(optimizer).__name__, self.first_rate(optimizer))
            return
        if optimizer in self.swapped:
            self.swapped.discard(optimizer)
            if not isinstance(optimizer, torch.optim.Adagrad):
                optimizer.state.clear()  # what the class that it was has put there after all
        if getattr(self.session, "shown", None) is not None and self.session.shown.is_waiting:
            self.stand_still(optimizer)
            return
        answers = knob_answers.of(self.session)
        rate, decay, clip = answers.wants("learning_rate"), answers.wants("decay"), answers.wants("clip_norm")
        if rate is None and decay is None and clip is None:
            return
        if optimizer not in self.initial:
            self.initial[optimizer] = [group.get("lr") for group in optimizer.param_groups]
        if rate is not None and self.factor is None and is_primary:
            first = self.first_rate(optimizer)
            if first:
                self.factor = float(rate) / first
            else:
                why = "no learning rate" if first is None else "a learning rate of 0"
                answers.refused("learning_rate", "the optimizer %s has %s" % (type(optimizer).__name__, why))
        self.turn_rates(optimizer, self.factor if rate is not None else None, decay is not None)
        if clip is not None:
            self.clip(optimizer, float(clip))

    def turn_rates(self, optimizer, factor, is_flat):
        if factor is None and not is_flat:
            return
        answers, kept = knob_answers.of(self.session), []
        initial = self.initial[optimizer]
        for place, group in enumerate(optimizer.param_groups):
            rate = group.get("lr")
            if rate is None:
                continue
            kept.append((group, rate))
            start = initial[place] if is_flat and place < len(initial) and initial[place] is not None else rate
            group["lr"] = start * factor if factor is not None else start
        if not kept:
            for name in ("learning_rate", "decay"):
                if answers.wants(name) is not None:
                    answers.refused(name, "the optimizer %s has no learning rate" % type(optimizer).__name__)
            return
        self.restoring[optimizer] = [(group, rate, group["lr"]) for group, rate in kept]
        if factor is not None:
            answers.applied("learning_rate")
        if is_flat:
            answers.applied("decay")

    def stand_still(self, optimizer):
        """A step after the last one, which must change no weight."""
        self.restoring[optimizer] = [(group, group["lr"], 0.0) for group in optimizer.param_groups if group.get("lr") is not None]
        for group, _, zero in self.restoring[optimizer]:
            group["lr"] = zero

    def clip(self, optimizer, most):
        answers = knob_answers.of(self.session)
        if isinstance(optimizer, torch.optim.LBFGS):
            answers.refused("clip_norm", "LBFGS computes its gradients within the step")
            return
        parameters = [one for one in parameters_of(optimizer) if one.grad is not None]
        if parameters:
            # torch's own, also where the program's calls of it are watched (torch_usage_wraps.py).
            inspect.unwrap(torch.nn.utils.clip_grad_norm_)(parameters, most)
            answers.applied("clip_norm")

    def after(self, optimizer, is_primary):
        for group, rate, turned in self.restoring.pop(optimizer, ()):
            if group.get("lr") is turned:
                group["lr"] = rate

    def on_end(self, reason):
        session = self.session
        if session.mode == "look":
            if self.look is None:
                for name in self.KNOBS + ("init_scale",):
                    knob_answers.cannot(session, name, "no step of an optimizer of torch.optim was seen")
                return
            kind, rate = self.look
            if rate:
                session.facts.setdefault("learning_rate", rate)
                knob_answers.can(session, "learning_rate", "decay")
            else:
                for name in ("learning_rate", "decay"):
                    knob_answers.cannot(session, name, "the optimizer %s has no learning rate" % kind)
            knob_answers.can(session, "optimizer", "init_scale")
            if kind == "LBFGS":
                knob_answers.cannot(session, "clip_norm", "LBFGS computes its gradients within the step")
            else:
                knob_answers.can(session, "clip_norm")
            return
        answers = knob_answers.of(session)
        for name in self.KNOBS:
            if name in answers.open():
                answers.refused(name, "no step of an optimizer of torch.optim was seen")


def number(value):
    """A rate as a float; None where there is none."""
    if isinstance(value, torch.Tensor):
        return float(value) if value.numel() == 1 else None
    return float(value) if isinstance(value, (int, float)) else None


# ---- the initial weights ----

class InitScale:
    """Parameters with two axes and more, when their optimizer is made; once more where the program initialises them after that."""

    def __init__(self, session):
        self.session = session
        self.scaled = {}  # id: [a weak reference to the parameter, its version after it was scaled]
        self.is_settled = False
        session.on("optimizer_created", self.on_created, knob="init_scale")
        session.on("root_input", self.on_root, knob="init_scale")
        session.on("end", self.on_end)

    def on_created(self, optimizer):
        scale = knob_answers.of(self.session).wants("init_scale")
        if scale is None or self.session.mode == "look":
            return
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                self.apply(parameter, float(scale))
        self.is_settled = False

    def apply(self, parameter, scale):
        if isinstance(parameter, torch.nn.parameter.UninitializedParameter):
            self.scaled.setdefault(id(parameter), [weakref.ref(parameter), None])
            return
        known = self.scaled.get(id(parameter))
        if parameter.dim() < 2 or (known is not None and known[0]() is parameter and known[1] == parameter._version):
            return
        with torch.no_grad():
            parameter.mul_(scale)
        self.scaled[id(parameter)] = [weakref.ref(parameter), parameter._version]
        knob_answers.of(self.session).applied("init_scale")

    def on_root(self, module, args, kwargs):
        """Before the first step: those that the program has initialised anew since."""
        if self.is_settled or not self.scaled:
            return
        scale = knob_answers.of(self.session).wants("init_scale")
        if scale is not None and self.session.step == 0:
            for reference, _ in list(self.scaled.values()):
                if reference() is not None:
                    self.apply(reference(), float(scale))
        self.is_settled = torch.is_grad_enabled()

    def on_end(self, reason):
        if "init_scale" in knob_answers.of(self.session).open():
            knob_answers.of(self.session).refused("init_scale", "no optimizer was given a parameter with two axes or more")


# ---- the input ----

class InputScale:
    """The first floating-point input of the network: statistics of it in a look, scaled by them in a trial, in evaluation too."""

    def __init__(self, session):
        self.session = session
        self.statistics = self.axis = self.shape = None
        self.kind = None  # the class of the root module that the statistics are of
        self.integers = False
        self.has_parameters = weakref.WeakKeyDictionary()
        self.affine, self.affine_as = None, {}
        session.on("root_input", self.on_root, knob="input_scale")
        session.on("end", self.on_end)

    def on_root(self, module, args, kwargs):
        if self.session.ended:
            return None
        if self.session.mode == "look":
            if torch.is_grad_enabled() and self.is_network(module):
                self.watch(module, args, kwargs)
            return None
        answers = knob_answers.of(self.session)
        scale, known = answers.wants("input_scale"), self.session.known.get("input")
        if scale is None or known is None or self.session.known.get("data") or name_of(module) != known["module"]:
            return None
        found, value = first_float(args, kwargs)
        if found is None:
            return None
        made = self.scaled(value, known, scale)
        if made is None:
            return None
        answers.applied("input_scale")
        return replaced(args, kwargs, found, made)

    def is_network(self, module):
        if module not in self.has_parameters:
            self.has_parameters[module] = next(module.parameters(), None) is not None
        return self.has_parameters[module]

    def rows_wanted(self):
        """One epoch, where the loader says how long that is, so that each value counts once."""
        loaders = getattr(self.session, "loaders", None)
        seen = loaders.last[0].described if loaders is not None and loaders.last is not None else None
        return min(STATISTICS_ROWS, (seen or {}).get("samples") or STATISTICS_ROWS)

    def watch(self, module, args, kwargs):
        if self.kind not in (None, name_of(module)) or (self.statistics is not None and self.statistics.rows >= self.rows_wanted()):
            return
        found, value = first_float(args, kwargs)
        if found is None:
            self.integers = self.kind is None
            return
        self.kind = name_of(module)
        value = value.detach()
        if value.is_sparse or value.is_complex():
            return
        if self.shape is None:
            self.shape, self.axis = tuple(value.shape[1:]), axis_of(value)
        elif tuple(value.shape[1:]) != self.shape and self.axis == "all":
            self.axis, self.statistics = (1 if value.dim() > 3 else -1), None
        columns = as_columns(value, self.axis)
        if self.statistics is None:
            self.statistics = torch_rows.ColumnStatistics(columns.shape[1])
        if columns.shape[1] == self.statistics.width:
            self.statistics.add(columns)

    def scaled(self, value, known, scale):
        if self.affine is None:
            self.affine = torch_rows.affine_of(known, scale) or ()
        if not self.affine:
            return value
        key = value.device, value.dtype
        if key not in self.affine_as:
            self.affine_as[key] = tuple(one.to(*key) for one in self.affine)
        shift, gain = self.affine_as[key]
        if known["axis"] == "all":
            if value.dim() == 0 or value[:1].numel() != len(shift):
                return None
            return ((value.reshape(len(value), -1) - shift) * gain).reshape(value.shape)
        if value.dim() < 2 or value.shape[known["axis"]] != len(shift):
            return None
        shape = [1] * value.dim()
        shape[known["axis"]] = len(shift)
        return (value - shift.reshape(shape)) * gain.reshape(shape)

    def on_end(self, reason):
        session = self.session
        if session.mode != "look":
            answers = knob_answers.of(session)
            if "input_scale" in answers.open() and not session.known.get("data"):
                answers.refused("input_scale", "the network was given no floating-point input like that of the first run; %s" % LINE)
            return
        is_seen = self.statistics is not None and self.statistics.rows > 0
        record = self.statistics.record() if is_seen else None
        for name, value in self.facts(record).items() if is_seen else ():
            session.facts.setdefault(name, value)
        if session.private.get("data"):
            return
        if not is_seen:
            why = "no torch.nn.Module was given an input; %s" % LINE
            if self.integers:
                why = "its inputs are whole numbers, which have no scale"
            knob_answers.cannot(session, "input_scale", why)
            return
        session.private["input"] = dict(record, module=self.kind, axis=self.axis)
        knob_answers.can(session, "input_scale")

    def facts(self, record):
        statistics = self.statistics
        count = float(statistics.count.sum())
        means, stds = statistics.mean(), statistics.std()
        mean = float((means * statistics.count).sum()) / count if count else 0.0
        squares = float(((stds ** 2 + (means - mean) ** 2) * statistics.count).sum())
        varying = stds[stds > 0]
        features = 1
        for size in self.shape or ():
            features *= size
        return {"features": features, "input_mean": mean, "input_std": math.sqrt(squares / count) if count else 0.0,
                "input_min": min(record["min"]), "input_max": max(record["max"]),
                "input_std_min": float(varying.min()) if len(varying) else 0.0,
                "input_std_max": float(varying.max()) if len(varying) else 0.0,
                "constant_features": int((stds == 0).sum()) if self.axis == "all" else 0, "nonfinite_inputs": statistics.nonfinite}


def name_of(module):
    """The network's class, whatever wraps it."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        inner = module.module
    return name_of(inner) if inner is not None else type(module).__qualname__


def axis_of(value):
    """"all": every feature has statistics of its own; else the axis of channels, where the features are too many."""
    if value.dim() < 2:
        return "all"
    return "all" if value[:1].numel() <= WIDTH_MAX else 1 if value.dim() > 3 else -1


def as_columns(value, axis):
    if axis == "all":
        return torch_rows.by_columns(value)
    return value.movedim(axis, -1).reshape(-1, value.shape[axis])


def is_scalable(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim() > 0


def first_float(args, kwargs):
    """(where, tensor) of the first floating-point tensor among the arguments, one level into lists and mappings; (None, None) where there
    is none."""
    for key, given in itertools.chain(enumerate(args), kwargs.items()):
        if isinstance(given, torch.Tensor):
            # Whole numbers come first: what follows them (a mask, a state) is not the input.
            return ((key,), given) if is_scalable(given) else (None, None)
        inner = given.items() if isinstance(given, dict) else enumerate(given) if isinstance(given, (list, tuple)) else ()
        for place, one in inner:
            if isinstance(one, torch.Tensor):
                return ((key, place), one) if is_scalable(one) else (None, None)
    return None, None


def replaced(args, kwargs, found, made):
    """The arguments with another tensor at `found`."""
    key = found[0]
    if len(found) == 2:
        holder = args[key] if isinstance(key, int) else kwargs[key]
        if isinstance(holder, tuple):
            items = list(holder)
            items[found[1]] = made
            made = type(holder)(*items) if hasattr(holder, "_fields") else tuple(items)
        else:
            holder = holder.copy()
            holder[found[1]] = made
            made = holder
    if isinstance(key, int):
        return args[:key] + (made,) + args[key + 1:], kwargs
    return args, dict(kwargs, **{key: made})
