"""Notes a checkpoint that the program loads by itself: a trial that goes on from trained weights says little about how they are trained."""
import functools

import torch

from . import session as sessions


def install(session):
    if session.mode == "train":
        return
    original = torch.load

    @functools.wraps(original)
    def load(f, *args, **kwargs):
        current = sessions.current()
        if current is not None:
            file, line = sessions.user_frame(2)
            name = f if isinstance(f, (str, bytes)) or hasattr(f, "__fspath__") else getattr(f, "name", "a stream")
            current.note("the program loads %s by itself (%s:%s); every trial starts from what it loads" % (name, file, line))
        return original(f, *args, **kwargs)

    torch.load = load
