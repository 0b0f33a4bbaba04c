"""Random seeds of a trial. What a program does not seed itself is seeded at the import of torch, so that it repeats. With the knob `seed`
everything is seeded anew at the first module of the network, and what the program seeds later is turned by it: data that were made before
the model stay the same.
"""
import functools
import random
import sys

import torch

from . import knob_answers, session as sessions

MODULUS = (1 << 61) - 1  # a prime


def seed_all(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % (1 << 32))


def mixed(given, seed):
    """Another seed for each pair, the same in every run."""
    value = (int(given) % MODULUS * 1000003 + int(seed) % MODULUS * 69069 + 12345) % MODULUS
    value ^= value >> 31
    return value % (1 << 31)


class Seeds:
    def __init__(self, session):
        self.session = session
        self.is_applied = False
        self.trial = session.trial
        session.on("module_created", self.on_created, knob="seed")
        session.on("optimizer_created", self.on_created, knob="seed")
        session.on("root_input", self.on_root, knob="seed")
        if session.mode != "train":
            seed_all(int(session.trial.get("base_seed") or 0))
        patch_seeding()

    def seed(self):
        """The knob; None where it is not turned. A forked child follows its own trial."""
        if self.trial is not self.session.trial:
            self.trial, self.is_applied = self.session.trial, False
        return knob_answers.of(self.session).wants("seed")

    def on_created(self, _):
        seed = self.seed()
        if seed is not None and not self.is_applied:
            seed_all(int(seed))
            self.is_applied = True
            knob_answers.of(self.session).applied("seed")

    def on_root(self, module, args, kwargs):
        self.on_created(module)


def patch_seeding():
    """Seeds that the program sets after the knob was applied are turned by it; before, they are its own."""
    for module, name in ((torch, "manual_seed"), (torch.random, "manual_seed"), (random, "seed"),
                         (sys.modules.get("numpy.random"), "seed")):
        original = getattr(module, name, None)
        if original is not None and not hasattr(original, "__original__"):
            setattr(module, name, turned(original))


def turned(original):
    @functools.wraps(original, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
    def seeding(*args, **kwargs):
        session = sessions.current()
        seeds = getattr(session, "seeds", None)
        if seeds is not None and seeds.is_applied and not session.ended:
            knob = seeds.seed()
            if knob is not None and seeds.is_applied:
                args = tuple(mixed(one, knob) if isinstance(one, int) else one for one in args)
                kwargs = {key: mixed(one, knob) if isinstance(one, int) and not isinstance(one, bool) and key != "version" else one
                          for key, one in kwargs.items()}
        return original(*args, **kwargs)
    seeding.__original__ = original
    return seeding
