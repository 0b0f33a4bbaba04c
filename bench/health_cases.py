#!/usr/bin/python3
"""What `tenet health` says of networks whose health is known, as Markdown tables: bench/health_cases.py [--cache FOLDER] [--language-models FOLDER] [--only reference|fresh|trained].

- reference: the networks of the reference themselves, judged by all of them and, for each, by the others alone (a program linked with a reference that leaves it out). Needs the packages: see
  tools/make_health_reference.py, whose --cache it shares.
- fresh: networks as PyTorch makes and as common initialisers fill them (needs python3-torch).
- trained: networks of tenet's engine on Fashion-MNIST (dataset-fashion-mnist) at their good rate, and at ten times that: the good rate is, of a ladder of factors of three, the one with the best score; of scores within
  0.01 of it, the highest rate.
  The trained ones also with all weights multiplied by 100.
"""
import argparse
import collections
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import make_health_reference as reference  # noqa: E402

DATA = "/usr/share/datasets/fashion-mnist/train-"
DENSE = lambda units: {"op": "dense", "units": units}
RELU, POOL, NORM = {"op": "relu"}, {"op": "max_pool2d", "size": 2, "stride": 2}, {"op": "batch_norm"}
CONV = lambda filters: {"op": "conv2d", "filters": filters, "kernel": 3, "stride": 1, "padding": "same"}
NETS = {
    "mlp-128, sgd": ("sgd", [{"op": "flatten"}, DENSE(128), RELU, DENSE(10)]),
    "mlp-128-64, sgd": ("sgd", [{"op": "flatten"}, DENSE(128), RELU, DENSE(64), RELU, DENSE(10)]),
    "mlp-128-64, adam": ("adam", [{"op": "flatten"}, DENSE(128), RELU, DENSE(64), RELU, DENSE(10)]),
    "cnn-8-16, sgd": ("sgd", [CONV(8), RELU, POOL, CONV(16), RELU, POOL, {"op": "flatten"}, DENSE(64), RELU, DENSE(10)]),
    "cnn-8-16, batch norm, adam": ("adam", [CONV(8), NORM, RELU, POOL, CONV(16), NORM, RELU, POOL, {"op": "flatten"}, DENSE(10)]),
}
RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]


def verdict(program, path):
    document = reference.measure(program, path)
    return document["verdict"], document["tally"]


# ---- the reference ----


def link_without(name, options, folder):
    """A program whose reference leaves one network out: one object is compiled anew and linked before the archives."""
    build = pathlib.Path(options.tenet).resolve().parent
    place = folder / name
    (place / "weights").mkdir(parents=True)
    made = [row for row in reference.prepare(options) if row[0] != name]
    documents = {row[0]: measured(options, row[3]) for row in made}
    reference.write_table(place / "weights/health_reference.def", documents, [row[:3] for row in made])
    source = (ROOT / "src/weights/health_reference.c").read_text()
    (place / "health_reference.c").write_text(source)
    subprocess.run(["cc", "-std=gnu17", "-O1", "-D_GNU_SOURCE", f"-I{place}", f"-I{ROOT}/src", f"-I{ROOT}/include", "-c", str(place / "health_reference.c"), "-o", str(place / "reference.o")], check=True)
    command = subprocess.run(["ninja", "-C", str(build), "-t", "commands", "tenet"], check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    command = command.split("&&")[1].strip() if command.startswith(":") else command
    words = command.split()
    words[words.index("-o") + 1] = str(place / "tenet")
    words.insert(words.index("-o"), str(place / "reference.o"))
    subprocess.run(words, check=True, cwd=build)
    return str(place / "tenet")


MEASURED = {}


def measured(options, path):
    if path not in MEASURED:
        MEASURED[path] = reference.measure(options.tenet, path)
    return json.loads(json.dumps(MEASURED[path]))


def reference_cases(options, folder):
    print("\n| network | weight tensors | by all | strain | left out: verdict | outside | strain |\n| --- | --- | --- | --- | --- | --- | --- |")
    count = collections.Counter()
    for name, _, _, path in reference.prepare(options):
        found, tally = verdict(options.tenet, path)
        alone, other = verdict(link_without(name, options, folder), path)
        count["all " + found] += 1
        count["left out " + alone] += 1
        print(f"| {name} | {tally['judged'] + tally['unjudged']} | {found} | {tally['strain']:.1f} | {alone} | {other['outside']} of {other['judged']} | {other['strain']:.1f} |", flush=True)
    print("\n" + ", ".join(f"{key}: {value}" for key, value in sorted(count.items())))


# ---- fresh ----


def fresh_networks(torch):
    nn = torch.nn
    fills = {
        "PyTorch's default": None,
        "He normal": lambda p: nn.init.kaiming_normal_(p, nonlinearity="relu"),
        "He uniform": lambda p: nn.init.kaiming_uniform_(p, nonlinearity="relu"),
        "Glorot normal": nn.init.xavier_normal_,
        "Glorot uniform": nn.init.xavier_uniform_,
        "LeCun normal": lambda p: nn.init.kaiming_normal_(p, nonlinearity="linear"),
        "orthogonal": nn.init.orthogonal_,
        "normal 0.02": lambda p: nn.init.normal_(p, std=0.02),
        "cut normal 0.02": lambda p: nn.init.trunc_normal_(p, std=0.02, a=-0.04, b=0.04),
    }
    nets = {
        "MLP": lambda: nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)),
        "CNN": lambda: nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 10)),
        "LSTM": lambda: nn.ModuleDict({"embedding": nn.Embedding(500, 64), "lstm": nn.LSTM(64, 96, 2), "decoder": nn.Linear(96, 500)}),
        "GRU": lambda: nn.ModuleDict({"embedding": nn.Embedding(500, 64), "gru": nn.GRU(64, 96), "decoder": nn.Linear(96, 20)}),
        "transformer": lambda: nn.ModuleDict({"embedding": nn.Embedding(500, 64), "encoder": nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256), 2), "head": nn.Linear(64, 500)}),
    }
    for net_name, make in nets.items():
        for fill_name, fill in fills.items():
            for seed in range(3):
                torch.manual_seed(seed)
                net = make()
                for name, parameter in net.named_parameters():
                    if fill and parameter.dim() > 1:
                        fill(parameter.data)
                    elif fill and "bias" in name:
                        nn.init.zeros_(parameter.data)
                yield net_name, fill_name, {name: value.numpy().astype(numpy.float32) for name, value in net.state_dict().items() if value.is_floating_point()}


