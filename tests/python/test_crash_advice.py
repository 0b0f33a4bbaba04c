"""What a program's exception is told as: torch's own words, here made by torch itself, with what to do."""
import unittest

import support_parent
import torch
from torch import nn

from tenet import crash_advice


def backward_twice():
    weight, state = torch.ones(2, requires_grad=True), torch.zeros(2)
    for _ in range(2):
        state = torch.tanh(state + weight)
        state.sum().backward()


def overwrite():
    x = torch.sigmoid(torch.ones(2, requires_grad=True))
    x += 1
    x.sum().backward()


def labels_beyond():
    nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([1, 3]))


# (what is done, words of what to do)
CRASHES = (
    (backward_twice, "state.detach()"),
    (overwrite, "x = x + y"),
    (lambda: nn.Linear(2, 2)(torch.ones(1, 2)).detach().sum().backward(), "between the network and the loss"),
    (lambda: torch.ones(3, requires_grad=True).backward(), "loss.mean()"),
    (lambda: torch.optim.SGD([], lr=0.1), "nn.ModuleList"),
    (labels_beyond, "0 to C - 1"),
    (lambda: nn.Linear(3, 2)(torch.ones(1, 4)), "flatten(1)"),
    (lambda: nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([1, 2], dtype=torch.int32)), "y.long()"),
    (lambda: nn.functional.mse_loss(torch.zeros(2, requires_grad=True), torch.tensor([1, 2])).backward(), "x.float()"),
    (lambda: nn.Linear(2, 2)(torch.ones(1, 2, dtype=torch.float64)), "x.float()"),
    (lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)), "drop_last=True"),
)

CARRIED = """
import torch
from torch import nn
cell, out = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 2)
optimizer = torch.optim.SGD([*cell.parameters(), *out.parameters()], lr=0.1)
state = torch.zeros(1, 5, 8)
for step in range(3):
    optimizer.zero_grad()
    h, state = cell(torch.randn(5, 6, 4), state)
    loss = out(h).pow(2).mean()
    loss.backward()
    optimizer.step()
"""


class Advice(unittest.TestCase):
    def test_each_is_told_with_what_to_do(self):
        for number, (crash, words) in enumerate(CRASHES):
            with self.subTest(number):
                with self.assertRaises((RuntimeError, ValueError, IndexError)) as raised:
                    crash()
                said = crash_advice.told(raised.exception)
                self.assertIn(". What to do: ", said)
                self.assertIn(words, said)
                self.assertTrue(said.startswith(type(raised.exception).__name__ + ": "))

    def test_others_are_told_as_they_are(self):
        self.assertEqual(crash_advice.told(KeyError("Target ")), "KeyError: 'Target '")
        self.assertEqual(crash_advice.told(ValueError("Target 3. Never. Mind.")), "ValueError: Target 3. Never. Mind.")

    def test_a_state_that_is_carried_on(self):
        run = support_parent.run(CARRIED, {"mode": "trial", "steps": 3})
        end = run.end
        self.assertEqual((end["reason"], end["line"]), ("exception", 11))
        self.assertIn("detach it between steps", end["text"])
        self.assertNotIn("Specify", end["text"])
