"""`tenet nonfinite -- python3 script.py` and `tenet train -- python3 script.py`: faults planted in PyTorch programs, forward and backward, at the first step, after 57 and after 1,234 updates. Function, direction, step, sample, file and
line must be exact. Infinities that do no harm stay unnamed.

Every script is the same loop around its own lines; the line that is to be named ends in "# here"."""
import concurrent.futures
import json
import linecache
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from typing import NamedTuple, Optional
from unittest import mock

import torch

from tenet import torch_narrow, torch_nonfinite, usage_guard

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENET = os.environ.get("TENET_PROGRAM") or str(ROOT / "build/release/tenet")
ROWS, SAMPLE = 8, 3

# x [8, 1] is all ones but for x[3] = BAD at the step AT; target likewise. weight is 1 and hardly moves.
SCRIPT = """import sys
import torch
from torch import nn
from torch.nn import functional as F

AT, BAD, TARGET = int(sys.argv[1]), %(bad)s, %(target)s
torch.manual_seed(0)
model = nn.Linear(1, 1, bias=False)
nn.init.ones_(model.weight)
optimizer = torch.optim.SGD(model.parameters(), lr=%(rate)s)
%(before)s

for step in range(AT + 25):
    x, target = torch.ones(8, 1), torch.zeros(8, 1)
    now = step == AT
    if now:
        x[3], target[3] = BAD, TARGET
    optimizer.zero_grad()
%(body)s
    loss = ((y - target) ** 2).mean()
    loss.backward()
    optimizer.step()
"""


class Case(NamedTuple):
    name: str
    body: str
    bad: str
    op: str
    direction: str = "forward"
    target: str = "0.5"
    rate: str = "1e-12"
    before: str = ""
    sample: Optional[int] = SAMPLE
    then: Optional[str] = None
    cause: str = "nonfinite_op"


CUSTOM = """
class Root(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx, dy):  # here
        (x,) = ctx.saved_tensors
        return dy / x
"""
ATTENTION = """    scores = model(x) @ torch.ones(1, 4)
    mask = torch.zeros(8, 4, dtype=torch.bool)
    mask[:, 3] = True
    %s
    scores = scores.masked_fill(mask, float("-inf"))
    y = (F.softmax(scores, 1) @ torch.ones(4, 1)) * model(x)%s
"""

CASES = [
    Case("0/0", "    y = model(x / x)  # here", "0", "div"),
    Case("log 0", "    y = model(torch.log(x))  # here", "0", "log"),
    Case("sqrt of a negative", "    y = model(x.sqrt())  # here", "-1", "sqrt"),
    Case("exp overflow", "    y = model(torch.exp(x))  # here", "100", "exp"),
    Case("inf - inf", "    a = torch.square(x)  # here\n    y = model(a - torch.square(x))", "1e30", "square", then="sub"),
    Case("written inf - inf", "    a = x + (float('inf') if now else 0)\n    y = model(a - a)  # here", "1", "sub", sample=0),
    Case("in place", "    z = x.clone()\n    z.log_()  # here\n    y = model(z)", "0", "log_"),
    Case("in a module", "    y = model(layer(x))", "0", "log",
         before="class Layer(nn.Module):\n    def forward(self, x):\n        return torch.log(x)  # here\nlayer = nn.Sequential(Layer(), nn.Identity())"),
    Case("a row of masks alone", ATTENTION % ("mask[3] |= now", "  # here"), "1", "softmax"),
    Case("where 0 log 0, backward", "    h = model(x)\n    y = torch.where(x > 0, torch.log(h), torch.zeros_like(h))  # here", "0", "log", "backward"),
    Case("where that hides the weights' NaN", "    h = model(x)\n    y = torch.where(h > 0, torch.log(h), torch.zeros_like(h))  # here", "0", "log", "backward"),
    Case("0/0, backward", "    h = model(x)\n    y = torch.where(x > 0, h / h, torch.zeros_like(h))  # here", "0", "div", "backward"),
    Case("sqrt of 0, backward", "    y = model(x).sqrt()  # here", "0", "sqrt", "backward"),
    Case("exp, backward", "    y = torch.exp(model(x))  # here", "48.3543", "exp", "backward", target="9.9e20"),
    Case("inf - inf, backward", "    h = model(x)\n    a = torch.square(h)\n    y = 8 * (torch.square(h) - a)  # here", "1.8e19", "square", "backward", target="-1.8e19"),
    Case("a backward of the program's own", "    y = Root.apply(model(x))", "0", "Root", "backward", before=CUSTOM),
    Case("NaN in the data", "    x = data.select(0, step)  # here\n    y = model(x)", "1", "input", "data", cause="nonfinite_input", sample=None,
         before="import numpy\ndata = numpy.ones((AT + 25, 8, 1), 'float32')\ndata[AT, 3] = numpy.nan\ndata = torch.from_numpy(data)"),
]
UPDATES = (0, 57, 1234)
# Each fault in one direction and the other at one of the steps, and each step in both directions; in-process tests see to the rest, and bench/nonfinite_grid.py runs the whole grid.
TRAINED = (("0/0", 57), ("log 0", 1234), ("sqrt of a negative", 57), ("exp overflow", 0), ("inf - inf", 57), ("0/0, backward", 0), ("where 0 log 0, backward", 57),
           ("sqrt of 0, backward", 57), ("exp, backward", 1234), ("inf - inf, backward", 0))

