"""A factor on a loss that leaves next to nothing of it, or makes it huge: the backward pass starts from another number than the loss function returned. And a loss that is summed over the batch and
not divided by anything, under a plain gradient descent: every gradient is as many times the mean's as there are numbers in the sum.

A rate times the factor would train as well, but nobody looks for it there. A division by the number of passes that are gathered for one step is no such factor, nor are weights near 1, nor
a scaler's own. A sum under an optimizer that divides by the gradients' size is the program's own business.
"""
import statistics

import torch

from .torch_losses import CLASSIFYING
from .torch_trace import place_of
from .torch_usage import Check, Turned

LEAST, MOST = 0.02, 50  # beyond what weights of one loss among others are for. Own choice
SUMMED_FROM = 16  # numbers of a sum whose rate may be meant for their mean. Own choice
PASSES_MIN = 5
TOLERANCE = 1e-2  # of a factor that is the same in each pass, in half precision as well


def summed(call):
    """Over how many numbers a loss function takes the sum; 1 of a mean."""
    if call.reduction != "sum":
        return 1
    is_of_rows = call.original_name in CLASSIFYING or call.original_name == "kl_div"
    return max(1, call.prediction.numel() // (call.prediction.shape[1] if is_of_rows and call.prediction.dim() > 1 else 1))


class Factor(Check):
    MENDS = ("no_factor", "mean_loss")

    def listen(self):
        self.now = []  # (its site, its value, over how many numbers it sums) of each loss since the last backward pass
        self.factors = []  # (site, factor, over how many numbers) of each pass that one loss stands behind
        self.named = {}  # site: (the loss, its place)
        self.passes = self.steps = self.stepped = 0  # `stepped`: the passes that the steps took
        self.is_plain = False  # the optimizer's steps are in proportion to the gradients
        self.on("loss_output", self.loss_output)
        self.on("backward", self.backward)
        self.on("before_step", self.before_step)
        self.on("step_done", self.step_done)

    def loss_output(self, call):
        if call.training and getattr(call.result, "requires_grad", False):
            is_one = call.result.numel() == 1 and (call.kwargs.get("reduction", "mean") == "mean" or call.reduction == "sum")
            self.now.append((call.site, float(call.result.detach()) if is_one else 0.0, summed(call)))
            if call.site not in self.named:
                self.named[call.site] = getattr(call.function, "__name__", call.original_name), place_of(call.file, call.line)

    def backward(self, value, training):
        losses, self.now = self.now, []
        self.passes += 1
        if len(losses) == 1 and losses[0][1] * value > 0:
            self.factors.append((losses[0][0], value / losses[0][1], losses[0][2]))

    def before_step(self, optimizer, is_primary):
        self.is_plain = self.is_plain or is_primary and isinstance(optimizer, torch.optim.SGD)

    def step_done(self, step):
        self.steps += 1
        self.stepped = self.passes

    def tell(self):
        if not PASSES_MIN <= len(self.factors) == self.passes or self.steps == 0:
            return
        site, factor, _ = self.factors[0]
        if any(one != site or abs(other / factor - 1) > TOLERANCE for one, other, _ in self.factors):
            return
        numbers = statistics.median(numbers for _, _, numbers in self.factors)
        gathered = self.stepped / self.steps
        whole = factor * gathered * numbers
        if numbers > 1 and not (self.is_plain and whole >= SUMMED_FROM) or numbers == 1 and LEAST < whole < MOST:
            return
        name, place = self.named[site]
        over = ", and %.3g of them are gathered for a step" % gathered if gathered > 1 else ""
        if numbers > 1:
            times = "" if abs(factor - 1) <= TOLERANCE else " times %.3g" % factor
            self.usage.found("mean_loss", "wrong_loss", "the mean in place of a sum over the batch",
                             "each of %d backward passes starts from what %s sums over %d numbers%s%s" % (self.passes, name, numbers, times, over),
                             place, "reduction='mean': a sum multiplies every gradient, and with it the learning rate, by %.3g" % whole, prior=0.3,
                             known={"site": site, "factor": whole})
            return
        self.usage.found("no_factor", "wrong_loss", "the loss without its factor of %.3g" % factor,
                         "each of %d backward passes starts from %.3g times what %s returned%s" % (self.passes, factor, name, over),
                         place, "leave the factor out: it multiplies every gradient, and with it the learning rate", prior=0.6,
                         known={"site": site, "factor": whole})

    def turn(self, name, known):
        turned = Turned("the loss function")

        def loss_output(call):
            if call.training and call.site == known.get("site"):
                call.result = call.result / known["factor"]
                turned.happened()
        self.on("loss_output", loss_output)
        return turned


CHECKS = (Factor,)
