"""A session in the test's own process, without a parent: what the parts would have said is kept. Programs are functions that are called once a trial, always from the same line, so that a
loader's call site is the same in each. Not a test itself.

Steps are told by train_step(), in place of the hooks of torch_watch, which these tests leave out: modules and optimizers are announced by made(), forward passes by forward().
"""
import math

from support_parent import whole_trial

from tenet import knob_answers, session as sessions, torch_knobs, torch_loaders, torch_losses, torch_score


class Link:
    """Keeps scores."""

    alive = True

    def __init__(self):
        self.scores = []

    def score(self, step, samples, train_score=math.nan, valid_score=math.nan, train_loss=math.nan, valid_loss=math.nan):
        self.scores.append((step, train_score, valid_score, train_loss))


class Recorded(sessions.Session):
    def __init__(self, trial):
        super().__init__(whole_trial(trial), "", "torch")
        self.link = Link()
        self.texts = []

    def _text(self, kind, content):
        self.texts.append((kind, sessions.plain(content)))

    def flush(self):
        pass

    def of(self, kind):
        return [content for found, content in self.texts if found == kind]

    @property
    def applied_names(self):
        return [name for record in self.of(sessions.APPLIED) for name in record["applied"]]

    @property
    def refusals(self):
        return {name: why for record in self.of(sessions.APPLIED) for name, why in record["refused"].items()}

    @property
    def notes(self):
        return [record["text"] for record in self.of(sessions.NOTE)]

    @property
    def shown_samples(self):
        return [sample for record in self.of(sessions.SHOWN) for sample in record["samples"]]



def run(program, trial, reason="exit"):
    """One trial of program(session) in this process; returns the session and what the program returned."""
    session = Recorded(trial)
    session.end = lambda reason, *_: (_ for _ in ()).throw(Stop(reason))
    before = sessions._current
    sessions._current = session
    made = None
    try:
        for part in (torch_losses, torch_loaders, torch_knobs, torch_score):
            part.install(session)
        made = program(session)
    except Stop as stop:
        reason = stop.args[0]
    finally:
        session.finish(reason)
        sessions._current = before
    return session, made


class Stop(BaseException):
    """What ends the program at its budget: no listener may catch it."""


def look_and_run(program, trial=None, **more):
    """A look, then the trial with what it found. Returns (look, its result, trial, its result)."""
    given, results = [{"mode": "look"}, dict(trial or {}, **more)], []
    for one in given:
        if results:
            one["known"] = results[0].private
        results += run(program, one)
    return results


def made(*things):
    """Tells the session of modules and optimizers, as their construction would."""
    import torch
    session = sessions.current()
    for thing in things:
        if session is not None:
            session.emit("optimizer_created" if isinstance(thing, torch.optim.Optimizer) else "module_created", thing)


def forward(module, *args, **kwargs):
    """A call of the root module."""
    session = sessions.current()
    if session is None or session.ended:
        return module(*args, **kwargs)
    args, kwargs = session.emit_input(module, args, kwargs)
    output = module(*args, **kwargs)
    session.emit("root_output", module, args, output)
    return output


def train_step(optimizer, loss, is_primary=True):
    """zero_grad, backward and step, with the events that torch_watch makes of them."""
    session = sessions.current()
    optimizer.zero_grad()
    session.emit("backward", float(loss.detach()), True)
    loss.backward()
    session.emit("before_step", optimizer, is_primary)
    rates = [group.get("lr") for group in optimizer.param_groups]
    optimizer.step()
    session.emit("after_step", optimizer, is_primary)
    if is_primary:
        session.step += 1
        session.emit("step_done", session.step)
    return rates
