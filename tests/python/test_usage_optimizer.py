"""Optimizers. Settings beside the rate (usage_optimizer.py): an unusual epsilon or momentum is told with the line that made the optimizer, and a trial trains as with the customary one. A network and its
optimizer that are made anew for each epoch (usage_renewed.py) are told too."""
import unittest

import support_parent

STEPS = 30  # of a look

PROGRAM = """
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(64, 8), torch.randint(0, 3, (64,))
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.%s
for step in range(30):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


def run(optimizer, **trial):
    return support_parent.run(PROGRAM % optimizer, dict({"mode": "look", "steps": STEPS}, **trial))


def losses(one):
    return [step.loss for step in one.steps]


class Settings(unittest.TestCase):
    def see(self, unusual, usual, words):
        seen = run(unusual)
        self.assertEqual([note for note in seen.facts["notes"] if "tenet failed" in note], [])
        mend = seen.mends["usual_settings"]
        self.assertEqual((mend["cause"], mend["certain"], mend["race"]), ("wrong_optimizer", False, True))
        self.assertIn(words, mend["text"])
        self.assertEqual(seen.facts["places"]["program"]["usual_settings"]["text"], "optimizer = torch.optim." + unusual)
        turned = run(unusual, mode="trial", patch={"program.usual_settings": True}, known=seen.facts["private"])
        self.assertEqual(turned.refused, {})
        self.assertIn("patch", turned.applied)
        self.assertEqual(losses(turned), losses(run(usual)))
        self.assertNotEqual(losses(turned), losses(seen))

    def test_an_epsilon_that_outweighs_the_gradients(self):
        self.see("Adam(model.parameters(), lr=0.01, eps=10)", "Adam(model.parameters(), lr=0.01)", "Adam with eps of 1e-08 in place of 10")

    def test_a_momentum_near_one(self):
        self.see("SGD(model.parameters(), lr=0.01, momentum=0.999)", "SGD(model.parameters(), lr=0.01, momentum=0.9)", "SGD with momentum of 0.9 in place of 0.999")

    def test_a_first_beta_near_one(self):
        self.see("AdamW(model.parameters(), betas=(0.99, 0.95))", "AdamW(model.parameters(), betas=(0.9, 0.95))", "AdamW with betas of 0.9 in place of 0.99")

    def test_settings_in_use_are_left_alone(self):
        for optimizer in ("Adam(model.parameters(), eps=1e-4)", "Adam(model.parameters(), betas=(0.5, 0.999))", "SGD(model.parameters(), lr=0.1, momentum=0.95)", "SGD(model.parameters(), lr=0.1)",
                          "RMSprop(model.parameters(), alpha=0.99)", "Adagrad(model.parameters())", "Adadelta(model.parameters())"):
            self.assertEqual(run(optimizer).mends, {}, optimizer)


class Renewed(unittest.TestCase):
    SCRIPT = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.randn(80, 8), torch.randint(0, 3, (80,))), batch_size=16)
for fold in range(%d):
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(%d):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
"""

    def test_a_network_made_anew_for_each_epoch(self):
        seen = support_parent.run(self.SCRIPT % (5, 1), {"mode": "look", "steps": STEPS})
        mends = seen.mends
        self.assertEqual(list(mends), ["one_network"])
        self.assertEqual((mends["one_network"]["cause"], mends["one_network"]["certain"], mends["one_network"]["race"]), ("too_few_steps", True, False))
        self.assertIn("5 optimizers of parameters of the same shapes took their steps one after the other, each for one epoch of 5 steps", mends["one_network"]["seen"])
        self.assertEqual(seen.facts["places"]["program"]["one_network"]["text"], "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)")

    def test_an_optimizer_made_anew_for_each_batch_is_one(self):
        script = PROGRAM.replace("optimizer = torch.optim.%s", "old = []").replace("    optimizer.zero_grad()", "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)%s\n    optimizer.zero_grad()")
        for kept in ("", "; old.append(optimizer)"):
            seen = support_parent.run(script % kept, {"mode": "look", "steps": STEPS})
            self.assertEqual((seen.facts["scored"], len(seen.steps), len(seen.scores) > 0), (True, STEPS, True), kept)

    def test_folds_of_several_epochs_are_left_alone(self):
        self.assertEqual(support_parent.run(self.SCRIPT % (3, 2), {"mode": "look", "steps": STEPS}).mends, {})


if __name__ == "__main__":
    unittest.main()
