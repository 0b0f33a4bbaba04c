#!/usr/bin/python3
"""Training steps of tenet beside those of PyTorch, in turns, on one and two threads.

    bench/steps.py [--program build/release/bench_step] [--rounds 9] [--milliseconds 300]

Each round runs every net once in tenet and once in PyTorch, so that a busy machine hits both. A step of tenet is the whole of it: a batch
is gathered from a shuffled set. PyTorch gets its batches ready-made, which favours it. Prints a Markdown table: the median of the rounds,
and the ratio of the medians. Exits with 1 where a target of the project is missed.

Needs Debian's python3-torch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

# net of bench_step.c: how often tenet has to be as fast as PyTorch on one thread
TARGETS = {"mlp-64-128-10": 8.0, "mlp-784-512-512-10": 2.0, "lenet-5": 2.2}
TWO_THREADS = 1.05  # of the time on one thread, at most
SAMPLES = 4096


def networks():
    yield "mlp-64-128-10", 32, (64,), nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    yield "mlp-784-512-512-10", 64, (784,), nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    yield "lenet-5", 64, (1, 28, 28), nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


class Peer:
    """PyTorch's step of one net."""

    def __init__(self, batch, shape, net):
        self.batches = [(torch.randn(batch, *shape), torch.randint(0, 10, (batch,))) for _ in range(SAMPLES // batch)]
        self.net = net
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
        self.position = 0

    def step(self):
        inputs, labels = self.batches[self.position]
        self.position = (self.position + 1) % len(self.batches)
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.net(inputs), labels).backward()
        self.optimizer.step()

    def time(self, milliseconds):
        """Microseconds a step: the median over 25 blocks, as bench_step takes it, and the least."""
        start = time.perf_counter()
        warm = 0
        while time.perf_counter() - start < milliseconds / 5e3 or warm < 5:
            self.step()
            warm += 1
        each = max(1, int(milliseconds / 1e3 / ((time.perf_counter() - start) / warm) / 25))
        blocks = []
        for _ in range(25):
            start = time.perf_counter()
            for _ in range(each):
                self.step()
            blocks.append((time.perf_counter() - start) / each * 1e6)
        return statistics.median(blocks), min(blocks)


def run_tenet(program, name, threads, milliseconds):
    output = subprocess.run([program, name, str(threads), str(milliseconds)], check=True, capture_output=True, text=True).stdout
    result = json.loads(output)
    return result["microseconds"], result["best"]


def measure(options):
    """(net, threads, who) -> a (median, least) for each round."""
    peers = {name: Peer(batch, shape, net) for name, batch, shape, net in networks()}
    times = {}
    for number in range(options.rounds):
        for name, peer in peers.items():
            for threads in (1, 2):
                torch.set_num_threads(threads)
                times.setdefault((name, threads, "torch"), []).append(peer.time(options.milliseconds))
                times.setdefault((name, threads, "tenet"), []).append(run_tenet(options.program, name, threads, options.milliseconds))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return times


def report(times):
    missed = []
    median = {key: statistics.median(m for m, _ in values) for key, values in times.items()}
    least = {key: min(b for _, b in values) for key, values in times.items()}
    rounds = len(next(iter(times.values())))
    print(f"PyTorch {torch.__version__}; microseconds a step, median of {rounds} rounds (least of all)\n")
    print("| net | threads | PyTorch | tenet | ratio | to reach |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, target in TARGETS.items():
        for threads in (1, 2):
            theirs, ours = (name, threads, "torch"), (name, threads, "tenet")
            ratio = median[theirs] / median[ours]
            goal = f"{target}x" if threads == 1 else f"{TWO_THREADS} of one thread's time: {median[ours] / median[(name, 1, 'tenet')]:.2f}"
            print(f"| {name} | {threads} | {median[theirs]:.1f} ({least[theirs]:.1f}) | {median[ours]:.1f} ({least[ours]:.1f}) "
                  f"| {ratio:.2f} ({least[theirs] / least[ours]:.2f}) | {goal} |")
            if threads == 1 and not ratio >= target:
                missed.append(f"{name}: {ratio:.2f} times PyTorch, to reach {target}")
            if threads == 2 and not median[ours] <= TWO_THREADS * median[(name, 1, "tenet")]:
                missed.append(f"{name}: two threads take {median[ours] / median[(name, 1, 'tenet')]:.2f} of one thread's time")
    for line in missed:
        print(f"\nmissed: {line}")
    return missed


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default=os.path.join(root, "build", "release", "bench_step"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--milliseconds", type=float, default=300)
    sys.exit(1 if report(measure(parser.parse_args())) else 0)


if __name__ == "__main__":
    main()
