"""Native faults of the debug zoo: each cause of the catalogue that a hypes file can have, planted in base networks of different kinds.

A row of `plants` is a cause, the bases, an edit of their hypes, and the causes that are as right, since the change that they name undoes the same fault. Data are spoiled in copies. A fault in a
framework's program is one of debug_programs.py.
"""
import copy
import pathlib

import numpy

from debug_zoo import debug_bases
from rules_zoo.zoo_faults import leaked_label, leaked_target, missing_value, spoiling
from rules_zoo.zoo_native import op

HIDDEN = ("relu", "tanh", "elu", "gelu", "leaky_relu", "sigmoid", "selu")
# These do not show in the score of the training as given, or even raise it.
SILENT = {"leaky_feature", "constant_feature", "class_imbalance", "label_noise", "faulty_layer"}
# Layers with a planted mistake, as the tests' build makes them; left out where it has not.
PLUGINS = pathlib.Path(__file__).resolve().parents[2] / "build/release/plugins"
# These are findings only where the score is below 0.5, else advice (docs/design.md).
GRADUAL = {"lr_too_low", "too_few_steps", "no_decay", "overfitting", "batch_size", "wrong_optimizer"}


def with_solver(**keys):
    """Other keys of the solver; steps in place of epochs; a factor of the rate as `rate`."""
    def edit(hypes):
        solver = hypes["solver"]
        solver["learning_rate"] *= keys.get("rate", 1)
        solver.update({key: value for key, value in keys.items() if key != "rate"})
        if "steps" in keys:
            solver.pop("epochs", None)
    return edit


def with_keys(**keys):
    return lambda hypes: hypes.update(copy.deepcopy(keys))


def with_data(**keys):
    return lambda hypes: hypes["data"].update(copy.deepcopy(keys))


def hidden(kind):
    """Every hidden activation becomes `kind`; None: is left out."""
    def edit(hypes):
        last = max(index for index, node in enumerate(hypes["net"]) if node["op"] in ("dense", "conv2d"))
        nodes = [{**node, "op": kind} if node["op"] in HIDDEN and index < last else node for index, node in enumerate(hypes["net"])]
        hypes["net"] = [node for node in nodes if node["op"]]
    return edit


def append(*nodes):
    return lambda hypes: hypes["net"].extend(copy.deepcopy(nodes))


def before_output(*nodes):
    """Nodes right before the last layer."""
    def edit(hypes):
        last = max(index for index, node in enumerate(hypes["net"]) if node["op"] == "dense")
        hypes["net"][last:last] = copy.deepcopy(nodes)
    return edit


def first(*nodes):
    return lambda hypes: hypes["net"].insert(0, *copy.deepcopy(nodes))


def frozen(count):
    """All but the last layer, or the first `count`, do not train."""
    def edit(hypes):
        for node in [node for node in hypes["net"] if node["op"] in ("dense", "conv2d")][:count]:
            node["trainable"] = False
    return edit


def deeper(kind, count, width=32):
    """`count` more hidden layers behind the first activation."""
    def edit(hypes):
        place = next(index for index, node in enumerate(hypes["net"]) if node["op"] == "flatten") + 1 if any(node["op"] == "flatten" for node in hypes["net"]) else 0
        hypes["net"][place:place] = [node for _ in range(count) for node in (op("dense", units=width), op(kind))]
    return edit


def narrow(width):
    def edit(hypes):
        layers = [node for node in hypes["net"] if node["op"] in ("dense", "conv2d")]
        for node in layers[:-1]:
            node["units" if node["op"] == "dense" else "filters"] = width
    return edit


def with_ops(wanted, keys):
    def edit(hypes):
        for node in hypes["net"]:
            if node.get("op") in wanted:
                node.update(copy.deepcopy(keys))
    return edit


def with_cells(**keys):
    return with_ops(("rnn", "gru", "lstm"), keys)


def with_embedding(**keys):
    return with_ops(("embedding",), keys)


def both(*edits):
    def edit(hypes):
        for one in edits:
            one(hypes)
    return edit


def sorted_rows(x, y, rng):
    """By class, or by target."""
    order = numpy.argsort(y if y.ndim == 1 else y[:, 0], kind="stable")
    return x[order], y[order]


