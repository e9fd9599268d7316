"""Statements of the writer, compiled once and given to the driver as text (S-38).

A group commit makes some twenty statements, and SQLAlchemy takes ten times as long to find the compiled form of each as the
database takes to run it. Here the form is kept beside the statement: one for each list of columns and length of lists. Connection,
transaction, schema, language and errors stay SQLAlchemy's; the code that makes the statements does not know of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Insert, TableClause
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any]
FORMS = 2048  # they start anew when full
PLAIN = frozenset(("table", "schema"))  # all that an insert without values of its own holds


class Form:
    """Text of a statement for so many columns and items of lists, and what its parameters are to the driver."""

    __slots__ = ("columns", "fixed", "lists", "names", "text")

    def __init__(
        self, statement: ClauseElement, connection: Connection, columns: list[str] | None, given: Parameters
    ) -> None:
        compiled = cast("SQLCompiler", statement.compile(connection, column_keys=columns))
        state = compiled.construct_expanded_state(dict(given))
        self.text = state.statement
        self.lists = state.parameter_expansion  # name of a list ▸ names of its items
        items = {name for names in self.lists.values() for name in names}
        self.fixed = {k: v for k, v in state.parameters.items() if k not in given and k not in items}
        self.names = tuple(state.positiontup) if state.positiontup is not None else None  # None: by name
        self.columns: SimpleResultMetaData | None = None  # of what it gives, known when it was run

    def values(self, given: Parameters) -> Any:
        """Its parameters as the driver takes them."""
        whole = {**self.fixed, **given}
        for name, items in self.lists.items():
            whole.update(zip(items, whole.pop(name), strict=True))
        return tuple([whole[name] for name in self.names]) if self.names is not None else whole


class Statements:
    """The statements that stand in modules, known by being the same object, and every plain insert into a table."""

    def __init__(self, *modules: ModuleType) -> None:
        found = (value for module in modules for value in vars(module).values() if isinstance(value, ClauseElement))
        self._known = {id(one): one for one in found if not isinstance(one, TableClause)}
        self._forms: dict[Any, Form] = {}

    def form(self, connection: Connection, statement: Any, given: Parameters) -> Form | None:
        """The form of a statement; None for one that is run as ever."""
        columns: list[str] | None = None
        key: tuple[Any, ...]
        if self._known.get(id(statement)) is statement:
            key = (id(statement), *[len(value) for value in given.values() if value.__class__ is list])
        elif statement.__class__ is Insert and given and PLAIN.issuperset(cast("dict[str, Any]", vars(statement))):
            columns = list(given)
            key = (statement.table.name, *columns)
        else:
            return None
        found = self._forms.get(key)
        if found is None:
            if len(self._forms) >= FORMS:
                self._forms.clear()
            plain = statement if columns is None else statement.inline()
            found = self._forms[key] = Form(plain, connection, columns, given)
        return found


class Changed(NamedTuple):
    """What a statement that gives no rows did."""

    rowcount: int


class Prepared:
    """A connection as SQLAlchemy's, and quick with the statements that it knows. They run in a transaction that has begun."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements
        self._fault: type[Exception] = connection.dialect.loaded_dbapi.Error

    def execute(self, statement: Any, parameters: Parameters | list[Parameters] | None = None) -> Any:
        """As `Connection.execute`."""
        many = parameters.__class__ is list
        first: Any = parameters[0] if many and parameters else parameters or {}  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        form = self._statements.form(self._connection, statement, first)
        if form is None:
            return self._connection.execute(statement, cast("Any", parameters))
        cursor = self._connection.connection.cursor()
        try:
            if many:
                cursor.executemany(form.text, [form.values(row) for row in cast("list[Parameters]", parameters)])
            else:
                cursor.execute(form.text, form.values(first))
            about = cast("Any", cursor.description)
            if about is None:
                return Changed(cursor.rowcount)
            rows = cursor.fetchall()
        except self._fault as error:
            raise DBAPIError.instance(form.text, None, error, self._fault, hide_parameters=True) from error
        finally:
            cursor.close()
        if form.columns is None:
            form.columns = SimpleResultMetaData([column[0] for column in about])
        return cast("Any", IteratorResult(form.columns, iter(rows)))

    def scalars(self, statement: Any, parameters: Parameters | None = None) -> Any:
        """As `Connection.scalars`."""
        return self.execute(statement, parameters).scalars()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def prepared(connection: Connection, *modules: ModuleType) -> Connection:
    """The connection, quick with the statements that stand in these modules."""
    return cast("Connection", Prepared(connection, Statements(*modules)))
