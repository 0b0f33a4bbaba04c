"""The data of the rules zoo, each set a .npz file with x (inputs) and y (class numbers, or targets), or a text. Made by seed; the same files at every run.

Real: Fashion-MNIST (Debian's dataset-fashion-mnist), the King James Bible (bible-kjv, bible-kjv-text), scikit-learn's bundled sets, auto-mpg of examples/faults.
The rest is made here. What is not installed is left out. Not for faults in data: zoo_faults.py spoils copies of these files.
"""
import gzip
import pathlib
import re
import shutil
import subprocess

import numpy

try:
    import sklearn.datasets
except ImportError:
    sklearn = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


def fashion(kind, count):
    with gzip.open(FASHION / f"{kind}-images-idx3-ubyte.gz") as file:
        file.read(16)
        images = numpy.frombuffer(file.read(count * 784), dtype=numpy.uint8).reshape(-1, 28, 28)
    with gzip.open(FASHION / f"{kind}-labels-idx1-ubyte.gz") as file:
        file.read(8)
        labels = numpy.frombuffer(file.read(count), dtype=numpy.uint8)
    return images.astype("f4") / 255, labels.astype("i8")


def bible():
    """The text alone: no numbers of verses."""
    lines = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [re.sub(r"^\S+ ", "", line) for line in lines if re.match(r"^\w+\d+:\d+ ", line)]


def bundled():
    """What scikit-learn brings and makes, as it is; programs and hypes scale it."""
    if not sklearn:
        return
    for name in ("digits", "iris", "wine", "breast_cancer", "diabetes"):
        data = getattr(sklearn.datasets, f"load_{name}")()
        yield name, data.data, data.target
    data = sklearn.datasets.load_diabetes(scaled=False)
    yield "diabetes_raw", data.data, data.target
    digits = sklearn.datasets.load_digits()
    yield "digit_images", digits.images[..., None] / 16, digits.target
    yield "digits_copied", digits.data / 16, digits.data / 16
    x, y = sklearn.datasets.make_moons(1500, noise=0.12, random_state=3)
    yield "moons", x, y
    x, y = sklearn.datasets.make_friedman1(2000, noise=1.0, random_state=1)
    yield "friedman1", x, y
    x, y = sklearn.datasets.make_friedman2(2000, noise=20.0, random_state=2)
    yield "friedman2", x, y
    x, y = sklearn.datasets.make_friedman3(2500, noise=0.05, random_state=3)
    yield "friedman3", x, y
    x, t = sklearn.datasets.make_swiss_roll(2000, noise=0.1, random_state=4)
    yield "swiss_roll", x, numpy.stack([t, x[:, 1]], 1)


def auto_mpg():
    table = numpy.genfromtxt(ROOT / "examples/faults/data/auto-mpg.csv", delimiter=",", skip_header=1)
    table = table[numpy.isfinite(table).all(1)]
    return table[:, 1:], table[:, 0]


def classes(rng):
    """Small classification sets."""
    labels = rng.integers(0, 4, 2000)
    centers = rng.normal(0, 3, (4, 8))
    yield "blobs", centers[labels] + rng.normal(0, 1.5, (2000, 8)), labels
    angle, labels = rng.uniform(0, 2 * numpy.pi, 1500), rng.integers(0, 2, 1500)
    radius = 1.0 + labels + rng.normal(0, 0.15, 1500)
    yield "circles", numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], 1), labels
    turn, labels = rng.uniform(0.3, 2.2, 1800), rng.integers(0, 3, 1800)
    phase = 2 * numpy.pi * labels / 3 + 2.5 * turn
    yield "spirals", numpy.stack([turn * numpy.cos(phase), turn * numpy.sin(phase)], 1) + rng.normal(0, 0.04, (1800, 2)), labels
    x = rng.uniform(-1, 1, (1600, 2))
    yield "xor", x, (x[:, 0] * x[:, 1] > 0).astype(int)
    x = rng.uniform(0, 4, (3000, 2))
    yield "checkerboard", x - 2, (numpy.floor(x).sum(1) % 2).astype(int)
    x = rng.normal(0, 1, (1500, 20))
    yield "halfspace", x, (x @ rng.normal(0, 1, 20) + rng.normal(0, 0.5, 1500) > 0).astype(int)
    x = rng.normal(0, 1, (4000, 10))
    yield "rare", x, (x[:, 0] + x[:, 1] - 0.5 * x[:, 2] > 2.6).astype(int)
    x = rng.normal(0, 1, (2500, 12))
    yield "many_labels", x, (numpy.tanh(x @ rng.normal(0, 1, (12, 6))) + rng.normal(0, 0.1, (2500, 6)) > 0).astype("f4")
    bits = rng.integers(0, 2, (3000, 12))
    yield "majority", bits * 2.0 - 1, (bits.sum(1) > 6).astype(int)


