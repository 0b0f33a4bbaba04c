"""Stands in for a trial of tenet.debug: asks the notebook's process to fork the trial, waits for it, and ends as it ends. Run by tenet, not by people.

    python notebook_runner.py @ADDRESS

It sends its environment and working folder with its own standard streams; the answer is the trial's exit status. Where this process is killed, the notebook ends the trial.
"""
import json
import os
import socket
import sys


def main(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect("\0" + address[1:])
        words = json.dumps({"environment": dict(os.environ), "folder": os.getcwd()}).encode("utf-8")
        socket.send_fds(link, [len(words).to_bytes(8, "little")], [1, 2])
        link.sendall(words)
        answer = link.makefile("rb").readline()
    return int(answer) if answer.strip() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
