#!/usr/bin/python3
"""The grid of `nonfinite`, end to end: 0/0, log 0, sqrt of a negative, exp overflow and inf - inf, planted forward and backward at the first step, after 57 and after 1,234 updates, as hypes and in PyTorch programs.

    bench/nonfinite_grid.py [--program build/release/tenet] [--kind native|torch] [--jobs N] [--output docs/bench.md]

Each cell is two commands as a user types them: `tenet train` (a program's with --watch trace), whose signal must name operation, direction, step and sample, and `tenet nonfinite`, whose finding must;
in a program both must name file and line. The programs are those of tests/python/test_nonfinite.py, which judges the same in one process. --output writes the table between its marks.

Exit code 0: every cell is exact; else 1.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import marked_part

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"  # Debian's PyTorch belongs to Debian's Python
UPDATES = (0, 57, 1234)
SECONDS_MAX = 300
BATCH, AFTER = 2, 60  # rows a step, and steps after the one with the fault


def op(kind, **keys):
    return {"op": kind, **keys}


# A dense layer of weight 1 that hardly learns, so that what lies behind it has a backward pass.
PASS = op("dense", units=1, bias=False, init="ones", name="w")
LAST = op("dense", units=1)


def differing(of):
    """The difference of two equal squares of one tensor."""
    return [op("square", name="left", **{"from": of}), op("square", name="right", **{"from": of}), op("subtract", **{"from": ["left", "right"]})]


# The net; input and target of the row that sets it off; operation, node. All other rows are (1, 0.5).
NATIVE = {
    ("0/0", "forward"): ([op("divide", **{"from": ["input", "input"]}), LAST], 0, 0.5, "divide", "divide_0"),
    ("log 0", "forward"): ([op("log"), LAST], 0, 0.5, "log", "log_0"),
    ("sqrt of a negative", "forward"): ([op("sqrt"), LAST], -1, 0.5, "sqrt", "sqrt_0"),
    ("exp overflow", "forward"): ([op("exp"), op("log"), LAST], 100, 0.5, "exp", "exp_0"),
    ("inf - inf", "forward"): ([*differing("input"), LAST], 1e30, 0.5, "square", "left"),
    ("0/0", "backward"): ([PASS, op("divide", **{"from": ["w", "w"]})], 1e-20, -1e19, "divide", "divide_1"),
    ("log 0", "backward"): ([PASS, op("log")], 1e-20, -1e19, "log", "log_1"),
    ("sqrt of a negative", "backward"): ([PASS, op("sqrt")], 0, 0.5, "sqrt", "sqrt_1"),
    ("exp overflow", "backward"): ([PASS, op("exp")], 46.0517, 9e19, "exp", "exp_1"),
    ("inf - inf", "backward"): ([PASS, *differing("w")], 1.8e19, -1.8e19, "square", "right"),
}
# The case of tests/python/test_nonfinite.py. The slope of sqrt is infinite at 0, and a negative number has none.
TORCH = {
    ("0/0", "forward"): "0/0", ("log 0", "forward"): "log 0", ("sqrt of a negative", "forward"): "sqrt of a negative", ("exp overflow", "forward"): "exp overflow",
    ("inf - inf", "forward"): "inf - inf", ("0/0", "backward"): "0/0, backward", ("log 0", "backward"): "where 0 log 0, backward",
    ("sqrt of a negative", "backward"): "sqrt of 0, backward", ("exp overflow", "backward"): "exp, backward", ("inf - inf", "backward"): "inf - inf, backward",
}


def tenet(program, folder, *words):
    """A command's report."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("TENET_")}
    done = subprocess.run([program, words[0], "--json", "--quiet", *words[1:]], cwd=folder, env=dict(environment, OMP_NUM_THREADS="1"), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError as problem:
        raise RuntimeError("tenet %s: %s" % (" ".join(words), (done.stderr.strip() or "no report").splitlines()[-1])) from problem


def places(program, folder, *subject, watch):
    """Where the signal of a training, and where the finding of `tenet nonfinite` says that it began."""
    signals = {signal["rule"]: signal for signal in tenet(program, folder, "train", "--watch", watch, *subject)["signals"]}
    findings = tenet(program, folder, "nonfinite", *subject)["findings"]
    return [{**signals["nonfinite"].get("where", {}), "step": signals["nonfinite"].get("step")}, findings[0]["where"] if findings else {}]


def said(where, keys):
    return ", ".join(str(where.get(key, "no " + key)) for key in keys)


def examine_native(program, folder, fault, direction, updates):
    """What is right, and what both commands say, as texts."""
    net, x, y, kind, node = NATIVE[fault, direction]
    rows = ["1,0.5"] * (BATCH * (updates + AFTER))
    rows[updates * BATCH + 1] = "%.9g,%.9g" % (x, y)
    (folder / "rows.csv").write_text("\n".join(["x,y", *rows, ""]))
    hypes = {"data": {"train": {"format": "csv", "file": "rows.csv", "label": ["y"]}, "valid": {"fraction": 0}, "input": {"scale": "none"}}, "net": net, "loss": "mse",
             "solver": {"opt": "sgd", "learning_rate": 1e-12, "batch_size": BATCH, "steps": updates + AFTER, "shuffle": False}}
    (folder / "net.json").write_text(json.dumps(hypes))
    keys = ("op", "node", "direction", "step", "row")
    return said({"op": kind, "node": node, "direction": direction, "step": updates + 1, "row": updates * BATCH + 1}, keys), [
        said(where, keys) for where in places(program, folder, "net.json", watch="auto")]


def examine_torch(program, folder, fault, direction, updates):
    import test_nonfinite
    case = next(one for one in test_nonfinite.CASES if one.name == TORCH[fault, direction])
    text = test_nonfinite.text_of(case)
    script = folder / "train.py"
    script.write_text(text)
    keys = ("op", "direction", "step", "sample", "file", "line")
    right = {"op": case.op, "direction": direction, "step": updates + 1, "sample": test_nonfinite.SAMPLE, "file": script.name, "line": test_nonfinite.line_of(text)}
    return said(right, keys), [said(where, keys) for where in places(program, folder, "--", PYTHON, str(script), str(updates), watch="trace")]


def examine(program, kind, fault, direction, updates):
    """A cell: whether each command is exact; what is wrong is printed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            right, answers = (examine_native if kind == "native" else examine_torch)(program, pathlib.Path(folder), fault, direction, updates)
        except (RuntimeError, subprocess.TimeoutExpired) as problem:
            right, answers = "an answer", [str(problem)] * 2
    for command, answer in zip(("train", "nonfinite"), answers):
        if answer != right:
            print("%s %s, %s, after %d updates: tenet %s says (%s), not (%s)" % (kind, fault, direction, updates, command, answer, right), flush=True)
    return [answer == right for answer in answers]


def table(cells):
    """One row a fault and direction, one column a kind and step."""
    kinds = list(dict.fromkeys(kind for kind, *_ in cells))
    lines = ["| fault | pass | " + " | ".join("%s, after %s updates" % (kind, format(updates, ",")) for kind in kinds for updates in UPDATES) + " |", "| --- | --- |" + " --- |" * (len(kinds) * len(UPDATES))]
    for fault, direction in NATIVE:
        marks = [cells[kind, fault, direction, updates] for kind in kinds for updates in UPDATES]
        words = ["exact" if all(mark) else "`train` wrong" if mark[1] else "`nonfinite` wrong" if mark[0] else "wrong" for mark in marks]
        lines.append("| %s | %s | %s |" % (fault, direction, " | ".join(words)))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--kind", choices=["native", "torch"], help="only hypes, or only PyTorch programs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cells side by side")
    parser.add_argument("--output", help="a document that gets the table between its marks")
    options = parser.parse_args()
    program = pathlib.Path(options.program).resolve()
    sys.path[:0] = [str(program.parent / "python"), str(ROOT / "tests/python")]
    names = [(kind, *key, updates) for kind in ("native", "torch") if options.kind in (None, kind) for key in NATIVE for updates in UPDATES]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        cells = dict(zip(names, pool.map(lambda name: examine(str(program), *name), names)))
    exact = sum(all(marks) for marks in cells.values())
    lines = [*table(cells), "", "%d of %d cells are exact." % (exact, len(cells))]
    print("\n".join(lines))
    print("%.0f s, %d side by side" % (time.monotonic() - start, options.jobs))
    if options.output:
        marked_part.write(options.output, "nonfinite_grid.py", "\n".join(lines))
    return 0 if exact == len(cells) else 1


if __name__ == "__main__":
    sys.exit(main())
