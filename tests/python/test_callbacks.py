"""tenet.watch and the callbacks of Lightning and Hugging Face: a training that nobody started under tenet is recorded, says what the rules see, and computes what it computes alone.

The callbacks run with the Python that $TENET_TEST_TORCH2_PYTHON names, else with this one; what it does not have is skipped.
"""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import support_parent

PYTHON2 = os.environ.get("TENET_TEST_TORCH2_PYTHON") or sys.executable

LOOP = """
import sys, torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(512, 20)
y = (x[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 50)
WATCH
for step in range(STEPS):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
print("last", loss.item().hex())
END
"""
WATCH = "import tenet\nrecorder = tenet.watch(model, optimizer, store=sys.argv[1])"
END = "import json\nprint(json.dumps(recorder.close()))"

LIGHTNING = """
import json, sys, torch, tenet
from torch import nn
try:
    import lightning.pytorch as pl
except ImportError:
    import pytorch_lightning as pl
torch.manual_seed(0)
x = torch.randn(256, 20)
y = (x[:, 0] > 0).long()
class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2)]
callback = tenet.LightningCallback(store=sys.argv[1])
trainer = pl.Trainer(max_epochs=3, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                     callbacks=[callback])
trainer.fit(Net(), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32))
print(json.dumps(callback.report))
"""

TRANSFORMERS = """
import json, sys, torch, tenet
from torch import nn
from transformers import Trainer, TrainingArguments
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 2))
    def forward(self, x, labels=None):
        logits = self.net(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}
class Rows(torch.utils.data.Dataset):
    def __init__(self):
        self.x = torch.randn(256, 20)
    def __len__(self):
        return 256
    def __getitem__(self, row):
        return {"x": self.x[row], "labels": (self.x[row][0] > 0).long()}
callback = tenet.TransformersCallback(store=sys.argv[1])
arguments = TrainingArguments(output_dir=sys.argv[1] + ".out", num_train_epochs=3, per_device_train_batch_size=32, report_to=[], use_cpu=True, save_strategy="no",
                              disable_tqdm=True, learning_rate=0.01)
Trainer(model=Net(), args=arguments, train_dataset=Rows(), callbacks=[callback]).train()
print(json.dumps(callback.report))
"""


def has(python, module):
    return subprocess.run([python, "-c", "import torch, " + module], capture_output=True, check=False).returncode == 0


class Recording(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.store = str(pathlib.Path(self.folder.name) / "runs.tenet")

    def run_script(self, script, python=sys.executable, **variables):
        environment = dict(os.environ, PYTHONPATH=str(support_parent.package_folder()), OMP_NUM_THREADS="1", **variables)
        environment.pop("TENET_SOCKET", None)
        path = pathlib.Path(self.folder.name) / "train.py"
        path.write_text(script)
        done = subprocess.run([python, str(path), self.store], env=environment, capture_output=True, text=True, check=False, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def loop(self, rate="0.1", steps="120", watch=WATCH, end=END, **variables):
        return self.run_script(LOOP.replace("RATE", rate).replace("STEPS", steps).replace("WATCH", watch).replace("END", end), **variables)

    def runs(self):
        with sqlite3.connect(self.store) as store:
            return store.execute("select count(*) from trial").fetchone()[0]

    def check_report(self, report, steps):
        self.assertEqual((report["schema"], report["verdict"]), ("tenet.report/1", "trained"))
        self.assertEqual(report["run"]["steps"], steps)
        self.assertLess(report["run"]["last_loss"], report["run"]["first_loss"])
        self.assertEqual([signal["rule"] for signal in report["signals"] if signal["state"] == "fired"], [])
        self.assertEqual(self.runs(), 1)


class Watch(Recording):
    def test_a_loop_is_recorded_and_computes_what_it_computes_alone(self):
        alone = self.loop(watch="", end="")
        watched = self.loop()
        last, document = watched.stdout.splitlines()
        self.assertEqual(last, alone.stdout.strip())
        report = json.loads(document)
        self.check_report(report, 120)
        self.assertEqual(report["subject"]["name"], "train.py")
        self.assertAlmostEqual(float.fromhex(last.split()[1]), report["run"]["last_loss"], places=12)
        self.assertEqual(watched.stderr, "")

    def test_it_need_not_be_closed(self):
        self.loop(end="")
        self.assertEqual(self.runs(), 1)

    def test_signals_are_said_and_end_nothing(self):
        done = self.loop(rate="1e6")
        self.assertIn("the loss is NaN", done.stderr + done.stdout)
        self.assertIn("tenet explain nonfinite", done.stderr)
        report = json.loads(done.stdout.splitlines()[1])
        self.assertEqual(report["run"]["steps"], 120)
        self.assertIn("nonfinite", [signal["rule"] for signal in report["signals"] if signal["state"] == "fired"])

    def test_what_keeps_it_from_recording_is_said_and_ends_nothing(self):
        done = self.loop(end="print(recorder.report, recorder.is_recording)", TENET_PROGRAM="/nonexistent/tenet")
        self.assertIn("tenet: the training is not recorded", done.stderr)
        self.assertTrue(done.stdout.endswith("None False\n"))
        self.assertFalse(pathlib.Path(self.store).exists())

    def test_a_training_that_goes_on_after_it_is_closed(self):
        again = self.run_script(LOOP.replace("RATE", "0.1").replace("STEPS", "120").replace("WATCH", WATCH).replace("END", "print(recorder.report['run']['steps'])").replace(
            "    scheduler.step()", "    scheduler.step()\n    if step == 19:\n        recorder.close()"))
        self.assertEqual(again.stdout.splitlines()[1], "20")

    def test_what_is_no_model_is_told(self):
        done = self.loop(watch="import tenet\ntry:\n    tenet.watch(3)\nexcept TypeError as error:\n    print(error)", end="")
        self.assertIn("tenet.watch() got int; expected a torch.nn.Module", done.stdout)

    def test_under_a_parent_it_does_nothing(self):
        run = support_parent.run(LOOP.replace("RATE", "0.1").replace("STEPS", "10").replace("WATCH", WATCH).replace("END", "print(recorder.why)"), {"mode": "train"},
                                 arguments=[self.store])
        self.assertIn("somebody watches already", run.output)
        self.assertEqual(len(run.steps), 10)
        self.assertFalse(pathlib.Path(self.store).exists())


class Callbacks(Recording):
    @unittest.skipUnless(has(PYTHON2, "lightning") or has(PYTHON2, "pytorch_lightning"), "no Lightning: set TENET_TEST_TORCH2_PYTHON to a Python that has it")
    def test_lightning(self):
        done = self.run_script(LIGHTNING, PYTHON2)
        self.check_report(json.loads(done.stdout.splitlines()[-1]), 24)

    @unittest.skipUnless(has(PYTHON2, "transformers, accelerate"), "no transformers: set TENET_TEST_TORCH2_PYTHON to a Python that has it")
    def test_transformers(self):
        done = self.run_script(TRANSFORMERS, PYTHON2)
        self.check_report(json.loads(done.stdout.splitlines()[-1]), 24)


if __name__ == "__main__":
    unittest.main()
