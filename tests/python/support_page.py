"""Runs of `tenet train` for tests of what it draws: a small table to train on, hypes, and a browser that opens a page. Not a test itself."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from support_programs import tenet

SECONDS_MAX = 300
CHROMIUM = next((found for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if found), None)


class Folder:
    """A folder of its own with a table, data.csv, gone at the end of its `with`."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tenet-page-"))
        rows = ["a,b,class"]
        for i in range(200):
            a, b = i * 37 % 101, i * 53 % 97
            rows.append("%.2f,%.2f,%d" % (a / 50 - 1, b / 48 - 1, a * 48 > b * 50))
        (self.path / "data.csv").write_text("\n".join(rows) + "\n")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def hypes(self, name="net.json", first=None, **solver):
        """A hypes file for the table; `first` is merged into the first layer."""
        layer = {"op": "dense", "units": 16}
        layer.update(first or {})
        settings = {"opt": "sgd", "learning_rate": 0.05, "batch_size": 16, "epochs": 40, "seed": 1}
        settings.update(solver)
        (self.path / name).write_text(json.dumps({
            "data": {"train": {"format": "csv", "file": "data.csv", "label": "class"}, "valid": {"fraction": 0.25}},
            "net": [layer, {"op": "relu"}, {"op": "dense", "units": 2}],
            "loss": "softmax_cross_entropy", "solver": settings}))
        return str(self.path / name)

    def train(self, *words, **options):
        return subprocess.run([tenet(), "train", *words], cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=SECONDS_MAX, check=False, **options)


def run_of(path):
    """The document in a page."""
    text = pathlib.Path(path).read_text()
    return json.loads(re.search(r'<script type="application/json" id="run">(.*?)</script>', text, re.S).group(1))


class Seen:
    """A page as a browser shows it."""

    def __init__(self, dom, log):
        self.dom = dom
        body = re.search(r"<body[^>]*>", dom).group(0)
        self.data = dict(re.findall(r'data-(\w+)="([^"]*)"', body))
        self.console = [line for line in log.splitlines() if "CONSOLE" in line]

    def drawn(self):
        return set(self.data.get("drawn", "").split())

    def text(self, element):
        """The text of the element with this id."""
        found = re.search(r'<(\w+)[^>]* id="%s"[^>]*>(.*?)</\1>' % element, self.dom, re.S)
        return re.sub(r"<[^>]*>", "", found.group(2)) if found else ""


def look_at(path, width=1280, height=3200):
    """Opens a page in a browser without a window; scripts get some seconds of their own time, and more of it where a busy machine did not let them end."""
    for budget in (2500, 5000, 20000):
        seen = look_for(path, width, height, budget)
        if "errors" in seen.data:
            break
    return seen


def look_for(path, width, height, milliseconds):
    profile = tempfile.mkdtemp(prefix="tenet-browser-")
    try:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--user-data-dir=" + profile,
                   "--window-size=%d,%d" % (width, height), "--virtual-time-budget=%d" % milliseconds, "--enable-logging=stderr", "--dump-dom", pathlib.Path(path).as_uri()]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS_MAX, check=False,
                              env=dict(os.environ, HOME=profile))
        return Seen(done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    finally:
        shutil.rmtree(profile, ignore_errors=True)
