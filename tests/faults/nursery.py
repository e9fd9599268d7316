"""Starts services in a moment: a process that has read and compiled every rule, and forks one `segue` for each request.

    python nursery.py SOCKET   stdin: {"words": [...], "environment": {...}, "log": "FILE"}  ▸  stdout: {"pid": 1}
                               and, when one ends: {"ended": 1, "code": -9}

Each is a process of its own that runs the command as it stands; only the seconds of loading are spared, so that
hundreds of deaths fit into minutes. The processes in which a service converts come from here in the same way: the
service starts `relay`, which hands its own ends of the pipes to a fork of this process.
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any


def become(asked: dict[str, Any]) -> None:
    """The forked process, from here to its end."""
    os.environ.update(asked["environment"])
    out = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from segue.cli import app

    sys.argv = ["segue", *asked["words"]]
    app(asked["words"])


def convert(converter: Any, ends: list[int]) -> None:
    """A forked process that converts for a service."""
    from segue.delivery.children import first, serve

    for stream, end in enumerate(ends):
        os.dup2(end, stream)
        os.close(end)
    first(sys.stdin.buffer)
    serve(converter, sys.stdin.buffer, sys.stdout.buffer)


def relay(path: str) -> None:
    """Lives as long as the process that got its pipes."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(path)
    socket.send_fds(line, [b"x"], [0, 1])
    os.close(0)
    os.close(1)
    line.recv(1)


def main(path: str) -> None:
    import segue.cli.service as service
    from segue.delivery.children import Children

    converter = service.converter_for()
    converter.check()
    command = (sys.executable, "-S", "-E", __file__, "relay", path)
    service.converter_for = lambda *_, **__: converter
    service.children_of = lambda settings: Children(settings.limits.processes, command, pickle.dumps(settings))
    lines = socket.socket(socket.AF_UNIX)
    lines.bind(path)
    lines.listen()
    ended, tell = os.pipe()
    for end in (ended, tell):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting = selectors.DefaultSelector()
    for each in (0, ended, lines):
        waiting.register(each, selectors.EVENT_READ)
    services: set[int] = set()

    def forked() -> int:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            lines.close()
        return pid

    print(json.dumps({"ready": True}), flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is lines:
                line = lines.accept()[0]
                _, ends, _, _ = socket.recv_fds(line, 1, 2)
                if len(ends) == 2 and forked() == 0:
                    convert(converter, ends)
                    os._exit(0)
                for end in ends:
                    os.close(end)
                line.close()
            elif key.fileobj == ended:
                os.read(ended, 4096)
            else:
                asked = sys.stdin.readline()
                if not asked:
                    Path(path).unlink()
                    return
                pid = forked()
                if pid == 0:
                    become(json.loads(asked))
                    os._exit(0)
                services.add(pid)
                print(json.dumps({"pid": pid}), flush=True)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in services:
                services.discard(pid)
                print(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "relay":
        relay(sys.argv[2])
    else:
        main(sys.argv[1])