def targets(rng):
    """Small regression sets."""
    x = rng.uniform(-3, 3, (1000, 1))
    yield "sine", x, numpy.sin(2 * x[:, 0]) + rng.normal(0, 0.1, 1000)
    x = rng.normal(0, 1, (1500, 20))
    yield "linear", x, x @ rng.normal(0, 1, 20) + rng.normal(0, 0.3, 1500)
    x = rng.normal(0, 1, (2000, 8))
    yield "several_targets", x, numpy.sin(x @ rng.normal(0, 0.4, (8, 4))) + rng.normal(0, 0.05, (2000, 4))
    # Prices: a large offset and a large scale, harmless to Adam at a rate that suits them.
    x = rng.uniform(0, 1, (2000, 6))
    yield "prices", x, 2e3 + 4e3 * x[:, 0] * (1 + x[:, 1]) + 1e3 * x[:, 2] ** 2 + rng.normal(0, 150, 2000)
    x = rng.uniform(-2, 2, (1500, 2))
    yield "saddle", x, x[:, 0] ** 2 - x[:, 1] ** 2 + rng.standard_t(2, 1500) * 0.1
    frequency, phase = rng.uniform(0.5, 1.5, 1500), rng.uniform(0, 6.28, 1500)
    wave = numpy.sin(frequency[:, None] * numpy.arange(41) * 0.4 + phase[:, None]) + rng.normal(0, 0.05, (1500, 41))
    yield "waves", wave[:, :40], wave[:, 40]


def shapes(rng, count=2500, size=16):
    """Images of a disc, a square, a cross or stripes, at random places, with noise."""
    row, column = numpy.mgrid[:size, :size]
    images, labels = numpy.empty((count, size, size)), rng.integers(0, 4, count)
    for image, label in zip(images, labels):
        y, x, r = rng.uniform(5, size - 5), rng.uniform(5, size - 5), rng.uniform(2.5, 4.5)
        down, right = abs(row - y), abs(column - x)
        image[:] = [(down ** 2 + right ** 2 < r * r), (numpy.maximum(down, right) < r * 0.9), (numpy.minimum(down, right) < 1) & (numpy.maximum(down, right) < r + 1),
                    (numpy.maximum(down, right) < r) & (row % 2 == 0)][label]
    return images[..., None] + rng.normal(0, 0.1, images.shape + (1,)), labels


def make(folder):
    """Writes every set whose source is installed, unless it is there; returns the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    installed = f"scikit-learn {bool(sklearn)}, Fashion-MNIST {FASHION.exists()}, bible {bool(shutil.which('bible'))}"
    made = folder / "made_of.txt"
    if made.exists() and made.read_text() == installed:
        return folder
    rng = numpy.random.default_rng(7)
    for name, x, y in (*bundled(), *classes(rng), *targets(rng), ("shapes", *shapes(rng)), ("auto_mpg", *auto_mpg())):
        save(folder / f"{name}.npz", x, y)
    if FASHION.exists():
        save(folder / "fashion.npz", *fashion("train", 12000))
    if shutil.which("bible"):
        (folder / "bible.txt").write_text("\n".join(bible()))
    made.write_text(installed)
    return folder


def save(path, x, y):
    """Class numbers stay whole; targets get an axis of their own."""
    y = numpy.asarray(y)
    whole = y.dtype.kind in "iu"
    numpy.savez(path, x=numpy.asarray(x, dtype="f4"), y=y.astype("i8") if whole else y.astype("f4").reshape(len(y), -1))
