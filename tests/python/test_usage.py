"""Mistakes that only a framework program can make (torch_usage.py): a look sees each in the programs of examples/torch/misuse, on its line, and in none of their fixed twins; a trial makes the
mend, and acknowledges it; what may look like a mistake and is none stays silent."""
import math
import pathlib
import tempfile
import unittest
from concurrent import futures

import support_parent

PROGRAMS = pathlib.Path(__file__).resolve().parents[2] / "examples/torch/misuse"
STEPS = 60  # of a look; enough for each of them

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(64, 8), torch.randint(0, 3, (64,))
model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
"""


def look(script):
    return support_parent.run(script, {"mode": "look", "steps": STEPS})


class Seen(unittest.TestCase):
    maxDiff = None

    def see(self, program, name, cause, words):
        with futures.ThreadPoolExecutor() as pool:
            buggy, fixed = pool.map(look, (PROGRAMS / program / "buggy.py", PROGRAMS / program / "fixed.py"))
        self.assertEqual(buggy.status, 0, buggy.output[-2000:])
        self.assertEqual([note for note in buggy.facts["notes"] if "tenet failed" in note], [])
        found = buggy.mends
        self.assertEqual(list(found), [name])
        self.assertEqual(found[name]["cause"], cause)
        place = buggy.facts["places"]["program"][name]
        self.assertIn(words, place["text"])
        self.assertIn("patch", buggy.facts["knobs"])
        self.assertEqual(fixed.mends, {})
        return buggy, [step.loss for step in fixed.steps]

    def turn(self, program, looked, name):
        """A trial with the mend: its losses."""
        run = support_parent.run(PROGRAMS / program / "buggy.py", {"mode": "trial", "steps": STEPS, "patch": {"program." + name: True}, "known": looked.facts["private"]})
        self.assertEqual(run.refused, {})
        self.assertIn("patch", run.applied)
        return [step.loss for step in run.steps]

    def test_gradients_that_nobody_clears(self):
        seen, fixed = self.see("missing_zero_grad", "zero_grad", "missing_zero_grad", "loss.backward()")
        given = [step.loss for step in seen.steps]
        mended = self.turn("missing_zero_grad", seen, "zero_grad")
        self.assertEqual(mended, fixed)
        self.assertNotEqual(given, fixed)

    def test_gradients_cleared_before_the_step(self):
        seen, fixed = self.see("zero_grad_before_step", "late_zero_grad", "missing_zero_grad", "optimizer.zero_grad()")
        self.assertEqual(self.turn("zero_grad_before_step", seen, "late_zero_grad"), fixed)

    def test_layers_in_a_list(self):
        seen, fixed = self.see("layers_in_a_list", "parameters", "frozen_parameters", "self.hidden = [")
        mended = self.turn("layers_in_a_list", seen, "parameters")
        for one, other in zip(mended, fixed):
            self.assertAlmostEqual(one, other, places=4)

    def test_a_mode_that_was_left_on(self):
        seen, fixed = self.see("eval_mode_after_first_epoch", "training_mode", "wrong_mode", "model.eval()")
        self.assertTrue(seen.mends["training_mode"]["certain"])
        self.assertEqual(self.turn("eval_mode_after_first_epoch", seen, "training_mode"), fixed)

    def test_shapes_that_broadcast(self):
        seen, fixed = self.see("mse_broadcast", "shapes", "batch_computation", "criterion(outputs, targets)")
        self.assertEqual(self.turn("mse_broadcast", seen, "shapes"), fixed)

    def test_a_gradient_that_is_cut_off(self):
        seen, fixed = self.see("no_grad_in_forward", "attached", "frozen_parameters", "with torch.no_grad():")
        self.assertEqual(self.turn("no_grad_in_forward", seen, "attached"), fixed)

    def test_a_softmax_before_cross_entropy(self):
        seen, fixed = self.see("softmax_before_cross_entropy", "logits", "wrong_output", "nn.Softmax(dim=1)")
        mended = self.turn("softmax_before_cross_entropy", seen, "logits")
        for one, other in zip(mended, fixed):
            self.assertAlmostEqual(one, other, places=3)

    def alike(self, mended, fixed, places):
        self.assertEqual(len(mended), len(fixed))
        for one, other in zip(mended, fixed):
            self.assertAlmostEqual(one, other, places=places)

    def test_gradients_clipped_to_next_to_nothing(self):
        seen, _ = self.see("clipping_too_tight", "loose_clipping", "tight_clipping", "clip_grad_norm_(model.parameters(), 0.001)")
        self.assertIn("cuts %d of %d gradients" % (STEPS, STEPS), seen.mends["loose_clipping"]["seen"])
        limit = seen.facts["private"]["usage"]["loose_clipping"]["sites"][0][3]
        looser = (PROGRAMS / "clipping_too_tight/buggy.py").read_text().replace("0.001)", "%r)" % limit)
        self.assertEqual(self.turn("clipping_too_tight", seen, "loose_clipping"), [step.loss for step in look(looser).steps])

    def test_values_clipped_to_next_to_nothing(self):
        def script(limit):
            return HEAD + """
