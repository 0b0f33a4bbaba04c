"""Scores of a Keras program, from predictions and targets as the loss meets them: 0 is the trivial predictor's, 1 is perfect (src/subject/score.h says how).

Each prediction was made before the update of its step. The score after a step is over the last steps that hold enough samples. Where no predictions can be seen, as in a compiled loop of the
program's own, the score comes from the loss, unless a knob changed the loss's scale.
"""
import collections
import math

import numpy

from . import _tenet
from .keras_attach import definer, wrap

ENOUGH = 1000  # samples that a score is over, where there are so many
LAST_SHARE = 4  # at most this part of the steps so far

# Keras's loss: (schema's word where it is given probabilities, and logits)
LOSSES = {
    "sparse_categorical_crossentropy": ("categorical_cross_entropy", "softmax_cross_entropy"),
    "categorical_crossentropy": ("categorical_cross_entropy", "softmax_cross_entropy"),
    "binary_crossentropy": ("binary_cross_entropy", "sigmoid_cross_entropy"),
    "mean_squared_error": ("mse", "mse"),
    "mean_absolute_error": ("mae", "mae"),
    "huber": ("huber", "huber"),
    "huber_loss": ("huber", "huber"),
}
CLASSIFIES = ("categorical_cross_entropy", "softmax_cross_entropy", "binary_cross_entropy", "sigmoid_cross_entropy")
SHORT = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "MSE": "mean_squared_error", "MAE": "mean_absolute_error"}


def loss_name(model):
    """The schema's word for the loss that a model is compiled with; None where it has none."""
    given = getattr(model, "loss", None)
    if given is None or isinstance(given, (list, tuple, dict)):
        return None
    if getattr(given, "tenet_name", None):
        return given.tenet_name  # a patch's
    name = given if isinstance(given, str) else getattr(given, "name", None) or getattr(given, "__name__", "")
    words = LOSSES.get(snake(SHORT.get(name, name)))
    if words is None:
        return None
    return words[1] if getattr(given, "from_logits", False) or from_logits_of(given) else words[0]


def from_logits_of(given):
    settings = getattr(given, "_fn_kwargs", None)
    return bool(settings and settings.get("from_logits"))


def snake(name):
    text = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")
    return text.replace("cross_entropy", "crossentropy")


def classes_of(y, prediction_width):
    """Class numbers of targets as Keras takes them: numbers, a column of numbers, or one-hot rows."""
    y = numpy.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1 and prediction_width > 1 and y.shape[-1] == prediction_width and y.ndim == 2:
        return y.argmax(axis=-1).astype(numpy.int64)
    y = y.reshape(-1)
    return (y > 0.5).astype(numpy.int64) if prediction_width == 1 else y.astype(numpy.int64)


class Score:
    def __init__(self, shared):
        self.shared, self.session = shared, shared.session
        self.kept = collections.deque()  # (step, predictions, targets), the last steps'
        self.every = int(self.session.trial.get("score_every") or 0)
        self.is_wanted = self.session.mode == "look" or (self.session.mode == "trial" and not self.session.trial.get("unscored"))
        self.first_loss = self.last_loss = None
        self.own = False
        self.told = set()
        self.seen = False

    def is_regression(self, model):
        name = loss_name(model)
        return name is not None and name not in CLASSIFIES

    # ---- predictions ----

    def compute_metrics(self, original):
        """On JAX: the step's predictions and targets, as the metrics meet them."""
        def compute_metrics(model, x, y, y_pred, sample_weight=None):
            capture = self.shared.steps.capture
            if capture is not None and self.is_wanted and hasattr(y_pred, "shape") and hasattr(y, "shape"):
                capture.take("prediction", y_pred)
                capture.take("target", y)
            return original(model, x, y, y_pred, sample_weight)
        return compute_metrics

    def eager(self, y, prediction):
        """On PyTorch: they are values already."""
        if self.is_wanted and hasattr(y, "shape") and hasattr(prediction, "shape"):
            convert = self.shared.keras.ops.convert_to_numpy
            self.pending = (convert(prediction), convert(y))

    def step(self, step, count, values, _y, _state):
        if not self.is_wanted:
            return
        loss = values.get("loss", values.get("root"))
        if loss is not None:
            self.last_loss = float(getattr(loss, "detach", lambda: loss)())
            self.first_loss = self.last_loss if self.first_loss is None else self.first_loss
        prediction, target = values.get("prediction"), values.get("target")
        if prediction is None:
            prediction, target = getattr(self, "pending", None) or (None, None)
            self.pending = None
        if prediction is not None and target is not None:
            self.seen = True
            self.kept.append((step, numpy.asarray(prediction, dtype=numpy.float32), numpy.asarray(target)))
            self.forget(step)
        if step == 1:
            self.tell(0, 0, self.compute())
        if self.every and step % self.every == 0:
            self.tell(step, self.session.samples, self.compute())

    def forget(self, step):
        """Drops what a score needs no more."""
        fitted = self.shared.fitted
        rows = len(fitted.y) if fitted is not None and fitted.y is not None else ENOUGH
        enough = min(ENOUGH, int(self.session.knobs.get("samples") or rows))
        held = sum(len(prediction) for _step, prediction, _target in self.kept)
        while len(self.kept) > 1 and (held - len(self.kept[0][1]) >= enough or len(self.kept) > max(1, step // LAST_SHARE)):
            held -= len(self.kept.popleft()[1])

    def compute(self):
        model = self.shared.model
        if self.kept and model is not None:
            predictions = numpy.concatenate([prediction.reshape(len(prediction), -1) for _step, prediction, _target in self.kept])
            targets = [target for _step, _prediction, target in self.kept]
            name = loss_name(model)
            if name in CLASSIFIES:
                width = predictions.shape[1]
                classes = numpy.concatenate([classes_of(target, width) for target in targets])
                if len(classes) != len(predictions):
                    return math.nan
                return _tenet.score_classification(predictions, classes, width, 0.5 if name == "binary_cross_entropy" else 0.0)
            if name is not None:
                targets = numpy.concatenate([target.reshape(len(target), -1) for target in targets]).astype(numpy.float32)
                return _tenet.score_regression(predictions, targets, predictions.shape[1]) if targets.shape == predictions.shape else math.nan
        return self.from_loss()

    def from_loss(self):
        touched = set(self.session.knobs) & {"label_scale", "shuffle_labels"}
        if self.first_loss is None or self.first_loss <= 0 or touched or self.session.patch:
            return math.nan
        if not math.isfinite(self.last_loss) or not math.isfinite(self.first_loss):
            return 0.0
        return max(0.0, 1 - self.last_loss / self.first_loss)

    def tell(self, step, samples, value):
        if step in self.told or self.own or value != value:
            return
        self.told.add(step)
        self.session.score(step, samples, train_score=value)

    def end(self, _reason):
        if self.is_wanted and self.session.step > 0:
            self.tell(self.session.step, self.session.samples, self.compute())


def install(shared):
    part = shared.score = Score(shared)
    if shared.backend == "jax":
        wrap(definer(shared.keras.Model, "compute_metrics"), "compute_metrics", part.compute_metrics)
    else:
        shared.session.on("keras_predictions", part.eager)
    shared.session.on("keras_step", part.step)
    shared.session.on("end", part.end)
