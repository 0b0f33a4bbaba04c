#!/usr/bin/python3
"""Random search: trials a minute of `tenet search` and of Optuna with PyTorch, on the same net, data, ranges and steps, in one run; and a search that is killed and resumed.

    bench/search_rate.py [--program build/release/tenet] [--trials 1000] [--optuna-trials 40] [--python build/optuna/bin/python3]

The net is an MLP 64-128-10 on scikit-learn's 1,797 digits, 200 steps a trial, batches of 32; searched are the learning rate, the optimizer and the initial scale. Each side uses two processors: tenet two threads,
Optuna (RandomSampler, nothing stored) n_jobs=2 with one thread of PyTorch each. Optuna runs before and after tenet, so that a busy machine hits both. Then a search with a store is
killed (SIGKILL) in its middle and started again: the store must hold each trial once. Prints a Markdown table; exits with 1 where a target of the project is missed.

Optuna comes from PyPI: the first run makes an environment for it in build/optuna, with Debian's PyTorch and scikit-learn (python3-torch, python3-sklearn) underneath.
"""
import argparse
import collections
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATIO_TARGET = 20
STEPS, BATCH = 200, 32

PEER = '''
import sys, time
import numpy as np, optuna, torch
from torch import nn
torch.set_num_threads(1)
optuna.logging.set_verbosity(optuna.logging.WARNING)
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
rows = np.random.RandomState(0).permutation(len(table))
inputs, labels = torch.from_numpy(table[rows, :-1] / 16), torch.from_numpy(table[rows, -1].astype(np.int64))
held = len(rows) // 10
train_x, train_y, valid_x, valid_y = inputs[held:], labels[held:], inputs[:held], labels[:held]

def objective(trial):
    rate = trial.suggest_float("learning_rate", 1e-4, 1, log=True)
    kind = trial.suggest_categorical("opt", ["sgd", "adam"])
    scale = trial.suggest_float("scale", 0.3, 3, log=True)
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.weight *= scale
    optimizer = (torch.optim.SGD if kind == "sgd" else torch.optim.Adam)(net.parameters(), lr=rate)
    loss_of = nn.CrossEntropyLoss()
    step = 0
    while step < STEPS:
        for batch in torch.randperm(len(train_x)).split(BATCH):
            loss = loss_of(net(train_x[batch]), train_y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step == STEPS or not torch.isfinite(loss):
                step = STEPS
                break
    with torch.no_grad():
        return (net(valid_x).argmax(1) == valid_y).float().mean().item()

study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=int(sys.argv[3])))
study.optimize(objective, n_trials=2, n_jobs=2)
start = time.perf_counter()
study.optimize(objective, n_trials=int(sys.argv[2]), n_jobs=2)
print(time.perf_counter() - start, study.best_value)
'''


def write_subject(folder):
    from sklearn.datasets import load_digits

    digits = load_digits()
    lines = [",".join([f"p{i}" for i in range(64)] + ["digit"])]
    lines += [",".join(f"{value:.0f}" for value in row) + f",{label}" for row, label in zip(digits.data, digits.target)]
    (folder / "digits.csv").write_text("\n".join(lines) + "\n")
    (folder / "search.json").write_text(json.dumps({
        "data": {"train": {"format": "csv", "file": "digits.csv", "label": "digit"}, "input": {"scale": 0.0625}, "valid": {"fraction": 0.1}},
        "net": [{"op": "dense", "units": 128}, {"op": "relu"}, {"op": "dense", "units": 10}],
        "loss": "softmax_cross_entropy",
        "solver": {"opt": "sgd", "learning_rate": 0.1, "batch_size": BATCH, "steps": STEPS},
        "search": {"solver.learning_rate": {"log_uniform": [1e-4, 1]}, "solver.opt": {"choice": ["sgd", "adam"]}, "init.scale": {"log_uniform": [0.3, 3]}},
    }))
    return folder / "search.json"


def environment(given):
    python = pathlib.Path(given)
    if not python.exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", str(python.parent.parent)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "optuna"], check=True)
    return str(python)


def peer(python, folder, trials, seed):
    """Seconds for `trials` trials."""
    source = PEER.replace("STEPS", str(STEPS)).replace("BATCH", str(BATCH))
    done = subprocess.run([python, "-c", source, str(folder / "digits.csv"), str(trials), str(seed)], stdout=subprocess.PIPE, universal_newlines=True, check=True)
    return float(done.stdout.split()[0])


def search(options, subject, *more):
    return [options.program, "search", str(subject), "--trials", str(options.trials), "--threads", "2", "--quiet", *more]


def stored(options, store):
    """How often the store holds each trial of the search, by its patch."""
    done = subprocess.run([options.program, "runs", "--store", str(store), "--experiment", "search", "--json"], stdout=subprocess.PIPE, check=True)
    return collections.Counter(json.dumps(run["changes"], sort_keys=True) for run in json.loads(done.stdout)["runs"] if run["end"])


def resumed(options, subject, folder, seconds):
    store = folder / "runs.db"
    running = subprocess.Popen(search(options, subject, "--store", str(store)), stdout=subprocess.DEVNULL)
    time.sleep(seconds / 2)
    running.send_signal(signal.SIGKILL)
    running.wait()
    first = stored(options, store)
    subprocess.run(search(options, subject, "--store", str(store)), stdout=subprocess.DEVNULL, check=False)
    return first, stored(options, store)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--optuna-trials", type=int, default=40)
    parser.add_argument("--python", default=str(ROOT / "build/optuna/bin/python3"))
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())
    python = environment(options.python)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subject = write_subject(folder)
        half = options.optuna_trials // 2
        optuna_seconds = peer(python, folder, half, 1)
        start = time.perf_counter()
        done = subprocess.run(search(options, subject, "--json"), stdout=subprocess.PIPE, check=False)
        seconds = time.perf_counter() - start
        optuna_seconds += peer(python, folder, half, 2)
        first, last = resumed(options, subject, folder, seconds)
        report = json.loads(done.stdout)
        rate, peer_rate = 60 * options.trials / seconds, 60 * 2 * half / optuna_seconds
        twice = sum(count - 1 for count in last.values())
        print("| | trials | seconds | trials a minute | ratio | to reach |\n| --- | ---: | ---: | ---: | ---: | ---: |")
        print(f"| tenet search | {options.trials} | {seconds:.1f} | {rate:,.0f} | {rate / peer_rate:.1f} | {RATIO_TARGET} |")
        print(f"| Optuna with PyTorch | {2 * half} | {optuna_seconds:.1f} | {peer_rate:,.0f} | 1 | |")
        print(f"\n{report['experiments'][0]['summary']}\n")
        print(f"Killed after {seconds / 2:.1f} s with {sum(first.values())} trials in the store, and started again: {len(last)} of {options.trials} trials, {twice} of them twice.")
        return 0 if rate / peer_rate >= RATIO_TARGET and len(last) == options.trials and twice == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
