"""Keras programs under a stand-in for the parent: fit, train_on_batch and loops of their own are seen step by step, each knob does what it says, and without one nothing changes.

Runs with the Python that $TENET_TEST_KERAS_PYTHON names, else with this one where it has Keras; else the tests are skipped.
"""
import math
import os
import subprocess
import sys
import unittest

import support_parent
from support_server import Server

DATA = """
import os
os.environ.setdefault("KERAS_BACKEND", "jax")
import numpy as np, keras
rng = np.random.default_rng(0)
x = rng.normal(size=(256, 20)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("int32")
"""

FIT = DATA + """
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dropout(0.1), keras.layers.Dense(2)])
schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 8, 0.5, staircase=True)
model.compile(keras.optimizers.SGD(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = model.fit(x, y, batch_size=32, epochs=4, validation_split=0.25, verbose=0)
print([loss.hex() for loss in history.history["loss"]], float(np.abs(model.get_weights()[0]).sum()).hex())
"""

BATCHES = DATA + """
target = x[:, :1] * 3 + 5
model = keras.Sequential([keras.layers.Dense(32, activation="tanh"), keras.layers.Dense(1)])
model.compile("adam", "mse")
for epoch in range(3):
    for start in range(0, 256, 32):
        loss = model.train_on_batch(x[start:start + 32], target[start:start + 32])
"""

COMPILED_LOOP = DATA + """
import jax
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(2)])
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(0.01)
optimizer.build(model.trainable_variables)
def compute(trainable, others, x, y):
    prediction, others = model.stateless_call(trainable, others, x, training=True)
    return loss_of(y, prediction), others
gradient = jax.value_and_grad(compute, has_aux=True)
@jax.jit
def step(state, x, y):
    trainable, others, slots = state
    (loss, others), gradients = gradient(trainable, others, x, y)
    trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
    return loss, (trainable, others, slots)
state = tuple([variable.value for variable in part] for part in (model.trainable_variables, model.non_trainable_variables, optimizer.variables))
losses = []
for epoch in range(3):
    for start in range(0, 256, 32):
        loss, state = step(state, x[start:start + 32], y[start:start + 32])
        losses.append(float(loss))
print([loss.hex() for loss in losses])
"""

EAGER_LOOP = DATA + """
import jax
target = x[:, :1] * 3 + 5
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
optimizer = keras.optimizers.SGD(0.05)
loss_of = keras.losses.MeanSquaredError()
def compute(trainable, x, y):
    return loss_of(y, model.stateless_call(trainable, [], x)[0])
for start in range(0, 256, 32):
    loss, gradients = jax.value_and_grad(compute)([variable.value for variable in model.trainable_variables], x[start:start + 32], target[start:start + 32])
    optimizer.apply(gradients, model.trainable_variables)
"""

REGRESSION = DATA + """
target = (x[:, :1] * 300 + 5000).astype("float32")
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.01), "mse")
model.fit(x * 50 + 7, target, batch_size=64, epochs=2, verbose=0)
"""


def python():
    given = os.environ.get("TENET_TEST_KERAS_PYTHON")
    if given:
        return given
    found = subprocess.run([sys.executable, "-c", "import keras, jax"], env=dict(os.environ, KERAS_BACKEND="jax"), capture_output=True, check=False)
    return sys.executable if found.returncode == 0 else None


PYTHON = python()


