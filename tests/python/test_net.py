"""Networks of PyTorch programs told in the words of the hypes, and what is told where the hypes have no word."""
import math
import os
import unittest

import support_net
import support_parent
import torch
import torch.nn as nn
import torch.nn.functional as F
from support_net import look

from tenet import torch_inits, torch_loss_forms

X = torch.arange(48, dtype=torch.float32).reshape(6, 8).sin()
IMAGES = torch.arange(6 * 64, dtype=torch.float32).reshape(6, 1, 8, 8).sin()
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
HOT = torch.eye(3)[CLASSES]


def perceptron(*more):
    return nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3), *more)


def cross_entropy(output):
    return F.cross_entropy(output, CLASSES)


class Convolutional(nn.Module):
    """Modules and functions, one module called twice, a loop."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, (3, 3), stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4, momentum=0.2)
        self.drop = nn.Dropout(0.25)
        self.act = nn.LeakyReLU(0.2)
        self.hidden = nn.ModuleList([nn.Linear(16, 16) for _ in range(2)])
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        x = x / 255.0
        x = self.act(self.conv1(x))
        x = self.act(self.norm(self.conv2(x)))
        x = F.max_pool2d(x, 2)
        x = x.view(x.size(0), -1)
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return F.log_softmax(self.out(self.drop(x)), dim=1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.last(F.relu(self.first(x)) + x).squeeze(1)


class Described(unittest.TestCase):
    def assert_accepted(self, seen):
        self.assertTrue(os.path.exists(support_net.TENET), "there is no %s; build it, or set TENET_PROGRAM" % support_net.TENET)
        self.assertEqual(support_net.accepted(seen.net, seen.loss, seen.facts["solver"]), "")

    def test_perceptron(self):
        seen = look(perceptron, X, cross_entropy)
        self.assertEqual(seen.ops, ["dense", "relu", "dense"])
        self.assertEqual(seen.node(0), {"op": "dense", "units": 5, "bias": True})
        self.assertEqual([node["name"] for node in seen.net], ["0", "1", "2"])
        self.assertEqual(seen.loss, "softmax_cross_entropy")
        self.assertIsNone(seen.why)
        self.assertIn("patch", seen.facts["knobs"])
        self.assert_accepted(seen)

    def test_convolutional(self):
        seen = look(Convolutional, IMAGES, lambda output: F.nll_loss(output, CLASSES))
        self.assertEqual(seen.ops, ["conv2d", "leaky_relu", "conv2d", "batch_norm", "leaky_relu", "max_pool2d", "flatten", "dense", "tanh", "dense", "tanh", "dropout", "dense"])
        self.assertEqual(seen.node(0), {"op": "conv2d", "filters": 4, "kernel": [3, 3], "stride": [1, 1], "padding": 1, "bias": True})
        self.assertEqual(seen.node(2)["stride"], [2, 2])
        self.assertFalse(seen.node(2)["bias"])
        self.assertAlmostEqual(seen.node(3)["momentum"], 0.8)
        self.assertEqual(seen.node(4), {"op": "leaky_relu", "alpha": 0.2})
        self.assertEqual(seen.node(5)["size"], [2, 2])
        self.assertEqual(seen.node(11), {"op": "dropout", "rate": 0.25})
        self.assertEqual(seen.loss, "softmax_cross_entropy")
        self.assertEqual(len({node["name"] for node in seen.net}), len(seen.net))
        self.assert_accepted(seen)

    def test_residual(self):
        seen = look(Residual, X, lambda output: F.mse_loss(output, X[:, 0]))
        self.assertEqual(seen.ops, ["dense", "relu", "add", "dense"])
        self.assertEqual(seen.node(2)["from"], [seen.net[1]["name"], "input"])
        self.assertEqual(seen.loss, "mse")
        self.assert_accepted(seen)

    def test_what_only_measures_is_no_node(self):
        def loss(output):
            F.softmax(output, dim=1).argmax(1)
            return cross_entropy(output)
        seen = look(perceptron, X, loss)
        self.assertEqual(seen.ops, ["dense", "relu", "dense"])

    def test_the_fault_of_two_softmaxes(self):
        seen = look(lambda: perceptron(nn.Softmax(dim=1)), X, cross_entropy)
        self.assertEqual((seen.ops[-1], seen.loss), ("softmax", "softmax_cross_entropy"))

    def test_a_logarithm_twice_is_one(self):
        seen = look(lambda: perceptron(nn.LogSoftmax(dim=1)), X, cross_entropy)
        self.assertEqual((seen.ops[-1], seen.loss), ("dense", "softmax_cross_entropy"))

    def test_nll_of_probabilities_is_said(self):
        seen = look(lambda: perceptron(nn.Softmax(dim=1)), X, lambda output: F.nll_loss(output, CLASSES))
        self.assertEqual((seen.ops[-1], seen.loss), ("softmax", "categorical_cross_entropy"))
        self.assertEqual(len(seen.session.notes), 1)
        self.assertIn("expected log_softmax", seen.session.notes[0])

    def test_named_losses(self):
        rows = X[:, :3]
        for function, expected in ((F.l1_loss, "mae"), (F.mse_loss, "mse"), (F.smooth_l1_loss, "huber"), (F.binary_cross_entropy_with_logits, "sigmoid_cross_entropy")):
            target = HOT if "entropy" in expected else rows
            self.assertEqual(look(perceptron, X, lambda output: function(output, target)).loss, expected)
        self.assertEqual(look(perceptron, X, lambda output: F.mse_loss(output, rows, reduction="sum")).loss, {"name": "mse", "reduction": "sum"})
        self.assertEqual(look(perceptron, X, lambda output: F.huber_loss(output, rows, delta=2.0)).loss, {"name": "huber", "delta": 2.0})

    def test_written_losses(self):
        def of_softmax(output):
            return -torch.sum(HOT * torch.log(F.softmax(output, dim=1)))

        def of_sigmoid(output):
            p = torch.sigmoid(output)
            return -(HOT * torch.log(p + 1e-7) + (1 - HOT) * torch.log(1 - p + 1e-7)).mean()

        cases = [
            (of_softmax, {"name": "categorical_cross_entropy", "clip": 0, "reduction": "sum"}, "softmax"),
            (of_sigmoid, {"name": "binary_cross_entropy", "clip": 1e-7}, "sigmoid"),
            (lambda output: ((output - HOT) ** 2).mean(), "mse", "dense"),
            (lambda output: (HOT - output).abs().sum() / 6, "mae", "dense"),
            (lambda output: -torch.log_softmax(output, 1)[range(6), CLASSES].mean(), "softmax_cross_entropy", "dense"),
            (lambda output: -torch.log(F.softmax(output, 1))[range(6), CLASSES].mean(), {"name": "categorical_cross_entropy", "clip": 0}, "softmax"),
        ]
        for loss, expected, last in cases:
            seen = look(perceptron, X, loss)
            self.assertEqual((seen.loss, seen.ops and seen.ops[-1]), (expected, last))
            self.assertIn("loss", seen.places)
            self.assert_accepted(seen)

    def test_a_clamp_of_probabilities_is_the_clip_of_the_loss(self):
        for kept in (lambda p: p.clamp(1e-6, 1 - 1e-6), lambda p: torch.clamp(p, min=1e-6, max=1.0).squeeze(), lambda p: torch.clamp(p, 1e-6)):
            seen = look(lambda: perceptron(nn.Sigmoid()), X, lambda output: F.binary_cross_entropy(kept(output), HOT))
            self.assertEqual((seen.loss, seen.ops), ({"name": "binary_cross_entropy", "clip": 1e-6}, ["dense", "relu", "dense", "sigmoid"]))
            self.assert_accepted(seen)
        for changed in (lambda p: p.clamp(0.45, 0.55), lambda p: p.clamp(1e-6, 0.5), lambda p: p.clamp(max=1 - 1e-6)):
            self.assertIsNone(look(lambda: perceptron(nn.Sigmoid()), X, lambda output: F.binary_cross_entropy(changed(output), HOT)).net)

    def test_frozen(self):
        def frozen():
            model = perceptron()
            for parameter in model[0].parameters():
                parameter.requires_grad_(False)
            return model
        seen = look(frozen, X, cross_entropy)
        self.assertIs(seen.node(0)["trainable"], False)
        self.assertNotIn("trainable", seen.node(2))
        forgotten = look(perceptron, X, cross_entropy, optimizer=lambda model: torch.optim.SGD(model[2].parameters(), lr=0.1))
        self.assertIs(forgotten.node(0)["trainable"], False)


class Undescribed(unittest.TestCase):
    """The net is null, with the reason, and nothing else goes wrong."""

    def assert_null(self, seen, why):
        self.assertIsNone(seen.net)
        self.assertIsNone(seen.loss)
        self.assertIn(why, seen.why)
        self.assertNotIn("patch", seen.facts.get("knobs", ()))
        self.assertNotIn("net", seen.session.private)
        self.assertEqual(seen.session.notes, [])

    def test_unknown_module(self):
        self.assert_null(look(lambda: perceptron(nn.SiLU()), X, cross_entropy), "SiLU")

    def test_unknown_function(self):
        self.assert_null(look(perceptron, X, lambda output: cross_entropy(output * 2)), "mul")

    def test_unknown_loss(self):
        self.assert_null(look(perceptron, X, lambda output: F.soft_margin_loss(output, HOT)), "loss")

    def test_written_loss_of_no_known_form(self):
        self.assert_null(look(perceptron, X, lambda output: (output ** 4).mean()), "none of the hypes' losses")

    def test_several_losses(self):
        self.assert_null(look(perceptron, X, lambda output: cross_entropy(output) + F.mse_loss(output, HOT)), "several parts")

    def test_softmax_over_the_batch(self):
        self.assert_null(look(lambda: perceptron(nn.Softmax(dim=0)), X, cross_entropy), "axis 0")

    def test_weights_used_twice(self):
        def tied():
            layer = nn.Linear(8, 8)
            return nn.Sequential(layer, nn.ReLU(), layer)
        self.assert_null(look(tied, X, cross_entropy), "used twice")

    def test_target_of_the_network(self):
        self.assert_null(look(perceptron, X, lambda output: F.mse_loss(output, output.detach() * 0.5)), "target")

    def test_a_mode_is_gone_after_the_pass(self):
        look(lambda: perceptron(nn.SiLU()), X, cross_entropy)
        current = getattr(torch.overrides, "_get_current_function_mode", lambda: None)
        self.assertIsNone(current())
        self.assertEqual(len(torch.nn.modules.module._global_forward_hooks), 0)


PROGRAM = """import torch
from torch import nn, optim
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, x):
        x = x.mul(0.01)
        x = torch.sigmoid(self.hidden(x))
        return self.out(x)