for step in range(30):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    nn.utils.clip_grad_value_(iter(model.parameters()), clip_value=%r)
    optimizer.step()
""" % limit
        with tempfile.TemporaryDirectory() as folder:
            seen = support_parent.run(script(1e-4), {"mode": "look", "steps": STEPS}, folder=folder)
            found = seen.mends["loose_clipping"]
            self.assertIn("clip_grad_value_ cuts 30 of 30", found["seen"])
            limit = seen.facts["private"]["usage"]["loose_clipping"]["sites"][0][3]
            trial = {"mode": "trial", "steps": STEPS, "patch": {"program.loose_clipping": True}, "known": seen.facts["private"]}
            turned = support_parent.run(script(1e-4), trial, folder=folder)
        self.assertIn("patch", turned.applied)
        self.assertEqual([step.loss for step in turned.steps], [step.loss for step in look(script(limit)).steps])
        self.assertNotIn("loose_clipping", look(script(0.05)).mends)

    def test_a_backward_that_is_wrong(self):
        seen, fixed = self.see("wrong_backward", "backward", "wrong_gradient", "def backward(")
        self.assertIn("of 48 elements", seen.mends["backward"]["control"])
        self.alike(self.turn("wrong_backward", seen, "backward"), fixed, 4)

    def test_a_backward_that_is_wrong_in_a_layer_too_large_to_be_compared_whole(self):
        script = HEAD + """
class Bent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        %s
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return -gradient * (gate + x * gate * (1 - gate))

wide = nn.Linear(8, 500)
for step in range(20):
    inputs = torch.randn(300, 8)
    optimizer.zero_grad()
    (model(inputs).sum() + Bent.apply(wide(inputs)).mean()).backward()
    optimizer.step()
"""
        wrong = look(script % "pass")
        self.assertIn("of 48 elements", wrong.mends["backward"]["control"])
        whole = look(script % "x + torch.zeros(300, 1)  # asks for the whole batch")
        self.assertNotIn("backward", whole.mends)
        self.assertEqual([note for note in whole.facts["notes"] if "tenet failed" in note], [])

    def test_a_reshape_that_mixes_samples(self):
        seen, fixed = self.see("reshape_mixes_samples", "sample_by_sample", "batch_computation", "x.reshape(x.shape[1], -1)")
        self.alike(self.turn("reshape_mixes_samples", seen, "sample_by_sample")[:2], fixed[:2], 0)

    def test_a_softmax_over_the_batch(self):
        seen, fixed = self.see("softmax_over_the_batch", "softmax_axis", "wrong_axis", "dim=0")
        self.assertTrue(seen.mends["softmax_axis"]["certain"])
        self.alike(self.turn("softmax_over_the_batch", seen, "softmax_axis"), fixed, 4)

    def test_a_softmax_over_the_batch_before_a_cross_entropy(self):
        """It is left out: over the last axis it would be a second one."""
        script = HEAD + """
for step in range(30):
    optimizer.zero_grad()
    loss = F.cross_entropy(%s, y)
    loss.backward()
    optimizer.step()
