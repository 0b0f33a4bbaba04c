"""The C extension by itself: vitals of tensors of any type and layout, scores, the link, and how little it takes to build it."""

import math
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import support_parent
import torch

from tenet import _tenet, torch_names

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECIAL = [0.0, -0.0, 1.5, -2.25, 1e-40, -1e-42, math.inf, -math.inf, math.nan, 65504.0, 3e-5]


def expected(tensor):
    """Vitals by another way: one value after the other."""
    values = [float(value) for value in tensor.detach().contiguous().reshape(-1).to(torch.float64).tolist()]
    kept = [value for value in values if math.isfinite(value)]
    mean = math.fsum(kept) / len(kept) if kept else 0.0
    return {
        "count": len(values),
        "nan": sum(math.isnan(value) for value in values),
        "positive_infinity": values.count(math.inf),
        "negative_infinity": values.count(-math.inf),
        "zeros": sum(value == 0 for value in values),
        "first_nonfinite": next((i for i, value in enumerate(values) if not math.isfinite(value)), None),
        "min": min(kept, default=math.inf),
        "max": max(kept, default=-math.inf),
        "sum": math.fsum(kept),
        "sum_of_squares": math.fsum(value * value for value in kept),
        "mean": mean,
        "m2": math.fsum((value - mean) ** 2 for value in kept),
    }


class Vitals(unittest.TestCase):
    def check(self, tensor, found=None):
        found = found or _tenet.vitals(tensor.detach())
        for name, value in expected(tensor).items():
            with self.subTest(name=name, dtype=tensor.dtype, strides=tensor.stride()):
                if isinstance(value, float) and math.isfinite(value):
                    self.assertAlmostEqual(found[name], value, delta=1e-6 * abs(value) + 1e-12)
                else:
                    self.assertEqual(found[name], value)
        self.assertEqual(sum(found["histogram"]), found["count"] - found["nan"] - found["positive_infinity"] - found["negative_infinity"])

    def test_types(self):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            self.check(torch.tensor(SPECIAL).to(dtype))
        self.check(torch.tensor([0.0, 1e-3, -7.5, math.nan, math.inf], dtype=torch.float64))
        for dtype in (torch.int8, torch.int16, torch.int32, torch.int64):
            self.check(torch.tensor([-128, -1, 0, 3, 127], dtype=dtype))
        self.check(torch.tensor([0, 3, 255], dtype=torch.uint8))

    def test_layouts(self):
        base = torch.randn(6, 5, 4)
        base[3, 2, 1] = math.nan
        for tensor in (
            base,
            base.permute(2, 0, 1),
            base[::2],
            base[:, 1:4, ::3],
            base[1],
            base[3, 2, 1],
            base.new_ones(1).expand(4, 7),
            torch.empty(0, 3),
            torch.tensor(2.0),
        ):
            self.check(tensor)
        self.check(torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last))

    def test_large(self):
        torch.manual_seed(1)
        self.check(torch.randn(300, 1001))
        self.check(torch.randn(1001, 300).t().to(torch.float16))

    def test_what_has_none(self):
        self.assertRaises(AttributeError, _tenet.vitals, 3)
        with self.assertRaises((TypeError, ValueError, RuntimeError)):
            _tenet.vitals(torch.zeros(2, dtype=torch.complex64))
        with self.assertRaises((TypeError, ValueError, RuntimeError, BufferError)):
            _tenet.vitals(torch.zeros(2, requires_grad=True))

    def test_by_the_frameworks_own_operations(self):
        """As a GPU does it; here on the processor."""
        tensor = torch.cat([torch.tensor(SPECIAL), torch.randn(1000)])
        found, kernel = torch_names.on_device(tensor), _tenet.vitals(tensor)
        self.check(tensor, found)
        self.assertEqual((found["histogram"], found["subnormals"]), (kernel["histogram"], kernel["subnormals"]))
        self.assertEqual(torch_names.on_device(torch.empty(0))["count"], 0)

    def test_sparse(self):
        dense = torch.zeros(7, 3)
        dense[2], dense[5] = torch.randn(3), torch.randn(3)
        self.check(dense, torch_names.reduced(dense.to_sparse()))


