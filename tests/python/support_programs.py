"""The example programs of examples/torch/programs, with settings under which each takes a second or two, and what it takes to run one and compare. Not a test itself.

A program runs on a copy of its folder, in an empty working directory beside it, with a home of its own. So everything that it could write is under one root, and can be hashed."""
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
from typing import Dict, List, NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parents[2]
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
SECONDS_MAX = 300  # a run that takes longer is taken for hung

Program = NamedTuple("Program", [
    ("name", str),
    ("arguments", List[str]),        # of python; the first that ends in .py is relative to the programs' folder
    ("before", Optional[str]),       # a script that makes what the program reads
    ("saves", List[str]),            # files that must be there afterwards
    ("scored", Optional[bool]),      # whether the report has a score; None: either
    ("needs_fashion", bool),
    ("declined", Optional[str]),     # what a debug says where it cannot turn anything; None: it can
])
Program.__new__.__defaults__ = (None,)

LANGUAGE = ["word_language_model/word_language_model.py", "--lines", "200", "--emsize", "32", "--nhid", "32", "--log-interval", "5", "--epochs", "2"]
# Enum members of value 0 and 3 are not iterated over by Python 3.11, on which torchrun of torch 1.13 therefore needs -r and -t of 1.
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--monitor_interval=0.2", "-r", "1", "-t", "1", "--log_dir=../logs"]

PROGRAMS = [
    Program("mnist", ["mnist.py", "--epochs", "2", "--limit", "640", "--lr", "0.5", "--save-model"], None, ["mnist_cnn.pt"], True, True),
    Program("mnist_workers", ["mnist.py", "--epochs", "1", "--limit", "640", "--workers", "2", "--save-model"], None, ["mnist_cnn.pt"], True, True),
    Program("language_lstm_by_hand", LANGUAGE, None, ["model.pt"], None, False, r"no step of an optimizer.*Expected"),
    Program("language_lstm", LANGUAGE + ["--optimizer", "sgd"], None, ["model.pt"], True, False),
    Program("language_transformer", LANGUAGE + ["--model", "Transformer", "--optimizer", "adam", "--lr", "0.003"], None, ["model.pt"], True, False),
    Program("vae", ["vae.py", "--epochs", "2", "--limit", "1280"], None, ["results/sample_2.pgm", "results/reconstruction_2.pgm"], None, True),
    Program("dcgan", ["dcgan.py", "--niter", "1", "--limit", "512", "--manualSeed", "3"], None, ["netG_epoch_0.pth", "netD_epoch_0.pth"], False, True),
    Program("resnet", ["resnet.py", "--epochs", "2", "--limit", "1024", "--width", "8"], None, ["checkpoint.pth.tar"], True, True),
    Program("resnet_amp", ["resnet.py", "--epochs", "1", "--limit", "1024", "--width", "8", "--amp", "--schedule", "step", "--data", "synthetic", "--accumulate", "2"],
            None, ["checkpoint.pth.tar"], True, False),
    Program("gcn", ["gcn.py", "--epochs", "100"], None, [], True, False),
    Program("siamese", ["siamese.py", "--epochs", "2", "--limit", "1000", "--save-model"], None, ["siamese_network.pt"], True, True),
    Program("super_resolution", ["super_resolution/super_resolution.py", "--limit", "512"], None, ["model_epoch_2.pth"], True, True),
    Program("reinforce", ["reinforce.py", "--episodes", "30"], None, [], False, False),
    Program("time_series", ["time_sequence_prediction/time_sequence.py", "--steps", "3", "--length", "80"],
            "time_sequence_prediction/generate_sine_wave.py", ["predict2.npy"], True, False),
    Program("ddp", TORCHRUN + ["ddp.py", "3", "1"], None, ["snapshot.pt"], True, False),
]

Run = NamedTuple("Run", [("status", int), ("out", str), ("err", str)])


def tenet() -> str:
    return os.environ.get("TENET_PROGRAM") or str(ROOT / "build/release/tenet")


class Place:
    """A root with programs/, work/, home/ and logs/, gone at the end of its `with`."""

    def __enter__(self) -> "Place":
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="tenet-programs-"))
        for folder in ("work", "home", "logs"):
            (self.root / folder).mkdir()
        shutil.copytree(ROOT / "examples/torch/programs", self.root / "programs", ignore=shutil.ignore_patterns("__pycache__"))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root)

    def command(self, program: Program) -> List[str]:
        words = [str(self.root / "programs" / word) if word.endswith(".py") else word for word in program.arguments]
        return [sys.executable, *words]

    def run(self, command: List[str]) -> Run:
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE") and not name.startswith("TENET_")}
        environment.update(HOME=str(self.root / "home"), OMP_NUM_THREADS="1", PYTHONHASHSEED="0", NO_COLOR="1")
        done = subprocess.run(command, cwd=self.root / "work", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=SECONDS_MAX, check=False)
        return Run(done.returncode, done.stdout, done.stderr)

    def prepare(self, program: Program) -> None:
        """Makes what the program reads."""
        if program.before:
            done = self.run([sys.executable, str(self.root / "programs" / program.before)])
            if done.status != 0:
                raise RuntimeError("%s failed:\n%s" % (program.before, done.err))

    def written(self) -> Dict[str, str]:
        """What is in the working directory: a hash for each file."""
        return tree(self.root / "work")


def tree(root: pathlib.Path, with_times: bool = False) -> Dict[str, str]:
    """Every path under a folder with what it is: a hash of a file's content; with_times: its mode and time of change too."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if path.is_symlink():
            text = "link to " + os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            text = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            text = "folder" if path.is_dir() else "other"
        found[str(path.relative_to(root))] = text + (" %o %d" % (status.st_mode, status.st_mtime_ns) if with_times else "")
    return found


def report_of(run: Run) -> dict:
    """The one JSON document on stdout."""
    try:
        return json.loads(run.out)
    except ValueError as problem:
        raise AssertionError("no JSON report on stdout, but (exit status %d):\n%s\n%s" % (run.status, run.out[-3000:], run.err[-3000:])) from problem
