"""Segue: HL7 v2 messages in, valid FHIR R4 Bundles out.

`segue.convert(raw)` is the whole library for most users; the names below are imported when first used, so that the command line
does not load an engine to print its help.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue.conversion import Conversion, Failure
    from segue.convert import Converter, convert, convert_many
    from segue.issues import Issue, Refusal
    from segue.mapping.pack import Pack, load_pack

__version__ = "0.1.0"

_HOMES = {
    "Conversion": "segue.conversion",
    "Converter": "segue.convert",
    "Failure": "segue.conversion",
    "Issue": "segue.issues",
    "Pack": "segue.mapping.pack",
    "Refusal": "segue.issues",
    "convert": "segue.convert",
    "convert_many": "segue.convert",
    "load_pack": "segue.mapping.pack",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value  # `segue.convert` is the function, though a module has that name too
        return value
    raise AttributeError(f"module 'segue' has no attribute {name!r}")


__all__ = ["Conversion", "Converter", "Failure", "Issue", "Pack", "Refusal", "convert", "convert_many", "load_pack"]
