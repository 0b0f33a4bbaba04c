"""The knobs of a Keras program that lie in its data: what is given to fit() as arrays, or goes through tenet.data.

The rows of a trial are a fixed random choice; permuted labels stay among the rows that are used. Where a trial has more steps than the program, fit() gets more epochs, and is validated as
often as before.
"""
import inspect
import math

import numpy

from . import knob_answers
from .keras_attach import definer, wrap
from .keras_knobs import CUTS, DATA_KNOBS

CHOICE_SEED = 20211


class Given:
    """What fit() was given, before any knob."""

    def __init__(self, x, y, batch_size, epochs, validated):
        self.x, self.y, self.batch_size, self.epochs, self.validated = x, y, batch_size, epochs, validated


def is_array(value):
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__") and len(value.shape) >= 1


def is_arrays(x):
    """Arrays of one length: an array, or a list, tuple or dict of them."""
    parts = list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, (list, tuple)) else [x]
    return bool(parts) and all(is_array(part) for part in parts) and len({part.shape[0] for part in parts}) == 1


def each(x, function):
    if isinstance(x, dict):
        return {key: function(part) for key, part in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(function(part) for part in x)
    return function(x)


def rows_of(x):
    part = next(iter(x.values())) if isinstance(x, dict) else x[0] if isinstance(x, (list, tuple)) else x
    return int(part.shape[0])


def chosen(count, wanted):
    """Indices of a fixed random choice of rows."""
    return numpy.random.RandomState(CHOICE_SEED).permutation(count)[:wanted]


def permuted(count):
    return numpy.random.RandomState(CHOICE_SEED + 1).permutation(count)


def scaler(array, how):
    """A function that scales as the statistics of `array`, feature by feature; None where `how` asks for nothing."""
    values = numpy.asarray(array, dtype=numpy.float64)
    if how == "standardize":
        shift, width = values.mean(axis=0), values.std(axis=0)
    elif how == "minmax":
        shift, width = values.min(axis=0), values.max(axis=0) - values.min(axis=0)
    else:
        return None
    width = numpy.where(width > 0, width, 1.0)
    return lambda other: ((numpy.asarray(other, dtype=numpy.float64) - shift) / width).astype(numpy.float32)


def is_float(array):
    return numpy.dtype(str(array.dtype)).kind == "f" if str(array.dtype) != "bfloat16" else True


class Data:
    def __init__(self, shared):
        self.shared, self.session = shared, shared.session
        self.turned = False  # by tenet.data

    def wants(self, name):
        return self.shared.answers.wants(name)

    # ---- arrays ----

    def turn(self, x, y, regression):
        """(x, y, scale of inputs, scale of labels) as the trial wants them; the scales serve the validation data too."""
        answers, scale_x, scale_y = self.shared.answers, None, None
        samples, count = self.wants("samples"), rows_of(x)
        how = self.wants("input_scale")
        if how is not None:
            first = next(iter(x.values())) if isinstance(x, dict) else x[0] if isinstance(x, (list, tuple)) else x
            # Integers into an embedding are names, not amounts; images of bytes are amounts.
            if isinstance(x, (dict, list, tuple)) and len(x) > 1:
                answers.refused("input_scale", "the model has %d inputs" % len(x))
            elif not is_float(first) and first.dtype != numpy.uint8:
                answers.refused("input_scale", "the inputs are %s" % first.dtype)
            else:
                scale_x = scaler(first, how)
                answers.applied("input_scale")
        how = self.wants("label_scale")
        if how is not None:
            if y is None or not is_array(y) or not regression:
                answers.refused("label_scale", "the targets are classes, or cannot be seen")
            else:
                scale_y = scaler(y, how)
                answers.applied("label_scale")
        if samples is not None:
            index = chosen(count, int(samples))
            x = each(x, lambda part: part[index])
            y = None if y is None else y[index]
            answers.applied("samples")
        if self.wants("shuffle_labels"):
            if y is None or not is_array(y):
                answers.refused("shuffle_labels", "fit() was given no labels")
            else:
                y = y[permuted(int(y.shape[0]))]
                answers.applied("shuffle_labels")
        return self.scaled(x, scale_x), self.scaled(y, scale_y), scale_x, scale_y

    @staticmethod
    def scaled(part, scale):
        return part if scale is None or part is None else each(part, scale)

    # ---- fit ----

    def fit(self, original):
        signature = inspect.signature(original)

        def fit(model, *args, **kwargs):
            if not self.session.live or not self.shared.is_primary(model) or not knob_answers.is_needed(self.session):
                return original(model, *args, **kwargs)
            self.shared.place("loader")
            bound = signature.bind(model, *args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            try:
                self.alter(model, given)
            except Exception as error:
                self.session.failed("the data of fit()", error)
            return original(*bound.args, **bound.kwargs)
        return fit

    def alter(self, model, given):
        """Changes what fit() is called with to what the trial wants."""
        x, y = given["x"], given["y"]
        if is_arrays(x) and (y is None or is_arrays(y)):
            self.alter_arrays(model, given)
        else:
            for name in DATA_KNOBS:
                why = "fit() was given a %s; give it arrays, or turn this in the program" % type(x).__name__
                if self.wants(name) is not None:
                    self.shared.answers.refused(name, why)
                if self.session.mode == "look":
                    knob_answers.cannot(self.session, name, why)
            self.remember(Given(None, None, getattr(x, "batch_size", None), given["epochs"], given["validation_data"]))
        given["verbose"] = 0

    def remember(self, given):
        if self.shared.fitted is None:
            self.shared.fitted = given

    def alter_arrays(self, model, given):
        self.split(given)
        x, y = given["x"], given["y"]
        self.remember(Given(x, y, given["batch_size"] or 32, given["epochs"], given["validation_data"]))
        if self.session.mode == "look":
            knob_answers.can(self.session, *DATA_KNOBS)
        scale_x = scale_y = None
        if not self.turned:
            given["x"], given["y"], scale_x, scale_y = self.turn(x, y, self.shared.score.is_regression(model))
        if not self.turned and given["sample_weight"] is not None and self.wants("samples") is not None:
            given["sample_weight"] = given["sample_weight"][chosen(rows_of(x), int(self.wants("samples")))]
        validation = given["validation_data"]
        if isinstance(validation, (list, tuple)) and len(validation) >= 2 and (scale_x or scale_y):
            given["validation_data"] = (self.scaled(validation[0], scale_x), self.scaled(validation[1], scale_y)) + tuple(validation[2:])
        size = self.wants("batch_size")
        if size is not None:
            given["batch_size"] = int(size)
            self.shared.answers.applied("batch_size")
        self.lengthen(given)

    @staticmethod
    def split(given):
        """validation_split takes the last rows, as Keras does: done first, so that a choice of rows is one of the training rows."""
        share, x, y = given["validation_split"], given["x"], given["y"]
        if not share or given["validation_data"] is not None or y is None:
            return
        count = rows_of(x)
        first = int(math.floor(count * (1 - share)))
        weights = given["sample_weight"]
        last = (each(x, lambda part: part[first:]), each(y, lambda part: part[first:]))
        given["validation_data"] = last if weights is None else last + (weights[first:],)
        given["x"], given["y"] = each(x, lambda part: part[:first]), each(y, lambda part: part[:first])
        given["sample_weight"] = None if weights is None else weights[:first]
        given["validation_split"] = 0.0

    def lengthen(self, given):
        """As many epochs as the steps of the trial need."""
        steps = self.session.trial.get("steps")
        if steps is None:
            return
        in_epoch = given["steps_per_epoch"] or max(1, math.ceil(rows_of(given["x"]) / (given["batch_size"] or 32)))
        epochs = math.ceil((int(steps) - self.session.step) / in_epoch) + given["initial_epoch"]
        if epochs <= given["epochs"]:
            return
        frequency = given["validation_freq"]
        if isinstance(frequency, int):
            given["validation_freq"] = frequency * math.ceil(epochs / max(1, given["epochs"]))
        given["epochs"] = epochs
        # A program's early stop would end a trial that has to go on; other callbacks stay.
        if isinstance(given["callbacks"], (list, tuple)):
            given["callbacks"] = [one for one in given["callbacks"] if type(one).__name__ != "EarlyStopping"]

    def train_on_batch(self, original):
        def train_on_batch(model, x, y=None, *args, **kwargs):
            if self.session.live and self.shared.is_primary(model) and knob_answers.is_needed(self.session):
                self.shared.place("loader")
                for name in DATA_KNOBS:
                    if name in self.shared.answers.open():
                        self.shared.answers.refused(name, CUTS)
                    if self.session.mode == "look" and name not in self.session.facts.get("knobs", ()):
                        knob_answers.cannot(self.session, name, CUTS)
            return original(model, x, y, *args, **kwargs)
        return train_on_batch

    # ---- tenet.data ----

    def data(self, *arrays):
        """x, y = tenet.data(x, y): for loops of the program's own."""
        if len(arrays) < 2 or not all(is_array(array) for array in arrays):
            return arrays if len(arrays) != 1 else arrays[0]
        x, y = arrays[0], arrays[-1]
        knob_answers.can(self.session, "samples", "shuffle_labels", "input_scale", "label_scale")
        self.remember(Given(x, y, None, None, None))
        regression = is_float(y)
        between = arrays[1:-1]
        if self.wants("samples") is not None:
            between = tuple(array[chosen(int(array.shape[0]), int(self.wants("samples")))] for array in between)
        x, y, _scale_x, _scale_y = self.turn(x, y, regression)
        self.turned = True
        return (x,) + tuple(between) + (y,)


def data(session, *arrays):
    return session.keras.data.data(*arrays)


def install(shared):
    model = shared.keras.Model
    part = shared.data = Data(shared)
    wrap(definer(model, "fit"), "fit", part.fit)
    wrap(definer(model, "train_on_batch"), "train_on_batch", part.train_on_batch)
