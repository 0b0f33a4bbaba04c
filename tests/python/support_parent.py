"""A stand-in for the parent process, for tests of attached programs.

It listens on an abstract Unix socket, starts a Python program with the hooks preloaded and a trial file, decodes the records that src/run/wire.h describes, and hands them back. It stores
and judges nothing. Not a test itself.

    run = support_parent.run(SCRIPT, {"mode": "trial", "knobs": {"learning_rate": 0.1}, "steps": 20})
    run.applied, run.refused, run.steps[0].loss, run.scores, run.shown, run.facts, run.end, run.status, run.output
"""
import json
import os
import pathlib
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from typing import NamedTuple

HELLO, APPLIED, FACTS, TENSOR, VITALS, STEP, SCORE, SHOWN, NOTE, END, EXITED, UNITS = range(1, 13)
STOP, FORK = 32, 33
TEXTS = {HELLO, APPLIED, FACTS, SHOWN, NOTE, END, EXITED, FORK}
NAMES = {HELLO: "HELLO", APPLIED: "APPLIED", FACTS: "FACTS", TENSOR: "TENSOR", VITALS: "VITALS", STEP: "STEP", SCORE: "SCORE", SHOWN: "SHOWN", NOTE: "NOTE", END: "END",
         EXITED: "EXITED", UNITS: "UNITS"}
SECONDS_MAX = 120  # a program that takes longer is taken for hung, and killed

Tensor = NamedTuple("Tensor", [("index", int), ("role", int), ("node_index", int), ("count", int), ("units", int), ("node", str), ("parameter", str), ("op", str)])
Vitals = NamedTuple("Vitals", [("step", int), ("index", int), ("count", int), ("nan", int), ("infinite", int), ("zeros", int), ("min", float), ("max", float), ("mean", float),
                               ("m2", float)])
Unit = NamedTuple("Unit", [("zeros", int), ("saturated", int), ("nonfinite", int), ("min", float), ("max", float)])
Units = NamedTuple("Units", [("step", int), ("index", int), ("batch", int), ("values", int), ("low", float), ("high", float), ("units", list)])
Step = NamedTuple("Step", [("step", int), ("samples", int), ("loss", float), ("learning_rate", float), ("gradient_norm", float)])
Score = NamedTuple("Score", [("step", int), ("samples", int), ("train_score", float), ("valid_score", float), ("train_loss", float), ("valid_loss", float)])


def package_folder():
    """The folder that holds the package and bootstrap/: the one that the tests import it from."""
    import tenet
    return pathlib.Path(os.path.abspath(tenet.__file__)).parent.parent  # not resolved: in the build folder the modules are links


def bootstrap_folder():
    """bootstrap/ beside the package, or in the sources where the package was installed otherwise."""
    for folder in (package_folder(), pathlib.Path(__file__).resolve().parents[2] / "python"):
        if (folder / "bootstrap" / "sitecustomize.py").is_file():
            return folder / "bootstrap"
    raise FileNotFoundError("bootstrap/sitecustomize.py is neither beside the package nor in python/")


def read_counts(payload, at, wanted):
    """So many numbers in LEB128, and where they end (src/run/vitals_pack.c)."""
    found = []
    for _ in range(wanted):
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(value)
    return found, at


def decode(kind, payload):
    """One record's payload as text or as a named tuple."""
    if kind in TEXTS:
        return json.loads(payload.decode("utf-8"))
    if kind == TENSOR:
        index, role, has, node_index, count, units = struct.unpack_from("<IBBQQQ", payload)
        node, parameter, op = payload[struct.calcsize("<IBBQQQ"):].split(b"\0")[:3]
        return Tensor(index, role, node_index, count, units, node.decode(), parameter.decode() if has & 1 else None, op.decode() if has & 2 else None)
    if kind == VITALS:
        step, index = struct.unpack_from("<QI", payload)
        (count, nan, positive, negative, zeros, _subnormals, _first), rest = read_counts(payload, 15, 7)
        least, most, _sum, _squares, mean, m2 = struct.unpack_from("<2f4d", payload, rest)
        return Vitals(step, index, count, nan, positive + negative, zeros, least, most, mean, m2)
    if kind == UNITS:
        step, index, count, batch, values, low, high = struct.unpack_from("<QIIQQ2f", payload)
        return Units(step, index, batch, values, low, high, [Unit(*struct.unpack_from("<3Q2f", payload, 40 + 32 * i)) for i in range(count)])
    if kind == STEP:
        return Step(*struct.unpack("<2Q3d", payload))
    if kind == SCORE:
        return Score(*struct.unpack("<2Q4d", payload))
    raise ValueError("a record of type %d" % kind)


def encode(kind, text=""):
    body = text.encode("utf-8")
    return struct.pack("<IB", len(body) + 1, kind) + body


