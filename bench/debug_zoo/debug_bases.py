"""Healthy base networks of the debug zoo: every data set with every net that suits it, as hypes.

A base has a name "data/net", a kind (mlp, cnn, rnn, transformer), a task, and the score that it has to reach to count as healthy: `bound` of its data, well under what good networks reach on it, whatever tenet
says of it. To add networks, add a row to TABLES, IMAGES or SEQUENCES, or a net to `table_nets`, `image_nets` or `sequence_nets`; a new kind is one more generator in `bases`. Programs are those of debug_programs.py.
"""
import pathlib

import numpy

from rules_zoo import zoo_data
from rules_zoo.zoo_native import adam, conv, layers, op, sgd

CE, BCE, MSE = "softmax_cross_entropy", "sigmoid_cross_entropy", "mse"
STEPS, BATCH = 2000, 32

# Rows, outputs, whether classes, scale of the inputs and of the targets, bound.
TABLES = {
    "digits": (1797, 10, True, 1 / 16, None, 0.9), "wine": (178, 3, True, "standardize", None, 0.8), "breast_cancer": (569, 2, True, "standardize", None, 0.8),
    "blobs": (2000, 4, True, "none", None, 0.9), "circles": (1500, 2, True, "none", None, 0.9), "spirals": (1800, 3, True, "standardize", None, 0.85),
    "xor": (1600, 2, True, "standardize", None, 0.9), "moons": (1500, 2, True, "standardize", None, 0.9), "checkerboard": (3000, 2, True, "none", None, 0.75),
    "halfspace": (1500, 2, True, "none", None, 0.8), "majority": (3000, 2, True, "none", None, 0.8),
    "friedman1": (2000, 1, False, "standardize", "standardize", 0.8), "friedman2": (2000, 1, False, "standardize", "standardize", 0.9),
    "friedman3": (2500, 1, False, "standardize", "standardize", 0.8), "swiss_roll": (2000, 2, False, "standardize", "standardize", 0.9),
    "sine": (1000, 1, False, "standardize", None, 0.85), "linear": (1500, 1, False, "none", None, 0.9), "several_targets": (2000, 4, False, "none", None, 0.9),
    "prices": (2000, 1, False, "standardize", "standardize", 0.85), "saddle": (1500, 1, False, "none", None, 0.85), "waves": (1500, 1, False, "none", None, 0.9),
    "auto_mpg": (392, 1, False, "standardize", "standardize", 0.75), "diabetes_raw": (442, 1, False, "standardize", "standardize", 0.3),
}
IMAGES = {
    "digit_images": (1797, 10, True, "none", 0.9), "shapes": (1200, 4, True, "none", 0.7), "fashion_small": (1500, 10, True, "none", 0.6), "positions": (1500, 2, False, "none", 0.85),
}


def make_data(folder):
    """The sets of the rules zoo, Fashion-MNIST at half its size, and pictures of one bright spot whose place is the target."""
    folder = zoo_data.make(folder)
    path = folder / "positions.npz"
    if not path.exists():
        rng = numpy.random.default_rng(21)
        row, column = numpy.mgrid[:12, :12]
        places = rng.uniform(2, 10, (1500, 2))
        images = numpy.exp(-((row - places[:, :1, None]) ** 2 + (column - places[:, 1:, None]) ** 2) / 3) + rng.normal(0, 0.05, (1500, 12, 12))
        zoo_data.save(path, images[..., None], (places - 6) / 3)
    if (folder / "fashion.npz").exists() and not (folder / "fashion_small.npz").exists():
        stored = numpy.load(folder / "fashion.npz")
        zoo_data.save(folder / "fashion_small.npz", stored["x"][:1500, ::2, ::2, None], stored["y"][:1500])
    return folder


def epochs(rows, steps=STEPS, batch=BATCH):
    return max(1, round(steps * batch / (0.8 * rows)))


def head(outputs, classes, style):
    """Width and tail of the output, and its loss: two classes come as two logits, one logit or one probability."""
    if not classes:
        return outputs, [], "huber" if style == "huber" else MSE
    if outputs == 2 and style == "logit":
        return 1, [], BCE
    if outputs == 2 and style == "probability":
        return 1, [op("sigmoid")], "binary_cross_entropy"
    return outputs, [op("softmax")] if style == "probability" else [], "categorical_cross_entropy" if style == "probability" else CE


def table_nets(rows, outputs, classes):
    """Nets for tables by name: nodes, loss, solver, initial weights."""
    passes = epochs(rows)

    def net(solver, *hidden, style="", init="glorot_uniform", nodes=None, **more):
        width, tail, loss = head(outputs, classes, style)
        return [*(nodes or []), *layers(*hidden, width, **more), *tail], loss, solver, init

    skip = [op("dense", units=32), op("relu", name="low"), op("dense", units=32), op("relu", name="high"), op("add", **{"from": ["low", "high"]})]
    return {
        "relu": net(adam(0.003, passes), 64),
        "deep": net(adam(0.002, passes), 48, 48, 48, init="he_normal"),
        "tanh": net(sgd(0.05, passes), 32, 32, act="tanh", style="logit"),
        "batchnorm": net(sgd(0.03, passes), 48, 48, before=[op("batch_norm")]),
        "layernorm": net(adam(0.003, passes, BATCH, "adamw", weight_decay=0.01), 48, 48, act="gelu", before=[op("layer_norm")]),
        "elu": net(adam(0.002, passes, BATCH, "rmsprop"), 64, 32, act="elu", style="probability"),
        "dropout": net(adam(0.003, passes), 128, 64, after=[op("dropout", rate=0.1)], style="huber"),
        "adagrad": net(adam(0.05, passes, BATCH, "adagrad"), 64, 32, act="leaky_relu"),
        "residual": net(adam(0.003, passes), nodes=skip),
    }


