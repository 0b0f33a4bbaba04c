#!/usr/bin/env python3
"""The programs of examples/torch/misuse, each with one mistake that only a framework program can make, buggy and fixed: what `tenet debug` finds, and on which line.

Prints a table in Markdown, one row a script: verdict, first finding, whether a fix or a control confirmed it, its line and the one that is right, the cost. A buggy script is found where its first
finding has one of the case's causes and stands on the right line, confirmed or suspected; a fixed one is right where nothing is found. --output writes the table into a file of docs/, between its
marks.

Usage: misuse_cases.py [--program build/release/tenet] [--python /usr/bin/python3] [--only WORD]... [--variant buggy|fixed]... [--budget B] [--reports FOLDER] [--output docs/misuse.md]
"""
import argparse
import os
import pathlib
import sys

import marked_part
from attach_cases import debug, keep

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "examples/torch/misuse"
SECONDS_MAX = 600
FOUND_MIN = 18  # of at least 20

# The case: the causes that are right, and what the right line of buggy.py holds; of several, any.
CASES = {
    "missing_zero_grad": ({"missing_zero_grad"}, ["loss.backward()"]),
    "zero_grad_once_an_epoch": ({"missing_zero_grad"}, ["loss.backward()"]),
    "zero_grad_before_step": ({"missing_zero_grad"}, ["optimizer.zero_grad()"]),
    "softmax_before_cross_entropy": ({"wrong_output"}, ["nn.Softmax(dim=1)"]),
    "half_the_parameters": ({"frozen_parameters"}, ["torch.optim.Adam("]),
    "layers_in_a_list": ({"frozen_parameters"}, ["self.hidden = ["]),
    "optimizer_made_too_early": ({"frozen_parameters"}, ["torch.optim.Adam("]),
    "eval_mode_in_training": ({"wrong_mode"}, ["model.eval()"]),
    "eval_mode_after_first_epoch": ({"wrong_mode"}, ["model.eval()"]),
    "mse_broadcast": ({"batch_computation"}, ["criterion(outputs, targets)"]),
    "written_mse_broadcast": ({"batch_computation"}, ["error = prediction - y[batch]"]),
    "detached_encoder": ({"frozen_parameters"}, [".detach()"]),
    "no_grad_in_forward": ({"frozen_parameters"}, ["with torch.no_grad():\n            bag"]),
    "sigmoid_before_logits_loss": ({"wrong_output"}, ["torch.sigmoid("]),
    "softmax_over_the_batch": ({"wrong_axis"}, ["dim=0"]),
    "attention_over_queries": ({"wrong_axis"}, ["torch.softmax(scores"]),
    "reshape_mixes_samples": ({"batch_computation"}, ["x.reshape(x.shape[1], -1)"]),
    "lstm_without_batch_first": ({"batch_computation"}, ["nn.LSTM("]),
    "nll_of_probabilities": ({"wrong_output"}, ["F.softmax("]),
    "nll_of_logits": ({"wrong_output"}, ["criterion(output, labels[batch])"]),
    "wrong_backward": ({"wrong_gradient"}, ["def backward("]),
    "written_softmax": ({"unstable_softmax"}, ["torch.exp(x)"]),
    "scheduler_every_batch": ({"wrong_schedule"}, ["scheduler.step()"]),
    "warmup_every_epoch": ({"wrong_schedule"}, ["scheduler.step()"]),
    "clipping_too_tight": ({"tight_clipping"}, ["clip_grad_norm_("]),
    "never_in_evaluation_mode": ({"wrong_mode"}, ["model(x).argmax(1)"]),
}


def right_lines(name):
    """Numbers of the lines of buggy.py on which the mistake stands: those that hold the words of the case; of words over two lines, the first."""
    text = (SCRIPTS / name / "buggy.py").read_text()
    lines = set()
    for words in CASES[name][1]:
        place = text.find(words)
        while place >= 0:
            lines.add(text.count("\n", 0, place) + 1)
            place = text.find(words, place + 1)
    if not lines:
        raise SystemExit("misuse_cases: %s/buggy.py holds none of %s" % (name, CASES[name][1]))
    return lines


def judge(name, variant, report):
    """"yes", or what is wrong with the report."""
    if report is None:
        return "no report"
    first = (report["findings"] or [None])[0]
    if variant == "fixed":
        return "yes" if first is None else "flagged"
    if first is None:
        return "nothing found"
    if first["cause"] not in CASES[name][0]:
        return "another cause"
    return "yes" if (first.get("where") or {}).get("line") in right_lines(name) else "another line"


def row(name, variant, report, seconds, words):
    right = ", ".join(str(line) for line in sorted(right_lines(name))) if variant == "buggy" else ""
    if report is None:
        return [name, variant, words, "", "", "", right, "%.0f" % seconds, "no report"]
    first = (report["findings"] or [{}])[0]
    how = "by " + first["confirmed_by"] if first.get("confirmed") else "suspected" if first else ""
    line = (first.get("where") or {}).get("line")
    return [name, variant, report["verdict"], first.get("cause", ""), how, str(line or ""), right, "%.0f" % seconds, judge(name, variant, report)]


HEAD = ["script", "variant", "verdict", "first finding", "confirmed", "line", "right line", "seconds", "right"]


def table(rows):
    lines = ["| " + " | ".join(HEAD) + " |", "| " + " | ".join(["---"] * len(HEAD)) + " |"]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in rows]


def summary(rows):
    buggy, fixed = ([cells for cells in rows if cells[1] == variant] for variant in ("buggy", "fixed"))
    found, quiet = (sum(cells[-1] == "yes" for cells in part) for part in (buggy, fixed))
    confirmed = sum(cells[-1] == "yes" and cells[4].startswith("by") for cells in buggy)
    return found, quiet, "%d of %d buggy scripts are found with the right line, %d of them confirmed; %d of %d fixed ones have no finding. %.0f s in all, on %d processors." % (
        found, len(buggy), confirmed, quiet, len(fixed), sum(float(cells[7]) for cells in rows), len(os.sched_getaffinity(0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--only", action="append", help="a case, or part of its name")
    parser.add_argument("--variant", choices=["buggy", "fixed"], action="append")
    parser.add_argument("--budget")
    parser.add_argument("--threads", type=int, default=2, help="trials at a time (default: 2)")
    parser.add_argument("--reports", help="keep each report in this folder")
    parser.add_argument("--output", help="a document that gets the table between its marks")
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())

    rows = []
    print("\n".join(table([])), flush=True)
    for name in CASES:
        if options.only and not any(word in name for word in options.only):
            continue
        for variant in options.variant or ("buggy", "fixed"):
            report, seconds, words = debug(options, ["--threads", str(options.threads), "--", options.python, str(SCRIPTS / name / (variant + ".py"))], SECONDS_MAX)
            keep(options, "%s-%s" % (name, variant), report)
            rows.append(row(name, variant, report, seconds, words))
            print(table(rows[-1:])[-1], flush=True)
    found, quiet, text = summary(rows)
    print("\n" + text)
    if options.output:
        marked_part.write(options.output, "misuse_cases.py", "\n".join(table(rows) + ["", text]))
    buggy = sum(cells[1] == "buggy" for cells in rows)
    return 0 if found >= min(FOUND_MIN, buggy) and quiet == len(rows) - buggy else 1


if __name__ == "__main__":
    sys.exit(main())
