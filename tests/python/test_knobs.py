"""Knobs at the optimizer, the weights, the seeds and the network's input. The first class runs whole programs under a parent; the rest works in this process."""
import random
import tempfile
import unittest

import numpy
import support_parent
import support_session
from support_session import forward, look_and_run, made, train_step
import torch
from torch import nn
import torch.nn.functional as F

from tenet import torch_knobs, torch_rows, torch_seeds

PROGRAM = """
import torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
x = torch.randn(200, 4) * 50 + 10
y = (x[:, 0] > 10).long()
loader = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True)
valid = DataLoader(TensorDataset(x, y), batch_size=50)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
criterion = nn.CrossEntropyLoss()
for epoch in range(3):
    net.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        criterion(net(inputs), labels).backward()
        optimizer.step()
    schedule.step()
    net.eval()
    with torch.no_grad():
        for inputs, labels in valid:
            criterion(net(inputs), labels)
print("done", len(loader))
"""


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # One folder for all: a loader is known by where it was made.
        cls.folder = tempfile.TemporaryDirectory()
        cls.look = support_parent.look(PROGRAM, folder=cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def trial(self, **trial):
        run = support_parent.run(PROGRAM, dict({"known": self.look.facts["private"]}, **trial), folder=self.folder.name)
        self.assertEqual((run.status, run.notes), (0, []), run.output)
        return run

    def test_the_look(self):
        look = self.look
        self.assertEqual((look.status, look.notes, len(look.steps), look.end["reason"]), (0, [], 30, "exit"), look.output)
        self.assertEqual([step.learning_rate for step in look.steps][::10], [0.1, 0.05, 0.025])
        self.assertEqual(look.steps[-1].samples, 600)
        self.assertTrue({"seed", "steps", "learning_rate", "decay", "optimizer", "clip_norm", "init_scale", "input_scale", "batch_size", "samples", "shuffle_labels"}
                        <= set(look.facts["knobs"]))
        self.assertEqual((look.facts["train_samples"], look.facts["batch_size"], look.facts["learning_rate"], look.facts["classes"]), (200, 20, 0.1, 2))
        self.assertIn("classes", look.facts["refused"]["label_scale"])
        self.assertAlmostEqual(look.facts["input_mean"], 10, delta=5)
        self.assertAlmostEqual(look.facts["input_std"], 50, delta=5)

    def test_a_trial_as_given_repeats_the_look(self):
        run = self.trial()
        self.assertEqual([step.loss for step in run.steps], [step.loss for step in self.look.steps])

    def test_every_knob_at_once(self):
        knobs = {"learning_rate": 0.02, "batch_size": 5, "samples": 10, "shuffle_labels": True, "input_scale": "standardize", "init_scale": 0.5, "clip_norm": 1.0,
                 "optimizer": "adam", "decay": "off"}
        run = self.trial(knobs=knobs, steps=50, seed=7)
        self.assertEqual(set(run.applied), set(knobs) | {"steps", "seed"})
        self.assertEqual(run.refused, {})
        self.assertEqual((len(run.steps), run.end["reason"]), (50, "steps"))
        self.assertEqual({round(step.learning_rate, 9) for step in run.steps}, {0.02})
        self.assertEqual(run.steps[-1].samples, 250)
        self.assertNotIn("done", run.output)

    def test_the_schedule_keeps_its_shape(self):
        run = self.trial(knobs={"learning_rate": 0.4})
        self.assertEqual([round(step.learning_rate, 9) for step in run.steps][::10], [0.4, 0.2, 0.1])
        run = self.trial(knobs={"decay": "off"}, steps=60)
        self.assertEqual({step.learning_rate for step in run.steps}, {0.1})
        self.assertEqual(len(run.steps), 60)

    def test_seeds_change_weights_and_order_and_nothing_before(self):
        one, same, other = (self.trial(seed=seed, steps=5) for seed in (1, 1, 2))
        self.assertEqual([step.loss for step in one.steps], [step.loss for step in same.steps])
        self.assertNotEqual([step.loss for step in one.steps], [step.loss for step in other.steps])
        self.assertIn("seed", one.applied)

    def test_what_cannot_be_turned_is_refused(self):
        run = self.trial(knobs={"label_scale": "standardize"}, steps=3)
        self.assertEqual(list(run.refused), ["label_scale"])

    def test_train_mode_turns_nothing_and_tells_scores_and_labels(self):
        run = support_parent.run(PROGRAM, {"mode": "train"})
        self.assertEqual((run.status, run.applied, run.refused), (0, [], {}))
        self.assertEqual([score.step for score in run.scores], [0, 30])
        self.assertEqual(
            sorted(set(run.facts) - {"framework", "private"}),
            ["classes", "expected_loss", "label_max", "label_mean", "label_min", "label_std", "majority", "notes", "outputs", "parameters", "score_why", "scored", "seen_labels", "task", "trivial_loss"],
        )
        self.assertEqual(len(run.steps), 30)
        self.assertIn("done 10", run.output)


def linear():
    torch.manual_seed(1)
    net = nn.Linear(3, 1)
    made(net)
    return net


def program(optimizer_of, steps=4, schedule=None, x=None):
    """Returns the rates of each step and the weights after each."""
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(2)) if x is None else x

    def run(session):
        net = linear()
        optimizer = optimizer_of(net.parameters())
        made(optimizer)
        scheduler = schedule(optimizer) if schedule else None
        rates, weights = [], [net.weight.detach().clone()]
        for _ in range(steps):
            rates.append(train_step(optimizer, F.mse_loss(forward(net, x), torch.ones(8, 1))))
            weights.append(net.weight.detach().clone())
            if scheduler:
                scheduler.step()
        run.optimizer = optimizer
        return rates, weights
    return run


