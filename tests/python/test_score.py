"""Scores and shown samples of an attached program."""
import math
import textwrap
import unittest

import support_parent
import support_session
from support_session import forward, look_and_run, made, train_step
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from tenet import _tenet, torch_review, torch_rows

NAN = math.nan


def rows(name, prediction, target, **options):
    return torch_rows.rows_of(name, torch.as_tensor(prediction), torch.as_tensor(target), options)


class RowsOf(unittest.TestCase):
    def test_classes(self):
        for name in ("softmax_cross_entropy", "nll", "multi_margin"):
            found = rows(name, [[2.0, 1.0], [0.0, 3.0]], [0, 1])
            self.assertEqual((found.task, found.labels.tolist(), found.outputs.shape), ("classification", [0, 1], (2, 2)))

    def test_sequences_in_either_layout_and_ignored_labels(self):
        flat = rows("softmax_cross_entropy", torch.arange(24.0).reshape(8, 3), [0, 1, 2, -100, 0, 1, 2, -100])
        self.assertEqual(flat.labels.tolist(), [0, 1, 2, 0, 1, 2])
        prediction = torch.arange(24.0).reshape(2, 3, 4)  # N, C, T
        found = rows("softmax_cross_entropy", prediction, [[0, 1, 2, 9], [0, 1, 2, 0]], ignore_index=9)
        self.assertEqual((found.labels.tolist(), found.outputs.shape), ([0, 1, 2, 0, 1, 2, 0], (7, 3)))
        self.assertEqual(found.outputs[1].tolist(), prediction[0, :, 1].tolist())
        self.assertIsNone(rows("softmax_cross_entropy", [[1.0, 2.0]], [-100]))

    def test_one_sample_without_a_batch_and_shares_as_targets(self):
        self.assertEqual(rows("softmax_cross_entropy", [1.0, 5.0, 2.0], 1).labels.tolist(), [1])
        self.assertEqual(rows("softmax_cross_entropy", [[1.0, 5.0], [2.0, 1.0]], [[0.1, 0.9], [0.8, 0.2]]).labels.tolist(), [1, 0])

    def test_two_classes_by_one_output(self):
        for shape in ((4,), (4, 1)):
            found = rows("sigmoid_cross_entropy", torch.tensor([-1.0, 2.0, 0.3, -3.0]).reshape(shape), torch.tensor([0.0, 1.0, 1.0, 0.0]).reshape(shape))
            self.assertEqual((found.threshold, found.labels.tolist()), (0.0, [0, 1, 1, 0]))
            self.assertEqual(torch_rows.score_of([found]), 1.0)
        found = rows("binary_cross_entropy", [0.4, 0.6], [0.0, 1.0])
        self.assertEqual((found.threshold, torch_rows.score_of([found])), (0.5, 1.0))
        self.assertEqual(torch_rows.score_of([rows("soft_margin", [-0.5, 0.5], [-1.0, 1.0])]), 1.0)

    def test_several_labels_one_hot_and_pictures(self):
        hot = rows("binary_cross_entropy", [[0.1, 0.9], [0.8, 0.2]], [[0.0, 1.0], [1.0, 0.0]])
        self.assertEqual((hot.task, hot.labels.tolist()), ("classification", [1, 0]))
        several = rows("sigmoid_cross_entropy", [[1.0, 2.0], [-1.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]])
        self.assertEqual((several.outputs.shape, several.labels.tolist()), ((4, 1), [1, 1, 0, 1]))
        picture = rows("sigmoid_cross_entropy", [[0.0, 2.0], [-1.0, 2.0]], [[0.3, 1.0], [0.5, 0.2]])
        self.assertEqual((picture.task, float(picture.outputs[0, 0])), ("regression", 0.5))

    def test_numbers(self):
        found = rows("mse", [1.0, 2.0, 3.0], [[1.0], [2.0], [4.0]])
        self.assertEqual((found.task, found.outputs.shape, found.labels.shape), ("regression", (3, 1), (3, 1)))
        self.assertAlmostEqual(torch_rows.score_of([found]), 1 - 1 / (14 / 3))
        self.assertEqual(rows("mse", [[0.2, 0.7], [0.9, 0.1]], [[0.0, 1.0], [1.0, 0.0]]).task, "classification")
        self.assertEqual(rows("mae", [[0.2], [0.7]], [[0.0], [1.0]]).task, "classification")
        self.assertEqual(rows("poisson_nll", [0.0, 1.0], [1.0, 3.0]).outputs[0].tolist(), [1.0])
        self.assertIsNone(rows("mse", [1.0, 2.0, 3.0], [1.0, 2.0]))

    def test_what_compares_no_label(self):
        self.assertIsNone(rows("cosine_embedding", [1.0], [1.0]))
        self.assertIsNone(torch_rows.rows_of("mse", torch.ones(2), None))


