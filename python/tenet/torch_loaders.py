"""DataLoaders: which one trains, and its batch size, samples and labels as the trial wants them.

In a look nothing is altered. The loader whose batch came last before most steps of the primary optimizer is the training one; later trials
know it by the stack of calls that made it and by its number among those made there. A trial alters that loader once, before its first pass
or its first len(): its batch sampler is replaced, so that len(loader) tells what is so. Labels are permuted between data set and collation,
in workers as well. A loader that is not altered runs as it is.

Events: loader_created(loader), loader_iterated(loader) before a pass begins (a server of forks may fork there), batch(loader, batch).
"""
import functools
import hashlib
import itertools
import math
import os
import sys
import weakref

import torch
from torch.utils.data import BatchSampler, DataLoader
from torch.utils.data import dataloader as torch_dataloader

from . import knob_answers, session as sessions, torch_passes, torch_samplers
from .knob_answers import LINE

KNOBS = ("batch_size", "samples", "shuffle_labels")
FRAMES_MAX = 24
COMPARED_MAX = 32  # forward passes of a look in which inputs and targets are looked for in the batch
LOADER = "_tenet_loader"  # attribute of torch's iterator
LABEL_KEYS = ("labels", "label", "targets", "target", "y")


def part():
    """The loaders of the session; None where nothing is to be seen or altered."""
    session = sessions.current()
    return None if session is None or session.ended else getattr(session, "loaders", None)


def install(session):
    if not knob_answers.is_needed(session):
        return
    session.loaders = Loaders(session)
    iterator = torch_dataloader._BaseDataLoaderIter
    if not hasattr(DataLoader.__init__, "__original__"):
        DataLoader.__init__ = around_init(DataLoader.__init__)
        DataLoader.__iter__ = around_iter(DataLoader.__iter__)
        DataLoader.__len__ = around_len(DataLoader.__len__)
        iterator.__next__ = around_next(iterator.__next__)


def around_init(original):
    @functools.wraps(original)
    def __init__(loader, *args, **kwargs):
        original(loader, *args, **kwargs)
        loaders = part()
        if loaders is not None:
            loaders.created(loader)
    __init__.__original__ = original
    return __init__


def around_iter(original):
    @functools.wraps(original)
    def __iter__(loader):
        loaders = part()
        if loaders is None:
            return original(loader)
        loaders.session.emit("loader_iterated", loader)
        loaders = part()  # another one in a child that was forked there
        return original(loader) if loaders is None else loaders.iterate(loader, original)
    return __iter__


def around_len(original):
    @functools.wraps(original)
    def __len__(loader):
        loaders = part()
        if loaders is not None:
            length = loaders.length(loader)
            if length is not None:
                return length
        return original(loader)
    return __len__


def around_next(original):
    @functools.wraps(original)
    def __next__(iterator):
        batch = original(iterator)
        loaders = part()
        return batch if loaders is None else loaders.arrived(iterator, batch)
    return __next__


class Origin:
    """One loader: where and as which it was made, and what became of it."""

    def __init__(self, order, key, index, file, line):
        self.order, self.key, self.index = order, key, index
        self.file, self.line = file, line
        self.steps = self.passes = 0
        self.batches = self.longest = 0  # of this pass; of the longest
        self.rows = 0  # of the first batch
        self.is_turned = self.is_reseeded = False
        self.length = None  # batches a pass, where it was set
        self.kept = None  # samples of an iterable data set
        self.dataset = self.collate = None  # in place of its own while a pass is made
        self.roll = None  # path of the labels that are permuted within each batch
        self.batch = self.described = None  # in a look: the first batch, and what its loader is