class Rates(unittest.TestCase):
    def test_groups_keep_their_ratio_and_rates_are_given_back(self):
        def two_groups(parameters):
            weight, bias = list(parameters)
            return torch.optim.SGD([{"params": [weight]}, {"params": [bias], "lr": 0.3}], lr=0.1)
        run = program(two_groups)
        _, _, trial, (rates, _) = look_and_run(run, {"knobs": {"learning_rate": 0.2}})
        self.assertEqual([[round(rate, 9) for rate in step] for step in rates], [[0.2, 0.6]] * 4)
        self.assertEqual([group["lr"] for group in run.optimizer.param_groups], [0.1, 0.3])
        self.assertEqual(trial.applied_names, ["learning_rate"])

    def test_a_warm_up_is_part_of_the_shape(self):
        run = program(lambda parameters: torch.optim.Adam(parameters, lr=0.1), schedule=lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 4))
        _, _, _, (rates, _) = look_and_run(run, {"knobs": {"learning_rate": 1.0}})
        self.assertEqual([round(step[0], 9) for step in rates], [0.0, 0.25, 0.5, 0.75])
        _, _, _, (rates, _) = look_and_run(run, {"knobs": {"decay": "off", "learning_rate": 1.0}})
        self.assertEqual([round(step[0], 9) for step in rates], [1.0] * 4)

    def test_a_rate_of_zero_is_refused(self):
        look, _, trial, _ = look_and_run(program(lambda parameters: torch.optim.SGD(parameters, lr=0.0)), {"knobs": {"learning_rate": 1.0}})
        self.assertIn("learning_rate", look.facts["refused"])
        self.assertIn("learning rate of 0", trial.refusals["learning_rate"])


