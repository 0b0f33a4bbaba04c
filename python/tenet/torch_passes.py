"""Passes over iterable data sets as a trial wants them: over the first samples, or round again where the data set ends early."""
import itertools

import torch

from . import torch_samplers


class Kept:
    """The first samples of an iterable data set, kept in memory; where the data set makes batches itself, its first batches, the last one
    cut."""

    def __init__(self, loader, count):
        self.partners = self.path = None
        if loader.batch_size is not None:
            self.items = list(itertools.islice(iter(loader.dataset), count))
            return
        self.items, rows = [], 0
        for item in loader.dataset:
            have = torch_samplers.rows_of_batch(loader.collate_fn(item))
            self.items.append(item if rows + have <= count else cut(item, count - rows))
            rows += have
            if rows >= count:
                break

    def permute(self, path, seed):
        order = torch.randperm(len(self.items), generator=torch.Generator().manual_seed(seed)).tolist()
        self.path, self.partners = path, order

    def batch(self, loader, places):
        batch = loader.collate_fn([self.items[place] for place in places])
        if self.partners is None:
            return batch
        return torch_samplers.with_labels_of(batch, loader.collate_fn([self.items[self.partners[place]] for place in places]), self.path)


def cut(item, count):
    for path, leaf in list(torch_samplers.leaves_of(item)):
        if leaf.dim() > 0:
            item = torch_samplers.with_leaf(item, path, leaf[:count])
    return item


class KeptPass:
    """A pass over kept samples, going round to the loader's length."""

    def __init__(self, loaders, loader, origin):
        self.loaders, self.loader, self.origin = loaders, loader, origin
        self.at = self.made = 0

    def __iter__(self):
        return self

    def __len__(self):
        return len(self.loader)

    def __next__(self):
        kept, size = self.origin.kept, self.loader.batch_size or 1
        whole = len(kept.items)
        if whole == 0 or self.made == self.origin.length:
            raise StopIteration
        if self.at >= whole or (self.loader.drop_last and self.at and self.at + size > whole):
            if not self.origin.length:
                raise StopIteration
            self.at = 0
        places = range(self.at, min(self.at + size, whole))
        self.at += size
        self.made += 1
        if self.loader.batch_size is None:
            batch = self.loader.collate_fn(kept.items[places[0]])
        else:
            batch = kept.batch(self.loader, places)
        return self.loaders.batch(self.loader, batch)


class RoundPass:
    """A pass over an iterable data set that begins anew where it ends before its length."""

    def __init__(self, loaders, loader, origin, iterator, original):
        self.loaders, self.loader, self.origin = loaders, loader, origin
        self.iterator, self.original = iterator, original
        self.made = self.since = 0

    def __iter__(self):
        return self

    def __len__(self):
        return len(self.loader)

    def __next__(self):
        if self.made == self.origin.length:
            raise StopIteration
        try:
            batch = next(self.iterator)
        except StopIteration:
            if self.since == 0:
                raise
            self.since = 0
            self.iterator = self.loaders.make(self.loader, self.origin, self.original)
            batch = next(self.iterator)
        self.made += 1
        self.since += 1
        return batch
