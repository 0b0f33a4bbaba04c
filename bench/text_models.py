#!/usr/bin/python3
"""The character models of examples/models beside the same nets in PyTorch: bits for each character of the validation text.

    bench/text_models.py [--program build/release/tenet] [--model kjv_lstm]... [--steps N] [--folder build/models]

Both start from the same weights, which tenet draws and writes as PyTorch's state_dict, and train as many steps on the same windows, with the same optimizer, rates, clipping and carried state. The order of
the windows is the same where a state is carried, and each one's own where they are shuffled. Then both sets of weights are scored by PyTorch, on all validation windows, each from a state of 0; so the
difference is that of the trainings alone. Prints a Markdown table, and exits with 1 where tenet is more than 3 % worse.

Needs Debian's python3-torch and the text (make bible).
"""

import argparse
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy
import torch
from torch import nn
from torch.nn import functional

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ("kjv_lstm", "kjv_gru", "kjv_gpt")
WORSE_AT_MOST = 0.03
SCORED_AT_ONCE = 128


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = numpy.frombuffer(data[8 + size + begin : 8 + size + end], dtype="<f4").reshape(entry["shape"])
            tensors[name] = torch.tensor(values)
    return tensors


class Recurrent(nn.Module):
    """Embedding, LSTM or GRU, dense; a list, since the modules of a file from tenet have their numbers for names."""

    def __init__(self, hypes):
        super().__init__()
        embedding, cell, dense = hypes["net"]
        make = {"lstm": nn.LSTM, "gru": nn.GRU}[cell["op"]]
        self.nodes = nn.ModuleList([nn.Embedding(embedding["vocabulary"], embedding["units"]), make(embedding["units"], cell["units"], batch_first=True),
                                    nn.Linear(cell["units"], dense["units"])])

    def load(self, tensors):
        self.nodes.load_state_dict(tensors)

    def forward(self, tokens, state=None):
        hidden, state = self.nodes[1](self.nodes[0](tokens), state)
        return self.nodes[2](hidden), state


class Gpt(nn.Module):
    """Causal blocks, normed in front, with the tensors of the file as they are called there."""

    def __init__(self, hypes):
        super().__init__()
        block = next(node for node in hypes["net"] if "block" in node)
        self.blocks, self.heads = block["repeat"], block["block"][1]["heads"]
        self.tensors = {}

    def load(self, tensors):
        self.tensors = {name: nn.Parameter(values) for name, values in tensors.items()}

    def parameters(self):
        return self.tensors.values()

    def norm(self, x, name):
        return functional.layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def dense(self, x, name):
        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def attend(self, x, name):
        batch, time_steps, width = x.shape
        packed = functional.linear(x, self.tensors[f"{name}.in_proj_weight"], self.tensors[f"{name}.in_proj_bias"])
        q, k, v = packed.view(batch, time_steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        future = torch.ones(time_steps, time_steps, dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ v
        return self.dense(mixed.transpose(1, 2).reshape(batch, time_steps, width), f"{name}.out_proj")

    def forward(self, tokens, state=None):
        x = self.tensors["0.weight"][tokens] + self.tensors["1.weight"]
        for i in range(self.blocks):
            first = 2 + 8 * i  # of the block's eight nodes
            x = x + self.attend(self.norm(x, first), f"mixed_{i}")
            x = x + self.dense(functional.gelu(self.dense(self.norm(x, first + 3), first + 4)), f"fed_{i}")
        end = 2 + 8 * self.blocks
        return self.dense(self.norm(x, end), end + 1), state


def read_windows(hypes, folder):
    """Inputs and labels of all windows, and how many of the last are for validation, as tenet cuts them."""
    train = hypes["data"]["train"]
    text = (folder / train["file"]).read_text(encoding="utf-8")
    numbers = {character: i for i, character in enumerate(sorted(set(text)))}
    tokens, length = torch.tensor([numbers[c] for c in text]), train["time"]
    count = (len(tokens) - length - 1) // length + 1
    held_out = int(hypes["data"]["valid"]["fraction"] * count + 0.5)
    return tokens[: count * length].view(count, length), tokens[1 : count * length + 1].view(count, length), held_out


def rate_at(solver, step, steps):
    warmup, floor = solver.get("warmup", 0), solver["decay"]["floor"]
    if step < warmup:
        return solver["learning_rate"] * (step + 1) / warmup
    return solver["learning_rate"] * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))))


