"""Rules on units, on attached programs: each planted fault raises its own signal at its place and no other, and the healthy twin none."""

import importlib.util
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"

PROGRAM = """
import sys, torch
from torch import nn
torch.manual_seed(0)
kind, act = sys.argv[1], nn.Sigmoid if sys.argv[1].startswith("sigmoid") else nn.ReLU
net = nn.Sequential(nn.Linear(16, 32), act(), nn.Linear(32, 32), act(), nn.Linear(32, 4))
with torch.no_grad():
    if kind == "relu dead":
        net[2].bias[:31] = -50
    elif kind == "sigmoid saturated":
        net[2].bias[:20] = 30  # of the 32; the others hide it from the mean
    elif kind == "relu symmetric":
        net[2].weight.copy_(net[2].weight[0].expand(32, 32))
        net[2].bias.zero_()
        net[4].weight.copy_(net[4].weight[:, :1].expand(4, 32))
    elif kind == "relu silenced":
        net[4].weight.zero_()
        net[4].weight.requires_grad_(False)
inputs = torch.randn(256, 16)
labels = (inputs @ torch.randn(16, 4)).argmax(1)
optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.003)
loss = nn.CrossEntropyLoss()
for step in range(1000):
    rows = torch.randint(0, 256, (128,))
    optimizer.zero_grad()
    loss(net(inputs[rows]), labels[rows]).backward()
    optimizer.step()
"""


@unittest.skipUnless(importlib.util.find_spec("torch"), "needs torch")
class UnitRules(unittest.TestCase):
    def signals(self, kind):
        """{rule: signal} of those that fired."""
        program = os.environ.get("TENET_PROGRAM") or str(ROOT / "build/release/tenet")
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "train.py").write_text(PROGRAM)
            done = subprocess.run(
                [program, "train", "--json", "--", PYTHON, "train.py", kind],
                cwd=folder,
                env=dict(os.environ, TENET_HOME=folder, OMP_NUM_THREADS="1"),
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=120,
                check=False,
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return {signal["rule"]: signal for signal in json.loads(done.stdout)["signals"] if signal["state"] == "fired"}

    def test_healthy_twins_are_quiet(self):
        for kind in ("relu", "sigmoid"):
            self.assertEqual(self.signals(kind), {}, kind)

    def test_dead_units(self):
        found = self.signals("relu dead")
        self.assertEqual(list(found), ["dead_units"])
        self.assertEqual((found["dead_units"]["tensor"], found["dead_units"]["severity"]), ("3", "error"))
        self.assertAlmostEqual(found["dead_units"]["value"], 31 / 32, delta=0.001)

    def test_saturated_units(self):
        found = self.signals("sigmoid saturated")
        self.assertEqual(list(found), ["saturated_units"])
        self.assertEqual(found["saturated_units"]["tensor"], "3")
        self.assertAlmostEqual(found["saturated_units"]["value"], 20 / 32, delta=0.001)

    def test_symmetric_units(self):
        found = self.signals("relu symmetric")
        self.assertEqual(list(found), ["init_statistics"])
        self.assertEqual((found["init_statistics"]["tensor"], found["init_statistics"]["step"]), ("2.weight", 1))
        self.assertEqual(found["init_statistics"]["value"], 1)

    def test_constant_output(self):
        found = self.signals("relu silenced")
        self.assertIn("constant_output", found)
        self.assertEqual(found["constant_output"]["tensor"], "4")


if __name__ == "__main__":
    unittest.main()
