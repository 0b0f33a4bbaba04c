"""tenet.debug: the whole protocol on code that stands in a notebook.

    def make_trainer():
        torch.manual_seed(0)
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in DataLoader(dataset, batch_size=32, shuffle=True):
            ...                          # the loop, as ever
    report = tenet.debug(make_trainer, budget="60s")
    report                               # a notebook shows it

make_trainer is called without arguments, once in each trial; it makes the model, the optimizer and the loaders and trains. It may also return a function that does the training. What it reads
may be loaded before: each trial is a fork of this process, on one thread, so data are read once and nothing that a trial does is seen here afterwards, files among it. PyTorch on the CPU only: JAX
and CUDA do not survive a fork, and belong in a script (tenet debug -- python train.py).
"""
import atexit
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import traceback
import uuid

from . import recorder
from .notebook_report import Report

END_SECONDS = 10


def debug(make_trainer, budget=None, seed=None, store=None, threads=None, quiet=False):
    """Debugs what make_trainer trains; see the module. budget: "60s" or "5000steps". Returns a Report; what keeps tenet from running raises RuntimeError with the reason."""
    check(make_trainer)
    program = recorder.find_program()
    if program is None:
        raise RuntimeError("the program tenet is not on the path; TENET_PROGRAM names it")
    command = [program, "debug", "--json", "--no-fork"]
    for name, value in (("--budget", budget), ("--seed", seed), ("--threads", threads), ("--store", None if store is None else os.path.abspath(os.fspath(store)))):
        if value is not None:
            command += [name, str(value)]
    address = "@tenet-notebook-%s" % uuid.uuid4().hex
    command += ["--", sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "notebook_runner.py"), address]
    with Host(make_trainer, address, quiet) as host:
        return host.run(command)


def check(make_trainer):
    from . import session as sessions
    if not callable(make_trainer):
        raise TypeError("tenet.debug() got %s; expected a function that makes the model, the optimizer and the data, and trains" % type(make_trainer).__name__)
    if sessions.current() is not None:
        raise RuntimeError("this process is watched already; tenet.debug() starts trials of its own")
    if "jax" in sys.modules:
        raise RuntimeError("JAX runs threads that a fork would lose; put the training into a script, and run: tenet debug -- python train.py")
    torch = sys.modules.get("torch")
    if torch is None:
        raise RuntimeError("torch is not imported; tenet.debug() forks trainings of PyTorch")
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        raise RuntimeError("a GPU is in use, which a fork would lose; put the training into a script, and run: tenet debug -- python train.py")


class Host:
    """Serves the trials of one debug: each caller is a stand-in that gets a fork of this process."""

    def __init__(self, make_trainer, address, quiet):
        self.make_trainer, self.quiet = make_trainer, quiet
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind("\0" + address[1:])
        self.listener.listen(16)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, self.answer)
        self.trials = {}  # pid: the stand-in's socket
        self.texts = {}  # of the program: its output streams' bytes
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for pid in list(self.trials):
            self.end_trial(pid)
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.selector.close()
        self.listener.close()

    def run(self, command):
        # A session of its own: Ctrl-C comes to this process, which ends it in order.
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        for stream in (self.process.stdout, self.process.stderr):
            self.texts[stream] = b""
            self.selector.register(stream, selectors.EVENT_READ, self.read)
        open_streams = 2
        while open_streams:
            for key, _events in self.selector.select(0.02 if self.trials else 0.5):
                if key.data(key.fileobj) is False:
                    open_streams -= 1
            self.reap()
        self.process.wait()
        try:
            document = json.loads(self.texts[self.process.stdout])
        except ValueError:
            raise RuntimeError("tenet could not debug it: %s" % self.texts[self.process.stderr].decode("utf-8", "replace").strip()) from None
        document.setdefault("subject", {})["name"] = getattr(self.make_trainer, "__name__", "make_trainer")
        return Report(document)

    def read(self, stream):
        """What the program says; False at its end."""
        data = os.read(stream.fileno(), 1 << 16)
        if not data:
            self.selector.unregister(stream)
            return False
        self.texts[stream] += data
        if stream is self.process.stderr and not self.quiet:
            sys.stderr.write(data.decode("utf-8", "replace"))
            sys.stderr.flush()
        return True

    # ---- trials ----

    def answer(self, listener):
        connection, _address = listener.accept()
        with connection.makefile("rb") as reader:
            head, descriptors, _flags, _from = socket.recv_fds(connection, 8, 2)
            words = reader.read(int.from_bytes(head, "little"))
        order = json.loads(words)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pid = os.fork()
        if pid == 0:
            self.be_trial(order, descriptors)  # never returns
        for descriptor in descriptors:
            os.close(descriptor)
        self.trials[pid] = connection
        self.selector.register(connection, selectors.EVENT_READ, self.stand_in_ended)

    def stand_in_ended(self, connection):
        """Tenet has ended the trial: its stand-in was killed."""
        for pid, own in list(self.trials.items()):
            if own is connection:
                self.end_trial(pid)

    def end_trial(self, pid):
        connection = self.trials.pop(pid)
        for target in (-pid, pid):
            try:
                os.kill(target, signal.SIGKILL)
            except OSError:
                pass  # it has ended, or has not made its group yet
        os.waitpid(pid, 0)
        self.forget(connection)

    def forget(self, connection):
        self.selector.unregister(connection)
        connection.close()

    def reap(self):
        for pid in list(self.trials):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found != pid:
                continue
            connection = self.trials.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            try:
                connection.sendall(b"%d\n" % (code if code >= 0 else 128 - code))
            except OSError:
                pass  # the stand-in has gone too
            self.forget(connection)

    # ---- in a trial ----

    def be_trial(self, order, descriptors):
        status = 1
        try:
            server = os.getppid()
            leave_notebook(self, descriptors)
            status = train(self.make_trainer, order, server)
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):
                    pass  # nobody reads it any more
            os._exit(status)


def leave_notebook(host, descriptors):
    """Makes the fork a process of its own: its streams, its signals, and none of the notebook's exit functions or sockets."""
    atexit._clear()
    os.setpgid(0, 0)
    for descriptor, target in zip(descriptors, (1, 2)):
        os.dup2(descriptor, target)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for one in (nothing, *descriptors):
        if one > 2:
            os.close(one)
    host.listener.close()
    for connection in host.trials.values():
        connection.close()
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", buffering=1, closefd=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def train(make_trainer, order, server):
    """One trial, attached as a program of its own would be. Returns its exit status."""
    os.environ.clear()
    os.environ.update(order["environment"])
    import torch

    from . import _tenet, attach, fork_server, session as sessions
    fork_server.end_with(server)
    trial = attach.read_trial()
    if trial.get("isolated") and trial.get("folder"):
        _tenet.scratch_begin(trial["folder"])
    os.chdir(order["folder"])
    torch.set_num_threads(max(1, int(trial.get("threads") or 1)))
    attach.attach("torch")
    status = 0
    try:
        result = make_trainer()
        if callable(result):
            result()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    except BaseException as error:
        traceback.print_exc()
        sys.last_value = error
        status = 1
    sessions._at_exit()
    return status