def train(net, solver, inputs, labels, steps):
    optimizer = torch.optim.Adam(net.parameters(), lr=solver["learning_rate"])
    batch, count, state = solver["batch_size"], len(inputs), None
    carries = solver.get("carry_state", False)
    in_epoch = count // batch if carries else -(-count // batch)
    for step in range(steps):
        at = step % in_epoch
        if at == 0:
            state = None
            order = torch.arange(in_epoch * batch).view(batch, in_epoch).t().reshape(-1) if carries else torch.randperm(count)
        chosen = order[at * batch : (at + 1) * batch]
        outputs, state = net(inputs[chosen], state if carries else None)
        if carries:
            state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        loss = functional.cross_entropy(outputs.flatten(0, 1), labels[chosen].flatten())
        optimizer.zero_grad()
        loss.backward()
        if "clip_norm" in solver:
            nn.utils.clip_grad_norm_(net.parameters(), solver["clip_norm"])
        for group in optimizer.param_groups:
            group["lr"] = rate_at(solver, step, steps)
        optimizer.step()


def bits(net, inputs, labels):
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(inputs), SCORED_AT_ONCE):
            outputs, _ = net(inputs[first : first + SCORED_AT_ONCE])
            total += functional.cross_entropy(outputs.flatten(0, 1), labels[first : first + SCORED_AT_ONCE].flatten(), reduction="sum").item()
    return total / labels.numel() / math.log(2)


def run_tenet(program, hypes, weights, *more):
    command = [str(program), "train", str(hypes), "--quiet", "--threads", "1", "--watch", "off", "--set", "weights.layout=torch", "--weights", str(weights)]
    for change in more:
        command += ["--set", change]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"text_models: {' '.join(command)} failed:\n{done.stderr}{done.stdout}")
    return time.perf_counter() - start


def compare(model, program, folder, steps):
    path = ROOT / "examples/models" / f"{model}.json"
    hypes = json.loads(path.read_text())
    inputs, labels, held_out = read_windows(hypes, path.parent)
    solver, count = hypes["solver"], len(inputs) - held_out
    if not steps:
        steps = solver.get("steps") or solver["epochs"] * (count // solver["batch_size"] if solver.get("carry_state") else -(-count // solver["batch_size"]))
    first, last = folder / f"{model}_first.safetensors", folder / f"{model}_trained.safetensors"
    run_tenet(program, path, first, "solver.steps=1", "solver.learning_rate=0")
    seconds = run_tenet(program, path, last, f"solver.steps={steps}")
    torch.manual_seed(1)
    net = (Gpt if "gpt" in model else Recurrent)(hypes)
    found = []
    for weights in (last, first):
        net.load(read_safetensors(weights))
        if weights == first:
            start = time.perf_counter()
            train(net, solver, inputs[:count], labels[:count], steps)
            torch_seconds = time.perf_counter() - start
        found.append(bits(net, inputs[count:], labels[count:]))
    ratio = found[0] / found[1]
    print(f"| {model} | {steps} | {found[0]:.4f} | {found[1]:.4f} | {ratio:.4f} | {seconds:.0f} | {torch_seconds:.0f} |", flush=True)
    return ratio <= 1 + WORSE_AT_MOST


def main():
    parser = argparse.ArgumentParser(description="Character models beside PyTorch's.")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/tenet")
    parser.add_argument("--model", action="append", choices=MODELS)
    parser.add_argument("--steps", type=int, help="in place of what the hypes say")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/models")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| model | steps | bits, tenet | bits, PyTorch | ratio | seconds, tenet | seconds, PyTorch |\n| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    results = [compare(model, options.program, options.folder, options.steps) for model in options.model or MODELS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
