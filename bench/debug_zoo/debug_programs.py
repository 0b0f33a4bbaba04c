"""PyTorch programs of the debug zoo: healthy bases of every kind, and faults that only a program can have, or that must be found in one too.

A program is one text, made of its data, its net and its training loop. A fault replaces lines of it, each of which must be there exactly once. To add a base, add data to DATA or a net to NETS and a row
to `bases`; a fault is a row of PLANTS.
"""
import subprocess

PYTHON = "/usr/bin/python3"  # Debian's PyTorch belongs to Debian's Python

PROGRAM = '''"""%(title)s"""
import math
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(%(seed)d)
count, held = %(count)d, 400
%(data)s
loader = DataLoader(TensorDataset(x[held:], y[held:]), batch_size=32, shuffle=True)
activation = torch.%(activation)s


%(net)s

model = Net()
criterion = %(loss)s
optimizer = torch.optim.Adam(model.parameters(), lr=%(rate)s)

for epoch in range(%(epochs)d):
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print("epoch %%d: loss %%.4f" %% (epoch + 1, criterion(model(x[:held]), y[:held])))
'''

# Name: the lines that make x and y, features of an input, outputs, whether classes.
DATA = {
    "waves": ('''frequency, phase = torch.rand(count, 1) + 0.5, 6.28 * torch.rand(count, 1)
wave = torch.sin(frequency * 0.5 * torch.arange(13) + phase) + 0.05 * torch.randn(count, 13)
x, y = wave[:, :12, None], wave[:, 12:]''', 1, 1, False),
    "pitches": ('''y = torch.randint(0, 3, (count,))
wave = torch.sin((0.4 + 0.5 * y[:, None]) * torch.arange(12) + 6.28 * torch.rand(count, 1))
x = (wave + 0.1 * torch.randn(count, 12))[:, :, None]''', 1, 3, True),
    "letters": ('''letters = torch.randint(0, 4, (count, 12))
x = F.one_hot(letters, 4).float()
y = ((letters == 0).sum(1) > (letters == 1).sum(1)).long()''', 4, 2, True),
    "cost": ('''letters = torch.randint(0, 4, (count, 12))
x = F.one_hot(letters, 4).float()
y = torch.tensor([0.5, -0.3, 0.2, 0.0])[letters].sum(1, keepdim=True)''', 4, 1, False),
    "rings": ('''x = torch.randn(count, 6)
y = (x[:, :2].norm(dim=1) > 1.2).long() + (x[:, 2] > 0).long()''', 6, 3, True),
    "surface": ('''x = torch.randn(count, 6)
y = x[:, :1] * x[:, 1:2] + torch.sin(2 * x[:, 2:3])''', 6, 1, False),
    "corners": ('''row, column = torch.meshgrid(torch.arange(10.0), torch.arange(10.0), indexing="ij")
place = 1 + 8 * torch.rand(count, 2, 1, 1)
x = torch.exp(-((row - place[:, 0]) ** 2 + (column - place[:, 1]) ** 2) / 3)[:, None] + 0.05 * torch.randn(count, 1, 10, 10)
y = (place[:, 0, 0, 0] > 4.5).long() + 2 * (place[:, 1, 0, 0] > 4.5).long()''', 1, 4, True),
    "places": ('''row, column = torch.meshgrid(torch.arange(10.0), torch.arange(10.0), indexing="ij")
place = 1 + 8 * torch.rand(count, 2, 1, 1)
x = torch.exp(-((row - place[:, 0]) ** 2 + (column - place[:, 1]) ** 2) / 3)[:, None] + 0.05 * torch.randn(count, 1, 10, 10)
y = (place[:, :, 0, 0] - 4.5) / 2.5''', 1, 2, False),
}