class AnotherOptimizer(unittest.TestCase):
    def test_steps_like_one_that_was_made_so(self):
        for name, kind in (("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("rmsprop", torch.optim.RMSprop),
                           ("adagrad", torch.optim.Adagrad), ("adadelta", torch.optim.Adadelta)):
            for given in (lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01), lambda parameters: torch.optim.Adagrad(
                    parameters, lr=0.1, weight_decay=0.01)):
                _, _, trial, (rates, weights) = look_and_run(program(given), {"knobs": {"optimizer": name}})
                _, _, _, (_, expected) = look_and_run(program(lambda parameters: kind(parameters, lr=0.1, weight_decay=0.01)))
                self.assertEqual(trial.applied_names, ["optimizer"])
                self.assertEqual(rates[0], [0.1])
                self.assertTrue(torch.allclose(weights[-1], expected[-1]), name)

    def test_schedulers_and_the_program_keep_hold_of_it(self):
        run = program(lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9), schedule=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5))
        _, _, trial, (rates, _) = look_and_run(run, {"knobs": {"optimizer": "adam", "learning_rate": 0.01}})
        self.assertEqual([round(step[0], 9) for step in rates], [0.01, 0.005, 0.0025, 0.00125])
        self.assertIsInstance(run.optimizer, torch.optim.Adam)
        self.assertEqual(set(trial.applied_names), {"optimizer", "learning_rate"})

    def test_an_unknown_one_is_refused(self):
        _, _, trial, _ = look_and_run(program(lambda parameters: torch.optim.SGD(parameters, lr=0.1)), {"knobs": {"optimizer": "newton"}})
        self.assertIn("expected one of adadelta", trial.refusals["optimizer"])


class Clipping(unittest.TestCase):
    def test_the_global_norm(self):
        _, _, trial, (_, weights) = look_and_run(program(lambda parameters: torch.optim.SGD(parameters, lr=1.0), x=torch.full((8, 3), 100.0)), {"knobs": {"clip_norm": 0.5}})
        self.assertLessEqual(float((weights[1] - weights[0]).norm()), 0.5 + 1e-6)
        self.assertEqual(trial.applied_names, ["clip_norm"])


class InitialScale(unittest.TestCase):
    def test_weights_and_not_biases(self):
        def run(session):
            net = linear()
            before = [one.detach().clone() for one in net.parameters()]
            made(torch.optim.SGD(net.parameters(), lr=0.1))
            return [float((one / other).mean()) for one, other in zip(net.parameters(), before)]
        _, same, trial, ratios = look_and_run(run, {"knobs": {"init_scale": 2.0}})
        self.assertEqual(same, [1.0, 1.0])
        self.assertEqual(ratios, [2.0, 1.0])
        self.assertEqual(trial.applied_names, ["init_scale"])

    def test_also_where_weights_are_drawn_after_the_optimizer_was_made(self):
        def run(session):
            net = linear()
            made(torch.optim.SGD(net.parameters(), lr=0.1))
            nn.init.constant_(net.weight, 1.0)
            forward(net, torch.ones(1, 3))
            forward(net, torch.ones(1, 3))
            return float(net.weight.mean())
        self.assertEqual(look_and_run(run, {"knobs": {"init_scale": 3.0}})[3], 3.0)


