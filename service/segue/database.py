"""The address of a database, and how it is opened: a file (SQLite), or postgresql://… with a password that is read anew (O-42)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from segue.secret import Secret, SecretError

POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
}


class StoreError(Exception):
    """A database cannot be used: what is wrong – what to do. Never holds a value of a message."""


def url_of(address: str, kept: str) -> URL:
    """FILE, sqlite:///FILE or postgresql://…; `kept` says in an error what is kept there. Raises StoreError."""
    if "://" not in address:
        return URL.create("sqlite", database=str(Path(address).expanduser().absolute()))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StoreError(
            f"the {kept}'s address cannot be read – write FILE or postgresql://USER@HOST/DATABASE"
        ) from None
    if url.get_backend_name() == "sqlite":
        return URL.create("sqlite", database=str(Path(url.database or f"{kept}.db").absolute()))
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(f"no {kept} in {url.get_backend_name()} – SQLite and PostgreSQL can be used")


def on_postgresql(url: URL, password: Secret | None, *, options: str = "", **more: Any) -> Engine:
    """An engine whose connections notice a server that is gone; `options` go to the server, `more` to SQLAlchemy."""
    engine = create_engine(url, connect_args={**POSTGRESQL, "options": options}, **more)
    if password is not None:

        def with_password(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
            try:
                parameters["password"] = password.text()
            except SecretError as error:
                raise StoreError(str(error)) from None

        event.listen(engine, "do_connect", with_password)
    return engine


def told(error: SQLAlchemyError, kept: str) -> str:
    """Without the driver's text, which may quote what it choked on."""
    cause = getattr(error, "orig", None)
    kind = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause or error).__name__
    return f"the {kept}'s database does not answer as it should ({kind}) – see that it runs and can be written"
