"""What a debug of a program suspects where no single change repairs it: a gradient that does not reach the first layers. A network that learns is not suspected of it."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from support_programs import tenet

SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.rand(256, 2) * 4 - 2
y = %(target)s
layers = [nn.Linear(2, 16), nn.%(activation)s()]
for _ in range(%(more)d):
    layers += [nn.Linear(16, 16), nn.%(activation)s()]
net = nn.Sequential(*layers, nn.Linear(16, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(12):
    for rows in torch.randperm(256).split(32):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x[rows]), y[rows]).backward()
        optimizer.step()
"""


def debug(**parts):
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "train.py")
        script.write_text(SCRIPT % parts)
        done = subprocess.run([tenet(), "debug", "--quiet", "--json", "--", sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, cwd=folder)
    return done.returncode, json.loads(done.stdout)


class Faded(unittest.TestCase):
    def test_fifteen_layers_of_sigmoids(self):
        status, report = debug(activation="Sigmoid", more=14, target="torch.sin(3 * x[:, :1]) * torch.cos(2 * x[:, 1:])")
        self.assertEqual((status, report["verdict"]), (4, "inconclusive"))  # as text: suspected
        finding = report["findings"][0]
        self.assertEqual((finding["cause"], finding["confirmed"], finding["symptoms"]), ("too_deep", False, ["vanishing"]))
        self.assertEqual(finding["where"]["tensor"], "0.weight")
        self.assertLess(finding["evidence"][0]["value"], 1e-6)
        self.assertIn("normalisation", finding["fix"]["text"])

    def test_a_network_that_learns(self):
        status, report = debug(activation="ReLU", more=1, target="x[:, :1] - x[:, 1:]")
        self.assertEqual((status, report["verdict"], report["findings"]), (0, "healthy", []))


if __name__ == "__main__":
    unittest.main()