def noisy_labels(x, y, rng):
    """Three of ten labels are another sample's."""
    rows = rng.choice(len(y), len(y) * 3 // 10, replace=False)
    y[rows] = y[rng.permutation(rows)]
    return x, y


def rare_classes(x, y, rng):
    """Of all classes but the first, one sample in thirty is left."""
    keep = (y == 0) | (rng.random(len(y)) < 1 / 30)
    return x[keep], y[keep]


def constant_columns(x, y, rng):
    """Half of the columns, those that tell least by themselves, are read from a field that never changes."""
    flat = x.reshape(len(x), -1)
    target = y if y.ndim == 1 else y[:, 0]
    worth = [abs(numpy.nan_to_num(numpy.corrcoef(column, target)[0, 1])) if column.std() else 0 for column in flat.T]
    flat[:, numpy.argsort(worth)[: flat.shape[1] // 2]] = 1
    return x, y


def huge_targets(x, y, rng):
    """In a unit ten thousand times smaller."""
    return x, 1e4 * y


def far_outliers(x, y, rng):
    """The targets of three samples are a thousand times too large: a slipped decimal point."""
    y[rng.choice(len(y), 3, replace=False)] *= 1000
    return x, y


def plants(data, folder):
    """(cause, bases, edit, causes that are as right); `folder` gets spoiled copies of data."""
    spoil = spoiling(data, folder)

    def spoiled(change):
        return lambda hypes, base: spoil(base.split("/")[0], change)(hypes)

    def spoiled_at_same_steps(change):
        """Where `change` leaves samples out: as many steps as the base makes, or too few of them would be a second fault."""
        def edit(hypes, base):
            rows = {**debug_bases.TABLES, **debug_bases.IMAGES}[base.split("/")[0]][0]
            solver = hypes["solver"]
            solver["steps"] = round(solver.pop("epochs") * 0.8 * rows / solver["batch_size"])
            spoiled(change)(hypes, base)
        return edit

    raw = with_data(label={"scale": "none"})
    return [
        ("lr_too_high", ["digits/tanh", "blobs/tanh", "friedman1/tanh", "waves/tanh", "spirals/batchnorm", "shapes/cnn_tanh", "positions/cnn_tanh"], with_solver(rate=300), ()),
        ("lr_too_high", ["digits/relu", "moons/deep", "friedman3/residual", "digit_images/cnn"], with_solver(rate=1000), ()),
        ("lr_too_high", ["copy/gru", "translation/transformer", "adding/lstm"], with_solver(rate=600), ()),
        ("lr_too_low", ["copy/lstm", "translation/transformer", "adding/gru"], with_solver(rate=1e-3), ()),
        ("lr_too_low", ["digits/tanh", "spirals/relu", "friedman1/deep", "swiss_roll/elu", "shapes/cnn", "positions/cnn_batchnorm"], with_solver(rate=1e-4), ()),
        ("needs_clipping", ["several_targets/tanh", "waves/relu", "linear/tanh", "sine/deep", "positions/cnn", "positions/cnn_tanh", "saddle/tanh"],
         lambda hypes, base: (spoil(base.split("/")[0], far_outliers)(hypes), hypes["solver"].update(opt="sgd", learning_rate=0.02, momentum=0.9)), ("wrong_loss", "lr_too_high")),
        ("tight_clipping", ["digits/tanh", "friedman1/tanh", "waves/tanh", "blobs/batchnorm", "shapes/cnn_tanh"], with_solver(clip_norm=1e-4), ()),
        ("nonfinite_input", ["digits/relu", "halfspace/tanh", "friedman1/deep", "waves/elu", "auto_mpg/relu"], spoiled(missing_value), ()),
        ("nonfinite_op", ["digits/relu", "moons/tanh", "friedman1/deep", "positions/cnn", "shapes/cnn"], before_output(op("log")), ()),
        ("nonfinite_op", ["blobs/relu", "friedman2/relu"], before_output(op("square"), op("exp")), ("wrong_activation",)),
        ("faulty_layer", ["digits/relu", "blobs/tanh", "friedman1/relu", "waves/deep", "moons/elu", "halfspace/tanh"], before_output({"plugin": str(PLUGINS / "wrong_factor.so")}), ("wrong_gradient",)),
        ("unstable_softmax", ["digits/relu", "blobs/elu", "spirals/elu", "digits/elu", "wine/elu", "shapes/cnn", "blobs/relu", "wine/relu"],
         lambda hypes, base: (hypes["net"].append(op("softmax")) if hypes["net"][-1]["op"] != "softmax" else None,
                              hypes.update(loss={"name": "categorical_cross_entropy", "clip": 0}), hypes["data"].update(input={"scale": 30})), ("unscaled_input", "nonfinite_op")),
        ("bad_init", ["digits/relu", "spirals/deep", "friedman1/relu", "waves/tanh", "shapes/cnn", "positions/cnn"], with_keys(init={"scheme": "zeros"}), ()),
        ("bad_init", ["digits/tanh", "blobs/deep", "friedman2/tanh", "digit_images/cnn_tanh"], with_keys(init={"scheme": "normal", "std": 8}), ()),
        ("bad_init", ["spirals/relu", "sine/relu"], with_keys(init={"scheme": "constant", "value": 0.5}), ()),
        ("bad_init", ["copy/gru", "translation/transformer", "copy/lstm"], with_keys(init={"scheme": "normal", "std": 5}), ()),
        ("bad_init", ["copy/gru", "translation/lstm"], with_cells(recurrent_init={"scheme": "normal", "std": 10}), ()),
        ("unscaled_input", ["digits/tanh", "blobs/tanh", "friedman1/tanh", "waves/deep", "linear/batchnorm", "shapes/cnn_tanh", "positions/cnn_tanh", "moons/elu"], with_data(input={"scale": 3e3}), ()),
        ("unscaled_label", ["friedman1/relu", "waves/deep", "sine/residual", "several_targets/elu", "positions/cnn", "linear/tanh"],
         lambda hypes, base: (spoil(base.split("/")[0], huge_targets)(hypes), raw(hypes)), ()),
        ("misaligned_labels", ["digits/relu", "blobs/elu", "moons/deep", "friedman1/relu", "waves/residual", "shapes/cnn", "positions/cnn"], with_data(shuffle_labels=True), ()),
        ("label_noise", ["digits/relu", "blobs/relu", "digits/batchnorm", "blobs/deep", "spirals/relu", "digit_images/cnn"], spoiled(noisy_labels), ()),
        ("class_imbalance", ["digits/relu", "blobs/tanh", "halfspace/tanh", "majority/relu", "digit_images/cnn", "checkerboard/relu", "checkerboard/deep", "shapes/cnn", "shapes/cnn_batchnorm", "fashion_small/cnn_batchnorm"],
         spoiled_at_same_steps(rare_classes), ()),
        ("constant_feature", ["digits/relu", "halfspace/tanh", "friedman1/relu", "waves/deep", "digit_images/cnn"], spoiled(constant_columns), ()),
        ("leaky_feature", ["halfspace/tanh", "majority/relu", "breast_cancer/deep"], spoiled(leaked_label), ()),
        ("leaky_feature", ["linear/relu", "friedman1/deep"], spoiled(leaked_target), ()),
        ("wrong_loss", ["digits/elu", "blobs/elu", "spirals/elu", "wine/elu"], with_keys(loss="mae"), ("wrong_output",)),
        ("wrong_loss", ["friedman1/relu", "sine/deep", "waves/relu", "positions/cnn"], both(with_keys(loss="sigmoid_cross_entropy"), with_solver(metric="r2")), ("wrong_output",)),
        ("wrong_output", ["digits/tanh", "spirals/relu", "shapes/cnn", "digit_images/cnn_batchnorm"], append(op("relu"), op("softmax")), ("wrong_loss",)),
        ("wrong_output", ["friedman1/relu", "waves/deep", "sine/tanh", "positions/cnn"], append(op("sigmoid")), ()),
        ("wrong_output", ["copy/gru", "copy/lstm", "translation/transformer"], append(op("softmax")), ()),
        ("wrong_output", ["saddle/relu", "linear/deep"], append(op("relu")), ()),
        ("wrong_activation", ["digits/deep", "spirals/deep", "friedman1/deep", "waves/deep", "digit_images/cnn_strided", "shapes/cnn"],
         lambda hypes, base: (hidden("sigmoid")(hypes), deeper("sigmoid", 4)(hypes)), ("too_deep",)),
        ("wrong_activation", ["circles/relu", "spirals/relu", "xor/tanh", "moons/deep", "saddle/relu", "sine/deep"], hidden(None), ()),
        ("too_deep", ["digits/relu", "blobs/tanh", "friedman1/tanh", "waves/relu", "positions/cnn", "shapes/cnn_tanh"], deeper("relu", 40), ("wrong_activation", "bad_init")),
        ("frozen_parameters", ["spirals/deep", "checkerboard/deep", "friedman1/deep", "sine/deep", "positions/cnn", "shapes/cnn", "xor/relu", "swiss_roll/elu", "digit_images/cnn"], frozen(8), ()),
        ("frozen_parameters", ["copy/gru", "translation/lstm"], with_cells(trainable=False), ()),
        ("not_shuffled", ["digits/tanh", "blobs/tanh", "friedman1/tanh", "swiss_roll/tanh", "digit_images/cnn_tanh", "positions/cnn_tanh"],
         lambda hypes, base: (spoil(base.split("/")[0], sorted_rows)(hypes), hypes["solver"].update(shuffle=False)), ()),
        ("too_little_capacity", ["digits/deep", "spirals/deep", "checkerboard/relu", "swiss_roll/deep", "several_targets/relu", "digit_images/cnn", "digits/relu", "swiss_roll/relu", "fashion_small/cnn"], narrow(1), ()),
        ("too_little_capacity", ["copy/gru", "translation/lstm"], both(with_cells(units=2), with_embedding(units=2)), ()),
        ("over_regularized", ["digits/relu", "spirals/deep", "friedman1/relu", "waves/deep", "shapes/cnn"], before_output(op("dropout", rate=0.97)), ()),
        ("over_regularized", ["digits/layernorm", "friedman2/layernorm", "moons/tanh", "positions/cnn_strided"], with_solver(weight_decay=3), ()),
        ("overfitting", ["digits/deep", "friedman1/deep", "checkerboard/relu", "halfspace/deep", "shapes/cnn"],
         both(with_data(samples=60), with_solver(steps=2000)), ()),
        ("overfitting", ["friedman1/relu", "friedman3/relu", "several_targets/relu", "halfspace/deep", "fashion_small/cnn", "shapes/cnn"],
         both(with_data(samples=20), with_solver(steps=2000)), ()),
        ("batch_size", ["digits/tanh", "friedman1/tanh", "blobs/batchnorm", "waves/tanh", "shapes/cnn_batchnorm"], with_solver(batch_size=1, rate=3), ("lr_too_high",)),
        ("batch_size", ["digits/batchnorm", "spirals/relu", "swiss_roll/tanh", "positions/cnn"], with_solver(batch_size=1000, rate=0.1), ("too_few_steps", "lr_too_low")),
        ("too_few_steps", ["digits/tanh", "spirals/relu", "friedman1/relu", "swiss_roll/elu", "positions/cnn", "shapes/cnn"], with_solver(steps=4), ("lr_too_low",)),
        ("no_decay", ["friedman1/tanh", "swiss_roll/tanh", "digits/batchnorm", "positions/cnn_tanh", "moons/tanh", "spirals/tanh", "halfspace/tanh", "circles/tanh", "sine/tanh"], with_solver(rate=5, batch_size=4), ("lr_too_high", "batch_size")),
        ("wrong_optimizer", ["digits/deep", "spirals/deep", "friedman1/deep", "sine/residual", "positions/cnn", "swiss_roll/deep", "friedman3/residual", "digits/tanh", "digit_images/cnn"], with_solver(opt="adadelta", learning_rate=0.001), ("lr_too_low",)),
        ("wrong_schedule", ["digits/tanh", "spirals/relu", "friedman1/deep", "positions/cnn", "copy/gru"], with_solver(warmup=10**9), ("lr_too_low",)),
        ("wrong_schedule", ["blobs/tanh", "waves/relu", "moons/deep"], with_solver(decay={"kind": "step", "factor": 1e5, "after": 0, "every": 1}), ("lr_too_low",)),
    ]


def planted(data, folder, bases):
    """Cases: name, cause, allowed, base, kind, task, hypes."""
    cases = []
    for cause, names, edit, also in plants(data, folder):
        for base in names:
            if base not in bases:
                continue
            hypes = copy.deepcopy(bases[base]["hypes"])
            edit(hypes, base) if edit.__code__.co_argcount == 2 else edit(hypes)
            if not all(pathlib.Path(node["plugin"]).exists() for node in hypes["net"] if "plugin" in node):
                continue
            name = f"{cause}/{base}"
            number = sum(case["name"].rsplit("#", 1)[0] == name for case in cases)
            cases.append({"name": f"{name}#{number + 1}" if number else name, "cause": cause, "allowed": sorted({cause, *also}), "base": base, "kind": bases[base]["kind"],
                          "task": bases[base]["task"], "hypes": hypes})
    return cases
