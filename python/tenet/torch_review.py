"""Scores where samples come in the order of their labels: of the network as it stands, on batches from all over the training.

A score from predictions made before each update is what a network reaches on samples that it has not just seen, as long as batches are
alike. Where a batch holds one class, the network need only repeat what it was told last: such a score is high and says nothing. There, a
fixed number of batches is drawn evenly from all that came, and the network is run on them again whenever a score is due.
"""
import random

import torch

from . import torch_rows
from .torch_seen import SeenBatches

ROWS = 1000  # that are enough for a score
HELD_MAX = 1 << 24  # values of inputs and outputs
BLOCK, BLOCKS_MAX = 32, 256  # rows that come after each other; blocks that are looked at
MIXED_MIN = 0.5  # of mixing(): half of what chance gives; ten sorted classes have 0.02, shuffled ones 1


class Review(SeenBatches):
    def __init__(self, session):
        super().__init__(session)
        self.batches = []
        self.came = 0  # batches
        self.capacity = None  # batches; known with the first
        self.place = None  # where the present batch goes
        self.random = random.Random(0)
        self.is_lost = False

    def is_wanted(self):
        """In a look, which finds out how the labels come, and where it found them sorted."""
        session = self.session
        return session.mode == "look" or bool((session.known.get("score") or {}).get("reviewed"))

    def is_taking(self):
        return self.is_wanted() and not self.is_lost and torch.is_grad_enabled() and not self.session.ended and not self.session.shown.is_waiting

    def is_taking_this(self):
        """Each batch that comes is kept with the same chance (reservoir sampling, Vitter 1985)."""
        self.came += 1
        if self.capacity is None or len(self.batches) < self.capacity:
            self.place = len(self.batches)
        else:
            self.place = self.random.randrange(self.came)
        return self.capacity is None or self.place < self.capacity

    def give_up(self):
        self.is_lost, self.batches = True, []

    def keep(self, seen, call):
        if self.capacity is None:
            values = seen.inputs.numel() + 2 * seen.output.numel() + seen.target.numel()
            self.capacity = max(1, min(-(-ROWS // len(seen.inputs)), HELD_MAX // values))
        seen.compared = call.compared().detach().clone()
        self.batches[self.place:self.place + 1] = [seen]

    def rows(self, site, task):
        """Rows of what the network predicts now; none where it cannot be run outside of the program's loop."""
        found = []
        for seen in self.batches:
            prediction = seen.prediction(seen.run_again()) if seen.call.site == site else None
            rows = torch_rows.rows_of(seen.call.name, prediction, seen.compared, seen.call.kwargs, task) if prediction is not None else None
            if rows is not None:
                found.append(rows)
        return found


def mixing(labels):
    """How different the labels are that come after each other, against all of them: 1 where they come as chance has it, 0 where they are
    sorted. Of classes the chance that two differ, of numbers the variance. labels [n] or [n, width]; None where that is not to be told."""
    blocks = len(labels) // BLOCK
    if blocks < 2:
        return None
    taken = torch.arange(min(blocks, BLOCKS_MAX)) * blocks // min(blocks, BLOCKS_MAX)
    within = labels[:blocks * BLOCK].reshape(blocks, BLOCK, -1)[taken]
    if labels.is_floating_point():
        near, all_of = within.double().var(1).mean(0), labels.reshape(len(labels), -1).double().var(0)
        varies = all_of > 0
        return float((near[varies] / all_of[varies]).mean()) if bool(varies.any()) else None
    near = sum(different(block) for block in within) / len(within)
    all_of = different(labels)
    return near / all_of if all_of > 0 else None


def different(classes):
    """The chance that two of them differ."""
    counts = torch.unique(classes, return_counts=True)[1].double()
    total = float(counts.sum())
    return 1 - float((counts * (counts - 1)).sum()) / (total * (total - 1))
