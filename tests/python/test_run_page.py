"""The page of `tenet train --html`: written at the start, as the run goes on and however it ends; and, where a browser is installed, what it shows there."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

from support_page import CHROMIUM, Folder, SECONDS_MAX, look_at, run_of
from support_programs import FASHION, tenet

PAGE_MAX = 2000000
PICTURES = {"loss", "score", "gradient_norm", "learning_rate", "updates", "histograms", "samples"}
HOSTILE = "</script><img src=x onerror=alert(1)><!--\"'&"  # no longer than a name may be
CANCELLED = 4  # exit status: nothing is concluded

PROGRAM = """
import torch
torch.manual_seed(0)
inputs = torch.randn(256, 8)
labels = (inputs[:, 0] > inputs[:, 1]).long()
net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = torch.nn.CrossEntropyLoss()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, labels), batch_size=16, shuffle=True)
for epoch in range(20):
    for x, y in loader:
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
print("done")
"""


class Pages(unittest.TestCase):
    def check(self, path, pictures=PICTURES):
        """Size, and what a browser finds. `pictures` must have ink, and nothing may be blank, wrong or fetched."""
        self.assertLessEqual(os.path.getsize(path), PAGE_MAX)
        text = path.read_text()
        head = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)
        self.assertNotRegex(head, r"(?:src|href)=(?!\"data:,\")")
        self.assertIn("default-src 'none'", head)
        if CHROMIUM is None:
            return None
        seen = look_at(path)
        self.assertEqual(seen.console, [])
        self.assertEqual(seen.data.get("errors"), "0", seen.dom[-3000:])
        self.assertEqual(seen.data.get("requests"), "0")
        self.assertEqual(seen.data.get("blank"), "")
        self.assertEqual(seen.drawn(), pictures)
        return seen


class Native(Pages):
    def test_a_run(self):
        with Folder() as folder:
            page = folder.path / "run.html"
            done = folder.train("--html", str(page), "--json", folder.hypes())
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sorted(os.listdir(folder.path)), ["data.csv", "net.json", "run.html"])
            run, report = run_of(page), json.loads(done.stdout)
            self.assertEqual((run["state"], run["kind"], run["step"]), ("completed", "native", report["run"]["steps"]))
            self.assertEqual(run["parameters"], report["subject"]["parameters"])
            self.assertAlmostEqual(run["series"]["loss"]["last"], report["run"]["last_loss"], delta=1e-5)
            self.assertEqual(run["series"]["score.valid"]["step"], [point["step"] for point in report["run"]["scores"]])
            for shown, point in zip(run["series"]["score.valid"]["mean"], report["run"]["scores"]):
                self.assertAlmostEqual(shown, point["valid"], delta=1e-5)
            self.assertEqual(run["shown"]["steps"], run["series"]["score.valid"]["step"])
            self.assertLessEqual(len(run["shown"]["steps"]), 30)
            self.assertEqual(len(run["shown"]["items"]), 10)
            seen = self.check(page)
            if seen:
                self.assertEqual(seen.text("state"), "trained to the end")

    def test_it_changes_nothing(self):
        with Folder() as folder:
            hypes = folder.hypes()
            with_page = json.loads(folder.train("--quiet", "--json", "--html", "run.html", hypes).stdout)
            without = json.loads(folder.train("--quiet", "--json", hypes).stdout)
            self.assertEqual(with_page["run"], without["run"])

    def test_nan(self):
        with Folder() as folder:
            page = folder.path / "run.html"
            done = folder.train("--html", str(page), folder.hypes(learning_rate=1e30))
            self.assertEqual(done.returncode, CANCELLED, done.stderr)
            run = run_of(page)
            self.assertEqual(run["state"], "nonfinite")
            self.assertGreater(run["series"]["loss"]["bad"], 0)
            self.assertIn("nonfinite", [signal["rule"] for signal in run["signals"]])
            # The signals also come on stderr, a line each, without a terminal's escapes.
            self.assertRegex(done.stderr, r"(?m)^tenet: .* step \d+.*tenet explain nonfinite\)$")
            self.assertNotIn("\033", done.stderr)
            seen = self.check(page, PICTURES if len(run["series"]["loss"]["step"]) > 1 else PICTURES - {"score"})
            if seen:
                self.assertIn("NaN", seen.text("state"))

    def test_curves_of_any_size(self):
        """Values that fall to 1e-300, differ in their last bit only, are all 0, or are as large as they may be: none breaks an axis."""
        def rewrite(page, values):
            run = run_of(page)
            for series in run["series"].values():
                count = len(series["step"])
                for key in ("mean", "min", "max"):
                    if key in series:
                        series[key] = [values(i, count) for i in range(count)]
            text = page.read_text()
            page.write_text(re.sub(r'(<script type="application/json" id="run">).*?(</script>)', lambda found: found[1] + json.dumps(run) + found[2], text, flags=re.S))

        with Folder() as folder:
            page = folder.path / "run.html"
            self.assertEqual(folder.train("--quiet", "--html", str(page), folder.hypes()).returncode, 0)
            whole = page.read_text()
            for name, values in (("falling", lambda i, n: 10 ** (-300 * i / n)), ("last bit", lambda i, n: 0.1 + i % 2 * 2e-17), ("zero", lambda i, n: 0),
                                 ("tiny", lambda i, n: 1e-40 * (1 + i)), ("large", lambda i, n: 1e38 * (i - n / 2))):
                with self.subTest(name):
                    page.write_text(whole)
                    rewrite(page, values)
                    self.check(page)

    def test_hostile_names(self):
        with Folder() as folder:
            page = folder.path / "run.html"
            done = folder.train("--html", str(page), folder.hypes(name="<b>&\"'.json", first={"name": HOSTILE}))
            self.assertEqual(done.returncode, 0, done.stderr)
            run = run_of(page)
            self.assertIn(HOSTILE + ".weight", [tensor["key"] for tensor in run["tensors"]])
            seen = self.check(page)
            if seen:
                self.assertNotIn("<img", seen.dom)
                self.assertIn("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;", seen.dom)

    def test_fashion(self):
        if not FASHION.exists():
            self.skipTest("Fashion-MNIST is not installed (dataset-fashion-mnist)")
        with Folder() as folder:
            page = folder.path / "run.html"
            where = str(FASHION.parent)
            (folder.path / "cnn.json").write_text(json.dumps({
                "data": {"train": {"format": "idx", "inputs": where + "/train-images-idx3-ubyte.gz", "labels": where + "/train-labels-idx1-ubyte.gz"},
                         "valid": {"fraction": 0.1}, "input": {"scale": "standardize"}, "samples": 2000},
                "net": [{"op": "conv2d", "filters": 4, "kernel": 5}, {"op": "relu"}, {"op": "max_pool2d", "size": 2}, {"op": "flatten"}, {"op": "dense", "units": 10}],
                "loss": "softmax_cross_entropy", "solver": {"opt": "adam", "learning_rate": 0.001, "batch_size": 64, "epochs": 2}}))
            done = folder.train("--html", str(page), "--quiet", "cnn.json")
            self.assertEqual(done.returncode, 0, done.stderr)
            shown = run_of(page)["shown"]
            self.assertEqual(shown["shape"], [28, 28, 1])
            self.assertEqual(len(shown["items"][0]["pixels"]), 28 * 28)
            self.check(page)


class AsItGoesOn(Pages):
    def test_while_it_runs_and_after_ctrl_c(self):
        with Folder() as folder:
            page = folder.path / "run.html"
            running = subprocess.Popen([tenet(), "train", "--quiet", "--html", str(page), folder.hypes(epochs=100000000)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                end = time.monotonic() + SECONDS_MAX
                while not (page.exists() and run_of(page)["step"] > 0):
                    self.assertIsNone(running.poll())
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.05)
                self.assertEqual(run_of(page)["state"], "running")
                copy = folder.path / "copy.html"
                copy.write_text(page.read_text().replace('"refresh":3,', '"refresh":60,'))  # or it is looked at while it loads itself again
                running.send_signal(signal.SIGINT)
                self.assertEqual(running.wait(SECONDS_MAX), CANCELLED, running.stderr.read())
            finally:
                if running.poll() is None:
                    running.kill()
                running.stderr.close()
            self.assertEqual(run_of(page)["state"], "cancelled")
            self.assertGreaterEqual(run_of(page)["step"], run_of(copy)["step"])
            self.check(page)
            if CHROMIUM:
                seen = look_at(copy)
                self.assertEqual((seen.text("state"), seen.console, seen.data.get("errors")), ("training", [], "0"))

    def test_a_page_that_cannot_be_written(self):
        with Folder() as folder:
            done = folder.train("--html", "nowhere/run.html", folder.hypes())
            self.assertEqual(done.returncode, 3)
            self.assertIn("The page 'nowhere/run.html' cannot be written: No such file or directory.", done.stderr)
            self.assertEqual(done.stdout, "")


class Attached(Pages):
    def test_a_program(self):
        with Folder() as folder:
            page = folder.path / "run.html"
            (folder.path / "train.py").write_text(PROGRAM)
            done = folder.train("--html", str(page), "--", sys.executable, "train.py")
            self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
            run = run_of(page)
            self.assertEqual((run["state"], run["kind"], run["step"]), ("completed", "program", 320))
            self.assertTrue(run["title"].endswith("train.py"))
            self.assertTrue(any(tensor["role"] == "weight" for tensor in run["tensors"]))
            self.assertEqual(run["shown"]["steps"], [0, 320])
            self.assertEqual(len(run["shown"]["items"]), 10)
            self.assertTrue(run["shown"]["classes"])
            for item in run["shown"]["items"]:
                self.assertAlmostEqual(sum(item["shares"][1]), 1, delta=1e-4)
                self.assertEqual(item["label"], int(item["inputs"][0] > item["inputs"][1]))
            seen = self.check(page, PICTURES - {name for name in ("gradient_norm", "updates") if not has(run, name)})
            if seen:
                self.assertIn("seen twice", seen.text("samples"))

    def test_a_program_that_fails(self):
        with Folder() as folder:
            page = folder.path / "run.html"
            (folder.path / "train.py").write_text(PROGRAM + "raise SystemExit(7)\n")
            done = folder.train("--quiet", "--html", str(page), "--", sys.executable, "train.py")
            self.assertEqual(done.returncode, 7, done.stderr)
            run = run_of(page)
            self.assertEqual((run["state"], run["message"]), ("failed", "the program ended with exit code 7"))


def has(run, name):
    if name == "updates":
        return any(tensor["role"] == "update" for tensor in run["tensors"])
    return name in run["series"]


if CHROMIUM is None:
    class WithoutABrowser(unittest.TestCase):
        def test_is_told(self):
            self.skipTest("no chromium: what the pages show was not looked at")


if __name__ == "__main__":
    unittest.main()
