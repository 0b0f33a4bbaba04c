"""The native half of the healthy zoo: hypes, each with the score above which the network counts as trained well.

A score is tenet's own, on validation samples that training never saw: 0 is the best constant answer, 1 is perfect. Each bound lies well under what the
network reaches, and far above what one that is broken reaches.
"""
import pathlib

FASHION = "/usr/share/datasets/fashion-mnist"
CE, BCE, MSE = "softmax_cross_entropy", "sigmoid_cross_entropy", "mse"


def layers(*widths, act="relu", before=(), after=()):
    """Hidden dense layers with an activation behind each, `before` and `after` it more nodes; then the last layer alone."""
    net = []
    for width in widths[:-1]:
        net += [{"op": "dense", "units": width}, *before, {"op": act}, *after]
    return [*net, {"op": "dense", "units": widths[-1]}]


def conv(filters, kernel=3, **more):
    return {"op": "conv2d", "filters": filters, "kernel": kernel, **more}


def op(kind, **more):
    return {"op": kind, **more}


def residual(filters, number):
    """Two convolutions beside an identity; its input is the node called skip_NUMBER."""
    return [
        conv(filters, padding="same"), op("batch_norm"), op("relu"), conv(filters, padding="same"), op("batch_norm", name=f"inner_{number}"),
        op("add", **{"from": [f"inner_{number}", f"skip_{number}"], "name": f"sum_{number}"}), op("relu", name=f"skip_{number + 1}"),
    ]


def sgd(rate, epochs, batch=32, momentum=0.9, **more):
    return {"opt": "sgd", "learning_rate": rate, "momentum": momentum, "batch_size": batch, "epochs": epochs, **more}


def adam(rate, epochs, batch=32, opt="adam", **more):
    return {"opt": opt, "learning_rate": rate, "batch_size": batch, "epochs": epochs, **more}