"""
        buggy, fixed = script % "torch.softmax(model(x), dim=0)", script % "model(x)"
        with tempfile.TemporaryDirectory() as folder:
            seen = support_parent.run(buggy, {"mode": "look", "steps": STEPS}, folder=folder)
            trial = {"mode": "trial", "steps": STEPS, "patch": {"program.softmax_axis": True}, "known": seen.facts["private"]}
            mended, right = support_parent.run(buggy, trial, folder=folder), look(fixed)
        self.assertEqual(list(seen.mends), ["softmax_axis"])
        self.assertEqual(seen.facts["places"]["program"]["softmax_axis"]["change"], "leave the softmax out: cross_entropy takes logits")
        self.assertEqual(right.mends, {})
        self.assertIn("patch", mended.applied)
        self.assertEqual([step.loss for step in mended.steps], [step.loss for step in right.steps])

    def test_a_softmax_that_is_written_out(self):
        seen, fixed = self.see("written_softmax", "stable_softmax", "unstable_softmax", "torch.exp(x)")
        self.alike(self.turn("written_softmax", seen, "stable_softmax"), fixed, 2)

    def test_a_logarithm_of_a_softmax(self):
        script = """
optimizer = torch.optim.SGD(model.parameters(), lr=%g)
hot = F.one_hot(y, 3).float()
for step in range(30):
    optimizer.zero_grad()
    loss = -torch.sum(hot * %s)
    loss.backward()
    optimizer.step()
"""
        broken, whole = "torch.log(F.softmax(model(x), dim=1))", "F.log_softmax(model(x), dim=1)"
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "train.py"
            program.write_text(HEAD + script % (0.01, broken))
            mild, wild, stable = look(program), look(HEAD + script % (300, broken)), look(HEAD + script % (0.01, whole))
            turned = support_parent.run(program, {"mode": "trial", "steps": 30, "patch": {"program.log_softmax": True}, "known": mild.facts["private"]})
        self.assertIsNone(mild.mends["log_softmax"]["control"])
        self.assertFalse(mild.mends["log_softmax"]["certain"])
        self.assertIn("log() gave infinity", wild.mends["log_softmax"]["control"])
        self.assertIn("torch.log(", wild.facts["places"]["program"]["log_softmax"]["text"])
        self.assertEqual(stable.mends, {})
        self.assertEqual(turned.refused, {})
        self.assertIn("patch", turned.applied)
        self.alike([step.loss for step in turned.steps], [step.loss for step in stable.steps], 3)

    def test_a_scheduler_that_is_stepped_too_often(self):
        seen, fixed = self.see("scheduler_every_batch", "schedule_by_epochs", "wrong_schedule", "scheduler.step()")
        self.alike(self.turn("scheduler_every_batch", seen, "schedule_by_epochs"), fixed, 4)

    def test_a_loss_under_which_classes_count_for_nothing(self):
        script = HEAD + """
