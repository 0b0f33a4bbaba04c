"""What the checks of torch_usage.py put around functions of torch's that are no events of the session: zero_grad(), no_grad(), Module.train(), Function.apply(), the schedulers' step(), the clipping
of gradients, torch.nn.init.

Each is put there once, in the process of a look or of the trial that needs it, and calls the original under its own name; Function.apply, the functions that clip and those that draw weights at
the start, since programs keep them. None is in a program that is only trained.
"""
import functools
import inspect

import torch

from . import session as sessions
from .torch_trace import here, place_of


def around(owner, name, make):
    """Puts make(original) in the place of a method."""
    original = owner.__dict__[name]
    inner = original.__func__ if isinstance(original, (classmethod, staticmethod)) else original
    made = functools.wraps(inner)(make(inner))
    setattr(owner, name, classmethod(made) if isinstance(original, classmethod) else staticmethod(made) if isinstance(original, staticmethod) else made)


def watch_clearing(cleared):
    """Calls cleared() after every zero_grad()."""
    def make(original):
        def zero_grad(self, *args, **kwargs):
            result = original(self, *args, **kwargs)
            cleared()
            return result
        return zero_grad
    for owner in (torch.optim.Optimizer, torch.nn.Module):
        around(owner, "zero_grad", make)


def hold_clearing(is_held):
    """zero_grad() does nothing while is_held()."""
    def make(original):
        def zero_grad(self, *args, **kwargs):
            return None if is_held() else original(self, *args, **kwargs)
        return zero_grad
    for owner in (torch.optim.Optimizer, torch.nn.Module):
        around(owner, "zero_grad", make)


class NoGrad:
    """The lines of `with torch.no_grad():` that are being run; those of `passed` do not switch gradients off."""

    def __init__(self, passed=(), happened=None):
        self.open = []
        self.passed, self.happened = {tuple(line) for line in passed}, happened
        around(torch.no_grad, "__enter__", self.make_enter)
        around(torch.no_grad, "__exit__", self.make_exit)

    def line(self):
        """(file, line) of the innermost one that switched gradients off; None where there is none."""
        return next((line for line in reversed(self.open) if line is not None), None)

    def make_enter(self, original):
        def __enter__(manager):
            was = torch.is_grad_enabled()
            result = original(manager)
            place = place_of(*sessions.user_frame(2)) if was else None
            line = (place["file"], place["line"]) if place else None
            self.open.append(line)
            if line in self.passed:
                torch.set_grad_enabled(True)
                self.happened()
            return result
        return __enter__

    def make_exit(self, original):
        def __exit__(manager, *args):
            if self.open:
                self.open.pop()
            return original(manager, *args)
        return __exit__


def watch_eval(places):
    """Notes in places[module] where it was last put into evaluation mode."""
    def make(original):
        def train(self, mode=True):
            if not mode:
                places[self] = here()
            return original(self, mode)
        return train
    around(torch.nn.Module, "train", make)


_apply = {"make": None}  # what is asked in the place of Function.apply


def prepare_apply():
    """Puts a door before Function.apply, before the program takes hold of it (`swish = Swish.apply`). It is open until around_apply."""
    original = inspect.getattr_static(torch.autograd.Function, "apply")
    if hasattr(original, "__tenet__"):
        return

    class Door(classmethod):
        __tenet__ = True

    def apply(cls, *args, **kwargs):
        natural, make = original.__get__(None, cls), _apply["make"]
        return natural(*args, **kwargs) if make is None else make(cls, lambda: natural(*args, **kwargs), args, kwargs)
    torch.autograd.Function.apply = Door(apply)


def around_apply(make):
    """make(class, natural, args, kwargs) is asked in the place of every Function.apply; natural() calls the original."""
    _apply["make"] = make


_clipping = {"make": None}  # what is asked in the place of a function that clips


def prepare_clipping():
    """Puts a door before the functions that clip gradients, before the program imports them by name. It is open until around_clipping."""
    def door(original):
        @functools.wraps(original)
        def clip(*args, **kwargs):
            make = _clipping["make"]
            return original(*args, **kwargs) if make is None else make(original, args, kwargs)
        return clip
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        original = getattr(torch.nn.utils, name)
        if not hasattr(original, "__wrapped__"):
            made = door(original)
            setattr(torch.nn.utils, name, made)
            setattr(torch.nn.utils.clip_grad, name, made)


def around_clipping(make):
    """make(original, args, kwargs) is asked in the place of every clip_grad_norm_ and clip_grad_value_."""
    _clipping["make"] = make


_inits = {"places": None}  # address of a tensor: the line of the program that filled it last


def prepare_inits():
    """Puts a door before the functions of torch.nn.init, before the program imports them by name. It is open once watch_inits was called."""
    def door(original):
        @functools.wraps(original)
        def init(*args, **kwargs):
            result = original(*args, **kwargs)
            if _inits["places"] is not None and isinstance(result, torch.Tensor):
                _inits["places"][result.data_ptr()] = here()
            return result
        return init
    for name, original in list(vars(torch.nn.init).items()):
        if inspect.isfunction(original) and name.endswith("_") and not name.startswith("_") and not hasattr(original, "__wrapped__"):
            setattr(torch.nn.init, name, door(original))


def watch_inits():
    """The lines of the program that fill tensors by torch.nn.init from now on: {address: place}."""
    _inits["places"] = _inits["places"] or {}
    return _inits["places"]


def around_schedulers(make):
    """step() of every scheduler's class; make(scheduler, call) is asked in its place."""
    module = torch.optim.lr_scheduler
    running = []  # a scheduler may step others, and its parent's step()

    def wrap(original):
        def step(self, *args, **kwargs):
            if running:
                return original(self, *args, **kwargs)
            running.append(self)
            try:
                return make(self, lambda: original(self, *args, **kwargs))
            finally:
                running.clear()
        return step
    for kind in list(vars(module).values()):
        if isinstance(kind, type) and "step" in kind.__dict__ and not issubclass(kind, torch.optim.Optimizer):
            around(kind, "step", wrap)
