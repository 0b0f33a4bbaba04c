"""Patches of the described network, applied to running programs: each computes what the program would if its lines said so; what cannot be done is refused with the reason."""
import copy
import io
import pickle
import tempfile
import unittest

import support_net
import support_parent
import torch
import torch.nn as nn
import torch.nn.functional as F
from support_net import look, trial

X = torch.arange(48, dtype=torch.float32).reshape(6, 8).sin()
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])
HOT = torch.eye(3)[CLASSES]


class Chain(nn.Module):
    """An activation by function in a loop, one by a module that is called twice, a logarithm in the end."""

    def __init__(self, first=torch.exp, second=torch.sigmoid, third=torch.sigmoid, skipped=(), end=lambda x: F.log_softmax(x, dim=1)):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.out = nn.Linear(8, 3)
        self.act = nn.Sigmoid()
        self.given = first, second, third, skipped, end

    def forward(self, x):
        first, second, third, skipped, end = self.given
        for number, layer in enumerate(self.layers[:2]):
            if number not in skipped:
                x = first(layer(x))
        x = second(self.layers[2](x)) if second is not torch.sigmoid else self.act(self.layers[2](x))
        x = third(x) if third is not torch.sigmoid else self.act(x)
        return end(self.out(x))


def nll(output):
    return F.nll_loss(output, CLASSES)


def cross_entropy(output):
    return F.cross_entropy(output, CLASSES)


def written(make, loss, **more):
    """The losses of a program whose lines say it themselves."""
    return look(make, X, loss, **more).program.losses


