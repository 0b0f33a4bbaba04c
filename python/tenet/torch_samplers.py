"""What a DataLoader of a trial draws from: samplers, data sets and collate functions that choose, permute and go round. They hold no
session, so that a loader's workers can have them, by fork or by pickle. Iterating leaves the program's random state as a plain pass would.
"""
import random
import sys

import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler

LOOKED_MAX = 1 << 20  # indices that are drawn from an unknown sampler to learn which there are


class RandomStates:
    """Random states of torch, random and numpy, given back at the end."""

    def __enter__(self):
        self.torch, self.python = torch.get_rng_state(), random.getstate()
        numpy = sys.modules.get("numpy")
        self.numpy = numpy.random.get_state() if numpy is not None else None

    def __exit__(self, *_):
        torch.set_rng_state(self.torch)
        random.setstate(self.python)
        if self.numpy is not None:
            sys.modules["numpy"].random.set_state(self.numpy)


def seed_alike():
    """So that an unknown sampler shows the same indices in every trial, whatever its seed."""
    torch.default_generator.manual_seed(0)
    random.setstate(random.Random(0).getstate())
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.set_state(numpy.random.RandomState(0).get_state())


def is_batch_of_indices(item):
    return isinstance(item, (list, tuple)) or (isinstance(item, torch.Tensor) and item.dim() == 1)


def domain_of(sampler):
    """The indices that a sampler gives, each once, in a fixed order. A sampler of batches counts by what is in them."""
    if type(sampler) is BatchSampler:
        return domain_of(sampler.sampler)
    if type(sampler) is SequentialSampler or (type(sampler) is RandomSampler and not sampler.replacement
                                              and sampler.num_samples == len(sampler.data_source)):
        return range(len(sampler.data_source))
    if type(sampler) is SubsetRandomSampler:
        return list(sampler.indices)
    if type(sampler) is WeightedRandomSampler:
        return [index for index, weight in enumerate(sampler.weights.tolist()) if weight > 0]
    found, drawn = {}, 0
    generator = getattr(sampler, "generator", None)
    state = generator.get_state() if isinstance(generator, torch.Generator) else None
    with RandomStates():
        seed_alike()
        for item in sampler:
            for index in item if is_batch_of_indices(item) else (item,):
                found[plain_index(index)] = None
                drawn += 1
            if drawn >= LOOKED_MAX:
                break
    if state is not None:
        generator.set_state(state)
    try:
        return sorted(found)
    except TypeError:
        return list(found)


def plain_index(index):
    return int(index) if isinstance(index, torch.Tensor) and index.numel() == 1 else index


class TurnedBatches:
    """A batch sampler over `kept` indices (None: all that `inner` gives), in batches of `size` (None: as inner makes them), `length`
    batches a pass (None: as many as there are), going round where they are fewer."""

    def __init__(self, inner, kept=None, size=None, drop_last=False, length=None, shuffle=None):
        self.inner = inner  # of batches, or of indices
        self.kept = kept
        self.size = size
        self.drop_last = drop_last
        self.length = length
        self.shuffle = shuffle  # True, False; None: as inner does

    def __len__(self):
        return self.length if self.length is not None else len(self.inner)

    def __iter__(self):
        made = 0
        while True:
            before = made
            for batch in self.one_pass():
                yield batch
                made += 1
                if made == self.length:
                    return
            if self.length is None or made == before:
                return

    def one_pass(self):
        if self.kept is None and self.size is None and self.shuffle is None:
            yield from self.inner
            return
        batch = []
        for index in self.indices():
            batch.append(index)
            if len(batch) == self.size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def indices(self):
        """One pass over the kept indices, in the order of inner where that has one."""
        sampler = self.inner.sampler if type(self.inner) is BatchSampler else self.inner
        kept = self.kept
        if self.shuffle is not None:
            pool = list(kept if kept is not None else domain_of(sampler))
            return [pool[place] for place in torch.randperm(len(pool)).tolist()] if self.shuffle else pool
        if kept is None:
            return self.stream(sampler)
        if type(sampler) is SequentialSampler:
            return kept
        if type(sampler) in (RandomSampler, SubsetRandomSampler):
            return [kept[place] for place in torch.randperm(len(kept), generator=sampler.generator).tolist()]
        wanted = set(kept)
        found = [index for index in self.stream(sampler) if index in wanted]
        return found or list(kept)

    @staticmethod
    def stream(sampler):
        for item in sampler:
            if is_batch_of_indices(item):
                for index in item:
                    yield plain_index(index)
            else:
                yield plain_index(item)


