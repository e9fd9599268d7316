from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from segue.journal import queues, transitions
from segue.journal.database import Database
from segue.journal.schema import content, message_key, timeline
from segue.journal.statements import FORMS, Statements, prepared


@pytest.fixture
def connection(where: str) -> Iterator[Connection]:
    database = Database(where)
    database.migrate()
    with database.write() as connection:
        connection.begin()
        yield connection
    database.close()


def test_S38_a_known_statement_gives_what_it_gives_to_sqlalchemy(connection: Connection) -> None:
    quick = prepared(connection, queues, transitions)
    places = [{"key": k, "place": p, "message_id": p, "head": p == 1} for k in (7, 8, -(2**62)) for p in (1, 2, 3)]
    quick.execute(insert(message_key), places)
    assert [tuple(row) for row in connection.execute(select(message_key))] == [tuple(row.values()) for row in places]
    for count in (1, 3, 2):  # the form goes by the length of the list
        given = {"keys": [7, -(2**62), 9][:count]}
        statement = queues.FIRST
        assert quick.scalars(statement, given).all() == connection.scalars(statement, given).all()
        given = {"ids": [1, 2, 4][:count]}
        statement = queues._NEXT  # pyright: ignore[reportPrivateUsage]
        rows = quick.execute(statement, given).all()
        assert rows
        assert rows == connection.execute(statement, given).all()
        assert rows[0].key == connection.execute(statement, given).all()[0].key
    assert quick.execute(transitions._COUNT, {"s": "received", "n": 5}).rowcount == 1  # pyright: ignore[reportPrivateUsage]


def test_S39_a_fault_of_the_database_is_told_as_sqlalchemy_tells_it_and_without_values(connection: Connection) -> None:
    quick = prepared(connection, transitions)
    row = {"message_id": 1, "kind": "raw", "data": b"Marlow^Ines"}
    quick.execute(insert(content), [row])
    with pytest.raises(IntegrityError) as told:
        quick.execute(insert(content), [row])
    assert told.value.orig is not None
    assert "Marlow" not in str(told.value)


def test_what_it_does_not_know_runs_as_ever(connection: Connection) -> None:
    """A statement that was made for one question is not kept: it would never be asked again."""
    known = Statements(transitions)
    assert known.form(connection, select(timeline), {}) is None
    assert known.form(connection, insert(timeline).values(state="dead"), {"at": 1.0}) is None
    quick = prepared(connection)
    assert quick.execute(select(timeline)).all() == []
    assert connection.in_transaction()


def test_forms_are_bounded(connection: Connection) -> None:
    known = Statements(transitions)
    held = transitions._HELD  # pyright: ignore[reportPrivateUsage]
    first = known.form(connection, held, {"ids": [1]})
    assert known.form(connection, held, {"ids": [2]}) is first
    known._forms = dict.fromkeys(range(FORMS), first)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    known.form(connection, held, {"ids": [1, 2]})
    assert len(known._forms) == 1  # pyright: ignore[reportPrivateUsage]
