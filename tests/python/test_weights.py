"""Weights between tenet and PyTorch, from end to end: the networks of tools/make_golden_networks.py are trained for five steps by `tenet train` from PyTorch's weights, and a state_dict that it
writes is loaded into the same network in PyTorch, which then answers as after five steps of its own."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from support_programs import ROOT, tenet

try:
    import numpy
    import torch
except ImportError:
    torch = None

NETWORKS = ROOT / "tests/subject/data/networks"
TOLERANCE = 1e-4


def read_safetensors(path):
    """Tensors by their names, and the metadata."""
    content = pathlib.Path(path).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length].decode())
    metadata, tensors = header.pop("__metadata__"), {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = torch.from_numpy(numpy.frombuffer(content[begin:end], {"F32": "<f4", "I64": "<i8"}[entry["dtype"]]).reshape(entry["shape"]).copy())
    return tensors, metadata


@unittest.skipIf(torch is None, "needs torch")
class Weights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, str(ROOT / "tools"))
        import make_golden_networks
        cls.golden = make_golden_networks

    def train(self, name, *options):
        """`tenet train` of a network: its losses."""
        done = subprocess.run([tenet(), "train", "--json", "--quiet", *options, str(NETWORKS / (name + ".json"))], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [point["loss"] for point in json.loads(done.stdout)["run"]["curve"]]

    def test_both_train_alike_and_pytorch_loads_what_is_written(self):
        for name in self.golden.NETWORKS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                create, _, loss_of, optimizer_of = self.golden.NETWORKS[name]
                samples = numpy.load(NETWORKS / (name + ".npz"))
                inputs, labels = self.golden.as_torch(torch.from_numpy(samples["x"])), torch.from_numpy(samples["y"])
                trained, loaded = create(), create()
                trained.load_state_dict(read_safetensors(NETWORKS / (name + ".safetensors"))[0])
                expected = self.golden.train(trained, inputs, labels, loss_of, optimizer_of(trained))
                path = folder + "/trained.safetensors"
                for ours, theirs in zip(self.train(name, "--weights", path, "--set", "weights.layout=torch"), expected):
                    self.assertAlmostEqual(ours, theirs, delta=TOLERANCE)
                state, metadata = read_safetensors(path)
                self.assertEqual(metadata["format"], "pt")
                loaded.load_state_dict(state, strict=True)
                ours, theirs = (torch.tensor(self.golden.evaluate(net, inputs)) for net in (loaded, trained))
                self.assertLess((ours - theirs).abs().max().item(), TOLERANCE)

    def test_the_committed_files_are_what_the_script_writes(self):
        for name in self.golden.NETWORKS:
            made_by = json.loads((NETWORKS / (name + "_expected.json")).read_text(encoding="ascii"))["torch"]
            if made_by != torch.__version__:
                self.skipTest("the files were made by torch " + made_by)
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                self.golden.make(pathlib.Path(folder), name)
                fresh, _ = read_safetensors(folder + "/" + name + ".safetensors")
                committed, _ = read_safetensors(NETWORKS / (name + ".safetensors"))
                self.assertEqual(fresh.keys(), committed.keys())
                for key, values in fresh.items():
                    self.assertEqual(values.shape, committed[key].shape)
                    self.assertLess((values.double() - committed[key].double()).abs().max().item(), 1e-6)


if __name__ == "__main__":
    unittest.main()
