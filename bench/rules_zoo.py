#!/usr/bin/python3
"""The rules zoo: how often the rules of `tenet train` are wrong about healthy networks, and whether each finds its fault at the right place.

    bench/rules_zoo.py [--program build/release/tenet] [--what healthy|faults] [--kind native|program] [--only WORD] [--half tuning] [--sample N] [--jobs N] [--write docs/rules.md]

Healthy networks (rules_zoo/zoo_native.py as hypes, zoo_programs.py as ordinary PyTorch programs) count only where their own measure proves them healthy in this
very run. Each fault of zoo_faults.py is planted in one of them, and states the rule that must fire and where. Thresholds may be tuned on the half called tuning; the other
half, chosen by a hash of the name, is held out. Not for diagnoses: bench/zoo.py judges those.

Needs what tools/setup.sh bench installs. Exit code 0: no error on a healthy network, at most 3 warnings, every fault found; else 1.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from rules_zoo import zoo_data, zoo_faults, zoo_native, zoo_programs, zoo_table

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"  # Debian's PyTorch belongs to Debian's Python
SECONDS_MAX = 600
STEPS_MIN = 300  # fewer give the rules too little to be wrong about
WARNINGS_MAX = 3


def half_of(name):
    """Half of the names are held out, whatever is added later."""
    return "held-out" if hashlib.sha256(name.encode()).digest()[0] % 2 else "tuning"


def cases_of(data, folder):
    """All cases: healthy ones have a bound, faults a rule and a place."""
    cases = [{"name": name, "hypes": entry["hypes"], "bound": entry["bound"]} for name, entry in zoo_native.healthy(data).items()]
    cases += [{"name": name, "command": [PYTHON, str(entry["program"]), *entry["arguments"]], "bound": entry["bound"]}
              for name, entry in zoo_programs.healthy(data).items()]
    cases += zoo_faults.planted(data, folder, {case["name"]: case for case in cases})
    return [{**case, "half": half_of(case["name"])} for case in cases]


def sample_of(cases, count):
    """`count` of the cases, spread evenly over the list."""
    return [cases[i * len(cases) // count] for i in range(min(count, len(cases)))]


def measure_of(text):
    """Name and value of the last figure that a program printed; with --json its output is on stderr, among what tenet says."""
    found = re.findall(r"^([a-z][a-z0-9 ]*) (-?[0-9.]+|nan)$", text, re.M)
    return (found[-1][0], float(found[-1][1])) if found else ("", None)


def train(command, environment, folder):
    """Standard output and error of a command, in a session of its own so that its children end with it where it takes too long."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment, cwd=folder,
                          start_new_session=True) as process:
        try:
            return process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "", f"longer than {SECONDS_MAX} s"


def run(program, case, folder):
    """Trains one case; returns its row."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    start = time.monotonic()
    if "hypes" in case:
        path = folder / (case["name"].replace("/", "-") + ".json")
        path.write_text(json.dumps(case["hypes"], indent=1))
        command = [program, "train", str(path), "--json", "--quiet", "--threads", "1"]
    else:
        command = [program, "train", "--json", "--quiet", "--", *case["command"]]
    row = {key: case[key] for key in ("name", "half", "bound", "rule", "twin") if key in case}
    row["kind"] = "native" if "hypes" in case else "program"
    with tempfile.TemporaryDirectory(dir=folder) as empty:
        out, err = train(command, environment, empty)
    report = json.loads(out) if out.startswith("{") else None
    row["seconds"] = time.monotonic() - start
    if report is None:
        row["problem"] = (err.strip().splitlines() or ["no report"])[-1][:200]
        return row
    row.update(steps=report["run"]["steps"], first_loss=report["run"]["first_loss"], last_loss=report["run"]["last_loss"], signals=report["signals"])
    if "hypes" in case:
        row["measure"], row["value"] = "score", report.get("score")
    else:
        row["measure"], row["value"] = measure_of(err)
    if "bound" in case:
        row["healthy"] = row["value"] is not None and row["value"] > case["bound"] and row["steps"] >= STEPS_MIN
    else:
        row["right"], row["said"] = zoo_faults.judge(case, report["signals"])
        row["place"] = case["place"]["text"]
    return row


def show(row):
    """One line of progress."""
    if "problem" in row:
        what = "NOT RUN: " + row["problem"]
    elif "bound" in row:
        fired = [f"{seen['rule']} {seen['severity']} {seen.get('tensor', '')} at {seen['step']}: {seen['text']}" for seen in row["signals"] if seen["state"] == "fired"]
        what = f"{'healthy' if row['healthy'] else 'NOT HEALTHY'} {row['measure']} {row['value']} (above {row['bound']}); " + ("; ".join(fired) or "quiet")
    else:
        what = f"{'right' if row['right'] else 'MISSED'}: {row['said']} (wanted {row['rule']}, {row['place']})"
    return f"{row['half']:8} {row['name']:44} {row.get('steps', ''):>6} {row['seconds']:6.1f} s  {what}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--what", choices=["healthy", "faults"], help="only these; both where not given")
    parser.add_argument("--kind", choices=["native", "program"], help="only networks as hypes, or only PyTorch programs")
    parser.add_argument("--only", action="append", default=[], help="only names that hold this word; may be repeated")
    parser.add_argument("--exact", action="append", default=[], help="this network alone; may be repeated")
    parser.add_argument("--half", choices=["tuning", "held-out"], help="only this half")
    parser.add_argument("--sample", type=int, help="only so many, spread over the whole")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings side by side, one thread each")
    parser.add_argument("--folder", default=str(ROOT / "build/rules_zoo"), help="of the data, and of results.json")
    parser.add_argument("--write", help="put the table below the marker of this Markdown file")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    folder = pathlib.Path(options.folder).resolve()
    data = zoo_data.make(folder / "data")
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    cases = [case for case in cases_of(data, work) if (not options.exact or case["name"] in options.exact) and (not options.only or any(word in case["name"] for word in options.only))
             and options.half in (None, case["half"]) and options.what in (None, "healthy" if "bound" in case else "faults")
             and options.kind in (None, "native" if "hypes" in case else "program")]
    if options.sample:
        cases = sample_of(cases, options.sample)
    if options.list:
        print("\n".join(f"{case['half']:8} {case['name']}" for case in cases))
        return 0
    rows, start = [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(lambda case: run(program, case, work), cases):
            rows.append(row)
            print(show(row), flush=True)
    (folder / "results.json").write_text(json.dumps(rows, indent=1))
    print()
    print(zoo_table.summary(rows))
    print(f"{len(rows)} networks in {time.monotonic() - start:.0f} s, {options.jobs} side by side")
    if options.write:
        zoo_table.write(pathlib.Path(options.write), rows)
    return 0 if zoo_table.passes(rows, WARNINGS_MAX) else 1


if __name__ == "__main__":
    sys.exit(main())
