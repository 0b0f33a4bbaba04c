"""The one object that the parts of an attached program share: what the trial asks for, what was acknowledged, and the events that the parts
listen to.

A process has one session or none. It belongs to the process that made it: in the child of a fork it is asleep, which is what a loader's
worker needs; a child that trains wakes it with a link of its own (see wake). No function here prints.
"""

import atexit
import json
import os
import sys
import traceback

from . import _tenet, crash_advice

HELLO, APPLIED, FACTS, SHOWN, NOTE, END, EXITED = 1, 2, 3, 8, 9, 10, 11  # of src/run/wire.h
PROTOCOL = 2
NOTES_MAX = 20
PACE_SECONDS = 0.005  # steps closer to each other share a sending: waking the parent costs more than a small network's step
TRAIN_PACE_SECONDS = 0.025  # nobody waits for the steps of a plain training as the experiments wait for those of a trial

_current = None


def current():
    """The session of this process; None where nobody watches."""
    session = _current
    return session if session is not None and session.live else None


def awake():
    """The session of this process, which is woken where it slept: for what only a process that trains does."""
    session = _current
    if session is not None and session.asleep and not is_loader_worker():
        session.wake()
    return current()


def is_loader_worker():
    data = sys.modules.get("torch.utils.data")
    return data is not None and data.get_worker_info() is not None


def plain(value):
    """A value as JSON can hold it: what has item() is a number, what has none is told by its text; numbers that are not finite are null."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    item = getattr(value, "item", None)
    return plain(item()) if callable(item) else str(value)


class Counts:
    step = samples = 0


class Session:
    def __init__(self, trial, address, framework):
        self.framework = framework
        self.address = address
        self.link = None
        self.live = True  # False in a forked child that did not wake
        self.pid = os.getpid()
        self.counts = Counts()  # of steps and samples; torch_watch keeps them in C
        self.private = {}
        self.facts = {}
        self.said = []  # of this process, for FACTS
        self.ended = False
        self.sees_losses = True  # False in a plain training between the steps that are scored
        self.said_hello = False
        self._listeners = {}
        self._failed = set()
        self._knobs_of = {}
        self.changed = lambda: None  # called where somebody begins to listen
        self.settle = lambda: None  # called before anything is told: what is owed of the last step comes first
        # No listener of backward, before_step, after_step, step_done, root_input and root_output needs the steps before this one; set by a
        # listener of step_done.
        self.resting_until = 0
        self.asleep = False
        self.take(trial)

    @property
    def step(self):
        """Steps of the primary optimizer so far."""
        return self.counts.step

    @step.setter
    def step(self, value):
        self.counts.step = value

    @property
    def samples(self):
        """Training samples so far."""
        return self.counts.samples

    @samples.setter
    def samples(self, value):
        self.counts.samples = value

    def take(self, trial):
        """Follows this trial from here on."""
        self.trial = trial
        self.mode = trial.get("mode") or "train"
        self.knobs = dict(trial.get("knobs") or {})
        self.patch = trial.get("patch")
        self.known = trial.get("known") or {}

    # ---- the link ----

    def connect(self):
        """Opens the link. Where nobody listens the program goes on alone."""
        try:
            self.link = _tenet.Link(self.address)
            self.link.pace(TRAIN_PACE_SECONDS if self.mode == "train" else PACE_SECONDS)
        except OSError:
            self.link = None
            self.live = False

    def hello(self, serves=None, why=None):
        rank, world = rank_and_world()
        self.said_hello = True
        self._text(
            HELLO,
            {
                "protocol": PROTOCOL,
                "pid": os.getpid(),
                "rank": rank,
                "world": world,
                "framework": self.framework,
                "trial": str(self.trial.get("id", "")),
                "serves": serves,
                "why": why,
            },
        )
        self.flush()

    def _text(self, kind, content):
        if self.link is not None and self.live:
            self.settle()
            self.link.text(kind, json.dumps(plain(content)))

    def flush(self):
        if self.link is not None and self.live:
            self.settle()
            self.link.flush()

    def score(self, step, samples, **values):
        """As the link's."""
        if self.link is not None and self.live:
            self.settle()
            self.link.score(step, samples, **values)

    def sleep(self):
        """In a forked child: the socket is the parent's."""
        if self.link is not None:
            self.link.abandon()
        self.link = None
        self.live = False
        self.asleep = True
        self.emit("sleep")

    def wake(self, trial=None):
        """In a forked child that trains: a link of its own, under the same trial or another one. The caller says hello where a trial is
        given."""
        if trial is not None:
            self.take(trial)
        self.pid = os.getpid()
        self.live = True
        self.asleep = self.ended = False
        self.step = self.samples = 0
        self.connect()
        if not self.live:
            return
        if trial is None:
            self.hello()
        finish_with_multiprocessing()
        self.emit("wake")

    # ---- what the parent is told ----

    def applied(self, *names):
        if names:
            self._text(APPLIED, {"applied": list(names), "refused": {}})

    def refused(self, name, why):
        self._text(APPLIED, {"applied": [], "refused": {name: str(why)}})

    def note(self, text):
        if str(text) not in self.said and len(self.said) < NOTES_MAX:
            self.said.append(str(text))
        self._text(NOTE, {"text": str(text)})

    def tell_facts(self):
        """What is known so far of a plain training; the end tells all of it again."""
        self._text(FACTS, self.facts)

    def note_origin(self, text, origin):
        """Where finite numbers broke: told to the parent, and no note for people."""
        self._text(NOTE, {"text": text, "origin": origin})
        self.flush()

    # ---- events ----

    def on(self, event, function, knob=None):
        """Calls function at every `event`, after those that came before. Where it serves a knob, its failure refuses that knob."""
        self._listeners.setdefault(event, []).append(function)
        if knob is not None:
            self._knobs_of[function] = knob
        self.changed()

    def listeners(self, event):
        """The listeners, in a list that stays the same one: what is emitted often looks there first, whether anybody is."""
        return self._listeners.setdefault(event, [])

    def listens(self, event):
        """Whether anybody listens: what is emitted often is not even put together for nobody."""
        return bool(self._listeners.get(event))

    def emit(self, event, *args):
        """Calls the listeners in order, and returns the last result that is not None. A listener that fails is told of once and dropped;
        the program goes on."""
        result = None
        for function in tuple(self._listeners.get(event, ())):
            try:
                answer = function(*args)
            except Exception as error:
                self.drop(event, function, error)
                continue
            if answer is not None:
                result = answer
        return result

    def emit_input(self, module, args, kwargs):
        """The event root_input: each listener gets what the one before it made of the arguments. Returns (args, kwargs)."""
        for function in tuple(self._listeners.get("root_input", ())):
            try:
                answer = function(module, args, kwargs)
            except Exception as error:
                self.drop("root_input", function, error)
                continue
            if answer is not None:
                args, kwargs = answer
        return args, kwargs

    def drop(self, event, function, error):
        """Takes a listener that failed away, and says where."""
        listeners = self._listeners.get(event, [])
        if function in listeners:
            listeners.remove(function)
        self.failed(event, error)
        knob = self._knobs_of.get(function)
        if knob is not None:
            self.refused(knob, "%s: %s" % (type(error).__name__, error))

    def failed(self, what, error):
        """Notes a failure of tenet's own, once for each place."""
        frames = traceback.extract_tb(error.__traceback__)
        where = "%s:%d" % (os.path.basename(frames[-1].filename), frames[-1].lineno) if frames else "?"
        if (what, where) not in self._failed:
            self._failed.add((what, where))
            self.note(
                "tenet failed at %s (%s): %s: %s. The program goes on without that part; please report it."
                % (what, where, type(error).__name__, error)
            )

    # ---- the end ----

    def end(self, reason, text=None, file=None, line=None):
        """Sends the rest and ends the program, unless it is ending by itself (reason "exit" or "exception"). Exit functions run; what they
        write is written."""
        self.finish(reason, text, file, line)
        if reason in ("exit", "exception"):
            return
        for function in (
            getattr(atexit, "_run_exitfuncs", None),
            sys.stdout.flush if sys.stdout else None,
            sys.stderr.flush if sys.stderr else None,
        ):
            try:
                if function is not None:
                    function()
            except Exception:
                traceback.print_exc()  # as Python itself tells an exit function's failure
        os._exit(0)

    def finish(self, reason, text=None, file=None, line=None):
        if self.ended or not self.live:
            return
        self.ended = True
        self.emit("end", reason)
        if self.mode in ("look", "train"):
            facts = dict(self.facts)
            facts["notes"] = self.said
            facts.setdefault("framework", self.framework)
            facts["private"] = self.private
            self._text(FACTS, facts)
        self._text(END, {"reason": reason, "text": text, "file": file, "line": line})
        self.flush()