criterion = nn.CrossEntropyLoss(%s)
for step in range(60):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""
        plain = [step.loss for step in look(script % "").steps]
        for settings, what, words in (("weight=torch.tensor([0.0, 1.0, 0.0])", "the loss without its weights of classes", "a weight of 0 for class 0, 2, which"),
                                      ("weight=torch.tensor([1.0, 1e-4, 1.0])", "the loss without its weights of classes", "weights of classes from 0.0001 to 1"),
                                      ("label_smoothing=0.95", "the loss without its label smoothing", "a label smoothing of 0.95, which leaves the right class 0.05")):
            with tempfile.TemporaryDirectory() as folder:
                seen = support_parent.run(script % settings, {"mode": "look", "steps": STEPS}, folder=folder)
                turned = support_parent.run(script % settings, {"mode": "trial", "steps": STEPS, "patch": {"program.plain_loss": True}, "known": seen.facts["private"]}, folder=folder)
            mend = seen.mends["plain_loss"]
            self.assertEqual((mend["cause"], mend["text"], mend["certain"]), ("wrong_loss", what, False))
            self.assertIn(words, mend["seen"])
            self.assertEqual(seen.facts["places"]["program"]["plain_loss"]["text"], "loss = criterion(model(x), y)")
            self.assertEqual((turned.refused, [step.loss for step in turned.steps]), ({}, plain))
        for settings in ("weight=torch.tensor([1.0, 20.0, 5.0])", "label_smoothing=0.1"):
            self.assertEqual(look(script % settings).mends, {})

    def test_weights_of_classes_the_wrong_way_round(self):
        script = HEAD + """
y = (torch.arange(64) %% 8 == 0).long() + (torch.arange(64) %% 32 == 1).long() * 2  # 54 of class 0, 8 of class 1, 2 of class 2
counts = torch.bincount(y).float()
criterion = torch.nn.CrossEntropyLoss(weight=%s)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
"""
        wrong, right = script % "counts / 64", script % "None"
        with tempfile.TemporaryDirectory() as folder:
            seen = support_parent.run(wrong, {"mode": "look", "steps": STEPS}, folder=folder)
            turned = support_parent.run(wrong, {"mode": "trial", "steps": STEPS, "patch": {"program.equal_weights": True}, "known": seen.facts["private"]}, folder=folder)
        mend = seen.mends["equal_weights"]
        self.assertEqual((mend["cause"], mend["certain"], list(seen.mends)), ("wrong_loss", False, ["equal_weights"]))
        self.assertIn("class 0 has 84.4 % of the labels and a weight of 0.844, class 2 has 3.12 % and 0.0312", mend["seen"])
        self.assertEqual(seen.facts["places"]["program"]["equal_weights"]["text"], "loss = criterion(model(x), y)")
        self.assertEqual(turned.refused, {})
        self.alike([step.loss for step in turned.steps], [step.loss for step in look(right).steps], 5)
        for weights in ("64 / counts", "torch.tensor([1.0, 1.5, 1.2])", "torch.tensor([3.0, 1.0, 3.0])"):
            self.assertEqual(look(script % weights).mends, {}, weights)

    def test_a_loss_of_the_wrong_sign(self):
        script = HEAD + """
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
for step in range(60):
    optimizer.zero_grad()
    chosen = F.log_softmax(model(x), 1)[torch.arange(64), y].mean()
    loss = %schosen
    loss.backward()
    optimizer.step()
"""
        seen, right = look(script % "+"), look(script % "-")
        mend = seen.mends["negated_loss"]
        self.assertEqual((mend["cause"], mend["certain"], list(seen.mends)), ("wrong_loss", False, ["negated_loss"]))
        self.assertIn("each of 60 losses is below 0", mend["seen"])
        self.assertEqual(seen.facts["places"]["program"]["negated_loss"]["text"], "loss.backward()")
        turned = support_parent.run(script % "+", {"mode": "trial", "steps": STEPS, "patch": {"program.negated_loss": True}, "known": seen.facts["private"]})
        self.assertEqual(turned.refused, {})
        self.alike([-step.loss for step in turned.steps], [step.loss for step in right.steps], 4)
        self.assertEqual(right.mends, {})
        similar = "loss = F.cosine_similarity(model(x), torch.ones(64, 3)).mean().neg()"
        self.assertEqual(look((script % "-").replace("loss = -chosen", similar)).mends, {})

    def test_a_loss_times_a_tiny_factor(self):
        script = HEAD + """
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    optimizer.zero_grad()
    for part in range(%d):
        loss = F.cross_entropy(model(x), y%s)
        (loss * %s).backward()
    optimizer.step()
"""
        with tempfile.TemporaryDirectory() as folder:
            tiny = support_parent.run(script % (1, "", 0.0001), {"mode": "look", "steps": STEPS}, folder=folder)
            trial = {"mode": "trial", "steps": STEPS, "patch": {"program.no_factor": True}, "known": tiny.facts["private"]}
            turned = support_parent.run(script % (1, "", 0.0001), trial, folder=folder)
        plain = look(script % (1, "", 1))
        mend = tiny.mends["no_factor"]
        self.assertEqual((mend["cause"], mend["certain"], list(tiny.mends)), ("wrong_loss", False, ["no_factor"]))
        self.assertIn("each of 60 backward passes starts from 0.0001 times what cross_entropy returned", mend["seen"])
        self.assertEqual(tiny.facts["places"]["program"]["no_factor"]["text"], "loss = F.cross_entropy(model(x), y)")
        self.assertEqual(turned.refused, {})
        self.alike([step.loss for step in turned.steps], [step.loss for step in plain.steps], 4)
        for script_of_a_sound_program in (script % (1, "", 1), script % (8, "", 1 / 80), script % (1, ", reduction='sum'", 1 / 64), script % (1, "", 0.1)):
            self.assertEqual(look(script_of_a_sound_program).mends, {})

    def test_a_loss_that_is_summed_over_the_batch(self):
        script = HEAD + """
optimizer = torch.optim.%s(model.parameters(), lr=0.001)
wanted = F.one_hot(y, 3).float()
for step in range(60):
    optimizer.zero_grad()
    loss = %s
    loss.backward()
    optimizer.step()
"""
        for loss, numbers in (("F.cross_entropy(model(x), y%s)", 64), ("F.mse_loss(model(x), wanted%s)", 192)):
            buggy = script % ("SGD", loss % ", reduction='sum'")
            with tempfile.TemporaryDirectory() as folder:
                seen = support_parent.run(buggy, {"mode": "look", "steps": STEPS}, folder=folder)
                trial = {"mode": "trial", "steps": STEPS, "patch": {"program.mean_loss": True}, "known": seen.facts["private"]}
                turned = support_parent.run(buggy, trial, folder=folder)
            mend = seen.mends["mean_loss"]
            self.assertEqual((mend["cause"], mend["certain"], list(seen.mends)), ("wrong_loss", False, ["mean_loss"]))
            self.assertIn("sums over %d numbers" % numbers, mend["seen"])
            self.assertEqual(seen.facts["places"]["program"]["mean_loss"]["text"], "loss = " + loss % ", reduction='sum'")
            self.assertEqual(turned.refused, {})
            self.alike([step.loss for step in turned.steps], [step.loss for step in look(script % ("SGD", loss % "")).steps], 4)
            for sound in (script % ("Adam", loss % ", reduction='sum'"), script % ("SGD", loss % ", reduction='sum'" + " / 64")):
                self.assertEqual(look(sound).mends, {})

    def test_one_loss_that_outweighs_the_other(self):
        script = HEAD + """
model = nn.Linear(8, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
price = %s * torch.randn(64)
for step in range(60):
    optimizer.zero_grad()
    output = model(x)
    loss = F.cross_entropy(output[:, :3], y)
    loss = loss + F.mse_loss(output[:, 3], price)
    loss.backward()
    optimizer.step()
"""
        with tempfile.TemporaryDirectory() as folder:
            seen = support_parent.run(script % "1e4", {"mode": "look", "steps": STEPS}, folder=folder)
            trial = {"mode": "trial", "steps": STEPS, "patch": {"program.balanced_losses": True}, "known": seen.facts["private"]}
            turned = support_parent.run(script % "1e4", trial, folder=folder)
        mend = seen.mends["balanced_losses"]
        self.assertEqual((mend["cause"], mend["certain"]), ("unscaled_label", False))
        self.assertIn("in 60 of 60 backward passes this loss outweighs the other more than 1000 times", mend["seen"])
        self.assertIn("F.mse_loss", seen.facts["places"]["program"]["balanced_losses"]["text"])
        self.assertEqual(turned.refused, {})
        self.assertAlmostEqual(turned.steps[0].loss, 2, places=5)
        self.assertEqual(look(script % "10").mends, {})

    def test_a_warm_up_that_never_ends(self):
        script = HEAD + """
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / %d))
for step in range(60):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    scheduler.step()
"""
        slow, usual, constant = look(script % 100000), look(script % 500), look(script % 1)
        mend = slow.mends["schedule_left_out"]
        self.assertEqual((mend["cause"], list(slow.mends)), ("wrong_schedule", ["schedule_left_out"]))
        self.assertIn("LambdaLR: in 60 steps it brought the rate to 6e-06 of the 0.01", mend["seen"])
        self.assertEqual(slow.facts["places"]["program"]["schedule_left_out"]["text"], "scheduler.step()")
        self.assertEqual(usual.mends, {})
        turned = support_parent.run(script % 100000, {"mode": "trial", "steps": STEPS, "patch": {"program.schedule_left_out": True}, "known": slow.facts["private"]})
        self.assertEqual(turned.refused, {})
        self.assertEqual([step.loss for step in turned.steps], [step.loss for step in constant.steps])

    def test_a_rate_that_is_gone_for_most_of_the_steps(self):
        script = HEAD + """
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, %s)
for step in range(60):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    if step %% 10 == 9:
        scheduler.step()
"""
        gone, slow = look(script % 0.1), look(script % 0.7)
        self.assertEqual(list(gone.mends), ["schedule_left_out"])
        self.assertIn("StepLR: it had brought the rate from 0.1 to 1e-06 by step 30 of 60", gone.mends["schedule_left_out"]["seen"])
        self.assertEqual(slow.mends, {})

    def test_a_network_judged_on_inputs_that_were_not_scaled(self):
        script = HEAD + """
for step in range(60):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        model(%s)
    model.train()
"""
        seen = look(script % "300 + 70 * x")
        mend = seen.mends["evaluation_inputs"]
        self.assertEqual((mend["cause"], mend["race"], list(seen.mends)), ("unscaled_input", False, ["evaluation_inputs"]))
        self.assertIn("a quarter of the 8 columns lie at least", mend["control"])
        self.assertEqual(seen.facts["places"]["program"]["evaluation_inputs"]["text"], "model(300 + 70 * x)")
        self.assertIn("evaluation_inputs", look(script % "x / 255").mends)
        for usual in ("2 * x + 1", "torch.randn(64, 8)", "torch.zeros(64, 8)"):
            self.assertEqual(look(script % usual).mends, {}, usual)

    def test_a_function_whose_slope_is_0(self):
        script = HEAD + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(8, 16), nn.Linear(16, 3)
    def forward(self, x):
        hidden = torch.sigmoid(self.body(x))
        return self.head(%s)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(60):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"""
        straight = look(script % "hidden + (torch.round(hidden) - hidden).detach()")
        with tempfile.TemporaryDirectory() as folder:
            seen = support_parent.run(script % "torch.round(hidden)", {"mode": "look", "steps": STEPS}, folder=folder)
            trial = {"mode": "trial", "steps": STEPS, "patch": {"program.straight_through": True}, "known": seen.facts["private"]}
            turned = support_parent.run(script % "torch.round(hidden)", trial, folder=folder)
        mend = seen.mends["straight_through"]
        self.assertEqual((mend["cause"], list(seen.mends)), ("frozen_parameters", ["straight_through"]))
        self.assertIn("2 parameters got a gradient of exactly 0 in each of 20 steps", mend["seen"])
        self.assertEqual(seen.facts["places"]["program"]["straight_through"]["text"], "return self.head(torch.round(hidden))")
        self.assertEqual((turned.refused, [step.loss for step in turned.steps]), ({}, [step.loss for step in straight.steps]))
        self.assertEqual(straight.mends, {})

    def test_labels_that_are_the_networks_own_answers(self):
        script = HEAD + """
