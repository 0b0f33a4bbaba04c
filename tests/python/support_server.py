"""A program in mode "serve" under a stand-in for the parent: its forks, one by one."""
import json
import pathlib
import select
import subprocess
import sys
import tempfile
import time

from support_parent import EXITED, FORK, HELLO, Connection, environment_of, listen, read_some, whole_trial

SECONDS = 60


class Server:
    """A program in mode "serve", and what its forks say."""

    def __init__(self, script, environment=None, python=sys.executable):
        self.made = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.made.name)
        (self.folder / "train.py").write_text(script)
        self.listener, address = listen()
        self.output = open(self.folder / "server.txt", "w+b")
        self.process = subprocess.Popen([python, "train.py"], cwd=str(self.folder), env=environment_of(address, self.trial_file("serve", {"mode": "serve"}), environment),
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)
        self.connection = None
        self.heard = []  # every connection
        try:
            self.connection = self.accept()
        except TimeoutError:
            self.close()
            raise

    def accept(self):
        """The next connection, read until it said hello."""
        ready, _, _ = select.select([self.listener], [], [], SECONDS)
        if not ready:
            raise TimeoutError("nobody calls")
        connection = Connection(self.listener.accept()[0])
        self.heard.append(connection)
        self.wait(connection, lambda: connection.of(HELLO) or not connection.is_open)
        return connection

    @staticmethod
    def wait(connection, condition):
        deadline = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("it says nothing more")
            if select.select([connection.socket], [], [], 0.1)[0]:
                read_some(connection, None, None)

    def trial_file(self, name, trial):
        path = self.folder / ("%s.json" % name)
        path.write_text(json.dumps(whole_trial(dict(trial, id=name))))
        return str(path)

    def ask(self, name, **trial):
        self.connection.send(FORK, json.dumps({"trial": self.trial_file(name, trial), "output": str(self.folder / (name + ".txt"))}))
        return self.accept()

    def fork(self, name, **trial):
        """A trial from its fork to its end: (connection, wait status, output)."""
        connection = self.ask(name, **trial)
        self.wait(connection, lambda: not connection.is_open)
        self.wait(self.connection, lambda: any(record["trial"] == name for record in self.connection.of(EXITED)))
        status = [record["status"] for record in self.connection.of(EXITED) if record["trial"] == name]
        return connection, status[0], (self.folder / (name + ".txt")).read_text()

    def close(self):
        """Its end and what it printed: a server goes when its parent does."""
        for connection in self.heard:
            connection.socket.close()
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.listener.close()
        self.output.seek(0)
        text = self.output.read().decode()
        self.output.close()
        self.made.cleanup()
        return status, text
