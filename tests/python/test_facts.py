"""FACTS of a look: size, work, solver and length of programs of several kinds."""
import math
import unittest

import support_net
import support_parent
import torch
import torch.nn as nn
import torch.nn.functional as F
from support_net import look
from torch.utils.data import DataLoader, Sampler, SequentialSampler, TensorDataset

from tenet import torch_facts

X = torch.arange(48, dtype=torch.float32).reshape(6, 8).sin()
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])


class Solvers(unittest.TestCase):
    def solver(self, kind, **settings):
        return torch_facts.solver_of(getattr(torch.optim, kind)([nn.Parameter(torch.zeros(2))], **settings), settings.get("lr", 0.5))

    def test_words_of_the_hypes(self):
        self.assertEqual(self.solver("SGD", lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.1),
                         {"opt": "sgd", "learning_rate": 0.5, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1})
        self.assertEqual(self.solver("RMSprop", lr=0.5, alpha=0.8, eps=1e-5), {"opt": "rmsprop", "learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-5, "momentum": 0, "weight_decay": 0})
        self.assertEqual(self.solver("AdamW", lr=0.5, betas=(0.8, 0.99))["beta1"], 0.8)

    def test_each_is_accepted(self):
        for kind in torch_facts.SOLVERS:
            self.assertEqual(support_net.accepted([{"op": "dense", "units": 1}], "mse", self.solver(kind, lr=0.5)), "", kind)

    def test_others_have_no_word(self):
        self.assertIsNone(self.solver("Adamax", lr=0.5))


class Shuffled(unittest.TestCase):
    def test_samplers(self):
        class Own(Sampler):
            def __init__(self):
                pass

            def __iter__(self):
                return iter(range(6))

        rows = TensorDataset(X, CLASSES)
        self.assertIs(torch_facts.is_shuffled(DataLoader(rows, shuffle=True)), True)
        self.assertIs(torch_facts.is_shuffled(DataLoader(rows)), False)
        self.assertIs(torch_facts.is_shuffled(DataLoader(rows, batch_size=None, sampler=SequentialSampler(rows))), False)
        self.assertIsNone(torch_facts.is_shuffled(DataLoader(rows, sampler=Own())))


class Work(unittest.TestCase):
    def work(self, make, x, loss):
        seen = look(make, x, loss)
        total, rows = seen.session.private.get("work") or (None, None)
        self.assertIsNone(total)  # it is told as a fact
        self.assertEqual(rows, None)
        return seen.facts["work"] * 1.0

    def test_products_are_counted(self):
        rows = torch.zeros(2000, 300)
        work = self.work(lambda: nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 50)), rows, lambda output: output.square().mean())
        self.assertEqual(work, 300 * 400 + 400 * 50)

    def test_convolutions_count_every_place(self):
        work = self.work(lambda: nn.Conv2d(3, 16, 5), torch.zeros(20, 3, 64, 64), lambda output: output.square().mean())
        self.assertEqual(work, 3 * 25 * 16 * 60 * 60)

    def test_recurrent_ones_count_every_step(self):
        work = self.work(lambda: nn.LSTM(32, 64, batch_first=True), torch.zeros(100, 30, 32), lambda output: output[0].square().mean())
        self.assertEqual(work, 30 * (4 * 64 * 32 + 4 * 64 * 64))

    def test_a_step_costs_something_however_small_the_net(self):
        self.assertEqual(self.work(lambda: nn.Linear(8, 3), X, lambda output: F.cross_entropy(output, CLASSES)), torch_facts.STEP_OVERHEAD / 6)


class Programs(unittest.TestCase):
    def test_a_loss_that_is_written_out(self):
        hot = torch.eye(3)[CLASSES]
        facts = look(lambda: nn.Linear(8, 3), X, lambda output: -torch.sum(hot * torch.log(F.softmax(output, dim=1)))).facts
        self.assertEqual((facts["task"], facts["outputs"], facts["batch_size"]), ("classification", 3, 6))
        self.assertAlmostEqual(facts["expected_loss"], 6 * math.log(3))

    def test_a_sum_that_may_be_divided_implies_no_first_loss(self):
        for divided in (1, 6):
            facts = look(lambda: nn.Linear(8, 3), X, lambda output: F.cross_entropy(output, CLASSES, reduction="sum") / divided).facts
            self.assertEqual((facts["task"], facts.get("expected_loss")), ("classification", None))
        self.assertAlmostEqual(look(lambda: nn.Linear(8, 3), X, lambda output: F.cross_entropy(output, CLASSES)).facts["expected_loss"], math.log(3))

    def test_several_optimizers(self):
        facts = support_parent.look("""import torch, torch.nn as nn
first, second = nn.Linear(4, 4), nn.Linear(4, 1)
one, two = torch.optim.Adam(first.parameters(), lr=0.1), torch.optim.SGD(second.parameters(), lr=0.2)
for step in range(4):
    for optimizer in (one, two):
        loss = nn.functional.mse_loss(second(torch.relu(first(torch.ones(5, 4)))), torch.ones(5, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""").facts
        self.assertEqual((facts["net"], facts["loss"]), (None, None))
        self.assertIn("several optimizers", facts["refused"]["patch"])
        self.assertNotIn("patch", facts["knobs"])
        self.assertEqual((facts["solver"]["opt"], facts["learning_rate"], facts["steps_total"]), ("adam", 0.1, 4))

    def test_a_closure(self):
        facts = support_parent.look("""import torch, torch.nn as nn
x = torch.linspace(-1, 1, 20).reshape(20, 1)
net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.5)
def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(x), x ** 2)
    loss.backward()
    return loss
for step in range(3):
    optimizer.step(closure)
""").facts
        self.assertEqual([node["op"] for node in facts["net"]], ["dense", "tanh", "dense"])
        self.assertEqual((facts["loss"], facts["solver"], facts["parameters"], facts["steps_total"]), ("mse", None, 13, 3))

    def test_nothing_is_trained(self):
        run = support_parent.look("import torch\nprint(torch.nn.Linear(2, 1)(torch.ones(3, 2)).shape)\n")
        self.assertEqual(run.status, 0)
        self.assertIsNone(run.facts["net"])
        self.assertNotIn("parameters", run.facts)


if __name__ == "__main__":
    unittest.main()
