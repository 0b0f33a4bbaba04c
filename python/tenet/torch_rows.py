"""Rows of predictions and labels: what a loss function was given, brought to one form, and what is computed from it: scores as in
src/subject/score.h, statistics of labels, the loss of the best constant.

Classification: outputs [n, width] and classes [n]. Regression: outputs and targets [n, width]. A row is one decision: a sample, a pixel of
a segmentation, a token of a text.
"""
import math

import torch

WIDTH_MAX = 4096  # columns that are kept of a regression's targets, evenly spread
KEPT_MAX = 1 << 20  # values of labels that are kept for statistics

CATEGORICAL = ("softmax_cross_entropy", "nll", "categorical_cross_entropy", "multi_margin")
BINARY = {"sigmoid_cross_entropy": 0.0, "binary_cross_entropy": 0.5, "soft_margin": 0.0}  # with the threshold of a single output
REGRESSION = ("mse", "mae", "huber", "smooth_l1", "gaussian_nll", "poisson_nll")


class Rows:
    __slots__ = ("task", "outputs", "labels", "threshold")

    def __init__(self, task, outputs, labels, threshold=0.5):
        self.task = task
        self.outputs = outputs
        self.labels = labels
        self.threshold = threshold

    def __len__(self):
        return len(self.labels)

    def numel(self):
        return self.outputs.numel() + self.labels.numel()

    def rows(self):
        return self

    def hold(self):
        """Copies, or what is smaller: of classification the class that each row names."""
        if self.task == "classification":
            if self.outputs.numel() > 1 << 14:
                return Rows(self.task, named_classes(self.outputs, self.threshold), self.labels.clone(), None)
            return Rows(self.task, self.outputs.clone(), self.labels.clone(), self.threshold)
        columns = spread(self.outputs.shape[1], WIDTH_MAX)
        if columns is not None:
            return Rows(self.task, self.outputs[:, columns], self.labels[:, columns])
        return Rows(self.task, self.outputs.clone(), self.labels.clone())


class Held:
    """Arguments of a loss whose rows are worked out when a score is made of them. Small ones only: the tensors stay alive."""
    __slots__ = ("name", "prediction", "target", "versions", "options", "task", "made", "size", "count")

    def __init__(self, name, prediction, target, options, task):
        self.name, self.options, self.task = name, options, task
        self.prediction, self.target = prediction.detach(), target.detach()
        self.versions = prediction._version, target._version
        self.made = None
        self.size = prediction.numel() + target.numel()
        self.count = target.numel() if name in CATEGORICAL else len(target) if target.dim() else 1

    def __len__(self):
        return self.count

    def numel(self):
        return self.size

    def rows(self):
        """None where the program has overwritten them since, or they are no rows."""
        if self.made is None and self.prediction is not None:
            if (self.prediction._version, self.target._version) == self.versions:
                self.made = rows_of(self.name, self.prediction, self.target, self.options, self.task)
            self.prediction = self.target = None
            if self.made is None:
                self.made = Rows(self.task, torch.zeros(0, 1), torch.zeros(0, dtype=torch.long))
        return self.made if len(self.made) else None


def spread(count, most):
    return None if count <= most else torch.arange(most) * count // most


def by_columns(tensor):
    """[n, width] of a tensor whose first axis is the sample."""
    return tensor.reshape(len(tensor), -1) if tensor.dim() > 0 else tensor.reshape(1, 1)


def is_one_hot(target):
    """Rows of zeros with a single one."""
    if target.dim() < 2 or target.shape[1] < 2 or len(target) == 0:
        return False
    return bool(((target == 0) | (target == 1)).all()) and bool((target.sum(1) == 1).all())


def is_binary(target):
    return bool(((target == 0) | (target == 1)).all())


def is_binary_scaled(target):
    """Two values, far from 0 and 1, such as a mask of 0 and 255."""
    least, most = target.min(), target.max()
    return bool((most > 1.5) | (least < -0.5)) and bool(((target == least) | (target == most)).all()) and bool(least <= 0) and bool(most > 0)


def rows_of(name, prediction, target, options=None, task=None):
    """The rows of a loss's arguments; None where it compares no prediction with a label. `task` is what the first look took it for; without
    it the labels tell."""
    if not isinstance(prediction, torch.Tensor) or not isinstance(target, torch.Tensor) or prediction.numel() == 0:
        return None
    with torch.no_grad():
        prediction, target = prediction.detach(), target.detach()
        if prediction.is_complex() or prediction.is_sparse or target.is_sparse:
            return None
        options = options or {}
        if name in CATEGORICAL or (name == "kl_div" and not options.get("log_target")):
            return categorical(prediction, target, options)
        if name in BINARY:
            return binary(name, prediction, target, task)
        if name in REGRESSION:
            if name == "poisson_nll" and options.get("log_input", True):
                prediction = prediction.exp()
            return numeric(prediction, target, task)
    return None


