"""PyTorch programs under watch: what is seen of them, and that nothing of what they compute changes."""

import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import support_parent

HERE = pathlib.Path(__file__).resolve().parent
INPUT, WEIGHT, GRADIENT, UPDATE, ACTIVATION, ACTIVATION_GRADIENT = range(6)
EVERY_STEP = {"mode": "train", "vitals_every": 1}

SMALL = """
import math, torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.second = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)
        self.first.bias.requires_grad_(False)
    def forward(self, x):
        return self.second(self.act(self.first(x)))
net, loss = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.5)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.1)
"""

LOOP = SMALL + """
for step in range(4):
    x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
    before = net.first.weight.detach().clone()
    optimizer.zero_grad()
    value = loss(net(x), y)
    value.backward()
    rate, gradient = optimizer.param_groups[0]["lr"], net.first.weight.grad.clone()
    optimizer.step()
    scheduler.step()
    update = net.first.weight.detach() - before
    print(value.item(), rate, float(gradient.double().mean()), float(update.double().mean()), float(net.first.weight.double().mean()),
    float(x.max()))
"""


def named(run, step):
    """(role, node, parameter): (tensor, vitals) of a step."""
    tensors = {}
    found = {}
    for kind, value in run.records:
        if kind == support_parent.TENSOR:
            tensors[value.index] = value
        elif kind == support_parent.VITALS and value.step == step:
            tensor = tensors[value.index]
            found[(tensor.role, tensor.node, tensor.parameter)] = (tensor, value)
    return found


