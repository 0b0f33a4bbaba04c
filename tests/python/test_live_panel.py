"""The panel of `tenet train` on a terminal: drawn in place, no wider than the terminal and gone at the end; and no escape sequence where there is no terminal."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import unittest

from support_page import Folder, SECONDS_MAX
from support_programs import tenet

ESCAPE = re.compile(r"\x1b\[[\d;]*m|\x1b\[(\d*)([A-Za-z])")
DRAWN = b"\x1b[J"  # the end of a panel
CANCELLED = 4


class Screen:
    """What a terminal shows: the little of it that the panel uses. A line that is too wide is wrapped, as terminals do; anything unknown is an error."""

    def __init__(self, columns, lines):
        self.columns, self.height = columns, lines
        self.lines, self.row, self.column = [""], 0, 0
        self.widest = 0

    def put(self, character):
        if self.column >= self.columns:
            self.newline()
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
        self.column += 1
        self.widest = max(self.widest, self.column)

    def newline(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def feed(self, text):
        at = 0
        while at < len(text):
            found = ESCAPE.match(text, at)
            if found:
                self.obey(found.group(2), int(found.group(1) or 0))
                at = found.end()
                continue
            character = text[at]
            if character == "\x1b":
                raise AssertionError("an unknown escape sequence: %r" % text[at:at + 12])
            if character == "\n":
                self.newline()
                self.column = 0
            elif character == "\r":
                self.column = 0
            else:
                self.put(character)
            at += 1

    def obey(self, letter, number):
        if letter == "A":
            # A terminal that has scrolled cannot go back further than its first line.
            top = max(0, len(self.lines) - self.height)
            self.row = max(top, self.row - max(number, 1))
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == "J":
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif letter is not None:
            raise AssertionError("an unknown escape sequence: %s%s" % (number, letter))

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")


def resize(terminal, columns, lines):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


class Terminal:
    """A run of tenet whose stderr is a terminal."""

    def __init__(self, folder, words, columns=80, lines=24, own_stdout=True, **environment):
        self.master, slave = pty.openpty()
        resize(self.master, columns, lines)
        settings = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        settings["TERM"] = "xterm"
        settings.update(environment)
        self.process = subprocess.Popen([tenet(), "train", *words], cwd=folder.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if own_stdout else slave, stderr=slave,
                                        env=settings, start_new_session=True)
        os.close(slave)
        self.raw = b""

    def read(self):
        """Some more bytes; False at the end."""
        if not select.select([self.master], [], [], SECONDS_MAX)[0]:
            raise AssertionError("nothing came for %d seconds; so far: %r" % (SECONDS_MAX, self.raw[-500:]))
        try:
            more = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            return False
        self.raw += more
        return bool(more)

    def until(self, word, count):
        while self.raw.count(word) < count:
            if not self.read():
                raise AssertionError("it ended before %d times %r: %r" % (count, word, self.raw[-2000:]))

    def end(self):
        """The exit status and what is on stdout, after all has been read."""
        out = self.process.stdout.read().decode() if self.process.stdout else ""
        while self.read():
            pass
        status = self.process.wait(SECONDS_MAX)
        self.close()
        return status, out

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def text(self):
        return self.raw.decode().replace("\r\n", "\n")


class OnATerminal(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.folder.__enter__()
        self.addCleanup(self.folder.__exit__)

    def start(self, *words, **more):
        terminal = Terminal(self.folder, words, **more)
        self.addCleanup(terminal.close)
        return terminal

    def test_it_is_drawn_in_place_and_taken_away(self):
        # Long enough for what is looked for, and short enough for tensors to be observed soon: a hundredth of the run apart.
        terminal = self.start(self.folder.hypes(epochs=200000))
        terminal.until(b"updates relative", 2)
        terminal.until(DRAWN, terminal.raw.count(DRAWN) + 1)
        screen = Screen(80, 24)
        screen.feed(terminal.text()[:terminal.text().rindex("\x1b[J") + 3])
        lines = screen.text().split("\n")
        self.assertLessEqual(len(lines), 23)
        self.assertLessEqual(screen.widest, 79)
        self.assertRegex(lines[0], r"^ +\d+ % [█▏▎▍▌▋▊▉·]+  step [\d,]+ of [\d,]+, [\d,]+ steps/s")
        for name in ("loss", "validation", "gradient", "rate", "updates relative to their weights"):
            self.assertEqual(sum(line.startswith(name) for line in lines), 1, screen.text())
        self.assertRegex(screen.text(), r"dense_\d\.(weight|bias)")
        terminal.process.send_signal(signal.SIGINT)
        status, out = terminal.end()
        self.assertEqual(status, CANCELLED)
        self.assertIn("stopped: ", out)
        screen = Screen(80, 24)
        screen.feed(terminal.text())
        self.assertEqual(screen.text(), "")

    def test_a_terminal_that_becomes_narrow(self):
        terminal = self.start(self.folder.hypes(epochs=100000000))
        terminal.until(DRAWN, 2)
        resize(terminal.master, 40, 12)
        before = len(terminal.raw)
        terminal.until(DRAWN, 5)
        terminal.process.send_signal(signal.SIGINT)
        terminal.end()
        drawn = terminal.raw[before:].split(DRAWN)[1:-1]  # the first may have been drawn before
        self.assertGreaterEqual(len(drawn), 1)
        for panel in drawn:
            lines = ESCAPE.sub("", panel.decode()).replace("\r", "").strip("\n").split("\n")
            self.assertLessEqual(max(map(len, lines)), 39)
            self.assertLessEqual(len(lines), 11)

    def test_without_colours(self):
        for words, environment in (([], {"NO_COLOR": "1"}), (["--no-color"], {})):
            terminal = self.start(*words, self.folder.hypes(epochs=100000000), **environment)
            terminal.until(DRAWN, 2)
            terminal.process.send_signal(signal.SIGINT)
            terminal.end()
            self.assertNotRegex(terminal.text(), r"\x1b\[[\d;]*m")

    def test_with_colours(self):
        terminal = self.start(self.folder.hypes(epochs=100000000))
        terminal.until(DRAWN, 2)
        terminal.process.send_signal(signal.SIGINT)
        terminal.end()
        self.assertRegex(terminal.text(), r"\x1b\[[\d;]+m")

    def test_a_dumb_terminal(self):
        terminal = self.start(self.folder.hypes(learning_rate=1e30), TERM="dumb")
        status, _ = terminal.end()
        self.assertEqual(status, CANCELLED)
        self.assertNotIn("\x1b", terminal.text())
        self.assertIn("explain nonfinite)\n", terminal.text())

    def test_quiet(self):
        terminal = self.start("--quiet", self.folder.hypes())
        status, out = terminal.end()
        self.assertEqual((status, terminal.text()), (0, ""))
        self.assertIn("trained: ", out)

    def test_a_program_has_the_terminal_to_itself(self):
        """Its lines stand as they would alone; ours are whole lines, without escapes."""
        (self.folder.path / "train.sh").write_text("for i in 1 2 3; do echo \"out $i\"; echo \"err $i\" >&2; echo '{\"step\": '$i', \"loss\": '$i'}' >> \"$TENET_LOG\"; done\n")
        terminal = self.start("--no-color", "--", "sh", "train.sh", own_stdout=False)
        status, _ = terminal.end()
        self.assertEqual(status, 0, terminal.text())
        self.assertNotIn("\x1b", terminal.text())
        lines = terminal.text().split("\n")
        for i in (1, 2, 3):
            self.assertIn("out %d" % i, lines)
            self.assertIn("err %d" % i, lines)


class WithoutATerminal(unittest.TestCase):
    def test_a_pipe_gets_lines(self):
        with Folder() as folder:
            done = folder.train(folder.hypes(learning_rate=1e30), env=dict(os.environ, TERM="xterm"))
            self.assertEqual(done.returncode, CANCELLED)
            self.assertRegex(done.stderr, r"\A(tenet: .*\((after step \d+; )?tenet explain \w+\)\n)+\Z")
            self.assertEqual(len(re.findall(r"at step \d+ .*\(tenet explain nonfinite\)\n", done.stderr)), 1)
            self.assertNotIn("\x1b", done.stdout)


if __name__ == "__main__":
    sys.exit(unittest.main())
