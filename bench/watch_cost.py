#!/usr/bin/python3
"""What it costs a training on the engine to be watched (`tenet train --watch`), against `off`.

    bench/watch_cost.py [--program build/release/bench_watch] [--rounds 15] [--threads 1] [--nets NAME,...]

Runs bench_watch once a net: three trainings in turns in one process, so that a busy machine hits all alike. Prints two Markdown tables: the time of a step against
`off`, by the clock and of the processor (the store's thread included), and what it comes to for a tensor, for a megabyte and for an observed step. Exits with 1 where a
target of the project is missed. Two seconds a round and net.
"""

import argparse
import json
import pathlib
import subprocess
import sys

TARGETS = {"mlp-64-128-10": 1.5, "mlp-784-512-512-10": 1.12, "lenet-5": 1.12}  # everything watched at every step
AUTO_TARGET = 1.05
ROOT = pathlib.Path(__file__).resolve().parent.parent


def measure(program, net, threads, rounds):
    done = subprocess.run([program, net, str(threads), str(rounds)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def print_ratios(measured):
    row("net", "off", "all", "ratio", "to reach", "of the processor", "auto", "ratio", "to reach", "of the processor", "steps that auto observed")
    row(*["---"] + ["---:"] * 10)
    for m in measured:
        everything, auto = m["all"], m["auto"]
        row(m["net"], f"{m['off']['microseconds']:.1f}", f"{everything['microseconds']:.1f}", f"{everything['ratio']:.3f}", TARGETS[m["net"]],
            f"{everything['processor_ratio']:.3f}", f"{auto['microseconds']:.1f}", f"{auto['ratio']:.3f}", AUTO_TARGET,
            f"{auto['processor_ratio']:.3f}", f"1 in {auto['steps'] / max(1, auto['observed']):.0f}")


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
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nets", default=",".join(TARGETS))
    arguments = parser.parse_args()
    nets = arguments.nets.split(",")
    unknown = [net for net in nets if net not in TARGETS]
    if unknown:
        parser.error(f"no net {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    measured = [measure(arguments.program, net, arguments.threads, arguments.rounds) for net in nets]
    print(f"Microseconds a step, {arguments.threads} thread{'s' if arguments.threads > 1 else ''}, medians of {arguments.rounds} rounds:\n")
    print_ratios(measured)
    print("\nWhat an observed step costs beyond one of `off`:\n")
    print_absolutes(measured)
    missed = [f"{m['net']} {mode} {m[mode]['ratio']:.3f}, to reach {target}"
              for m in measured for mode, target in (("all", TARGETS[m["net"]]), ("auto", AUTO_TARGET)) if m[mode]["ratio"] > target]
    print("\n" + ("Missed: " + "; ".join(missed) if missed else "Every target is reached."))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
