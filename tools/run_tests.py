#!/usr/bin/env python3
"""Builds and runs every test: the release build, address and undefined-behaviour sanitizers, the thread sanitizer, the Python package, and the checkers' own tests.

Each test program that ran counts once a build. A program that skipped all of its tests, or that ctest did not run, counts as skipped and never as passed; skipped
tests of a program that passed are listed. The numbers go to build/summary_test.json, and the last line is "N passed, N failed".

Usage: run_tests.py [--filter REGEX] [--jobs N] [--stage NAME]...
With a filter only the programs whose names match are built and run, and the checkers are left out.
"""
import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Layers with threads of their own: what the thread sanitizer has to see.
THREADED = ("base", "store", "run", "subject", "experiments", "test_trainer_ahead", "test_trainer_buckets")
# The sweep over failing allocations takes minutes and finds most where the address sanitizer looks on, so it runs there alone.
SWEEP = "test_allocation_failure"

PASSED = re.compile(r"^\[  PASSED  \] (\d+) test", re.M)
SKIPPED_COUNT = re.compile(r"^\[  SKIPPED \] (\d+) test", re.M)
SKIPPED_NAME = re.compile(r"^\[  SKIPPED \] ([a-z]\w*)$", re.M)
# Debian's PyTorch belongs to Debian's Python, which need not be the first one on the PATH.
PYTHON = "/usr/bin/python3"
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in", re.M)
UNITTEST_SKIPPED = re.compile(r"^(\w+) \(.*\)( \.\.\.|.*\n.* \.\.\.) skipped '(.*)'$", re.M)
UNITTEST_SKIPPED_COUNT = re.compile(r"\bskipped=(\d+)")


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self):
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{len(self.passed)} passed, {len(self.failed)} failed{skipped}"


def judge_program(stage, name, status, output, tally):
    """Sorts one test program by what ctest says and by what the program itself printed."""
    label = f"{stage}/{name}"
    if status in ("notrun", "disabled"):
        tally.skipped.append(f"{label}: not run")
        return
    if status != "run":
        tally.failed.append(label)
        print(f"--- {label} failed:\n{output.strip()[-6000:]}\n---")
        return
    skipped_tests = sorted(set(SKIPPED_NAME.findall(output)))
    passed_tests = PASSED.search(output)
    if name.startswith("test_") and not (passed_tests and int(passed_tests.group(1)) > 0):
        if SKIPPED_COUNT.search(output):
            tally.skipped.append(f"{label}: all its tests")
        else:
            tally.failed.append(f"{label}: it ended well but ran no test")
        return
    tally.passed.append(label)
    tally.skipped += [f"{label}: {test}" for test in skipped_tests]


def judge_junit(stage, path, tally):
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        judge_program(stage, case.get("name"), case.get("status"), output, tally)


def names_of_tests(pattern, folders=None):
    """Programs of tests/ and fuzz/ whose names match; of the folders of tests/, or of the programs, that are given."""
    names = []
    for source in sorted(ROOT.glob("tests/**/test_*.c")):
        layer = source.relative_to(ROOT / "tests").parts[0]
        if folders is None or layer in folders or source.stem in folders:
            names.append(source.stem)
    if folders is None:
        names += ["replay_" + source.stem[len("fuzz_"):] for source in sorted(ROOT.glob("fuzz/fuzz_*.c"))]
    return [name for name in names if re.search(pattern, name)]


def run_quietly(command, log, environment=None):
    """Runs a command with its output in a log; prints the end of the log where it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, check=False).returncode
    return code


def print_tail(log, lines=60):
    print("\n".join(log.read_text(errors="replace").splitlines()[-lines:]))


def without_address_randomisation():
    """The thread sanitizer's memory layout does not fit into the random layouts of some kernels."""
    probe = ["setarch", "-R", "true"]
    try:
        works = subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        works = False
    return ["setarch", "-R"] if works else []


