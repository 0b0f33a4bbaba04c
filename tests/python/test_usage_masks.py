"""A padding mask of attention the wrong way round (usage_masks.py): seen whether it makes NaN or not, turned round by a trial; right masks stay silent."""
import math
import tempfile
import unittest

import support_parent

STEPS = 12

SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
longest = %(longest)d
lengths = torch.randint(3, longest + 1, (64,))
lengths[0] = longest
words = torch.randint(1, 20, (64, 10)) * (torch.arange(10) < lengths[:, None])
labels = (words == 5).any(1).long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16, padding_idx=0)
        self.position = nn.Parameter(0.1 * torch.randn(10, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        mask = %(mask)s
        return self.out(self.layer(self.embedding(x) + self.position, src_key_padding_mask=mask)[:, 0])


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(%(steps)d):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(words), labels)
    loss.backward()
    optimizer.step()
"""
WRONG, RIGHT = "x != 0", "x == 0"


def run(mask, longest, trial, folder=None):
    return support_parent.run(SCRIPT % {"mask": mask, "longest": longest, "steps": STEPS}, dict({"mode": "look", "steps": STEPS}, **trial), folder=folder)


class Masks(unittest.TestCase):
    def see(self, wrong, longest, cause, words):
        with tempfile.TemporaryDirectory() as folder:
            seen = run(wrong, longest, {}, folder)
            turned = run(wrong, longest, {"mode": "trial", "patch": {"program.turned_mask": True}, "known": seen.facts["private"]}, folder)
        self.assertEqual([note for note in seen.facts["notes"] if "tenet failed" in note], [])
        mend = seen.mends["turned_mask"]
        self.assertEqual((mend["cause"], mend["certain"], mend["race"]), (cause, False, True))
        self.assertIn(words, mend["seen"])
        self.assertIn("src_key_padding_mask=mask", seen.facts["places"]["program"]["turned_mask"]["text"])
        self.assertEqual(turned.refused, {})
        losses, right = ([step.loss for step in one.steps] for one in (turned, run(RIGHT, longest, {})))
        self.assertEqual(len(losses), STEPS)
        for one, other in zip(losses, right):
            self.assertTrue(math.isfinite(one))
            self.assertAlmostEqual(one, other, places=5)
        return seen

    def test_one_that_leaves_out_whole_samples(self):
        seen = self.see(WRONG, 10, "nonfinite_op", "leaves out every position of ")
        self.assertTrue(math.isnan(seen.steps[0].loss))

    def test_one_that_leaves_in_the_padding(self):
        seen = self.see(WRONG, 8, "constant_feature", "is the same in every sample: the padding")
        self.assertTrue(all(math.isfinite(step.loss) for step in seen.steps))

    def test_one_of_numbers(self):
        self.see("torch.zeros(x.shape).masked_fill(x != 0, -torch.inf)", 10, "nonfinite_op", "leaves out every position of ")

    def test_right_ones_stay_silent(self):
        for mask in (RIGHT, "torch.zeros(x.shape).masked_fill(x == 0, -torch.inf)", "None"):
            for longest in (8, 10):
                found = run(mask, longest, {})
                self.assertEqual((found.mends, found.status), ({}, 0), mask)


if __name__ == "__main__":
    unittest.main()
