"""A terminology server besides the local maps: off by default, never waited for by a conversion (T-31 to T-38).

The names are imported when first used: with the server comes an HTTP client, which a service that asks none has no use for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue.terminology.remote.resolver import Resolver
    from segue.terminology.remote.server import Server
    from segue.terminology.remote.translations import Translations

_HOMES = {"Resolver": "resolver", "Server": "server", "Translations": "translations"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Resolver", "Server", "Translations"]
