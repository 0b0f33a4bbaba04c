"""A loss of the wrong sign: it begins below 0 and falls without bound, since what is to be large is made small. A likelihood without its minus is one.

Losses below 0 are common where they are bounded (a negative similarity) or begin above it (a density), and several optimizers may work against each other on purpose.
"""
from .torch_optimizers import parameters_of
from .torch_trace import here
from .torch_usage import Check, Turned

STEPS_MIN = 20
FALLS = 10  # times as far below 0 as at the first steps. Own choice
FIRST = 5  # steps that tell where it begins


class Sign(Check):
    MENDS = ("negated_loss",)

    def listen(self):
        self.first, self.last, self.below, self.passes, self.place = [], 0.0, 0, 0, None
        self.steppers = set()  # ids of the optimizers that took a step
        self.on("backward", self.backward)
        self.on("before_step", lambda optimizer, is_primary: self.steppers.add(id(optimizer)))

    def backward(self, value, training):
        if not training:
            return
        self.passes += 1
        self.below += value < 0
        self.last = value
        if len(self.first) < FIRST:
            self.first.append(value)
        if self.place is None:
            self.place = here()

    def tell(self):
        if self.passes < STEPS_MIN or self.below < self.passes or len(self.steppers) != 1:
            return
        begin = sum(self.first) / len(self.first)
        if not self.last < FALLS * begin:
            return
        self.usage.found("negated_loss", "wrong_loss", "the loss with its sign turned", "each of %d losses is below 0, and they fall without bound, from %.3g to %.3g" % (self.passes, begin, self.last), self.place,
                         "turn the sign: what is to become large goes into a loss with a minus", prior=0.6)

    def turn(self, name, known):
        turned = Turned("a step of an optimizer")

        def before_step(optimizer, is_primary):
            for one in parameters_of(optimizer):
                if one.grad is not None:
                    one.grad.neg_()
            turned.happened()
        self.on("before_step", before_step)
        return turned


CHECKS = (Sign,)
