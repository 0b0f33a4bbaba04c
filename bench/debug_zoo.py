#!/usr/bin/python3
"""The debug zoo: generated base networks, which `tenet debug` must leave alone, and each cause of the catalogue planted in several of them, which it must find and name first.

    bench/debug_zoo.py [--program build/release/tenet] [--sample MINUTES] [--half a|b] [--only CAUSE] [--what healthy|faults] [--kind native|program] [--longest SECONDS] [--jobs N] [--write docs/debug_zoo.md]

The networks are in debug_zoo/: debug_bases.py and debug_plants.py as hypes, debug_programs.py as PyTorch programs; debug_table.py says what counts. Half of them, by a hash of the base's name, are half b:
kept out while thresholds are set. Every result is appended to results.jsonl in --folder, and a later run goes on from there: what has not changed is not debugged twice (--again: it is).
--sample debugs as many as end within so many minutes, spread over the whole; --longest leaves debugs that take longer to a later run. bench/zoo.py has the cases that were chosen by hand.

Needs what tools/setup.sh bench installs; what the machine lacks (PyTorch, scikit-learn, Fashion-MNIST, the plug-ins of the tests' build) is left out. Exit code 0: no false error on a healthy base, 97 % of the faults detected and 85 % with the right cause first; else 1.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import marked_part
from debug_zoo import debug_bases, debug_plants, debug_programs, debug_table

ROOT = pathlib.Path(__file__).resolve().parents[1]
LONGEST = 900  # seconds
DETECTED_MIN, RIGHT_MIN = 0.97, 0.85


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def half_of(base):
    """A base and all faults in it are in the same half, whatever is added later."""
    return "b" if int(digest(base)[:2], 16) % 2 else "a"


def cases_of(data, work):
    """All cases by name: bases have a bound, faults a cause; each has hypes or the source of a program."""
    bases = debug_bases.bases(data)
    programs = debug_programs.bases() if debug_programs.can_run() else {}
    cases = [{"name": name, **base} for name, base in (*bases.items(), *programs.items())]
    cases += debug_plants.planted(data, work, bases) + debug_programs.planted(programs)
    for case in cases:
        case["half"] = half_of(case.get("base", case["name"]))
        case["digest"] = digest(json.dumps(case.get("hypes", case.get("source")), sort_keys=True))[:16]
    return {case["name"]: case for case in cases}


def chosen(cases, options):
    """The cases that the options leave, in an order that spreads any part of it over the whole, and before them the bases that faults are held against."""
    names = [name for name, case in cases.items() if options.half in (None, case["half"]) and options.what in (None, "faults" if "cause" in case else "healthy")
             and options.kind in (None, "native" if "hypes" in case else "program") and (not options.only or case.get("cause") in options.only)
             and (not options.exact or name in options.exact)]
    order = []
    for name in sorted(names, key=digest):
        for one in (cases[name].get("base"), name):
            if one and one not in order:
                order.append(one)
    return order


def run_command(command, folder, longest):
    """Standard output and error of a command, in a session of its own so that its children end with it where it takes too long."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment, cwd=folder, start_new_session=True) as process:
        try:
            return process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return "", f"longer than {longest:g} s"


def debug(program, case, work, longest):
    """Debugs one case; returns its row."""
    row = {key: case[key] for key in ("name", "half", "kind", "task", "cause", "allowed", "base", "bound", "digest") if key in case}
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=work) as folder:
        if "hypes" in case:
            (pathlib.Path(folder) / "net.json").write_text(json.dumps(case["hypes"], indent=1))
            subject = ["net.json"]
        else:
            (pathlib.Path(folder) / "train.py").write_text(case["source"])
            subject = ["--", debug_programs.PYTHON, "train.py"]
        out, err = run_command([program, "debug", "--json", "--quiet", "--threads", "1", *subject], folder, longest)
    row["seconds"] = round(time.monotonic() - start, 2)
    try:
        report = json.loads(out)
    except ValueError:
        return {**row, "longest": longest, "problem": (err.strip().splitlines() or ["no report"])[-1][:200]}
    row.update(verdict=report["verdict"], score=report.get("score"), steps=report["cost"]["steps"], advised=[advice["cause"] for advice in report["advice"] if "cause" in advice])
    if report["findings"]:
        found = report["findings"][0]
        row.update(cause_found=found["cause"], confirmed=bool(found["confirmed"]), fix=((found.get("fix") or {}).get("text") or "")[:90], line=(found.get("where") or {}).get("line"))
    return row


