"""Targets that are the network's own answers: labels that the program takes from its output, so that the loss falls to nothing and nothing is learnt.

What gives them away is where they come from, seen in a recorded pass, and a network that knows nothing yet, by its probabilities, and gives the label of every sample all the same. Neither alone would do: labels that come
sorted are right by chance, and a network that is trained further on its own answers may be meant so.
"""
import torch

from .torch_losses import CLASSIFYING
from .torch_trace import place_of
from .torch_usage import Check, Turned

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
        self.session.on("loss_input", self.usage.within(self.loss_input))

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


CHECKS = (OwnAnswers,)
