"""Gradients and who gets them: not cleared between steps, cleared before they are used, of parameters that no optimizer has, cut off by detach() or no_grad() on their way."""
import weakref

import torch

from . import torch_usage_wraps
from .torch_optimizers import parameters_of
from .torch_trace import here, place_of
from .torch_usage import Check, Turned, parameters_behind
from .torch_usage_pass import Catcher

SAMPLED = 3  # parameters of an optimizer that are asked whether their gradients are cleared
STEPS_MIN = 5  # that must have gone wrong


def is_clear(gradient):
    return gradient is None or not bool(gradient.any())


class Clearing(Check):
    """Whether an optimizer's gradients are 0 or none at some backward pass between two of its steps. Gradients that are gathered over several batches on purpose are."""

    MENDS = ("zero_grad", "late_zero_grad")

    def listen(self):
        self.states = {}  # id of an optimizer: [cleared since its last step, backward passes since, steps cleared, steps not, its sampled parameters]
        self.place = None
        self.lost = self.whole = 0  # steps whose gradients were cleared after backward() had made them
        self.clearings = []  # (where, backward passes by then) since the last step
        self.clearing_place = None
        self.backwards = 0
        torch_usage_wraps.watch_clearing(self.cleared)
        self.on("backward", self.backward)
        self.on("before_step", self.before_step)

    def cleared(self):
        if self.backwards:
            self.clearings.append(here())

    def backward(self, value, training):
        self.backwards += 1
        for state in self.states.values():
            state[1] += 1
            if not state[0]:
                state[0] = all(is_clear(one.grad) for one in state[4])
        if self.place is None:
            self.place = here()

    def before_step(self, optimizer, is_primary):
        state = self.states.get(id(optimizer))
        given = [one for one in parameters_of(optimizer) if one.requires_grad]
        if is_primary and self.backwards:
            is_lost = bool(self.clearings) and all(is_clear(one.grad) for one in given)
            self.lost, self.whole = self.lost + is_lost, self.whole + (not is_lost)
            if is_lost:
                self.clearing_place = self.clearings[-1]
            self.backwards, self.clearings = 0, []
        if state is None:
            self.states[id(optimizer)] = [False, 0, 0, 0, [one for one in given if not is_clear(one.grad)][:SAMPLED]]
            return
        if state[1] and state[4]:
            state[2 if state[0] else 3] += 1
        state[0], state[1] = False, 0

    def tell(self):
        kept, cleared = (sum(state[which] for state in self.states.values()) for which in (3, 2))
        if kept >= STEPS_MIN and kept > cleared:
            self.usage.found(
                "zero_grad", "missing_zero_grad", "the gradients cleared before each backward pass",
                "in %d of %d steps the gradients of the steps before were still there when backward() added to them" % (kept, kept + cleared), self.place,
                "optimizer.zero_grad() before this, once a step", prior=0.9, certain=True)
        if self.lost >= STEPS_MIN and self.lost > self.whole:
            self.usage.found(
                "late_zero_grad", "missing_zero_grad", "the gradients cleared before backward(), not between backward() and the step",
                "in %d of %d steps every gradient was 0 or none when the optimizer took its step, though backward() had run" % (self.lost, self.lost + self.whole),
                self.clearing_place, "move this before backward()", prior=0.95, certain=True)

    def turn(self, name, known):
        turned = Turned("a step of an optimizer")
        stepped = set()
        if name == "zero_grad":
            def backward(value, training):
                for optimizer, _ in self.usage.living_optimizers():
                    if id(optimizer) in stepped:
                        optimizer.zero_grad(set_to_none=True)
                stepped.clear()
            self.on("backward", backward)
        else:
            waiting = {"backwards": 0}

            def backward(value, training):
                if not waiting["backwards"]:
                    for optimizer, _ in self.usage.living_optimizers():
                        if id(optimizer) in stepped:
                            for one in parameters_of(optimizer):
                                one.grad = None
                    stepped.clear()
                waiting["backwards"] += 1

            def after_step(optimizer, is_primary):
                waiting["backwards"] = 0
            torch_usage_wraps.hold_clearing(lambda: waiting["backwards"] > 0)
            self.on("backward", backward)
            self.on("after_step", after_step)

        def before_step(optimizer, is_primary):
            stepped.add(id(optimizer))
            turned.happened()
        self.on("before_step", before_step)
        return turned


