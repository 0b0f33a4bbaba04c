"""Where a PyTorch program is forked (fork_server.py): at the first of: a module of the network is made, an optimizer is made, a loader is iterated, tenet.data() is called. No GPU may be in use."""
import sys

import torch

from .fork_server import ForkServer
from .torch_trace import is_loss_module

POINTS = ("module_created", "optimizer_created", "loader_iterated", "data_asked")


def is_network_part(module):
    """Transforms of data are modules as well, and a loss has nothing to draw."""
    return not (type(module).__module__.startswith("torchvision.transforms") or is_loss_module(module))


def set_threads(count):
    torch.set_num_threads(count)


def why_not():
    cuda = getattr(torch, "cuda", None)
    return "a GPU is in use when its training begins" if cuda is not None and cuda.is_initialized() else None


class Points:
    def __init__(self, session):
        self.server = ForkServer(session, sys.modules[__name__])
        for event in POINTS:
            # Before all others, which are to follow the trial.
            session.listeners(event).insert(0, self.reached)
        set_threads(1)  # a pool of threads could not be forked

    def reached(self, what):
        if not isinstance(what, torch.nn.Module) or is_network_part(what):
            self.server.reached()


def install(session):
    if session.mode == "serve":
        Points(session)