class Scores(unittest.TestCase):
    def test_classification(self):
        outputs, labels = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0], [5.0, 0.0]]), torch.tensor([0, 1, 1, 0])
        self.assertAlmostEqual(_tenet.score_classification(outputs, labels, 2), (3 - 2) / (4 - 2))
        self.assertAlmostEqual(_tenet.score_classification(outputs, labels.int(), 2), 0.5)
        self.assertTrue(math.isnan(_tenet.score_classification(outputs, torch.zeros(4, dtype=torch.int64), 2)))
        self.assertEqual(_tenet.score_classification(torch.tensor([0.9, 0.2]), torch.tensor([1, 0]), 1, 0.5), 1.0)

    def test_regression(self):
        targets = torch.tensor([1.0, 2.0, 3.0])
        self.assertEqual(_tenet.score_regression(targets, targets, 1), 1.0)
        self.assertAlmostEqual(_tenet.score_regression(torch.full((3,), 2.0), targets, 1), 0.0)

    def test_what_does_not_fit(self):
        self.assertRaises(ValueError, _tenet.score_regression, torch.zeros(4), torch.zeros(3), 1)
        self.assertRaises(ValueError, _tenet.score_classification, torch.zeros(4, 2), torch.zeros(3, dtype=torch.int64), 2)
        self.assertRaises(TypeError, _tenet.score_classification, torch.zeros(4, 2), torch.zeros(4), 2)


class Links(unittest.TestCase):
    def setUp(self):
        self.listener, self.address = support_parent.listen()
        self.addCleanup(self.listener.close)
        self.link = _tenet.Link(self.address)
        self.connection = support_parent.Connection(self.listener.accept()[0])
        self.addCleanup(self.connection.socket.close)

    def received(self):
        self.connection.feed(self.connection.socket.recv(1 << 20))
        return self.connection.records

    def test_records(self):
        self.link.text(support_parent.NOTE, '{"text": "caf\\u00e9"}')
        self.link.score(3, 96, valid_score=0.5)
        self.assertTrue(self.link.step(4, 128, 0.25, 0.1, math.nan))
        records = self.received()
        self.assertEqual([kind for kind, _ in records], [support_parent.NOTE, support_parent.SCORE, support_parent.STEP])
        self.assertEqual(records[0][1], {"text": "caf\u00e9"})
        self.assertEqual((records[1][1].valid_score, records[2][1][:4]), (0.5, (4, 128, 0.25, 0.1)))

    def test_stop(self):
        self.connection.send(support_parent.STOP)
        self.assertFalse(self.link.step(1, 1, 0.0, 0.0, 0.0))

    def test_steps_that_share_a_sending(self):
        self.link.pace(3600.0)
        for step in range(1, 4):
            self.assertTrue(self.link.step(step, step, 0.0, 0.0, 0.0))
        self.assertLessEqual(len(self.received()), 1)
        self.link.flush()
        self.assertEqual([step.step for step in [value for _, value in self.received()]], [1, 2, 3])

    def test_wait(self):
        self.assertIsNone(self.link.wait(0.01))
        self.connection.send(support_parent.FORK, '{"trial": "x"}')
        self.assertEqual(self.link.wait(5), (support_parent.FORK, '{"trial": "x"}'))
        threading.Timer(0.05, self.connection.socket.shutdown, [socket.SHUT_RDWR]).start()
        self.assertRaises(ConnectionError, self.link.wait, 30)
        self.assertFalse(self.link.alive)

    def test_a_closed_link(self):
        self.link.close()
        self.assertRaises(ValueError, self.link.flush)
        self.assertFalse(self.link.alive)
        self.link.close()

    def test_nobody_listens(self):
        self.assertRaises(OSError, _tenet.Link, "@tenet-nobody-at-all")


class Building(unittest.TestCase):
    def test_stable_interface(self):
        """No symbol of Python's is used that CPython 3.9 does not promise: the compiler has checked that; and nothing is linked but C's own
        libraries."""
        needed = subprocess.run(["readelf", "-d", _tenet.__file__], capture_output=True, text=True, check=True).stdout
        libraries = re.findall(r"NEEDED.*\[(.*?)\]", needed)
        self.assertTrue(all(name.startswith(("libc.", "libm.", "libpthread.", "ld-linux")) for name in libraries), libraries)
        self.assertTrue(_tenet.__file__.endswith(".abi3.so"))

    def test_setup(self):
        """python/setup.py builds the same from the repository."""
        if shutil.which("cc") is None and shutil.which("gcc") is None:
            self.skipTest("no C compiler")
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", folder, "--build-temp", folder + "/temp"],
                cwd=ROOT / "python",
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=600,
                check=False,
            )
            self.assertEqual(done.returncode, 0, done.stdout[-3000:])
            built = list(pathlib.Path(folder).glob("tenet/_tenet*.so"))
            self.assertEqual(len(built), 1)
            code = (
                "import importlib.util as u; s = u.spec_from_file_location('_tenet', %r); "
                "m = u.module_from_spec(s); s.loader.exec_module(m); print(m.Link.__name__)"
                % str(built[0])
            )
            self.assertEqual(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout, "Link\n")


if __name__ == "__main__":
    unittest.main()
