"""A network that is made anew for each epoch, with an optimizer of its own, so that none is trained for longer than one.

Networks that are trained one after the other for several epochs each (folds of a cross-validation, an ensemble, a search) are meant so.
"""
import weakref

from .torch_optimizers import parameters_of
from .torch_usage import Check, Turned

NETWORKS_MIN = 3


class Renewed(Check):
    MENDS = ("one_network",)

    def listen(self):
        self.turns = []  # of each optimizer, in their order: [a weak reference, steps, shapes of its parameters, where it was made]
        self.come_back = False  # one that another had taken turns with, as in a GAN
        self.on("before_step", self.before_step)

    def before_step(self, optimizer, is_primary):
        if self.turns and self.turns[-1][0]() is optimizer:
            self.turns[-1][1] += 1
            return
        self.come_back = self.come_back or any(turn[0]() is optimizer for turn in self.turns)
        shapes = [tuple(one.shape) for one in parameters_of(optimizer)]
        self.turns.append([weakref.ref(optimizer), 1, shapes, self.usage.place_of(optimizer)])

    def tell(self):
        epoch = int(self.session.facts.get("steps_per_epoch") or 0)
        if self.come_back or len(self.turns) < NETWORKS_MIN or epoch < 2:
            return
        whole = self.turns[:-1]  # the last one may have been cut off
        if any(steps != epoch or shapes != self.turns[0][2] for _, steps, shapes, _ in whole):
            return
        self.usage.found(
            "one_network", "too_few_steps", "one network and one optimizer for all epochs",
            "%d optimizers of parameters of the same shapes took their steps one after the other, each for one epoch of %d steps: what an epoch has learnt is thrown away" % (len(self.turns), epoch),
            self.turns[-1][3], "make the network and its optimizer once, before the loop over the epochs", prior=0.8, certain=True, race=False)

    def turn(self, name, known):
        return Turned()  # where the program makes its network cannot be changed from outside


CHECKS = (Renewed,)