RECURRENT = '''class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.%s(%%d, 24, batch_first=True)
        self.head = nn.Linear(24, %%d)

    def forward(self, x):
        x = self.body(x)[0]
        x = x[:, -1]
        return self.head(x)
'''
NETS = {
    "rnn": RECURRENT % "RNN", "gru": RECURRENT % "GRU", "lstm": RECURRENT % "LSTM",
    "transformer": '''class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(%d, 24)
        self.places = nn.Parameter(0.3 * torch.randn(12, 24))
        self.queries, self.keys, self.values = nn.Linear(24, 24), nn.Linear(24, 24), nn.Linear(24, 24)
        self.first_norm, self.second_norm = nn.LayerNorm(24), nn.LayerNorm(24)
        self.up, self.down = nn.Linear(24, 48), nn.Linear(48, 24)
        self.head = nn.Linear(24, %d)

    def forward(self, x):
        x = self.body(x) + self.places
        scores = self.queries(x) @ self.keys(x).transpose(1, 2) / math.sqrt(24)
        weights = torch.softmax(scores, dim=-1)
        x = self.first_norm(x + weights @ self.values(x))
        x = self.second_norm(x + self.down(activation(self.up(x))))
        x = x.mean(1)
        return self.head(x)
''',
    "mlp": '''class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(%d, 48)
        self.middle = nn.Linear(48, 48)
        self.head = nn.Linear(48, %d)

    def forward(self, x):
        x = activation(self.body(x))
        x = activation(self.middle(x))
        return self.head(x)
''',
    "mlp_batchnorm": '''class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(%d, 48)
        self.norm, self.dropout = nn.BatchNorm1d(48), nn.Dropout(0.1)
        self.middle = nn.Linear(48, 48)
        self.head = nn.Linear(48, %d)

    def forward(self, x):
        x = activation(self.norm(self.body(x)))
        x = self.dropout(activation(self.middle(x)))
        return self.head(x)
''',
    "cnn": '''class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(%d, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.middle = nn.Linear(150, 24)
        self.head = nn.Linear(24, %d)

    def forward(self, x):
        x = F.max_pool2d(activation(self.norm(self.body(x))), 2).flatten(1)
        x = activation(self.middle(x))
        return self.head(x)
''',
}
SEQUENCES, TABLES, PICTURES = ("waves", "pitches", "letters", "cost"), ("rings", "surface"), ("corners", "places")
KINDS = {"rnn": "rnn", "gru": "rnn", "lstm": "rnn", "transformer": "transformer", "mlp": "mlp", "mlp_batchnorm": "mlp", "cnn": "cnn"}
BOUND = 0.7