@unittest.skipUnless(PYTHON, "no Keras 3 with JAX: set TENET_TEST_KERAS_PYTHON to a Python that has them")
class Keras(unittest.TestCase):
    def run_as(self, script, mode="trial", **trial):
        run = support_parent.run(script, dict(trial, mode=mode), python=PYTHON, environment={"KERAS_BACKEND": "jax"})
        self.assertEqual([note for note in run.notes if "tenet failed" in note], [], run.output)
        self.assertEqual(run.status, 0, run.output)
        return run

    def bare(self, script):
        done = subprocess.run([PYTHON, "-c", script], env=dict(os.environ, KERAS_BACKEND="jax"), capture_output=True, text=True, check=True)
        return done.stdout

    # ---- nothing changes ----

    def test_a_watched_program_computes_what_it_computes_alone(self):
        for script in (FIT, COMPILED_LOOP):
            alone = self.bare(script)
            self.assertTrue(alone)
            watched = self.run_as(script, "train", vitals_every=3)
            self.assertEqual(watched.output, alone)
            self.assertEqual(watched.end["reason"], "exit")
            self.assertEqual(watched.scores, [])
            self.assertEqual(self.run_as(script, "look").output, alone)

    def test_a_program_without_seeds_repeats_in_trials(self):
        losses = [[step.loss for step in self.run_as(REGRESSION).steps] for _ in range(2)]
        self.assertEqual(len(losses[0]), 8)
        self.assertEqual(losses[0], losses[1])

    # ---- steps ----

    def test_every_step_of_fit_is_seen(self):
        run = self.run_as(FIT, "train", vitals_share=0.05)
        self.assertEqual([step.step for step in run.steps], list(range(1, 25)))
        self.assertEqual(run.steps[-1].samples, 4 * 192)
        self.assertTrue(all(0 < step.loss < 2 for step in run.steps))
        self.assertEqual([run.steps[at].learning_rate for at in (0, 7, 8, 16)], [0.1, 0.1, 0.05, 0.025])
        self.assertIn("jax", run.hello["framework"])

    def test_loops_of_the_program_are_seen(self):
        for script, steps, rate in ((BATCHES, 24, 0.001), (COMPILED_LOOP, 24, 0.01), (EAGER_LOOP, 8, 0.05)):
            run = self.run_as(script, "look")
            self.assertEqual([step.step for step in run.steps], list(range(1, steps + 1)))
            self.assertEqual(run.steps[-1].samples, 32 * steps)
            self.assertEqual({step.learning_rate for step in run.steps}, {rate})
            self.assertLess(run.steps[-1].loss, run.steps[0].loss)
            self.assertEqual(run.facts["batch_size"], 32)

    def test_the_loss_of_a_compiled_loop_is_its_own(self):
        run = self.run_as(COMPILED_LOOP, "train")
        printed = [float.fromhex(word) for word in run.output.replace("[", "").replace("]", "").replace("'", "").replace(",", " ").split()]
        self.assertEqual([step.loss for step in run.steps], printed)

    def test_a_loss_that_is_not_finite_is_told_as_it_is(self):
        run = self.run_as(REGRESSION, steps=40, knobs={"learning_rate": 1e6})
        self.assertEqual(run.applied, ["learning_rate", "steps"])
        self.assertTrue(any(not math.isfinite(step.loss) for step in run.steps))

    def test_stop_ends_the_program(self):
        run = support_parent.run(FIT.replace("epochs=4", "epochs=4000"), {"mode": "trial"}, python=PYTHON, environment={"KERAS_BACKEND": "jax"}, stop_at=10)
        self.assertEqual(run.end["reason"], "stopped")
        self.assertEqual(run.status, 0)
        self.assertLess(len(run.steps), 20000)

    # ---- forks ----

    def test_a_fork_is_what_a_start_would_have_been(self):
        server = Server(FIT, {"KERAS_BACKEND": "jax"}, PYTHON)
        self.assertIs(server.connection.hello["serves"], True, server.connection.hello["why"])
        alone, seeded = self.run_as(FIT), self.run_as(FIT, seed=5)
        for name in ("one", "two"):
            forked, status, output = server.fork(name)
            self.assertEqual((status, output), (0, alone.output))
            self.assertEqual([step.loss for step in forked.steps], [step.loss for step in alone.steps])
        turned = server.fork("turned", steps=5, seed=5, knobs={"batch_size": 32})[0]
        self.assertEqual((sorted(turned.applied), turned.refused), (["batch_size", "seed", "steps"], {}))
        self.assertEqual([step.loss for step in turned.steps], [step.loss for step in seeded.steps[:5]])
        facts = server.fork("look", mode="look")[0].facts
        self.assertEqual((facts["steps_total"], [node["op"] for node in facts["net"]]), (24, ["dense", "relu", "dropout", "dense"]))
        self.assertEqual(server.close(), (0, ""))

    def test_a_program_that_has_computed_is_not_forked(self):
        run = self.run_as(FIT.replace("keras.utils.set_random_seed(1)", "print(keras.ops.sum(x[0]).shape)"), "serve")
        self.assertIs(run.hello["serves"], False)
        self.assertIn("threads run when its training begins", run.hello["why"])
        self.assertEqual(run.steps, [])

    # ---- tensors ----

    def test_tensors_have_the_names_of_the_layers(self):
        run = self.run_as(FIT, "trial", vitals_every=5, steps=12)
        found = {(tensor.node.rpartition("/")[2], tensor.parameter, tensor.role, tensor.count) for tensor in run.tensors.values()}
        for parameter, count in (("kernel", 640), ("bias", 32)):
            for role in (1, 2, 3):
                self.assertIn(("dense", parameter, role, count), found)
        self.assertIn(("dense", None, 4, 32 * 32), found)
        self.assertEqual({vitals.step for vitals in run.vitals}, {1, 6, 11})
        gradient = [index for index, tensor in run.tensors.items() if tensor.role == 2 and tensor.parameter == "kernel"]
        self.assertTrue(all(vitals.min < 0 < vitals.max for vitals in run.vitals if vitals.index in gradient))

    # ---- knobs ----

    def test_steps_end_the_program_or_make_it_longer(self):
        for steps in (3, 70):
            run = self.run_as(FIT, steps=steps)
            self.assertEqual(len(run.steps), steps)
            self.assertEqual(run.applied, ["steps"])
            self.assertEqual(run.end["reason"], "steps")

    def test_the_rate_keeps_the_shape_of_its_schedule(self):
        run = self.run_as(FIT, knobs={"learning_rate": 0.2})
        self.assertEqual([run.steps[at].learning_rate for at in (0, 8, 16)], [0.2, 0.1, 0.05])
        flat = self.run_as(FIT, knobs={"learning_rate": 0.2, "decay": "off"})
        self.assertEqual({step.learning_rate for step in flat.steps}, {0.2})
        self.assertEqual(sorted(flat.applied), ["decay", "learning_rate"])
        given = self.run_as(FIT)
        self.assertEqual(run.steps[0].loss, given.steps[0].loss)
        self.assertNotEqual(run.steps[1].loss, given.steps[1].loss)

    def test_a_seed_changes_the_weights_and_not_the_data(self):
        given, one, again, other = (self.run_as(FIT, seed=seed) for seed in (None, 5, 5, 6))
        self.assertEqual([step.loss for step in one.steps], [step.loss for step in again.steps])
        self.assertEqual(len({run.steps[0].loss for run in (given, one, other)}), 3)
        self.assertEqual(one.applied, ["seed"])

    def test_batches_and_samples(self):
        run = self.run_as(FIT, steps=30, knobs={"batch_size": 8, "samples": 10})
        self.assertEqual([step.samples for step in run.steps[:4]], [8, 10, 18, 20])
        self.assertEqual(sorted(run.applied), ["batch_size", "samples", "steps"])
        self.assertLess(run.steps[-1].loss, run.steps[0].loss)

    def test_shuffled_labels_cannot_be_learnt(self):
        given = self.run_as(FIT, steps=60, knobs={"decay": "off"})
        shuffled = self.run_as(FIT, steps=60, knobs={"decay": "off", "shuffle_labels": True})
        self.assertEqual(sorted(shuffled.applied), ["decay", "shuffle_labels", "steps"])
        self.assertGreater(given.scores[-1].train_score, shuffled.scores[-1].train_score + 0.3)

    def test_scales_of_inputs_and_labels(self):
        run = self.run_as(REGRESSION, knobs={"input_scale": "standardize", "label_scale": "standardize"})
        self.assertEqual(sorted(run.applied), ["input_scale", "label_scale"])
        self.assertLess(run.steps[0].loss, 10)
        self.assertGreater(self.run_as(REGRESSION).steps[0].loss, 1e6)
        self.assertIn("classes", self.run_as(FIT, knobs={"label_scale": "standardize"}).refused["label_scale"])

    def test_clipping_optimizer_and_first_weights(self):
        clipped = self.run_as(REGRESSION, want_norms=True, knobs={"clip_norm": 1e-6})
        self.assertEqual(clipped.applied, ["clip_norm"])
        self.assertTrue(all(step.gradient_norm > 1 for step in clipped.steps))
        later = self.run_as(REGRESSION, knobs={"clip_norm": 1e-6, "optimizer": "adam"})
        self.assertEqual(sorted(later.applied), ["clip_norm", "optimizer"])
        scaled, given = self.run_as(FIT, knobs={"init_scale": 5.0}), self.run_as(FIT)
        self.assertEqual(scaled.applied, ["init_scale"])
        self.assertGreater(scaled.steps[0].loss, given.steps[0].loss * 2)

    def test_what_a_loop_does_not_allow_is_said_with_the_line_to_add(self):
        run = self.run_as(COMPILED_LOOP, knobs={"batch_size": 8, "samples": 10, "optimizer": "adam", "learning_rate": 0.1})
        self.assertEqual(run.applied, ["learning_rate"])
        self.assertIn("x, y = tenet.data(x, y)", run.refused["samples"])
        self.assertEqual(sorted(run.refused), ["batch_size", "optimizer", "samples"])
        facts = self.run_as(COMPILED_LOOP, "look").facts
        self.assertIn("tenet.data", facts["refused"]["shuffle_labels"])
        self.assertNotIn("samples", facts["knobs"])

    def test_the_line_that_is_added_allows_it(self):
        with_line = COMPILED_LOOP.replace("import jax\n", "import jax, tenet\nx, y = tenet.data(x, y)\n", 1).replace("256, 32", "len(x), 32")
        run = self.run_as(with_line, knobs={"samples": 64, "shuffle_labels": True, "input_scale": "standardize"})
        self.assertEqual(sorted(run.applied), ["input_scale", "samples", "shuffle_labels"])
        self.assertEqual(len(run.steps), 6)
        self.assertEqual(self.run_as(with_line, "look").facts["train_samples"], 256)

    # ---- patches ----

    def losses(self, **trial):
        run = self.run_as(FIT, steps=4, **trial)
        return run, [step.loss for step in run.steps]

    def test_a_patch_changes_what_it_names(self):
        _run, given = self.losses()
        for patch in ({"net.1.op": "tanh"}, {"net.1": {"$remove": True}}, {"net.4": {"$insert": {"op": "relu"}}}, {"net.1": {"$insert": {"op": "tanh"}}}, {"net.2.rate": 0.9},
                      {"net.0.init": {"scheme": "he_normal"}}):
            run, losses = self.losses(patch=patch)
            self.assertEqual(run.applied, ["patch", "steps"], (patch, run.refused, run.output))
            self.assertNotEqual(losses, given, patch)

    def test_a_loss_is_exchanged(self):
        _run, given = self.losses()
        # Softmax put in, and the loss that expects it: what stood there.
        run, losses = self.losses(patch={"loss": "categorical_cross_entropy", "net.4": {"$insert": {"op": "softmax"}}})
        self.assertEqual(run.applied, ["patch", "steps"])
        for one, other in zip(losses, given):
            self.assertAlmostEqual(one, other, places=3)
        one_hot = FIT.replace("y = (", "y = np.eye(2)[(").replace('.astype("int32")', '.astype("int32")]').replace("SparseCategorical", "Categorical")
        for loss in ("sigmoid_cross_entropy", "mse", "mae", "huber"):
            run = self.run_as(one_hot, steps=4, patch={"loss": loss})
            self.assertEqual(run.applied, ["patch", "steps"])
            self.assertNotEqual([step.loss for step in run.steps], given)

    def test_a_patch_that_does_not_fit_changes_nothing(self):
        _run, given = self.losses()
        for patch in ({"net.1.op": "tanh", "net.0.units": 64}, {"net.9.op": "relu"}, {"net.0": {"$remove": True}}, {"net.0.init": {"scheme": "fourier"}}):
            run, losses = self.losses(patch=patch)
            self.assertEqual(list(run.refused), ["patch"], patch)
            self.assertEqual(losses, given)
        self.assertIn("no model was compiled", self.run_as(COMPILED_LOOP, patch={"loss": "mse"}).refused["patch"])

    def test_weights_are_drawn_anew_for_each_seed(self):
        """Where nothing else draws: the loss before the first update."""
        plain = FIT.replace('keras.layers.Dropout(0.1), ', '').replace("batch_size=32", "batch_size=32, shuffle=False")
        first = [self.run_as(plain, steps=1, seed=seed, patch={"net.0.init": {"scheme": "he_normal"}, "net.2.init": {"scheme": "he_normal"}}).steps[0].loss for seed in (None, 5, 5, 6)]
        self.assertEqual(first[1], first[2])
        self.assertEqual(len(set(first)), 3)

    # ---- scores and facts ----

    def test_scores_come_from_the_predictions(self):
        run = self.run_as(FIT, steps=200, score_every=50, knobs={"decay": "off"})
        self.assertEqual([score.step for score in run.scores], [0, 50, 100, 150, 200])
        self.assertLess(run.scores[0].train_score, 0.5)
        self.assertGreater(run.scores[-1].train_score, 0.8)
        self.assertEqual(self.run_as(FIT, unscored=True).scores, [])
        learnt = self.run_as(REGRESSION, steps=600, knobs={"input_scale": "standardize", "label_scale": "standardize", "learning_rate": 0.1})
        self.assertGreater(learnt.scores[-1].train_score, 0.9)

    def test_samples_are_shown(self):
        run = self.run_as(FIT, steps=100, shown_samples=5, knobs={"decay": "off"})
        self.assertEqual(len(run.shown), 5)
        for sample in run.shown:
            self.assertEqual([len(sample[key]) for key in ("inputs", "label", "output_before", "output_after")], [20, 1, 2, 2])
            self.assertEqual(sample["label"][0], float(sample["inputs"][0] + sample["inputs"][1] > 0))
        self.assertLess(sum(sample["loss_after"] for sample in run.shown), sum(sample["loss_before"] for sample in run.shown))

    def test_facts(self):
        facts = self.run_as(FIT, "look").facts
        expected = {"parameters": 738, "train_samples": 192, "task": "classification", "classes": 2, "features": 20, "outputs": 2, "steps_total": 24, "steps_per_epoch": 6,
                    "batch_size": 32, "learning_rate": 0.1, "scored": True, "loss": "softmax_cross_entropy", "nonfinite_inputs": 0, "constant_features": 0}
        self.assertEqual({key: facts.get(key) for key in expected}, expected)
        self.assertAlmostEqual(facts["expected_loss"], math.log(2))
        self.assertTrue(0.5 <= facts["majority"] < 0.6)
        self.assertEqual([node["op"] for node in facts["net"]], ["dense", "relu", "dropout", "dense"])
        self.assertEqual(facts["solver"]["opt"], "sgd")
        self.assertEqual((facts["places"]["loader"]["file"], facts["places"]["loader"]["text"][:19]), ("train.py", "history = model.fit"))
        self.assertEqual([node.get("init") for node in facts["net"]], [{"scheme": "glorot_uniform"}, None, None, {"scheme": "glorot_uniform"}])
        facts = self.run_as(REGRESSION, "look").facts
        self.assertEqual((facts["task"], facts["loss"]), ("regression", "mse"))
        self.assertGreater(facts["label_mean"], 4000)
        self.assertAlmostEqual(facts["trivial_loss"], facts["label_std"] ** 2, delta=1)

    def test_how_weights_start(self):
        for written, init, bias_init in (('kernel_initializer="zeros"', {"scheme": "zeros"}, None), ("kernel_initializer=keras.initializers.Constant(0.3)", {"scheme": "constant", "value": 0.3}, None),
                                         ("kernel_initializer=keras.initializers.RandomNormal(stddev=2.0)", {"scheme": "normal", "std": 2.0}, None), ('kernel_initializer="orthogonal"', {"scheme": "orthogonal", "scale": 1.0}, None),
                                         ('kernel_initializer="he_uniform", bias_initializer="ones"', {"scheme": "he_uniform"}, {"scheme": "ones"}),
                                         ('kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")', {"scheme": "he_normal"}, None),
                                         ("kernel_initializer=keras.initializers.RandomNormal(mean=1.0)", None, None)):
            first = self.run_as(FIT.replace('activation="relu"', 'activation="relu", ' + written), "look").facts["net"][0]
            self.assertEqual((first.get("init"), first.get("bias_init")), (init, bias_init), written)


if __name__ == "__main__":
    unittest.main()
