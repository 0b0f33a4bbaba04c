"""A toy training program of the standard library alone, for test_process_fork.c: it writes the records of src/run/wire.h by hand, serves forks, and trains nothing.

Its loss is DATA * 0.97 ** step, where DATA is read before the forks. Words on its command line: unsafe (it says that it cannot be forked), dies (the server ends at the first FORK),
crash (a trial crashes at step 7), pid (the loss is the number of the process that read the data), writes (a trial writes the file "written" beside it).
"""
import json
import os
import select
import signal
import socket
import struct
import sys

HELLO, APPLIED, FACTS, STEP, SCORE, END, EXITED, STOP, FORK = 1, 2, 3, 6, 7, 10, 11, 32, 33
NAN = float("nan")


def connect():
    address = os.environ["TENET_SOCKET"]
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.connect("\0" + address[1:] if address.startswith("@") else address)
    return made


def send(link, kind, payload):
    body = json.dumps(payload).encode() if isinstance(payload, dict) else payload
    link.sendall(struct.pack("<IB", len(body) + 1, kind) + body)


def records(link, waiting, seconds):
    """The records that have come after so many seconds, at most; None at the end of the conversation."""
    if not select.select([link], [], [], seconds)[0]:
        return []
    data = link.recv(65536)
    if not data:
        return None
    waiting.extend(data)
    found = []
    while len(waiting) >= 5 and len(waiting) >= 4 + struct.unpack_from("<I", waiting)[0]:
        length = struct.unpack_from("<I", waiting)[0]
        found.append((waiting[4], bytes(waiting[5:4 + length])))
        del waiting[:4 + length]
    return found


def hello(link, trial, **more):
    send(link, HELLO, dict({"protocol": 1, "pid": os.getpid(), "rank": 0, "world": 1, "framework": "toy 2", "trial": trial["id"], "serves": None}, **more))


def serve(link, trial):
    """Forks for each FORK; returns (link, trial) in the child. Ends with the parent's socket."""
    hello(link, trial, serves=True)
    waiting, children = bytearray(), {}
    while True:
        found = records(link, waiting, 0.02)
        if found is None or (found and "dies" in sys.argv):
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            sys.exit(0)
        for _, payload in found:
            asked = json.loads(payload)
            with open(asked["trial"], encoding="utf-8") as file:
                trial = json.load(file)
            pid = os.fork()
            if pid == 0:
                link.close()
                output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(output, 1)
                os.dup2(output, 2)
                link = connect()
                hello(link, trial)
                return link, trial
            children[pid] = trial["id"]
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            send(link, EXITED, {"trial": children.pop(pid), "status": status})


def train(link, trial, data):
    looks = trial["mode"] == "look"
    rate = trial["knobs"].get("learning_rate", 0.1)
    steps = trial["steps"] if trial["steps"] is not None else 100
    names = list(trial["knobs"]) + [name for name in ("seed", "steps") if trial[name] is not None]
    send(link, APPLIED, {"applied": names, "refused": {}})
    send(link, SCORE, struct.pack("<2Q4d", 0, 0, 0.0, NAN, 2.0, NAN))
    waiting = bytearray()
    for step in range(1, steps + 1):
        if step == 7 and "crash" in sys.argv and not looks:
            print("about to crash", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        send(link, STEP, struct.pack("<2Q3d", step, 4 * step, data if "pid" in sys.argv else data * rate / 0.1 * 0.97 ** (step - 1), rate, NAN))
        if any(kind == STOP for kind, _ in records(link, waiting, 0) or ()):
            break
    send(link, SCORE, struct.pack("<2Q4d", step, 4 * step, 0.75, NAN, 0.5, NAN))
    if looks:
        send(link, FACTS, {"train_samples": 40, "batch_size": 4, "learning_rate": 0.1, "scored": True, "knobs": ["learning_rate", "seed"], "private": {"pid": os.getpid()}})
    send(link, END, {"reason": "steps" if trial["steps"] is not None else "exit"})


def main():
    with open(os.environ["TENET_TRIAL"], encoding="utf-8") as file:
        trial = json.load(file)
    data = float(os.getpid()) if "pid" in sys.argv else 2.0
    link = connect()
    if trial["mode"] == "serve" and "unsafe" in sys.argv:
        hello(link, trial, serves=False, why="a second thread runs")
        return
    if trial["mode"] == "serve":
        link, trial = serve(link, trial)
    else:
        hello(link, trial)
    print("training", trial["id"], flush=True)
    if "writes" in sys.argv:
        with open("written", "w", encoding="utf-8"):
            pass
    train(link, trial, data)


main()