for step in range(60):
    optimizer.zero_grad()
    output = model(x)
    loss = F.cross_entropy(output, %s)
    loss.backward()
    optimizer.step()
"""
        seen = look(script % "output.argmax(1)")
        mend = seen.mends["own_answers"]
        self.assertEqual((mend["cause"], mend["race"], mend["certain"]), ("misaligned_labels", False, True))
        self.assertIn("gave the label of 256 of 256 samples in the first 4 steps", mend["control"])
        self.assertIn("F.cross_entropy(output, output.argmax(1))", seen.facts["places"]["program"]["own_answers"]["text"])
        self.assertIn("own_answers", look(script % "output.detach().softmax(1).argmax(1)").mends)
        self.assertEqual(look(script % "y").mends, {})
        self.assertNotIn("own_answers", look(script % "torch.full((64,), int(model(x)[0].argmax()))").mends)  # all of one class, which it answers by chance
        knows = script.replace("for step in range(60):", "for _ in range(300):\n    F.cross_entropy(model(x[:32]), y[:32]).backward(); optimizer.step(); optimizer.zero_grad()\nfor step in range(60):")
        self.assertNotIn("own_answers", look(knows % "y").mends)

    def test_a_network_judged_in_training_mode(self):
        seen, _ = self.see("never_in_evaluation_mode", "evaluation_mode", "wrong_mode", "model(x).argmax(1)")
        self.assertFalse(seen.mends["evaluation_mode"]["race"])


class Silent(unittest.TestCase):
    def quiet(self, script):
        run = look(HEAD + script)
        self.assertEqual(run.status, 0, run.output[-2000:])
        self.assertEqual([note for note in run.facts["notes"] if "tenet failed" in note], [])
        self.assertEqual(run.mends, {})

    def test_gradients_gathered_on_purpose(self):
        self.quiet("""