def rank_and_world():
    """Of a distributed program: as torch.distributed has it, else as the launcher's environment says."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    try:
        if distributed is not None and distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
    except Exception:
        pass  # half initialised: the environment is what is left
    try:
        return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        return 0, 1


def user_frame(depth=1):
    """(file, line) of the innermost frame of the program's own: not torch's, not tenet's, not the standard library's. (None, 0) where there
    is none."""
    frame = sys._getframe(depth)
    while frame is not None:
        name = frame.f_code.co_filename
        if not is_foreign(name):
            return os.path.abspath(name), frame.f_lineno
        frame = frame.f_back
    return None, 0


_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_foreign = {}


def is_foreign(name):
    """Whether a file of code belongs to an installed package, to tenet or to the standard library."""
    known = _foreign.get(name)
    if known is None:
        path = os.path.abspath(name)
        known = name.startswith("<") or path.startswith((_HERE, _STANDARD)) or "/site-packages/" in path or "/dist-packages/" in path
        _foreign[name] = known
    return known


def start(trial, address, framework, awake_at_once=True):
    """Makes this process's session. Its link is open where somebody listens; a process that is not awake at once has none before it
    trains."""
    global _current
    _current = Session(trial, address, framework)
    if awake_at_once:
        _current.connect()
    else:
        _current.sleep()
    os.register_at_fork(after_in_child=_sleep_after_fork)
    atexit.register(_at_exit)
    return _current


def _sleep_after_fork():
    if _current is not None:
        _current.sleep()


def finish_with_multiprocessing():
    """A process of multiprocessing's runs its own exit functions and not Python's."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, _at_exit, exitpriority=100)


def _at_exit():
    """The program ends by itself. What Python printed as the uncaught exception, it left in sys.last_value."""
    session = current()
    if session is None or session.ended:
        return
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if error is None:
        session.finish("exit")
        return
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_foreign(frame.filename)]
    file, line = (os.path.abspath(frames[-1].filename), frames[-1].lineno) if frames else (None, 0)
    session.finish("exception", crash_advice.told(error), file, line)