def run_stage(stage, names, options, configure=()):
    """Builds the programs `names` (all where None) in build/<stage> and runs them."""
    tally = Tally()
    start = time.monotonic()
    build = ROOT / "build" / stage
    environment = dict(os.environ)
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    environment["TSAN_OPTIONS"] = f"halt_on_error=1:suppressions={ROOT}/tests/support/thread_sanitizer.supp"
    for step, command in (
        ("configure", ["cmake", "--preset", stage, "-DTENET_TESTS=ON", *configure]),
        ("build", ["cmake", "--build", str(build), "-j", str(options.jobs), *(["--target", *names] if names else [])]),
    ):
        log = build / f"{step}.log"
        if run_quietly(command, log) != 0:
            print_tail(log)
            tally.failed.append(f"{stage}: {step} failed, see {log.relative_to(ROOT)}")
            return tally
    built = time.monotonic()
    junit = build / "junit.xml"
    junit.unlink(missing_ok=True)
    prefix = without_address_randomisation() if stage == "tsan" else []
    command = [*prefix, "ctest", "--test-dir", str(build), "-j", str(options.jobs), "--output-junit", str(junit), "--test-output-size-passed", "1000000",
               "--test-output-size-failed", "1000000", "--no-tests=error"]
    if names:
        command += ["-R", "^(" + "|".join(names) + ")$"]
    run_quietly(command, build / "ctest.log", environment)
    if not junit.exists():
        print_tail(build / "ctest.log")
        tally.failed.append(f"{stage}: ctest gave no result")
        return tally
    judge_junit(stage, junit, tally)
    if not tally.passed and not tally.failed and not tally.skipped:
        tally.failed.append(f"{stage}: no test ran")
    print(f"{stage}: {tally.line()} (built in {built - start:.0f} s, ran in {time.monotonic() - built:.0f} s)", flush=True)
    return tally


def judge_unittest(name, returncode, output, tally):
    """Sorts one file of Python tests by its exit status and by what unittest printed."""
    ran = UNITTEST_RAN.search(output)
    skipped = UNITTEST_SKIPPED_COUNT.search(output)
    skipped_count = int(skipped.group(1)) if skipped else 0
    if returncode != 0 or not ran:
        tally.failed.append(f"python/{name}")
        print(f"--- python/{name} failed:\n{output.strip()[-6000:]}\n---")
    elif int(ran.group(1)) - skipped_count > 0:
        tally.passed.append(f"python/{name}")
        tally.skipped += [f"python/{name}: {test} ({why})" for test, _, why in UNITTEST_SKIPPED.findall(output)]
    elif skipped_count > 0:
        tally.skipped.append(f"python/{name}: all its tests")
    else:
        tally.failed.append(f"python/{name}: it ended well but ran no test")