def healthy(data):
    """Hypes by name, with the score each has to reach, of those whose data are there; `data` is the folder of zoo_data.make."""

    def table(name, scale="none", **more):
        return {"train": {"format": "npz", "file": str(data / f"{name}.npz")}, "valid": {"fraction": 0.2}, "input": {"scale": scale}, **more}

    def images(samples, scale=1 / 255):
        return {"train": {"format": "idx", "inputs": f"{FASHION}/train-images-idx3-ubyte.gz", "labels": f"{FASHION}/train-labels-idx1-ubyte.gz"},
                "valid": {"fraction": 0.1}, "input": {"scale": scale}, "samples": samples}

    zoo = {}

    def add(name, bound, source, net, loss, solver, **more):
        train = source["train"]
        if not all(pathlib.Path(train[key]).exists() for key in ("file", "inputs") if key in train):
            return
        zoo[name] = {"hypes": {"data": source, "net": net, "loss": loss, "solver": solver, **more}, "bound": bound}

    he, lecun = {"init": "he_normal"}, {"init": "lecun_normal"}
    # Images
    add("fashion-mlp-sgd", 0.75, images(20000), [op("flatten"), *layers(128, 10)], CE, sgd(0.01, 8, 64), **he)
    add("fashion-lenet-adam", 0.68, images(2500), [conv(6, 5, padding="same"), op("relu"), op("max_pool2d"), conv(16, 5), op("relu"), op("max_pool2d"),
                                                    op("flatten"), *layers(120, 84, 10)], CE, adam(0.002, 12, 64))
    add("fashion-resnet", 0.65, images(1500), [conv(8, stride=2, padding="same"), op("batch_norm"), op("relu", name="skip_1"), *residual(8, 1), *residual(8, 2),
                                               op("avg_pool2d", size=7), op("flatten"), op("dense", units=10)], CE, sgd(0.05, 8, decay={"kind": "cosine"}), **he)
    add("fashion-dropout-rmsprop", 0.7, images(10000), [op("flatten"), *layers(256, 128, 10, after=[op("dropout", rate=0.3)])], CE, adam(0.0005, 8, 64, "rmsprop"))
    add("fashion-deep-cosine", 0.7, images(10000), [op("flatten"), *layers(64, 64, 64, 64, 64, 64, 64, 64, 10)], CE,
        adam(0.001, 10, 50, decay={"kind": "cosine"}), **he)
    add("fashion-layernorm-gelu", 0.75, images(10000, "standardize"), [op("flatten"), *layers(128, 64, 10, act="gelu", before=[op("layer_norm")])], CE,
        adam(0.001, 8, 64, "adamw", weight_decay=0.01, warmup=200))
    add("fashion-softmax-regression", 0.7, images(20000), [op("flatten"), op("dense", units=10), op("softmax")], "categorical_cross_entropy", sgd(0.01, 8, 64))
    add("fashion-raw-adagrad", 0.65, images(8000, "standardize"), [op("flatten"), *layers(64, 10, act="sigmoid")], CE, adam(0.02, 10, 64, "adagrad"))
    add("fashion-small-rate", 0.7, images(16000), [op("flatten"), *layers(64, 10)], CE, sgd(0.001, 12, 64), **he)
    add("digits-mlp", 0.88, table("digits", 1 / 16), layers(64, 10), CE, sgd(0.02, 50), **he)
    add("digits-vgg-batchnorm", 0.9, table("digit_images"), [conv(16, padding="same"), op("batch_norm"), op("relu"), conv(16, padding="same"), op("batch_norm"), op("relu"),
                                                             op("max_pool2d"), conv(32, padding="same"), op("batch_norm"), op("relu"), op("max_pool2d"), op("flatten"),
                                                             op("dense", units=10)], CE, sgd(0.02, 15))
    add("digits-selu-deep", 0.85, table("digits", "standardize"), layers(48, 48, 48, 48, 48, 48, 10, act="selu"), CE, sgd(0.005, 60), **lecun)
    add("digits-batchnorm-tanh", 0.88, table("digits", 1 / 16), layers(64, 64, 10, act="tanh", before=[op("batch_norm")]), CE, adam(0.002, 40))
    add("digits-autoencoder", 0.6, table("digits_copied"), layers(48, 16, 48, 64), MSE, adam(0.003, 80))
    add("digits-frozen-features", 0.8, table("digits", 1 / 16), [op("dense", units=256, trainable=False), op("relu"), op("dense", units=10)], CE, sgd(0.02, 50), **he)
    add("shapes-cnn", 0.75, table("shapes", samples=1500), [conv(8), op("leaky_relu"), op("avg_pool2d"), conv(16), op("leaky_relu"), op("max_pool2d"), op("flatten"), *layers(32, 4)],
        CE, adam(0.003, 14), **he)
    # Real tables
    add("iris-full-batch", 0.8, table("iris", "standardize"), [op("dense", units=3)], CE, sgd(0.5, 600, 120))
    add("wine-tiny-batch", 0.85, table("wine", "standardize"), layers(16, 3), CE, sgd(0.005, 40, 2, 0))
    add("breast-cancer-elu", 0.75, table("breast_cancer", "standardize"), [*layers(16, 8, 1, act="elu"), op("sigmoid")], "binary_cross_entropy",
        adam(0.02, 80, 32, "adagrad"))
    add("diabetes-huber", 0.3, table("diabetes_raw", "standardize", label={"scale": "standardize"}), layers(8, 1, act="tanh"), "huber", sgd(0.003, 60, 16, weight_decay=0.03))
    add("auto-mpg-rmsprop", 0.7, table("auto_mpg", "standardize"), layers(64, 64, 1), MSE, adam(0.001, 120, 32, "rmsprop"))
    # Made classes
    add("blobs-batchnorm-adadelta", 0.85, table("blobs"), layers(32, 16, 4, before=[op("batch_norm")]), CE, adam(1.0, 30, 32, "adadelta"))
    add("circles-tanh", 0.85, table("circles"), layers(32, 1, act="tanh"), BCE, sgd(0.1, 80))
    add("spirals-long", 0.9, table("spirals"), layers(64, 64, 3), CE, adam(0.003, 80))
    add("xor-sigmoid", 0.85, table("xor"), layers(8, 1, act="sigmoid"), BCE, adam(0.03, 80))
    add("moons-softplus", 0.85, table("moons"), layers(24, 24, 2, act="softplus"), CE, sgd(0.05, 60, 32, nesterov=True))
    add("checkerboard-step-decay", 0.75, table("checkerboard"), layers(96, 96, 2, act="leaky_relu"), CE,
        adam(0.005, 60, decay={"kind": "step", "factor": 1.5, "after": 20, "every": 5}), **he)
    add("halfspace-logistic", 0.8, table("halfspace"), [op("dense", units=1)], BCE, sgd(0.02, 60))
    add("rare-class", 0.6, table("rare"), layers(24, 1), BCE, adam(0.003, 40))
    add("many-labels", 0.7, table("many_labels"), [*layers(48, 6), op("sigmoid")], MSE, adam(0.003, 40))
    add("majority-hard-sigmoid", 0.8, table("majority"), layers(32, 2, act="hard_sigmoid"), CE, adam(0.01, 40))
    # Made targets
    add("friedman1-standardized", 0.8, table("friedman1", "standardize", label={"scale": "standardize"}), layers(64, 1), MSE, sgd(0.01, 60), **he)
    add("friedman2-raw-labels", 0.8, table("friedman2", "standardize"), layers(64, 32, 1), MSE, adam(0.01, 60))
    add("friedman3-dropout", 0.6, table("friedman3", "standardize"), layers(96, 96, 1, after=[op("dropout", rate=0.1)]), MSE, adam(0.002, 80))
    add("sine-full-batch", 0.85, table("sine"), layers(32, 32, 1, act="tanh"), MSE, adam(0.01, 1500, 800))
    add("linear-regression", 0.95, table("linear"), [op("dense", units=1)], MSE, sgd(0.003, 30))
    add("several-targets-clipped", 0.8, table("several_targets"), layers(64, 64, 4, act="elu"), MSE, sgd(0.05, 60, 32, clip_norm=1, warmup=100))
    add("prices-tiny-epsilon", 0.8, table("prices", "minmax"), layers(48, 1), MSE, adam(1.0, 40, 32, epsilon=1e-16))
    add("saddle-mae", 0.75, table("saddle"), layers(32, 32, 1, act="gelu"), "mae", adam(0.003, 60))
    add("waves-forecast", 0.85, table("waves"), layers(64, 32, 1, act="elu"), "huber", adam(0.001, 60, 32, "adamw", weight_decay=0.001))
    return zoo