def stack_key():
    """A name for the stack of calls that makes a loader: the same at the same place in every run."""
    frame, parts = sys._getframe(2), []
    here = os.path.dirname(os.path.abspath(__file__))
    while frame is not None and len(parts) < FRAMES_MAX:
        code = frame.f_code
        if not code.co_filename.startswith(here):
            parts.append("%s:%s:%d" % (code.co_filename, code.co_name, frame.f_lineno))
        frame = frame.f_back
    return hashlib.sha1("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


class Loaders:
    def __init__(self, session):
        self.session = session
        self.origins = weakref.WeakKeyDictionary()
        self.all = []  # every origin, in order
        self.made_at = {}  # key: how many
        self.last = None  # (origin, loader, batch) of what came last for a step
        self.is_fresh = False  # no step since
        self.label_votes = {}
        self.targets = 0  # that were held against the batch
        self.input_path = None
        self.compared = 0  # inputs that were held against the batch
        self.wanted_shuffle = None
        self.stand_in = None  # of a mend: the data set of a loader, or what takes its place
        self.domain_size = 0
        self.is_inside = False
        session.on("before_step", self.on_step)
        session.on("loss_input", self.on_loss)
        session.on("root_input", self.on_root)
        session.on("end", self.on_end)

    # ---- what is seen ----

    def created(self, loader):
        if loader in self.origins:
            return
        key = stack_key()
        index = self.made_at.get(key, 0)
        self.made_at[key] = index + 1
        file, line = sessions.user_frame(3)
        origin = Origin(len(self.all), key, index, file, line)
        self.origins[loader] = origin
        self.all.append(origin)
        self.session.emit("loader_created", loader)

    def origin(self, loader):
        if loader not in self.origins:
            self.created(loader)  # unpickled or copied
        return self.origins[loader]

    def arrived(self, iterator, batch):
        loader = iterator.__dict__.get(LOADER, lambda: None)()
        return batch if loader is None else self.batch(loader, batch)

    def batch(self, loader, batch):
        origin = self.origin(loader)
        origin.batches += 1
        origin.longest = max(origin.longest, origin.batches)
        if origin.roll is not None:
            path = origin.roll
            batch = torch_samplers.with_leaf(batch, path, torch_samplers.rolled(torch_samplers.leaf_at(batch, path), origin.batches))
            knob_answers.of(self.session).applied("shuffle_labels")
        if origin.rows == 0:
            origin.rows = torch_samplers.rows_of_batch(batch)
            if self.session.mode == "look":
                origin.batch, origin.described = batch, described(loader)
        if torch.is_grad_enabled():  # else it is for an evaluation
            self.last, self.is_fresh = (origin, loader, batch), True
        self.session.emit("batch", loader, batch)
        return batch

    def on_step(self, optimizer, is_primary):
        if is_primary and self.is_fresh:
            self.last[0].steps += 1
            self.is_fresh = False

    def on_root(self, module, args, kwargs):
        """In a look: which part of the batch is the input, so that it is not taken for the label."""
        if self.session.mode != "look" or self.input_path is not None or self.last is None or not torch.is_grad_enabled():
            return
        self.compared += 1
        if self.compared > COMPARED_MAX:
            return
        for given in itertools.chain(args, kwargs.values()):
            if isinstance(given, torch.Tensor):
                self.input_path = next((path for path, leaf in torch_samplers.leaves_of(self.last[2]) if same_values(leaf, given)), None)
                if self.input_path is not None:
                    return

    def on_loss(self, call):
        """In a look: which part of the batch the loss compares with."""
        if self.session.mode != "look" or not call.training or self.last is None or not isinstance(call.target, torch.Tensor):
            return
        self.targets += 1
        if self.targets <= COMPARED_MAX:
            path = next((path for path, leaf in torch_samplers.leaves_of(self.last[2]) if is_target_of(leaf, call.target)), None)
            if path is not None:
                self.label_votes[path] = self.label_votes.get(path, 0) + 1

    def label_path(self, batch):
        """The part of the batch that holds the labels; None where there is none to be told from the inputs."""
        if self.label_votes:
            path = max(self.label_votes, key=self.label_votes.get)
            return None if path == self.input_path else path
        leaves = dict(torch_samplers.leaves_of(batch))
        for name in LABEL_KEYS:
            for path in leaves:
                if path and path[-1] == name:
                    return path
        if isinstance(batch, (list, tuple)) and len(leaves) >= 2 and list(leaves)[-1] != self.input_path:
            return list(leaves)[-1]
        return None

    # ---- which one trains ----

    def trains(self, origin):
        known = self.session.known.get("loader")
        if known is None:
            # Nothing was looked at before this trial: the first loader that is passed over.
            return not any(other.passes for other in self.all if other is not origin)
        return origin.key == known["key"] and bool(known["voted"][origin.index % len(known["voted"])])

    # ---- what is altered ----

    def wants(self, name):
        if name != "batch_size" and self.session.known.get("data"):
            return None  # tenet.data has seen to it
        return knob_answers.of(self.session).wants(name)

    def rounds(self):
        """How many times longer a pass must be so that the program makes the steps that are wanted."""
        steps = self.session.trial.get("steps")
        total = self.known("steps_total", 0) or self.session.trial.get("own_steps") or 0
        return max(1, math.ceil(steps / total)) if steps and total else 1

    def turn(self, loader, origin):
        """Once a loader: alters it where it is the one that trains and something is wanted of it."""
        if origin.is_turned or self.session.mode == "serve":
            return
        if self.session.mode == "look" or not self.trains(origin):
            return
        origin.is_turned = True
        wanted = {name: self.wants(name) for name in KNOBS}
        try:
            if loader._dataset_kind == torch_dataloader._DatasetKind.Map:
                self.turn_map(loader, origin, wanted)
            else:
                self.turn_iterable(loader, origin, wanted)
        except (TypeError, ValueError, RuntimeError, AttributeError, KeyError, IndexError) as error:
            for name, value in wanted.items():
                if value:
                    why = "the DataLoader at %s could not be altered: %s: %s" % (place(origin), type(error).__name__, error)
                    knob_answers.of(self.session).refused(name, why)

    def turn_map(self, loader, origin, wanted):
        answers, seed = knob_answers.of(self.session), int(self.session.trial.get("base_seed") or 0)
        samples, size, rounds = wanted["samples"], wanted["batch_size"], self.rounds()
        if not any(wanted.values()) and rounds == 1 and self.wanted_shuffle is None:
            return
        inner = loader.batch_sampler if loader.batch_sampler is not None else loader.sampler
        by_batches = loader.batch_sampler is not None or samples_are_batches(inner)
        natural = len_of(inner)
        kept = None
        if samples or wanted["shuffle_labels"]:
            domain = torch_samplers.domain_of(inner)
            kept = domain
            if samples:
                share = samples if by_batches else math.ceil(samples / max(1, self.known("rows", 1)))
                ranks = getattr(getattr(inner, "sampler", inner), "num_replicas", None) or 1
                kept = torch_samplers.subset_of(domain, max(1, math.ceil(share / ranks)), seed + 1)
                answers.applied("samples")
        if size and not by_batches:
            answers.refused("batch_size", "the data set at %s makes its batches itself; %s" % (place(origin), "set its own batch size"))
            size = None
        if samples or size or rounds > 1 or self.wanted_shuffle is not None:
            self.replace_sampler(loader, origin, inner, kept if samples else None, size, by_batches, natural, rounds)
            if size:
                answers.applied("batch_size")
        if wanted["shuffle_labels"]:
            self.permute(loader, origin, kept, seed)

    def replace_sampler(self, loader, origin, inner, kept, size, by_batches, natural, rounds):
        used = size if size else (loader.batch_size or getattr(inner, "batch_size", None) or self.known("rows", 1)) if by_batches else None
        regroup = kept is not None or size or self.wanted_shuffle is not None
        if not by_batches:
            turned = torch_samplers.TurnedIndices(inner, kept, length_of(natural, len(kept) if kept is not None else natural, rounds))
            loader.__dict__["sampler"] = turned
        else:
            drop = bool(loader.drop_last or getattr(inner, "drop_last", False))
            count = len(kept) if kept is not None else count_of(inner)
            made = max(1, count // used if drop and count > used else math.ceil(count / used)) if regroup and count else natural
            turned = torch_samplers.TurnedBatches(inner, kept, used if regroup else None, drop and count > used,
                                                  length_of(natural, made, rounds), self.wanted_shuffle)
            loader.__dict__["batch_sampler" if loader.batch_sampler is not None else "sampler"] = turned
            if size and loader.batch_size is not None:
                loader.__dict__["batch_size"] = size
        origin.length = turned.length

    def permute(self, loader, origin, kept, seed):
        answers = knob_answers.of(self.session)
        path = self.known("label")
        if path is None:
            answers.refused("shuffle_labels",
                            "which part of a batch of the DataLoader at %s holds the labels is not known; %s" % (place(origin), LINE))
            return
        if loader.batch_sampler is None and not samples_are_batches(loader.sampler):
            origin.collate = torch_samplers.RolledCollate(loader.collate_fn, path)
        else:
            origin.dataset = torch_samplers.PairedDataset(loader.dataset, torch_samplers.partners_of(kept, seed + 2))
            if loader.batch_sampler is None:
                raise ValueError("its sampler gives batches of indices")
            origin.collate = torch_samplers.PairedCollate(loader.collate_fn, path)
        answers.applied("shuffle_labels")

    def turn_iterable(self, loader, origin, wanted):
        answers = knob_answers.of(self.session)
        size, rounds = wanted["batch_size"], self.rounds()
        known_length = self.known("length", 0)
        if size and loader.batch_size is None:
            answers.refused("batch_size", "the data set at %s makes its batches itself; set its own batch size" % place(origin))
        elif size:
            loader.__dict__["batch_size"] = size
            loader.__dict__["batch_sampler"] = BatchSampler(loader.sampler, size, loader.drop_last)
            answers.applied("batch_size")
        if wanted["samples"]:
            origin.kept = torch_passes.Kept(loader, int(wanted["samples"]))
            answers.applied("samples")
        if (wanted["samples"] or size or rounds > 1) and known_length:
            origin.length = known_length * rounds
        if wanted["shuffle_labels"]:
            path = self.known("label")
            if path is None:
                answers.refused("shuffle_labels",
                                "which part of a batch of the DataLoader at %s holds the labels is not known; %s" % (place(origin), LINE))
            elif origin.kept is not None and loader.batch_size is not None:
                origin.kept.permute(tuple(path), int(self.session.trial.get("base_seed") or 0) + 2)
                answers.applied("shuffle_labels")
            elif self.known("rows", 0) > 1 or (wanted["batch_size"] or 0) > 1:
                origin.roll = tuple(path)
            else:
                answers.refused("shuffle_labels", "the data set at %s gives one sample after the other; %s" % (place(origin), LINE))

    def known(self, name, default=None):
        value = (self.session.known.get("loader") or {}).get(name)
        return default if value is None else value

    # ---- a pass ----

    def length(self, loader):
        """What len(loader) is after the trial altered it; None: what the loader says."""
        if self.is_inside:
            return None
        origin = self.origin(loader)
        self.is_inside = True
        try:
            self.turn(loader, origin)
        finally:
            self.is_inside = False
        return origin.length

    def iterate(self, loader, original):
        if self.is_inside:
            return original(loader)
        origin = self.origin(loader)
        self.is_inside = True
        try:
            self.turn(loader, origin)
            self.reseed(loader, origin)
            origin.passes += 1
            origin.batches = 0
            if origin.kept is not None:
                return torch_passes.KeptPass(self, loader, origin)
            iterator = self.make(loader, origin, original)
        finally:
            self.is_inside = False
        is_iterable = loader._dataset_kind == torch_dataloader._DatasetKind.Iterable
        return torch_passes.RoundPass(self, loader, origin, iterator, original) if is_iterable and origin.length else iterator

    def make(self, loader, origin, original):
        """torch's iterator, over the data set and collation that the trial wants."""
        own = {"dataset": loader.dataset, "collate_fn": loader.collate_fn}
        try:
            if origin.dataset is not None:
                loader.__dict__["dataset"] = origin.dataset
            elif self.stand_in is not None:
                loader.__dict__["dataset"] = self.stand_in(loader)
            if origin.collate is not None:
                loader.__dict__["collate_fn"] = origin.collate
            iterator = original(loader)
        finally:
            loader.__dict__.update(own)
        if isinstance(iterator, torch_dataloader._BaseDataLoaderIter):
            # A loader that is made in the head of a loop lives no longer than that line. One with persistent workers holds its iterator,
            # and a cycle would end its workers late.
            iterator.__dict__[LOADER] = weakref.ref(loader) if loader._iterator is iterator else functools.partial(itself, loader)
        return iterator

    def reseed(self, loader, origin):
        """With a fresh seed: a generator that the program gave its loader follows it."""
        seed, generator = self.session.trial.get("seed"), getattr(loader, "generator", None)
        if seed is not None and not origin.is_reseeded and isinstance(generator, torch.Generator) and self.session.mode != "look":
            origin.is_reseeded = True
            generator.manual_seed((generator.initial_seed() * 1000003 + int(seed)) % (1 << 63))

    # ---- the end ----

    def on_end(self, reason):
        if self.session.mode == "look":
            self.conclude(reason)
            self.last = None
            return
        self.last = None
        answers = knob_answers.of(self.session)
        why = "the program has no DataLoader" if not self.all else "the DataLoader that trained in the first run was not used in this one"
        for name in KNOBS:
            if name in answers.open() and not self.session.known.get("full_batch") and not self.session.known.get("data"):
                answers.refused(name, "%s; %s" % (why, LINE))

    def best(self):
        """The loader that trains: one whose call site feeds at least half of the steps; None where none does."""
        steps = {}
        for origin in self.all:
            steps[origin.key] = steps.get(origin.key, 0) + origin.steps
        best = max(self.all, key=lambda origin: (steps[origin.key], origin.steps), default=None)
        return None if best is None or best.steps == 0 or steps[best.key] * 2 < self.session.step else best

    def conclude(self, reason):
        session = self.session
        best = self.best()
        if best is None:
            if not session.private.get("data") and not self.has_full_batch():
                why = "the program has no DataLoader" if not self.all else "no DataLoader's batch comes before its steps"
                for name in KNOBS:
                    knob_answers.cannot(session, name, "%s; %s" % (why, LINE))
            elif session.private.get("data"):
                knob_answers.cannot(session, "batch_size", "the program makes its batches itself; set its own batch size")
            return
        used = [origin for origin in self.all if origin.key == best.key and origin.passes]
        voted = [False] * (max(origin.index for origin in used) + 1)
        for origin in used:
            voted[origin.index] = origin.steps > 0
        if all(voted[origin.index] for origin in used):
            voted = [True]
        self.record(best, voted, reason)

    def has_full_batch(self):
        return bool(self.session.private.get("full_batch"))

    def record(self, best, voted, reason):
        session = self.session
        path = self.label_path(best.batch)
        length, samples = best.described["length"] or best.longest, best.described["samples"]
        session.private["loader"] = {
            "key": best.key, "voted": voted, "file": best.file, "line": best.line, "rows": best.rows, "length": length, "samples": samples,
            "label": list(path) if path else None,
            "style": best.described["style"], "steps_total": session.step if reason == "exit" else 0}
        session.facts.setdefault("places", {}).setdefault("loader", {"file": best.file, "line": best.line})
        session.facts.update(batch_size=best.rows, steps_per_epoch=length or 0)
        session.facts.setdefault("train_samples", samples)
        if best.described["makes_batches"]:
            knob_answers.cannot(session, "batch_size", "the data set at %s makes its batches itself; set its own batch size" % place(best))
        else:
            knob_answers.can(session, "batch_size")
        if session.private.get("data"):
            return
        knob_answers.can(session, "samples")
        if path is not None:
            knob_answers.can(session, "shuffle_labels")
        else:
            knob_answers.cannot(session, "shuffle_labels",
                                "which part of a batch holds the labels is not to be told, or they are the inputs themselves; %s" % LINE)


def shuffle(session, wanted):
    """For a patch of solver.shuffle: the training loader's order, True or False. Returns why it cannot be, or None."""
    loaders = getattr(session, "loaders", None)
    known = session.known.get("loader")
    if loaders is None or known is None:
        return "the program has no DataLoader"
    if known.get("style") != "map":
        return "its data set is iterable and has an order of its own"
    loaders.wanted_shuffle = bool(wanted)
    return None


def itself(loader):
    return loader


def described(loader):
    """What the facts tell of a loader; it may be gone when they are sent."""
    if loader._dataset_kind == torch_dataloader._DatasetKind.Map:
        inner = loader.batch_sampler if loader.batch_sampler is not None else loader.sampler
        length, samples, style = len_of(inner), count_of(inner), "map"
    else:
        length, samples, style = len_of(loader), len_of(loader.dataset) or 0, "iterable"
    makes_batches = loader.batch_size is None and loader.batch_sampler is None and not samples_are_batches(loader.sampler)
    return {"length": length, "samples": samples, "style": style, "makes_batches": makes_batches}


def place(origin):
    return "%s:%s" % (os.path.basename(origin.file), origin.line) if origin.file else "an unknown line"


def len_of(sized):
    try:
        return len(sized)
    except (TypeError, NotImplementedError, ValueError):
        return None


def samples_are_batches(sampler):
    """Whether a loader without a batch sampler draws lists of indices, the batches being made in the data set."""
    return isinstance(sampler, (BatchSampler, torch_samplers.TurnedBatches))


def count_of(sampler):
    """Samples in a pass."""
    if isinstance(sampler, BatchSampler) or (hasattr(sampler, "sampler") and hasattr(sampler, "batch_size")):
        return len_of(sampler.sampler) or 0
    known = len_of(sampler)
    if known is None or not hasattr(sampler, "__iter__"):
        return known or 0
    with torch_samplers.RandomStates():
        first = next(iter(sampler), None)
    return sum(len(batch) for batch in peeked(sampler)) if torch_samplers.is_batch_of_indices(first) else known


def peeked(sampler):
    with torch_samplers.RandomStates():
        return [item for item in itertools.islice(sampler, torch_samplers.LOOKED_MAX)]


def length_of(natural, made, rounds):
    """Batches a pass: never fewer than the program's own, so that what it does once an epoch comes as seldom as before."""
    return max(natural or 1, made or 1) * rounds


# ---- which part of a batch a tensor is ----

def same_values(leaf, other):
    """Whether a tensor is that part of the batch, or a copy of it in another shape or type."""
    if leaf.numel() != other.numel() or leaf.numel() == 0:
        return False
    leaf, other = leaf.detach(), other.detach()
    if leaf.data_ptr() == other.data_ptr() and leaf.dtype == other.dtype:
        return True
    if leaf.is_sparse or other.is_sparse or leaf.is_complex() or other.is_complex():
        return False
    return torch.equal(leaf.reshape(-1).to("cpu", torch.double), other.reshape(-1).to("cpu", torch.double))


def is_target_of(leaf, target):
    """The same, or class numbers of which the target is the one-hot rows."""
    if same_values(leaf, target):
        return True
    if leaf.is_floating_point() or target.dim() < 2 or len(target) != leaf.numel() or target.numel() == leaf.numel():
        return False
    return torch.equal(target.detach().reshape(len(target), -1).argmax(1).cpu(), leaf.reshape(-1).long().cpu())