class Values(unittest.TestCase):
    def test_classification_is_that_of_the_library(self):
        generator = torch.Generator().manual_seed(1)
        for width in (1, 2, 5):
            outputs = torch.randn(200, width, generator=generator)
            classes = torch.randint(0, max(2, width), (200,), generator=generator)
            outputs[3] = 0.25
            outputs[5, 0] = NAN
            found = torch_rows.Rows("classification", outputs, classes, 0.0)
            expected = _tenet.score_classification(outputs, classes, width, 0.0)
            self.assertAlmostEqual(torch_rows.score_of([found]), expected, places=12)
            halves = [torch_rows.Rows("classification", outputs[:80], classes[:80], 0.0), torch_rows.Rows("classification", outputs[80:], classes[80:], 0.0).hold()]
            self.assertAlmostEqual(torch_rows.score_of(halves), expected, places=12)

    def test_regression_is_that_of_the_library(self):
        generator = torch.Generator().manual_seed(2)
        targets = torch.randn(100, 3, generator=generator)
        targets[:, 1] = 4.0
        for outputs in (targets + 0.3 * torch.randn(100, 3, generator=generator), torch.full((100, 3), NAN), targets * 100, targets.clone()):
            found = torch_rows.Rows("regression", outputs, targets)
            self.assertAlmostEqual(torch_rows.score_of([found]), _tenet.score_regression(outputs, targets, 3), places=9)

    def test_constant_labels_have_none(self):
        self.assertTrue(math.isnan(torch_rows.score_of([rows("softmax_cross_entropy", [[1.0, 2.0]] * 3, [1, 1, 1])])))
        self.assertTrue(math.isnan(torch_rows.score_of([rows("mse", [1.0, 2.0], [3.0, 3.0])])))
        self.assertTrue(math.isnan(torch_rows.score_of([])))

    def test_large_predictions_are_held_as_classes(self):
        outputs = torch.randn(100, 1000)
        held = torch_rows.Rows("classification", outputs, outputs.argmax(1), 0.0).hold()
        self.assertEqual((held.outputs.numel(), torch_rows.score_of([held])), (100, 1.0))
        wide = torch_rows.Rows("regression", torch.randn(4, 10000), torch.randn(4, 10000)).hold()
        self.assertEqual(wide.outputs.shape, (4, torch_rows.WIDTH_MAX))

    def test_trivial_losses(self):
        statistics = torch_rows.LabelStatistics()
        statistics.add("softmax_cross_entropy", rows("softmax_cross_entropy", torch.randn(4, 3), [0, 0, 1, 1]))
        facts = statistics.facts(True)
        self.assertAlmostEqual(facts["trivial_loss"], math.log(2))
        self.assertAlmostEqual(facts["expected_loss"], math.log(3))
        self.assertEqual((facts["classes"], facts["majority"], facts["outputs"], statistics.facts(False)["trivial_loss"]), (2, 0.5, 3, None))
        for name, expected in (("mse", 1.25), ("mae", 1.0)):
            statistics = torch_rows.LabelStatistics()
            statistics.add(name, rows(name, torch.randn(4, 1), [[1.0], [2.0], [3.0], [4.0]]))
            self.assertAlmostEqual(statistics.facts(True)["trivial_loss"], expected)


X = torch.randn(120, 4, generator=torch.Generator().manual_seed(3))
CLASSES = (X[:, 0] > 0).long()
NUMBERS = 3 * X[:, :1] + 100


def cross_entropy(output, labels):
    return F.cross_entropy(output, labels)


def program(y=CLASSES, loss=cross_entropy, width=2, steps=12, batch=10, extra=None):
    def run(session):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, width))
        made(net)
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        made(optimizer)
        loader, done = DataLoader(TensorDataset(X, y), batch), 0
        while done < steps:
            for inputs, labels in loader:
                train_step(optimizer, loss(forward(net, inputs), labels))
                done += 1
                if extra:
                    extra(done)
                if done >= steps:
                    break
        run.net = net
    return run


