"""The levels of programs (examples/torch/levels): a hypes file names them, each trial reads a patched copy, and `tenet climb` tells at which level a planted bug enters: an inverted padding mask of an
attention at the first word that needs the source, swapped coordinates at the first box. Without the bug every level is passed."""
import json
import pathlib
import subprocess
import sys
import unittest

from support_programs import tenet

LEVELS = pathlib.Path(__file__).resolve().parents[2] / "examples/torch/levels"


class LevelPrograms(unittest.TestCase):
    maxDiff = None

    def climb(self, name, program):
        """The one experiment of the report."""
        folder = LEVELS / name
        done = subprocess.run([tenet(), "climb", "--json", "--quiet", "--hypes", str(folder / "hypes.json"), "--", sys.executable, str(folder / program)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)
        try:
            return json.loads(done.stdout)["experiments"][0]
        except ValueError:
            raise AssertionError("no report, exit status %d: %s" % (done.returncode, done.stderr[-2000:])) from None

    def climb_to(self, name, level):
        experiment = self.climb(name, "buggy.py")
        self.assertEqual(experiment["verdict"], "fail", experiment["summary"])
        self.assertEqual(experiment["result"]["enters_at"], level)
        path = experiment["result"]["path"]
        self.assertTrue(all(cell["passed"] for cell in path[:-1]), path)
        self.assertFalse(path[-1]["passed"])

    def test_a_translation_with_an_inverted_mask(self):
        self.climb_to("translation", "first word from three source words")

    def test_boxes_with_swapped_coordinates(self):
        self.climb_to("boxes", "the box of the red one")

    def test_without_the_bug_every_level_is_passed(self):
        for name in ("translation", "boxes"):
            with self.subTest(name):
                experiment = self.climb(name, "fixed.py")
                self.assertEqual(experiment["verdict"], "pass", experiment)


if __name__ == "__main__":
    unittest.main()
