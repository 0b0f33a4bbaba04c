"""Weights and updates that are left to the next backward pass, where a second thread takes them: the same records in the same order as those that are taken at the end of each step."""

import os
import unittest

import support_parent

WEIGHT, GRADIENT, UPDATE = 1, 2, 3
TRAIN = {"mode": "train", "vitals_every": 1}
TRIAL = {"mode": "trial", "vitals_every": 1}  # trials run side by side, each without a second thread
HELPED = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1

# The words "ready" and "stepped" stand where a case does something. What each step left is printed, and whether something is owed then.
PROGRAM = """
import copy, os, sys, torch
from torch import nn
from tenet import torch_watch
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(300, 600), nn.ReLU(), nn.Linear(600, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
#ready
for step in range(1, 7):
    optimizer.zero_grad()
    loss = net(torch.randn(8, 300)).pow(2).mean()
    loss.backward()
    optimizer.step()
    print("left", step, *(p.detach().max().item() for p in net.parameters()))
    print("owed", step, torch_watch._watch.owed.parameters is not None)
    #stepped
#done
"""


def program(ready="", stepped="", done=""):
    text = PROGRAM
    for word, what in (("ready", ready), ("stepped", stepped), ("done", done)):
        indent = "    " if word == "stepped" else ""
        text = text.replace(indent + "#" + word, "\n".join(indent + line for line in what.strip("\n").splitlines()))
    return text


def printed(run, word):
    """step: the words behind it"""
    lines = [line.split() for line in run.output.splitlines() if line.startswith(word + " ")]
    return {int(line[1]): line[2:] for line in lines}


def recorded(run):
    """[(kind, step, name, values)] of parameters and steps, in the order in which they came"""
    tensors, found = {}, []
    for kind, value in run.records:
        if kind == support_parent.TENSOR:
            tensors[value.index] = value
        elif kind in (support_parent.VITALS, support_parent.UNITS):
            tensor = tensors[value.index]
            if tensor.role in (WEIGHT, GRADIENT, UPDATE):
                found.append((kind, value.step, (tensor.role, tensor.node, tensor.parameter), value[2:]))
        elif kind == support_parent.STEP:
            found.append((kind, value.step, None, str(value)))  # a norm that nobody asked for is NaN
    return found


def largest(run, role):
    """{step: [the largest value of each parameter]}"""
    found = {}
    for kind, step, name, values in recorded(run):
        if kind == support_parent.VITALS and name[0] == role:
            found.setdefault(step, []).append(values[5])
    return found