class Mixing(unittest.TestCase):
    def test_classes_and_numbers(self):
        generator = torch.Generator().manual_seed(2)
        classes = torch.randint(0, 5, (2000,), generator=generator)
        numbers = torch.randn(2000, 1, generator=generator)
        for labels in (classes, numbers):
            self.assertAlmostEqual(torch_review.mixing(labels), 1, delta=0.1)
            self.assertLess(torch_review.mixing(labels.sort(0).values), 0.05)
            self.assertIsNone(torch_review.mixing(labels[:40]))
            self.assertIsNone(torch_review.mixing(torch.zeros_like(labels)))


class Trials(unittest.TestCase):
    def scores(self, run, **trial):
        look, _, trial, _ = look_and_run(run, trial)
        self.assertEqual(look.notes + trial.notes, [])
        return look, trial, [(step, round(score, 6)) for step, score, _, _ in trial.link.scores]

    def test_before_the_first_step_every_few_and_at_the_end(self):
        look, trial, scores = self.scores(program(steps=60), score_every=25)
        self.assertEqual([step for step, _ in scores], [0, 25, 50, 60])
        self.assertGreater(scores[-1][1], 0.8)
        self.assertLess(scores[0][1], 0.6)
        self.assertEqual((look.facts["scored"], look.facts["score_why"], look.facts["task"]), (True, None, "classification"))
        self.assertAlmostEqual(trial.link.scores[0][3], look.link.scores[0][3])

    def test_unscored(self):
        self.assertEqual(self.scores(program(), unscored=True)[2], [])

    def test_of_the_last_quarter_at_most_and_enough_rows(self):
        look, trial, _ = self.scores(program(steps=60), knobs={"samples": 20})
        self.assertEqual(sum(len(part.rows[0]) for part in trial.scores.window(60)), 20)
        self.assertEqual(len(look.scores.window(60)), 12)
        self.assertEqual(len(look.scores.window(20)), 5)
        self.assertLessEqual(len(trial.scores.parts), 3)

    def test_label_scale_does_not_matter(self):
        run = program(NUMBERS, nn.MSELoss(), 1, steps=80)
        _, trial, scores = self.scores(run, knobs={"label_scale": "standardize"})
        self.assertEqual(trial.applied_names, ["label_scale"])
        self.assertGreater(scores[-1][1], 0.5)
        self.assertLess(self.scores(run)[2][-1][1], 0)

    def test_a_loss_by_hand_is_scored_by_output_and_labels(self):
        def by_hand(output, labels):
            return -torch.log_softmax(output, 1)[torch.arange(len(labels)), labels].mean()
        look, _, scores = self.scores(program(loss=by_hand, steps=60))
        self.assertEqual(look.private["score"]["kind"], "output")
        self.assertGreater(scores[-1][1], 0.8)
        look, _, _ = self.scores(program(NUMBERS, lambda output, labels: ((output - labels) ** 2).mean(), 1))
        self.assertEqual((look.private["score"]["kind"], look.facts["task"]), ("output", "regression"))

    def test_without_labels_from_the_loss(self):
        def run(session):
            weight = torch.full((1,), 2.0, requires_grad=True)
            optimizer = torch.optim.SGD([weight], lr=0.1)
            for _ in range(20):
                train_step(optimizer, (weight ** 2).sum())
        look, _, scores = self.scores(run)
        self.assertEqual(look.facts["score_why"][:13], "from the loss")
        self.assertEqual(scores[0], (0, 0.0))
        self.assertGreater(scores[-1][1], 0.9)
        self.assertEqual(self.scores(run, knobs={"label_scale": "minmax"})[2], [])

    def test_a_loss_below_zero_is_none(self):
        def run(session):
            weight = torch.zeros(1, requires_grad=True)
            optimizer = torch.optim.SGD([weight], lr=0.1)
            for _ in range(5):
                train_step(optimizer, weight.sum() + 0.05)
        look, _, scores = self.scores(run)
        self.assertEqual((look.facts["scored"], scores), (False, []))
        self.assertIn("below zero", look.facts["score_why"])

    def test_constant_labels(self):
        look, _, scores = self.scores(program(torch.zeros(120, dtype=torch.long)))
        self.assertEqual((look.facts["scored"], look.facts["score_why"], scores), (False, "the labels are constant", []))

    def test_optimizers_that_take_turns(self):
        def run(session):
            nets = nn.Linear(4, 1), nn.Linear(1, 1)
            made(*nets)
            first, second = (torch.optim.SGD(net.parameters(), lr=0.1) for net in nets)
            made(first, second)
            for start in range(0, 40, 10):
                x = X[start:start + 10]
                train_step(first, F.mse_loss(nets[1](nets[0](x)), NUMBERS[start:start + 10]))
                train_step(second, F.mse_loss(nets[1](nets[0](x)), torch.zeros(10, 1)), is_primary=False)
        look, _, scores = self.scores(run)
        self.assertEqual((look.facts["scored"], scores), (False, []))
        self.assertIn("take turns", look.facts["score_why"])

    def test_the_main_loss_of_several(self):
        def both(output, labels):
            return F.mse_loss(output, torch.zeros_like(output)) * 0.01 + F.cross_entropy(output, labels)
        look, _, scores = self.scores(program(loss=both, steps=60))
        self.assertIn("softmax_cross_entropy", look.private["score"]["site"])
        self.assertGreater(scores[-1][1], 0.8)

    def test_another_loss_in_its_place(self):
        """As a patch of the described net puts it there: scored as the loss that it was."""
        def run_with(name):
            def run(session):
                session.on("loss_input", lambda call: setattr(call, "name", name if session.mode == "trial" else call.name))
                return program(hot, nn.MSELoss(), steps=60)(session)
            return run
        hot = F.one_hot(CLASSES, 2).float()
        for name in ("softmax_cross_entropy", "sigmoid_cross_entropy", "mae"):
            look, _, scores = self.scores(run_with(name))
            self.assertEqual(look.facts["task"], "classification")
            self.assertGreater(scores[-1][1], 0.8, name)

    def test_sorted_labels_are_scored_on_batches_from_all_over(self):
        """Batches of one class after the other: what was predicted before each update looks good, the network is not."""
        generator = torch.Generator().manual_seed(5)
        classes = torch.arange(4).repeat_interleave(100)
        inputs = torch.randn(4, 6, generator=generator)[classes] * 0.3 + torch.randn(400, 6, generator=generator)
        mixed = torch.randperm(400, generator=generator)

        def run_on(order):
            def run(session):
                torch.manual_seed(0)
                net = nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.1), nn.Linear(16, 4))
                made(net)
                optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
                made(optimizer)
                for _ in range(3):
                    for x, y in DataLoader(TensorDataset(inputs[order], classes[order]), 20):
                        train_step(optimizer, F.cross_entropy(forward(net, x), y))
                self.assertTrue(net.training)
                self.truth = torch_rows.score_of([torch_rows.Rows("classification", net.eval()(inputs).detach(), classes, 0.0)])
            return run

        look, trial, scores = self.scores(run_on(torch.arange(400)))
        self.assertTrue(look.private["score"]["reviewed"])
        self.assertLess(look.facts["label_mixing"], 0.3)
        self.assertGreater(torch_rows.score_of([row for part in trial.scores.window(60) for row in part.rows]), self.truth + 0.2)
        self.assertAlmostEqual(scores[-1][1], self.truth, delta=0.15)
        self.assertAlmostEqual(look.link.scores[-1][1], scores[-1][1], places=5)
        look, trial, _ = self.scores(run_on(mixed))
        self.assertFalse(look.private["score"]["reviewed"])
        self.assertGreater(look.facts["label_mixing"], 0.8)
        self.assertEqual(trial.scores.review.batches, [])

    def test_dropout_takes_nothing_from_the_score(self):
        """In a real program, whose passes are recorded: only the look of one can see dropout."""
        source = """
            import torch
            from torch import nn
            import torch.nn.functional as F
            torch.manual_seed(0)
            classes = torch.arange(4).repeat(100)
            x = torch.eye(4)[classes] * 3 + torch.randn(400, 4)
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.first, self.last = nn.Linear(4, 32), nn.Linear(32, 4)
                def forward(self, x):
                    return self.last(F.dropout(torch.relu(self.first(x)), %s, training=self.training))
            net = Net()
            optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
            for step in range(150):
                batch = torch.randint(0, 400, (50,))
                loss = F.cross_entropy(net(x[batch]), classes[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            """
        for rate, reviewed in (("0.9", True), ("0.0", False)):
            trial = support_parent.run(textwrap.dedent(source % rate), {"mode": "look", "steps": 150})
            self.assertEqual(trial.facts["private"]["score"]["reviewed"], reviewed)
            self.assertGreater(trial.scores[-1].train_score, 0.8)

    def test_an_evaluation_takes_no_part(self):
        def evaluate(step):
            with torch.no_grad():
                F.cross_entropy(torch.tensor([[9.0, 0.0]] * 50), torch.ones(50, dtype=torch.long))
        _, _, with_evaluation = self.scores(program(extra=evaluate))
        _, _, without = self.scores(program())
        self.assertEqual(with_evaluation, without)

    def test_a_lost_run_keeps_its_last_score(self):
        def lost(output, labels):
            return F.cross_entropy(output, labels) * (NAN if len(output) == 5 else 1.0)

        def run(session):
            net = nn.Linear(4, 2)
            made(net)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for count in (10, 10, 5):
                train_step(optimizer, lost(forward(net, X[:count]), CLASSES[:count]))
        session, _ = support_session.run(run, {"mode": "trial", "score_every": 2})
        self.assertEqual([step for step, *_ in session.link.scores], [0, 2])

    def test_a_score_of_the_programs_own(self):
        import tenet

        def tell(step):
            if step == 6:
                tenet.score(0.25)
        look, _, trial, _ = look_and_run(program(extra=tell, steps=10))
        self.assertEqual([(step, valid) for step, _, valid, _ in trial.link.scores if valid == valid], [(6, 0.25), (10, 0.25)])
        self.assertTrue(look.facts["scored"])


