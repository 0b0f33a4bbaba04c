"""The rules zoo's own checks, and a small sample of it: healthy networks on which no rule may say a word, and faults that must be found at their place.

The whole zoo is `make rules-zoo`; it takes minutes. Everything here needs numpy and torch alone.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from rules_zoo import zoo_faults, zoo_table  # noqa: E402

TORCH = importlib.util.find_spec("torch") is not None

HEALTHY_NATIVE = ["spirals-long", "several-targets-clipped", "rare-class"]
HEALTHY_PROGRAMS = ["torch-graph", "torch-blobs-tiny-batch", "torch-counting-conv"]
FAULTS = ["dead_units/", "input_statistics/linear-regression", "loss_spike/linear-regression"]


def tenet():
    return os.environ.get("TENET_PROGRAM") or str(ROOT / "build/release/tenet")


def zoo(*arguments):
    """The rows of a run of the zoo, and its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["/usr/bin/python3", str(ROOT / "bench/rules_zoo.py"), "--program", tenet(), "--folder", folder, "--jobs", "2", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        path = pathlib.Path(folder) / "results.json"
        if not path.exists():
            raise AssertionError(done.stdout + done.stderr)
        return json.loads(path.read_text()), done


def signal(rule, state="fired", **more):
    return {"rule": rule, "state": state, "severity": "error", "tensor": "", "step": 3, "text": "it does", **more}


class Table(unittest.TestCase):
    def test_upper_bound(self):
        # 1 - 0.05^(1/n) where none was seen; tables of Clopper and Pearson elsewhere.
        self.assertAlmostEqual(zoo_table.upper_bound(0, 60), 0.0487, 4)
        self.assertAlmostEqual(zoo_table.upper_bound(0, 1), 0.95, 6)
        self.assertAlmostEqual(zoo_table.upper_bound(1, 20), 0.2161, 4)
        self.assertAlmostEqual(zoo_table.upper_bound(3, 60), 0.1242, 4)
        self.assertEqual(zoo_table.upper_bound(5, 5), 1.0)

    def test_an_alarm_or_a_miss_does_not_pass(self):
        healthy = {"name": "a", "half": "tuning", "bound": 0.5, "healthy": True, "value": 0.9, "signals": [signal("plateau", "quiet")]}
        found = {"name": "b", "half": "tuning", "rule": "plateau", "right": True}
        self.assertTrue(zoo_table.passes([healthy, found], 0))
        self.assertFalse(zoo_table.passes([{**healthy, "signals": [signal("plateau")]}, found], 0))
        self.assertFalse(zoo_table.passes([{**healthy, "healthy": False}, found], 0))
        self.assertFalse(zoo_table.passes([healthy, {**found, "right": False}], 0))
        self.assertFalse(zoo_table.passes([healthy, {**found, "problem": "no report"}], 0))
        warned = {**healthy, "signals": [signal("plateau", severity="warning")]}
        self.assertFalse(zoo_table.passes([warned, found], 0))
        self.assertTrue(zoo_table.passes([warned, found], 1))

    def test_the_part_above_the_marker_stays(self):
        rows = [{"name": "a", "half": "tuning", "bound": 0.5, "healthy": True, "measure": "score", "value": 0.9, "steps": 2500, "signals": [signal("plateau", "quiet")]}]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rules.md"
            path.write_text(f"# Rules\n\nby the table\n\n{zoo_table.MARKER}\n\nold\n")
            zoo_table.write(path, rows)
            text = path.read_text()
        self.assertTrue(text.startswith("# Rules\n\nby the table\n"))
        self.assertNotIn("\nold\n", text)
        self.assertEqual(text.count(zoo_table.MARKER), 1)
        self.assertIn("| a | tuning | 2500 | score | 0.900 | 0.5 | 0 | 0 |", text)

    def test_the_marker_is_that_of_make_docs(self):
        self.assertIn(zoo_table.MARKER, (ROOT / "tools/docs.sh").read_text())


class Judge(unittest.TestCase):
    def judge(self, place, *signals):
        return zoo_faults.judge({"rule": "dead_units", "place": place}, signals)[0]

    def test_only_the_rule_at_its_place_is_right(self):
        place = zoo_faults.place("the second relu", r"relu_\d", (1, 5), "does")
        self.assertTrue(self.judge(place, signal("plateau"), signal("dead_units", tensor="relu_3")))
        self.assertFalse(self.judge(place, signal("plateau", tensor="relu_3")))
        self.assertFalse(self.judge(place, signal("dead_units", "quiet", tensor="relu_3")))
        self.assertFalse(self.judge(place, signal("dead_units", tensor="relu_33")))
        self.assertFalse(self.judge(place, signal("dead_units", tensor="relu_3", step=6)))
        self.assertFalse(self.judge(place, signal("dead_units", tensor="relu_3", text="it is not")))

    def test_a_line_that_is_not_there_once_is_no_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "train.py"
            source.write_text("a = 1\na = 1\nb = 2\n")
            twin = {"command": ["python3", str(source), "--lr", "1"]}
            for old in ("a = 1", "c = 3"):
                with self.assertRaises(ValueError):
                    zoo_faults.program(twin, pathlib.Path(folder) / "fault.py", replace=[(old, "d = 4")])
            case = zoo_faults.program(twin, pathlib.Path(folder) / "fault.py", replace=[("b = 2", "b = 0")], arguments="--lr 2")
            self.assertEqual(case["command"], ["python3", str(pathlib.Path(folder) / "fault.py"), "--lr", "1", "--lr", "2"])
            self.assertEqual((pathlib.Path(folder) / "fault.py").read_text(), "a = 1\na = 1\nb = 0\n")


class Sample(unittest.TestCase):
    def healthy(self, names):
        rows, done = zoo(*[word for name in names for word in ("--exact", name)])
        self.assertEqual(sorted(row["name"] for row in rows), sorted(names), done.stdout + done.stderr)
        for row in rows:
            self.assertNotIn("problem", row)
            self.assertTrue(row["healthy"], row)
            self.assertEqual([seen["rule"] for seen in row["signals"] if seen["state"] == "fired"], [], row["name"])

    def test_native_healthy_networks_are_quiet(self):
        self.healthy(HEALTHY_NATIVE)

    @unittest.skipUnless(TORCH, "no torch")
    def test_healthy_programs_are_quiet(self):
        self.healthy(HEALTHY_PROGRAMS)

    def test_native_faults_are_found_at_their_place(self):
        rows, done = zoo("--what", "faults", "--kind", "native", *[word for name in FAULTS for word in ("--only", name)])
        self.assertEqual([row["name"] for row in rows if not row.get("right")], [], done.stdout)
        self.assertEqual(len(rows), 4, done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
