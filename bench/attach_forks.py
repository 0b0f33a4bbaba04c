#!/usr/bin/env python3
"""What an attached debug costs beside its steps: forked trials against trials that are started anew.

A small network on Fashion-MNIST, which reads all its data and imports torch, is given to `tenet lr` (13 trials of 100 steps) once with forks and once with
--no-fork, alternately; the program alone gives the time of one start. Prints Markdown.

Usage: attach_forks.py [--program build/release/tenet] [--repeats N]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FASHION = "/usr/share/datasets/fashion-mnist"

SCRIPT = '''
import gzip, sys
import numpy, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

def read(path, offset):
    with gzip.open(path) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=offset)

folder, steps = sys.argv[1], int(sys.argv[2])
x = torch.tensor(read(folder + "/train-images-idx3-ubyte.gz", 16).reshape(-1, 784)) / 255.0
y = torch.tensor(read(folder + "/train-labels-idx1-ubyte.gz", 8)).long()
loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
torch.manual_seed(1)
model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.CrossEntropyLoss()
done = 0
while done < steps:
    for batch, labels in loader:
        optimizer.zero_grad()
        loss_fn(model(batch), labels).backward()
        optimizer.step()
        done += 1
        if done == steps:
            break
'''


def find_data():
    for folder in (FASHION, "/usr/share/dataset-fashion-mnist"):
        if pathlib.Path(folder, "train-images-idx3-ubyte.gz").exists():
            return folder
    found = subprocess.run(["dpkg", "-L", "dataset-fashion-mnist"], capture_output=True, text=True, check=False).stdout.split()
    for name in found:
        if name.endswith("train-images-idx3-ubyte.gz"):
            return os.path.dirname(name)
    sys.exit("attach_forks: Fashion-MNIST is not installed (Debian's dataset-fashion-mnist)")


def timed(command):
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return time.monotonic() - start, done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    data = find_data()
    times = {"the program alone, 1 step": [], "the program alone, 1,300 steps": [], "tenet lr, forked": [], "tenet lr, started anew": []}
    trials = {}
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "train.py")
        script.write_text(SCRIPT)
        program = ["/usr/bin/python3", str(script), data]
        commands = {
            "the program alone, 1 step": [*program, "1"],
            "the program alone, 1,300 steps": [*program, "1300"],
            "tenet lr, forked": [options.program, "lr", "--json", "--quiet", "--threads", "1", "--", *program, "3000"],
            "tenet lr, started anew": [options.program, "lr", "--json", "--quiet", "--threads", "1", "--no-fork", "--", *program, "3000"],
        }
        for _ in range(options.repeats):
            for name, command in commands.items():
                seconds, done = timed(command)
                if name.startswith("tenet"):
                    report = json.loads(done.stdout)
                    trials[name] = (report["cost"]["trials"], report["cost"]["steps"])
                elif done.returncode != 0:
                    sys.exit(f"attach_forks: {name} failed:\n{done.stderr}")
                times[name].append(seconds)
    start = statistics.median(times["the program alone, 1 step"])
    print("| run | seconds | in starts of the program | trials | steps |\n| --- | --- | --- | --- | --- |")
    for name, values in times.items():
        median = statistics.median(values)
        count, steps = trials.get(name, ("", ""))
        print(f"| {name} | {median:.2f} | {median / start:.1f} | {count} | {steps} |")


if __name__ == "__main__":
    main()
