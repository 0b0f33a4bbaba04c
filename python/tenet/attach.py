"""Starts the session of a program that runs under tenet, once its framework has been imported; bootstrap/sitecustomize.py calls it.

A process that the program starts (a rank, a loader's worker of the spawn kind, a helper) is hooked as well, but says nothing until it
trains: torch_watch wakes it at its first optimizer. A launcher of ranks is not hooked; its ranks are.
"""

import importlib
import json
import os
import sys

from . import session as sessions

# In this order: a later part builds on what an earlier one has set up.
PARTS = {
    "torch": (
        "torch_watch",
        "torch_losses",
        "torch_loaders",
        "torch_knobs",
        "torch_score",
        "torch_net",
        "torch_usage",
        "torch_patch",
        "torch_facts",
        "torch_checkpoints",
        "torch_forks",
    ),
    "keras": ("keras_attach",),
}
MAIN = "TENET_MAIN"  # the process that the parent started: its id, for those that come after it
LAUNCHERS = ("torchrun", "torch/distributed/run.py", "torch/distributed/launch.py", "torch/distributed/__main__.py")


def read_trial():
    """The trial file; without one the program runs as it is and is watched."""
    path = os.environ.get("TENET_TRIAL")
    if not path:
        return {"id": "", "mode": "train", "vitals_share": 0.05}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def is_launcher():
    """Whether this process only starts others, which train."""
    words = [sys.argv[0] if getattr(sys, "argv", None) else ""] + list(getattr(sys, "orig_argv", ()))[:4]
    return any(word.replace(os.sep, "/").endswith(LAUNCHERS) for word in words) or any(
        first == "-m" and second in ("torch.distributed.run", "torch.distributed.launch", "torch.distributed")
        for first, second in zip(words, words[1:])
    )


def framework_of(name):
    module = sys.modules[name]
    if name != "keras":
        return "%s %s" % (name, getattr(module, "__version__", "?"))
    backend = getattr(getattr(module, "backend", None), "backend", None)
    return "keras %s %s" % (getattr(module, "__version__", "?"), backend() if callable(backend) else "?")


def attach(name):
    """Called when framework `name` has been imported. Keras may import torch: then this runs for torch first, and the session is
    Keras's."""
    if name == "torch" and "keras" in sys.modules and not hasattr(sys.modules["keras"], "Model"):
        return  # the import of keras is under way, and attaches at its end
    session = sessions.current()
    if session is None:
        if is_launcher():
            return
        is_main = os.environ.get(MAIN, str(os.getpid())) == str(os.getpid())
        if is_main:
            os.environ[MAIN] = str(os.getpid())
        session = sessions.start(read_trial(), os.environ["TENET_SOCKET"], framework_of(name), is_main)
        if is_main and session.link is None:
            return  # nobody listens
        if is_main and session.mode != "serve":
            session.hello()
    install(session, name)


def install(session, framework):
    for part in PARTS[framework]:
        try:
            importlib.import_module("." + part, __package__).install(session)
        except Exception as error:
            session.failed("the start of " + part, error)