def image_nets(rows, outputs, classes):
    passes = epochs(rows, 250)
    width, _, loss = head(outputs, classes, "")
    plain = [conv(6), op("relu"), op("max_pool2d"), op("flatten"), *layers(24, width)]
    normal = [conv(4, padding="same"), op("batch_norm"), op("relu"), op("max_pool2d"), conv(8, padding="same"), op("batch_norm"), op("relu"), op("max_pool2d"), op("flatten"), op("dense", units=width)]
    strided = [conv(6, stride=2, padding="same"), op("elu"), conv(8, padding="same"), op("elu"), op("flatten"), op("dense", units=width)]
    smooth = [conv(4, 5, stride=2, padding="same"), op("tanh"), conv(8, padding="same"), op("tanh"), op("flatten"), *layers(32, width, act="tanh")]
    return {
        "cnn": (plain, loss, adam(0.003, passes), "he_normal"), "cnn_batchnorm": (normal, loss, sgd(0.02, passes), "glorot_uniform"),
        "cnn_strided": (strided, loss, adam(0.002, passes, BATCH, "adamw", weight_decay=0.01), "glorot_uniform"), "cnn_tanh": (smooth, loss, sgd(0.03, passes), "glorot_uniform"),
    }


# Made-up tasks for sequences: what the source says, tokens (None: reals), outputs, whether classes, bound.
SEQUENCES = {
    "copy": ({"task": "copy", "samples": 2000, "time": 4, "vocabulary": 6}, 6, 6, True, 0.9),
    "translation": ({"task": "translation", "samples": 2000, "time": 4, "vocabulary": 8}, 8, 8, True, 0.9),
    "adding": ({"task": "adding", "samples": 2000, "time": 8}, None, 1, False, 0.85),
}


def sequence_nets(tokens, outputs):
    """Recurrent nets for all sequences, and a transformer for those of tokens."""
    start = [op("embedding", vocabulary=tokens, units=24)] if tokens else []
    end = [op("dense", units=outputs)] if tokens else [op("last"), op("dense", units=outputs)]
    nets = {cell: [*start, op(cell, units=48), *end] for cell in ("gru", "lstm")}
    if tokens:
        block = [op("layer_norm"), op("attention", heads=4, causal=True, name="mixed"), op("add", name="middle", **{"from": ["start", "mixed"]}),
                 op("layer_norm"), op("dense", units=64), op("gelu"), op("dense", units=24, name="fed"), op("add", **{"from": ["middle", "fed"]})]
        nets["transformer"] = [*start, op("position_embedding"), {"repeat": 2, "block": block}, op("layer_norm"), *end]
    return nets


def bases(data):
    """All of them by name; `data` is the folder of make_data. What is not installed is left out."""
    zoo = {}

    def add(name, kind, classes, bound, source, made):
        nodes, loss, solver, init = made
        zoo[name] = {"kind": kind, "task": "classification" if classes else "regression", "bound": bound,
                     "hypes": {"data": source, "net": nodes, "loss": loss, "init": {"scheme": init}, "solver": solver}}

    for name, (rows, outputs, classes, scale, label, bound) in TABLES.items():
        path = data / f"{name}.npz"
        for net, made in table_nets(rows, outputs, classes).items() if path.exists() else ():
            source = {"train": {"format": "npz", "file": str(path)}, "valid": {"fraction": 0.2}, "input": {"scale": scale}}
            add(f"{name}/{net}", "mlp", classes, bound, {**source, "label": {"scale": label}} if label else source, made)
    for name, (rows, outputs, classes, scale, bound) in IMAGES.items():
        path = data / f"{name}.npz"
        for net, made in image_nets(rows, outputs, classes).items() if path.exists() else ():
            add(f"{name}/{net}", "cnn", classes, bound, {"train": {"format": "npz", "file": str(path)}, "valid": {"fraction": 0.2}, "input": {"scale": scale}, "samples": rows}, made)
    for name, (task, tokens, outputs, classes, bound) in SEQUENCES.items():
        for net, nodes in sequence_nets(tokens, outputs).items():
            add(f"{name}/{net}", "transformer" if net == "transformer" else "rnn", classes, bound, {"train": {"format": "task", **task}, "valid": {"fraction": 0.2}}, (nodes, CE if classes else MSE, adam(0.005, 20), "glorot_uniform"))
    return {name: base for name, base in zoo.items() if "file" not in base["hypes"]["data"]["train"] or pathlib.Path(base["hypes"]["data"]["train"]["file"]).exists()}
