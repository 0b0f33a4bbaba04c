"""What the first run of a Keras program tells of it: sizes, statistics of data and labels, the losses that mean nothing was learnt, and the network where it is a chain that the hypes
schema has words for."""
import math

import numpy

from . import knob_answers, keras_data, keras_net
from .keras_score import CLASSIFIES, classes_of, loss_name

ROWS_MAX = 10000  # inputs are measured on a fixed choice of so many
STEP_WORK = 5e6  # multiply-adds that a step's own overhead is worth


def statistics(array):
    """Of inputs as the network gets them: over all values, and over features."""
    values = numpy.asarray(array)
    if values.dtype.kind not in "fiub":
        return {}
    rows = values.reshape(len(values), -1).astype(numpy.float64)
    if len(rows) > ROWS_MAX:
        rows = rows[keras_data.chosen(len(rows), ROWS_MAX)]
    finite = numpy.isfinite(rows)
    facts = {"nonfinite_inputs": int((~finite).sum()), "features": int(rows.shape[1])}
    if not finite.all():
        rows = numpy.where(finite, rows, 0.0)
    deviations = rows.std(axis=0)
    varying = deviations[deviations > 0]
    facts.update(input_mean=rows.mean(), input_std=rows.std(), input_min=rows.min(), input_max=rows.max(), constant_features=int((deviations == 0).sum()),
                 input_std_min=varying.min() if len(varying) else None, input_std_max=varying.max() if len(varying) else None)
    return facts


def label_statistics(y):
    values = numpy.asarray(y, dtype=numpy.float64)
    return {"label_min": values.min(), "label_max": values.max(), "label_mean": values.mean(), "label_std": values.std()}


def trivial_loss(name, y, classes):
    """The loss of the best constant output."""
    if name in ("categorical_cross_entropy", "softmax_cross_entropy"):
        shares = numpy.bincount(classes - classes.min()) / len(classes)
        return float(-(shares[shares > 0] * numpy.log(shares[shares > 0])).sum())
    if name in ("binary_cross_entropy", "sigmoid_cross_entropy"):
        share = float(numpy.mean(classes))
        return 0.0 if share in (0.0, 1.0) else -share * math.log(share) - (1 - share) * math.log(1 - share)
    values = numpy.asarray(y, dtype=numpy.float64).reshape(len(y), -1)
    if name == "mse":
        return float(values.var(axis=0).mean())
    if name == "mae":
        return float(numpy.abs(values - numpy.median(values, axis=0)).mean())
    return None


def work_of(model):
    """Multiply-adds of a sample's forward pass: each weight once, a convolution's at every place."""
    work = 0.0
    for layer in model._flatten_layers(include_self=False, recursive=True):
        kernel = getattr(layer, "kernel", None)
        if kernel is None or getattr(layer, "_layers", None):
            continue
        places = 1.0
        if type(layer).__name__.startswith("Conv"):
            try:
                shape = layer.output.shape
                places = float(numpy.prod([side or 1 for side in (shape[1:-1] if layer.data_format == "channels_last" else shape[2:])]))
            except Exception:
                pass  # a layer without a symbolic output: once
        work += float(numpy.prod(kernel.shape)) * places
    return work


class Facts:
    def __init__(self, shared):
        self.shared, self.session = shared, shared.session

    def end(self, _reason):
        if self.session.mode != "look":
            return
        for gather in (self.of_training, self.of_data, self.of_net):
            try:
                gather()
            except Exception as error:
                self.session.failed("the facts of the program", error)

    def of_training(self):
        shared, facts, session = self.shared, self.session.facts, self.session
        model, optimizer = shared.model, shared.optimizer
        facts["places"] = shared.places
        facts["scored"] = bool(shared.score.told)
        if not shared.score.told:
            facts["score_why"] = "the targets of a training step could not be seen; add the line: tenet.score(value)"
        elif not shared.score.seen:
            facts["score_why"] = "from the loss"
        facts["steps_total"] = session.step if getattr(session, "ends_by_itself", True) else 0
        facts["batch_size"] = session.samples // session.step if session.step else 0
        rate = shared.knobs.first_rates.get(id(optimizer)) if optimizer is not None else None
        facts["learning_rate"] = rate
        if model is not None:
            facts["parameters"] = int(model.count_params()) if model.built else 0
            facts["work"] = max(work_of(model), STEP_WORK / max(1, facts["batch_size"]))

    def of_data(self):
        facts, given, model = self.session.facts, self.shared.fitted, self.shared.model
        if given is None or given.x is None:
            return
        rows = keras_data.rows_of(given.x)
        facts["train_samples"] = rows
        size = given.batch_size or facts.get("batch_size")
        if size:
            facts["batch_size"] = int(size)
            facts["steps_per_epoch"] = math.ceil(rows / size)
            if given.epochs:
                facts["steps_total"] = facts["steps_per_epoch"] * int(given.epochs)
        if keras_data.is_array(given.x):
            facts.update(statistics(given.x))
        if given.y is None or not keras_data.is_array(given.y):
            return
        facts.update(label_statistics(given.y))
        name = loss_name(model) if model is not None else None
        width = output_width(model)
        if name in CLASSIFIES:
            classes = classes_of(given.y, width)
            counts = numpy.bincount(classes - classes.min())
            facts.update(task="classification", classes=int((counts > 0).sum()), majority=float(counts.max() / len(classes)), outputs=width)
            facts["expected_loss"] = math.log(2.0 if width == 1 else width)
            facts["trivial_loss"] = trivial_loss(name, given.y, classes)
        elif name is not None:
            facts.update(task="regression", classes=0, outputs=width, trivial_loss=trivial_loss(name, given.y, None))

    def of_net(self):
        facts, model = self.session.facts, self.shared.model
        if model is None:
            return
        net, why = keras_net.describe(model)
        name = loss_name(model)
        facts["loss"] = name
        facts["net"] = net if name is not None else None
        if facts["net"] is None:
            knob_answers.cannot(self.session, "patch", why or "the loss is none that the hypes schema has a word for")
        else:
            knob_answers.can(self.session, "patch")
        facts["solver"] = solver_of(self.shared.optimizer, facts)


def output_width(model):
    shape = getattr(model, "output_shape", None) if getattr(model, "built", False) else None
    return int(shape[-1]) if isinstance(shape, tuple) and shape and shape[-1] else 1


def solver_of(optimizer, facts):
    """The optimizer in the words of the hypes; None where they lack it."""
    words = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop", "Adagrad": "adagrad", "Adadelta": "adadelta"}
    name = words.get(type(optimizer).__name__)
    if name is None or not facts.get("batch_size"):
        return None
    solver = {"opt": name, "learning_rate": facts.get("learning_rate"), "batch_size": facts["batch_size"], "shuffle": True}
    if name == "sgd":
        solver["momentum"] = float(optimizer.momentum)
    if getattr(optimizer, "weight_decay", None):
        solver["weight_decay"] = float(optimizer.weight_decay)
    return solver


def install(shared):
    shared.facts = Facts(shared)
    shared.session.on("end", shared.facts.end)
