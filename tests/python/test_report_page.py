"""The page of a report (`tenet report`, `tenet debug --html`): its numbers are the report's, and, where a browser is installed, what it shows there."""
import json
import os
import re
import subprocess
import sys
import unittest

from support_page import CHROMIUM, Folder, SECONDS_MAX, look_at
from support_programs import FASHION, tenet

PAGE_MAX = 2000000
LOOK = {"loss", "score", "gradient_norm", "learning_rate", "histograms"}
HOSTILE = "</script><img src=x onerror=alert(1)><!--\"'&"

PROGRAM = """
import torch
torch.manual_seed(0)
inputs = torch.randn(256, 8)
labels = (inputs[:, 0] > inputs[:, 1]).long()
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=1000.0)
loss = torch.nn.CrossEntropyLoss()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=16, shuffle=True)
for epoch in range(20):
    for x, y in loader:
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
"""


def scripts_of(path):
    """The documents in a page, by their id."""
    found = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', path.read_text(), re.S)
    return {name: json.loads(text) for name, text in found}


class Pages(unittest.TestCase):
    def run_tenet(self, folder, *words, codes=(0,)):
        done = subprocess.run([tenet(), *words], cwd=folder.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=SECONDS_MAX, check=False)
        self.assertIn(done.returncode, codes, done.stderr)
        return done

    def debug(self, folder, *words):
        """The whole report of a debug that found a cause, from the store of it: what `--json` prints has no curves."""
        done = self.run_tenet(folder, "debug", "--quiet", "--json", "--store", "runs.db", *words, codes=(1,))
        brief, report = json.loads(done.stdout), json.loads(self.run_tenet(folder, "report", "--json", "--store", "runs.db").stdout)
        self.assertEqual([one["cause"] for one in brief["findings"]], [one["cause"] for one in report["findings"]])
        self.assertEqual(list(brief)[:2], ["schema", "verdict"])
        self.assertNotIn("look", brief)
        self.assertLess(3 * len(done.stdout), 2 * len(json.dumps(report, separators=(",", ":"))))
        return report

    def check(self, path, pictures):
        """Size, and what a browser finds: `pictures` have ink, and nothing is blank, wrong or fetched. The page as it is seen, or None."""
        self.assertLessEqual(os.path.getsize(path), PAGE_MAX)
        head = re.sub(r"<(script|style)\b.*?</\1>", "", path.read_text(), flags=re.S)
        self.assertNotRegex(head, r"(?:src|href)=(?!\"data:,\")")
        self.assertIn("default-src 'none'", head)
        if CHROMIUM is None:
            return None
        seen = look_at(path, height=9000)
        self.assertEqual(seen.console, [])
        self.assertEqual(seen.data.get("errors"), "0", re.findall(r">([^<>]*cannot be drawn: [^<]*)<", seen.dom))
        self.assertEqual(seen.data.get("requests"), "0")
        self.assertEqual(seen.data.get("blank"), "")
        self.assertGreaterEqual(seen.drawn(), pictures)
        return seen

    def check_debug(self, page, report):
        """The page of a debug that found a cause: its numbers are the report's."""
        shown = scripts_of(page)
        self.assertEqual(shown["run"], report["look"])
        self.assertEqual(shown["report"], {key: value for key, value in report.items() if key != "look"})
        finding = report["findings"][0]
        self.assertEqual(list(shown["causes"])[0], finding["cause"])
        race = [one for one in report["experiments"] if one["name"] == "race"][0]
        confirming = [trial for trial in race["trials"] if trial.get("confirms") == finding["fix"]["text"]]
        self.assertEqual(len(confirming), 2 * len(finding["fix"]["effect"]["before"]))
        for trial in race["trials"]:
            curve = trial.get("curve", {"step": [], "loss": []})
            self.assertEqual(len(curve["step"]), len(curve["loss"]))
            self.assertLessEqual(len(curve["step"]), 48)
            self.assertEqual(curve["step"][-1:], [trial["steps"]] if trial["steps"] else [])
        seen = self.check(page, LOOK | {"effect_1", "effect_1_loss", "first_loss", "ladder", "ladder_loss", "race_loss"})
        if seen:
            self.assertIn("faulty: ", seen.text("state"))
            after = finding["fix"]["effect"]["after"]
            self.assertTrue(re.search(r"%.2f, better on" % (sum(after) / len(after)), seen.dom))
            self.assertIn("{:,}".format(report["cost"]["trials"]), seen.text("figures"))
        return shown, seen


