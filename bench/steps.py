#!/usr/bin/python3
"""Training steps of tenet beside those of PyTorch, in turns, on one and two threads.

    bench/steps.py [--program build/release/bench_step] [--rounds 9] [--milliseconds 300] [--net NAME]...

Each round runs every net once in tenet and once in PyTorch, so that a busy machine hits both. A step of tenet is the whole of it: a batch
is gathered from a shuffled set. PyTorch gets its batches ready-made, which favours it. Prints a Markdown table: the median of the rounds,
and the ratio of the medians; products in bfloat16 beside our own float32; and how much memory either takes. Exits with 1 where a target
of the project is missed.

PyTorch runs in a process for each number of threads, which OpenBLAS is told too: Debian's has threads of its own, and takes all processors
whatever torch.set_num_threads says.

Needs Debian's python3-torch.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

# net of bench_step.c: how often tenet has to be as fast as PyTorch on one thread
TARGETS = {"mlp-64-128-10": 8.0, "mlp-784-512-512-10": 2.0, "lenet-5": 2.2, "resnet-8": 2.0, "lstm-2x200": 2.0, "gpt-4x128": 2.0}
BFLOAT16 = {"mlp-784-512-512-10": 2.0, "gpt-4x128": 2.0}  # how often as fast as our own float32
TWO_THREADS = 1.05  # of the time on one thread, at most
SAMPLES = {"resnet-8": 512, "lstm-2x200": 400, "gpt-4x128": 256}  # else 4096, as in nets.c
TOKENS = 65
BLOCKS = 25


def resnet():
    """16, 32 and 64 channels, one block of two convolutions each."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inputs, filters, stride):
            super().__init__()
            self.main = nn.Sequential(nn.Conv2d(inputs, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(),
                                      nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters))
            self.around = nn.Identity() if stride == 1 else nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.main(x) + self.around(x))

    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def lstm():
    from torch import nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm, self.head = nn.Embedding(TOKENS, 200), nn.LSTM(200, 200, 2, batch_first=True), nn.Linear(200, TOKENS)

        def forward(self, x):
            return self.head(self.lstm(self.embed(x))[0]).flatten(0, 1)

    return Model()