def run_python(options):
    """The tests of the Python package, on the release build: each file a process of its own, `jobs` at a time."""
    tally = Tally()
    start = time.monotonic()
    build = ROOT / "build/release"
    for step, command in (
        ("configure", ["cmake", "--preset", "release", "-DTENET_TESTS=ON"]),
        ("build", ["cmake", "--build", str(build), "-j", str(options.jobs), "--target", "tenet"]),
    ):
        log = build / f"python_{step}.log"
        if run_quietly(command, log) != 0:
            print_tail(log)
            tally.failed.append(f"python: {step} failed, see {log.relative_to(ROOT)}")
            return tally
    environment = dict(os.environ, PYTHONPATH=str(build / "python"), TENET_PROGRAM=str(build / "tenet"), OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")

    def run(path):
        command = [PYTHON, "-m", "unittest", "discover", "-v", "-s", "tests/python", "-p", path.name]
        return path.stem, subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    files = [path for path in sorted(ROOT.glob("tests/python/test_*.py")) if re.search(options.filter, path.stem)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, done in pool.map(run, files):
            judge_unittest(name, done.returncode, done.stdout + done.stderr, tally)
    print(f"python: {tally.line()} (ran in {time.monotonic() - start:.0f} s)", flush=True)
    return tally


def run_checkers():
    """Each checker once on the tree, and once on its planted faults."""
    tally = Tally()
    python = sys.executable
    commands = [
        [python, "tools/check_layers.py"],
        [python, "tools/check_layers.py", "--self-test"],
        [python, "tools/check_style.py", "--self-test"],
        [python, "tools/run_tests.py", "--self-test"],
    ]
    for command in commands:
        name = " ".join(word for word in command if word != python)
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        (tally.passed if result.returncode == 0 else tally.failed).append(name)
        if result.returncode != 0:
            print(f"--- {name} failed:\n{result.stdout}{result.stderr}---")
    print(f"checkers: {tally.line()}", flush=True)
    return tally


def self_test():
    """Planted outcomes: what must count as failed or skipped, and never as passed."""
    cases = [
        ("run", "[  PASSED  ] 3 test(s).", (1, 0, 0)),
        ("fail", "[  PASSED  ] 2 test(s).\n[  FAILED  ] 1 test(s), listed below:", (0, 1, 0)),
        ("notrun", "", (0, 0, 1)),
        ("disabled", "", (0, 0, 1)),
        ("run", "", (0, 1, 0)),                        # ended well, tested nothing
        ("run", "[  PASSED  ] 0 test(s).", (0, 1, 0)),
        ("run", "[  PASSED  ] 0 test(s).\n[  SKIPPED ] 2 test(s), listed below:\n[  SKIPPED ] a_b\n[  SKIPPED ] c", (0, 0, 1)),
        ("run", "[  PASSED  ] 4 test(s).\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] a_b", (1, 0, 1)),
    ]
    wrong = 0
    for status, output, expected in cases:
        tally = Tally()
        judge_program("planted", "test_planted", status, output, tally)
        got = (len(tally.passed), len(tally.failed), len(tally.skipped))
        if got != expected:
            wrong += 1
            print(f"self-test: {status} {output!r} gave {got}, expected {expected}")
    python_cases = [
        (0, "Ran 3 tests in 0.1s\n\nOK", (1, 0, 0)),
        (1, "Ran 3 tests in 0.1s\n\nFAILED (failures=1)", (0, 1, 0)),
        (0, "Ran 0 tests in 0.0s\n\nOK", (0, 1, 0)),
        (0, "Ran 2 tests in 0.1s\n\nOK (skipped=2)", (0, 0, 1)),
        (0, "test_a (m.C.test_a) ... skipped 'no torch'\nRan 2 tests in 0.1s\n\nOK (skipped=1)", (1, 0, 1)),
        (0, "Traceback", (0, 1, 0)),
    ]
    for returncode, output, expected in python_cases:
        tally = Tally()
        with contextlib.redirect_stdout(io.StringIO()):
            judge_unittest("planted", returncode, output, tally)
        got = (len(tally.passed), len(tally.failed), len(tally.skipped))
        if got != expected:
            wrong += 1
            print(f"self-test: python {returncode} {output!r} gave {got}, expected {expected}")
    cases += python_cases
    print(f"run_tests self-test: {len(cases) - wrong} of {len(cases)} as expected")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="Build and run every test.")
    parser.add_argument("--filter", default="", help="a regular expression of test program names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--stage", action="append", choices=["release", "asan", "tsan", "python", "checkers"], help="only this stage; may be given again")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return 1 if self_test() else 0
    stages = options.stage or ["release", "asan", "tsan", "python", "checkers"]
    names = names_of_tests(options.filter) if options.filter else None
    if names == [] and not any(re.search(options.filter, path.stem) for path in ROOT.glob("tests/python/test_*.py")):
        print(f"run_tests: no test program matches '{options.filter}'")
        return 2

    total = Tally()
    start = time.monotonic()
    for stage in stages:
        if stage == "checkers":
            if not options.filter:
                total.add(run_checkers())
            continue
        if stage == "python":
            total.add(run_python(options))
            continue
        wanted = names
        if stage == "release":
            wanted = [name for name in (names if names is not None else names_of_tests("")) if name != SWEEP]
            if names is None:
                wanted.append("tenet")
        elif stage == "tsan":
            wanted = names_of_tests(options.filter, THREADED)
        if wanted or wanted is None:
            total.add(run_stage(stage, wanted, options))

    for line in total.skipped:
        print(f"skipped: {line}")
    for line in total.failed:
        print(f"failed: {line}")
    print(f"tests took {time.monotonic() - start:.0f} s")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/summary_test.json").write_text(json.dumps({"passed": len(total.passed), "failed": len(total.failed), "skipped": len(total.skipped)}) + "\n")
    print(f"{len(total.passed)} passed, {len(total.failed)} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
