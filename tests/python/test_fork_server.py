"""Programs that are forked where their training begins: each fork is what a start of its own would have been."""
import os
import signal
import unittest

import support_parent
from support_parent import EXITED
from support_server import Server

PROGRAM = """import atexit, os, random, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

atexit.register(lambda: print("exit function of", "the first" if os.getpid() == first else "a fork"))
first = os.getpid()
print("reading data", flush=True)
random.seed(3)
x, y = torch.randn(60, 4), torch.tensor([random.randrange(3) for _ in range(60)])
torch.manual_seed(1)
loader = DataLoader(TensorDataset(x, y), batch_size=20, shuffle=True, num_workers=WORKERS)
net = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    for inputs, labels in loader:
        loss = criterion(net(inputs + random.random()), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
open("weights.txt", "w").write(str(net[0].weight.sum().item()))
print("trained by", os.getpid() == first, flush=True)
"""


def program(before="", workers=0):
    return before + PROGRAM.replace("WORKERS", str(workers))


class Forked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(program())

    @classmethod
    def tearDownClass(cls):
        status, text = cls.server.close()
        if (status, text) != (0, "reading data\n"):
            raise AssertionError("the server ended with %r, %r" % (status, text))

    def test_it_serves(self):
        self.assertIs(self.server.connection.hello["serves"], True)
        self.assertEqual(self.server.connection.hello["trial"], "serve")

    def test_a_fork_is_what_a_start_would_have_been(self):
        alone = support_parent.run(program(), {})
        for name in ("one", "two"):
            forked, status, output = self.server.fork(name)
            self.assertEqual((forked.hello["trial"], status, output), (name, 0, "trained by False\nexit function of a fork\n"))
            self.assertEqual([step.loss for step in forked.steps], [step.loss for step in alone.steps])
            self.assertEqual(forked.end["reason"], "exit")
            self.assertEqual(len(forked.steps), 9)

    def test_knobs(self):
        plain, turned = self.server.fork("plain", steps=4)[0], self.server.fork("turned", steps=4, knobs={"learning_rate": 0.5, "batch_size": 10})[0]
        self.assertEqual((plain.refused, turned.refused), ({}, {}))
        self.assertEqual(set(turned.applied), {"steps", "learning_rate", "batch_size"})
        self.assertEqual([step.samples for step in turned.steps], [10, 20, 30, 40])
        self.assertEqual([round(step.learning_rate, 6) for step in turned.steps], [0.5] * 4)

    def test_seeds(self):
        plain, one, again, other = (self.server.fork("seed%d" % number, steps=2, seed=seed)[0] for number, seed in enumerate((None, 7, 7, 8)))
        self.assertIn("seed", one.applied)
        self.assertEqual([step.loss for step in one.steps], [step.loss for step in again.steps])
        self.assertEqual(len({run.steps[0].loss for run in (plain, one, other)}), 3)

    def test_a_look_and_a_patch_of_what_it_saw(self):
        facts = self.server.fork("look", mode="look")[0].facts
        self.assertEqual([node["op"] for node in facts["net"]], ["dense", "sigmoid", "dense"])
        self.assertEqual((facts["steps_total"], facts["batch_size"], facts["train_samples"]), (9, 20, 60))
        self.assertEqual(facts["places"]["optimizer"]["text"], "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)")
        turned = self.server.fork("patch", known=facts["private"], patch={"net.1": {"op": "relu"}}, knobs={"batch_size": 10}, steps=3)[0]
        self.assertEqual(turned.refused, {})
        self.assertTrue({"patch", "batch_size", "steps"} <= set(turned.applied))
        self.assertEqual([step.samples for step in turned.steps], [10, 20, 30])

    def test_side_by_side(self):
        pair = [self.server.ask(name, steps=5) for name in ("left", "right")]
        for connection in pair:
            self.server.wait(connection, lambda one=connection: not one.is_open)
        self.assertEqual([step.loss for step in pair[0].steps], [step.loss for step in pair[1].steps])
        self.assertEqual(len(pair[0].steps), 5)


class Ends(unittest.TestCase):
    def test_a_fork_that_fails(self):
        server = Server(program().replace("criterion = ", "print(1 / 0)\ncriterion = "))
        connection, status, output = server.fork("fails")
        self.assertEqual(os.WEXITSTATUS(status), 1)
        self.assertIn("ZeroDivisionError", output)
        self.assertEqual(connection.end["reason"], "exception")
        self.assertEqual(server.close()[0], 0)

    def test_a_fork_that_is_killed(self):
        server = Server(program().replace("criterion = ", "import time; time.sleep(60)\ncriterion = "))
        connection = server.ask("killed")
        self.assertEqual(os.getpgid(connection.hello["pid"]), connection.hello["pid"])
        os.kill(connection.hello["pid"], signal.SIGKILL)
        server.wait(server.connection, lambda: server.connection.of(EXITED))
        self.assertEqual(os.WTERMSIG(server.connection.of(EXITED)[0]["status"]), signal.SIGKILL)
        self.assertEqual(server.close()[0], 0)

    def test_forks_end_with_the_server(self):
        for by_force in (False, True):
            server = Server(program().replace("criterion = ", "import time; time.sleep(60)\ncriterion = "))
            connection = server.ask("left")
            if by_force:
                server.process.kill()
            else:
                server.connection.socket.close()
            server.wait(connection, lambda: not connection.is_open)
            server.close()

    def test_workers_of_a_loader(self):
        server = Server(program(workers=2))
        connection, status, output = server.fork("workers")
        self.assertEqual((status, output), (0, "trained by False\nexit function of a fork\n"))
        self.assertEqual(len(connection.steps), 9)
        server.close()

    def test_buffered_output_is_written_once(self):
        server = Server("import sys; sys.stdout.write('in the buffer ')\n" + program().replace("flush=True", "flush=False"))
        self.assertEqual(server.fork("one")[2], "trained by False\nexit function of a fork\n")
        self.assertEqual(server.close(), (0, "in the buffer reading data\n"))


class Unsafe(unittest.TestCase):
    """The program says why, and ends, untrained."""

    def refuses(self, before, why, environment=None):
        server = Server(program(before), environment)
        self.assertIs(server.connection.hello["serves"], False)
        self.assertIn(why, server.connection.hello["why"])
        self.assertFalse((server.folder / "weights.txt").exists())
        self.assertEqual(server.close(), (0, "reading data\n"))

    def test_a_second_thread(self):
        self.refuses("import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n", "2 threads run")

    def test_hypes_may_have_been_read(self):
        self.refuses("", "hyper-parameters", {"TENET_HYPES": "/dev/null"})


class Isolated(unittest.TestCase):
    def test_a_fork_writes_to_a_layer_of_its_own(self):
        server = Server(program())
        try:
            shared = server.folder / "shared"
            shared.mkdir()
            connection, status, output = server.fork("isolated", isolated=True, folder=str(shared))
            if "scratch" in output or "not permitted" in output or status:
                self.skipTest("mount namespaces are not allowed here: %s" % output.strip().split("\n")[-1])
            self.assertEqual(len(connection.steps), 9)
            self.assertFalse((server.folder / "weights.txt").exists())
            server.fork("open")
            self.assertTrue((server.folder / "weights.txt").exists())
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main()
