"""tenet.watch: a light recorder for long runs that nobody started under tenet.

    recorder = tenet.watch(model, optimizer, store="runs.tenet")
    ...                      the training, as ever
    recorder.close()         not needed: the end of the program closes it too

The program `tenet record` is started beside the training, and is its parent as far as records go: it alone writes the store, runs the rules and says on stderr what they see, as it
happens. The training tells it the loss of each step, and the vitals of tensors as often as costs at most a twentieth of the time. Nothing that goes wrong here ends the training or changes
what it computes. Under `tenet debug` or `tenet train` these lines do nothing: somebody watches already.
"""
import atexit
import functools
import json
import os
import select
import shutil
import subprocess
import sys

START_SECONDS = 20  # for `tenet record` to say where to call
END_SECONDS = 30  # for it to write the last of the store and its report


class Recorder:
    """A recording under way. `report` is the document of docs/report.md once it is closed; None before, and where nothing was recorded."""

    def __init__(self, process=None, session=None, why=None):
        self.process, self.session, self.why = process, session, why
        self.report = None
        if process is not None:
            atexit.register(self.close)

    @property
    def is_recording(self):
        return self.session is not None and self.session.live and self.session.link is not None and self.session.link.alive

    @property
    def signals(self):
        """What the rules saw: [{"rule", "step", "text", ...}]. Empty until the recording is closed."""
        return [signal for signal in (self.report or {}).get("signals", []) if signal.get("state") == "fired"]

    def close(self):
        """Ends the recording; the training may go on. Returns the report."""
        process, self.process = self.process, None
        if process is None:
            return self.report
        atexit.unregister(self.close)
        if os.getpid() != self.session.pid:
            return None  # a forked child's copy: the recording is its parent's
        self.session.finish("exit")
        self.session.live = False
        if self.session.link is not None:
            self.session.link.close()
            self.session.link = None
        try:
            output, _nothing = process.communicate(timeout=END_SECONDS)
            self.report = json.loads(output)
        except (subprocess.TimeoutExpired, ValueError, OSError) as error:
            process.kill()
            self.why = "its report could not be read: %s" % error
        return self.report

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()


def find_program():
    """The program tenet: $TENET_PROGRAM, the one beside this package, or the one on the path. None where there is none."""
    given = os.environ.get("TENET_PROGRAM")
    if given:
        return given
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for place in (os.path.join(os.path.dirname(folder), "tenet"), os.path.join(folder, "..", "..", "..", "bin", "tenet")):
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return os.path.normpath(place)
    return shutil.which("tenet")


def start_program(store, name):
    """(process, {"socket", "trial"}) of a `tenet record` that listens. Raises OSError with the reason."""
    program = find_program()
    if program is None:
        raise OSError("the program tenet is not on the path; TENET_PROGRAM names it")
    command = [program, "record", name]
    if store is not None:
        command += ["--store", os.path.abspath(os.fspath(store))]
    # A session of its own: Ctrl-C is for the training to answer.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else b""
    try:
        return process, json.loads(line)
    except ValueError:
        process.kill()
        process.wait()
        raise OSError("tenet record did not start" + ("" if ready else " within %d seconds" % START_SECONDS)) from None


def framework_of(things):
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    if keras is not None and hasattr(keras, "Model") and any(isinstance(thing, (keras.Model, keras.optimizers.Optimizer)) for thing in things):
        return "keras"
    if torch is not None and any(isinstance(thing, (torch.nn.Module, torch.optim.Optimizer)) for thing in things):
        return "torch"
    raise TypeError("tenet.watch() got %s; expected a torch.nn.Module or a keras.Model, and its optimizer" % ", ".join(type(thing).__name__ for thing in things))


def watch(*models_and_optimizers, store="runs.tenet", name=None, vitals_every=None):
    """Records the training of a model: tenet.watch(model, optimizer, store="runs.tenet").

    store: the SQLite file, None for none. name: what the run is called; the script's name where it is not given. vitals_every: observe tensors every n steps, in place of as often as costs
    little. Returns a Recorder. What keeps it from recording is said once on stderr, and is no error.
    """
    from . import session as sessions
    if sessions.current() is not None:
        return Recorder(why="somebody watches already")
    framework = framework_of([thing for thing in models_and_optimizers if thing is not None])
    process = None
    try:
        process, said = start_program(store, name or os.path.basename(sys.argv[0] or "") or "a training")
        with open(said["trial"], encoding="utf-8") as file:
            trial = json.load(file)
        if vitals_every is not None:
            trial.update(vitals_every=int(vitals_every), vitals_share=None)
        session = sessions.start(trial, said["socket"], version_of(framework))
        if session.link is None:
            raise OSError("tenet record does not answer")
        session.end = functools.partial(finish, session)
        session.hello()
        install(session, framework, [thing for thing in models_and_optimizers if thing is not None])
    except Exception as error:  # the training must not suffer from it
        if process is not None:
            process.kill()
            process.wait()
        sys.stderr.write("tenet: the training is not recorded: %s\n" % error)
        return Recorder(why=str(error))
    return Recorder(process, session)


def version_of(framework):
    from . import attach
    return attach.framework_of(framework)


def finish(session, reason, *rest):
    """In place of Session.end: a recording ends no program."""
    session.finish(reason, *rest)
    session.sleep()


# ---- models and optimizers that exist already ----

def install(session, framework, things):
    if framework == "keras":
        from . import keras_attach
        keras_attach.install(session)
        for thing in things:
            if hasattr(thing, "train_function"):
                thing.train_function = None  # made before anybody watched
        return
    import torch

    from . import torch_watch
    torch_watch.install(session)
    watching = torch_watch.active()
    for thing in things:
        if isinstance(thing, torch.nn.Module):
            for module in thing.modules():
                watching.names.module_created(module)
        elif isinstance(thing, torch.optim.Optimizer):
            wrap_step(thing)


def wrap_step(optimizer):
    """The optimizer's own step. A scheduler that was made before has put a function of its own on the object, which holds the class's step as it was then."""
    from . import torch_watch
    inner = optimizer.step

    @functools.wraps(inner)
    def step(*args, **kwargs):
        watching = torch_watch.active()
        if watching is None or watching.pulse.in_step:
            return inner(*args, **kwargs)
        return watching.run_step(lambda _self, *rest, **named: inner(*rest, **named), optimizer, args, kwargs)
    optimizer.step = step