for step in range(160):
    F.cross_entropy(model(x), y).backward()
    if step % 4 == 3:
        optimizer.step()
        optimizer.zero_grad()
""")

    def test_a_logarithm_that_is_kept_finite(self):
        self.quiet("""
for step in range(20):
    optimizer.zero_grad()
    p = F.softmax(model(x), dim=1)
    loss = -(torch.log(p + 1e-9)[range(64), y]).mean() - 0.01 * (p * torch.log(p.clamp(min=1e-9))).sum(1).mean()
    loss.backward()
    optimizer.step()
""")

    def test_a_frozen_body_and_a_detached_one(self):
        self.quiet("""
body = nn.Linear(8, 8)
for one in body.parameters():
    one.requires_grad_(False)
for step in range(40):
    optimizer.zero_grad()
    F.cross_entropy(model(body(x).detach()), y).backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        model(x)
    model.train()
""")

    def test_two_networks_against_each_other(self):
        self.quiet("""
maker, judge = nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
making, judging = torch.optim.Adam(maker.parameters(), lr=0.001), torch.optim.Adam(judge.parameters(), lr=0.001)
one, zero = torch.ones(64, 1), torch.zeros(64, 1)
for step in range(40):
    fake = maker(torch.randn(64, 4))
    judging.zero_grad()
    loss = F.binary_cross_entropy_with_logits(judge(x), one) + F.binary_cross_entropy_with_logits(judge(fake.detach()), zero)
    loss.backward()
    judging.step()
    making.zero_grad()
    F.binary_cross_entropy_with_logits(judge(fake), one).backward()
    making.step()
