"""Samples that a trial of a Keras program shows: what its network is given, and what it makes of it before the first step and after the last."""
import json
import math

import numpy

from . import session as sessions
from .keras_score import CLASSIFIES, classes_of, loss_name

VALUES_MAX = 1 << 20


def loss_of(name, output, label):
    """The loss of one sample, for the losses whose formula is short; null for others, and where it is not finite."""
    output = output.astype(numpy.float64)
    with numpy.errstate(all="ignore"):
        if name in ("softmax_cross_entropy", "categorical_cross_entropy") and 0 <= int(label[0]) < len(output):
            if name == "softmax_cross_entropy":
                value = numpy.log(numpy.exp(output - output.max()).sum()) + output.max() - output[int(label[0])]
            else:
                value = -numpy.log(max(output[int(label[0])] / output.sum(), 1e-7))
        elif name in ("sigmoid_cross_entropy", "binary_cross_entropy") and len(output) == 1:
            share = 1 / (1 + numpy.exp(-output[0])) if name == "sigmoid_cross_entropy" else output[0]
            value = -numpy.log(max(share if label[0] else 1 - share, 1e-7))
        elif name == "mse" and len(output) == len(label):
            value = ((output - label) ** 2).mean()
        elif name == "mae" and len(output) == len(label):
            value = numpy.abs(output - label).mean()
        else:
            value = math.nan
    return float(value)


class Shown:
    def __init__(self, shared, count):
        self.shared, self.count = shared, count
        self.rows = None  # (inputs, labels) of the samples
        self.before = None
        self.last = None  # the model and the state after the last step

    def predict(self, model, state):
        kwargs = {"training": False} if getattr(model, "_call_has_training_arg", False) else {}
        output, _others = model.stateless_call(state[0], state[1], self.rows[0], **kwargs)
        return numpy.array(output, dtype=numpy.float32).reshape(len(self.rows[0]), -1)

    def first(self, model, state, x, y):
        """Before the first step: its batch's first samples."""
        if not hasattr(x, "shape") or not hasattr(y, "shape"):
            return
        inputs, labels = numpy.array(x[:self.count]), numpy.array(y[:self.count])
        if inputs.size <= VALUES_MAX:
            self.rows = inputs, labels
            self.before = self.predict(model, state)

    def end(self, _reason):
        if self.before is None or self.last is None:
            return
        model, state = self.last
        after, name = self.predict(model, state), loss_name(model)
        inputs, labels = self.rows
        if name in CLASSIFIES:
            labels = classes_of(labels, after.shape[1]).reshape(-1, 1)
        labels = labels.reshape(len(inputs), -1).astype(numpy.float64)
        samples = [{"row": row, "inputs": inputs[row].reshape(-1).astype(float).tolist(), "label": labels[row].tolist(), "output_before": self.before[row].tolist(),
                    "output_after": after[row].tolist(), "loss_before": loss_of(name, self.before[row], labels[row]), "loss_after": loss_of(name, after[row], labels[row])}
                   for row in range(len(inputs))]
        session = self.shared.session
        session.link.text(sessions.SHOWN, json.dumps(sessions.plain({"samples": samples})))


def install(shared):
    count = int(shared.session.trial.get("shown_samples") or 0)
    shared.shown = None
    if count > 0 and shared.backend == "jax":
        shared.shown = Shown(shared, count)
        shared.session.on("end", shared.shown.end)
