#!/usr/bin/env python3
"""Mutation run over the backward code of ops and losses: is a wrong gradient caught?

It changes one thing at a time in a copy of a source file (swaps + and -, multiplies by 1.5, deletes a statement), compiles that one file, links the gradient check of
that op or loss with it, and expects the check to fail. Where the check in double passes, the golden values in float have their turn, since fast kernels
exist in float alone. The source tree is never written to. A mutant that does not compile, or that changes an index and not a number, is not counted.

A change that changes nothing (an equivalent mutant) is listed in EQUIVALENT with the reason; any other survivor makes the exit status 1. The build folder must be up to date:
  cmake --preset release && ninja -C build/release tests_engine tests_engine_double

Usage: mutate.py [--build FOLDER] [--all] [--list] [--verbose] [--self-test] [FILE ...]
  FILE         below src/engine, such as ops/op_relu.c; else every file of ops/ and losses/ that has backward code
  --all        forward code too
  --list       only count the mutants of each file
  --self-test  a check that always passes must leave survivors, and one that fails on the unchanged source must be refused
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BACKWARD = re.compile(r"backward|gradient|d_input|d_weight|weight_tile|input_tile|bias_tile|add_partials|add_patches|scatter")
GRADIENT_TESTS = ["test_gradient_activations", "test_gradient_norms", "test_gradient_layers", "test_gradient_arithmetic", "test_gradient_sequences", "test_gradient_losses"]
SECONDS = 60

# (file, function, text of the mutant's line or "", reason)
EQUIVALENT = [
    ("losses/loss_softmax_cross_entropy.c", "exponentials_of_long_row", "largest = tn_row_max", "any shift serves: the loss takes back the one it used"),
    ("ops/op_dense.c", "backward", "j.tiles = tn_tiles_split", "another cut into tiles gives the same gradient"),
]


def blank(text):
    """The text with comments, strings and directives overwritten by spaces, so that positions stay."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = re.sub(r"/\*.*?\*/|//[^\n]*", spaces, text, flags=re.S)
    text = re.sub(r'"(\\.|[^"\\\n])*"', spaces, text)
    return re.sub(r"^[ \t]*#(\\\n|[^\n])*", spaces, text, flags=re.M)


def functions(code):
    """(name, start, end) of every function body; the style puts its braces into the first column."""
    for match in re.finditer(r"^\{\n.*?^\}", code, flags=re.S | re.M):
        name = re.findall(r"(\w+)\s*\(", code[:match.start()].rsplit("\n\n", 1)[-1])
        if name:
            yield name[-1] if name[0] in ("__attribute__",) else name[0], match.start(), match.end()


def end_of_expression(code, at):
    """Where the comma, semicolon or bracket stands that ends the expression at `at`."""
    depth = 0
    while code[at] != ";":
        depth += code[at] in "([{"
        depth -= code[at] in ")]}"
        if depth < 0 or (depth == 0 and code[at] == ","):
            break
        at += 1
    return at


class Mutant:
    def __init__(self, name, function, start, end, text, kind, probe=None):
        self.name, self.function, self.start, self.end, self.text, self.kind, self.probe = name, function, start, end, text, kind, probe
        self.integer = "|=" if probe is not None and "=" in probe else "|"

    def apply(self, source, text=None):
        return source[:self.start] + (self.text if text is None else text) + source[self.end:]

    def line(self, source):
        return source.count("\n", 0, self.start) + 1

    def shown(self, source):
        begin, end = source.rfind("\n", 0, self.start) + 1, source.find("\n", self.end)
        return " ".join(source[begin:end].split())


