"""Options of a conversion as a request gives them: checked, never guessed, never ignored (A-04, section 3).

The same names stand in the query of /v1/convert and, spelt their own way, in the parts of $convert-data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl

from segue.http.refusal import RequestError
from segue.http.rules import Rules
from segue.issues import issue
from segue.options import BUNDLES, PARTS, RESIDUES, did_you_mean, is_timezone, timezone_hint

OPTIONS = ("bundle", "timezone", "site", "pack", "event", "strict", "report", "charset", "residue", "narrative")

_TRUTH = {"true": True, "false": False, "1": True, "0": False, "": True}


class Asked:
    """Options given and their values: those of the converter, and the parts of a report."""

    __slots__ = ("options", "report")

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.report: tuple[str, ...] = ()


def pairs(query: bytes, known: Collection[str]) -> list[tuple[str, str]]:
    """Parameters of a query; an unknown or repeated one ends the request."""
    try:
        found = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise RequestError(
            issue("request.parameter-value", hint="The query cannot be read: write NAME=VALUE, joined by &.")
        ) from None
    seen: set[str] = set()
    for name, _ in found:
        if name not in known:
            raise RequestError(issue("request.parameter-unknown", hint=did_you_mean(name, known)))
        if name in seen:
            raise RequestError(issue("request.parameter-value", hint=f"{name} is given twice."))
        seen.add(name)
    return found


def asked(found: Iterable[tuple[str, str]], rules: Rules) -> Asked:
    """Checked values; raises RequestError for one that cannot be used."""
    out = Asked()
    for name, value in found:
        match name:
            case "bundle":
                out.options[name] = _word(name, value, BUNDLES)
            case "residue":
                out.options[name] = _word(name, value, RESIDUES)
            case "timezone":
                if not is_timezone(value):
                    raise _bad(name, timezone_hint(value))
                out.options[name] = value
            case "site":
                out.options[name] = _word(name, value, rules.sites)
            case "event":
                out.options[name] = _event(value, rules)
            case "pack":
                if not rules.answers_to(value):
                    raise RequestError(
                        issue("request.pack", hint=f"Active is {rules.name}@{rules.version} ({rules.digest}).")
                    )
            case "strict" | "narrative":
                if value.lower() not in _TRUTH:
                    raise _bad(name, "Write true or false.")
                out.options[name] = _TRUTH[value.lower()]
            case "charset":
                out.options[name] = value
            case "report":
                out.report = tuple(_word(name, part.strip(), PARTS) for part in value.split(",") if part.strip())
                if not out.report:
                    raise _bad(name, f"Write a comma list of {', '.join(PARTS)}.")
            case _:
                raise ValueError(name)
    return out


def _word(name: str, value: str, known: Collection[str]) -> str:
    if value not in known:
        raise _bad(name, did_you_mean(value, known) if known else "None is loaded.")
    return value


def _event(value: str, rules: Rules) -> str:
    """ADT_A01, ADT^A01 or ADT-A01 in any case; a name without a map is refused with the nearest (A-42)."""
    wanted = value.upper().replace("^", "_").replace("-", "_")
    if wanted not in rules.messages:
        raise RequestError(issue("message.event-unsupported", hint=did_you_mean(wanted, rules.messages)))
    return wanted


def _bad(name: str, hint: str) -> RequestError:
    return RequestError(issue("request.parameter-value", hint=f"{name}: {hint}"))