def categorical(prediction, target, options):
    if target.is_floating_point():
        if target.shape != prediction.shape:
            return None
        target = target.argmax(1 if target.dim() > 1 else 0)
    width = prediction.shape[1 if prediction.dim() > 1 else 0]
    if prediction.dim() > 2:
        prediction = prediction.movedim(1, -1)
    outputs, classes = prediction.reshape(-1, width).float(), target.reshape(-1).long()
    if len(outputs) != len(classes):
        return None
    kept = classes != options.get("ignore_index", -100)
    if not bool(kept.all()):
        outputs, classes = outputs[kept], classes[kept]
    return Rows("classification", outputs, classes, 0.0) if len(classes) else None


def binary(name, prediction, target, task):
    if prediction.numel() != target.numel():
        return None
    outputs, target = by_columns(prediction).float(), by_columns(target).float()
    if outputs.shape != target.shape:
        target = target.reshape(outputs.shape)
    if task is None:
        task = "classification" if name == "soft_margin" or is_binary(target) or is_binary_scaled(target) else "regression"
    if task == "regression":
        return Rows(task, torch.sigmoid(outputs) if name == "sigmoid_cross_entropy" else outputs, target)
    if outputs.shape[1] > 1 and is_one_hot(target):
        return Rows(task, outputs, target.argmax(1), BINARY[name])
    middle = 0.0 if name == "soft_margin" else 0.5
    return Rows(task, outputs.reshape(-1, 1), (target.reshape(-1) > middle).long(), BINARY[name])


def numeric(prediction, target, task):
    if prediction.numel() != target.numel():
        try:
            prediction, target = torch.broadcast_tensors(prediction, target)
        except RuntimeError:
            return None
    outputs = by_columns(prediction).float()
    target = target.reshape(outputs.shape).float()  # [n] beside [n, 1]: what is meant, not what is broadcast
    if task is None:
        task = "classification" if is_one_hot(target) or (target.shape[1] == 1 and is_binary(target)) else "regression"
    if task == "regression":
        return Rows(task, outputs, target)
    if outputs.shape[1] == 1:
        return Rows(task, outputs, (target.reshape(-1) > 0.5).long(), 0.5)
    return Rows(task, outputs, target.argmax(1), 0.5)


# ---- scores ----

def named_classes(outputs, threshold):
    """The class that each row names; -1 for a row of equal outputs or with NaN."""
    if outputs.shape[1] == 1:
        named = (outputs[:, 0] > threshold).long()
        return torch.where(torch.isnan(outputs[:, 0]), torch.full_like(named, -1), named)
    most, named = outputs.max(1)
    unsure = torch.isnan(most) | (most == outputs.min(1).values)
    return torch.where(unsure, torch.full_like(named, -1), named)


def score_of(parts):
    """0 for the trivial predictor, 1 for a perfect one; NaN where the labels are constant. parts: Rows or Held of one task."""
    parts = [rows for rows in (part.rows() for part in parts) if rows is not None]
    if not parts:
        return math.nan
    if parts[0].task == "classification":
        named = torch.cat([part.outputs if part.threshold is None else named_classes(part.outputs, part.threshold) for part in parts])
        classes = torch.cat([part.labels for part in parts])
        most = int(torch.unique(classes, return_counts=True)[1].max())
        if most == len(classes):
            return math.nan
        return (int((named == classes).sum()) - most) / (len(classes) - most)
    width = parts[-1].outputs.shape[1]
    same = [part for part in parts if part.outputs.shape[1] == width]
    outputs, targets = torch.cat([part.outputs for part in same]).double(), torch.cat([part.labels for part in same]).double()
    squares = ((targets - targets.mean(0)) ** 2).sum(0)
    varies = ((targets != targets[0]).any(0)) & torch.isfinite(squares)
    if not bool(varies.any()):
        return math.nan
    errors = ((outputs - targets) ** 2).sum(0)[varies]
    return float((1 - errors / squares[varies]).nan_to_num(nan=-1.0, neginf=-1.0).clamp(min=-1).mean())


# ---- labels ----

class LabelStatistics:
    """Labels that a loss saw, up to so many values of them."""

    def __init__(self, most=KEPT_MAX):
        self.most = most
        self.name = self.task = None
        self.width = 0  # of the outputs
        self.is_single = True  # each sample has one label
        self.kept = []
        self.values = self.rows = 0

    def add(self, name, rows):
        if self.name is None:
            self.name, self.task, self.width = name, rows.task, rows.outputs.shape[1]
        if self.name != name or self.task != rows.task or self.values >= self.most:
            return
        if self.kept and self.kept[0].shape[1:] != rows.labels.shape[1:]:
            return
        self.kept.append(rows.labels.clone())
        self.values += rows.labels.numel()
        self.rows += len(rows)

    def labels(self):
        return torch.cat(self.kept) if self.kept else None

    def facts(self, plain, reduction="mean"):
        """Of FACTS; trivial_loss where the loss is plain: no weights, no smoothing. A sum may be divided later, and implies no first loss."""
        labels = self.labels()
        if labels is None:
            return {}
        values = labels.double()
        facts = {"task": self.task, "outputs": self.width, "label_min": float(values.min()), "label_max": float(values.max()),
                 "label_mean": float(values.mean()), "label_std": float(values.std(unbiased=False)), "expected_loss": None,
                 "trivial_loss": None, "majority": None, "classes": 0}
        if self.task == "classification":
            counts = torch.unique(labels, return_counts=True)[1]
            facts.update(classes=len(counts), majority=float(counts.max()) / len(labels))
        if self.task == "classification" and reduction != "sum":
            facts["expected_loss"] = loss_of_no_knowledge(self.name, self.width)
        if plain and reduction == "mean":
            facts["trivial_loss"] = trivial_loss(self.name, self.task, self.width, labels)
        return facts


