"""Targets that no training can be about: the network's own answers, its very inputs, and numbers that the loss has no answer for.

The network's own answers are labels that the program takes from its output, so that the loss falls to nothing and nothing is learnt. What gives them away is where they come from, seen in a
recorded pass, and a network that knows nothing yet, by its probabilities, and gives the label of every sample all the same. Neither alone would do: labels that come sorted are right by chance,
and a network that is trained further on its own answers may be meant so.
"""
import math

import torch

from .torch_loaders import same_values
from .torch_losses import CLASSIFYING
from .torch_trace import place_of
from .torch_usage import Check, Turned, restored

CALLS = 4  # of the first training steps, all before there is much to know
ROWS_MIN = 20
DEPTH = 8  # calls that an answer is followed back through
UNSURE = 0.8  # mean probability of its answers, below which a network cannot have them all right. Own choice


def is_of_network(found, tensor, depth=DEPTH):
    """Whether it was computed in this pass from something that parameters are behind."""
    made = found.producers.get(id(tensor))
    return made is not None and depth > 0 and any(one.requires_grad or is_of_network(found, one, depth - 1) for one in made.inputs)


class OwnAnswers(Check):
    MENDS = ("own_answers",)

    def listen(self):
        self.rows = self.right = self.calls = 0
        self.sure = 0.0  # sum of the probabilities of its answers
        self.place = None
        self.is_own = False
        self.usage.pass_recorder.readers.append(self.read)
        self.on("loss_input", self.loss_input)

    def read(self, found, tensors):
        self.is_own = self.is_own or any(isinstance(call.target, torch.Tensor) and is_of_network(found, call.target) for call in found.losses)

    def loss_input(self, call):
        logits, labels = call.prediction, call.target
        if not call.training or self.calls >= CALLS or call.original_name not in CLASSIFYING or not isinstance(labels, torch.Tensor):
            return
        if logits.dim() != 2 or labels.dim() != 1 or labels.is_floating_point() or logits.shape[1] < 2:
            return
        with torch.no_grad():
            best, answers = logits.detach().float().softmax(1).max(1)
            self.right += int((answers == labels).sum())
            self.sure += float(best.sum())
        self.rows += len(labels)
        self.calls += 1
        self.place = self.place or place_of(call.file, call.line)

    def tell(self):
        if not self.is_own or self.rows < ROWS_MIN or self.right < self.rows or self.sure > UNSURE * self.rows:
            return
        self.usage.found(
            "own_answers", "misaligned_labels", "labels from the data, in place of the network's own answers", "the labels that the loss is given are computed from the network's output", self.place,
            "give the loss the labels of the data: what comes from the network's output teaches it nothing", prior=0.9, certain=True, race=False,
            control="before it had learnt anything, at a mean probability of %.2f, the network gave the label of %d of %d samples in the first %d steps" % (
                self.sure / self.rows, self.right, self.rows, self.calls))

    def turn(self, name, known):
        return Turned()  # the labels of the data are not to be had from outside


class Shares(Check):
    """Targets of a binary cross entropy that are no shares of 1, such as masks of 0 to 255: the loss has no least value then, and falls below 0 for ever."""

    MENDS = ("unit_targets",)
    TAKING = ("binary_cross_entropy", "sigmoid_cross_entropy")
    LEAST, MOST = -0.5, 1.5  # soft labels of a little more than 1 are a custom. Own choice

    def listen(self):
        self.sites = {}  # site: [least, most, its place]
        self.on("loss_input", self.loss_input)

    def loss_input(self, call):
        target = call.target
        if not call.training or call.original_name not in self.TAKING or not isinstance(target, torch.Tensor) or target.numel() == 0:
            return
        seen = self.sites.setdefault(call.site, [math.inf, -math.inf, place_of(call.file, call.line)])
        seen[0], seen[1] = min(seen[0], float(target.min())), max(seen[1], float(target.max()))

    def tell(self):
        for site, (least, most, place) in self.sites.items():
            if math.isfinite(most - least) and not self.LEAST <= least <= most <= self.MOST:
                self.usage.found(
                    "unit_targets", "unscaled_label", "targets between 0 and 1",
                    "the loss takes targets between 0 and 1, and is given numbers from %.4g to %.4g: it has no least value, and falls below 0 for ever" % (least, most), place,
                    "divide the targets by %.4g, or compare them with a threshold, so that they are 0 and 1" % most if least >= 0 else "make the targets 0 and 1",
                    prior=0.9, certain=True, known={"site": site, "least": min(0.0, least), "most": most})

    def turn(self, name, known):
        turned, least = Turned("the loss function"), known.get("least", 0.0)

        def loss_input(call):
            if call.site == known.get("site") and isinstance(call.target, torch.Tensor):
                call.target = (call.target - least) / (known["most"] - least)
                turned.happened()
        self.on("loss_input", loss_input)
        return turned


