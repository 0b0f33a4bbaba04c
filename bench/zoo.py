#!/usr/bin/python3
"""The zoo: healthy networks and planted faults, each debugged by tenet, and a table of what it said.

    bench/zoo.py [--program build/release/tenet] [--only WORD] [--seeds N] [--write docs/zoo.md]

Data: Fashion-MNIST of Debian's dataset-fashion-mnist, and tables made here by seed (needs numpy). A fault is one patch of a healthy
network. It counts as found where the first finding is an error whose fix repairs; `right` where its cause is one that the plant allows.
"""

import argparse
import concurrent.futures
import copy
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy

import marked_part

FASHION = "/usr/share/datasets/fashion-mnist"


def save_csv(path, inputs, labels, integer):
    with open(path, "w") as file:
        names = [f"x{i}" for i in range(inputs.shape[1])] + ["y"]
        file.write(",".join(names) + "\n")
        for row, label in zip(inputs, labels):
            tail = str(int(label)) if integer else f"{label:.6g}"
            file.write(",".join(f"{value:.6g}" for value in row) + "," + tail + "\n")


def make_tables(folder):
    """Small data sets as csv files; returns their hypes by name."""
    rng = numpy.random.default_rng(7)
    tables = {}

    def table(name, inputs, labels, integer):
        path = os.path.join(folder, name + ".csv")
        save_csv(path, inputs, labels, integer)
        tables[name] = {"train": {"format": "csv", "file": path, "label": "y", "header": True}}

    centers = rng.normal(0, 3, (4, 8))
    labels = rng.integers(0, 4, 2000)
    table("blobs", centers[labels] + rng.normal(0, 1.5, (2000, 8)), labels, True)
    angle, labels = rng.uniform(0, 2 * numpy.pi, 1500), rng.integers(0, 2, 1500)
    radius = numpy.where(labels == 0, 1.0, 2.0) + rng.normal(0, 0.15, 1500)
    table("circles", numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], 1), labels, True)
    turn, labels = rng.uniform(0.3, 2.2, 1800), rng.integers(0, 3, 1800)
    phase = 2 * numpy.pi * labels / 3 + 2.5 * turn
    table("spirals", numpy.stack([turn * numpy.cos(phase), turn * numpy.sin(phase)], 1) + rng.normal(0, 0.04, (1800, 2)), labels, True)
    inputs = rng.uniform(0, 1, (2000, 10))
    target = 10 * numpy.sin(numpy.pi * inputs[:, 0] * inputs[:, 1]) + 20 * (inputs[:, 2] - 0.5) ** 2 + 10 * inputs[:, 3] + 5 * inputs[:, 4]
    table("friedman", inputs, target + rng.normal(0, 1, 2000), False)
    inputs = rng.uniform(-3, 3, (1000, 1))
    table("sine", inputs, numpy.sin(2 * inputs[:, 0]) + rng.normal(0, 0.1, 1000), False)
    inputs = rng.normal(0, 1, (1500, 20))
    table("linear", inputs, inputs @ rng.normal(0, 1, 20) + rng.normal(0, 0.3, 1500), False)
    labels = (inputs @ rng.normal(0, 1, 20) + rng.normal(0, 0.5, 1500) > 0).astype(int)
    table("binary", inputs, labels, True)
    return tables


def fashion(samples=None, scale=1 / 255):
    data = {
        "train": {"format": "idx", "inputs": f"{FASHION}/train-images-idx3-ubyte.gz", "labels": f"{FASHION}/train-labels-idx1-ubyte.gz"},
        "input": {"scale": scale},
    }
    if samples:
        data["samples"] = samples
    return data


def shuffled_labels(folder):
    """Fashion-MNIST's labels in another order than its images, as a file."""
    path = os.path.join(folder, "shuffled-labels-idx1-ubyte")
    with gzip.open(f"{FASHION}/train-labels-idx1-ubyte.gz") as file:
        content = bytearray(file.read())
    labels = numpy.frombuffer(bytes(content[8:]), dtype=numpy.uint8)
    content[8:] = numpy.random.default_rng(11).permutation(labels).tobytes()
    with open(path, "wb") as file:
        file.write(content)
    return path


def dense(*widths, activation="relu", extra=None):
    """Hidden dense layers with an activation (and `extra` nodes) behind each, then the last without."""
    net = []
    for width in widths[:-1]:
        net += [{"op": "dense", "units": width}, *(extra or []), {"op": activation}]
    return net + [{"op": "dense", "units": widths[-1]}]


