#!/usr/bin/env python3
"""Checks the rules of the house that a compiler does not: file names, lengths, first comments, and words that have no place in the tree.

Looks at the files that git knows or would add. It does not format (make format) and knows nothing of C beyond lines.

Usage: check_style.py [--root FOLDER] [--self-test]
The self-test plants one violation of each rule and must find each, and nothing in the clean twin.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

LINES_MAX = 600
CODE = {".c", ".h", ".def", ".py", ".sh"}
TEXT = CODE | {".md", ".txt", ".json", ".cmake", ".yml", ".html", ".css", ".js", ".dict", ""}
# Data that tests and examples bring along, and what others wrote, is judged by nobody's style.
DATA_FOLDERS = re.compile(r"(^|/)(corpus|data|golden|third_party)/")
SNAKE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\.[a-z]+")
# Names that tools expect, and which therefore may stand in several folders or be written otherwise.
CONVENTIONAL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "__init__.py"}
# Examples are named as their readers would name them, each in its own folder.
EXAMPLES = re.compile(r"^examples/")

UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
# A path of somebody's own machine; system folders such as /usr and /proc are the same everywhere.
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:home|root|work|mnt|Users)/[\w./-]*")
URL = re.compile(r"https?://([A-Za-z0-9.-]+)")
# Where a reference may point. Whatever serves packages is not among them.
URL_HOSTS = {"arxiv.org", "doi.org", "github.com", "prng.di.unimi.it", "www.sqlite.org", "sqlite.org", "json-schema.org", "www.w3.org", "nullprogram.com",
             "stackoverflow.com", "keras.io", "numpy.org", "pytorch.org", "oneapi-src.github.io", "jansson.readthedocs.io", "www.openml.org"}
# The library returns; it never speaks or ends the program. A child that it has forked, and that runs no other program, has to end: such a line carries this comment.
FORKED_CHILD = re.compile(r"\b_exit\s*\(.*\); /\* the forked child \*/$")
SPEAKS = re.compile(r"(?<![\w.>])(printf|puts|putchar|perror|vprintf|exit|_exit|abort|quick_exit)\s*\(")
SPEAKS_TO = re.compile(r"(?<!\w)v?fprintf\s*\(\s*(stderr|stdout)\b|(?<!\w)fput[sc]\s*\([^;]*\b(stderr|stdout)\b")

# What a document says of the sources must be there.
OUR_NAME = re.compile(r"\b[tT][nN]_[a-zA-Z0-9_]*[a-zA-Z0-9]\b(?!\*)")
SOURCE_FILE = re.compile(r"[a-z0-9_/]+\.(?:c|h|def)")


def files_of(root):
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=False)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
        names = [name for name in names if not name.startswith("build/")]
    return sorted(name for name in set(names) if (root / name).is_file())


def first_comment_problem(name, lines):
    """A file opens with what it is for."""
    path = pathlib.PurePosixPath(name)
    if path.suffix in (".c", ".h", ".def"):
        if not lines or not lines[0].startswith(f"/* {path.name}: "):
            return f"line 1 must open with '/* {path.name}: what it is for'"
    elif path.suffix == ".sh":
        head = lines[1] if len(lines) > 1 and lines[0].startswith("#!") else (lines[0] if lines else "")
        if not head.startswith(f"# {path.name}: "):
            return f"the first lines must say '# {path.name}: what it is for'"
    elif path.suffix == ".py":
        head = next((line for line in lines if not line.startswith("#!")), "")
        if not re.match(r'("""|#)\s*\S', head):
            return "the first lines must say what it is for"
    elif path.name in ("CMakeLists.txt", "Makefile"):
        if len(lines) > 3 and not any(line.startswith("# ") for line in lines[:3]) and name != "CMakeLists.txt":
            return "the first lines must say what it is for"
    return None


def line_problems(name, number, line, own_words):
    suffix = pathlib.PurePosixPath(name).suffix
    if line != line.rstrip():
        yield number, "trailing space"
    if "\t" in line and suffix in CODE:
        yield number, "a tab"
    if not own_words:
        match = UNFINISHED.search(line)
        if match:
            yield number, f"'{match.group(1)}': finish it or file an issue"
    match = MACHINE_PATH.search(line)
    if match and not own_words:
        yield number, f"'{match.group(0)}' is a path of one machine"
    for host in URL.findall(line):
        if host.lower() not in URL_HOSTS and not own_words:
            yield number, f"the host '{host}' is not one that references may point to (URL_HOSTS)"
    library = name.startswith("src/") and not name.startswith("src/cli/")
    if library and suffix in CODE:
        match = SPEAKS.search(line) or SPEAKS_TO.search(line)
        if match and not line.lstrip().startswith(("/*", "*")) and not FORKED_CHILD.search(line):
            yield number, f"'{match.group(0)}': the library never prints, exits or aborts"


def known_names(root):
    """Identifiers and file names that the sources have, for documents to be held against."""
    words, files = set(), set()
    for folder in ("src", "include", "tests", "tools", "fuzz", "bench", "examples", "python"):
        for path in (root / folder).rglob("*"):
            files.add(path.name)
            if path.suffix in (".c", ".h", ".def"):
                words.update(OUR_NAME.findall(path.read_text(errors="replace")))
    return words, files


def document_problems(number, line, names):
    words, files = names
    for word in OUR_NAME.findall(line):
        if word not in words and word != "tn_module_verb":
            yield number, f"the sources have no '{word}'"
    for quoted in re.findall(r"`([^`]+)`", line):
        if SOURCE_FILE.fullmatch(quoted) and quoted.split("/")[-1] not in files:
            yield number, f"there is no file '{quoted}'"