class Shown(unittest.TestCase):
    def shown(self, run, count, **trial):
        _, _, trial, _ = look_and_run(run, dict({"shown_samples": count}, **trial))
        self.assertEqual(trial.notes, [])
        return trial, trial.shown_samples

    def test_inputs_labels_and_outputs_before_and_after(self):
        run = program(steps=30)
        _, shown = self.shown(run, 10)
        self.assertEqual([sample["row"] for sample in shown], list(range(10)))
        self.assertGreater(sum(sample["loss_before"] for sample in shown), sum(sample["loss_after"] for sample in shown))
        for row, sample in enumerate(shown):
            self.assertTrue(torch.allclose(torch.tensor(sample["inputs"]), X[row]))
            self.assertEqual(sample["label"], [float(CLASSES[row])])
            with torch.no_grad():
                after = run.net(X[row:row + 1])
            self.assertTrue(torch.allclose(torch.tensor(sample["output_after"]), after[0], atol=1e-6))
            self.assertAlmostEqual(sample["loss_after"], float(F.cross_entropy(after, CLASSES[row:row + 1])), places=5)
            self.assertNotEqual(sample["output_before"], sample["output_after"])
        self.assertTrue(run.net.training)

    def test_scaled_inputs_and_unscaled_labels(self):
        _, shown = self.shown(program(NUMBERS, nn.MSELoss(), 1, steps=40), 5, knobs={"label_scale": "standardize", "input_scale": "minmax"})
        for row, sample in enumerate(shown):
            self.assertTrue(all(-1e-6 <= value <= 1 + 1e-6 for value in sample["inputs"]))
            self.assertAlmostEqual(sample["label"][0], float(NUMBERS[row]), places=4)
            self.assertTrue(80 < sample["output_after"][0] < 120, sample["output_after"])

    def test_more_than_a_step_has(self):
        run = program(steps=100)
        trial, shown = self.shown(run, 35, steps=2)
        self.assertEqual((trial.step, len(shown)), (2, 35))
        for row, sample in enumerate(shown):
            self.assertTrue(torch.allclose(torch.tensor(sample["inputs"]), X[row]))
        self.assertEqual(shown[20]["output_before"], shown[20]["output_after"])
        self.assertEqual([step for step, *_ in trial.link.scores], [0, 2])

    def test_what_follows_the_network_is_found(self):
        _, shown = self.shown(program(loss=lambda output, labels: F.nll_loss(F.log_softmax(output, 1), labels)), 2)
        self.assertIsNotNone(shown[0]["loss_after"])
        _, shown = self.shown(program(loss=lambda output, labels: F.cross_entropy(output * 7 + 1, labels)), 2)
        self.assertIsNone(shown[0]["loss_after"])
        self.assertEqual(len(shown[0]["output_after"]), 2)

    def test_sequences(self):
        def run(session):
            net = nn.Linear(4, 2)
            made(net)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            x, y = X.reshape(12, 10, 4), CLASSES.reshape(12, 10)
            for _ in range(2):
                train_step(optimizer, F.cross_entropy(forward(net, x).reshape(-1, 2), y.reshape(-1)))
        _, shown = self.shown(run, 2)
        self.assertEqual((len(shown[0]["inputs"]), len(shown[0]["label"]), len(shown[0]["output_before"])), (40, 10, 20))
        self.assertEqual(shown[1]["label"], CLASSES[10:20].float().tolist())


if __name__ == "__main__":
    unittest.main()