def loss_of_no_knowledge(name, outputs):
    """The mean loss of a classifier whose outputs are all alike: ln C. None where the loss implies none."""
    if name in CATEGORICAL and name != "multi_margin" and outputs > 1:
        return math.log(outputs)
    return math.log(2) if name == "sigmoid_cross_entropy" else None


def entropy(shares):
    shares = shares[shares > 0]
    return float(-(shares * shares.log()).sum())


def trivial_loss(name, task, width, labels):
    """The loss of the best constant output; None where it is not known."""
    if task == "classification":
        counts = torch.unique(labels, return_counts=True)[1].double()
        shares = counts / counts.sum()
        if name in CATEGORICAL[:3]:
            return entropy(shares)
        if width > 1:  # one-hot: each output has the share of its class
            one = {"mse": lambda p: p * (1 - p), "mae": lambda p: torch.minimum(p, 1 - p)}.get(name)
            if one is not None:
                return float(one(shares).sum()) / width
            return sum(entropy(torch.stack([p, 1 - p])) for p in shares) / width if name in BINARY else None
        labels = labels.double().reshape(-1, 1)
    values = labels.double()
    if name == "mse":
        return float(values.var(0, unbiased=False).mean())
    if name == "mae":
        return float((values - values.median(0).values).abs().mean())
    if name in ("sigmoid_cross_entropy", "binary_cross_entropy") and float(values.min()) >= 0 and float(values.max()) <= 1:
        return sum(entropy(torch.stack([p, 1 - p])) for p in values.mean(0)) / values.shape[1]
    return None


# ---- columns ----

class ColumnStatistics:
    """Mean, deviation, extremes of each column over what is added; sums about the first batch's mean, so that a large offset costs no
    digits. Values that are not finite take no part."""

    def __init__(self, width):
        self.width = width
        self.count = torch.zeros(width, dtype=torch.double)
        self.sum = torch.zeros(width, dtype=torch.double)
        self.squares = torch.zeros(width, dtype=torch.double)
        self.min = torch.full((width,), math.inf, dtype=torch.double)
        self.max = torch.full((width,), -math.inf, dtype=torch.double)
        self.shift = None
        self.rows = self.nonfinite = 0

    def add(self, values):
        """values [n, width]"""
        values = values.detach().to("cpu", torch.double)
        finite = torch.isfinite(values)
        whole = bool(finite.all())
        if self.shift is None:
            self.shift = torch.where(finite, values, torch.zeros_like(values)).mean(0) if not whole else values[0].clone()
        self.rows += len(values)
        self.nonfinite += 0 if whole else int((~finite).sum())
        moved = values - self.shift
        low = high = values
        if not whole:
            moved = torch.where(finite, moved, torch.zeros_like(moved))
            low = torch.where(finite, values, torch.full_like(values, math.inf))
            high = torch.where(finite, values, torch.full_like(values, -math.inf))
        self.count += finite.sum(0) if not whole else len(values)
        self.sum += moved.sum(0)
        self.squares += (moved * moved).sum(0)
        self.min = torch.minimum(self.min, low.min(0).values)
        self.max = torch.maximum(self.max, high.max(0).values)

    def mean(self):
        return (self.shift if self.shift is not None else 0) + self.sum / self.count.clamp(min=1)

    def std(self):
        count = self.count.clamp(min=1)
        std = ((self.squares - self.sum * self.sum / count).clamp(min=0) / count).sqrt()
        return torch.where(self.max > self.min, std, torch.zeros_like(std))

    def record(self):
        """As JSON keeps it."""
        low, high = (torch.where(torch.isfinite(one), one, torch.zeros_like(one)) for one in (self.min, self.max))
        return {"mean": self.mean().tolist(), "std": self.std().tolist(), "min": low.tolist(), "max": high.tolist()}


def affine_of(record, scale):
    """(shift, gain) of a scale over columns: scaled = (value - shift) * gain; a constant column becomes 0. None for "none"."""
    def column(name):
        return torch.tensor(record[name], dtype=torch.double)
    if isinstance(scale, (int, float)) and not isinstance(scale, bool):
        return torch.zeros(len(record["mean"]), dtype=torch.double), torch.full((len(record["mean"]),), float(scale), dtype=torch.double)
    if scale == "standardize":
        shift, spread_of = column("mean"), column("std")
    elif scale == "minmax":
        shift, spread_of = column("min"), column("max") - column("min")
    else:
        return None
    return shift, torch.where(spread_of > 0, 1 / spread_of.clamp(min=1e-300), torch.zeros_like(spread_of))
