"""Starts services in a moment: a process that has read and compiled every rule, and forks one `segue` for each request.

    python nursery.py        stdin: {"words": [...], "environment": {...}, "log": "FILE"}  ▸  stdout: {"pid": 1}
                             and, when one ends: {"ended": 1, "code": -9}

Each is a process of its own that runs the command as it stands; only the seconds of loading are spared, so that
hundreds of deaths fit into minutes.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
from typing import Any


def become(asked: dict[str, Any]) -> None:
    """The forked process, from here to its end."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(asked["environment"])
    out = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from segue.cli import app

    sys.argv = ["segue", *asked["words"]]
    app(asked["words"])


def main() -> None:
    import segue.cli.service as service

    converter = service.converter_for()
    converter.check()
    service.converter_for = lambda *_, **__: converter
    look, tell = os.pipe()
    os.set_blocking(tell, False)
    os.set_blocking(look, False)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(look, selectors.EVENT_READ)
    print(json.dumps({"ready": True}), flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fd == look:
                os.read(look, 4096)
                continue
            line = sys.stdin.readline()
            if not line:
                return
            pid = os.fork()
            if pid == 0:
                become(json.loads(line))
                os._exit(0)
            print(json.dumps({"pid": pid}), flush=True)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            print(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