LENET = [
    {"op": "conv2d", "filters": 6, "kernel": 5, "padding": "same"}, {"op": "relu"}, {"op": "max_pool2d", "size": 2},
    {"op": "conv2d", "filters": 16, "kernel": 5}, {"op": "relu"}, {"op": "max_pool2d", "size": 2}, {"op": "flatten"},
    {"op": "dense", "units": 120}, {"op": "relu"}, {"op": "dense", "units": 84}, {"op": "relu"}, {"op": "dense", "units": 10},
]
CE, MSE = "softmax_cross_entropy", "mse"
SGD = {"opt": "sgd", "learning_rate": 0.01, "momentum": 0.9, "batch_size": 64, "epochs": 5}
ADAM = {"opt": "adam", "learning_rate": 0.001, "batch_size": 32, "epochs": 30}


def net(data, nodes, loss, solver, **more):
    return {"data": data, "net": nodes, "loss": loss, "solver": solver, **more}


def healthy(tables):
    he = {"init": {"scheme": "he_normal"}}
    small = fashion(5000)
    zoo = {
        "fashion-mlp": net(fashion(), dense(128, 10), CE, SGD),
        "fashion-lenet": net(fashion(), LENET, CE, SGD),
        "fashion-mlp-adam": net(fashion(), dense(256, 128, 10), CE, {**ADAM, "batch_size": 128, "epochs": 5}),
        "fashion-mlp-standardized": net(fashion(scale="standardize"), dense(128, 10), CE, SGD, **he),
        "fashion-mlp-tanh": net(small, dense(64, 64, 10, activation="tanh"), CE, SGD),
        "fashion-mlp-sigmoid": net(small, dense(64, 10, activation="sigmoid"), CE, ADAM),
        "fashion-mlp-dropout": net(fashion(), dense(256, 10, extra=[{"op": "dropout", "rate": 0.5}]), CE, SGD),
        "fashion-mlp-batchnorm": net(small, dense(64, 64, 10, extra=[{"op": "batch_norm"}]), CE, SGD),
        "fashion-mlp-layernorm": net(small, dense(64, 64, 10, extra=[{"op": "layer_norm"}]), CE, ADAM),
        "fashion-deep": net(small, dense(64, 64, 64, 64, 64, 10), CE, ADAM, **he),
        "fashion-softmax-regression": net(fashion(), [{"op": "dense", "units": 10}, {"op": "softmax"}], "categorical_cross_entropy", SGD),
        "fashion-slow-rate": net(fashion(), dense(128, 10), CE, {**SGD, "learning_rate": 0.001, "epochs": 10}),
        "fashion-raw-adam": net(small, dense(128, 10), CE, {**ADAM, "learning_rate": 0.0005}),
        "fashion-gelu-adamw": net(small, dense(64, 64, 10, activation="gelu"), CE, {**ADAM, "opt": "adamw"}),
        "fashion-cnn-small": net(small, [{"op": "conv2d", "filters": 8, "kernel": 3}, {"op": "relu"}, {"op": "max_pool2d", "size": 2}, {"op": "flatten"},
                                         {"op": "dense", "units": 10}], CE, {**ADAM, "epochs": 10}),
        "blobs-mlp": net(tables["blobs"], dense(32, 4), CE, {**SGD, "epochs": 30}),
        "blobs-rmsprop": net(tables["blobs"], dense(16, 16, 4, activation="elu"), CE, {**ADAM, "opt": "rmsprop"}),
        "blobs-adagrad": net(tables["blobs"], dense(32, 4), CE, {**ADAM, "opt": "adagrad", "learning_rate": 0.05}),
        "blobs-cce": net(tables["blobs"], dense(32, 4) + [{"op": "softmax"}], "categorical_cross_entropy", {**ADAM, "learning_rate": 0.003}),
        "circles-mlp": net(tables["circles"], dense(32, 2), CE, {**ADAM, "learning_rate": 0.01}),
        "circles-bce": net(tables["circles"], dense(16, 16, 1) + [{"op": "sigmoid"}], "binary_cross_entropy", {**ADAM, "learning_rate": 0.01}),
        "circles-tanh": net(tables["circles"], dense(32, 1, activation="tanh"), "sigmoid_cross_entropy", {**SGD, "learning_rate": 0.1, "epochs": 60}),
        "spirals-mlp": net(tables["spirals"], dense(64, 64, 3), CE, {**ADAM, "learning_rate": 0.005, "epochs": 60}),
        "friedman-mlp": net(tables["friedman"], dense(64, 64, 1), MSE, {**ADAM, "epochs": 60}),
        "friedman-scaled": net({**tables["friedman"], "label": {"scale": "standardize"}}, dense(64, 1), MSE, {**SGD, "epochs": 60}),
        "friedman-huber": net(tables["friedman"], dense(64, 1, activation="tanh"), "huber", {**ADAM, "learning_rate": 0.005, "epochs": 60}),
        "sine-mlp": net(tables["sine"], dense(64, 64, 1), MSE, {**ADAM, "learning_rate": 0.003, "epochs": 100}),
        "linear-regression": net(tables["linear"], [{"op": "dense", "units": 1}], MSE, {**SGD, "epochs": 30}),
        "binary-logistic": net(tables["binary"], [{"op": "dense", "units": 1}], "sigmoid_cross_entropy", {**SGD, "epochs": 30}),
        "binary-mlp": net(tables["binary"], dense(32, 1) + [{"op": "sigmoid"}], "binary_cross_entropy", ADAM),
    }
    return {name: [name, None, hypes] for name, hypes in zoo.items()}


