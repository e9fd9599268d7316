"""The peers: Java programs of other makers on the class path that `make integration` lays under .cache/peers.

A plain test run leaves this folder out; nothing here is skipped when it is asked for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PEERS = ROOT / ".cache" / "peers"
JAVA = ["java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]

Peer = Callable[..., list[str]]


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "integration" else True


@contextmanager
def _running(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _line(process: subprocess.Popen[str], start: str) -> str:
    """The first line that begins so; fails when the process ends without it."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.lstrip().startswith(start):
            return line.strip()
    raise AssertionError(f"ended with {process.wait()} and no line {start!r}")


@pytest.fixture(scope="session")
def peer() -> Peer:
    """Makes the command line of a Java peer."""
    classpath = f"{PEERS / 'classes'}:{(PEERS / 'classpath').read_text()}"
    return lambda name, *arguments: [*JAVA, "-cp", classpath, name, *map(str, arguments)]


@pytest.fixture(scope="session")
def examples() -> Path:
    return EXAMPLES


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one Bundle for each message of examples/."""
    from segue import Conversion, convert_many

    folder = tmp_path_factory.mktemp("bundles")
    for file in sorted(EXAMPLES.glob("*.hl7")):
        for number, result in enumerate(convert_many(file)):
            assert isinstance(result, Conversion), (file.name, result)
            (folder / f"{file.stem}-{number}.json").write_bytes(result.json())
    return folder


@pytest.fixture(scope="session")
def fhir_server(peer: Peer) -> Iterator[str]:
    """Base address of a HAPI FHIR server of this run."""
    with _running(peer("FhirServer")) as process:
        yield _line(process, "http://")


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Starts `segue serve` with further arguments on free ports; gives the MLLP port."""
    with _Started() as started:
        yield started


class _Started:
    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> _Started:
        return self

    def __call__(self, *arguments: str) -> int:
        process = subprocess.Popen(
            [sys.executable, "-m", "segue.cli", "serve", "--http-port", "0", "--mllp-port", "0", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "SEGUE__DRAIN__DELAY_S": "0"},
        )
        self.processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            words = line.split()
            if "--port" in words:
                return int(words[words.index("--port") + 1])
        raise AssertionError(f"segue serve ended with {process.wait()}")

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.communicate(timeout=60)
