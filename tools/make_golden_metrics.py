#!/usr/bin/env python3
"""Writes tests/subject/data/metrics.json: what scikit-learn measures of made-up answers, for src/subject/metrics.c.

Run by a Python that has scikit-learn. The values are committed; run this again only to add a case. Outputs are exact in float32.

Usage: make_golden_metrics.py [FILE]
"""
import json
import pathlib
import sys

import numpy
import sklearn
from sklearn import metrics

RNG = numpy.random.default_rng(7)


def drawn(*shape):
    return RNG.standard_normal(shape).astype("float32").astype("float64")


def classes(label, count, width, used=None, helped=1.5):
    """`used` of the classes occur; the right output is helped a little."""
    labels = RNG.integers(0, used or width, count)
    outputs = drawn(count, width)
    outputs[numpy.arange(count), labels] += helped
    outputs = outputs.astype("float32").astype("float64")
    said = outputs.argmax(1)
    case = {"label": label, "count": count, "steps": 1, "width": width, "outputs": outputs.ravel().tolist(), "classes": labels.tolist(), "threshold": 0,
            "expected": {"accuracy": metrics.accuracy_score(labels, said), "f1_macro": metrics.f1_score(labels, said, average="macro", zero_division=0)}}
    if width > 5:
        case["expected"]["top5_accuracy"] = metrics.top_k_accuracy_score(labels, outputs, k=5, labels=numpy.arange(width))
    if width <= 20:
        case["expected"]["confusion"] = metrics.confusion_matrix(labels, said, labels=numpy.arange(width)).tolist()
    return case


def two_classes(label, count, threshold):
    labels = RNG.integers(0, 2, count)
    outputs = (drawn(count) + labels + threshold).astype("float32").astype("float64")
    said = (outputs > threshold).astype(int)
    return {"label": label, "count": count, "steps": 1, "width": 1, "outputs": outputs.tolist(), "classes": labels.tolist(), "threshold": threshold,
            "expected": {"accuracy": metrics.accuracy_score(labels, said), "f1_macro": metrics.f1_score(labels, said, average="macro"),
                         "confusion": metrics.confusion_matrix(labels, said, labels=[0, 1]).tolist()}}


def sequences(label, count, steps, width, padded):
    labels = RNG.integers(0, width, (count, steps))
    if padded:
        labels[RNG.random((count, steps)) < 0.3] = -1
        labels[0] = -1
    outputs = drawn(count, steps, width)
    logarithms = outputs - numpy.log(numpy.exp(outputs).sum(-1, keepdims=True))
    known = labels >= 0
    each = -numpy.take_along_axis(logarithms, numpy.maximum(labels, 0)[..., None], -1)[..., 0]
    means = [float(row[mask].mean()) if mask.any() else 0.0 for row, mask in zip(each, known)]
    loss = metrics.log_loss(labels[known], numpy.exp(logarithms[known]), labels=numpy.arange(width))
    return {"label": label, "count": count, "steps": steps, "width": width, "outputs": outputs.ravel().tolist(), "classes": labels.ravel().tolist(), "losses": means, "threshold": 0,
            "expected": {"accuracy": metrics.accuracy_score(labels[known], outputs.argmax(-1)[known]), "perplexity": float(numpy.exp(loss)), "bits": float(loss / numpy.log(2))}}


def flags(label, count, width, threshold, empty=False):
    targets = (RNG.random((count, width)) < 0.4).astype(int)
    if empty:
        targets[:, 0] = 0
    outputs = (drawn(count, width) + targets + threshold - 0.5).astype("float32").astype("float64")
    if empty:
        outputs[:, 0] = threshold - 1
    said = (outputs > threshold).astype(int)
    wrong, trivial = int((said != targets).sum()), int(numpy.minimum(targets.sum(0), count - targets.sum(0)).sum())
    return {"label": label, "count": count, "steps": 1, "width": width, "outputs": outputs.ravel().tolist(), "targets": targets.ravel().tolist(), "flags": True, "threshold": threshold,
            "score": max(1 - wrong / trivial, -1),
            "expected": {"f1_micro": metrics.f1_score(targets, said, average="micro"), "f1_macro": metrics.f1_score(targets, said, average="macro", zero_division=0),
                         "subset_accuracy": metrics.accuracy_score(targets, said), "hamming_loss": metrics.hamming_loss(targets, said)}}


def numbers(label, count, width, scale):
    targets = (drawn(count, width) * scale).astype("float32").astype("float64")
    outputs = (targets + drawn(count, width) * scale / 2).astype("float32").astype("float64")
    return {"label": label, "count": count, "steps": 1, "width": width, "outputs": outputs.ravel().tolist(), "targets": targets.ravel().tolist(), "threshold": 0,
            "expected": {"r2": metrics.r2_score(targets, outputs), "rmse": metrics.mean_squared_error(targets.ravel(), outputs.ravel()) ** 0.5,
                         "mae": metrics.mean_absolute_error(targets, outputs)}}


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "tests/subject/data/metrics.json"
    cases = [classes("three classes", 60, 3), classes("ten classes", 97, 10), classes("classes that do not occur", 31, 7, used=4), classes("one sample", 1, 6),
             classes("too many for a matrix", 50, 21), classes("never right", 20, 4, helped=-9.0), two_classes("one logit", 41, 0), two_classes("one probability", 40, 0.5),
             sequences("sequences", 7, 5, 4, False), sequences("padded sequences", 9, 6, 5, True), flags("flags from logits", 50, 4, 0), flags("flags from probabilities", 23, 3, 0.5),
             flags("a flag that nobody has", 30, 3, 0, empty=True), numbers("one target", 30, 1, 1.0), numbers("several targets", 29, 3, 100.0)]
    with open(target, "w", encoding="ascii") as file:
        json.dump({"made_by": "tools/make_golden_metrics.py, scikit-learn %s" % sklearn.__version__, "cases": cases}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
