"""One look and its trials in the test's own process, with the parts that describe and patch a network. Not a test itself.

    look = support_net.look(make, x, loss)         look.net, look.loss, look.why, look.session
    trial = support_net.trial(look, {"net.1": {"op": "relu"}})      trial.losses, trial.is_applied, trial.why, trial.model
"""
import json
import os
import pathlib
import subprocess
import tempfile

import support_session
import torch

from tenet import session as sessions, torch_facts, torch_loaders, torch_losses, torch_net, torch_patch

RELEASE = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "tenet"
TENET = os.environ.get("TENET_PROGRAM") or str(RELEASE)
DATA = {"train": {"format": "idx", "inputs": "inputs.gz", "labels": "labels.gz"}}


class Look:
    def __init__(self, program, session):
        self.program, self.session = program, session
        self.facts = session.facts
        self.net, self.loss = session.facts["net"], session.facts["loss"]
        self.why = session.facts.get("refused", {}).get("patch")
        self.places = session.facts["places"]

    @property
    def ops(self):
        return None if self.net is None else [node["op"] for node in self.net]

    def node(self, number):
        """A node's keys without its name."""
        return {key: value for key, value in self.net[number].items() if key != "name"}


class Program:
    """make() gives the model, loss(output) what backward() is called on."""

    def __init__(self, make, x, loss, steps=2, optimizer=None):
        self.make, self.x, self.loss, self.steps = make, x, loss, steps
        self.optimizer = optimizer or (lambda model: torch.optim.SGD([one for one in model.parameters() if one.requires_grad], lr=0.1))
        self.model = None
        self.losses = []

    def __call__(self, session):
        torch.manual_seed(0)
        around = torch.nn.Module.__init__

        def announced(module, *args, **kwargs):
            session.emit("module_created", module)
            around(module, *args, **kwargs)

        torch.nn.Module.__init__ = announced
        try:
            self.model = self.make()
        finally:
            torch.nn.Module.__init__ = around
        optimizer = self.optimizer(self.model)
        support_session.made(optimizer)
        self.losses = []
        for _ in range(self.steps):
            loss = self.loss(support_session.forward(self.model, self.x))
            self.losses.append(float(loss.detach()))
            support_session.train_step(optimizer, loss)
        return self


def run(program, trial):
    """A trial of the program, or its look."""
    session = support_session.Recorded(trial)
    before, sessions._current = sessions._current, session
    try:
        for part in (torch_losses, torch_loaders, torch_net, torch_patch, torch_facts):
            part.install(session)
        program(session)
    finally:
        session.finish("exit")
        sessions._current = before
    return session


def look(make, x, loss, **more):
    program = Program(make, x, loss, **more)
    return Look(program, run(program, {"mode": "look"}))


class Trial:
    def __init__(self, program, session):
        self.losses, self.model = list(program.losses), program.model
        self.is_applied = "patch" in session.applied_names
        self.why = session.refusals.get("patch")
        self.notes = session.notes


def trial(seen, patch, **more):
    """A trial with a patch of what the look `seen` found; what goes between them goes through JSON."""
    known = json.loads(json.dumps(sessions.plain(seen.session.private)))
    session = run(seen.program, dict({"mode": "trial", "patch": patch, "known": known}, **more))
    return Trial(seen.program, session)


def accepted(net, loss, solver):
    """What `tenet hypes` says to a file made of these: "" where it is accepted."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "hypes.json"
        path.write_text(json.dumps({"data": DATA, "net": net, "loss": loss, "solver": solver or {}}))
        done = subprocess.run([TENET, "hypes", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        return "" if done.returncode == 0 else done.stdout
