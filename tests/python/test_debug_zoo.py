"""The debug zoo's own checks, and a small sample of it: healthy bases that must be left alone, and faults that must be found and named first.

The whole zoo is bench/debug_zoo.py; it takes long, and `--sample 10` runs what fits into ten minutes. Everything here needs numpy alone.
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

import marked_part  # noqa: E402
from debug_zoo import debug_bases, debug_plants, debug_programs, debug_table  # noqa: E402

HEALTHY = ["waves/relu", "linear/residual", "blobs/batchnorm"]
FAULTS = ["bad_init/waves/tanh", "nonfinite_input/waves/elu", "misaligned_labels/waves/residual", "frozen_parameters/sine/deep"]


def tenet():
    return os.environ.get("TENET_PROGRAM") or str(ROOT / "build/release/tenet")


def healthy(**more):
    return {"name": "a", "half": "a", "kind": "mlp", "task": "regression", "bound": 0.8, "score": 0.9, "verdict": "healthy", "seconds": 1.0, **more}


def fault(**more):
    return {"name": "lr_too_low/a", "base": "a", "half": "a", "kind": "mlp", "task": "regression", "cause": "lr_too_low", "allowed": ["lr_too_low"], "score": 0.1, "verdict": "faulty",
            "cause_found": "lr_too_low", "confirmed": True, "fix": "learning rate 1", "seconds": 1.0, **more}


def judged(*rows):
    return [row["judged"] for row in debug_table.judge(list(rows), {"leaky_feature"}, {"lr_too_low"})]


class Judge(unittest.TestCase):
    def test_healthy_bases(self):
        self.assertEqual(judged(healthy()), ["ok"])
        self.assertEqual(judged(healthy(score=0.7)), ["not good"])
        self.assertEqual(judged(healthy(score=None)), ["not good"])
        self.assertEqual(judged(healthy(verdict="faulty", cause_found="bad_init", confirmed=True)), ["false error"])
        self.assertEqual(judged(healthy(verdict="inconclusive", cause_found="bad_init", confirmed=False)), ["suspected"])
        self.assertEqual(judged(healthy(problem="longer than 900 s")), ["not run"])

    def test_faults(self):
        self.assertEqual(judged(healthy(), fault())[1], "right")
        self.assertEqual(judged(healthy(), fault(confirmed=False))[1], "right, suspected")
        self.assertEqual(judged(healthy(), fault(cause_found="bad_init"))[1], "other cause")
        self.assertEqual(judged(healthy(), fault(cause_found=None))[1], "missed")
        self.assertEqual(judged(healthy(), fault(cause_found=None, advised=["lr_too_low"]))[1], "advised")
        self.assertEqual(judged(healthy(), fault(score=None))[1], "right")

    def test_what_does_no_harm_does_not_count(self):
        self.assertEqual(judged(healthy(), fault(score=0.85))[1], "harmless")
        self.assertEqual(judged(healthy(), fault(score=0.6))[1], "harmless")  # gradual, and only advised from 0.5 on
        self.assertEqual(judged(healthy(), fault(score=0.6, cause="bad_init", allowed=["bad_init"], cause_found="bad_init"))[1], "right")
        self.assertEqual(judged(healthy(), fault(score=0.9, cause="leaky_feature", allowed=["leaky_feature"], cause_found=None))[1], "missed")

    def test_the_page_counts_the_halves_apart(self):
        rows = debug_table.judge([healthy(), healthy(name="b", half="b"), fault(), fault(name="lr_too_low/b", base="b", half="b", cause_found=None)], set(), set())
        text = debug_table.page(rows)
        self.assertIn("| a | 1 | 0 | 95.0 % | 0 | 1 | 1 of 1 (100 %) | 1 of 1 (100 %) | 1 |", text)
        self.assertIn("| b | 1 | 0 | 95.0 % | 0 | 1 | 0 of 1 (0 %) | 0 of 1 (0 %) | 0 |", text)
        self.assertIn("| lr_too_low/b | b | missed |", text)
        self.assertNotIn("no report", text)

    def test_the_page_says_what_came_to_no_report(self):
        text = debug_table.page(debug_table.judge([healthy(), healthy(name="b", problem="longer than 60 s")], set(), set()))
        self.assertIn("of which 1 came to no report", text)
        self.assertIn("| a | 1 | 0 |", text)

    def test_only_what_stands_between_the_marks_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "zoo.md"
            path.write_text("# Zoo\n<!-- zoo.py: begin -->\nold\n<!-- zoo.py: end -->\nbelow\n")
            marked_part.write(path, "zoo.py", "| new |")
            text = path.read_text()
        self.assertTrue(text.startswith("# Zoo\n") and text.endswith("\nbelow\n"))
        self.assertNotIn("old", text)
        self.assertIn("\n| new |\n", text)

    def test_a_page_without_its_marks_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "zoo.md"
            path.write_text("# Zoo\n<!-- zoo.py: begin -->\nall that follows\n")
            with self.assertRaisesRegex(SystemExit, "has no lines <!-- zoo.py: begin --> and <!-- zoo.py: end -->"):
                marked_part.write(path, "zoo.py", "| new |")
            self.assertIn("all that follows", path.read_text())


class Cases(unittest.TestCase):
    def test_every_cause_is_planted_in_five_networks(self):
        causes = {line.split("(")[1].split(",")[0] for line in (ROOT / "src/causes/causes.def").read_text().splitlines() if line.startswith("TN_CAUSE(")}
        count = dict.fromkeys(causes, 0)
        for cause, names, *_ in [*debug_plants.plants(None, None), *debug_programs.PLANTS]:
            count[cause] += len(names)
        self.assertEqual({cause: number for cause, number in count.items() if number < 5}, {})

    def test_programs_are_python_and_differ(self):
        programs = debug_programs.bases()
        sources = [case["source"] for case in (*programs.values(), *debug_programs.planted(programs))]
        self.assertEqual(len(set(sources)), len(sources))
        for source in sources:
            compile(source, "train.py", "exec")


class Kept(unittest.TestCase):
    def test_a_debug_that_took_too_long_is_tried_again_where_it_may_take_longer(self):
        spec = importlib.util.spec_from_file_location("debug_zoo_program", ROOT / "bench/debug_zoo.py")
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        cases = {name: {"half": "a", "digest": "1"} for name in ("short", "long", "changed")}
        rows = [{"name": "short", "digest": "1"}, {"name": "long", "digest": "1", "longest": 45, "problem": "longer than 45 s"}, {"name": "changed", "digest": "0"}]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            self.assertEqual(set(program.kept_rows(path, cases, 45)), {"short", "long"})
            self.assertEqual(set(program.kept_rows(path, cases, 46)), {"short"})


class Sample(unittest.TestCase):
    def run_zoo(self, folder, *names):
        command = ["/usr/bin/python3", str(ROOT / "bench/debug_zoo.py"), "--program", tenet(), "--folder", folder, "--jobs", "2", *[word for name in names for word in ("--exact", name)]]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        path = pathlib.Path(folder) / "results.jsonl"
        self.assertTrue(path.exists(), done.stdout + done.stderr)
        return {row["name"]: row for row in map(json.loads, path.read_text().splitlines())}, done

    def test_a_sample_and_going_on(self):
        with tempfile.TemporaryDirectory() as folder:
            rows, done = self.run_zoo(folder, *HEALTHY, *FAULTS)
            for name in HEALTHY:
                self.assertEqual(rows[name]["verdict"], "healthy", done.stdout)
                self.assertGreater(rows[name]["score"], rows[name]["bound"])
            for name in FAULTS:
                self.assertIn(rows[name].get("cause_found"), rows[name]["allowed"], done.stdout)
            self.assertEqual(done.returncode, 0, done.stdout)
            before = (pathlib.Path(folder) / "results.jsonl").read_text()
            self.run_zoo(folder, *HEALTHY, *FAULTS)
            self.assertEqual((pathlib.Path(folder) / "results.jsonl").read_text(), before)  # nothing twice


if __name__ == "__main__":
    unittest.main()
