"""`segue journal` beside a journal that holds something (S-67, S-68)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli import app
from segue.journal import acknowledgements, metadata
from segue.journal.acknowledgements import Owed, Told
from segue.journal.content import packed
from segue.journal.journal import Journal
from segue.journal.transitions import Step

from .conftest import adt


@pytest.fixture
def where(tmp_path: Path) -> str:
    """One message delivered, one dead, one behind it."""
    file = str(tmp_path / "journal.db")

    async def fill() -> None:
        journal = await Journal.open(file)
        for n, state in enumerate(("delivered", "dead", None)):
            raw = adt(f"M{n}")
            entered = await journal.receive(raw, metadata.read(raw), listener="mllp", claim=state is not None)
            if state is not None:
                contents = {"bundle": packed(b'{"resourceType":"Bundle","entry":[]}')}
                await journal.move(Step(entered.id, entered.fence, state, contents=contents))  # pyright: ignore[reportArgumentType]
        await journal.close()

    asyncio.run(fill())
    return file


def call(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["journal", *words])
    return done.exit_code, done.output


def test_list(where: str) -> None:
    code, out = call("list", "--journal", where, "--json", "--number", "77")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(row["controlId"], row["state"], row.get("parkedBehind")) for row in rows] == [
        ("M2", "received", 2),
        ("M1", "dead", None),
        ("M0", "delivered", None),
    ]
    assert call("list", "--journal", where, "--state", "dead")[1].split()[0] == "2"
    assert call("list", "--journal", where, "--until", "2020-01-01")[1] == ""
    assert "parked       1" in call("list", "--journal", where, "--counts")[1]


def test_show(where: str) -> None:
    code, out = call("show", "1", "--journal", where)
    assert (code, json.loads(out)["state"]) == (0, "delivered")
    assert "Marlow" not in out
    assert call("show", "1", "--journal", where, "--raw")[1] == adt("M0").decode()
    assert call("show", "9", "--journal", where)[0] == 1


def test_S68_replay(where: str) -> None:
    code, out = call("replay", "2", "--journal", where, "--reason", "test", "--dry-run")
    found = json.loads(out)
    assert (code, found["converts"]) == (0, True)
    assert found["changes"]
    assert call("replay", "--journal", where, "--reason", "test", "--state", "dead")[1].split() == ["2", "in", "work"]
    assert call("replay", "2", "--journal", where, "--reason", "test")[0] == 1  # it is in work
    assert call("replay", "--journal", where, "--reason", "test")[0] == 2


def test_S52_set_aside(where: str) -> None:
    assert call("replay", "2", "--journal", where, "--reason", "test", "--ignore")[1].split() == ["2", "ignored"]
    assert "parkedBehind" not in call("list", "--journal", where, "--json")[1]


def test_export(where: str, tmp_path: Path) -> None:
    assert call("export", "--journal", where, "--out", str(tmp_path / "out"), "--control-id", "M1")[0] == 0
    assert (tmp_path / "out" / "0000000002.hl7").read_bytes() == adt("M1")
    assert json.loads((tmp_path / "out" / "messages.ndjson").read_text())["controlId"] == "M1"


def test_prune(where: str) -> None:
    assert "1 messages lost their bodies" in call("prune", "--journal", where, "--bodies-days", "0")[1]
    assert "0 messages lost" in call("prune", "--journal", where, "--bodies-days", "0")[1]


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "--journal", "nowhere.db"),
        ("list", "--journal", "x", "--state", "lost"),
        ("list", "--journal", "x", "--since", "soon"),
    ],
)
def test_called_wrongly(words: tuple[str, ...]) -> None:
    assert call(*words)[0] == 2


def test_S69_resend(where: str, tmp_path: Path) -> None:
    file = tmp_path / "corrected.hl7"
    file.write_bytes(adt("M1"))
    asked = ("resend", "2", "--journal", where, "--file", str(file), "--reason", "typo")
    assert call(*asked)[0] == 1  # the bytes that are there
    file.write_bytes(adt("M1").replace(b"|F", b"|M"))
    assert call(*asked, "--by", "ada")[1].strip() == "2 is sent again as 4"
    assert "edited and sent again as 4, ada: typo" in call("show", "2", "--journal", where)[1]
    assert call("show", "2", "--journal", where, "--raw")[1] == adt("M1").decode()


def test_S23_acknowledge(where: str) -> None:
    async def give_up() -> None:
        journal = await Journal.open(where)
        owed = Owed("adt", "callback", "AL", "converted")
        await journal.call(lambda connection, now: acknowledgements.owe(connection, now, [(1, owed), (2, owed)]))
        await journal.call(lambda connection, now: acknowledgements.due(connection, now, {1: "delivered", 2: "dead"}))
        ends = [Told(1, "dead", b"ACK", "refused AE"), Told(2, "dead", b"ACK", "unreachable")]
        await journal.call(lambda connection, now: acknowledgements.tell(connection, now, ends))
        await journal.close()

    asyncio.run(give_up())
    listed = [json.loads(line) for line in call("acknowledge", "--journal", where, "--json")[1].splitlines()]
    assert [(one["id"], one["reason"]) for one in listed] == [(1, "refused AE"), (2, "unreachable")]
    assert call("acknowledge", "1", "--journal", where)[0] == 2  # without a reason
    assert call("acknowledge", "1", "--journal", where, "--reason", "repaired") == (0, "1 is sent again\n")
    assert call("acknowledge", "1", "--journal", where, "--reason", "repaired")[0] == 1
    assert call("acknowledge", "--all", "--drop", "--journal", where, "--reason", "old") == (0, "2 dropped\n")
    assert call("acknowledge", "--journal", where) == (0, "")