class Patched(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chain = look(Chain, X, nll)  # dense exp dense exp dense sigmoid sigmoid dense

    def same(self, done, losses):
        self.assertIsNone(done.why)
        self.assertTrue(done.is_applied)
        self.assertEqual(done.notes, [])
        self.assertEqual(len(done.losses), len(losses))
        for one, other in zip(done.losses, losses):
            self.assertAlmostEqual(one, other, places=5)

    def test_nothing_else_changes(self):
        self.assertEqual(trial(self.chain, {"solver.weight_decay": 0.0}).losses, written(Chain, nll))

    def test_functions_in_a_loop(self):
        self.same(trial(self.chain, {"net.1": {"op": "relu"}, "net.3.op": "relu"}), written(lambda: Chain(first=torch.relu), nll))

    def test_one_call_of_a_module_that_is_called_twice(self):
        self.same(trial(self.chain, {"net.6": {"op": "tanh"}}), written(lambda: Chain(third=torch.tanh), nll))
        self.same(trial(self.chain, {"net.5": {"op": "tanh"}}), written(lambda: Chain(second=torch.tanh), nll))

    def test_layers_left_out(self):
        self.same(trial(self.chain, {"net.2": {"$remove": True}, "net.3": {"$remove": True}}), written(lambda: Chain(skipped=(1,)), nll))
        self.same(trial(self.chain, {"net.6": {"$remove": True}}), written(lambda: Chain(third=lambda x: x), nll))

    def test_inserted(self):
        self.same(trial(self.chain, {"net.1": {"$insert": {"op": "relu"}}, "net.3": {"$insert": "relu"}}),
                  written(lambda: Chain(first=lambda x: torch.exp(torch.relu(x))), nll))
        self.same(trial(self.chain, {"net.8": {"$insert": {"op": "tanh"}}}), written(lambda: Chain(end=lambda x: F.log_softmax(torch.tanh(x), 1)), nll))

    def test_another_loss_takes_the_logarithm_away(self):
        self.same(trial(self.chain, {"loss": "mse"}), written(lambda: Chain(end=lambda x: x), lambda output: F.mse_loss(output, HOT)))
        self.same(trial(self.chain, {"loss": "mse", "net.8": {"$insert": {"op": "softmax"}}}),
                  written(lambda: Chain(end=lambda x: F.softmax(x, 1)), lambda output: F.mse_loss(output, HOT)))

    def test_another_loss_takes_the_clamp_away(self):
        def loss(output):
            return F.binary_cross_entropy(output.clamp(1e-3, 1 - 1e-3), HOT)
        seen = look(lambda: nn.Sequential(nn.Linear(8, 3), nn.Sigmoid()), X, loss)
        self.same(trial(seen, {"net.1": {"op": "softmax"}}), written(lambda: nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1)), loss))
        self.same(trial(seen, {"net.1": {"$remove": True}, "loss": "sigmoid_cross_entropy"}),
                  written(lambda: nn.Linear(8, 3), lambda output: F.binary_cross_entropy_with_logits(output, HOT)))

    def test_reduction(self):
        self.same(trial(self.chain, {"loss.reduction": "sum"}), written(Chain, lambda output: F.nll_loss(output, CLASSES, reduction="sum")))
        summed = look(lambda: Chain(end=lambda x: x), X, lambda output: F.cross_entropy(output, CLASSES, reduction="sum"))
        self.same(trial(summed, {"loss": "softmax_cross_entropy"}), written(Chain, nll))

    def test_two_softmaxes_become_one(self):
        seen = look(lambda: nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1)), X, cross_entropy)
        self.same(trial(seen, {"net.1": {"$remove": True}}), written(lambda: nn.Sequential(nn.Linear(8, 3)), cross_entropy))

    def test_mse_to_cross_entropy(self):
        seen = look(lambda: nn.Sequential(nn.Linear(8, 3), nn.Sigmoid()), X, lambda output: F.mse_loss(output, HOT))
        self.same(trial(seen, {"loss": "softmax_cross_entropy", "net.1": {"$remove": True}}), written(lambda: nn.Sequential(nn.Linear(8, 3)), cross_entropy))

    def test_a_loss_that_is_written_out(self):
        def loss(output):
            return -torch.sum(HOT * torch.log(F.softmax(output, dim=1)))
        seen = look(lambda: nn.Linear(8, 3), X, loss)
        self.same(trial(seen, {"loss": "softmax_cross_entropy", "net.1": {"$remove": True}}), written(lambda: nn.Linear(8, 3), cross_entropy))
        self.assertIn("written out in line", trial(seen, {"loss": "mse"}).why)
        self.assertIn("softmax would be taken twice", trial(seen, {"loss": "softmax_cross_entropy"}).why)

    def test_nll_of_probabilities(self):
        seen = look(lambda: nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1)), X, nll)
        self.same(trial(seen, {"loss": "softmax_cross_entropy", "net.1": {"$remove": True}}), written(lambda: nn.Linear(8, 3), cross_entropy))
        logits = look(lambda: nn.Sequential(nn.Linear(8, 3)), X, nll)
        self.same(trial(logits, {"net.1": {"$insert": {"op": "softmax"}}}), written(lambda: nn.Linear(8, 3), cross_entropy))

    def test_dropout(self):
        seen = look(lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3)), X, cross_entropy)
        plain = written(lambda: nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3)), cross_entropy)
        self.same(trial(seen, {"net.1": {"$remove": True}}), plain)
        self.same(trial(seen, {"net.1.rate": 0.0}), plain)

    def test_dropout_by_function_follows_the_module(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.out = nn.Linear(8, 3)

            def forward(self, x):
                return self.out(F.dropout(x, 0.5, self.training))
        seen = look(Net, X, cross_entropy)
        self.assertEqual(seen.ops, ["dropout", "dense"])
        self.same(trial(seen, {"net.0.rate": 0.0}), written(lambda: nn.Linear(8, 3), cross_entropy))

    def test_weight_decay(self):
        def decayed(value):
            return lambda model: torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=value)
        self.same(trial(self.chain, {"solver.weight_decay": 0.5}), written(Chain, nll, optimizer=decayed(0.5)))
        seen = look(Chain, X, nll, optimizer=decayed(0.5))
        self.same(trial(seen, {"solver.weight_decay": 0}), written(Chain, nll))

    def test_set_free(self):
        def frozen():
            model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3))
            model[0].weight.requires_grad_(False)
            model[0].bias.requires_grad_(False)
            return model
        done = trial(look(frozen, X, cross_entropy, steps=3), {"net.0.trainable": True})
        self.assertTrue(done.is_applied)
        for one, other in zip(done.losses, written(lambda: nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3)), cross_entropy, steps=3)):
            self.assertAlmostEqual(one, other, places=5)

    def test_weights_start_anew(self):
        def constant():
            model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
            nn.init.constant_(model[0].weight, 0.01)
            nn.init.ones_(model[0].bias)
            return model
        seen = look(constant, X, cross_entropy, steps=1)
        self.assertEqual(seen.net[0]["init"], {"scheme": "constant", "value": 0.01})
        patch = {"net.0.init": {"scheme": "glorot_uniform", "scale": 1.0}, "net.0.bias_init": {"scheme": "zeros"}}
        first, again, other = trial(seen, patch), trial(seen, patch), trial(seen, patch, seed=5)
        self.assertTrue(first.is_applied)
        self.assertEqual(first.losses, again.losses)
        self.assertNotEqual(first.losses, other.losses)
        self.assertGreater(float(first.model[0].weight.detach().std()), 0.1)
        self.assertLess(float(first.model[0].bias.detach().abs().max()), 0.2)  # one step from zeros
        self.assertTrue(torch.equal(first.model[2].weight.detach() != 0, torch.ones(3, 8, dtype=torch.bool)))

    def test_the_init_of_the_file(self):
        done = trial(look(lambda: nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 3)), X, cross_entropy, steps=1), {"init": {"scheme": "zeros"}})
        self.assertTrue(done.is_applied)
        self.assertEqual(float(done.model[0].weight.detach().abs().max()), 0)

    def test_a_patched_model_is_saved_and_copied(self):
        seen = look(lambda: nn.Sequential(nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 3)), X, cross_entropy)
        model = trial(seen, {"net.1": {"op": "relu"}}).model
        output = model(X)
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), torch.load(file)):
            self.assertTrue(torch.equal(other(X), output))
            self.assertEqual(list(other.state_dict()), list(model.state_dict()))

    def test_a_mode_is_gone_afterwards(self):
        self.assertTrue(trial(self.chain, {"net.1": {"op": "relu"}}).is_applied)
        self.assertIsNone(getattr(torch.overrides, "_get_current_function_mode", lambda: None)())


