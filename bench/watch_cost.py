#!/usr/bin/python3
"""What it costs a training on the engine to be watched (`tenet train --watch`), against `off`.

    bench/watch_cost.py [--program build/release/bench_watch] [--rounds 5] [--generations 5] [--threads 1] [--nets NAME,...]

Runs bench_watch: three trainings in turns in one process, so that a busy machine hits all alike. It is started anew a few times a net, since a training that happens to lie
well in memory stays fast as long as it runs; medians of the starts are told. Prints two Markdown tables: the time of a step against
`off`, by the clock and of the processor (the store's thread included), and what it comes to for a tensor, for a megabyte and for an observed step. Exits with 1 where a
target of the project is missed. Two seconds a round.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

TARGETS = {"mlp-64-128-10": 1.5, "mlp-784-512-512-10": 1.12, "lenet-5": 1.12}  # everything watched at every step
AUTO_TARGET = 1.05
ROOT = pathlib.Path(__file__).resolve().parent.parent


def measure(program, net, arguments):
    """What bench_watch prints, each figure the median of the processes'."""
    runs = []
    for _ in range(arguments.generations):
        done = subprocess.run([program, net, str(arguments.threads), str(arguments.rounds)], stdout=subprocess.PIPE, check=True)
        runs.append(json.loads(done.stdout))
    middle = {"net": net}
    for mode in ("off", "auto", "all"):
        middle[mode] = {key: statistics.median(run[mode][key] for run in runs) for key in runs[0][mode]}
    middle["ranges"] = {mode: [pick(run[mode]["ratio"] for run in runs) for pick in (min, max)] for mode in ("auto", "all")}
    return middle


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def span(limits):
    return f"{limits[0]:.2f} to {limits[1]:.2f}"


def print_ratios(measured):
    row("net", "off", "all", "ratio", "of the processes", "to reach", "processor", "auto", "ratio", "of the processes", "to reach", "processor",
        "auto observed")
    row(*["---"] + ["---:"] * 12)
    for m in measured:
        everything, auto = m["all"], m["auto"]
        row(m["net"], f"{m['off']['microseconds']:.1f}", f"{everything['microseconds']:.1f}", f"{everything['ratio']:.3f}",
            span(m["ranges"]["all"]), TARGETS[m["net"]], f"{everything['processor_ratio']:.3f}", f"{auto['microseconds']:.1f}",
            f"{auto['ratio']:.3f}", span(m["ranges"]["auto"]), AUTO_TARGET, f"{auto['processor_ratio']:.3f}",
            f"1 in {auto['steps'] / max(1, auto['observed']):.0f}")


def print_absolutes(measured):
    row("net", "tensors", "MB", "us a step", "us a tensor", "ms a MB", "bytes stored")
    row(*["---"] + ["---:"] * 6)
    for m in measured:
        everything = m["all"]
        more = (everything["ratio"] - 1) * m["off"]["microseconds"]
        row(m["net"], f"{everything['tensors']:.0f}", f"{everything['megabytes']:.2f}", f"{more:.1f}", f"{more / everything['tensors']:.2f}",
            f"{more / 1e3 / everything['megabytes']:.3f}", f"{everything['stored_bytes']:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/bench_watch"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--generations", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nets", default=",".join(TARGETS))
    arguments = parser.parse_args()
    nets = arguments.nets.split(",")
    unknown = [net for net in nets if net not in TARGETS]
    if unknown:
        parser.error(f"no net {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    measured = [measure(arguments.program, net, arguments) for net in nets]
    print(f"Microseconds a step, {arguments.threads} thread{'s' if arguments.threads > 1 else ''}, medians of {arguments.generations} "
          f"processes of {arguments.rounds} rounds:\n")
    print_ratios(measured)
    print("\nWhat an observed step costs beyond one of `off`:\n")
    print_absolutes(measured)
    missed = [f"{m['net']} {mode} {m[mode]['ratio']:.3f}, to reach {target}"
              for m in measured for mode, target in (("all", TARGETS[m["net"]]), ("auto", AUTO_TARGET)) if m[mode]["ratio"] > target]
    print("\n" + ("Missed: " + "; ".join(missed) if missed else "Every target is reached."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
