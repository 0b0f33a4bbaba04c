#!/usr/bin/env python3
"""The sixteen faults of examples/faults and examples/torch/faults, debugged natively and as programs: `tenet debug -- python buggy.py` and fixed.py, beside the same networks as JSON.

Each script is run as a user has it, and its twin of examples/faults natively. Prints a table in Markdown, one row a script: what the native debug says and costs, then the
script's verdict, first finding, whether a fix or control confirmed it, the fix and the cost. --native runs the hypes alone, and counts a buggy one as found where its first
finding was confirmed by its fix. Agreement: the buggy script's first finding is the native one (or both are
causes that the case allows), confirmed or, where a knob is missing, suspected with a line to change; the fixed one is healthy, or what its
native twin is.

With --reports each report is kept in a folder, and what stands there already is not debugged again, so that the whole, which takes an hour, can be done in parts. --write puts the table between its marks in a document.

Usage: attach_cases.py [--native] [--program build/release/tenet] [--python /usr/bin/python3] [--only WORD]... [--budget B] [--threads N] [--no-fork] [--reports FOLDER] [--write docs/zoo.md]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import marked_part

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "examples/torch/faults"
TWINS = ROOT / "examples/faults"
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
NEEDS_FASHION = {"55328966", "IPS-1", "61781193", "DC-M-lr", "51118032"}
CASES = ["31556268", "48221692", "50306988", "51181393", "AT-GE", "TDC-const", "55328966", "IPS-1", "44066044", "AT-GV", "AT-OL", "TDC-norm", "TDC-softmax1",
         "61781193", "DC-M-lr", "51118032"]
SECONDS_MAX = 900
# What the case's own fix changes, by examples/faults/README.md. More may repair.
CAUSES = {
    "31556268": {"wrong_loss", "too_few_steps"}, "48221692": {"wrong_output"}, "50306988": {"lr_too_low", "too_few_steps"}, "51181393": {"lr_too_low"},
    "AT-GE": {"wrong_activation", "nonfinite_op"}, "TDC-const": {"bad_init"}, "55328966": {"unscaled_input", "wrong_output"}, "IPS-1": {"unstable_softmax", "lr_too_high"},
    "44066044": {"unscaled_input", "wrong_output"}, "AT-GV": {"wrong_activation"}, "AT-OL": {"batch_size"}, "TDC-norm": {"unscaled_input"}, "TDC-softmax1": {"wrong_output"},
    "61781193": {"wrong_output"}, "DC-M-lr": {"lr_too_low"}, "51118032": {"lr_too_high"},
}


def debug(options, subject, seconds_max=SECONDS_MAX):
    """One debug: its report (None where there is none), seconds and last words."""
    command = [options.program, "debug", "--json", "--quiet"]
    if options.budget:
        command += ["--budget", options.budget]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    start = time.monotonic()
    try:
        done = subprocess.run(command + subject, capture_output=True, text=True, timeout=seconds_max, stdin=subprocess.DEVNULL, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return None, seconds_max, "it took more than %d s" % seconds_max
    seconds = time.monotonic() - start
    try:
        return json.loads(done.stdout), seconds, ""
    except ValueError:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        return None, seconds, "exit status %d: %s" % (done.returncode, words[-1] if words else "nothing printed")


def place_of(finding):
    where = finding.get("where") or {}
    return "%s:%s" % (os.path.basename(where["file"]), where["line"]) if where.get("file") else where.get("op", "")


def agree(case, variant, report, native):
    """Whether the script's report is as good as its twin's, and what is not."""
    if report is None:
        return "no report"
    first, other = (report["findings"] or [None])[0], ((native or {}).get("findings") or [None])[0]
    if variant == "fixed":
        return "yes" if report["verdict"] == "healthy" or (native and report["verdict"] == native["verdict"]) else report["verdict"]
    if first is None:
        return "nothing found"
    if other and first["cause"] != other["cause"] and not {first["cause"], other["cause"]} <= CAUSES[case]:
        return "another cause"
    if not other and first["cause"] not in CAUSES[case]:
        return "another cause"
    if not first["confirmed"] and not place_of(first):
        return "suspected, no line"
    return "yes"


def confirmed_by(finding):
    return (finding.get("confirmed_by") or "yes" if finding.get("confirmed") else "no") if finding else ""


def native_cells(report, seconds, words):
    if report is None:
        return ["**" + words + "**", "", "", "", "", "%.1f" % seconds]
    first = (report["findings"] or [{}])[0]
    score = report.get("score")
    return [report["verdict"], "" if score is None else "%.2f" % score, first.get("cause", ""), (first.get("fix") or {}).get("text", ""), str(report["cost"]["steps"]),
            "%.1f" % report["cost"]["seconds"]]


def native_is_good(variant, report):
    first = ((report or {}).get("findings") or [{}])[0]
    return report is not None and (report["verdict"] == "healthy" if variant == "fixed" else first.get("confirmed_by") == "fix")


def attached_cells(case, variant, report, seconds, words, native):
    if report is None:
        return ["**" + words + "**", "", "", "", "", "%.1f" % seconds, "", "no report"]
    first = (report["findings"] or [{}])[0]
    return [report["verdict"], first.get("cause", ""), confirmed_by(first), (first.get("fix") or {}).get("text", ""), place_of(first), "%.1f" % seconds,
            str(report["cost"]["trials"]), agree(case, variant, report, native)]


def keep(options, name, report):
    if options.reports and report is not None:
        folder = pathlib.Path(options.reports)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / (name + ".json")).write_text(json.dumps(report, indent=1) + "\n")


def debugged(options, name, subject):
    """debug(), or the report of that name that an earlier run has kept."""
    path = pathlib.Path(options.reports or "") / (name + ".json")
    if options.reports and path.exists():
        report = json.loads(path.read_text())
        return report, report["cost"]["seconds"], ""
    report, seconds, words = debug(options, subject, options.seconds)
    keep(options, name, report)
    return report, seconds, words


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--only", action="append", help="a case, or part of its name")
    parser.add_argument("--native", action="store_true", help="the hypes alone")
    parser.add_argument("--variant", choices=["buggy", "fixed"], action="append")
    parser.add_argument("--budget")
    parser.add_argument("--seconds", type=int, default=SECONDS_MAX, help="end a debug that takes longer (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the program, and trials at a time (default: 1)")
    parser.add_argument("--no-fork", action="store_true")
    parser.add_argument("--reports", help="keep each report in this folder, and take those that stand there")
    parser.add_argument("--write", help="a document that gets the table between its marks")
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())

    head = ["case", "", "hypes: verdict", "score", "first finding", "fix", "steps", "seconds"]
    head += [] if options.native else ["script: verdict", "first finding", "confirmed by", "fix", "where", "seconds", "trials", "agrees"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    print("\n".join(lines), flush=True)
    good = count = 0
    for case in CASES:
        if options.only and not any(word in case for word in options.only):
            continue
        if case in NEEDS_FASHION and not FASHION.exists():
            print("attach_cases: %s is left out: Fashion-MNIST is not installed (Debian's dataset-fashion-mnist)" % case, file=sys.stderr)
            continue
        for variant in options.variant or ("buggy", "fixed"):
            native, seconds, words = debugged(options, "%s-%s-hypes" % (case, variant), ["--threads", str(options.threads), str(TWINS / case / (variant + ".json"))])
            cells = [case, variant] + native_cells(native, seconds, words)
            is_good = native_is_good(variant, native)
            if not options.native:
                fork = ["--no-fork"] if options.no_fork else []
                script = [*fork, "--threads", str(options.threads), "--", options.python, str(SCRIPTS / case / (variant + ".py"))]
                report, seconds, words = debugged(options, "%s-%s" % (case, variant), script)
                cells += attached_cells(case, variant, report, seconds, words, native)
                is_good = cells[-1] == "yes"
            good, count = good + is_good, count + 1
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            print(lines[-1], flush=True)
    summary = "%d of %d %s." % (good, count, "are right" if options.native else "agree")
    print("\n" + summary)
    if options.write:
        marked_part.write(options.write, "attach_cases.py", "\n".join([*lines, "", summary]))
    return 0 if good == count else 1


if __name__ == "__main__":
    sys.exit(main())
