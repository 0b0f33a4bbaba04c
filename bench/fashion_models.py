#!/usr/bin/python3
"""Trains a model of examples/models on Fashion-MNIST from several seeds, and tells its accuracy on the 10,000 test images.

    bench/fashion_models.py [--program build/release/tenet] [--model fashion_lenet] [--seeds 5] [--folder build/models]

Each run is `tenet train` of the hypes as they stand, on one thread, with the seed given; it never sees the test images. The weights that it writes (in PyTorch's layout) are judged by PyTorch, in a network of torch.nn built
from the hypes, so that neither the engine nor its own scores have a say. Weights that lie in the folder already are judged without training again. Prints a Markdown table.

Exit code 0: the mean reaches what is asked of the model; else 1. Needs what tools/setup.sh bench installs; LeNet takes about two minutes a seed.
"""
import argparse
import gzip
import json
import pathlib
import struct
import subprocess
import sys

import numpy
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
TO_REACH = {"fashion_lenet": 0.900}  # after 10 epochs, mean of the seeds
BATCH = 500


def read_idx(path):
    data = gzip.open(path).read()
    rank = data[3]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(struct.unpack(">%dI" % rank, data[4 : 4 + 4 * rank]))


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, facts in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            first, end = facts["data_offsets"]
            tensors[name] = torch.from_numpy(
                numpy.frombuffer(data[8 + length + first : 8 + length + end], "<f4").reshape(facts["shape"]).copy()
            )
    return tensors


def module_of(node, shape):
    """The module of torch.nn for a node, and the shape [c, h, w] or [features] behind it."""
    op = node["op"]
    if op == "conv2d":
        padding = node["kernel"] // 2 if node.get("padding") == "same" else 0
        lost = node["kernel"] - 1 - 2 * padding
        return nn.Conv2d(shape[0], node["filters"], node["kernel"], padding=padding), [node["filters"], shape[1] - lost, shape[2] - lost]
    if op == "max_pool2d":
        return nn.MaxPool2d(2), [shape[0], shape[1] // 2, shape[2] // 2]
    if op == "flatten":
        return nn.Flatten(), [int(numpy.prod(shape))]
    if op == "dense":
        return nn.Linear(shape[0], node["units"]), [node["units"]]
    if op == "relu":
        return nn.ReLU(), shape
    sys.exit("fashion_models: this script knows no module for the op %s" % op)


def network_of(hypes, weights):
    modules, shape = [], [1, 28, 28]
    for node in hypes["net"]:
        module, shape = module_of(node, shape)
        modules.append(module)
    network = nn.Sequential(*modules)
    network.load_state_dict(read_safetensors(weights))
    return network.eval()


def train(options, hypes_path, seed, weights):
    command = [options.program, "train", str(hypes_path), "--threads", "1", "--quiet", "--watch", "off", "--json", "--seed", str(seed)]
    done = subprocess.run(command + ["--set", "weights.layout=torch", "--weights", str(weights)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("fashion_models: %s\n%s" % (" ".join(command), done.stderr))
    return json.loads(done.stdout)


def accuracy(network, images, labels):
    with torch.no_grad():
        right = [
            (network(images[i : i + BATCH]).argmax(1) == labels[i : i + BATCH]).sum().item() for i in range(0, len(images), BATCH)
        ]
    return sum(right) / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--model", default="fashion_lenet")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/models")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    hypes_path = ROOT / "examples/models" / (options.model + ".json")
    hypes = json.loads(hypes_path.read_text())
    test = hypes["data"]["test"]
    images = torch.from_numpy(read_idx(test["inputs"]).astype(numpy.float32)[:, None] * hypes["data"]["input"]["scale"])
    labels = torch.from_numpy(read_idx(test["labels"]).astype(numpy.int64))
    print("| seed | accuracy on the test images |\n| --- | --- |")
    reached = []
    for seed in range(1, options.seeds + 1):
        weights = options.folder / ("%s_%d.safetensors" % (options.model, seed))
        if not weights.exists():
            train(options, hypes_path, seed, weights)
        reached.append(accuracy(network_of(hypes, weights), images, labels))
        print("| %d | %.4f |" % (seed, reached[-1]), flush=True)
    mean = sum(reached) / len(reached)
    print("| mean | %.4f |" % mean)
    return 0 if mean >= TO_REACH.get(options.model, 0) else 1


if __name__ == "__main__":
    sys.exit(main())
