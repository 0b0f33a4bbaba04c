"""tenet.debug on a function, in a process that has trained already: the same diagnosis as of a script, nothing changed in the process or its files; and how its report is shown."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import support_parent
from tenet.notebook_report import Report

PROGRAM = """
import os, sys, threading, time, torch, tenet
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
x = torch.randn(400, 20, generator=torch.Generator().manual_seed(0))
y = (x[:, 0] + x[:, 1] > 0).long()
calls = []
def make_trainer():
    calls.append(1)
    open("written", "a").write("a trial was here\\n")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    loss_of = nn.CrossEntropyLoss()
    def trainer():
        for epoch in range(12):
            for inputs, labels in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
                optimizer.zero_grad()
                loss_of(model(inputs), labels).backward()
                optimizer.step()
    return trainer
# What a notebook has done before: a training, and a thread that waits.
make_trainer()()
os.remove("written")
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
report = tenet.debug(make_trainer, quiet=True)
print(report.verdict, [finding["cause"] for finding in report.findings], len(calls), os.path.exists("written"), torch.nn.Module.__init__.__name__)
print(report._repr_html_())
"""

BROKEN = """
import torch, tenet
def make_trainer():
    raise ValueError("no data today")
try:
    tenet.debug(make_trainer, quiet=True)
except RuntimeError as error:
    print(error)
"""

DOCUMENT = {
    "schema": "tenet.report/1", "verdict": "faulty", "score": 0.1,
    "findings": [{"cause": "lr_too_high", "confirmed": True, "where": {"file": "<cell>", "line": 3}, "evidence": [{"text": "it breaks | here"}],
                  "fix": {"text": "learning rate 0.01", "effect": {"metric": "score", "before": [0.0, 0.2], "after": [0.9, 1.0]}}}],
    "experiments": [{"name": "overfit", "verdict": "pass", "summary": "it learns <all>"}],
}


def run(script, folder):
    path = pathlib.Path(folder) / "cells.py"
    path.write_text(script)
    environment = dict(os.environ, PYTHONPATH=str(support_parent.package_folder()))
    return subprocess.run([sys.executable, str(path)], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=500)


class Debug(unittest.TestCase):
    def test_a_function_is_diagnosed_and_leaves_no_trace(self):
        for rate, expected in (("300.0", "faulty ['lr_too_high']"), ("0.1", "healthy []")):
            with tempfile.TemporaryDirectory() as folder:
                done = run(PROGRAM.replace("RATE", rate), folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                first, shown = done.stdout.split("\n", 1)
                self.assertEqual(first, expected + " 1 False __init__", done.stderr)
                self.assertTrue(shown.startswith("<div>"))
                self.assertEqual(sorted(os.listdir(folder)), ["cells.py"])

    def test_an_exception_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run(BROKEN, folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("tenet could not debug it", done.stdout)
        self.assertIn("no data today", done.stdout)

    def test_what_is_no_function_is_told(self):
        from tenet import notebook
        with self.assertRaisesRegex(TypeError, "tenet.debug\\(\\) got int; expected a function"):
            notebook.debug(3)


class Shown(unittest.TestCase):
    def setUp(self):
        self.report = Report(DOCUMENT)

    def test_what_it_holds(self):
        self.assertEqual((self.report.verdict, self.report.score), ("faulty", 0.1))
        self.assertEqual(self.report.findings[0]["cause"], "lr_too_high")
        self.assertIs(self.report.json, DOCUMENT)

    def test_as_html_nothing_of_the_program_is_markup(self):
        shown = self.report._repr_html_()
        for text in ("faulty, score 0.10", "lr_too_high (confirmed)", "&lt;cell&gt;:3", "score 0.10 \u2192 0.95, mean of 2", "it learns &lt;all&gt;"):
            self.assertIn(text, shown)
        self.assertNotIn("<cell>", shown)
        self.assertEqual(shown.count("<table>"), shown.count("</table>"))

    def test_as_markdown_rows_stay_whole(self):
        lines = self.report._repr_markdown_().splitlines()
        self.assertIn("| why | it breaks \\| here |", lines)
        self.assertIn("| overfit | pass | it learns <all> |", lines)
        self.assertEqual(lines[0], "**faulty, score 0.10**")

    def test_as_text(self):
        self.assertIn("  fix      learning rate 0.01", repr(self.report))

    def test_a_healthy_one_is_short(self):
        self.assertEqual(repr(Report({"verdict": "healthy", "score": 0.9})), "healthy, score 0.90")
        self.assertEqual(Report({"verdict": "inconclusive", "score": None, "reason": "no steps"})._repr_markdown_(), "**inconclusive: no steps**")


if __name__ == "__main__":
    unittest.main()