HEALTHY = {
    "attention with a mask": ATTENTION % ("", ""),
    "a mask that is added": "    y = torch.softmax(model(x) @ torch.ones(1, 4) + torch.tensor([0.0, 0.0, 0.0, float('-inf')]), 1)[:, :1]",
    "log 0 that is clamped": "    y = model(torch.clamp(torch.log(x * 0), min=-10))",
    "1 / exp": "    y = model(1 / torch.exp(x * 100))",
}


def examine(text, *arguments, command="nonfinite", options=()):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("TENET_")}
    environment.update(OMP_NUM_THREADS="1", NO_COLOR="1")
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "train.py"
        script.write_text(text)
        done = subprocess.run([TENET, command, "--json", "--quiet", *options, "--", sys.executable, str(script), *map(str, arguments)], cwd=folder, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    try:
        return json.loads(done.stdout), script
    except ValueError as problem:
        raise AssertionError("%s\n%s" % (done.stdout[-2000:], done.stderr[-2000:])) from problem


# Outputs grow towards 1e5, which float16 does not hold. A smaller rate comes there later; a far larger one diverges in any dtype.
GROWING = """import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=%s)
x = torch.randn(64, 1)
target = 1e5 * (1 + 0.1 * x)
for step in range(200):
    y = (model(x) * 1e5).to(torch.float16).float()  # here
    loss = ((y - target) / 1e5).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def text_of(case):
    return SCRIPT % case._asdict()


def line_of(text):
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# here"))


def trained(case, updates, watch):
    """What the rule nonfinite says of a training: (its entry of the report, the script, the script's text)."""
    text = text_of(case)
    report, script = examine(text, updates, command="train", options=("--watch", watch))
    return next(signal for signal in report["signals"] if signal["rule"] == "nonfinite"), script, text


class Told:
    """What stands in for a session: keeps what is told."""

    step = 0

    def __init__(self):
        self.origins = []

    def note_origin(self, _text, origin):
        self.origins.append(origin)

    def failed(self, what, error):
        raise AssertionError(what) from error


def trace(text, updates, path):
    """Runs a script in this process, with its steps from two before the fault traced as torch_watch does it. Returns what was told."""
    told, in_step, open_ones = Told(), [], []
    backward, take_step = torch.autograd.backward, torch.optim.SGD.step

    def begin():
        if not open_ones and told.step + 1 >= updates - 1:
            open_ones.append(torch_nonfinite.Trace(told, lambda: bool(in_step)))
            open_ones[0].begin()

    def see_backward(tensors, *args, **kwargs):
        for one in open_ones:
            one.see_loss(tensors)
        return backward(tensors, *args, **kwargs)

    def see_step(optimizer, *args, **kwargs):
        in_step.append(True)
        take_step(optimizer, *args, **kwargs)
        in_step.clear()
        for one in open_ones:
            one.end_step(told.step + 1, [parameter for group in optimizer.param_groups for parameter in group["params"]])
        told.step += 1
        begin()

    path.write_text(text)
    linecache.clearcache()
    with mock.patch.object(torch.autograd, "backward", see_backward), mock.patch.object(torch.optim.SGD, "step", see_step), \
            mock.patch.object(sys, "argv", ["train.py", str(updates)]):
        begin()
        try:
            exec(compile(text, str(path), "exec"), {"__name__": "__main__"})
        finally:
            for one in open_ones:
                one.close()
    return told.origins


class Nonfinite(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name) / "train.py"

    def test_faults_are_named_exactly(self):
        for case in CASES:
            for updates in UPDATES:
                with self.subTest(case.name, updates=updates):
                    text = text_of(case)
                    origins = trace(text, updates, self.path)
                    self.assertEqual(len(origins), 1)
                    where = origins[0]
                    self.assertEqual((where["op"], where["direction"], where["step"], where["updates"]), (case.op, case.direction, updates + 1, updates))
                    self.assertEqual((where["file"], where["line"]), (str(self.path), line_of(text)))
                    self.assertTrue(where["exact"])
                    if case.sample is not None:
                        self.assertEqual(where.get("sample"), case.sample)
                    self.assertEqual(where.get("then"), case.then)

    def test_harmless_infinities_are_left_alone(self):
        for name, body in HEALTHY.items():
            with self.subTest(name):
                self.assertEqual(trace(SCRIPT % Case(name, body, "1", "")._asdict(), 5, self.path), [])

    def test_an_overflow_of_a_narrow_dtype_is_no_divergence(self):
        """At the same place: what float16 cannot hold and float32 can, and what neither can."""
        for body, bad, overflows in (("    y = model((x.half() * 1000).float() / 1000)  # here", "100", "at most 1e+05"), ("    y = model(x.half().float())  # here", "7e4", "at most 7e+04"),
                                     ("    y = model(torch.exp(x.bfloat16()).float())  # here", "100", None), ("    y = model(torch.exp(x))  # here", "100", None)):
            with self.subTest(body, bad=bad):
                where = trace(SCRIPT % Case("", body, bad, "")._asdict(), 3, self.path)[0]
                self.assertEqual((where["line"], where["sample"]), (line_of(SCRIPT % Case("", body, bad, "")._asdict()), SAMPLE))
                self.assertEqual("overflow" in where, overflows is not None)
                if overflows:
                    self.assertIn("it overflows float16, whose largest value is 65,504: in float32 the result is finite, " + overflows, where["text"])

    def test_a_dtype_is_to_blame_where_float32_trains_on(self):
        """Told from a divergence by the same training with that result in float32, whatever a smaller rate does."""
        text = GROWING % "0.05"
        report, script = examine(text)
        [finding] = report["findings"]
        self.assertEqual((finding["cause"], finding["confirmed"], finding["confirmed_by"]), ("nonfinite_op", True, "control"))
        self.assertEqual((finding["where"]["file"], finding["where"]["line"]), (script.name, line_of(text)))
        [line] = finding["fix"]["lines"]
        self.assertEqual((line["line"], line["change"]), (line_of(text), "the result of to in float32"))
        self.assertIn("the dtype is too narrow", " ".join(one["text"] for one in finding["evidence"]))

        report, _ = examine(GROWING % "3")
        self.assertEqual(report["findings"], [])  # the rate's, which tenet lr and the race tell
        texts = " ".join(one["text"] for one in report["experiments"][0]["evidence"])
        self.assertIn("it overflows float16", texts)
        self.assertIn("the result of to in float32: non-finite too, or divergent", texts)

    def test_a_mask_beside_a_fault_is_not_blamed(self):
        """A mask in every step, and log 0 in one: the mask must not be taken for the fault."""
        text = SCRIPT % Case("", ATTENTION % ("", "") + "    y = y + model(torch.log(x))  # here", "0", "")._asdict()
        where = trace(text, 40, self.path)[0]
        self.assertEqual((where["op"], where["line"], where["step"]), ("log", line_of(text), 41))

    def test_the_command_names_function_step_and_line(self):
        for name, updates in (("0/0", 0), ("log 0", 57), ("where 0 log 0, backward", 57), ("sqrt of 0, backward", 1234)):
            case = next(one for one in CASES if one.name == name)
            with self.subTest(name, updates=updates):
                text = text_of(case)
                report, script = examine(text, updates)
                self.assertEqual(len(report["findings"]), 1, report["experiments"][0]["summary"])
                finding, where = report["findings"][0], report["findings"][0]["where"]
                self.assertEqual((finding["cause"], where["op"], where["direction"], where["step"]), (case.cause, case.op, case.direction, updates + 1))
                self.assertEqual((where["file"], where["line"], where["sample"]), (script.name, line_of(text), SAMPLE))
                self.assertEqual((finding["confirmed"], finding.get("confirmed_by")), (True, "control"))
                [line] = finding["fix"]["lines"]
                self.assertEqual((line["file"], line["line"], line["was"]), (script.name, line_of(text), text.splitlines()[line_of(text) - 1].strip()))
                self.assertIn("in place of " + case.op, line["change"])

    def test_guards(self):
        """Each keeps its function finite, forward and backward, where it breaks, and changes nothing elsewhere."""
        points = {"sqrt": 0.0, "rsqrt": 0.0, "log": 0.0, "log2": -1.0, "log10": 0.0, "exp": 1e3, "acos": 1.0, "asin": -1.0, "arccos": 1.5, "reciprocal": 0.0}
        for name, point in points.items():
            with self.subTest(name):
                x = torch.tensor([point, 0.5], requires_grad=True)
                plain = getattr(torch, name)(x)
                y = usage_guard.GUARDS[name][1](getattr(torch, name), (x,), {})
                y.sum().backward()
                self.assertTrue(torch.isfinite(y).all() and torch.isfinite(x.grad).all())
                self.assertEqual(y[1].item(), plain[1].item())
        for divide in (torch.div, torch.Tensor.__truediv__):
            a, b = torch.tensor([1.0, 0.0, 3.0], requires_grad=True), torch.tensor([0.0, -0.0, 2.0], requires_grad=True)
            y = usage_guard.GUARDS["div"][1](divide, (a, b), {})
            y.sum().backward()
            self.assertTrue(torch.isfinite(y).all() and torch.isfinite(b.grad).all())
            self.assertEqual(y[2].item(), 1.5)
        x = torch.zeros(2, requires_grad=True)
        usage_guard.GUARDS["pow"][1](torch.pow, (x, 0.5), {}).sum().backward()
        self.assertTrue(torch.isfinite(x.grad).all())
        self.assertIsNone(usage_guard.text_of("log_"))
        self.assertEqual(usage_guard.text_of("matmul", overflows=True), "the result of matmul in float32")
        self.assertIsNone(usage_guard.text_of("mul_", overflows=True))  # what it leaves in place has the narrow dtype
        half = torch.tensor([[300.0]], dtype=torch.bfloat16, requires_grad=True)
        wide = torch_narrow.in_float32(torch.matmul, (half, half), {})
        wide.sum().backward()
        self.assertEqual((wide.dtype, wide.item(), half.grad.item()), (torch.float32, 90000.0, 600.0))
        self.assertIsNone(usage_guard.text_of("softmax"))

    def test_a_training_that_is_traced_names_function_step_and_line(self):
        """Five faults, forward and backward, and in both at each step; two side by side."""
        cases = [(next(one for one in CASES if one.name == name), updates) for name, updates in TRAINED]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda one: trained(*one, "trace" if one[1] else "auto"), cases))  # auto traces the first step
        for (case, updates), (signal, script, text) in zip(cases, found):
            with self.subTest(case.name, updates=updates):
                where = signal["where"]
                self.assertEqual((signal["state"], signal["severity"], signal["step"]), ("fired", "error", updates + 1))
                self.assertEqual((where["op"], where["direction"], where["file"], where["line"]), (case.op, case.direction, script.name, line_of(text)))
                self.assertTrue(where["exact"])
                self.assertEqual(where["sample"], SAMPLE)
                self.assertNotIn("next", signal)
                self.assertIn("at step %d (after %d updates), train.py:%d" % (updates + 1, updates, line_of(text)), signal["text"])

    def test_a_training_that_is_not_traced_names_step_and_direction(self):
        case = next(one for one in CASES if one.name == "sqrt of 0, backward")
        signal, script, _ = trained(case, 57, "off")
        self.assertEqual((signal["step"], signal["where"]["direction"]), (58, "backward"))
        self.assertIn("the backward pass made it", signal["text"])
        self.assertRegex(signal["next"], r"\Atenet nonfinite -- \S+ %s 57\Z" % script)


if __name__ == "__main__":
    unittest.main()
