"""Targets that are the network's own answers: labels that the program takes from its output, so that the loss falls to nothing and nothing is learnt.

What gives them away is a network that knows nothing yet, by its probabilities, and gives the label of every sample all the same.
"""
import torch

from .torch_losses import CLASSIFYING
from .torch_trace import place_of
from .torch_usage import Check, Turned

CALLS = 4  # of the first training steps, all before there is much to know
ROWS_MIN = 20
UNSURE = 0.8  # mean probability of its answers, below which a network cannot have them all right. Own choice


class OwnAnswers(Check):
    MENDS = ("own_answers",)

    def listen(self):
        self.rows = self.right = self.calls = 0
        self.sure = 0.0  # sum of the probabilities of its answers
        self.place = None
        self.session.on("loss_input", self.usage.within(self.loss_input))

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
        if self.rows < ROWS_MIN or self.right < self.rows or self.sure > UNSURE * self.rows:
            return
        self.usage.found(
            "own_answers", "misaligned_labels", "labels from the data, in place of the network's own answers", "the labels that the loss is given are the network's own answers", self.place,
            "give the loss the labels of the data: what comes from the network's output teaches it nothing", prior=0.9, certain=True, race=False,
            control="before it had learnt anything, at a mean probability of %.2f, the network gave the label of %d of %d samples in the first %d steps" % (
                self.sure / self.rows, self.right, self.rows, self.calls))

    def turn(self, name, known):
        return Turned()  # the labels of the data are not to be had from outside


CHECKS = (OwnAnswers,)
