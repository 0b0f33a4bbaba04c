"""A recurrent network whose loss turns NaN after more than 100 steps, because a few batches have huge gradients (examples/torch/faults/late_nan): `tenet clip` sees the spikes, reads the limit off the
norms, and confirms it on fresh seeds, though the program's length is not known before a clipped trial has come to its end. With the limit in it, the program is left alone."""
import json
import pathlib
import subprocess
import sys
import unittest

from support_programs import tenet

PROGRAMS = pathlib.Path(__file__).resolve().parents[2] / "examples/torch/faults/late_nan"


def clip(name):
    """The report of `tenet clip`, its one experiment, and the exit status."""
    done = subprocess.run([tenet(), "clip", "--json", "--quiet", "--", sys.executable, str(PROGRAMS / name)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise AssertionError("no report, exit status %d: %s" % (done.returncode, done.stderr[-2000:])) from None
    return report, report["experiments"][0], done.returncode


class LateNan(unittest.TestCase):
    maxDiff = None

    def test_spikes_are_found_and_the_limit_is_confirmed(self):
        report, experiment, status = clip("buggy.py")
        self.assertEqual(status, 1, report)
        look = experiment["trials"][0]
        self.assertEqual(look["end"], "nonfinite")
        self.assertGreater(look["nonfinite_step"], 100)
        result = experiment["result"]
        self.assertGreater(result["spikes"], 0)
        self.assertLess(result["limit"], result["largest_norm"])
        finding = report["findings"][0]
        self.assertEqual((finding["cause"], finding["confirmed"], finding["confirmed_by"]), ("needs_clipping", True, "fix"))
        self.assertEqual(finding["fix"]["patch"], {"solver.clip_norm": result["limit"]})
        effect = finding["fix"]["effect"]
        self.assertGreaterEqual(len(effect["before"]), 5)
        for before, after in zip(effect["before"], effect["after"]):
            self.assertLess(before, after)

    def test_clipped_it_is_left_alone(self):
        report, experiment, _ = clip("fixed.py")
        self.assertEqual(report["findings"], [])
        self.assertEqual(experiment["trials"][0]["end"], "completed")
        self.assertIn(experiment["verdict"], ("pass", "inconclusive"))


if __name__ == "__main__":
    unittest.main()