class Widened(unittest.TestCase):
    def test_dense_layers_of_other_units(self):
        """Two narrow layers become wider, one after the other, and the optimizer trains all of them."""
        kept = []

        def make():
            kept.append(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2, bias=False), nn.Tanh(), nn.Linear(2, 3)))
            return kept[-1]
        seen = look(make, X, cross_entropy)
        done = trial(seen, {"net.0.units": 32, "net.2.units": 16})
        self.assertIsNone(done.why)
        self.assertTrue(done.is_applied)
        net = kept[-1]
        self.assertEqual([tuple(one.shape) for one in net.parameters()], [(32, 8), (32,), (16, 32), (3, 16), (3,)])
        self.assertEqual((net[0].out_features, net[2].in_features, net[2].out_features, net[4].in_features), (32, 32, 16, 16))
        self.assertTrue(all(bool(one.grad.any()) for one in net.parameters()))
        self.assertLess(done.losses[-1], done.losses[0])
        self.assertNotEqual(done.losses, trial(seen, {"net.0.units": 32, "net.2.units": 16}, seed=7).losses)

    def test_a_layer_whose_output_goes_two_ways(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second, self.last = nn.Linear(8, 4), nn.Linear(4, 4), nn.Linear(4, 3)

            def forward(self, x):
                x = torch.relu(self.first(x))
                return self.last(x + torch.relu(self.second(x)))
        seen = look(Net, X, cross_entropy)
        self.assertFalse(trial(seen, {"net.0.units": 32}).is_applied)

    def test_a_layer_that_is_used_twice(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.last = nn.Linear(8, 8), nn.Linear(8, 3)

            def forward(self, x):
                return self.last(torch.relu(self.body(torch.relu(self.body(x)))))
        seen = look(Net, X, cross_entropy)
        self.assertFalse(trial(seen, {"net.0.units": 32}).is_applied)


class Refused(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.chain = look(Chain, X, nll)
        cls.given = cls.chain.program.losses

    def refused(self, patch, why, seen=None):
        done = trial(seen or self.chain, patch)
        self.assertFalse(done.is_applied)
        self.assertIn(why, done.why)
        self.assertEqual(done.notes, [])
        return done

    def test_what_has_another_shape(self):
        self.refused({"net.7.units": 64}, "what takes its 3 outputs would have to change as well")
        self.refused({"net.0.units": 0.5}, "a whole number of units")
        self.refused({"net.7": {"$remove": True}}, "another shape")
        self.refused({"net.1": {"op": "dense", "units": 3}}, "exp cannot become dense")
        self.refused({"net.1": {"$insert": {"op": "dense", "units": 8}}}, "cannot be put")
        self.refused({"net.0": {"$insert": {"op": "relu"}}}, "before the first layer")

    def test_what_is_not_there(self):
        self.refused({"net.9": {"op": "relu"}}, "has 8 nodes")
        self.refused({"solver.shuffle": True}, "no DataLoader")
        self.refused({"data.input.scale": "standardize"}, "knob")
        self.refused({"net.0.init": {"scheme": "magic"}}, "expected one of")
        self.refused({"loss": "magic"}, "no loss magic")

    def test_whole_or_not_at_all(self):
        done = self.refused({"net.1": {"op": "relu"}, "net.7.units": 64}, "net.7.units")
        self.assertEqual(done.losses, self.given)

    def test_a_net_that_is_not_described(self):
        seen = look(lambda: nn.Sequential(nn.Linear(8, 3), nn.SiLU()), X, cross_entropy)
        self.refused({"net.0.init": {"scheme": "zeros"}}, "did not find out", seen)

    def test_what_does_not_happen(self):
        """The program takes another way than in the look."""
        seen = look(Chain, X, nll)
        seen.program.make = lambda: Chain(first=torch.tanh)
        self.refused({"net.1": {"op": "relu"}}, "passed without net.1", seen)

    def test_frozen_by_the_pass(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

            def forward(self, x):
                return self.head(torch.relu(self.body(x)).detach())
        seen = look(Net, X, cross_entropy)
        self.assertIs(seen.net[0].get("trainable"), False)
        self.refused({"net.0.trainable": True}, "detach", seen)


PROGRAM = """import torch, torch.nn as nn
from torch.nn.functional import cross_entropy, relu
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(relu(self.first(x)).sigmoid()).softmax(1)

torch.manual_seed(1)
x, y = torch.randn(60, 4), torch.arange(60) // 20
net, order = Net(), []
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    for inputs, labels in DataLoader(TensorDataset(x, y), batch_size=20):
        order += labels.tolist()
        optimizer.zero_grad()
        cross_entropy(net(inputs), labels).backward()
        optimizer.step()
print("sorted" if order[:60] == sorted(order[:60]) else "shuffled", flush=True)
"""


class Program(unittest.TestCase):
    """A whole program, from outside, names imported from torch.nn.functional."""

    def test_it(self):
        with tempfile.TemporaryDirectory() as folder:
            self.compare(folder)

    def compare(self, folder):
        known = support_parent.look(PROGRAM, folder=folder).facts
        self.assertEqual([node["op"] for node in known["net"]], ["dense", "relu", "sigmoid", "dense", "softmax"])
        plain = support_parent.run(PROGRAM, {"steps": 6, "known": known["private"]}, folder=folder)
        patch = {"net.2": {"$remove": True}, "net.1": {"op": "tanh"}, "net.4": {"$remove": True}, "solver.shuffle": True}
        turned = support_parent.run(PROGRAM, {"patch": patch, "known": known["private"]}, folder=folder)
        self.assertEqual((plain.refused, turned.refused, turned.notes), ({}, {}, []))
        self.assertIn("patch", turned.applied)
        self.assertEqual((turned.status, len(turned.steps)), (0, 6))
        self.assertIn("shuffled", turned.output)
        self.assertNotEqual(plain.steps[0].loss, turned.steps[0].loss)


if __name__ == "__main__":
    unittest.main()
