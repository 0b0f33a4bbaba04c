"""How the program uses the framework: what only a framework program can get wrong, such as gradients that nobody clears, parameters that no optimizer has, a mode that was left on.

Each check (usage_*.py, one kind of mistake a file) has two sides. In a look it listens, and tells what it saw as a mend: a change that could be made from outside, with the line that it stands for.
In a trial whose patch names that mend ("program.NAME": true) it makes the change, and nothing else. Judging is the parent's: it races mends like every other fix (fix_program.c).

A look is a trial itself: nobody keeps its weights. What runs passes of its own does so at its end, after the last step, and with random state, modes, buffers and gradients as they were. A trial
whose patch names no mend, and a plain training, have none of these listeners.

FACTS' "mends": [{"name", "cause", "text", "seen", "prior", "certain", "race", "control"}]. "certain": what was seen is a mistake in any program, so it is told where it changes nothing
too. "race": whether a trial can show it. "control": what a measurement proved by itself, in words. The line is in places.program[name], and `change` there says what to do with it.
"""
import contextlib
import importlib
import math
import weakref

import torch

from . import knob_answers, torch_usage_wraps
from .torch_trace import here, is_loss_module
from .torch_usage_pass import PassRecorder

CHECKS = ("usage_inputs", "usage_targets", "usage_dataset", "usage_gradients", "usage_flat", "usage_modes", "usage_axes", "usage_masks", "usage_losses", "usage_sign", "usage_factor", "usage_batch",
          "usage_backward", "usage_stability", "usage_schedule", "usage_clipping", "usage_optimizer", "usage_renewed", "usage_inits", "usage_guard")

PREFIX = "program."  # of a mend's path in a patch
# Mends after which the loss is another number.
OF_THE_LOSS = ("logits", "logarithms", "shapes", "written_shapes", "stable_log_sum", "plain_loss", "equal_weights", "balanced_losses", "negated_loss", "no_factor", "mean_loss", "unit_targets")


def keeps_loss(path):
    """Whether a path of a patch is a mend that leaves the loss comparable with that of the program as it is."""
    return path.startswith(PREFIX) and path[len(PREFIX):] not in OF_THE_LOSS


class Turned:
    """A mend at work in a trial. `waits_for` says what has not happened yet; None once it has, or where it may come late."""

    def __init__(self, waits_for=None):
        self.waits_for = waits_for

    def happened(self):
        self.waits_for = None


class Check:
    """What the checks share. MENDS names the mends that it can make."""

    MENDS = ()

    def __init__(self, usage):
        self.usage, self.session = usage, usage.session

    def listen(self):
        """Begins to watch, in a look."""

    def tell(self):
        """Calls usage.found for what was seen, at the end of a look."""

    def turn(self, name, known):
        """Makes the mend `name` in a trial; `known` is what usage.found was given to keep. Returns a Turned."""
        raise NotImplementedError(name)

    def on(self, event, function):
        """Listens within this trial only."""
        self.session.on(event, self.usage.within(function))


