"""Functions whose slope is 0 wherever it is not infinite, on the way from parameters to the loss: round, sign, floor. Each parameter behind one gets a gradient, and it is exactly 0.

Programs that mean it (binary networks) pass the gradient on by themselves, and then it is not 0.
"""
from .torch_optimizers import parameters_of
from .torch_usage import Check, Turned, parameters_behind
from .torch_usage_pass import Catcher

FLAT = {"round", "sign", "sgn", "floor", "ceil", "trunc", "fix", "heaviside"}
STEPS_MIN, STEPS_MAX = 5, 20  # that are looked at


class Flat(Check):
    MENDS = ("straight_through",)

    def listen(self):
        self.calls = []  # [site, ids of the parameters behind it, place]
        self.still = None  # ids of parameters whose gradient was 0 at each step
        self.steps = 0
        self.usage.pass_recorder.readers.append(self.read)
        self.on("before_step", self.before_step)

    def read(self, found, tensors):
        for call in found.calls:
            given = [one for one in call.inputs if one.requires_grad]
            if call.name in FLAT and given:
                behind = {id(one) for one in parameters_behind(given)} | {id(one) for one in given if one.is_leaf}
                self.calls.append([call.site, behind, found.place(call)])

    def before_step(self, optimizer, is_primary):
        if not is_primary or not self.calls or self.steps >= STEPS_MAX:
            return
        self.steps += 1
        still = {id(one) for one in parameters_of(optimizer) if one.grad is not None and not bool(one.grad.any())}
        self.still = still if self.still is None else self.still & still

    def tell(self):
        guilty = [call for call in self.calls if call[1] & (self.still or set())]
        if not guilty or self.steps < STEPS_MIN:
            return
        site, _, place = guilty[0]
        count = len(set().union(*(call[1] for call in guilty)) & self.still)
        self.usage.found(
            "straight_through", "frozen_parameters", "the gradient passed on by %s() as if it were not there" % site[0],
            "%d parameters got a gradient of exactly 0 in each of %d steps: what is computed from them goes through %s(), whose slope is 0" % (count, self.steps, site[0]), place,
            "pass the gradient on, x + (torch.%s(x) - x).detach(), or leave it out in training" % site[0], prior=0.75, known={"sites": [call[0] for call in guilty]})

    def turn(self, name, known):
        turned = Turned("the call whose slope is 0")

        def through(func, args, kwargs, site):
            turned.happened()
            return args[0] + (func(*args, **kwargs) - args[0]).detach()
        Catcher(self, known.get("sites", ()), through)
        return turned


CHECKS = (Flat,)