torch.manual_seed(1)
x, y = 100 * torch.randn(60, 4), torch.randint(0, 3, (60,))
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=20)
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=0.02, betas=(0.5, 0.9))
for epoch in range(4):
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
"""


class Program(unittest.TestCase):
    """A whole program, from outside."""

    @classmethod
    def setUpClass(cls):
        cls.program = support_parent.look(PROGRAM)

    def test_places(self):
        places = self.program.facts["places"]
        lines = PROGRAM.split("\n")
        expected = {"loss": "criterion = ", "optimizer": "optimizer = ", "loader": "loader = ", "backward": "loss.backward()"}
        for name, text in expected.items():
            self.assertEqual(places[name]["file"], "train.py")
            self.assertTrue(places[name]["text"].startswith(text), places[name])
            self.assertIn(text, lines[places[name]["line"] - 1])
        self.assertEqual([place["text"] for place in places["net"]], ["self.hidden = nn.Linear(4, 6)", "x = torch.sigmoid(self.hidden(x))", "self.out = nn.Linear(6, 3)"])

    def test_facts(self):
        facts = self.program.facts
        self.assertEqual(self.program.notes, [])
        self.assertEqual([node["op"] for node in facts["net"]], ["dense", "sigmoid", "dense"])
        self.assertEqual(facts["parameters"], 51)
        self.assertEqual((facts["steps_total"], facts["steps_per_epoch"], facts["batch_size"], facts["train_samples"]), (12, 3, 20, 60))
        self.assertEqual(facts["solver"], {"opt": "adam", "learning_rate": 0.02, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-8, "weight_decay": 0, "batch_size": 20, "shuffle": False})
        self.assertEqual(facts["work"], 250000)
        self.assertTrue({"patch", "learning_rate", "steps", "seed"} <= set(facts["knobs"]))
        self.assertEqual(support_net.accepted(facts["net"], facts["loss"], facts["solver"]), "")

    def test_inputs_are_those_of_the_first_layer(self):
        """The program divides by 100 before it."""
        self.assertAlmostEqual(self.program.facts["input_std"], 1, delta=0.3)

    def test_a_stopped_program_has_no_length(self):
        # Long enough that the word to stop arrives before its end, however busy the machine is.
        endless = PROGRAM.replace("range(4)", "range(10 ** 9)")
        self.assertEqual(support_parent.look(endless, stop_at=5).facts["steps_total"], 0)


class Inits(unittest.TestCase):
    def read(self, fill, shape=(64, 32)):
        torch.manual_seed(1)
        weight = torch.empty(shape)
        fill(weight)
        return torch_inits.read_weight(weight)

    def test_usual_ones_are_not_told(self):
        for fill in (nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.kaiming_normal_, nn.init.kaiming_uniform_, nn.init.orthogonal_,
                     lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5))):
            self.assertIsNone(self.read(fill))
        self.assertIsNone(torch_inits.read_weight(nn.Conv2d(16, 32, 3).weight))
        self.assertIsNone(torch_inits.read_weight(torch.tensor([[0.007]])))

    def test_unusual_ones(self):
        self.assertEqual(self.read(lambda w: w.fill_(0.01)), {"scheme": "constant", "value": 0.01})
        self.assertEqual(self.read(lambda w: w.zero_()), {"scheme": "zeros"})
        self.assertEqual(self.read(lambda w: w.fill_(1)), {"scheme": "ones"})
        normal, uniform = self.read(lambda w: w.normal_(0, 3)), self.read(lambda w: w.uniform_(-2, 2))
        self.assertEqual((normal["scheme"], uniform["scheme"]), ("normal", "uniform"))
        self.assertAlmostEqual(normal["std"], 3, delta=0.2)
        self.assertAlmostEqual(uniform["limit"], 2, delta=0.05)

    def test_biases(self):
        self.assertIsNone(torch_inits.read_bias(nn.Linear(32, 64).bias, 32))
        self.assertIsNone(torch_inits.read_bias(torch.zeros(64), 32))
        self.assertEqual(torch_inits.read_bias(torch.ones(64), 32), {"scheme": "ones"})

    def test_drawn_ones_read_as_drawn(self):
        for scheme in ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform", "orthogonal"):
            weight = torch.zeros(64, 32)
            torch_inits.draw(weight, {"scheme": scheme}, 32, 64, torch.Generator().manual_seed(1))
            self.assertIsNone(torch_inits.read_weight(weight), scheme)
        weight = torch.zeros(200, 100)
        torch_inits.draw(weight, {"scheme": "he_normal", "scale": 2}, 100, 200, torch.Generator().manual_seed(1))
        self.assertAlmostEqual(float(weight.std()), 2 * math.sqrt(2 / 100), delta=0.01)


class Forms(unittest.TestCase):
    def test_a_formula_that_is_not_known(self):
        site = {"file": "f.py", "line": 1}
        self.assertIsNone(torch_loss_forms.match(("mean", [("cos", [("node", 0)], site, {})], site, {}), []))


if __name__ == "__main__":
    unittest.main()
