"""Scores of the network as it stands, in evaluation mode, on batches from all over the training; where predictions made before each update
would not say how good it is:
    - samples come in the order of their labels: where a batch holds one class, the network need only repeat what it was told last;
    - dropout is at work: what it takes from a prediction in training it does not take in use.

A fixed number of batches is drawn evenly from all that came, and the network is run on them again whenever a score is due. Whether that is
needed is found out in the look.
"""
import random

import torch

from . import torch_rows
from .torch_seen import SeenBatches

ROWS = 1000  # that are enough for a score
ROWS_ON_THE_WAY = 250  # for one that is not the last, so that scores cost less than steps
HELD_MAX = 1 << 24  # values of inputs and outputs
BLOCK, BLOCKS_MAX = 32, 256  # rows that come after each other; blocks that are looked at
DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
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
        self.recorder = None  # of the look's passes (torch_usage_pass)
        self.drops = False  # dropout was seen at work

    def is_wanted(self):
        """In a look, which finds out whether it is needed, and where it was."""
        session = self.session
        return session.mode == "look" or bool((session.known.get("score") or {}).get("reviewed"))

    def is_taking(self):
        return self.is_wanted() and not self.is_lost and torch.is_grad_enabled() and not self.session.ended and not self.session.shown.is_waiting

    def watch_passes(self):
        recorder = getattr(getattr(self.session, "usage", None), "pass_recorder", None)
        if recorder is not None and recorder is not self.recorder:
            self.recorder = recorder
            recorder.readers.append(self.read_pass)

    def read_pass(self, found, tensors):
        for call in found.calls:
            if call.name in DROPOUTS and call.argument(1, "p", 0.5) > 0 and call.argument(2, "training", call.argument(2, "train", True)):
                self.drops = True

    def is_taking_this(self):
        """Each batch that comes is kept with the same chance (reservoir sampling, Vitter 1985)."""
        self.watch_passes()
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

    def rows(self, site, task, enough):
        """Rows of what the network predicts now, at least `enough` where there are as many; none where it cannot be run outside of the
        program's loop."""
        found, count = [], 0
        for seen in self.batches:
            if count >= enough:
                break
            prediction = seen.prediction(seen.run_again()) if seen.call.site == site else None
            rows = torch_rows.rows_of(seen.call.name, prediction, seen.compared, seen.call.kwargs, task) if prediction is not None else None
            if rows is not None:
                found.append(rows)
                count += len(rows)
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