def bare(arguments, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TENET_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=dict(clean, OMP_NUM_THREADS="1", **environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout, done.returncode


class WhatIsSeen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_of_it = support_parent.run(LOOP, EVERY_STEP)
        cls.printed = [[float(word) for word in line.split()] for line in cls.run_of_it.output.splitlines()]

    def test_hello_and_end(self):
        run = self.run_of_it
        self.assertEqual(run.status, 0, run.output)
        self.assertEqual(len(run.connections), 1)
        self.assertTrue(run.hello["framework"].startswith("torch "))
        self.assertEqual((run.hello["rank"], run.hello["world"], run.hello["trial"]), (0, 1, "1"))
        self.assertEqual(run.end["reason"], "exit")
        self.assertEqual(run.notes, [])

    def test_steps(self):
        steps = self.run_of_it.steps
        self.assertEqual([step.step for step in steps], [1, 2, 3, 4])
        self.assertEqual([step.samples for step in steps], [8, 16, 24, 32])
        for step, (value, rate, *_) in zip(steps, self.printed):
            self.assertEqual(step.loss, value)
            self.assertEqual(step.learning_rate, rate)
            self.assertTrue(math.isnan(step.gradient_norm))

    def test_names(self):
        found = named(self.run_of_it, 4)
        self.assertEqual(
            set(found),
            {
                (INPUT, "input", None),
                (ACTIVATION, "first", None),
                (ACTIVATION, "act", None),
                (ACTIVATION, "second", None),
                (ACTIVATION_GRADIENT, "first", None),
                (ACTIVATION_GRADIENT, "act", None),
                (ACTIVATION_GRADIENT, "second", None),
                (WEIGHT, "first", "weight"),
                (WEIGHT, "second", "weight"),
                (WEIGHT, "second", "bias"),
                (WEIGHT, "first", "bias"),
                (GRADIENT, "first", "weight"),
                (GRADIENT, "second", "weight"),
                (GRADIENT, "second", "bias"),
                (UPDATE, "first", "weight"),
                (UPDATE, "second", "weight"),
                (UPDATE, "second", "bias"),
            },
        )
        self.assertEqual({found[key][0].op for key in found if key[1] == "first"}, {"dense"})
        self.assertEqual(found[(ACTIVATION, "act", None)][0].op, "relu")
        self.assertEqual([found[(ACTIVATION, node, None)][0].node_index for node in ("first", "act", "second")], [0, 1, 2])
        self.assertEqual((found[(WEIGHT, "first", "weight")][0].units, found[(ACTIVATION, "second", None)][0].units), (6, 3))
        self.assertEqual(found[(ACTIVATION, "first", None)][0].count, 8 * 6)

    def test_values(self):
        for step, (_, _, gradient, update, weight, largest) in enumerate(self.printed, 1):
            found = named(self.run_of_it, step)
            for role, mean in ((GRADIENT, gradient), (UPDATE, update), (WEIGHT, weight)):
                self.assertAlmostEqual(found[(role, "first", "weight")][1].mean, mean, delta=1e-7)  # sums are gathered in float lanes
            self.assertAlmostEqual(found[(INPUT, "input", None)][1].max, largest, delta=1e-6)
            self.assertEqual(found[(ACTIVATION, "act", None)][1].min, 0.0)

    def test_activations_come_before_what_follows_from_them(self):
        roles = [self.run_of_it.tensors[vitals.index].role for vitals in self.run_of_it.vitals if vitals.step == 2]
        self.assertLess(
            max(i for i, role in enumerate(roles) if role in (INPUT, ACTIVATION)),
            min(i for i, role in enumerate(roles) if role in (GRADIENT, UPDATE, WEIGHT)),
        )


LARGE = """
import sys, torch
from torch import nn
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(300, 1000), nn.Linear(1000, 3))  # five tiles, and what fits into one
net[1].weight.data = net[1].weight.data.t().contiguous().t()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(3):
    before = [p.detach().clone() for p in net.parameters()]
    optimizer.zero_grad()
    net(torch.randn(8, 300)).pow(2).sum().backward()
    if step == 2:
        net[0].weight.grad[333, 250] = float("nan")  # in the second tile
    gradients = [p.grad.clone() for p in net.parameters()]
    optimizer.step()
    for values in (*gradients, *(p.detach() - b for p, b in zip(net.parameters(), before)), *net.parameters()):
        finite = values.detach()[values.detach().isfinite()]
        print(values.numel(), values.numel() - finite.numel(), int((finite == 0).sum()), finite.min().item(), finite.max().item(),
              finite.double().mean().item())
"""


UNITS = """
import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.flat = nn.Conv2d(2, 5, 3), nn.ReLU(), nn.Flatten()
        self.wide, self.tanh, self.last = nn.Linear(5 * 4 * 4, 7), nn.Tanh(), nn.Linear(7, 1)
        self.other = nn.Linear(7, 2).double()
    def forward(self, x):
        made = self.tanh(self.wide(self.flat(self.relu(self.conv(x)))))
        self.other(made.double())
        return self.last(made).squeeze(-1)
net = Net()
net.last.weight.data = torch.randn(7, 4).t()[:1]  # with gaps
net.wide.weight.data = net.wide.weight.data.t().contiguous().t()
with torch.no_grad():
    net.conv.bias[2] = -100
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
def show(name, values):
    print(name, *(f"{int((u == 0).sum())} {u.min().item()} {u.max().item()}" for u in values))
for step in range(6):
    x = torch.randn(8, 2, 6, 6)
    if step == 1:
        x = x.to(memory_format=torch.channels_last)
    optimizer.zero_grad()
    net(x).pow(2).sum().backward()
    with torch.no_grad():
        first = net.relu(net.conv(x))
        show("relu", first.transpose(0, 1).reshape(5, -1))
        show("tanh", net.tanh(net.wide(net.flat(first))).t())
        show("input", x.transpose(0, 1).reshape(2, -1))
    optimizer.step()
    show("conv.weight", net.conv.weight.detach())
    show("wide.weight", net.wide.weight.detach())
"""


class Units(unittest.TestCase):
    """Vitals of units: whose, on which steps, and that they are what torch says."""

    @classmethod
    def setUpClass(cls):
        cls.run_of_it = support_parent.run(UNITS, EVERY_STEP)
        cls.found = {}
        tensors = {}
        for kind, value in cls.run_of_it.records:
            if kind == support_parent.TENSOR:
                tensors[value.index] = value
            elif kind == support_parent.UNITS:
                tensor = tensors[value.index]
                cls.found[(value.step, ".".join(filter(None, (tensor.node, tensor.parameter))))] = (tensor, value)

    def test_it_ran(self):
        self.assertEqual((self.run_of_it.status, self.run_of_it.notes), (0, []), self.run_of_it.output)

    def test_first_three_steps_and_every_fourth_and_weights_on_the_first(self):
        self.assertEqual(sorted({step for step, _ in self.found}), [1, 2, 3, 5])
        names, weights = {"input", "conv", "relu", "flat", "wide", "tanh", "last"}, {"conv.weight", "wide.weight"}
        for step in (1, 2, 3, 5):
            self.assertEqual({name for at, name in self.found if at == step}, names | weights if step == 1 else names)

    def test_values(self):
        lines = [line.split() for line in self.run_of_it.output.splitlines()]
        self.assertEqual(len(lines), 30)
        for i, (name, *words) in enumerate(lines):
            step = i // 5 + 1
            if step in (4, 6) or (step > 1 and "weight" in name):
                continue
            tensor, units = self.found[(step, name)]
            expected = [(int(zeros), float(least), float(most)) for zeros, least, most in zip(words[::3], words[1::3], words[2::3])]
            with self.subTest(step=step, name=name):
                self.assertEqual(len(units.units), len(expected))
                self.assertEqual(units.values * len(expected), tensor.count)
                self.assertEqual(units.batch, 0 if "weight" in name else 8)
                for unit, (zeros, least, most) in zip(units.units, expected):
                    self.assertEqual((unit.zeros, unit.nonfinite), (zeros, 0))
                    self.assertAlmostEqual(unit.min, least, delta=1e-6 * max(abs(least), 1))
                    self.assertAlmostEqual(unit.max, most, delta=1e-6 * max(abs(most), 1))

    def test_limits(self):
        relu, tanh, weight = (self.found[(1, name)][1] for name in ("relu", "tanh", "conv.weight"))
        self.assertEqual((relu.low, relu.high), (0, math.inf))
        self.assertEqual([unit.saturated for unit in relu.units], [unit.zeros for unit in relu.units])
        self.assertEqual(relu.units[2].zeros, relu.values)
        self.assertAlmostEqual(tanh.high, 0.9486833, delta=1e-6)
        self.assertEqual((weight.low, weight.high), (-math.inf, math.inf))

    def test_micro_batches_and_shared_modules_are_one(self):
        script = SMALL + """
for step in range(2):
    for part in range(3):
        loss(net(torch.randn(8 + part, 4)), torch.randint(0, 3, (8 + part,))).backward()
    optimizer.step()
"""
        run = support_parent.run(script, EVERY_STEP)
        units = {run.tensors[units.index].node: units for units in run.of(support_parent.UNITS) if units.step == 2 and run.tensors[units.index].parameter is None}
        self.assertEqual(set(units), {"input", "first", "act", "second"})
        for one in units.values():
            self.assertEqual((one.batch, one.values), (27, 27))


class Tiles(unittest.TestCase):
    """Parameters that are cut into tiles, with a second thread's help (where torch leaves a processor) and without."""

    def test_values(self):
        runs = [support_parent.run(LARGE, EVERY_STEP, arguments=[str(threads)]) for threads in (1, 64)]
        for run in runs:
            self.assertEqual((run.status, run.notes), (0, []), run.output)
        printed = [[float(word) for word in line.split()] for line in runs[0].output.splitlines()]
        self.assertEqual(len(printed), 36)
        names = [(node, parameter) for node in ("0", "1") for parameter in ("weight", "bias")]
        for step in (1, 2, 3):
            found, alone = (named(run, step) for run in runs)
            self.assertEqual(set(found), set(alone))
            for i, (role, name) in enumerate((role, name) for role in (GRADIENT, UPDATE, WEIGHT) for name in names):
                count, nonfinite, zeros, least, most, mean = printed[12 * (step - 1) + i]
                vitals = found[(role, *name)][1]
                with self.subTest(step=step, role=role, name=name):
                    self.assertEqual((vitals.count, vitals.nan + vitals.infinite, vitals.zeros), (count, nonfinite, zeros))
                    self.assertAlmostEqual(vitals.min, least, delta=1e-6 * abs(least))
                    self.assertAlmostEqual(vitals.max, most, delta=1e-6 * abs(most))
                    self.assertAlmostEqual(vitals.mean, mean, delta=1e-7 * max(abs(least), abs(most)))

    def test_help_changes_nothing(self):
        first, again, alone = (support_parent.run(LARGE.replace("int(sys.argv[1])", "1"), trial) for trial in (EVERY_STEP, EVERY_STEP, dict(EVERY_STEP, mode="trial")))
        parameters = [{key: found for key, found in named(run, 2).items() if key[0] in (GRADIENT, UPDATE, WEIGHT)} for run in (first, again, alone)]
        self.assertEqual(len(parameters[0]), 12)
        for other in parameters[1:]:
            for key, (_, vitals) in parameters[0].items():
                self.assertEqual(vitals[2:], other[key][1][2:], key)


class NothingChanges(unittest.TestCase):
    def test_the_zoo(self):
        zoo = str(HERE / "support_zoo.py")
        expected, status = bare([zoo])
        self.assertEqual(status, 0, expected)
        for trial in (
            EVERY_STEP,
            {"mode": "train", "vitals_every": 2},
            {"mode": "train", "vitals_share": 0.05},
            {"mode": "train", "want_norms": True},
        ):
            with self.subTest(trial):
                run = support_parent.run(zoo, trial)
                self.assertEqual(run.output, expected)
                self.assertEqual(run.notes, [])
                self.assertGreater(len(run.steps), 40)

    def test_tables_are_empty_between_observed_steps(self):
        script = SMALL + """
from torch.nn.modules import module as tables
for step in range(7):
    print(len(tables._global_forward_hooks), len(tables._global_forward_pre_hooks))
    net(torch.randn(2, 4)).sum().backward()
    optimizer.step()
"""
        run = support_parent.run(script, {"mode": "train", "vitals_every": 3})
        self.assertEqual(run.output.splitlines(), ["1 1", "0 0", "0 0", "1 1", "0 0", "0 0", "1 1"])
        self.assertEqual(sorted({vitals.step for vitals in run.vitals}), [1, 4, 7])
        never = support_parent.run(script, {"mode": "train"})
        self.assertEqual((set(never.output.splitlines()), never.vitals, len(never.steps)), ({"0 0"}, [], 7))

    def test_calls_are_bare_while_nobody_needs_them(self):
        run = support_parent.run(
            SMALL + """
for step in range(70):
    net(torch.randn(2, 4)).pow(2).sum().backward()
    optimizer.step()
print(nn.Module.__call__.__code__.co_filename.endswith("module.py"))
""",
            {"mode": "train", "vitals_every": 60},
        )
        self.assertEqual(run.output, "True\n")
        self.assertEqual(len(run.steps), 70)
        self.assertEqual(sorted({vitals.step for vitals in run.vitals}), [1, 61])

    def test_a_share_of_the_time(self):
        run = support_parent.run(
            SMALL + """
for step in range(3000):
    net(torch.randn(2, 4)).pow(2).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
""",
            {"mode": "train", "vitals_share": 0.05},
        )
        observed = sorted({vitals.step for vitals in run.vitals})
        self.assertEqual(observed[:2], [1, 9])
        self.assertGreaterEqual(len(observed), 4)
        self.assertLess(len(observed), 1500)

    def test_a_parent_that_is_gone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "train.py"
            path.write_text(LOOP)
            expected, _ = bare([str(path)])
            watched, status = bare([str(path)], PYTHONPATH=str(support_parent.bootstrap_folder()), TENET_SOCKET="@tenet-nobody-listens")
        self.assertEqual((watched, status), (expected, 0))


class Losses(unittest.TestCase):
    def steps(self, name):
        run = support_parent.run(str(HERE / "support_zoo.py"), EVERY_STEP, arguments=[name])
        self.assertEqual(run.status, 0, run.output)
        return run

    def test_accumulation_is_summed(self):
        run = support_parent.run(
            SMALL + """
for step in range(2):
    total = 0.0
    for part in range(3):
        value = net(torch.randn(2, 4)).pow(2).mean() / 3
        value.backward()
        total += value.item()
    optimizer.step()
    print(total)
""",
            EVERY_STEP,
        )
        self.assertEqual([step.loss for step in run.steps], [float(line) for line in run.output.splitlines()])
        self.assertEqual([step.samples for step in run.steps], [6, 12])
        tensor, vitals = named(run, 1)[(ACTIVATION, "second", None)]
        self.assertEqual((tensor.count, vitals.count), (18, 18))

    def test_a_closure_counts_once(self):
        run = self.steps("closure")
        self.assertEqual(len(run.steps), 3)
        self.assertEqual([step.samples for step in run.steps], [30, 60, 90])
        self.assertEqual(sorted(step.loss for step in run.steps), [step.loss for step in reversed(run.steps)])
        self.assertEqual(named(run, 2)[(ACTIVATION, "linear", None)][0].count, 30)

    def test_the_first_of_several_optimizers_counts(self):
        run = self.steps("adversarial")
        self.assertEqual(len(run.steps), 4)
        self.assertGreater(run.steps[0].loss, 1.2)  # both parts of the judge's loss, each near ln 2
        nodes = {key[1] for key in named(run, 3) if key[0] == GRADIENT}
        self.assertEqual(nodes, {"0", "2", "sequential_2.0"})

    def test_optimizers_in_optimizers_count_once(self):
        self.assertEqual(len(self.steps("own_optimizers").steps), 2)  # of the first of two, whose own inner one is a third

    def test_a_gradient_that_is_asked_for_by_name(self):
        run = support_parent.run(
            SMALL + """
value = net(torch.randn(2, 4)).pow(2).mean()
for parameter, gradient in zip(net.parameters(), torch.autograd.grad(value, [p for p in net.parameters() if p.requires_grad])):
    pass
optimizer.step()
print(value.item())
""",
            EVERY_STEP,
        )
        self.assertEqual(run.steps[0].loss, float(run.output))

    def test_non_finite(self):
        run = support_parent.run(
            SMALL + """
for step in range(2):
    value = net(torch.full((2, 4), float("inf") if step else 1.0)).pow(2).mean()
    value.backward()
    optimizer.step()
""",
            EVERY_STEP,
        )
        self.assertTrue(math.isfinite(run.steps[0].loss))
        self.assertFalse(math.isfinite(run.steps[1].loss))
        self.assertEqual(named(run, 2)[(INPUT, "input", None)][1].infinite, 8)

    def test_norms(self):
        run = support_parent.run(
            SMALL + """
for step in range(2):
    optimizer.zero_grad()
    net(torch.randn(2, 4)).pow(2).mean().backward()
    print(float(torch.sqrt(sum(p.grad.double().pow(2).sum() for p in net.parameters() if p.grad is not None))))
    optimizer.step()
""",
            {"mode": "train", "want_norms": True},
        )
        for step, line in zip(run.steps, run.output.splitlines()):
            self.assertAlmostEqual(step.gradient_norm, float(line), delta=1e-9 + 5e-7 * float(line))
        self.assertEqual(run.vitals, [])


class Ends(unittest.TestCase):
    def test_an_exception(self):
        run = support_parent.run(LOOP + "raise ValueError('bad luck')\n", EVERY_STEP)
        self.assertEqual(run.status, 1)
        self.assertEqual(
            (run.end["reason"], run.end["text"], run.end["line"]), ("exception", "ValueError: bad luck", len(LOOP.splitlines()) + 1)
        )
        self.assertTrue(run.end["file"].endswith("train.py"))
        self.assertIn("Traceback", run.output)

    def test_an_exit_status(self):
        run = support_parent.run(LOOP + "import sys; sys.exit(3)\n", EVERY_STEP)
        self.assertEqual((run.status, run.end["reason"]), (3, "exit"))

    def test_stop(self):
        run = support_parent.run(
            SMALL + """
import atexit, time
atexit.register(lambda: print("left in order"))
for step in range(100000):
    net(torch.randn(2, 4)).sum().backward()
    optimizer.step()
    time.sleep(0.001)
""",
            EVERY_STEP,
            stop_at=5,
        )
        self.assertEqual((run.status, run.end["reason"], run.output), (0, "stopped", "left in order\n"))
        self.assertLess(len(run.steps), 90000)


class Processes(unittest.TestCase):
    RANK = SMALL + """
import os, sys
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
def train(rank, world):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[1])
    dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(rank)
    model = DistributedDataParallel(Net())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 4)).pow(2).mean().backward()
        optimizer.step()
    dist.destroy_process_group()
"""

    def check_ranks(self, run):
        self.assertEqual(run.status, 0, run.output)
        ranks = {connection.hello["rank"]: connection for connection in run.connections if connection.steps}
        self.assertEqual(sorted(ranks), [0, 1], [connection.hello for connection in run.connections])
        for connection in ranks.values():
            self.assertEqual((connection.hello["world"], len(connection.steps)), (2, 3))
            self.assertIn("first", {tensor.node for tensor in connection.tensors.values()})

    def test_ranks_that_the_program_spawns(self):
        script = self.RANK.replace("torch.manual_seed(0)", "") + """
if __name__ == "__main__":
    import torch.multiprocessing as mp
    mp.spawn(train, args=(2,), nprocs=2)
"""
        self.check_ranks(support_parent.run(script, EVERY_STEP, arguments=["29611"]))

    def test_ranks_that_a_launcher_starts(self):
        script = self.RANK + "train(int(os.environ['RANK']), int(os.environ['WORLD_SIZE']))\n"
        launcher = """
import os, subprocess, sys
workers = [subprocess.Popen([sys.executable, "rank.py", "29612"], env=dict(os.environ, RANK=str(rank), WORLD_SIZE="2")) for rank in (0, 1)]
sys.exit(max(worker.wait() for worker in workers))
"""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "rank.py").write_text(script)
            self.check_ranks(support_parent.run(launcher, EVERY_STEP, folder=folder))

    def test_a_fork_that_trains(self):
        run = support_parent.run(
            SMALL + """
import torch.multiprocessing as mp
def train(rank):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(2 + rank):
        net(torch.randn(2, 4)).sum().backward()
        optimizer.step()
workers = [mp.Process(target=train, args=(rank,)) for rank in range(2)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
""",
            EVERY_STEP,
        )
        self.assertEqual(run.status, 0, run.output)
        self.assertEqual(sorted(len(connection.steps) for connection in run.connections), [0, 2, 3])


class StartUp(unittest.TestCase):
    def run_in(self, files, trial=None, **environment):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            environment = {key: value.replace("FOLDER", folder) for key, value in environment.items()}
            return support_parent.run(str(pathlib.Path(folder) / "train.py"), trial or EVERY_STEP, folder=folder, environment=environment)

    def test_the_site_customisation_of_the_program(self):
        run = self.run_in(
            {
                "own/sitecustomize.py": "import builtins\nbuiltins.customised = __file__\n",
                "train.py": LOOP + "print(customised.endswith('own/sitecustomize.py'))\n",
            },
            PYTHONPATH="FOLDER/own",
        )
        self.assertEqual(run.output.splitlines()[-1], "True", run.output)
        self.assertEqual(len(run.steps), 4)

    def test_a_module_of_the_same_name(self):
        run = self.run_in({"tenet.py": "film = 2020\n", "train.py": "import tenet\n" + LOOP + "print(tenet.film)\n"})
        self.assertEqual((run.output.splitlines()[-1], len(run.steps)), ("2020", 4))

    def test_a_program_without_torch(self):
        run = self.run_in({"train.py": "import sys\nprint('torch' in sys.modules, 'tenet' in sys.modules)\n"})
        self.assertEqual((run.output, run.connections), ("False False\n", []))

    def test_the_public_lines_outside_of_tenet(self):
        text = "import tenet\nprint(tenet.data(1, 2), tenet.data(3), tenet.score(0.5))\n"
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "config.json").write_text('{"rate": 0.1}')
            printed, status = bare(
                ["-c", text + "print(tenet.hypes(%r))\n" % str(pathlib.Path(folder) / "config.json")],
                PYTHONPATH=str(support_parent.package_folder()),
            )
        self.assertEqual((printed, status), ("(1, 2) 3 None\n{'rate': 0.1}\n", 0))

    def test_own_score(self):
        run = support_parent.run(LOOP + "import tenet\ntenet.score(0.25)\n", EVERY_STEP)
        self.assertIn((4, 0.25), [(score.step, score.valid_score) for score in run.scores])


if __name__ == "__main__":
    unittest.main()
