"""What a program trains on (usage_dataset.py, usage_targets.py): a look sees a data set that gives one sample for all or changes what it stores, targets out of a loss's range, and labels that are the
inputs; a trial trains as the mended program does; data sets and targets that mean it are left alone."""
import tempfile
import unittest

import support_parent
from test_usage import look

STORED = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset
torch.manual_seed(0)


class Rows(Dataset):
    def __init__(self):
        self.x, self.y, self.buffer = 16 * torch.rand(60, 6), torch.randint(0, 3, (60,)), torch.empty(6)

    def __len__(self):
        return 60

    def __getitem__(self, index):
        x = self.x[index]
        %s
        return x, self.y[index]


loader = DataLoader(Rows(), batch_size=20, shuffle=True%s)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(8):
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
"""

MASKS = """
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
x = torch.randn(64, 4)
y = (x[:, :1] > 0).float() * %s
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(30):
    optimizer.zero_grad()
    F.binary_cross_entropy_with_logits(model(x), y).backward()
    optimizer.step()
"""

TOKENS = """
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
text = torch.randint(0, 20, (400,))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = nn.Embedding(20, 8), nn.GRU(8, 8, batch_first=True, bidirectional=%s), nn.LazyLinear(20)

    def forward(self, ids, targets=None):
        return self.head(self.rnn(self.embed(ids))[0])


model = Net()
model(text[:8].view(2, 4))
optimizer = torch.optim.Adam(model.parameters())
for step in range(20):
    starts = torch.randint(0, 380, (4,)).tolist()
    x = torch.stack([text[i:i + 10] for i in starts])
    y = torch.stack([text[i + %d:i + %d + 10] for i in starts])
    optimizer.zero_grad()
    F.cross_entropy(model(x, y).reshape(-1, 20), y.reshape(-1)).backward()
    optimizer.step()
"""


def losses(run):
    return [step.loss for step in run.steps]


def mended(script, seen, name):
    return support_parent.run(script, {"mode": "trial", "steps": 60, "patch": {"program." + name: True}, "known": seen.facts["private"]})


class Samples(unittest.TestCase):
    def test_samples_that_are_changed_where_they_are_stored(self):
        script = STORED % ("x /= 16", "")
        seen, copied = look(script), look(STORED % ("x = x / 16", ""))
        mend = seen.mends["stored_samples"]
        self.assertEqual((list(seen.mends), mend["cause"], mend["certain"]), (["stored_samples"], "unscaled_input", True))
        self.assertIn("4 samples were fetched twice from the same random state", mend["control"])
        self.assertIn("def __getitem__(self, index):", seen.facts["places"]["program"]["stored_samples"]["text"])
        self.assertEqual(copied.mends, {})
        turned = mended(script, seen, "stored_samples")
        self.assertEqual((turned.refused, losses(turned)), ({}, losses(copied)))
        self.assertNotEqual(losses(seen), losses(copied))

    def test_the_same_sample_for_every_index(self):
        for wrong in ("index = 7; x = self.x[index]", "torch.manual_seed(3); index = int(torch.randint(60, ())); x = self.x[index]"):
            seen = look(STORED % (wrong, ""))
            mend = seen.mends["distinct_samples"]
            self.assertEqual((list(seen.mends), mend["cause"], mend["race"]), (["distinct_samples"], "constant_feature", False))
            self.assertIn("32 different indices of the 60", mend["control"])

    def test_what_is_meant(self):
        for usual in ("x = x + torch.randn(6)",  # an augmentation
                      "self.buffer.copy_(x).div_(16); x = self.buffer",  # a buffer that is used again
                      "x.clamp_(1, 15)",  # in place, and the same the second time
                      "index = int(torch.randint(60, ())); x = self.x[index]"):  # drawn with replacement
            self.assertEqual(look(STORED % (usual, "")).mends, {}, usual)
        self.assertEqual(look(STORED % ("x /= 16", ", num_workers=1")).mends, {})  # each epoch's worker has a copy of its own

    def test_a_probe_leaves_the_training_as_it_is(self):
        plain = support_parent.run(STORED % ("x /= 16", ""), {"mode": "trial", "steps": 60})
        self.assertEqual(losses(plain), losses(look(STORED % ("x /= 16", ""))))


class Targets(unittest.TestCase):
    def of_masks(self, factor):
        """The look at such a program, and the losses of its trial with targets of 0 and 1."""
        with tempfile.TemporaryDirectory() as folder:
            seen = support_parent.run(MASKS % factor, {"mode": "look", "steps": 60}, folder=folder)
            turned = support_parent.run(MASKS % factor, {"mode": "trial", "steps": 60, "patch": {"program.unit_targets": True}, "known": seen.facts["private"]}, folder=folder)
        self.assertEqual(turned.refused, {})
        return seen, losses(turned)

    def test_masks_of_255(self):
        (seen, turned), unit = self.of_masks("255"), look(MASKS % "1")
        mend = seen.mends["unit_targets"]
        self.assertEqual((list(seen.mends), mend["cause"], mend["certain"]), (["unit_targets"], "unscaled_label", True))
        self.assertIn("numbers from 0 to 255", mend["seen"])
        self.assertIn("binary_cross_entropy_with_logits(model(x), y)", seen.facts["places"]["program"]["unit_targets"]["text"])
        self.assertEqual(turned, losses(unit))
        self.assertEqual(seen.facts["private"]["score"]["task"], "classification")
        self.assertEqual(unit.mends, {})

    def test_labels_of_plus_and_minus_one(self):
        self.assertEqual(self.of_masks("2 - 1")[1], losses(look(MASKS % "1")))

    def test_soft_labels_are_left_alone(self):
        self.assertNotIn("unit_targets", look(MASKS % "1.2").mends)

    def test_a_language_model_that_is_to_tell_its_inputs(self):
        seen = look(TOKENS % (False, 0, 0))
        mend = seen.mends["next_targets"]
        self.assertEqual((list(seen.mends), mend["cause"], mend["race"]), (["next_targets"], "leaky_feature", False))
        self.assertIn("all 40 positions", mend["control"])
        self.assertIn("F.cross_entropy(", seen.facts["places"]["program"]["next_targets"]["text"])
        self.assertEqual(look(TOKENS % (False, 1, 1)).mends, {})  # the targets are given to it as well, and it makes nothing of them
        self.assertEqual(look(TOKENS % (True, 0, 0)).mends, {})  # an autoencoder sees all of the text


if __name__ == "__main__":
    unittest.main()
