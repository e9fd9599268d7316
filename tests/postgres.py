"""A private PostgreSQL cluster on a free port, synced to disk as in earnest; its own folder, gone with the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from segue.journal.database import Database

LACKING = "PostgreSQL's own programs (initdb, pg_ctl) are not on this machine: apt-get install postgresql"


def binaries() -> Path | None:
    """The newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    here = shutil.which("initdb")
    return Path(here).parent if here else None


class Cluster:
    """Start it, ask for databases, break it, start it again."""

    def __init__(self) -> None:
        home = binaries()
        assert home is not None, LACKING
        self._bin = home
        self.folder = Path(tempfile.mkdtemp(prefix="segue-pg-"))
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._as("initdb", "-D", f"{self.folder}/data", "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._count = 0
        self._template = ""
        self.start()

    def _as(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/")
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=on"
        self._as("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def crash(self) -> None:
        """Ends it as a power cut does."""
        self._as("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")

    def freeze(self, frozen: bool) -> None:
        """Stops or continues every process of the cluster."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True).stdout
        for pid in (first, *map(int, children.split())):
            os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def database(self) -> str:
        """The address of a journal that was never used."""
        if not self._template:
            self._template = "journal0"
            journal = Database(self._created(self._template))
            journal.migrate()
            journal.close()
        self._count += 1
        return self._created(f"journal{self._count}", self._template)

    def _created(self, name: str, template: str = "") -> str:
        more = ["-T", template] if template else []
        self._as("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "test", *more, name)
        return f"postgresql://test@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self._as("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