""")


class MissingValues(unittest.TestCase):
    SCRIPT = HEAD.replace("x, y = torch.randn(64, 8)", "x, y = torch.randn(64, 8) + 5") + """
x[7, 2], x[40, 2], x[41, 5] = %s
for epoch in range(4):
    for a, b in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 16, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(a), b)
        loss.backward()
        optimizer.step()
"""

    def test_are_counted_once_and_filled_in(self):
        looked = look(self.SCRIPT % "float('nan'), float('inf'), float('nan')")
        mend = looked.mends["fill_inputs"]
        self.assertEqual(mend["cause"], "nonfinite_input")
        self.assertIn("3 of the 512 values", mend["seen"])
        self.assertIn("DataLoader", looked.facts["places"]["program"]["fill_inputs"]["text"])
        self.assertFalse(all(math.isfinite(step.loss) for step in looked.steps))
        trial = support_parent.run(self.SCRIPT % "float('nan'), float('inf'), float('nan')",
                                   {"mode": "trial", "steps": 16, "patch": {"program.fill_inputs": True}, "known": looked.facts["private"]})
        self.assertEqual((trial.refused, len(trial.steps)), ({}, 16))
        self.assertTrue(all(math.isfinite(step.loss) for step in trial.steps))

    def test_none_where_all_are_finite(self):
        self.assertEqual(look(self.SCRIPT % "5.0, 5.0, 5.0").mends, {})


if __name__ == "__main__":
    unittest.main()
