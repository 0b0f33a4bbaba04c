"""The programs people know, under tenet: `tenet train --` changes nothing of what they do, and `tenet debug --` leaves every file as it was."""
import os
import shutil
import unittest

from support_programs import FASHION, PROGRAMS, Place, report_of, tenet, tree

BUDGET = "8s"  # of a debug; too little to decide anything, enough for trials to write what they write
# Exit statuses of a debug that was carried through: healthy, confirmed findings, inconclusive or suspicions only.
DEBUGGED = (0, 1, 4)


class Programs(unittest.TestCase):
    """What both tests of a program share."""

    maxDiff = 4000

    def setUp(self):
        if not os.access(tenet(), os.X_OK):
            self.fail("tenet is not built: no program at %s (name it by TENET_PROGRAM)" % tenet())

    def skip_unless_possible(self, program):
        if program.needs_fashion and not FASHION.exists():
            self.skipTest("Fashion-MNIST is not installed (dataset-fashion-mnist)")


class TrainChangesNothing(Programs):
    """The same output, exit status and files, bit for bit, and a report without an error."""

    def compare(self, program):
        self.skip_unless_possible(program)
        with Place() as bare_place:
            bare_place.prepare(program)
            bare = bare_place.run(bare_place.command(program))
            bare_files = bare_place.written()
            self.assertEqual(bare.status, 0, bare.err)
            self.assertTrue(bare.out.strip(), "the program printed nothing")
            for name in program.saves:
                self.assertIn(name, bare_files)
        with Place() as place:
            place.prepare(program)
            watched = place.run([tenet(), "train", "--quiet", "--", *place.command(program)])
            self.assertEqual(watched.out, bare.out, watched.err[-3000:])
            self.assertEqual(watched.status, bare.status, watched.err[-3000:])
            self.assertEqual(place.written(), bare_files)
        with Place() as place:
            place.prepare(program)
            told = place.run([tenet(), "train", "--quiet", "--json", "--", *place.command(program)])
            report = report_of(told)
            self.assertEqual(place.written(), bare_files)
        self.judge(program, report, watched.err)

    def judge(self, program, report, text):
        """The report, as JSON and as text."""
        self.assertEqual(report["schema"], "tenet.report/1")
        self.assertEqual([finding for finding in report.get("findings", []) if finding["severity"] == "error"], [])
        self.assertNotEqual(report["verdict"], "faulty")
        if program.scored is True:
            self.assertIsInstance(report["score"], (int, float), text[-3000:])
            self.assertNotIn("no score", text)
        elif program.scored is False:
            self.assertIsNone(report.get("score"))
            self.assertRegex(text, r"no score\W+\w+")


class DebugLeavesFiles(Programs):
    """Every file of the program's folder, its working directory and its home: content, mode and time of change."""

    def leave(self, program):
        self.skip_unless_possible(program)
        with Place() as place:
            place.prepare(program)
            before = tree(place.root, with_times=True)
            done = place.run([tenet(), "debug", "--quiet", "--json", "--budget", BUDGET, "--threads", "1", "--", *place.command(program)])
            self.assertEqual(tree(place.root, with_times=True), before)
            if program.declined:
                self.assertNotIn(done.status, DEBUGGED, done.out[-3000:])
                self.assertRegex(done.err, program.declined)
                return
            self.assertIn(done.status, DEBUGGED, done.err[-3000:] + done.out[-3000:])
            report = report_of(done)
            self.assertEqual(report["subject"]["kind"], "program")
            self.assertGreater(report["subject"]["parameters"], 0)


class FilesAreSeen(unittest.TestCase):
    """What the hashes are for: a program that does write is noticed."""

    def test_a_bare_run_changes_files(self):
        program = next(program for program in PROGRAMS if program.name == "gcn")
        with Place() as place:
            before = tree(place.root, with_times=True)
            done = place.run([*place.command(program), "--dry-run"])
            self.assertEqual(done.status, 0, done.err)
            self.assertEqual(tree(place.root, with_times=True), before)  # it saves nothing
            (place.root / "work" / "model.pt").write_bytes(b"weights")
            changed = tree(place.root, with_times=True)
            self.assertNotEqual(changed, before)
            shutil.copystat(place.root / "programs" / "gcn.py", place.root / "work" / "model.pt")
            self.assertNotEqual(tree(place.root, with_times=True), changed)

    def test_the_seed_decides_the_files(self):
        """Two seeds, two checkpoints: so equal hashes say something."""
        program = next(program for program in PROGRAMS if program.name == "language_lstm")
        found = []
        for seed in ("1", "2"):
            with Place() as place:
                done = place.run([*place.command(program), "--dry-run", "--seed", seed])
                self.assertEqual(done.status, 0, done.err)
                found.append(place.written()["model.pt"])
        self.assertNotEqual(found[0], found[1])


def add_tests():
    """A test of each kind for each program, under its name."""
    for program in PROGRAMS:
        def train(self, program=program):
            self.compare(program)

        def debug(self, program=program):
            self.leave(program)
        setattr(TrainChangesNothing, "test_" + program.name, train)
        setattr(DebugLeavesFiles, "test_" + program.name, debug)


add_tests()

if __name__ == "__main__":
    unittest.main()
