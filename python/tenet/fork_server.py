"""Mode "serve": the program runs up to where its training begins, with its modules imported and its data read, and every trial is a fork of it from there.

Where that is, and what else has to be as it was, each framework says by itself (torch_forks.py, keras_forks.py). What forks must have one thread and no process that it works with; else the parent
hears why, and starts each trial by itself.

In the child: output goes to the trial's file, a fresh scratch layer lies over the files, the session follows the trial over a link of its own, random numbers go on where they stood. The
child leads a group of processes, so that its workers end with it; it ends with the server, at the latest. Exit functions of the program run in the children, not in the server.
"""
import ctypes
import gc
import json
import multiprocessing
import os
import random
import signal
import sys
import traceback

from . import _tenet, attach, session as sessions

FORK, EXITED = 33, 11  # of src/run/wire.h
PR_SET_PDEATHSIG = 1
WAIT_BUSY, WAIT_IDLE = 0.02, -1  # seconds between two looks at the children; -1: for ever


def why_not():
    """Why this process cannot be forked safely; None where it can."""
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        return "this system does not tell how many threads run (/proc/self/task)"
    if threads > 1:
        return "%d threads run when its training begins; a fork would have one of them" % threads
    if multiprocessing.active_children():
        return "it works with processes of its own when its training begins"
    if sessions.rank_and_world()[1] > 1 or os.environ.get(attach.MAIN, str(os.getpid())) != str(os.getpid()):
        return "its training runs in a process that it starts"
    if os.environ.get("TENET_HYPES"):
        return "it may have read its hyper-parameters when its training begins"
    return None


class ForkServer:
    """`framework` has set_threads(count), of a trial's, and why_not(), which adds to the one here."""

    def __init__(self, session, framework):
        self.session, self.framework = session, framework
        self.is_waiting = True
        self.children = {}  # pid: the trial's id

    def reached(self):
        """Training begins. The first call serves the trials and returns in their forks alone, or ends the process; what follows it does nothing."""
        if not self.is_waiting:
            return
        self.is_waiting = False
        why = why_not() or self.framework.why_not()
        self.session.hello(serves=why is None, why=why)
        if why is not None:
            os._exit(0)
        try:
            self.serve()  # returns in a child only
        except BaseException:
            if self.children is not None:
                traceback.print_exc()
                self.leave(1)
            raise

    # ---- the server ----

    def serve(self):
        flush_all()
        gc.freeze()  # what is there now stays; looking at it would copy its pages in each child
        while True:
            self.reap()
            try:
                record = self.session.link.wait(WAIT_BUSY if self.children else WAIT_IDLE)
            except ConnectionError:
                self.leave(0)
            if record is not None and record[0] == FORK and self.fork(json.loads(record[1])):
                return

    def fork(self, order):
        """True in the child."""
        with open(order["trial"], encoding="utf-8") as file:
            trial = json.load(file)
        state, server = random.getstate(), os.getpid()
        flush_all()
        try:
            pid = os.fork()
        except OSError as error:
            print("tenet: the fork of trial %s failed: %s" % (trial.get("id"), error), file=sys.stderr, flush=True)
            self.tell(trial.get("id"), 1 << 8)
            return False
        if pid > 0:
            self.children[pid] = str(trial.get("id"))
            return False
        self.children = None
        try:
            begin(self.session, self.framework, trial, order, state, server)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        return True

    def reap(self):
        for pid in list(self.children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found == pid:
                self.tell(self.children.pop(pid), status)

    def tell(self, trial, status):
        self.session._text(EXITED, {"trial": str(trial), "status": status})
        self.session.flush()

    def leave(self, status):
        """Ends the children and the server. The program's exit functions are the children's."""
        for pid in self.children:
            for target in (-pid, pid):
                try:
                    os.kill(target, signal.SIGKILL)
                except OSError:
                    pass  # it has ended, or has not made its group yet
        os._exit(status)


# ---- a child ----

def begin(session, framework, trial, order, state, server):
    """Makes this fork the process of a trial of its own."""
    os.setpgid(0, 0)
    end_with(server)
    redirect(order["output"])
    os.environ["TENET_TRIAL"] = order["trial"]
    os.environ[attach.MAIN] = str(os.getpid())
    for name, key in (("TENET_LOG", "log"), ("TENET_HYPES", "hypes")):
        if trial.get(key):
            os.environ[name] = trial[key]
    if trial.get("isolated") and trial.get("folder"):
        _tenet.scratch_begin(trial["folder"])
    random.setstate(state)  # Python seeds it anew in a fork
    framework.set_threads(max(1, int(trial.get("threads") or 1)))
    session.wake(trial)
    session.hello()


def end_with(server):
    """Asks the system to end this process where the server ends, however that happens."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return  # not Linux: the link tells it at the next step
    if os.getppid() != server:
        os._exit(1)


def redirect(path):
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def flush_all():
    """What is still in a buffer would be written by each child again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # closed, or none
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, AttributeError):
        pass
