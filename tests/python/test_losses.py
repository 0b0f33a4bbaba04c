"""Loss functions of an attached program: what is seen of them, what a trial alters, and that they stay what they were."""
import copy
import inspect
import math
import pickle
import unittest

import numpy
import support_session
from support_session import look_and_run
import torch
from torch import nn
import torch.nn.functional as F

import tenet
from tenet import session as sessions, torch_losses


def calls_of(work, trial=None):
    """The calls that the session saw of work()."""
    seen = []

    def program(session):
        session.on("loss_output", seen.append)
        return work()
    session, result = support_session.run(program, trial or {"mode": "look"})
    return seen, result, session


class Seen(unittest.TestCase):
    def test_functions_and_modules_by_their_names_in_hypes(self):
        x, classes, binary = torch.randn(6, 3, requires_grad=True), torch.tensor([0, 1, 2, 0, 1, 2]), torch.rand(6, 3)
        cases = [
            (lambda: F.cross_entropy(x, classes), "softmax_cross_entropy"), (lambda: nn.CrossEntropyLoss()(x, classes), "softmax_cross_entropy"),
            (lambda: F.nll_loss(F.log_softmax(x, 1), classes), "nll"), (lambda: nn.BCEWithLogitsLoss()(x, binary), "sigmoid_cross_entropy"),
            (lambda: F.binary_cross_entropy(torch.sigmoid(x), target=binary), "binary_cross_entropy"), (lambda: nn.MSELoss()(x, binary), "mse"),
            (lambda: F.l1_loss(input=x, target=binary), "mae"), (lambda: nn.SmoothL1Loss()(x, binary), "huber"), (lambda: F.smooth_l1_loss(x, binary, beta=0.5), "smooth_l1"),
            (lambda: nn.HuberLoss(delta=2.0)(x, binary), "huber"), (lambda: F.kl_div(F.log_softmax(x, 1), F.softmax(binary, 1), reduction="batchmean"), "kl_div"),
            (lambda: nn.MultiMarginLoss()(x, classes), "multi_margin"), (lambda: F.triplet_margin_loss(x, binary, binary + 1), "triplet_margin"),
            (lambda: F.cosine_embedding_loss(x, binary, torch.ones(6)), "cosine_embedding"),
        ]
        for work, name in cases:
            bare = work()
            seen, result, session = calls_of(work)
            self.assertEqual([call.name for call in seen], [name])
            self.assertTrue(torch.equal(result, bare), name)
            self.assertTrue(seen[0].training)
            self.assertEqual(seen[0].file, __file__)
            self.assertEqual(session.notes, [])

    def test_arguments_and_reduction(self):
        x, y = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
        weight = torch.tensor([1.0, 2.0, 3.0])
        for work, reduction, plain in ((lambda: F.cross_entropy(x, y, weight, reduction="sum"), "sum", False), (lambda: F.cross_entropy(x, y, None, False), "sum", True),
                                       (lambda: F.cross_entropy(x, y, reduce=False), "none", True), (lambda: F.cross_entropy(x, y, label_smoothing=0.1), "mean", False)):
            import warnings
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seen, _, _ = calls_of(work)
            self.assertEqual((seen[0].reduction, seen[0].is_plain), (reduction, plain))

    def test_evaluation_is_no_training(self):
        def work():
            with torch.no_grad():
                return F.mse_loss(torch.ones(2), torch.zeros(2))
        seen, _, _ = calls_of(work)
        self.assertFalse(seen[0].training)

    def test_mistakes_are_torchs_own(self):
        with self.assertRaises(TypeError):
            calls_of(lambda: F.mse_loss(torch.ones(2, requires_grad=True)))

    def test_a_listener_replaces_what_is_compared(self):
        def work():
            session = sessions.current()

            def swap(call):
                call.name = "mse"
            session.on("loss_input", swap)
            return F.cross_entropy(logits, classes)
        logits, classes = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
        _, result, _ = calls_of(work)
        self.assertAlmostEqual(float(result), float(F.mse_loss(logits, F.one_hot(classes, 3).float())), places=6)

    def test_losses_by_name_take_each_others_labels(self):
        logits, classes = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
        hot = F.one_hot(classes, 3)
        expected = float(F.cross_entropy(logits, classes))
        for target in (classes, classes[:, None], hot.float(), hot):
            self.assertAlmostEqual(float(torch_losses.compute("softmax_cross_entropy", logits, target)), expected, places=6)
        self.assertAlmostEqual(float(torch_losses.compute("categorical_cross_entropy", F.softmax(logits, 1), classes)), expected, places=6)
        one = torch.randn(5, 1)
        self.assertEqual(float(torch_losses.compute("mse", one, torch.ones(5))), float(F.mse_loss(one, torch.ones(5, 1))))
        self.assertEqual(float(torch_losses.compute("mae", logits, classes)), float(F.l1_loss(logits, hot.float())))
        with self.assertRaisesRegex(ValueError, "there is no loss nonsense"):
            torch_losses.compute("nonsense", logits, classes)