def can_run():
    """Whether that Python has PyTorch."""
    command = [PYTHON, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def bases():
    """All of them by name."""
    zoo = {}
    pairs = [(data, net) for data in SEQUENCES for net in ("rnn", "gru", "lstm", "transformer")] + [(data, net) for data in TABLES for net in ("mlp", "mlp_batchnorm")] + [
        (data, "cnn") for data in PICTURES]
    for number, (data, net) in enumerate(pairs):
        lines, features, outputs, classes = DATA[data]
        source = PROGRAM % {"title": f"{data} by {net}", "seed": number, "count": 1680, "data": lines, "net": NETS[net] % (features, outputs), "activation": "relu", "rate": "0.005", "epochs": 12,
                            "loss": "nn.CrossEntropyLoss()" if classes else "nn.MSELoss()"}
        zoo[f"torch-{data}/{net}"] = {"kind": KINDS[net], "task": "classification" if classes else "regression", "bound": BOUND, "source": source}
    return zoo


ZERO, STEP, LOADER = "        optimizer.zero_grad()\n", "        optimizer.step()\n", "shuffle=True)\n"
HEAD = "        return self.head(x)"
WRONG_BACKWARD = '''

class Bent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return -gradient * (gate + x * gate * (1 - gate))


'''
SCHEDULE = [("\nfor epoch in", "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)\n\nfor epoch in"), (STEP, STEP + "        scheduler.step()\n")]
ACTIVATION = "activation = torch.relu\n"
RNNS = ["torch-waves/rnn", "torch-pitches/gru", "torch-letters/lstm", "torch-cost/gru"]
TRANSFORMERS = ["torch-waves/transformer", "torch-pitches/transformer", "torch-letters/transformer", "torch-cost/transformer"]
OTHERS = ["torch-rings/mlp", "torch-surface/mlp", "torch-corners/cnn", "torch-places/cnn"]
MIXED = [RNNS[0], RNNS[2], TRANSFORMERS[1], TRANSFORMERS[3], OTHERS[0], OTHERS[3]]
CLASSES = ["torch-letters/lstm", "torch-pitches/transformer", "torch-rings/mlp", "torch-corners/cnn", "torch-pitches/rnn"]
# Cause, bases, replacements, causes that are as right.
PLANTS = [
    ("missing_zero_grad", MIXED, [(ZERO, "")], ()),
    ("tight_clipping", MIXED, [(STEP, "        nn.utils.clip_grad_norm_(model.parameters(), 1e-12)\n" + STEP)], ()),
    ("frozen_parameters", MIXED, [("torch.optim.Adam(model.parameters(),", "torch.optim.Adam(model.head.parameters(),")], ()),
    ("frozen_parameters", [RNNS[1], RNNS[3]], [(HEAD, "        return self.head(x.detach())")], ()),
    ("wrong_schedule", MIXED, SCHEDULE, ("lr_too_low",)),
    ("wrong_gradient", ["torch-waves/transformer", "torch-letters/transformer", "torch-rings/mlp", "torch-surface/mlp", "torch-corners/cnn", "torch-places/cnn"],
     [(ACTIVATION, WRONG_BACKWARD + "activation = Bent.apply\n")], ()),
    ("wrong_mode", ["torch-rings/mlp_batchnorm", "torch-surface/mlp_batchnorm", "torch-corners/cnn", "torch-places/cnn"], [("    model.train()\n", "    model.eval()\n")], ()),
    ("wrong_mode", ["torch-rings/mlp_batchnorm", "torch-surface/mlp_batchnorm"], [("    model.eval()\n", "")], ()),
    ("wrong_axis", TRANSFORMERS, [("torch.softmax(scores, dim=-1)", "torch.softmax(scores, dim=0)")], ("batch_computation",)),
    ("wrong_axis", ["torch-rings/mlp", "torch-corners/cnn", "torch-letters/gru"], [(HEAD, "        return F.log_softmax(self.head(x), dim=0)"), ("nn.CrossEntropyLoss()", "nn.NLLLoss()")],
     ("batch_computation", "wrong_output")),
    ("batch_computation", RNNS, [("batch_first=True", "batch_first=False")], ()),
    ("batch_computation", ["torch-surface/mlp", "torch-waves/gru", "torch-cost/transformer"], [(HEAD, "        return self.head(x).squeeze(1)")], ()),
    ("wrong_output", CLASSES, [(HEAD, "        return torch.softmax(self.head(x), 1)")], ()),
    ("lr_too_high", MIXED, [("lr=0.005", "lr=3")], ()),
    ("lr_too_low", MIXED, [("lr=0.005", "lr=5e-7")], ("too_few_steps",)),
    ("unscaled_input", MIXED, [("\nloader =", "\nx = 5000 * x\nloader =")], ()),
    ("unscaled_label", ["torch-waves/rnn", "torch-cost/transformer", "torch-surface/mlp", "torch-places/cnn", "torch-waves/lstm"], [("\nloader =", "\ny = 1e4 * y\nloader =")], ()),
    ("misaligned_labels", MIXED, [("\nloader =", "\ny = y[torch.randperm(count)]\nloader =")], ()),
    ("bad_init", MIXED, [("model = Net()\n", "model = Net()\nfor parameter in model.parameters():\n    nn.init.zeros_(parameter)\n")], ()),
    ("not_shuffled", ["torch-pitches/gru", "torch-letters/transformer", "torch-rings/mlp", "torch-corners/cnn", "torch-cost/lstm"],
     [("\nloader =", "\norder = torch.argsort(y.flatten())\nheld_out = torch.randperm(count)[:held]\nrest = order[~torch.isin(order, held_out)]\nx, y = x[torch.cat([held_out, rest])], y[torch.cat([held_out, rest])]\nloader ="),
      (LOADER, "shuffle=False)\n")], ()),
    ("nonfinite_op", MIXED, [(HEAD, "        return self.head(torch.log(x))")], ()),
]


def planted(programs):
    """Cases: name, cause, allowed, base, kind, task, source."""
    cases = []
    for cause, names, replacements, also in PLANTS if programs else ():
        for base in names:
            source = programs[base]["source"]
            for old, new in replacements:
                if source.count(old) != 1:
                    raise ValueError(f"{base}: '{old}' is there {source.count(old)} times; a fault replaces what is there once")
                source = source.replace(old, new)
            name = f"{cause}/{base}"
            number = sum(case["name"].rsplit("#", 1)[0] == name for case in cases)
            cases.append({"name": f"{name}#{number + 1}" if number else name, "cause": cause, "allowed": sorted({cause, *also}), "base": base, "kind": programs[base]["kind"],
                          "task": programs[base]["task"], "source": source})
    return cases
