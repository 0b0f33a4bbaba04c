#!/usr/bin/python3
"""Training steps of tenet beside those of PyTorch, in turns, on one and two threads.

    bench/steps.py [--program build/release/bench_step] [--rounds 9] [--milliseconds 300]

Each round runs every net once in tenet and once in PyTorch, so that a busy machine hits both. A step of tenet is the whole of it: a batch
is gathered from a shuffled set. PyTorch gets its batches ready-made, which favours it. Prints a Markdown table: the median of the rounds,
and the ratio of the medians. Exits with 1 where a target of the project is missed.

PyTorch runs in a process for each number of threads, which OpenBLAS is told too: Debian's has threads of its own, and takes all processors
whatever torch.set_num_threads says.

Needs Debian's python3-torch.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

# net of bench_step.c: how often tenet has to be as fast as PyTorch on one thread
TARGETS = {"mlp-64-128-10": 8.0, "mlp-784-512-512-10": 2.0, "lenet-5": 2.2}
TWO_THREADS = 1.05  # of the time on one thread, at most
SAMPLES = 4096
BLOCKS = 25


def networks():
    """name -> (batch, shape of a sample, net)"""
    from torch import nn
    return {
        "mlp-64-128-10": (32, (64,), nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))),
        "mlp-784-512-512-10": (64, (784,), nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))),
        "lenet-5": (64, (1, 28, 28), nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))),
    }


def stepper(batch, shape, net):
    """A function that takes one step of PyTorch."""
    import torch
    batches = [(torch.randn(batch, *shape), torch.randint(0, 10, (batch,))) for _ in range(SAMPLES // batch)]
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    position = 0

    def step():
        nonlocal position
        inputs, labels = batches[position]
        position = (position + 1) % len(batches)
        optimizer.zero_grad(set_to_none=True)
        loss(net(inputs), labels).backward()
        optimizer.step()

    return step


def time_steps(step, milliseconds):
    """Microseconds a step, as bench_step takes them: the median over blocks of steps, and the least."""
    start = time.perf_counter()
    warm = 0
    while time.perf_counter() - start < milliseconds / 5e3 or warm < 5:
        step()
        warm += 1
    each = max(1, int(milliseconds / 1e3 / ((time.perf_counter() - start) / warm) / BLOCKS))
    blocks = []
    for _ in range(BLOCKS):
        start = time.perf_counter()
        for _ in range(each):
            step()
        blocks.append((time.perf_counter() - start) / each * 1e6)
    return statistics.median(blocks), min(blocks)


def serve(threads):
    """The process that runs PyTorch: for each line "NET MILLISECONDS" it answers with a line of JSON."""
    import torch
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    steps = {name: stepper(*net) for name, net in networks().items()}
    print(json.dumps(torch.__version__), flush=True)
    for line in sys.stdin:
        name, milliseconds = line.split()
        print(json.dumps(time_steps(steps[name], float(milliseconds))), flush=True)


class Peer:
    """PyTorch on so many threads, in a process of its own."""

    def __init__(self, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve", str(threads)], env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = json.loads(self.process.stdout.readline())

    def time(self, name, milliseconds):
        self.process.stdin.write(f"{name} {milliseconds}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def time_tenet(program, name, threads, milliseconds):
    output = subprocess.run([program, name, str(threads), str(milliseconds)], check=True, capture_output=True, text=True).stdout
    result = json.loads(output)
    return result["microseconds"], result["best"]


def measure(options):
    """(net, threads, who) -> a (median, least) for each round; and PyTorch's version."""
    peers = {threads: Peer(threads) for threads in (1, 2)}
    times = {}
    for number in range(options.rounds):
        for name in TARGETS:
            for threads, peer in peers.items():
                times.setdefault((name, threads, "torch"), []).append(peer.time(name, options.milliseconds))
                tenet = time_tenet(options.program, name, threads, options.milliseconds)
                times.setdefault((name, threads, "tenet"), []).append(tenet)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    for peer in peers.values():
        peer.close()
    return times, peers[1].version


def report(times, version):
    """Prints the table; the targets that were missed."""
    missed = []
    median = {key: statistics.median(m for m, _ in values) for key, values in times.items()}
    least = {key: min(b for _, b in values) for key, values in times.items()}
    rounds = len(next(iter(times.values())))
    print(f"PyTorch {version}; microseconds a step, median of {rounds} rounds (least of all)\n")
    print("| net | threads | PyTorch | tenet | ratio | to reach |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, target in TARGETS.items():
        for threads in (1, 2):
            theirs, ours = (name, threads, "torch"), (name, threads, "tenet")
            ratio = median[theirs] / median[ours]
            share = median[ours] / median[(name, 1, "tenet")]
            goal = f"{target}" if threads == 1 else f"{TWO_THREADS} of one thread's time; it is {share:.2f}"
            print(f"| {name} | {threads} | {median[theirs]:.1f} ({least[theirs]:.1f}) | {median[ours]:.1f} ({least[ours]:.1f}) "
                  f"| {ratio:.2f} ({least[theirs] / least[ours]:.2f}) | {goal} |")
            if threads == 1 and not ratio >= target:
                missed.append(f"{name}: {ratio:.2f} times PyTorch's speed, to reach {target}")
            if threads == 2 and not share <= TWO_THREADS:
                missed.append(f"{name}: two threads take {share:.2f} of one thread's time, at most {TWO_THREADS}")
    for line in missed:
        print(f"\nmissed: {line}")
    return missed


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default=os.path.join(root, "build", "release", "bench_step"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--milliseconds", type=float, default=300)
    parser.add_argument("--serve", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    sys.exit(1 if report(*measure(options)) else 0)


if __name__ == "__main__":
    main()