def kept_rows(path, cases, longest):
    """What an earlier run has found out about the cases as they are now. A debug that said nothing is tried again where it may take longer now."""
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        row = json.loads(line)
        if row["name"] in cases and cases[row["name"]]["digest"] == row["digest"] and row.get("longest", longest) >= longest:
            rows[row["name"]] = {**row, **{key: cases[row["name"]][key] for key in ("half", "allowed", "bound", "kind", "task") if key in cases[row["name"]]}}
    return rows


def debug_all(options, cases, names, path):
    """Debugs what is not known yet, until the time is up; returns the rows of all names that are known then."""
    known = {} if options.again else kept_rows(path, cases, options.longest)
    until = time.monotonic() + 60 * options.sample if options.sample else None
    lock = threading.Lock()

    def one(name):
        longest = min(options.longest, until - time.monotonic()) if until else options.longest
        if name in known or longest <= 0:
            return
        row = debug(options.program, cases[name], options.folder / "work", longest)
        if "problem" in row and until and time.monotonic() > until:
            return  # cut short by the end of the sample
        with lock, path.open("a") as file:
            file.write(json.dumps(row) + "\n")
            known[name] = row
            print(f"{row['half']} {name:44} {row['seconds']:6.1f} s {row.get('steps', 0):>7}  {row.get('score')}  {debug_table.words(row)}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, names))
    return [known[name] for name in cases if name in known and name in set(names)]


def passes(rows):
    healthy, faults = debug_table.parts_of(rows)
    right, missed = debug_table.count(faults, "right", "right, suspected"), debug_table.count(faults, "missed")
    return not debug_table.count(healthy, "false error") and right >= RIGHT_MIN * len(faults) and len(faults) - missed >= DETECTED_MIN * len(faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--sample", type=float, metavar="MINUTES", help="as many as end within so many minutes")
    parser.add_argument("--half", choices=debug_table.HALVES, help="only this half")
    parser.add_argument("--only", action="append", default=[], metavar="CAUSE", help="only faults of this cause, and their bases; may be repeated")
    parser.add_argument("--exact", action="append", default=[], metavar="NAME", help="this network, and its base; may be repeated")
    parser.add_argument("--what", choices=["healthy", "faults"])
    parser.add_argument("--kind", choices=["native", "program"], help="only hypes, or only PyTorch programs")
    parser.add_argument("--longest", type=float, default=LONGEST, metavar="SECONDS", help="end a debug that takes longer")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="debugs side by side, one thread each")
    parser.add_argument("--again", action="store_true", help="debug what an earlier run has debugged too")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/debug_zoo", help="of the data, and of results.jsonl")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="put the tables between their marks in this Markdown file")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    options = parser.parse_args()
    options.program, options.folder = str(pathlib.Path(options.program).resolve()), options.folder.resolve()
    (options.folder / "work").mkdir(parents=True, exist_ok=True)
    cases = cases_of(debug_bases.make_data(options.folder / "data"), options.folder / "work")
    names = chosen(cases, options)
    if options.list:
        print("\n".join(f"{cases[name]['half']} {cases[name]['kind']:11} {name}" for name in names))
        return 0
    start = time.monotonic()
    rows = debug_table.judge(debug_all(options, cases, names, options.folder / "results.jsonl"), debug_plants.SILENT, debug_plants.GRADUAL)
    print(debug_table.page(rows))
    print(f"\n{len(rows)} of {len(names)} in {time.monotonic() - start:.0f} s, {options.jobs} side by side")
    if options.write:
        marked_part.write(options.write, "debug_zoo.py", debug_table.page(rows))
    return 0 if passes(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