class TurnedIndices:
    """A sampler over kept indices of a data set that makes its own batches, `length` items a pass."""

    def __init__(self, inner, kept, length):
        self.inner, self.kept, self.length = inner, kept, length

    def __len__(self):
        return self.length

    def __iter__(self):
        made = 0
        while made < self.length:
            before = made
            for index in self.kept if self.kept is not None else self.inner:
                yield index
                made += 1
                if made == self.length:
                    return
            if made == before:
                return


# ---- labels ----

def leaves_of(batch, path=()):
    """(path, tensor) of each tensor in a batch: tuples, lists, named tuples and mappings are walked through."""
    if isinstance(batch, torch.Tensor):
        yield path, batch
    elif isinstance(batch, (list, tuple)):
        for place, item in enumerate(batch):
            yield from leaves_of(item, path + (place,))
    elif hasattr(batch, "items") and callable(batch.items):
        for key, item in batch.items():
            yield from leaves_of(item, path + (key,))


def leaf_at(batch, path):
    for key in path:
        batch = batch[key]
    return batch


def with_leaf(batch, path, leaf):
    """The batch with another tensor at the path; mappings and lists are copied, not changed."""
    if not path:
        return leaf
    key, rest = path[0], path[1:]
    if isinstance(batch, tuple):
        items = list(batch)
        items[key] = with_leaf(items[key], rest, leaf)
        return type(batch)(*items) if hasattr(batch, "_fields") else type(batch)(items)
    if isinstance(batch, list):
        items = list(batch)
        items[key] = with_leaf(items[key], rest, leaf)
        return items
    import copy
    made = copy.copy(batch)
    made[key] = with_leaf(made[key], rest, leaf)
    return made


def rows_of_batch(batch):
    """How many samples a batch holds: the first axis of its first tensor that has one."""
    for _, leaf in leaves_of(batch):
        if leaf.dim() > 0:
            return len(leaf)
    return 1


def rolled(leaf, seed):
    """The rows of a label permuted among themselves, the same way for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return leaf[torch.randperm(len(leaf), generator=generator).to(leaf.device)] if leaf.dim() > 0 else leaf


def with_labels_of(batch, other, path):
    """The batch with the labels of another one; permuted within where those do not fit (sequences of other lengths)."""
    own, given = leaf_at(batch, path), leaf_at(other, path)
    return with_leaf(batch, path, given if own.shape == given.shape else rolled(own, 1))


class PairedDataset(torch.utils.data.Dataset):
    """Each sample together with the one whose label it gets."""

    __getitems__ = None  # the pairs are made one by one

    def __init__(self, dataset, partners):
        self.dataset = dataset
        self.partners = partners  # list or dict: index to index

    def __getitem__(self, index):
        return self.dataset[index], self.dataset[self.partners[plain_index(index)]]

    def __len__(self):
        return len(self.dataset)


class PairedCollate:
    """Collates the samples, and puts the partners' labels in."""

    def __init__(self, collate, path):
        self.collate = collate
        self.path = tuple(path)

    def __call__(self, pairs):
        batch = self.collate([pair[0] for pair in pairs])
        return with_labels_of(batch, self.collate([pair[1] for pair in pairs]), self.path)


class RolledCollate:
    """For data sets that make their own batches: labels permuted within the batch."""

    def __init__(self, collate, path):
        self.collate = collate
        self.path = tuple(path)

    def __call__(self, item):
        batch = self.collate(item)
        return with_leaf(batch, self.path, rolled(leaf_at(batch, self.path), 1))


def partners_of(kept, seed):
    """A fixed permutation of the kept indices: whose label each gets. A list where they are 0, 1, 2 ..., else a dict."""
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed)).tolist()
    if isinstance(kept, range) and kept == range(len(kept)):
        return order
    pool = list(kept)
    return {index: pool[place] for index, place in zip(pool, order)}


def subset_of(domain, count, seed):
    """A fixed random choice of `count` of the domain, in the domain's order."""
    if count >= len(domain):
        return list(domain) if not isinstance(domain, range) else domain
    places = torch.randperm(len(domain), generator=torch.Generator().manual_seed(seed))[:count].sort().values.tolist()
    return [domain[place] for place in places]
