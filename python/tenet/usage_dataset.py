"""What the data set behind the training loader hands out: one and the same sample whatever the index, or samples that are changed where they are stored, so that each epoch sees others.

Both are probed at the end of a look, on the program's own data set, with random states given back. An augmentation draws its changes anew and writes nothing back; a buffer that is used again gives the same
values for the same index and random state: both stay silent.
"""
import copy
import sys

import torch
from torch.utils.data import IterableDataset

from . import session as sessions, torch_samplers
from .torch_trace import place_of
from .torch_usage import Check, Turned

INDICES = 32  # that are asked for, spread evenly
INDICES_MIN = 8  # fewer tell nothing
PROBED = 4  # samples that are fetched twice
# Deviation of a sample fetched again, as a share of the first's, and its mean, in deviations of the first's, beyond which the data are others. A flip in place has neither. Own choice.
SHRUNK, GROWN, SHIFTED = 0.5, 2, 1


def leaves_of(sample):
    """{path: tensor} of the numbers in a sample; arrays share their memory with the tensors."""
    if isinstance(sample, (list, tuple)):
        items = enumerate(sample)
    elif hasattr(sample, "items") and callable(sample.items):
        items = sample.items()
    else:
        numpy = sys.modules.get("numpy")
        if isinstance(sample, (bool, int, float)) or numpy is not None and isinstance(sample, numpy.number):
            return {(): torch.tensor(float(sample))}
        if numpy is not None and isinstance(sample, numpy.ndarray) and sample.dtype.kind in "fiub":
            return {(): torch.as_tensor(sample)}
        return {(): sample.detach()} if isinstance(sample, torch.Tensor) and not sample.is_sparse else {}
    return {(key,) + path: leaf for key, item in items for path, leaf in leaves_of(item).items()}


def cloned(leaves):
    return {path: leaf.clone() for path, leaf in leaves.items()}


def same(one, other):
    return one.shape == other.shape and torch.equal(torch.nan_to_num(one.double()), torch.nan_to_num(other.double()))


def innermost(dataset):
    """The data set behind torch's own wrappers, such as a Subset."""
    while type(dataset).__module__.startswith("torch.") and hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return dataset


def line_of(dataset, loader):
    """Where the program says what a sample is: __getitem__ of its own class, else where the loader is made."""
    code = getattr(getattr(type(innermost(dataset)), "__getitem__", None), "__code__", None)
    if code is not None and not sessions.is_foreign(code.co_filename):
        return place_of(code.co_filename, code.co_firstlineno)
    return place_of(loader["file"], loader["line"]) if loader else None


class Samples(Check):
    MENDS = ("distinct_samples", "stored_samples")

    def listen(self):
        self.datasets = {}  # origin of a loader: (its data set, its collation, its workers)
        self.on("batch", self.batch)

    def batch(self, loader, batch):
        origin = self.session.loaders.origin(loader)
        if origin not in self.datasets and not isinstance(loader.dataset, IterableDataset):
            self.datasets[origin] = loader.dataset, loader.collate_fn, loader.num_workers

    def tell(self):
        best = self.session.loaders.best()
        if best not in self.datasets:
            return
        dataset, collate, workers = self.datasets[best]
        loader = {"file": best.file, "line": best.line}
        if len(dataset) < INDICES_MIN or best.described["makes_batches"]:
            return
        with torch_samplers.RandomStates():
            self.tell_same(dataset, loader)
            if workers == 0:
                self.tell_changed(dataset, collate, loader)

    def tell_same(self, dataset, loader):
        count = min(INDICES, len(dataset))
        samples = [cloned(leaves_of(dataset[number * len(dataset) // count])) for number in range(count)]
        first = samples[0]
        if not any(leaf.numel() > 1 for leaf in first.values()) or any(set(one) != set(first) for one in samples):
            return
        if all(same(one[path], first[path]) for one in samples for path in first):
            self.usage.found(
                "distinct_samples", "constant_feature", "another sample for each index", "the data set gives the same sample for every index", line_of(dataset, loader),
                "use the index here: each has to give another sample (and no seed may be set in here)", prior=0.9, certain=True, race=False,
                control="%d different indices of the %d, one after the other, gave the very same numbers, label included" % (count, len(dataset)))

    def tell_changed(self, dataset, collate, loader):
        """Fetches and collates some samples twice, from the same random state: what the first left behind, the second finds."""
        indices, runs = [number * len(dataset) // PROBED for number in range(PROBED)], []
        for _ in range(2):
            with torch_samplers.RandomStates():
                samples = [dataset[index] for index in indices]
                runs.append(([leaves_of(one) for one in samples], [cloned(leaves_of(one)) for one in samples]))
                collate(samples)
        (held, before), (_, after) = runs
        for path in before[0]:
            if any(path not in one for one in before + after) or not all(one[path].numel() > 1 for one in before):
                continue
            if any(same(one[path], other[path]) for one, other in zip(before + before, held + after)):
                continue  # what was handed out is not where it is stored, or it stays as it was
            was, now = (torch.stack([one[path].double().reshape(-1) for one in many]) for many in (before, after))
            if was.shape != now.shape:
                continue
            deviation = float(was.std()), float(now.std())
            moved = abs(float(now.mean() - was.mean()))
            if SHRUNK * deviation[0] <= deviation[1] <= GROWN * deviation[0] and moved <= SHIFTED * deviation[0]:
                continue
            self.usage.found(
                "stored_samples", "unscaled_input", "each sample as it was when it was first asked for", "each time a sample is asked for it is changed where it is stored, so that every epoch sees other data",
                line_of(dataset, loader), "work on a copy: x = x / 255 in place of x /= 255, and so for each operation that ends in _", prior=0.9, certain=True,
                control="%d samples were fetched twice from the same random state: their mean went from %.3g to %.3g, their deviation from %.3g to %.3g" % (
                    PROBED, float(was.mean()), float(now.mean()), *deviation))
            return

    def turn(self, name, known):
        if name == "distinct_samples":
            return Turned()  # what the others should be is not to be had from outside
        turned, stored = Turned("a pass over a loader"), {}  # id of a data set: what stands in its place

        def stand_in(loader):
            if isinstance(loader.dataset, IterableDataset) or loader.num_workers > 0:
                return loader.dataset
            turned.happened()
            return stored.setdefault(id(loader.dataset), Stored(loader.dataset))
        self.session.loaders.stand_in = stand_in
        return turned


class Stored:
    """A data set whose samples stay what they are once they have been asked for."""

    def __init__(self, dataset):
        self.dataset, self._kept = dataset, {}

    def __len__(self):
        return len(self.dataset)

    def __getattr__(self, name):
        return getattr(self.__dict__["dataset"], name)

    def __getitem__(self, index):
        key = int(index)
        if key not in self._kept:
            self._kept[key] = copy.deepcopy(self.dataset[index])
        return copy.deepcopy(self._kept[key])


CHECKS = (Samples,)