class Given(Check):
    """Parameters that the loss depends on and no optimizer was given."""

    MENDS = ("parameters",)

    def listen(self):
        self.reached = {}  # id: a weak reference to a parameter that backward() reached
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        for one in parameters_behind(tensors):
            if isinstance(one, torch.nn.Parameter):
                self.reached.setdefault(id(one), weakref.ref(one))

    def tell(self):
        given = {id(one) for optimizer, _ in self.usage.living_optimizers() for one in parameters_of(optimizer)}
        missing = [one for one in (reference() for reference in self.reached.values()) if one is not None and id(one) not in given]
        stepping = [place for _, place in self.usage.living_optimizers() if place]
        if not missing or not stepping or not given:
            return
        names = {id(one): name for root in self.usage.roots for name, one in root.named_parameters()}
        told = [names[id(one)] for one in missing if id(one) in names]
        place, change = stepping[0], "give it these parameters too: %s" % (", ".join(told[:4]) + (", ..." if len(told) > 4 else ""))
        if not told:
            place, change = self.outside(missing) or place, "keep these modules where model.parameters() finds them: nn.ModuleList, or an attribute each"
        self.usage.found(
            "parameters", "frozen_parameters", "every parameter that the loss depends on given to the optimizer",
            "%d parameters with %d numbers get gradients, and no optimizer has them%s" % (
                len(missing), sum(one.numel() for one in missing), "" if told else ": model.parameters() does not find them either"),
            place, change, prior=0.7)

    def outside(self, missing):
        """Where the module was made that holds one of the parameters."""
        wanted = {id(one) for one in missing}
        for module, place in list(self.session.net.made.items()):
            if any(id(one) in wanted for one in module._parameters.values() if one is not None):
                return place
        return None

    def turn(self, name, known):
        turned, added, tensors = Turned("a parameter that no optimizer has"), [], []

        def backward_of(given):
            if not added:
                tensors[:] = parameters_behind([given] if isinstance(given, torch.Tensor) else list(given))

        def before_step(optimizer, is_primary):
            if not is_primary or added:
                return
            have = {id(one) for other, _ in self.usage.living_optimizers() for one in parameters_of(other)}
            for one in tensors:
                if isinstance(one, torch.nn.Parameter) and id(one) not in have:
                    have.add(id(one))
                    optimizer.param_groups[0]["params"].append(one)
                    added.append(one)
            if added:
                turned.happened()

        def after_step(optimizer, is_primary):
            for one in added if is_primary else ():
                one.grad = None  # model.zero_grad() may not know of it
        self.on("backward_of", backward_of)
        self.on("before_step", before_step)
        self.on("after_step", after_step)
        return turned


class CutOff(Check):
    """Parameters that an optimizer has and that never get a gradient, since a call on the way to the loss passes none on."""

    MENDS = ("attached",)

    def listen(self):
        self.cuts = []  # [site, ids of the parameters behind it, place, is it under no_grad()]
        self.bare = {}  # id of an optimizer: ids of parameters that had no gradient at any of its steps
        self.steps = 0
        self.usage.pass_recorder.readers.append(self.read)
        self.usage.pass_recorder.no_grad = torch_usage_wraps.NoGrad()
        self.on("before_step", self.before_step)

    def read(self, found, tensors):
        for call in found.calls:
            given = [one for one in call.inputs if one.requires_grad]
            made = [one for one in call.results if one.is_floating_point()]
            if not given or not made or any(one.requires_grad for one in made):
                continue
            behind = {id(one) for one in parameters_behind(given)} | {id(one) for one in given if one.is_leaf}
            self.cuts.append([call.site, behind, place_of(*call.under) if call.under else found.place(call), bool(call.under)])

    def before_step(self, optimizer, is_primary):
        self.steps += is_primary
        if self.steps > 4 * STEPS_MIN:
            return
        bare = {id(one) for one in parameters_of(optimizer) if one.requires_grad and one.grad is None}
        self.bare[id(optimizer)] = self.bare.get(id(optimizer), bare) & bare

    def tell(self):
        bare = set().union(*self.bare.values()) if self.bare else set()
        guilty = [cut for cut in self.cuts if cut[1] & bare]
        if not guilty or self.steps < STEPS_MIN:
            return
        under = [cut for cut in guilty if cut[3]]
        first = (under or guilty)[0]
        self.usage.found(
            "attached", "frozen_parameters", "the gradient let through %s" % ("no_grad()" if first[3] else first[0][0] + "()" if first[0][0] != "__get__" else ".data"),
            "%d parameters of the optimizer never get a gradient: what is computed from them is cut off here" % len(bare), first[2],
            "leave this out, so that the gradient passes", prior=0.75,
            known={"sites": [cut[0] for cut in guilty], "no_grad": [[cut[2]["file"], cut[2]["line"]] for cut in under if cut[2]]})

    def turn(self, name, known):
        turned = Turned("the call that cuts the gradient off")
        if known.get("no_grad"):
            torch_usage_wraps.NoGrad(known["no_grad"], turned.happened)
            return turned

        def through(func, args, kwargs, site):
            if not torch.is_grad_enabled():
                return func(*args, **kwargs)
            turned.happened()
            return args[0]
        Catcher(self, known.get("sites", ()), through)
        return turned


CHECKS = (Clearing, Given, CutOff)