class Unharmed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch_losses.patch_all()

    def test_names_signatures_pickles_and_copies(self):
        self.assertIs(pickle.loads(pickle.dumps(F.cross_entropy)), F.cross_entropy)
        self.assertIs(copy.deepcopy(F.mse_loss), F.mse_loss)
        self.assertEqual(str(inspect.signature(F.cross_entropy)), str(inspect.signature(F.cross_entropy.__wrapped__)))
        self.assertIn("cross entropy", F.cross_entropy.__doc__)
        self.assertEqual((F.mse_loss.__name__, F.mse_loss.__module__), ("mse_loss", "torch.nn.functional"))

    def test_torch_jit_compiles_them(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.loss = nn.CrossEntropyLoss()

            def forward(self, x, y):
                return self.loss(x, y) + F.mse_loss(x, x * 2) + F.nll_loss(F.log_softmax(x, 1), y)
        x, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
        net = Net()
        self.assertAlmostEqual(float(torch.jit.script(net)(x, y)), float(net(x, y)), places=5)
        traced = torch.jit.trace(lambda a: F.mse_loss(a, a * 2), (x,))
        self.assertAlmostEqual(float(traced(x)), float(F.mse_loss(x, x * 2)), places=6)

    def test_nothing_is_seen_without_a_session_or_after_its_end(self):
        self.assertIsNone(sessions.current())
        self.assertEqual(float(F.mse_loss(torch.ones(2), torch.zeros(2))), 1.0)
        seen, _, session = calls_of(lambda: None)
        self.assertTrue(session.ended)
        before, sessions._current = sessions._current, session
        try:
            F.mse_loss(torch.ones(2), torch.zeros(2))
        finally:
            sessions._current = before
        self.assertEqual(seen, [])

    def test_train_mode_alters_nothing(self):
        session = support_session.Recorded({"mode": "train"})
        torch_losses.install(session)
        self.assertFalse(session.listens("loss_input"))
        self.assertTrue(support_session.knob_answers.is_needed(support_session.Recorded({"mode": "train", "knobs": {"samples": 10}})))


X = torch.linspace(-1, 1, 40).reshape(40, 1)
Y = 100 + 10 * X


def full_batch(session, steps=6, loss=None):
    """A program that shows all its data at every step; it returns what its loss compared."""
    torch.manual_seed(0)
    net = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    seen = []
    session.on("loss_output", lambda call: seen.append((call.prediction.detach().clone(), call.target.clone())))
    for _ in range(steps):
        support_session.train_step(optimizer, (loss or nn.MSELoss())(support_session.forward(net, X), Y))
    return seen


class FullBatch(unittest.TestCase):
    def test_is_found_out(self):
        look, _, _, _ = look_and_run(full_batch)
        self.assertEqual((look.private["full_batch"]["rows"], look.facts["train_samples"], look.facts["batch_size"]), (40, 40, 40))
        self.assertTrue({"samples", "shuffle_labels", "batch_size"} <= set(look.facts["knobs"]))

    def test_samples_are_fixed_rows(self):
        _, _, trial, seen = look_and_run(full_batch, {"knobs": {"samples": 10}})
        self.assertEqual({len(prediction) for prediction, _ in seen}, {10})
        self.assertEqual(len({tuple(target.reshape(-1).tolist()) for _, target in seen}), 1)
        self.assertEqual(trial.applied_names, ["samples"])

    def test_batches_go_through_all_rows(self):
        _, _, trial, seen = look_and_run(full_batch, {"knobs": {"batch_size": 8}})
        rows = [value for _, target in seen[:5] for value in target.reshape(-1).tolist()]
        self.assertEqual(sorted(rows), sorted(Y.reshape(-1).tolist()))
        self.assertEqual(trial.applied_names, ["batch_size"])

    def test_labels_are_permuted_once(self):
        _, _, trial, seen = look_and_run(full_batch, {"knobs": {"shuffle_labels": True}})
        targets = [target.reshape(-1).tolist() for _, target in seen]
        self.assertEqual(targets[0], targets[-1])
        self.assertEqual(sorted(targets[0]), sorted(Y.reshape(-1).tolist()))
        self.assertNotEqual(targets[0], Y.reshape(-1).tolist())
        self.assertEqual(trial.applied_names, ["shuffle_labels"])

    def test_batches_of_the_programs_own_are_no_full_batch(self):
        def program(session):
            net = nn.Linear(1, 1)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            for first in range(0, 40, 8):
                support_session.train_step(optimizer, F.mse_loss(net(X[first:first + 8]), Y[first:first + 8]))
        look, _, trial, _ = look_and_run(program, {"knobs": {"samples": 4}})
        self.assertNotIn("full_batch", look.private)
        self.assertIn("tenet.data(x, y)", trial.refusals["samples"])


class LabelScale(unittest.TestCase):
    def test_standardize_and_minmax(self):
        for scale, least, most in (("standardize", -1.8, -1.5), ("minmax", 0.0, 1e-6)):
            _, _, trial, seen = look_and_run(full_batch, {"knobs": {"label_scale": scale}})
            target = seen[0][1]
            self.assertEqual(trial.applied_names, ["label_scale"])
            self.assertTrue(least <= float(target.min()) <= most, float(target.min()))
            self.assertEqual(trial.notes, [])
        self.assertAlmostEqual(float(target.max()), 1.0, places=5)

    def test_is_refused_for_classes(self):
        def program(session):
            net = nn.Linear(1, 2)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
            for _ in range(3):
                support_session.train_step(optimizer, F.cross_entropy(net(X), (X[:, 0] > 0).long()))
        look, _, trial, _ = look_and_run(program, {"knobs": {"label_scale": "standardize"}})
        self.assertIn("classes", look.facts["refused"]["label_scale"])
        self.assertIn("label_scale", trial.refusals)

    def test_is_refused_for_a_loss_by_hand(self):
        look, _, trial, _ = look_and_run(lambda session: full_batch(session, loss=lambda p, t: ((p - t) ** 2).mean()), {"knobs": {"label_scale": "minmax"}})
        self.assertIn("tenet.data(x, y)", look.facts["refused"]["label_scale"])
        self.assertIn("tenet.data(x, y)", trial.refusals["label_scale"])


class Data(unittest.TestCase):
    def test_does_nothing_without_a_session(self):
        x, y = tenet.data(X, Y)
        self.assertIs(x, X)
        self.assertIs(y, Y)
        self.assertIs(tenet.data(X), X)

    def trial(self, knobs, x=X, y=Y, **more):
        look, seen, trial, turned = look_and_run(lambda session: tenet.data(x, y), {"knobs": knobs}, **more)
        self.assertIs(seen[0], x)
        return look, trial, turned

    def test_samples_and_labels(self):
        for x, y in ((X, Y), (X.numpy(), Y.numpy()), (X.reshape(-1).tolist(), Y.reshape(-1).tolist())):
            _, trial, (few, labels) = self.trial({"samples": 10, "shuffle_labels": True}, x, y)
            self.assertEqual((len(few), len(labels), type(few), type(labels)), (10, 10, type(x), type(y)))
            self.assertEqual(set(trial.applied_names), {"samples", "shuffle_labels"})
            few, labels = (torch.as_tensor(one, dtype=torch.float32).reshape(-1) for one in (few, labels))
            self.assertTrue(torch.allclose((100 + 10 * few).sort().values, labels.sort().values))
            self.assertFalse(torch.allclose(100 + 10 * few, labels))

    def test_scales(self):
        _, trial, (x, y) = self.trial({"input_scale": "standardize", "label_scale": "minmax"})
        self.assertAlmostEqual(float(x.std(unbiased=False)), 1.0, places=5)
        self.assertEqual((x.dtype, float(y.min())), (torch.float32, 0.0))
        self.assertAlmostEqual(float(y.max()), 1.0, places=5)
        self.assertEqual(set(trial.applied_names), {"input_scale", "label_scale"})
        _, _, (x, _) = self.trial({"input_scale": "standardize"}, X.numpy().astype(numpy.float64))
        self.assertEqual((type(x), x.dtype), (numpy.ndarray, numpy.float64))

    def test_validation_data_follow_the_training_data(self):
        def program(session):
            tenet.data(X, Y)
            return tenet.data(2 * X, Y)
        _, _, trial, (x, _) = look_and_run(program, {"knobs": {"input_scale": "minmax", "samples": 3}})
        self.assertEqual((len(x), float(x.max())), (40, 1.5))

    def test_facts_and_refusals(self):
        look, trial, _ = self.trial({"label_scale": "minmax", "batch_size": 3}, X, (X[:, 0] > 0).long())
        self.assertEqual(look.facts["train_samples"], 40)
        self.assertIn("classes", look.facts["refused"]["label_scale"])
        self.assertIn("set its own batch size", look.facts["refused"]["batch_size"])
        self.assertIn("label_scale", trial.refusals)

    def test_nonsense_is_given_back(self):
        _, trial, (x, y) = self.trial({"samples": 2}, X, Y[:3])
        self.assertEqual((len(x), len(y)), (40, 3))
        self.assertIn("one row a sample", trial.refusals["samples"])


class Finite(unittest.TestCase):
    def test_an_infinite_loss_stays_what_it_is(self):
        seen, result, _ = calls_of(lambda: F.nll_loss(torch.log(torch.zeros(1, 2, requires_grad=True)), torch.tensor([0])))
        self.assertTrue(math.isinf(float(result)))
        self.assertEqual(len(seen), 1)


if __name__ == "__main__":
    unittest.main()
