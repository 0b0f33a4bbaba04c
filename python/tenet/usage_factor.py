"""A factor on a loss that leaves next to nothing of it, or makes it huge: the backward pass starts from another number than the loss function returned.

A rate times the factor would train as well, but nobody looks for it there. A division by the number of passes that are gathered for one step is no such factor, nor are weights near 1, nor
a scaler's own.
"""
from .torch_trace import place_of
from .torch_usage import Check, Turned

LEAST, MOST = 0.02, 50  # beyond what weights of one loss among others are for. Own choice
PASSES_MIN = 5
TOLERANCE = 1e-2  # of a factor that is the same in each pass, in half precision as well


class Factor(Check):
    MENDS = ("no_factor",)

    def listen(self):
        self.now = []  # (its site, its value) of each loss since the last backward pass
        self.factors = []  # (site, factor) of each pass that one loss stands behind
        self.named = {}  # site: (the loss, its place)
        self.passes = self.steps = self.stepped = 0  # `stepped`: the passes that the steps took
        self.on("loss_output", self.loss_output)
        self.on("backward", self.backward)
        self.on("step_done", self.step_done)

    def loss_output(self, call):
        if call.training and getattr(call.result, "requires_grad", False):
            is_mean = call.result.numel() == 1 and call.kwargs.get("reduction", "mean") == "mean"
            self.now.append((call.site, float(call.result.detach()) if is_mean else 0.0))
            if call.site not in self.named:
                self.named[call.site] = getattr(call.function, "__name__", call.original_name), place_of(call.file, call.line)

    def backward(self, value, training):
        losses, self.now = self.now, []
        self.passes += 1
        if len(losses) == 1 and losses[0][1] * value > 0:
            self.factors.append((losses[0][0], value / losses[0][1]))

    def step_done(self, step):
        self.steps += 1
        self.stepped = self.passes

    def tell(self):
        if not PASSES_MIN <= len(self.factors) == self.passes or self.steps == 0:
            return
        site, factor = self.factors[0]
        if any(one != site or abs(other / factor - 1) > TOLERANCE for one, other in self.factors):
            return
        gathered = self.stepped / self.steps
        whole = factor * gathered
        if LEAST < whole < MOST:
            return
        name, place = self.named[site]
        over = ", and %.3g of them are gathered for a step" % gathered if gathered > 1 else ""
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
