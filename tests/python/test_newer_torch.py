"""A newer torch, its compiler, Lightning and Hugging Face's Trainer, in the Python that $TENET_TEST_TORCH2_PYTHON names: `tenet train --` changes nothing, and a rate far too high is found.

Skipped where there is no such Python; docs/bench.md says with which versions these passed last."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("TENET_TEST_TORCH2_PYTHON", "")
TENET = os.environ.get("TENET_PROGRAM") or str(ROOT / "build/release/tenet")
# What differs from run to run: times, and what is said on stderr about them.
TIMES = re.compile(r"'(train|eval)_(runtime|samples_per_second|steps_per_second)': '[^']*'")


def run(command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and (not name.startswith("TENET_"))}
    environment.update(OMP_NUM_THREADS="1", NO_COLOR="1", PYTHONWARNINGS="ignore")
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)


def printed(run_of_it):
    return TIMES.sub("", run_of_it.stdout)


@unittest.skipUnless(PYTHON, "$TENET_TEST_TORCH2_PYTHON names no Python with a newer torch")
class NewerTorch(unittest.TestCase):
    maxDiff = 4000

    def train(self, name, module):
        if run([PYTHON, "-c", "import " + module]).returncode != 0:
            self.skipTest("%s is not installed there" % module)
        script = str(ROOT / "examples/torch/trainers" / name)
        bare, watched = run([PYTHON, script]), run([TENET, "train", "--quiet", "--", PYTHON, script])
        self.assertEqual(bare.returncode, 0, bare.stderr)
        self.assertEqual((printed(watched), watched.returncode), (printed(bare), 0), watched.stderr[-3000:])
        report = json.loads(run([TENET, "train", "--quiet", "--json", "--", PYTHON, script]).stdout)
        self.assertGreaterEqual(report["run"]["steps"], 100)
        self.assertIsInstance(report["score"], float)
        return script

    def test_lightning(self):
        script = self.train("lightning_program.py", "lightning")
        broken = json.loads(run([TENET, "debug", "--quiet", "--json", "--", PYTHON, script, "1000"]).stdout)
        self.assertEqual((broken["verdict"], broken["findings"][0]["cause"]), ("faulty", "lr_too_high"))

    def test_transformers(self):
        self.train("transformers_program.py", "transformers")

    def test_compile(self):
        self.train("compiled_program.py", "torch")

    def test_the_cases_under_the_newer_torch(self):
        for case in ("48221692", "51181393"):
            folder = ROOT / "examples/torch/faults" / case
            broken = json.loads(run([TENET, "debug", "--quiet", "--json", "--", PYTHON, str(folder / "buggy.py")]).stdout)
            self.assertEqual(broken["verdict"], "faulty", case)
            fixed = json.loads(run([TENET, "debug", "--quiet", "--json", "--", PYTHON, str(folder / "fixed.py")]).stdout)
            self.assertEqual(fixed["verdict"], "healthy", case)


if __name__ == "__main__":
    unittest.main()