class Usage:
    def __init__(self, session):
        self.session = session
        self.trial = None
        self.checks = []
        self.optimizers = {}  # id: (a weak reference, where it was made)
        self.roots = weakref.WeakSet()
        self.pass_recorder = None  # of a look
        session.on("wake", self.begin)
        session.on("optimizer_created", self.optimizer_created)
        self.begin()

    def within(self, function):
        """The function while this trial lasts, and not once the program has ended."""
        def called(*args):
            return None if self.session.ended else function(*args)
        return called

    def begin(self):
        """Follows the session's present trial: a forked child learns of its own late."""
        if self.trial is self.session.trial or self.session.mode not in ("look", "trial"):
            return
        self.trial = self.session.trial
        self.checks = []
        for name in CHECKS:
            for kind in importlib.import_module("." + name, __package__).CHECKS:
                self.checks.append(kind(self))
        if self.session.mode != "look":
            return
        self.session.on("root_input", self.within(self.root_input))
        self.pass_recorder = PassRecorder(self)
        for check in self.checks:
            self.guarded(check.listen)
        # Before the parts that put facts together have sent them, and in a fork behind those that were installed before.
        self.session._listeners.setdefault("end", []).append(self.end)

    def guarded(self, function, *args):
        try:
            return function(*args)
        except Exception as error:
            self.session.failed("the use of the framework", error)
            return None

    def optimizer_created(self, optimizer):
        self.optimizers[id(optimizer)] = weakref.ref(optimizer), here() if self.session.mode == "look" else None

    def living_optimizers(self):
        return [(found, place) for found, place in ((reference(), place) for reference, place in self.optimizers.values()) if found is not None]

    def place_of(self, optimizer):
        """Where it was made; None where that is not known."""
        reference, place = self.optimizers.get(id(optimizer), (None, None))
        return place if reference and reference() is optimizer else None

    def root_input(self, module, args, kwargs):
        if not is_loss_module(module):
            self.roots.add(module)

    def made_at(self, module):
        """Where a module was constructed; None where that is not known."""
        net = getattr(self.session, "net", None)
        return net.made.get(module) if net is not None else None

    # ---- the look's end ----

    def end(self, reason):
        if self.session.mode != "look" or self.session.step == 0:
            return
        self.pass_recorder.stop()
        for check in self.checks:
            self.guarded(check.tell)
        if self.session.facts.get("mends") or self.is_broken():
            knob_answers.can(self.session, "patch")

    def is_broken(self):
        """Whether the loss ended as NaN or infinity: what made it may be guarded (usage_guard)."""
        scores = getattr(self.session, "scores", None)
        return bool(scores is not None and scores.parts) and not math.isfinite(scores.parts[-1].loss)

    def is_found(self, name):
        return any(mend["name"] == name for mend in self.session.facts.get("mends", ()))

    def found(self, name, cause, text, seen, place, change, prior=0.5, certain=False, race=True, control=None,
              known=None):
        """What a check saw, in words of the user's: `text` the change, `seen` what was seen, `change` what to do with the line. `known` goes to the trials."""
        facts = self.session.facts
        if self.is_found(name):
            return
        facts.setdefault("mends", []).append({"name": name, "cause": cause, "text": text, "seen": seen, "prior": prior, "certain": certain, "race": race,
                                              "control": control})
        if place:
            facts.setdefault("places", {}).setdefault("program", {})[name] = dict(place, change=change)
        self.session.private.setdefault("usage", {})[name] = known or {}

    # ---- a trial ----

    def turn(self, name, value):
        """Makes one mend; KeyError where no check has it. value: of the patch: true, or what the parent knows of it."""
        self.begin()
        for check in self.checks:
            if name in check.MENDS:
                return check.turn(name, value if isinstance(value, dict) else (self.session.known.get("usage") or {}).get(name) or {})
        raise KeyError(name)


def install(session):
    if session.mode in ("look", "trial", "serve"):
        torch_usage_wraps.prepare_apply()
        torch_usage_wraps.prepare_clipping()
        torch_usage_wraps.prepare_inits()
        session.usage = Usage(session)


@contextlib.contextmanager
def restored(modules):
    """Modes and buffers of the modules as they were, whatever runs in between."""
    modes = [(one, one.training) for module in modules for one in module.modules()]
    buffers = [(one, one.detach().clone()) for module in modules for one in module.buffers()]
    try:
        yield
    finally:
        for module, was in modes:
            module.training = was
        with torch.no_grad():
            for buffer, was in buffers:
                buffer.copy_(was)


def parameters_behind(tensors):
    """The parameters that a backward pass from these tensors reaches, in no order."""
    waiting = [tensor.grad_fn for tensor in tensors if isinstance(tensor, torch.Tensor) and tensor.grad_fn is not None]
    seen, found = set(waiting), []
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.append(variable)
        for inner, _ in node.next_functions:
            if inner is not None and inner not in seen:
                seen.add(inner)
                waiting.append(inner)
    return found
