#!/usr/bin/python3
"""`tenet debug` on the healthy Fashion-MNIST MLP against the same trials in PyTorch, in one run; and how long the example faults take until their cause is confirmed.

    bench/debug_fashion.py [--program build/release/tenet] [--python /usr/bin/python3] [--threads 2] [--no-faults]

The trials are read from the report: of each its learning rate, optimizer, clipping, samples, activation and the steps that it ran. PyTorch makes them twice: one after another in one script that reads the data
once and gathers its batches by one index (the least that one could write), and each as a run of the script of its own, as one tries settings by hand; on one thread and on as many as tenet has, of which
the faster counts. It scores once, at the end; what tenet does
besides (scores on the way, vitals, rules, gradient norms, reading the data) is in tenet's time and not in PyTorch's. Prints Markdown tables; exits with 1 where a target of the project is missed.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HYPES = ROOT / "examples/demo/healthy.json"
SECONDS_TARGET, RATIO_TARGET, CAUSE_TARGET = 20, 10, 10
KNOWN = {"steps", "learning_rate", "samples", "optimizer", "clip_norm", "patch", "seed", "batch_size"}

PEER = '''
import gzip, json, sys, time
import numpy as np, torch
from torch import nn
with open(sys.argv[1]) as file:
    order = json.load(file)
torch.set_num_threads(int(order["threads"]))

def read(path, skip):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=skip)

hypes = order["hypes"]
images = read(hypes["data"]["train"]["inputs"], 16).reshape(-1, 784)
labels = torch.from_numpy(read(hypes["data"]["train"]["labels"], 8).astype(np.int64))
images = torch.from_numpy(images.astype(np.float32)) * hypes["data"]["input"]["scale"]
held = len(images) // 10
train_x, train_y, valid_x, valid_y = images[held:], labels[held:], images[:order["probe"]], labels[:order["probe"]]
solver = hypes["solver"]

def train(trial):
    knobs = trial["knobs"]
    torch.manual_seed(int(knobs.get("seed", solver["seed"])))
    activation = next((value["op"] for path, value in knobs.get("patch", {}).items() if path == "net.2"), "relu")
    net = nn.Sequential(nn.Linear(784, 128), {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh}[activation](), nn.Linear(128, 10))
    for layer in (net[0], net[2]):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    rate, batch = knobs.get("learning_rate", solver["learning_rate"]), int(knobs.get("batch_size", solver["batch_size"]))
    if knobs.get("optimizer") == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=solver["momentum"])
    loss_of, count, step = nn.CrossEntropyLoss(), int(knobs.get("samples", len(train_x))), 0
    while step < trial["steps"]:
        for rows in torch.randperm(count).split(min(batch, count)):
            loss = loss_of(net(train_x[rows]), train_y[rows])
            optimizer.zero_grad()
            loss.backward()
            if "clip_norm" in knobs:
                nn.utils.clip_grad_norm_(net.parameters(), knobs["clip_norm"])
            optimizer.step()
            step += 1
            if step == trial["steps"] or not torch.isfinite(loss):
                break
        else:
            continue
        break
    with torch.no_grad():
        return (net(valid_x).argmax(1) == valid_y).float().mean().item()

start = time.perf_counter()
scores = [train(trial) for trial in order["trials"]]
print(json.dumps({"seconds": time.perf_counter() - start, "scores": scores}))
'''


def run(command):
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    seconds = time.perf_counter() - start
    if not done.stdout.strip():
        sys.exit("%s: exit status %d: %s" % (" ".join(command[:3]), done.returncode, done.stderr.strip()[-500:]))
    return json.loads(done.stdout), seconds


def debug(options, hypes):
    return run([options.program, "debug", "--json", "--quiet", "--threads", str(options.threads), str(hypes)])


def peers(options, report):
    """Seconds of PyTorch for the report's trials: in one script, and each as a run of its own."""
    trials = []
    for experiment in report["experiments"]:
        for trial in experiment["trials"]:
            if set(trial["knobs"]) - KNOWN:
                sys.exit("the script does not know how to turn %s" % ", ".join(sorted(set(trial["knobs"]) - KNOWN)))
            trials.append({"knobs": trial["knobs"], "steps": trial["steps"]})
    with open(HYPES, encoding="utf-8") as file:
        order = {"hypes": json.load(file), "threads": 1, "probe": report["subject"]["probe_samples"], "trials": trials}
    with tempfile.TemporaryDirectory() as folder:
        script, path = pathlib.Path(folder, "trials.py"), pathlib.Path(folder, "order.json")
        script.write_text(PEER, encoding="utf-8")
        together = {}
        for order["threads"] in sorted({1, options.threads}):
            path.write_text(json.dumps(order), encoding="utf-8")
            together[order["threads"]] = run([options.python, str(script), str(path)])[0]["seconds"]
        order["threads"] = min(together, key=together.get)
        apart = 0
        for trial in trials:
            path.write_text(json.dumps(dict(order, trials=[trial])), encoding="utf-8")
            apart += run([options.python, str(script), str(path)])[1]
    return len(trials), sum(trial["steps"] for trial in trials), min(together.values()), apart


def faults(options):
    """Seconds until each example fault of a small net has its first finding confirmed."""
    print("\n| case | first finding | | seconds |\n| --- | --- | --- | --- |")
    quick = known = 0
    for hypes in sorted((ROOT / "examples/faults").glob("*/buggy.json")):
        if hypes.parent.name in ("DC-M-lr", "51118032"):  # convolutional, not small
            continue
        report, seconds = debug(options, hypes)
        first = (report["findings"] or [{}])[0]
        print("| %s | %s | %s | %.1f |" % (hypes.parent.name, first.get("cause", report["verdict"]), "confirmed" if first.get("confirmed") else "", seconds), flush=True)
        known += 1
        quick += bool(first.get("confirmed")) and seconds <= CAUSE_TARGET
    print("\n%d of %d confirmed within %d s." % (quick, known, CAUSE_TARGET))
    return 2 * quick > known


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-faults", action="store_true")
    options = parser.parse_args()
    report, seconds = debug(options, HYPES)
    trials, steps, together, apart = peers(options, report)
    print("| what | trials | steps | seconds | times tenet's |\n| --- | --- | --- | --- | --- |")
    print("| `tenet debug`: %s | %d | %d | %.1f | 1 |" % (report["verdict"], trials, steps, seconds))
    print("| PyTorch, all in one script | %d | %d | %.1f | %.1f |" % (trials, steps, together, together / seconds))
    print("| PyTorch, a run of the script for each | %d | %d | %.1f | %.1f |" % (trials, steps, apart, apart / seconds))
    good = report["verdict"] == "healthy" and seconds <= SECONDS_TARGET and apart >= RATIO_TARGET * seconds
    if not options.no_faults:
        good = faults(options) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
