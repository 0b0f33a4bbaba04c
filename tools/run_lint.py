#!/usr/bin/env python3
"""Runs every linter: gcc and clang without warnings, clang-tidy, cppcheck, the include arrows, the style of the house, and the format of the C sources.

Each linter counts once. The numbers go to build/summary_lint.json. It changes no source: `make format` does that.

Usage: run_lint.py [--jobs N] [--only NAME]...
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command):
    """(ended well, output)"""
    try:
        result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    except FileNotFoundError:
        return False, f"{command[0]} is not installed\n"
    return result.returncode == 0, result.stdout


def sources(*folders, suffixes=(".c", ".h")):
    found = []
    for folder in folders:
        found += [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / folder).rglob("*")) if path.suffix in suffixes and "/data/" not in path.as_posix()]
    return found


def lint_build(preset, jobs, *settings):
    """All programs by one compiler; warnings are errors."""
    ok, output = run(["cmake", "--preset", preset, "-DTENET_TESTS=ON", *settings])
    if ok:
        ok, output = run(["cmake", "--build", f"build/{preset}", "-j", str(jobs)])
    return ok, "\n".join(output.splitlines()[-60:])


def lint_gcc(jobs):
    return lint_build("release", jobs)


def lint_clang(jobs):
    return lint_build("clang", jobs, "-DCMAKE_C_FLAGS=-Wvla")


# They define the functions that tools/analyzer_facts.h speaks about.
DEFINE_FAILURES = ("src/base/error.c", "src/hypes/hypes_error.c")


def lint_tidy(jobs):
    """clang-tidy, file by file, with the commands of the clang build."""
    ok, output = run(["cmake", "--preset", "clang", "-DTENET_TESTS=ON"])
    if not ok:
        return ok, output
    files = sources("src", "fuzz", suffixes=(".c",))
    built = {entry["file"] for entry in json.loads((ROOT / "build/clang/compile_commands.json").read_text())}
    files = [file for file in files if str(ROOT / file) in built]
    if not files:
        return False, "no source has a compile command\n"
    facts = ["--extra-arg=-include", f"--extra-arg={ROOT}/tools/analyzer_facts.h"]
    complaints = []

    def tidy(file):
        return run(["clang-tidy", "--quiet", "-p", "build/clang", *([] if file in DEFINE_FAILURES else facts), file])

    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        for clean, text in pool.map(tidy, files):
            if not clean:
                complaints.append(text)
    return not complaints, "\n".join(complaints) or f"{len(files)} files"


def lint_cppcheck(jobs):
    return run(["cppcheck", "--quiet", "--enable=warning,performance", "--inline-suppr", "--error-exitcode=1", "--std=c11", "--library=posix", "--library=gnu", "--library=tools/cppcheck_jansson.cfg",
                "--suppressions-list=tools/cppcheck_suppressions.txt", "-j", str(jobs), "-D__x86_64__", "-D__linux__", "-D__GNUC__", "-I", "src", "-I", "include", "src", "fuzz"])


def lint_layers(_):
    return run([sys.executable, "tools/check_layers.py"])


def lint_style(_):
    return run([sys.executable, "tools/check_style.py"])


def lint_format(_):
    files = sources("src", "include", "tests", "bench", "fuzz")
    ok, output = run(["clang-format", "--dry-run", "-Werror", *files])
    return ok, output if ok else output[-4000:] + "\nmake format mends this.\n"


LINTERS = {
    "layers": lint_layers,
    "style": lint_style,
    "format": lint_format,
    "gcc": lint_gcc,
    "clang": lint_clang,
    "cppcheck": lint_cppcheck,
    "clang_tidy": lint_tidy,
}


def main():
    parser = argparse.ArgumentParser(description="Run every linter.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", action="append", choices=sorted(LINTERS), help="only this linter; may be given again")
    options = parser.parse_args()
    passed = failed = 0
    for name, linter in LINTERS.items():
        if options.only and name not in options.only:
            continue
        start = time.monotonic()
        ok, output = linter(options.jobs)
        passed, failed = passed + ok, failed + (not ok)
        print(f"{name}: {'clean' if ok else 'FAILED'} ({time.monotonic() - start:.0f} s)", flush=True)
        if not ok:
            print(output, flush=True)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/summary_lint.json").write_text(json.dumps({"passed": passed, "failed": failed, "skipped": 0}) + "\n")
    print(f"lint: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