def fresh_cases(options, folder):
    import torch
    found = collections.defaultdict(collections.Counter)
    fills = []
    for net, fill, arrays in fresh_networks(torch):
        reference.write_safetensors(folder / "fresh.safetensors", arrays)
        found[net][fill, verdict(options.tenet, folder / "fresh.safetensors")[0]] += 1
        if fill not in fills:
            fills.append(fill)
    print("\n| fresh, 3 seeds each | " + " | ".join(fills) + " |\n| --- |" + " --- |" * len(fills))
    for net, counts in found.items():
        print(f"| {net} | " + " | ".join(", ".join(f"{n} {v}" for (f, v), n in counts.items() if f == fill) for fill in fills) + " |")


# ---- trained by tenet ----


def train(options, folder, name, rate, seed, epochs):
    optimizer, net = NETS[name]
    hypes = {"data": {"train": {"format": "idx", "inputs": DATA + "images-idx3-ubyte.gz", "labels": DATA + "labels-idx1-ubyte.gz"}, "valid": {"fraction": 0.1}, "input": {"scale": "standardize"},
                      "samples": options.samples},
             "net": net, "loss": "softmax_cross_entropy", "init": {"scheme": "he_normal"},
             "solver": {"opt": optimizer, "learning_rate": rate, "batch_size": 64, "epochs": epochs, "seed": seed, **({"momentum": 0.9} if optimizer == "sgd" else {})}}
    (folder / "net.json").write_text(json.dumps(hypes))
    path = folder / f"{name.replace(', ', '_').replace(' ', '_')}_{rate:g}_{seed}.safetensors"
    made = subprocess.run([options.tenet, "train", "-q", "--json", "--weights", str(path), str(folder / "net.json")], capture_output=True, check=False)
    score = json.loads(made.stdout)["score"] if made.stdout else None
    return path, score if score is not None else math.nan


def good_rate(options, folder, name):
    scores = {rate: train(options, folder, name, rate, 1, 1)[1] for rate in RATES}
    best = max(score for score in scores.values() if not math.isnan(score))
    return max(rate for rate, score in scores.items() if score >= best - 0.01)


def explode(path):
    network = reference.read_safetensors(path)
    other = path.with_suffix(".exploded.safetensors")
    reference.write_safetensors(other, {name: array * (100 if array.ndim > 1 else 1) for name, array in network.items()})
    return other


def trained_cases(options, folder):
    print("\n| net | good rate | seeds: verdict (score) | ten times: verdict (score) | weights times 100 |\n| --- | --- | --- | --- | --- |")
    for name in NETS:
        rate, cells = good_rate(options, folder, name), [[], [], []]
        for seed in range(1, options.seeds + 1):
            path, score = train(options, folder, name, rate, seed, options.epochs)
            cells[0].append(f"{verdict(options.tenet, path)[0]} ({score:.2f})")
            cells[2].append(verdict(options.tenet, explode(path))[0])
            path, score = train(options, folder, name, 10 * rate, seed, options.epochs)
            cells[1].append(f"{verdict(options.tenet, path)[0]} ({score:.2f})")
        print(f"| {name} | {rate:g} | " + " | ".join(", ".join(cell) for cell in cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description="What tenet health says of networks whose health is known.")
    parser.add_argument("--tenet", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--cache", type=pathlib.Path)
    parser.add_argument("--language-models", type=pathlib.Path)
    parser.add_argument("--only", choices=["reference", "fresh", "trained"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=20000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        options.cache = options.cache or folder / "cache"
        options.cache.mkdir(exist_ok=True)
        for name, cases in (("fresh", fresh_cases), ("reference", reference_cases), ("trained", trained_cases)):
            if options.only in (None, name):
                cases(options, folder)


if __name__ == "__main__":
    main()