def gpt():
    """Four layers, normalised first. Attention as nanoGPT writes it where torch has no fused one: PyTorch's own module is slower."""
    import torch
    from torch import nn
    width, heads, time_steps_of, layers = 128, 4, 128, 4

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.packed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.register_buffer("future", torch.ones(time_steps_of, time_steps_of).triu(1).bool(), persistent=False)

        def forward(self, x):
            q, k, v = (part.view(*x.shape[:2], heads, width // heads).transpose(1, 2) for part in self.packed(x).split(width, dim=2))
            scores = (q @ k.transpose(-2, -1)) * (width // heads) ** -0.5
            shares = scores.masked_fill(self.future, float("-inf")).softmax(dim=-1)
            return self.out((shares @ v).transpose(1, 2).reshape(x.shape))

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.attention, self.second = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            self.fed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            x = x + self.attention(self.first(x))
            return x + self.fed(self.second(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(TOKENS, width), nn.Embedding(time_steps_of, width)
            self.rest = nn.Sequential(*[Layer() for _ in range(layers)], nn.LayerNorm(width), nn.Linear(width, TOKENS))

        def forward(self, x):
            return self.rest(self.tokens(x) + self.places.weight).flatten(0, 1)

    return Model()


def network(name):
    """(batch, shape of a sample, whether that is of tokens, net)"""
    from torch import nn
    if name == "mlp-64-128-10":
        return 32, (64,), False, nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    if name == "mlp-784-512-512-10":
        return 64, (784,), False, nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    if name == "lenet-5":
        return 64, (1, 28, 28), False, nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    if name == "resnet-8":
        return 64, (3, 32, 32), False, resnet()
    return (20, (35,), True, lstm()) if name == "lstm-2x200" else (16, (128,), True, gpt())


def stepper(name):
    """A function that takes one step of PyTorch."""
    import torch
    batch, shape, is_tokens, net = network(name)
    batches = []
    for _ in range(SAMPLES.get(name, 4096) // batch):
        inputs = torch.randint(0, TOKENS, (batch, *shape)) if is_tokens else torch.randn(batch, *shape)
        batches.append((inputs, torch.randint(0, TOKENS, (batch * shape[0],)) if is_tokens else torch.randint(0, 10, (batch,))))
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
    """Microseconds a step, as bench_step takes them: the median over blocks of steps, and the least. Of slow steps there are fewer blocks."""
    start = time.perf_counter()
    warm = 0
    while time.perf_counter() - start < milliseconds / 5e3 or warm < 3:
        step()
        warm += 1
    steps = milliseconds / 1e3 / ((time.perf_counter() - start) / warm)
    each = max(1, int(steps / BLOCKS))
    blocks = []
    for _ in range(min(BLOCKS, max(5, int(steps)))):
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
    print(json.dumps(torch.__version__), flush=True)
    steps = {}
    for line in sys.stdin:
        name, milliseconds = line.split()
        if name not in steps:
            steps[name] = stepper(name)
        print(json.dumps(time_steps(steps[name], float(milliseconds))), flush=True)


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def weigh(name):
    """Prints by how many MB twenty steps of PyTorch on one thread make a process grow that has torch loaded, and how large it is then."""
    import torch
    torch.set_num_threads(1)
    torch.randn(64, 64) @ torch.randn(64, 64)
    before = peak_mb()
    step = stepper(name)
    for _ in range(20):
        step()
    print(json.dumps([peak_mb() - before, peak_mb()]))


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


def run_tenet(program, name, threads, milliseconds, precision="float32"):
    command = [program, name, str(threads), str(milliseconds), precision]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def time_tenet(*arguments):
    result = run_tenet(*arguments)
    return result["microseconds"], result["best"]


def weigh_both(options):
    """net -> (growth, peak) of PyTorch, and of tenet; each in a process of its own, on one thread."""
    weights = {}
    for name in options.nets:
        theirs = subprocess.run([sys.executable, os.path.abspath(__file__), "--weigh", name], check=True, capture_output=True, text=True,
                                env=dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
        ours = run_tenet(options.program, name, 1, options.milliseconds)
        weights[name] = (json.loads(theirs.stdout), (ours["grown_mb"], ours["peak_mb"]))
    return weights


def measure(options):
    """(net, threads, who) -> a (median, least) for each round; and PyTorch's version."""
    peers = {threads: Peer(threads) for threads in (1, 2)}
    times = {}
    for number in range(options.rounds):
        for name in options.nets:
            for threads, peer in peers.items():
                times.setdefault((name, threads, "torch"), []).append(peer.time(name, options.milliseconds))
                tenet = time_tenet(options.program, name, threads, options.milliseconds)
                times.setdefault((name, threads, "tenet"), []).append(tenet)
            if name in BFLOAT16:
                rounded = time_tenet(options.program, name, 1, options.milliseconds, "bfloat16")
                times.setdefault((name, 1, "bfloat16"), []).append(rounded)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    for peer in peers.values():
        peer.close()
    return times, peers[1].version


def report_memory(weights):
    """Prints the table; what takes more than PyTorch."""
    missed = []
    print("\nMB that a process grows by for data, network and steps on one thread (and its size then)\n")
    print("| net | PyTorch | tenet | share |")
    print("| --- | --- | --- | --- |")
    for name, (theirs, ours) in weights.items():
        print(f"| {name} | {theirs[0]:.1f} ({theirs[1]:.0f}) | {ours[0]:.1f} ({ours[1]:.0f}) | {ours[0] / theirs[0]:.2f} |")
        if not ours[0] <= theirs[0]:
            missed.append(f"{name}: grows by {ours[0]:.1f} MB, PyTorch by {theirs[0]:.1f}")
    return missed


def report_bfloat16(times):
    """Prints the table; what is not as fast as it was to be."""
    missed = []
    median = {key: statistics.median(m for m, _ in values) for key, values in times.items()}
    print("\nmicroseconds a step on one thread\n")
    print("| net | float32 | bfloat16 | ratio | to reach |")
    print("| --- | --- | --- | --- | --- |")
    for name, target in BFLOAT16.items():
        if (name, 1, "bfloat16") in times:
            plain, rounded = median[name, 1, "tenet"], median[name, 1, "bfloat16"]
            print(f"| {name} | {plain:.1f} | {rounded:.1f} | {plain / rounded:.2f} | {target} |")
            if not plain / rounded >= target:
                missed.append(f"{name}: bfloat16 is {plain / rounded:.2f} times as fast as float32, to reach {target}")
    return missed


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
        for threads in (1, 2) if (name, 1, "tenet") in times else ():
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
    return missed


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default=os.path.join(root, "build", "release", "bench_step"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--milliseconds", type=float, default=300)
    parser.add_argument("--net", dest="nets", action="append", choices=list(TARGETS), help="only this one; may be given again")
    parser.add_argument("--serve", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    parser.add_argument("--weigh", metavar="NET", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.nets = options.nets or list(TARGETS)
    if options.serve:
        serve(options.serve)
    elif options.weigh:
        weigh(options.weigh)
    else:
        weights = weigh_both(options)
        times, version = measure(options)
        missed = report(times, version) + report_bfloat16(times) + report_memory(weights)
        for line in missed:
            print(f"\nmissed: {line}")
        sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