def mutants_of(name, source, everything):
    """Every mutant of a file. A probe is a text that compiles only where the operator works on numbers, not on indices or pointers."""
    code = blank(source)
    found = []
    for function, start, end in functions(code):
        if not (everything or "losses/" in name or BACKWARD.search(function)) or function in ("configure", "plan"):
            continue
        for match in re.finditer(r"(?<=\s)([+-])(?=\s)", code[start:end]):
            at, sign = start + match.start(), match.group(1)
            found.append(Mutant(name, function, at, at + 1, "-" if sign == "+" else "+", f"swap {sign}", f"{sign} 0.5F {sign}"))
        for match in re.finditer(r"(?<=\s)([+-])=(?=\s)", code[start:end]):
            at, sign = start + match.start(), match.group(1)
            found.append(Mutant(name, function, at, at + 2, "-=" if sign == "+" else "+=", f"swap {sign}=", f"{sign}= 0.5F +"))
        for match in re.finditer(r"(?<=\s)[+-]?=\s+", code[start:end]):
            at = start + match.end()
            to = end_of_expression(code, at)
            if code[at:to].strip() not in ("0", "(tn_real)0", "NULL") and "{" not in code[at:to]:
                found.append(Mutant(name, function, at, to, f"1.5F * ({source[at:to]})", "times 1.5"))
        # A whole statement that begins a line: an assignment to what exists already, or a call.
        for match in re.finditer(r"(?<=\n)[ ]+((?:[\w>.\[\]* +/-]*[\w\])]\s[-+*/]?=\s[^;{}]+|\w+\((?:[^;{}])*\));)", code[start:end]):
            statement = match.group(1)
            if re.match(r"(const|tn_real|size_t|double|int|float|static|return|else|if|for|while|u?int\d+_t)\b", statement):
                continue
            found.append(Mutant(name, function, start + match.start(1), start + match.end(1), ";", "delete"))
    return found