class OwedWeights(unittest.TestCase):
    def run_both(self, **parts):
        """The run with a second thread, which is the same as the one without."""
        text = program(**parts)
        helped, alone = (support_parent.run(text, trial) for trial in (TRAIN, TRIAL))
        for run in (helped, alone):
            self.assertEqual((run.status, run.notes), (0, []), run.output)
        self.assertEqual(recorded(helped), recorded(alone))
        self.assertEqual(len(helped.steps), 6)
        return helped

    def owed(self, run):
        """The steps at whose end something was owed."""
        return [step for step, words in printed(run, "owed").items() if words == ["True"]]

    def expect_owed(self, run, steps):
        self.assertEqual(self.owed(run), list(steps) if HELPED else [])

    def test_the_same_records_in_the_same_order(self):
        run = self.run_both()
        self.expect_owed(run, range(2, 7))  # the first two show that nothing else changes the weights
        found = largest(run, WEIGHT)
        self.assertEqual({step: [str(value) for value in values] for step, values in found.items()}, {step: words for step, words in printed(run, "left").items()})
        self.assertEqual(run.records[-1][0], support_parent.END)

    def test_weights_that_the_program_clips(self):
        run = self.run_both(stepped="with torch.no_grad():\n    for p in net.parameters():\n        p.clamp_(-0.01, 0.01)")
        self.expect_owed(run, ())

    def test_parameters_that_the_program_replaces(self):
        run = self.run_both(stepped="for p in net.parameters():\n    p.data = p.data.clamp(-0.01, 0.01)")
        self.expect_owed(run, ())

    def test_weights_that_are_changed_late(self):
        """What the program did to them is in the update of that step; all others are as they would be, and nothing is owed any more."""
        text = program(stepped="if step == 3:\n    with torch.no_grad():\n        net[0].weight.mul_(2)\n    print('changed', step, net[0].weight.max().item())")
        run, alone = (support_parent.run(text, trial) for trial in (TRAIN, TRIAL))
        self.assertEqual((run.status, run.notes), (0, []), run.output)
        self.expect_owed(run, (2, 3))
        others = [[one for one in recorded(each) if one[1] != 3] for each in (run, alone)]
        self.assertEqual(*others)
        self.assertEqual([one[:3] for one in recorded(run)], [one[:3] for one in recorded(alone)])
        told = largest(run, WEIGHT)[3]
        left = printed(run, "changed")[3][0] if HELPED else printed(run, "left")[3][0]
        self.assertEqual([str(value) for value in told], [left] + printed(run, "left")[3][1:])

    def test_parameters_that_are_replaced_late(self):
        """And whose memory is given back at once, before and during the backward pass."""
        replace = "if step == %d:\n    for p in net.parameters():\n        p.data = p.data.clone()"
        for parts in (
            {"stepped": replace % 3},
            {"ready": "def replace(grad):\n    for p in net.parameters():\n        p.data = p.data.clone()\nnet[2].bias.register_hook(replace)"},
        ):
            with self.subTest(parts):
                run = support_parent.run(program(**parts), TRAIN)
                self.assertEqual((run.status, run.notes, len(run.steps)), (0, [], 6), run.output)
                self.assertEqual({step: [str(value) for value in values] for step, values in largest(run, WEIGHT).items()}, printed(run, "left"))

    def test_loading_other_weights_comes_after(self):
        run = self.run_both(ready="kept = copy.deepcopy(net.state_dict())", stepped="if step in (3, 6):\n    net.load_state_dict(kept)")
        self.assertEqual({step: [str(value) for value in values] for step, values in largest(run, WEIGHT).items()}, printed(run, "left"))

    def test_what_is_told_between_steps_comes_after_the_step(self):
        run = support_parent.run(program(ready="import tenet", stepped="if step in (3, 6):\n    tenet.score(step / 10)"), TRAIN)
        kinds = [(kind, value.step) for kind, value in run.records if kind in (support_parent.STEP, support_parent.SCORE)]
        for step in (3, 6):
            self.assertEqual(kinds[kinds.index((support_parent.STEP, step)) + 1], (support_parent.SCORE, step))

    def test_the_last_step_is_told_however_the_program_ends(self):
        for done in ("", "sys.exit(3)", "raise ValueError('no more')", "del net, optimizer, loss", "from tenet import session\nsession.current().end('stopped')"):
            with self.subTest(done):
                run = support_parent.run(program(done=done), TRAIN)
                self.assertEqual([step.step for step in run.steps], list(range(1, 7)), run.output)
                names = [name for kind, step, name, _ in recorded(run) if step == 6 and kind == support_parent.VITALS]
                self.assertEqual(len(names), 12)
                self.assertEqual(run.records[-1][0], support_parent.END)

    def test_a_backward_pass_that_fails(self):
        fail = "def fail(grad):\n    raise ValueError('no gradient')\nif step == 3:\n    output = net(torch.randn(8, 300))\n    output.register_hook(fail)\n    try:\n        output.sum().backward()\n    except ValueError as error:\n        print(error)"
        run = self.run_both(stepped=fail)
        self.assertIn("no gradient", run.output)

    def test_two_optimizers(self):
        ready = "other = nn.Linear(300, 600)\nsecond = torch.optim.SGD(other.parameters(), lr=0.1)"
        stepped = "second.zero_grad()\nother(torch.randn(8, 300)).pow(2).mean().backward()\nsecond.step()"
        self.run_both(ready=ready, stepped=stepped)

    def test_an_optimizer_that_steps_during_the_backward_pass(self):
        ready = "other = nn.Linear(300, 600)\nsecond = torch.optim.SGD(other.parameters(), lr=0.1)\ndef hook(grad):\n    other.zero_grad()\n    other.weight.grad = torch.ones_like(other.weight)\n    second.step()\nnet[2].bias.register_hook(hook)"
        self.run_both(ready=ready)

    def test_gradients_that_the_step_changes(self):
        """As torch's own step does in one form, in a way that it counts, and as programs' steps do in others, in a way that it does not."""
        own = """
class Own(torch.optim.SGD):
    def step(self):
        for p in net.parameters():
            p.grad.data.mul_(0.5)
        super().step()
optimizer = Own(net.parameters(), lr=0.1)
"""
        for ready in ("optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.5, nesterov=True, foreach=True)", own):
            with self.subTest(ready):
                self.expect_owed(self.run_both(ready=ready), range(2, 7))

    def test_a_step_that_fails(self):
        fail = "if step == 3:\n    optimizer.param_groups[0]['lr'] = None\n    try:\n        optimizer.step()\n    except TypeError:\n        print('failed')\n    optimizer.param_groups[0]['lr'] = 0.1"
        run = self.run_both(stepped=fail)
        self.assertIn("failed", run.output)

    def test_a_child_that_is_forked_meanwhile(self):
        fork = """
pid = os.fork()
if pid == 0:
    net(torch.randn(8, 300)).sum().backward()
    optimizer.step()
    os._exit(0)
print("child", os.waitpid(pid, 0)[1])
"""
        hooked = "def forked(grad):\n" + "\n".join("    " + line for line in fork.strip().splitlines() if "net(" not in line and "optimizer" not in line) + "\nnet[2].bias.register_hook(forked)"
        for parts in ({"stepped": fork}, {"ready": hooked}):
            with self.subTest(parts):
                run = self.run_both(**parts)
                self.assertEqual(run.output.count("child 0"), 6)

    def test_threads_of_torchs_own_leave_no_processor(self):
        run = support_parent.run(program(ready="torch.set_num_threads(64)"), TRAIN)
        self.assertEqual((run.status, run.notes, self.owed(run)), (0, [], []), run.output)

    def test_steps_that_are_not_all_observed(self):
        run = support_parent.run(program(), dict(TRAIN, vitals_every=2))
        self.assertEqual((run.status, run.notes, self.owed(run)), (0, [], []), run.output)


if __name__ == "__main__":
    unittest.main()
