"""Makes the tables of data/ that are generated: xor, line, two-blobs, three-blobs and two-circles. NumPy only, seeds fixed, so it writes the same files every time.

They are in the tree; run this only to change them. auto-mpg.csv, square-200.csv and network-packets.csv are data as published, see README.md.
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "data"


def write(name, columns, rows):
    with open(FOLDER / name, "w", newline="\n") as file:
        file.write(",".join(columns) + "\n")
        for row in rows:
            file.write(",".join(f"{value:.7g}" for value in row) + "\n")


def xor():
    write("xor.csv", ["a", "b", "xor"], [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])


def line():
    """100 points of y = 5x, x from 1 to 2."""
    x = np.linspace(1, 2, 100)
    write("line.csv", ["x", "y"], np.stack([x, 5 * x], axis=1))


def two_blobs():
    """100 points uniform in [0.2, 0.4] squared and 100 in [0.5, 0.7] squared, in turn."""
    random = np.random.RandomState(42)
    first = random.uniform(0.2, 0.4, (100, 2))
    second = random.uniform(0.5, 0.7, (100, 2))
    rows = []
    for a, b in zip(first, second):
        rows.append([a[0], a[1], 0])
        rows.append([b[0], b[1], 1])
    write("two-blobs.csv", ["x", "y", "class"], rows)


def three_blobs():
    """1,000 points around three centres, deviation 2: the draws of scikit-learn's make_blobs(1000, 2, centers=3, cluster_std=2, random_state=2)."""
    random = np.random.RandomState(2)
    centres = random.uniform(-10, 10, (3, 2))
    counts = [334, 333, 333]
    points = np.concatenate([random.normal(centre, 2, (count, 2)) for centre, count in zip(centres, counts)])
    classes = np.repeat(np.arange(3), counts)
    order = np.arange(1000)
    random.shuffle(order)
    write("three-blobs.csv", ["x", "y", "class"], np.column_stack([points, classes])[order])


def two_circles():
    """1,000 points on a circle and on one of 0.8 times its radius, with noise 0.1: the draws of scikit-learn's make_circles(1000, noise=0.1, random_state=1)."""
    random = np.random.RandomState(1)
    angles = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points, classes = np.concatenate([circle, 0.8 * circle]), np.repeat([0, 1], 500)
    order = np.arange(1000)
    random.shuffle(order)
    points, classes = points[order], classes[order]
    write("two-circles.csv", ["x", "y", "class"], np.column_stack([points + random.normal(0, 0.1, points.shape), classes]))


if __name__ == "__main__":
    xor()
    line()
    two_blobs()
    three_blobs()
    two_circles()