class Builder:
    """Compiles one source as the build does, and links a test with it in place of the library's own object."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.compile = {}
        for entry in json.loads((build / "compile_commands.json").read_text()):
            words = shlex.split(entry["command"])
            kind = "double" if "-DTN_REAL_DOUBLE" in words else "float"
            if "/src/engine/" in entry["file"]:
                self.compile[kind, str(pathlib.Path(entry["file"]).relative_to(ROOT / "src/engine"))] = (words, entry["file"])
        self.link = {}

    def link_words(self, test):
        if test not in self.link:
            lines = subprocess.run(["ninja", "-C", str(self.build), "-t", "commands", test], capture_output=True, text=True, check=True).stdout
            words = shlex.split(lines.strip().splitlines()[-1])
            while "&&" in words: # cmake wraps the command: ": && cc ... && :"
                words = max((list(part) for part in split_at(words, "&&")), key=len)
            self.link[test] = words
        return self.link[test]

    def object_of(self, kind, name, source, tag):
        """The object file, or None where the source does not compile. Converting a fraction to an integer counts as that: it was an index."""
        words, original = self.compile[kind, name]
        path, output = self.scratch / f"{tag}_{kind}.c", self.scratch / f"{tag}_{kind}.o"
        path.write_text(source)
        command = []
        skip = False
        for word in words:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT"):
                skip = True
            elif word not in ("-c", "-MD", original, "-O3", "-O2") and not word.startswith("-W"):
                command.append(word)
        command += ["-O1", "-Werror=float-conversion", "-c", str(path), "-o", str(output)]
        return output if subprocess.run(command, cwd=self.build, capture_output=True, check=False).returncode == 0 else None

    def passes(self, test, objects, tag):
        """Does the test pass when linked with these objects?"""
        program = self.scratch / f"{tag}_{test}"
        words = list(self.link_words(test))
        words[words.index("-o") + 1] = str(program)
        archive = next(i for i, word in enumerate(words) if re.search(r"libtenet_engine(_double)?\.a$", word))
        words[archive:archive] = [str(o) for o in objects]
        linked = subprocess.run(words, cwd=self.build, capture_output=True, text=True, check=False)
        if linked.returncode != 0:
            raise SystemExit(f"mutate: {test} does not link: {linked.stderr[-600:]}")
        try:
            return subprocess.run([str(program)], capture_output=True, timeout=SECONDS, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            program.unlink()


def split_at(words, separator):
    part = []
    for word in words:
        if word == separator:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def tests_for(name):
    """[(number type, test)] that check this file: those that name its op or loss; all of them for what ops share."""
    stem = pathlib.PurePosixPath(name).stem
    word = re.sub(r"^(op|loss)_", "", stem)
    folder = ROOT / "tests/engine/double"
    own = [test for test in GRADIENT_TESTS if f'"{word}"' in (folder / f"{test}.c").read_text()]
    chosen = own if stem.startswith(("op_", "loss_")) and own else GRADIENT_TESTS[:3] if name.startswith("ops/") else GRADIENT_TESTS[3:]
    golden = "test_golden_ops" if name.startswith("ops/") else "test_golden_losses"
    floats = [golden]
    for about in dict.fromkeys((word, word.split("_")[0])):
        if (ROOT / f"tests/engine/test_{about}.c").exists():
            floats.append(f"test_{about}")
    return [("double", test) for test in chosen] + [("float", test) for test in floats]


def try_mutant(builder, source, mutant, tests, tag):
    """"killed by TEST", "survived" or "not counted"."""
    if mutant.probe is not None:
        # Numbers take a fraction and refuse a bitwise or; indices and pointers do otherwise. Code that only the other build sees takes both.
        for kind in ("double", "float"):
            takes = [builder.object_of(kind, mutant.name, mutant.apply(source, text), tag) is not None for text in (mutant.probe, mutant.integer)]
            if takes != [True, True]:
                break
        if takes != [True, False]:
            return "not counted"
    objects = {}
    for kind, test in tests:
        if kind not in objects:
            objects[kind] = builder.object_of(kind, mutant.name, mutant.apply(source), tag)
            if objects[kind] is None:
                return "not counted"
        if not builder.passes(test, [objects[kind]], tag):
            return f"killed by {test}"
    return "survived"


def is_equivalent(mutant, source):
    shown = mutant.shown(source)
    return next((reason for name, function, text, reason in EQUIVALENT if name == mutant.name and function == mutant.function and text in shown), None)


def run_file(builder, name, options, tests=None):
    """(killed, survivors, equivalents) of one file."""
    path = ROOT / "src/engine" / name
    source = path.read_text()
    tests = tests if tests is not None else tests_for(name)
    for kind, test in tests:
        plain = builder.object_of(kind, name, source, "plain")
        if plain is None or not builder.passes(test, [plain], "plain"):
            raise SystemExit(f"mutate: {test} fails on {name} as it stands; nothing can be said about mutants")
    found = mutants_of(name, source, options.all)
    killed, survivors, equivalents, uncounted = 0, [], 0, 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [(mutant, pool.submit(try_mutant, builder, source, mutant, tests, f"m{i}")) for i, mutant in enumerate(found)]
        for mutant, job in jobs:
            outcome, where = job.result(), f"{name}:{mutant.line(source)}: {mutant.kind} in {mutant.function}: {mutant.shown(source)}"
            if outcome == "survived" and is_equivalent(mutant, source) is not None:
                equivalents += 1
            elif outcome == "survived":
                survivors.append(where)
                print(f"  SURVIVED {where}", flush=True)
            elif outcome == "not counted":
                uncounted += 1
                if options.verbose:
                    print(f"  not counted: {where}", flush=True)
            else:
                killed += 1
                if options.verbose:
                    print(f"  {outcome}: {where}", flush=True)
    print(f"{name}: {killed} killed, {len(survivors)} survived, {equivalents} equivalent, {uncounted} not counted", flush=True)
    return killed, survivors, equivalents


def self_test(builder, options):
    name = "ops/op_relu.c"
    builder.link["always_passes"] = None
    real = builder.passes
    builder.passes = lambda test, objects, tag: True
    killed, survivors, _ = run_file(builder, name, options, [("double", "always_passes")])
    builder.passes = lambda test, objects, tag: False
    try:
        run_file(builder, name, options, [("double", "always_fails")])
        refused = False
    except SystemExit:
        refused = True
    builder.passes = real
    good = killed == 0 and len(survivors) > 0 and refused
    print(f"mutate: self-test {'passed' if good else 'FAILED'}")
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description="Mutation run over the backward code of ops and losses.")
    parser.add_argument("--build", default=str(ROOT / "build/release"), help="an up-to-date build folder")
    parser.add_argument("--all", action="store_true", help="forward code too")
    parser.add_argument("--list", action="store_true", help="only count the mutants")
    parser.add_argument("--verbose", action="store_true", help="print every mutant")
    parser.add_argument("--self-test", action="store_true", help="check this checker")
    parser.add_argument("files", nargs="*", help="below src/engine, such as ops/op_relu.c")
    options = parser.parse_args()
    names = options.files or sorted(path.relative_to(ROOT / "src/engine").as_posix() for folder in ("ops", "losses")
                                    for path in (ROOT / "src/engine" / folder).glob("*.c"))
    if options.list:
        for name in names:
            print(f"{name}: {len(mutants_of(name, (ROOT / 'src/engine' / name).read_text(), options.all))} mutants")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        builder = Builder(pathlib.Path(options.build).resolve(), pathlib.Path(scratch))
        if options.self_test:
            return self_test(builder, options)
        killed, survivors, equivalents = 0, [], 0
        for name in names:
            if not mutants_of(name, (ROOT / "src/engine" / name).read_text(), options.all):
                continue
            k, s, e = run_file(builder, name, options)
            killed, survivors, equivalents = killed + k, survivors + s, equivalents + e
    print(f"mutate: {killed} killed, {len(survivors)} survived, {equivalents} equivalent")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
