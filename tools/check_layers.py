#!/usr/bin/env python3
"""Checks every #include under src/ against the arrows of docs/design.md.

The table in docs/design.md is the only one; this script holds none. It reports each include that follows no arrow, that is not written from src/, or that
reaches for a library that another layer owns. It does not check who links what, nor tests and benchmarks, which may include anything.

Usage: check_layers.py [--root FOLDER] [--self-test]
The self-test plants one violation of each kind in a small tree and must find each, and nothing in the clean twin.
"""
import argparse
import fnmatch
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = (".c", ".h", ".def")


def read_block(text, name):
    """The arrows of a fenced block: [(pattern, {targets})]."""
    match = re.search(r"^```" + name + r"\n(.*?)^```", text, re.S | re.M)
    if not match:
        raise SystemExit(f"check_layers: docs/design.md has no block ```{name}")
    arrows = []
    for line in match.group(1).splitlines():
        if not line.strip():
            continue
        source, arrow, targets = line.partition("->")
        if not arrow:
            raise SystemExit(f"check_layers: no arrow in the line '{line}' of ```{name}")
        arrows.append((source.strip(), {target.strip() for target in targets.split(",") if target.strip()}))
    return arrows


class Layers:
    def __init__(self, root):
        text = (root / "docs/design.md").read_text()
        arrows = read_block(text, "layers")
        self.of_layer = {source: targets for source, targets in arrows if "/" not in source}
        self.of_files = [(source, targets) for source, targets in arrows if "/" in source]
        self.libraries = read_block(text, "libraries")
        for source, targets in arrows:
            for target in targets - {"tenet.h"}:
                if target not in self.of_layer:
                    raise SystemExit(f"check_layers: '{source} -> {target}', but there is no layer '{target}'")

    def allowed(self, path):
        """What a file, given from src/, may include."""
        layer = path.split("/")[0]
        targets = {layer, "base"} | self.of_layer.get(layer, set())
        for pattern, more in self.of_files:
            if fnmatch.fnmatch(path, pattern):
                targets |= more
        return targets

    def problem(self, root, path, kind, name):
        """Why `path` may not include `name`, or None."""
        layer = path.split("/")[0]
        if kind == "<":
            for pattern, owners in self.libraries:
                if fnmatch.fnmatch(name, pattern) and layer not in owners:
                    return f"<{name}> belongs to {', '.join(sorted(owners))}"
            if (root / "src" / name).exists() or (root / "include" / name).exists():
                return f"<{name}> is one of our own headers; write it with quotes"
            return None
        allowed = self.allowed(path)
        if name in ("tenet_status.h", "tenet_layer.h"):
            return None if layer != "cli" else "cli includes tenet.h and its own headers only"
        if name == "tenet.h":
            return None if "tenet.h" in allowed else f"{layer} -> tenet.h is no arrow"
        if "/" not in name or name.startswith("."):
            return f'"{name}" is not written from src/'
        if layer == "cli" and not name.startswith("cli/"):
            return f"cli includes tenet.h and its own headers only, not {name}"
        target = name.split("/")[0]
        if target not in self.of_layer:
            return f"{name} is in no layer of docs/design.md"
        if target not in allowed:
            return f"{layer} -> {target} is no arrow"
        if not (root / "src" / name).exists():
            return f"src/{name} does not exist"
        return None


def check(root):
    """(violations as "file:line: reason", number of includes looked at)"""
    layers = Layers(root)
    found, looked = [], 0
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in SOURCES:
            continue
        path = file.relative_to(root / "src").as_posix()
        if path.split("/")[0] not in layers.of_layer:
            found.append(f"src/{path}:1: this folder is no layer of docs/design.md")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            looked += 1
            reason = layers.problem(root, path, match.group(1), match.group(2))
            if reason:
                found.append(f"src/{path}:{number}: {reason}")
    return found, looked


DESIGN = """
```layers
base    ->
engine  -> base
run     -> base
rules   -> run
subject -> run
subject/native* -> engine
api     -> subject, tenet.h
cli     -> tenet.h
```
```libraries
sqlite3.h -> run
dnnl*     -> engine
```
"""

CLEAN = {
    "include/tenet.h": "",
    "include/tenet_status.h": "",
    "src/base/error.h": '#include "tenet_status.h"\n#include <stdio.h>\n',
    "src/engine/op.h": '#include "base/error.h"\n#include <dnnl.h>\n',
    "src/engine/ops/relu.c": '#include "engine/op.h"\n',
    "src/run/recorder.h": "#include <sqlite3.h>\n",
    "src/rules/spike.c": '#include "run/recorder.h"\n#include "base/error.h"\n',
    "src/subject/subject.h": '#include "run/recorder.h"\n',
    "src/subject/native_trial.c": '#include "engine/op.h"\n#include "subject/subject.h"\n',
    "src/api/session.c": '#include "tenet.h"\n#include "subject/subject.h"\n',
    "src/cli/main.c": '#include "tenet.h"\n#include "cli/commands.h"\n',
    "src/cli/commands.h": "",
}

PLANTED = [
    ("src/rules/spike.c", '#include "engine/op.h"\n'),              # rules never see the engine
    ("src/rules/spike.c", '#  include "subject/subject.h"\n'),      # nor the subject; spaces do not hide it
    ("src/base/error.h", '#include "run/recorder.h"\n'),            # base uses nobody
    ("src/subject/process.c", '#include "engine/op.h"\n'),          # only native files may
    ("src/subject/subject.h", '#include "tenet.h"\n'),              # the public header is the api's
    ("src/cli/main.c", '#include "run/recorder.h"\n'),              # cli knows tenet.h alone
    ("src/cli/main.c", '#include "base/error.h"\n'),                # not even base
    ("src/run/recorder.h", "#include <dnnl.h>\n"),                  # another layer's library
    ("src/rules/spike.c", "#include <sqlite3.h>\n"),
    ("src/engine/ops/relu.c", '#include "../op.h"\n'),              # not from src/
    ("src/engine/ops/relu.c", '#include "op.h"\n'),
    ("src/engine/ops/relu.c", "#include <engine/op.h>\n"),          # angle brackets do not hide it
    ("src/engine/ops/relu.c", '#include "engine/gone.h"\n'),        # a header that is not there
    ("src/attic/old.c", '#include "base/error.h"\n'),               # a folder that is no layer
]


def write_tree(root, extra=None):
    files = dict(CLEAN)
    if extra:
        files[extra[0]] = files.get(extra[0], "") + extra[1]
    (root / "docs").mkdir()
    (root / "docs/design.md").write_text(DESIGN)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def self_test():
    failed = 0
    for extra in [None] + PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            write_tree(root, extra)
            found, _ = check(root)
        if extra is None and found:
            failed += 1
            print("self-test: the clean tree gave\n  " + "\n  ".join(found))
        if extra is not None and (len(found) != 1 or not found[0].startswith(extra[0])):
            failed += 1
            print(f"self-test: planted {extra}, found {found}")
    print(f"check_layers self-test: {len(PLANTED) + 1 - failed} of {len(PLANTED) + 1} as expected")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Check the includes of src/ against docs/design.md.")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent, type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return 1 if self_test() else 0
    found, looked = check(options.root)
    for line in found:
        print(line)
    if looked == 0:
        print("check_layers: found no include to look at")
        return 1
    print(f"check_layers: {looked} includes, {len(found)} against the arrows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
