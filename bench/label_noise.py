#!/usr/bin/python3
"""Planted label noise: how much of it `tenet batch` finds, and what it says of clean data.

    bench/label_noise.py [--program build/release/tenet] [--only WORD] [--seeds N] [--markdown FILE]

Data: Fashion-MNIST of Debian's dataset-fashion-mnist, and tables made here by seed (needs numpy). A share of the labels is replaced: by any other class
("any"), or by the next one ("next": two classes are mixed up). Precision and recall count the suspects that the network doubts among the
samples examined; found means a confirmed finding label_noise.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

import numpy

FASHION = "/usr/share/datasets/fashion-mnist"
SHARES = (0, 0.05, 0.1, 0.2, 0.3, 0.4)


def read_idx(path, skip):
    with gzip.open(path) as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=skip)


def tables():
    """Inputs and labels by name, free of wrong labels."""
    rng = numpy.random.default_rng(7)
    made = {}
    centers, labels = rng.normal(0, 3, (4, 8)), rng.integers(0, 4, 2000)
    made["blobs"] = (centers[labels] + rng.normal(0, 1.5, (2000, 8)), labels)
    turn, labels = rng.uniform(0.3, 2.2, 1800), rng.integers(0, 3, 1800)
    phase = 2 * numpy.pi * labels / 3 + 2.5 * turn
    made["spirals"] = (numpy.stack([turn * numpy.cos(phase), turn * numpy.sin(phase)], 1) + rng.normal(0, 0.04, (1800, 2)), labels)
    labels = rng.integers(0, 2, 1500)
    made["overlapping"] = (rng.normal(0, 1, (1500, 6)) + 0.7 * labels[:, None], labels)
    labels = rng.integers(0, 2, 3000)
    made["overlapping-more"] = (rng.normal(0, 1, (3000, 6)) + 0.45 * labels[:, None], labels)
    centers, labels = rng.normal(0, 1.3, (5, 3)), rng.integers(0, 5, 3000)
    made["overlapping-five"] = (centers[labels] + rng.normal(0, 0.8, (3000, 3)), labels)
    inputs = rng.normal(0, 1, (3000, 20))
    made["hyperplanes"] = (inputs, (inputs[:, 0] > 0) + 2 * (inputs[:, 1] + inputs[:, 2] > 0))
    images = read_idx(os.path.join(FASHION, "train-images-idx3-ubyte.gz"), 16).reshape(-1, 28, 28)
    labels = read_idx(os.path.join(FASHION, "train-labels-idx1-ubyte.gz"), 8)
    made["fashion"] = (images[:6000], labels[:6000].astype(int))
    return made


def network(name, classes):
    """The hypes of a network that trains well on clean data of this kind."""
    if name == "fashion-cnn":
        net = [{"op": "conv2d", "filters": 8, "kernel": 3}, "relu", {"op": "max_pool2d"}, "flatten", {"op": "dense", "units": 64}, "relu"]
    elif name == "fashion":
        net = ["flatten", {"op": "dense", "units": 128}, "relu"]
    else:
        net = [{"op": "dense", "units": 64}, "relu", {"op": "dense", "units": 64}, "relu"]
    net = [{"op": node} if isinstance(node, str) else node for node in net] + [{"op": "dense", "units": classes}]
    return {"net": net, "loss": "softmax_cross_entropy", "solver": {"opt": "adam", "learning_rate": 0.002, "batch_size": 32, "epochs": 20, "seed": 1}}


def plant(labels, classes, share, kind, seed):
    """Labels with a share of them wrong, and which."""
    rng = numpy.random.default_rng(100 + seed)
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    shift = rng.integers(1, classes, len(wrong)) if kind == "any" else 1
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + shift) % classes
    return noisy, set(int(row) for row in wrong)


def ask(program, folder, name, inputs, labels):
    """The report of one `tenet batch`."""
    path = os.path.join(folder, "data.npz")
    numpy.savez(path, x=inputs.astype(numpy.float32 if inputs.dtype != numpy.uint8 else numpy.uint8), y=labels.astype(numpy.int64))
    hypes = network(name, int(labels.max()) + 1)
    hypes["data"] = {"train": {"format": "npz", "file": "data.npz"}, "input": {"scale": "standardize" if inputs.dtype != numpy.uint8 else 1 / 255}}
    file = os.path.join(folder, "net.json")
    with open(file, "w") as out:
        json.dump(hypes, out)
    run = subprocess.run([program, "batch", file, "--json", "--quiet"], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1, 4):
        sys.exit(f"{name}: {run.stderr}")
    return json.loads(run.stdout)


def measure(report, wrong):
    """What the report says, against what was planted."""
    result = report["experiments"][0]["result"]
    suspects = [entry for entry in result.get("suspects", [])]

    def rates(rows):
        hits = len(rows & wrong)
        examined_share = result.get("examined", 0) / max(1, report["subject"]["samples"])
        expected = max(1e-9, len(wrong) * report["subject"]["samples"] / total(report) * examined_share)
        return hits / max(1, len(rows)), min(1, hits / expected) if wrong else float("nan")

    by_network = {entry["row"] for entry in suspects if "network" in entry["by"]}
    both = {entry["row"] for entry in suspects if len(entry["by"]) == 2}
    confirmed = any(finding["cause"] == "label_noise" and finding["confirmed"] for finding in report["findings"])
    effect = next((finding["fix"]["effect"] for finding in report["findings"] if finding["cause"] == "label_noise"), None)
    text = [entry["text"] for entry in report["experiments"][0]["evidence"] if "nobody doubts" in entry["text"]]
    return {"share": len(by_network) / max(1, result.get("examined", 1)), "network": rates(by_network), "both": rates(both),
            "confirmed": confirmed, "effect": effect, "text": text[0] if text else report["experiments"][0]["summary"],
            "seconds": report["cost"]["seconds"], "findings": [finding["cause"] for finding in report["findings"]]}


def total(report):
    """Rows of the file: training and held-out samples."""
    return report["subject"]["samples"] + (report["subject"]["probe_samples"] if report["subject"]["probe_samples"] < report["subject"]["samples"] else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/tenet")
    parser.add_argument("--only", default="", help="names that contain this word")
    parser.add_argument("--seeds", type=int, default=1, help="draws of the noise")
    parser.add_argument("--shares", default="", help="comma separated, in place of the usual ones")
    parser.add_argument("--markdown", help="write the table to this file")
    options = parser.parse_args()
    data = tables()
    data["fashion-cnn"] = data["fashion"]
    shares = [float(share) for share in options.shares.split(",")] if options.shares else SHARES
    lines = ["| data | wrong labels | suspected | precision | recall | both judges: precision | recall | score without, with | confirmed | s |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        for name, (inputs, labels) in data.items():
            for share in shares:
                for kind in ("any", "next") if share and labels.max() > 1 else ("any",):
                    for seed in range(options.seeds):
                        case = f"{name}-{share:g}-{kind}"
                        if options.only not in case:
                            continue
                        noisy, wrong = plant(labels, int(labels.max()) + 1, share, kind, seed)
                        found = measure(ask(options.program, folder, name, inputs, noisy), wrong)
                        print(case, found, file=sys.stderr, flush=True)
                        effect = found["effect"]
                        gain = f"{numpy.mean(effect['after']):.2f}, {numpy.mean(effect['before']):.2f}" if effect else "-"
                        cells = [name, f"{share:.0%} {kind}" if share else "none", f"{found['share']:.1%}"]
                        cells += [f"{value:.2f}" for pair in ("network", "both") for value in found[pair]]
                        lines.append("| " + " | ".join(cells + [gain, "yes" if found["confirmed"] else "no", f"{found['seconds']:.0f}"]) + " |")
    table = "\n".join(lines)
    print(table)
    if options.markdown:
        with open(options.markdown, "w") as out:
            out.write(table + "\n")


if __name__ == "__main__":
    main()