class Native(Pages):
    def test_a_debug_kept_in_a_store(self):
        with Folder() as folder:
            report = self.debug(folder, folder.hypes(learning_rate=1000.0))
            self.run_tenet(folder, "report", "--store", "runs.db", "--output", "report.html")
            shown, _ = self.check_debug(folder.path / "report.html", report)
            mature = [tensor["mature"] for tensor in shown["run"]["tensors"] if "mature" in tensor]
            self.assertEqual(len(mature), 4)  # two weights and two biases
            for one in mature:
                self.assertEqual(len(one["histogram"]), 16)
                self.assertLess(one["rms"][0], one["rms"][1])
                self.assertLess(one["rms"][1], one["rms"][2])

    def test_a_healthy_one(self):
        with Folder() as folder:
            self.run_tenet(folder, "debug", "--quiet", "--html", "report.html", folder.hypes(opt="adam", learning_rate=0.01))
            seen = self.check(folder.path / "report.html", LOOK | {"updates", "ladder"})
            if seen:
                self.assertEqual(seen.text("state"), "healthy: nothing was found that keeps this network from training")
                self.assertTrue(re.search(r'<section id="findings"[^>]*class="hidden"', seen.dom))

    def test_each_experiment(self):
        """One experiment alone, where it passes and where it fails: nothing is blank or wrong, whichever it is."""
        pictures = {"lr": {"ladder"}, "overfit": {"rungs_loss"}, "clip": {"norms"}}
        with Folder() as folder:
            hypes = {"good": folder.hypes(epochs=4), "bad": folder.hypes(name="bad.json", epochs=4, learning_rate=1e6)}
            listed = self.run_tenet(folder, "help").stdout
            for command in re.findall(r"(?m)^  (\w+) .*\([A-D]\d[^()]*\)$", listed):
                for kind, path in hypes.items():
                    with self.subTest(command, kind=kind):
                        self.run_tenet(folder, command, "--quiet", "--html", "one.html", "--budget", "20s", path, codes=(0, 1, 4))
                        self.check(folder.path / "one.html", pictures.get(command, set()))

    def test_hostile_names(self):
        with Folder() as folder:
            hypes = folder.hypes(name="<b>&\"'.json", first={"name": HOSTILE}, learning_rate=1000.0)
            self.run_tenet(folder, "debug", "--quiet", "--html", "report.html", hypes, codes=(1,))
            page = folder.path / "report.html"
            self.assertIn(HOSTILE + ".weight", [tensor["key"] for tensor in scripts_of(page)["run"]["tensors"]])
            seen = self.check(page, LOOK)
            if seen:
                self.assertFalse(re.search("<img", seen.dom))
                self.assertNotIn("<b>&", seen.text("title"))

    def test_documents_of_others(self):
        """Keys that are missing or of another type leave things out, and break nothing."""
        with Folder() as folder:
            whole = self.debug(folder, folder.hypes(learning_rate=1000.0))

            def spoil(value, depth):
                """Every value at this depth is something else."""
                if depth == 0:
                    return {"x": None} if isinstance(value, (int, float, str)) else "x" if value is not None else 3
                if isinstance(value, dict):
                    return {key: spoil(one, depth - 1) for key, one in value.items()}
                return [spoil(one, depth - 1) for one in value] if isinstance(value, list) else value

            documents = [{}] + [spoil({key: value for key, value in whole.items() if key not in ("schema", "look")}, depth) for depth in (1, 2, 3, 4, 5)]
            for at, document in enumerate(documents):
                with self.subTest(at):
                    (folder.path / "other.json").write_text(json.dumps(dict(document, schema="tenet.report/1")))
                    self.run_tenet(folder, "report", "other.json", "--output", "other.html")
                    if CHROMIUM:
                        seen = look_at(folder.path / "other.html")
                        self.assertEqual((seen.console, seen.data.get("errors"), seen.data.get("requests")), ([], "0", "0"))

    def test_fashion(self):
        if not FASHION.exists():
            self.skipTest("Fashion-MNIST is not installed (dataset-fashion-mnist)")
        with Folder() as folder:
            where = str(FASHION.parent)
            (folder.path / "mlp.json").write_text(json.dumps({
                "data": {"train": {"format": "idx", "inputs": where + "/train-images-idx3-ubyte.gz", "labels": where + "/train-labels-idx1-ubyte.gz"},
                         "valid": {"fraction": 0.1}, "input": {"scale": 1 / 255}, "samples": 6000},
                "net": [{"op": "flatten"}, {"op": "dense", "units": 32}, {"op": "relu"}, {"op": "dense", "units": 10}],
                "loss": "softmax_cross_entropy", "solver": {"opt": "sgd", "learning_rate": 1000, "momentum": 0.9, "batch_size": 64, "epochs": 5}}))
            self.check_debug(folder.path / "report.html", self.debug(folder, "--html", "report.html", "mlp.json"))


class Attached(Pages):
    def test_a_program(self):
        with Folder() as folder:
            (folder.path / "train.py").write_text(PROGRAM)
            report = self.debug(folder, "--html", "report.html", "--", sys.executable, "train.py")
            shown, seen = self.check_debug(folder.path / "report.html", report)
            self.assertTrue(any("mature" in tensor for tensor in shown["run"]["tensors"]))
            if seen:
                line = report["findings"][0]["fix"]["lines"][0]
                self.assertTrue(re.search(re.escape("%s:%d" % (line["file"], line["line"])), seen.dom))


if __name__ == "__main__":
    unittest.main()