class Connection:
    """One program's records, in the order they came."""

    def __init__(self, sock):
        self.socket = sock
        self.waiting = b""
        self.records = []  # (kind, decoded)
        self.is_open = True
        self.stopped = False

    def feed(self, data):
        self.waiting += data
        while len(self.waiting) >= 5:
            length, kind = struct.unpack_from("<IB", self.waiting)
            if len(self.waiting) < 4 + length:
                return
            self.records.append((kind, decode(kind, self.waiting[5:4 + length])))
            self.waiting = self.waiting[4 + length:]

    def send(self, kind, text=""):
        self.socket.sendall(encode(kind, text))

    def of(self, kind):
        return [value for found, value in self.records if found == kind]

    @property
    def steps(self):
        return self.of(STEP)

    @property
    def scores(self):
        return self.of(SCORE)

    @property
    def tensors(self):
        return {tensor.index: tensor for tensor in self.of(TENSOR)}

    @property
    def vitals(self):
        return self.of(VITALS)

    @property
    def hello(self):
        return self.of(HELLO)[0]

    @property
    def applied(self):
        return [name for record in self.of(APPLIED) for name in record.get("applied", [])]

    @property
    def refused(self):
        return {name: why for record in self.of(APPLIED) for name, why in record.get("refused", {}).items()}

    @property
    def facts(self):
        found = self.of(FACTS)
        return found[-1] if found else None

    @property
    def mends(self):
        """What it offered to change of its use of the framework, by name."""
        return {mend["name"]: mend for mend in self.facts.get("mends", ())}

    @property
    def shown(self):
        return [sample for record in self.of(SHOWN) for sample in record["samples"]]

    @property
    def notes(self):
        return [record["text"] for record in self.of(NOTE)]

    @property
    def end(self):
        found = self.of(END)
        return found[-1] if found else None


class Run(Connection):
    """A program that has ended: its first connection's records, those of all connections, its output and its status."""

    def __init__(self, connections, status, output):
        super().__init__(None)
        self.connections = connections
        self.records = connections[0].records if connections else []
        self.status = status
        self.output = output


def listen():
    """A listening socket in the abstract namespace and its address as $TENET_SOCKET gives it."""
    name = "tenet-test-%s" % uuid.uuid4().hex
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("\0" + name)
    listener.listen(16)
    return listener, "@" + name


def environment_of(address, trial_path, extra):
    environment = dict(os.environ, **(extra or {}))
    paths = [str(bootstrap_folder()), str(package_folder())] + environment.get("PYTHONPATH", "").split(os.pathsep)
    environment.update(PYTHONPATH=os.pathsep.join(path for path in paths if path), TENET_SOCKET=address, TENET_TRIAL=str(trial_path), OMP_NUM_THREADS="1",
                       PYTHONDONTWRITEBYTECODE="1")
    return environment


def whole_trial(trial):
    """A trial file with every key there is."""
    whole = {"schema": "tenet.trial/1", "id": "1", "mode": "trial", "experiment": "test", "threads": 1, "base_seed": 0, "seed": None, "steps": None, "knobs": {},
             "patch": None, "score_every": 0, "unscored": False, "vitals_every": 0, "vitals_share": None, "shown_samples": 0, "want_norms": False, "known": None}
    whole.update(trial or {})
    return whole


def serve(listener, process, stop_at=None, on_record=None, seconds=SECONDS_MAX):
    """Takes connections and their records until the process has ended and every connection is closed. stop_at: STOP is sent after that many steps."""
    connections, deadline = [], time.monotonic() + seconds
    while True:
        open_ones = [connection for connection in connections if connection.is_open]
        ended = process.poll() is not None
        ready, _, _ = select.select([listener] + [connection.socket for connection in open_ones], [], [], 0 if ended else 0.05)
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError("the program ran for more than %d s" % seconds)
        if listener in ready:
            connections.append(Connection(listener.accept()[0]))
        for connection in open_ones:
            if connection.socket in ready:
                read_some(connection, stop_at, on_record)
        if ended and not ready:
            break
    for connection in connections:
        connection.socket.close()
    return connections


def read_some(connection, stop_at, on_record):
    try:
        data = connection.socket.recv(1 << 16)
    except ConnectionResetError:
        data = b""
    if not data:
        connection.is_open = False
        return
    known = len(connection.records)
    connection.feed(data)
    if stop_at and not connection.stopped and len(connection.steps) >= stop_at:
        connection.stopped = True
        connection.send(STOP)
    for kind, value in connection.records[known:] if on_record else ():
        on_record(connection, kind, value)


def run(script, trial=None, arguments=(), environment=None, stop_at=None, on_record=None, python=sys.executable, folder=None, seconds=SECONDS_MAX):
    """Runs a program, given as its text or as the path of a file, as one trial. The working folder is one of its own unless `folder` is given."""
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(folder or made)
        path = os.path.abspath(str(script))
        if "\n" in str(script):
            path = folder / "train.py"
            path.write_text(script)
        trial_path = pathlib.Path(made) / "trial.json"
        trial_path.write_text(json.dumps(whole_trial(trial)))
        listener, address = listen()
        with listener, open(pathlib.Path(made) / "output", "w+b") as output:
            process = subprocess.Popen([python, str(path), *arguments], cwd=str(folder), env=environment_of(address, trial_path, environment), stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT)
            try:
                connections = serve(listener, process, stop_at, on_record, seconds)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
            output.seek(0)
            return Run(connections, process.returncode, output.read().decode("utf-8", "replace"))


def look(script, **options):
    """The first run of a program: its facts are known["..."] of the trials that follow."""
    trial = {"mode": "look", "id": "0"}
    trial.update(options.pop("trial", {}))
    return run(script, trial, **options)