class Inputs(unittest.TestCase):
    X = torch.tensor([[1.0, 10.0, 5.0], [3.0, 30.0, 5.0]])

    def inputs(self, scale, x=None, call=forward):
        x = self.X if x is None else x

        def run(session):
            net = nn.Linear(x.shape[-1], 1)
            seen = []
            net.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
            made(net)
            call(net, x)
            with torch.no_grad():
                call(net, x)
            return seen
        look, _, trial, seen = look_and_run(run, {"knobs": {"input_scale": scale}})
        return look, trial, seen

    def test_scales(self):
        for scale, expected in (("standardize", [[-1, -1, 0], [1, 1, 0]]), ("minmax", [[0, 0, 0], [1, 1, 0]]), ("none", self.X.tolist())):
            look, trial, seen = self.inputs(scale)
            for one in seen:
                self.assertTrue(torch.allclose(one, torch.tensor(expected, dtype=torch.float32)), scale)
            self.assertEqual(len(seen), 2)
            self.assertEqual(trial.applied_names, ["input_scale"])
        self.assertEqual((look.facts["features"], look.facts["constant_features"], look.facts["input_min"], look.facts["input_max"]), (3, 1, 1.0, 30.0))
        self.assertEqual((look.facts["input_std_min"], look.facts["input_std_max"]), (1.0, 10.0))

    def test_not_finite_values_are_counted(self):
        look, _, _ = self.inputs("standardize", torch.tensor([[1.0, float("nan")], [3.0, 4.0], [float("inf"), 6.0]]))
        self.assertEqual((look.facts["nonfinite_inputs"], look.facts["input_min"], look.facts["input_max"]), (2, 1.0, 6.0))

    def test_whole_numbers_are_refused(self):
        def run(session):
            net = nn.Embedding(4, 2)
            made(net)
            forward(net, torch.tensor([1, 2]))
        look, _, trial, _ = look_and_run(run, {"knobs": {"input_scale": "minmax"}})
        self.assertIn("whole numbers", look.facts["refused"]["input_scale"])
        self.assertIn("input_scale", trial.refusals)

    def test_arguments_by_name_and_in_lists(self):
        x = torch.ones(2, 3)
        self.assertEqual(torch_knobs.first_float((), {"x": x})[0], ("x",))
        self.assertEqual(torch_knobs.first_float(([x],), {})[0], (0, 0))
        self.assertEqual(torch_knobs.first_float(({"a": x},), {})[0], (0, "a"))
        self.assertEqual(torch_knobs.first_float((torch.ones(2, dtype=torch.long), x), {})[0], None)
        self.assertEqual(torch_knobs.replaced(([1, x],), {}, (0, 1), 5), (([1, 5],), {}))
        self.assertEqual(torch_knobs.replaced((), {"x": x}, ("x",), 5), ((), {"x": 5}))

    def test_channels_where_features_are_too_many(self):
        images = torch.randn(4, 3, 64, 64)
        self.assertEqual(torch_knobs.axis_of(images), 1)
        self.assertEqual(torch_knobs.as_columns(images, 1).shape, (4 * 64 * 64, 3))
        self.assertEqual(torch_knobs.axis_of(images[:, :, :28, :28]), "all")


class Statistics(unittest.TestCase):
    def test_a_large_offset_costs_no_digits_and_batches_add_up(self):
        values = torch.randn(1000, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0)) + 1e8
        statistics = torch_rows.ColumnStatistics(2)
        for first in range(0, 1000, 300):
            statistics.add(values[first:first + 300])
        self.assertTrue(torch.allclose(statistics.mean(), values.mean(0), rtol=1e-14))
        self.assertTrue(torch.allclose(statistics.std(), values.std(0, unbiased=False), rtol=1e-6))
        self.assertEqual(statistics.rows, 1000)


class Seeds(unittest.TestCase):
    def draws(self, seed, module=True):
        def run(session):
            data = torch.rand(1).item()
            if module:
                made(nn.Identity())
            torch.manual_seed(5)
            random.seed(5)
            numpy.random.seed(5)
            return data, torch.rand(1).item(), random.random(), numpy.random.rand()
        return support_session.run(run, {"mode": "trial", "seed": seed})

    def test_of_the_program_are_turned_after_its_first_module(self):
        session, one = self.draws(1)
        _, again = self.draws(1)
        _, other = self.draws(2)
        _, given = self.draws(None)
        self.assertEqual(one, again)
        self.assertEqual(one[0], other[0])
        self.assertEqual(one[0], given[0])
        for place in (1, 2, 3):
            self.assertEqual(len({one[place], other[place], given[place]}), 3)
        self.assertEqual(session.applied_names, ["seed"])

    def test_without_a_module_they_stay_and_the_knob_is_refused(self):
        session, drawn = self.draws(1, module=False)
        self.assertEqual(drawn, self.draws(None)[1])
        self.assertIn("seed", session.refusals)

    def test_mixed_seeds_differ(self):
        self.assertEqual(len({torch_seeds.mixed(given, seed) for given in range(30) for seed in range(30)}), 900)


if __name__ == "__main__":
    unittest.main()
