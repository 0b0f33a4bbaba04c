"""Labels of a plain training, for the rule label_statistics: those that the loss function was given in the first steps, and at the steps that are scored.

A program may make labels itself, and mean it that all are the same: zeros of a contrast, ones for a discriminator, a residual that is to vanish. So whether classes are constant or rare is told of
labels that came with a loader's batch alone, which is kept until the loss is called, in the first steps. Nothing is altered.
"""
import collections
import functools

import torch
from torch.utils.data import dataloader as torch_dataloader

from . import torch_loaders, torch_samplers

ITERATOR = torch_dataloader._BaseDataLoaderIter
BATCHES = 2  # that are kept: some fetch one ahead
COMPARED_MAX = 8  # labels that are looked for in them, of each call of a loss


class SeenLabels:
    def __init__(self, session):
        self.session = session
        self.batches = collections.deque(maxlen=BATCHES)
        self.given = set()  # sites whose labels came with a batch
        self.compared = collections.Counter()
        self.original = ITERATOR.__next__
        self.put = self.around_next(self.original)
        ITERATOR.__next__ = self.put
        session.on("loss_output", self.on_loss)
        session.on("sleep", self.close)

    def around_next(self, original):
        @functools.wraps(original)
        def __next__(iterator):
            batch = original(iterator)
            self.batches.append(batch)
            return batch
        return __next__

    def close(self):
        """The first steps are over."""
        self.batches.clear()
        if ITERATOR.__next__ is self.put:
            ITERATOR.__next__ = self.original

    def on_loss(self, call):
        if not self.batches or not call.training or call.site in self.given or not isinstance(call.target, torch.Tensor) or self.compared[call.site] >= COMPARED_MAX:
            return
        self.compared[call.site] += 1
        if any(torch_loaders.is_target_of(leaf, call.target) for batch in self.batches for _, leaf in torch_samplers.leaves_of(batch)):
            self.given.add(call.site)

    def record(self, by_site, chosen):
        """Of FACTS: what the rule judges, of the loss at the site `chosen` and its other calls; None where nothing is to be told. by_site: {site: torch_rows.LabelStatistics}"""
        first = by_site.get(chosen)
        if first is None:
            return None
        same = {site: one for site, one in by_site.items() if (one.name, one.task, one.width) == (first.name, first.task, first.width) and one.rows}
        found = [one.labels() for one in same.values()]
        labels = torch.cat([one for one in found if one.shape[1:] == found[0].shape[1:]]) if found else None
        if labels is None:
            return None
        if first.task != "classification":
            values = labels.double()
            finite = values[torch.isfinite(values)]
            told = {"mean": float(finite.mean()), "std": float(finite.std(unbiased=False))} if len(finite) else {}
            return dict(told, count=len(labels), nonfinite=values.numel() - finite.numel(), given=chosen in self.given)
        # A class that is rare among several answers for a sample (pixels, tags) is no imbalance.
        counts = torch.unique(labels, return_counts=True)[1]
        if not self.given.issuperset(same) or (len(counts) > 1 and not all(one.is_single for one in same.values())):
            return None
        return {"count": len(labels), "classes": len(counts), "majority": float(counts.max()) / len(labels), "given": True}
