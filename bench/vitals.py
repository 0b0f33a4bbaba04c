#!/usr/bin/env python3
"""Vitals beside their peers, in one run, on one thread: ./bench/vitals.py [path of bench_vitals] [--large] [--data KIND].

Prints a Markdown table of GB/s and ratios. The peers compute the same list by one pass each: isnan, isinf, min, max, mean, standard deviation, histogram
(PyTorch's histc and NumPy's histogram have 512 equal bins, a simpler thing than the histogram of exponents by sign). Every figure is the best of
several turns. Needs PyTorch and NumPy (Debian: python3-torch); what is missing is printed as missing.
"""
import json
import os
import subprocess
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"


def best(work, count, seconds=1.5):
    """GB/s of the fastest of several calls."""
    fastest, start, turns = float("inf"), time.perf_counter(), 0
    while turns < 2 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - before)
        turns += 1
    return 4 * count / fastest / 1e9


def torch_speed(count):
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    values = torch.randn(count, generator=torch.Generator().manual_seed(1))

    def seven_passes():
        return (torch.isnan(values).sum(), torch.isinf(values).sum(), values.min(), values.max(), values.mean(), values.std(), torch.histc(values, 512))

    return best(seven_passes, count)


def numpy_speed(count):
    try:
        import numpy
    except ImportError:
        return None
    values = numpy.random.default_rng(1).standard_normal(count, dtype=numpy.float32)

    def seven_passes():
        return (numpy.isnan(values).sum(), numpy.isinf(values).sum(), values.min(), values.max(), values.mean(), values.std(),
                numpy.histogram(values, 512))

    return best(seven_passes, count)


def size_name(count):
    size = 4 * count
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def cell(value, form):
    return "missing" if value is None else form % value


def main():
    arguments = sys.argv[1:]
    program = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "build/release/bench_vitals"
    ours = json.loads(subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout)
    sets = [name for name in ("scalar", "avx2", "avx512") if name in ours["rows"][0]]
    print(f"Vitals, {ours['data']} data, one thread, GB/s (best of several turns)\n")
    print("| size | plain read | " + " | ".join(sets) + f" | {sets[-1]} / read | PyTorch | NumPy | " + " | ".join(f"{s} / PyTorch" for s in sets) + " |")
    print("|" + " --- |" * (6 + 2 * len(sets) - 1))
    for row in ours["rows"]:
        count = row["bytes"] // 4
        torch, numpy = torch_speed(count), numpy_speed(count)
        ratios = [cell(row[s] / torch if torch else None, "%.0f") for s in sets]
        print(f"| {size_name(count)} | {row['read']:.1f} | " + " | ".join(f"{row[s]:.1f}" for s in sets) + f" | {row[sets[-1]] / row['read']:.2f} | "
              f"{cell(torch, '%.2f')} | {cell(numpy, '%.2f')} | " + " | ".join(ratios) + " |")
    print("\nOne call on a small tensor, ns\n")
    print("| values | " + " | ".join(sets) + " |\n|" + " --- |" * (1 + len(sets)))
    for row in ours["small"]["rows"]:
        print(f"| {row['values']} | " + " | ".join(f"{row[s]:.0f}" for s in sets) + " |")


if __name__ == "__main__":
    main()
