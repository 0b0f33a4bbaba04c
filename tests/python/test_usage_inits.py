"""Initial weights that no layer draws by itself (usage_inits.py): in networks without a description a look names the line that set them, and a trial draws them as torch does; usual weights, and
networks that the hypes describe, are left alone."""
import pathlib
import tempfile
import unittest

import support_parent

STEPS = 40  # of a look

PROGRAM = """
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
x = torch.randn(256, 6, 3)
y = (x[:, 0].sum(1) > 0).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.LSTM(3, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.body(x)[0].mean(1))

model = Net()
%s
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(40):
    batch = torch.randint(0, 256, (64,))
    optimizer.zero_grad()
    F.cross_entropy(model(x[batch]), y[batch]).backward()
    optimizer.step()
"""
ZEROS = "for parameter in model.parameters():\n    nn.init.zeros_(parameter)"
FILLED = "for parameter in model.body.parameters():\n    parameter.data.fill_(0.1)"
WIDE = "from torch.nn.init import normal_\nnormal_(model.body.weight_hh_l0, 0, 5)"


def look(script):
    return support_parent.run(script, {"mode": "look", "steps": STEPS})


class Inits(unittest.TestCase):
    def see(self, lines, words, place):
        seen = look(PROGRAM % lines)
        self.assertEqual(seen.status, 0, seen.output[-2000:])
        self.assertEqual([note for note in seen.facts["notes"] if "tenet failed" in note], [])
        found = seen.mends["usual_init"]
        self.assertEqual(found["cause"], "bad_init")
        self.assertIn(words, found["seen"])
        self.assertIn(place, seen.facts["places"]["program"]["usual_init"]["text"])
        self.assertIn("patch", seen.facts["knobs"])
        return seen

    def test_weights_of_zero_at_the_line_that_set_them(self):
        seen = self.see(ZEROS, "the weights of body.weight_ih_l0 are all 0, and 1 other layers' are unusual too", "nn.init.zeros_(parameter)")
        self.assertIn("(body.weight_ih_l0, head.weight)", seen.mends["usual_init"]["text"])

    def test_weights_that_no_function_of_torch_filled_where_the_layer_is_made(self):
        self.see(FILLED, "the weights of body.weight_ih_l0 are all 0.1", "self.body = nn.LSTM(")

    def test_weights_far_too_wide_by_a_function_that_the_program_imported_by_name(self):
        self.see(WIDE, "body.weight_hh_l0 have a standard deviation of ", "normal_(model.body.weight_hh_l0, 0, 5)")

    def test_a_trial_draws_them_by_its_seed(self):
        script = PROGRAM % ZEROS
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "train.py"
            path.write_text(script)
            seen = support_parent.run(path, {"mode": "look", "steps": STEPS})

            def turned(**more):
                run = support_parent.run(path, {"mode": "trial", "steps": STEPS, "patch": {"program.usual_init": True}, "known": seen.facts["private"], **more})
                self.assertEqual(run.refused, {})
                self.assertIn("patch", run.applied)
                return [step.loss for step in run.steps]
            first, again, other = turned(), turned(), turned(seed=7)
        self.assertEqual(first, again)
        self.assertNotEqual(first[0], other[0])
        self.assertLess(sum(first[-5:]) / 5, 0.9 * sum(step.loss for step in seen.steps[-5:]) / 5)

    def test_usual_weights_are_left_alone(self):
        narrow = "for parameter in model.parameters():\n    nn.init.normal_(parameter, 0, 0.08) if parameter.dim() > 1 else nn.init.zeros_(parameter)"
        orthogonal = "nn.init.orthogonal_(model.body.weight_hh_l0)\nnn.init.xavier_normal_(model.body.weight_ih_l0)\nnn.init.kaiming_normal_(model.head.weight)"
        for lines in ("", narrow, orthogonal):
            with self.subTest(lines=lines):
                self.assertEqual(look(PROGRAM % lines).mends, {})

    def test_a_network_that_the_hypes_describe_is_left_to_them(self):
        layers = "model = nn.Sequential(nn.Flatten(), nn.Linear(18, 8), nn.ReLU(), nn.Linear(8, 2))\n"
        seen = look(PROGRAM % (layers + ZEROS))
        self.assertIsNotNone(seen.facts["net"])
        self.assertEqual(seen.mends, {})


if __name__ == "__main__":
    unittest.main()