def set_path(hypes, path, value):
    *parents, last = path.split(".")
    place = hypes
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value


def faulty(twins, shuffled):
    """One patch of a healthy network each: name, twin, patch, causes that name it rightly."""
    zeros, ones = {"scheme": "zeros"}, {"scheme": "constant", "value": 0.5}
    plants = []

    def plant(cause, twin, patch, *also):
        plants.append((f"{cause}/{twin}/{len(plants)}", twin, patch, {cause, *also}))

    for twin, rate in (("fashion-mlp", 1000), ("fashion-lenet", 1000), ("fashion-mlp-adam", 1), ("blobs-mlp", 30), ("friedman-scaled", 10),
                       ("linear-regression", 10), ("circles-bce", 3)):
        plant("lr_too_high", twin, {"solver.learning_rate": rate})
    for twin, rate in (("fashion-mlp", 1e-6), ("fashion-lenet", 1e-6), ("blobs-mlp", 1e-5), ("friedman-mlp", 1e-7), ("sine-mlp", 1e-6),
                       ("spirals-mlp", 1e-6), ("linear-regression", 1e-6)):
        plant("lr_too_low", twin, {"solver.learning_rate": rate})
    for twin, init in (("fashion-mlp", zeros), ("fashion-lenet", zeros), ("blobs-mlp", ones), ("spirals-mlp", zeros), ("friedman-mlp", zeros),
                       ("fashion-deep", {"scheme": "normal", "std": 0.001}), ("fashion-mlp-tanh", {"scheme": "normal", "std": 10})):
        plant("bad_init", twin, {"init": init})
    for twin in ("fashion-mlp", "fashion-lenet", "fashion-mlp-tanh", "blobs-mlp", "friedman-scaled", "circles-tanh", "binary-mlp"):
        plant("unscaled_input", twin, {"data.input": {"scale": 1e4}})
    plant("wrong_output", "fashion-mlp", {"net.3": {"op": "relu"}, "net.4": {"op": "softmax"}, "loss": CE})
    plant("wrong_output", "friedman-mlp", {"append": {"op": "sigmoid"}})
    plant("wrong_output", "friedman-mlp", {"append": {"op": "softmax"}})
    plant("wrong_output", "sine-mlp", {"append": {"op": "relu"}})
    plant("wrong_output", "linear-regression", {"append": {"op": "sigmoid"}})
    plant("wrong_output", "blobs-cce", {"net.3": {"op": "relu"}})
    plant("wrong_output", "circles-bce", {"net.5": {"op": "softmax"}})
    plant("wrong_activation", "fashion-deep", {"hidden": "sigmoid"})
    plant("wrong_activation", "fashion-deep", {"hidden": "exp"}, "nonfinite_op")
    plant("wrong_activation", "spirals-mlp", {"hidden": "softmax"})
    plant("wrong_loss", "blobs-cce", {"loss": "mae"}, "wrong_output")
    plant("wrong_loss", "friedman-mlp", {"loss": "sigmoid_cross_entropy", "solver.metric": "r2"})
    plant("too_few_steps", "fashion-mlp", {"solver.epochs": None, "solver.steps": 5}, "lr_too_low")
    plant("too_few_steps", "spirals-mlp", {"solver.epochs": 1}, "lr_too_low")
    plant("too_few_steps", "friedman-mlp", {"solver.epochs": 1}, "lr_too_low")
    for twin in ("fashion-mlp", "fashion-lenet"):
        plant("misaligned_labels", twin, {"data.train.labels": shuffled})
    for twin in ("fashion-mlp-tanh", "blobs-mlp", "circles-bce", "friedman-mlp", "sine-mlp"):
        plant("misaligned_labels", twin, {"data.shuffle_labels": True})
    return plants