class Inputs(Check):
    """Labels that are the inputs themselves, position by position, where no position sees what comes after it: a language model whose targets were not moved by one."""

    MENDS = ("next_targets",)
    PASSES = 2
    POSITIONS_MIN = 20
    TOLERANCE = 1e-4  # of the largest difference

    def listen(self):
        self.same = self.passes = 0
        self.held = self.place = None
        self.usage.pass_recorder.readers.append(self.read)

    def read(self, found, tensors):
        if self.passes >= self.PASSES or len(found.roots) != 1:
            return
        self.passes += 1
        module, args, kwargs = found.roots[0]
        for call in found.losses:
            target = call.target
            if call.original_name not in CLASSIFYING or not isinstance(target, torch.Tensor) or target.is_floating_point() or target.numel() < self.POSITIONS_MIN:
                continue
            for number, ids in enumerate(args):
                if isinstance(ids, torch.Tensor) and not ids.is_floating_point() and ids.dim() == 2 and min(ids.shape) > 1 and same_values(ids, target):
                    self.same += 1
                    self.held = module, args, kwargs, number
                    self.place = place_of(call.file, call.line)
                    return

    def tell(self):
        if self.held is None or self.same < self.passes:
            return
        if self.is_causal():
            self.usage.found(
                "next_targets", "leaky_feature", "the token that comes next as the target of each position",
                "in each of %d passes the target of each position is the token that the network is given there" % self.same, self.place,
                "move the targets by one: inputs are text[i:i + n], and targets text[i + 1:i + n + 1]", prior=0.9, certain=True, race=False,
                control="the targets of all %d positions are their own inputs; another last token changes the last output and no other, as in a network that is to tell what comes next" % (
                    self.held[1][self.held[3]].numel()))

    def is_causal(self):
        """Whether another token at the last position, which is the last whichever axis is that of time, changes the output there and nowhere else."""
        module, args, kwargs, number = self.held
        ids = args[number]
        others = ids[ids != ids[-1, -1]]
        if others.numel() == 0:
            return False
        given = ids.clone()
        given[-1, -1] = others[0]
        with torch.no_grad(), restored([module]):
            module.eval()
            before, after = (self.rows(module, args[:number] + (one,) + args[number + 1:], kwargs, ids) for one in (ids, given))
        if before is None or after is None:
            return False
        moved = (after - before).abs().amax(1)
        return float(moved[-1]) > 0 and bool((moved[:-1] <= self.TOLERANCE * moved[-1]).all())

    @staticmethod
    def rows(module, args, kwargs, ids):
        """The outputs, [positions, classes]; None where they are of another form."""
        with torch.random.fork_rng(devices=[]):
            output = module(*args, **kwargs)
        while isinstance(output, (tuple, list)) and output:
            output = output[0]
        if not isinstance(output, torch.Tensor) or not output.is_floating_point() or output.shape[:2] != ids.shape and output.shape[:1] != (ids.numel(),):
            return None
        return output.reshape(ids.numel(), -1)

    def turn(self, name, known):
        return Turned()  # the token after the last is not to be had from outside


CHECKS = (OwnAnswers, Shares, Inputs)