def check(root):
    """(violations as "file:line: reason", files looked at)"""
    found, seen, looked = [], {}, 0
    names = known_names(root)
    for name in files_of(root):
        path = pathlib.PurePosixPath(name)
        if DATA_FOLDERS.search(name) or path.suffix not in TEXT:
            continue
        try:
            text = (root / name).read_text()
        except UnicodeDecodeError:
            found.append(f"{name}:1: not UTF-8 text")
            continue
        looked += 1
        lines = text.splitlines()
        if path.suffix in CODE or path.suffix == ".md":
            if path.name not in CONVENTIONAL and not SNAKE.fullmatch(path.name):
                found.append(f"{name}:1: the file's name is not snake_case")
        if path.suffix in CODE and path.name not in CONVENTIONAL and not EXAMPLES.match(name):
            if path.name in seen:
                found.append(f"{name}:1: {seen[path.name]} has the same name")
            seen.setdefault(path.name, name)
            if len(lines) > LINES_MAX:
                found.append(f"{name}:{LINES_MAX + 1}: {len(lines)} lines; past {LINES_MAX} a file has two subjects")
        if text and not text.endswith("\n"):
            found.append(f"{name}:{len(lines)}: no newline at the end")
        if "\r" in text:
            found.append(f"{name}:1: carriage returns")
        problem = first_comment_problem(name, lines)
        if problem:
            found.append(f"{name}:1: {problem}")
        own_words = name == "tools/check_style.py"
        for number, line in enumerate(lines, 1):
            if path.suffix == ".md":
                found += [f"{name}:{at}: {reason}" for at, reason in document_problems(number, line, names)]
            found += [f"{name}:{at}: {reason}" for at, reason in line_problems(name, number, line, own_words)]
    return found, looked


CLEAN = {
    "Makefile": "# The commands.\nall:\n\ttrue\n",
    "LICENSE": "free\n",
    "docs/notes.md": "See https://arxiv.org/abs/1805.01407, /usr/share/datasets, `tn_printf_free` and `text.h`.\n",
    "src/base/text.h": "/* text.h: strings. */\n",
    "src/base/text.c": "/* text.c: see text.h. */\nint tn_printf_free(int exit_code);\n/* never calls abort() */\n    _exit(0); /* the forked child */\n",
    "src/cli/main.c": "/* main.c: the program. */\n    printf(\"hello\");\n    exit(2);\n",
    "tools/one.sh": "#!/bin/sh\n# one.sh: does one thing.\n",
    "tools/two.py": '#!/usr/bin/env python3\n"""Does another thing."""\n',
    "tests/base/data/Odd-Name.c": "no rule holds for data  \n",
    "fuzz/corpus/hypes/a.json": "{",
    "third_party/charts/Charts.min.js": "as others wrote it",
}

PLANTED = [
    ("src/base/long_one.c", "/* long_one.c: much. */\n" + "int x;\n" * 600),
    ("src/base/CamelCase.c", "/* CamelCase.c: a name. */\n"),
    ("src/run/text.h", "/* text.h: a second one. */\n"),
    ("src/base/bare.c", "#include <stdio.h>\n"),
    ("src/base/wrong_name.c", "/* other.c: copied from elsewhere. */\n"),
    ("tools/bare.sh", "#!/bin/sh\necho\n"),
    ("tools/bare.py", "#!/usr/bin/env python3\nimport sys\n"),
    ("src/base/later.c", "/* later.c: x. */\n/* TO" + "DO: more */\n"),
    ("docs/later.md", "FIX" + "ME\n"),
    ("docs/home.md", "Look in /home/someone/tenet.\n"),
    ("src/base/place.c", '/* place.c: x. */\nconst char *p = "/Users/someone/store.db";\n'),
    ("docs/tour.md", "Read `tn_text_gone` first.\n"),
    ("docs/files.md", "It stands in `src/base/gone.c`.\n"),
    ("docs/link.md", "Fetched from https://packages.example/x.\n"),
    ("src/base/spaces.c", "/* spaces.c: x. */\nint x; \n"),
    ("src/base/tabs.c", "/* tabs.c: x. */\n\tint x;\n"),
    ("src/base/open_end.c", "/* open_end.c: x. */"),
    ("src/base/loud.c", "/* loud.c: x. */\n    printf(\"x\");\n"),
    ("src/run/loud_too.c", "/* loud_too.c: x. */\n    fprintf(stderr, \"x\");\n"),
    ("src/base/ends.c", "/* ends.c: x. */\n    abort();\n"),
]


def write_tree(root, extra=None):
    files = dict(CLEAN)
    if extra:
        files[extra[0]] = extra[1]
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
        if extra is not None and (len(found) != 1 or not any(extra[0] in line for line in found)):
            failed += 1
            print(f"self-test: planted {extra[0]}, found {found}")
    print(f"check_style self-test: {len(PLANTED) + 1 - failed} of {len(PLANTED) + 1} as expected")
    return failed


def main():
    parser = argparse.ArgumentParser(description="Check names, lengths, first comments and words of the tree.")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent, type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return 1 if self_test() else 0
    found, looked = check(options.root)
    for line in found:
        print(line)
    if looked == 0:
        print("check_style: found no file to look at")
        return 1
    print(f"check_style: {looked} files, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