def apply_plant(hypes, patch):
    hypes = copy.deepcopy(hypes)
    for path, value in patch.items():
        if path == "append":
            hypes["net"].append(value)
        elif path == "hidden":
            for node in hypes["net"]:
                if node["op"] in ("relu", "tanh"):
                    node["op"] = value
        elif path.startswith("net.") and int(path[4:]) >= len(hypes["net"]):
            hypes["net"].append(value)
        elif value is None:
            hypes["solver"].pop(path.split(".")[-1], None)
        else:
            set_path(hypes, path, value)
    return hypes


def debug(program, hypes, folder, name, seed):
    path = os.path.join(folder, name.replace("/", "_") + f".{seed}.json")
    with open(path, "w") as file:
        json.dump(hypes, file, indent=1)
    start = time.monotonic()
    done = subprocess.run([program, "debug", path, "--json", "--quiet", "--threads", "1", "--seed", str(seed)], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return {"verdict": f"exit {done.returncode}: {done.stderr.strip()[:150]}", "findings": []}, seconds
    return report, seconds


def judge(case, report):
    name, allowed = case["name"], case["allowed"]
    first = report["findings"][0] if report["findings"] else None
    if allowed is None:
        return "ok" if report["verdict"] == "healthy" else "FALSE ALARM" if report["verdict"] == "faulty" else "not healthy"
    if not first:
        return "missed"
    if not first["confirmed"]:
        return "suspected" if first["cause"] in allowed else "suspected other"
    return "right" if first["cause"] in allowed else "other cause"


def bound(counts):
    """The rule of three: what no false alarm among n says of the rate, with 95 % confidence."""
    quiet, alarms = counts.get("ok", 0), counts.get("FALSE ALARM", 0)
    if alarms or not quiet:
        return ""
    return f"\nNo false alarm on {quiet} healthy networks: with 95 % confidence at most {300 / quiet:.0f} % of such networks raise one.\n"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", default="build/release/tenet")
    options.add_argument("--only", default="")
    options.add_argument("--exact", action="append", default=[], help="this network alone; may be repeated")
    options.add_argument("--skip", default="-", help="leave out names that hold this word")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--write", help="put the table between its marks in this Markdown file")
    options.add_argument("--folder")
    options = options.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="tenet-zoo-")
    os.makedirs(folder, exist_ok=True)
    twins = healthy(make_tables(folder))
    cases = [{"name": name, "allowed": None, "hypes": entry[2]} for name, entry in twins.items()]
    cases += [{"name": name, "allowed": allowed, "hypes": apply_plant(twins[twin][2], patch)} for name, twin, patch, allowed in faulty(twins, shuffled_labels(folder))]
    cases = [{**case, "seed": seed} for case in cases if options.only in case["name"] or (options.only == "healthy" and case["allowed"] is None)
             for seed in range(1, options.seeds + 1)]
    cases = [case for case in cases if not options.exact or case["name"] in options.exact]
    cases = [case for case in cases if options.skip == "-" or options.skip not in case["name"]]

    def run(case):
        report, seconds = debug(options.program, case["hypes"], folder, case["name"], case["seed"])
        first = report["findings"][0] if report["findings"] else {}
        score = report.get("score")
        return (case["name"], case["seed"], judge(case, report), report["verdict"], first.get("cause", ""), (first.get("fix") or {}).get("text", "")[:70],
                f"{score:.2f}" if score is not None else "", report.get("cost", {}).get("steps", ""), f"{seconds:.1f}")

    lines = ["| network | seed | judged | verdict | first finding | fix | score | steps | seconds |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    counts = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for row in pool.map(run, cases):
            lines.append("| " + " | ".join(str(value) for value in row) + " |")
            print(lines[-1], flush=True)
            counts[row[2]] = counts.get(row[2], 0) + 1
    summary = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(summary)
    if options.write:
        marked_part.write(options.write, "zoo.py", "\n".join(lines) + "\n\n" + summary + "\n" + bound(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
