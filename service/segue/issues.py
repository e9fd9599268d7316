"""The one model of what is said about a message (A-30, R-ISS).

An issue is created once, where the fault is found, by its dotted code; severity, HL7 table 0357 code, FHIR issue type and the
fixed sentence come from the catalogue. The offending text travels in `value` only.
Rendering (ERR, OperationOutcome, problem+json, text) lives in the floors above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from segue.catalogue import CATALOGUE, Severity

_LOCATION = re.compile(r"([^\[\]]+)\[(\d+)\](?:-(\d+)(?:\[(\d+)\](?:\.(\d+)(?:\.(\d+))?)?)?)?")


class Location(NamedTuple):
    """Where in the message: segment name and occurrence, field, repetition, component, sub-component (all 1-based)."""

    segment: str
    sequence: int = 1
    field: int | None = None
    repetition: int | None = None
    component: int | None = None
    subcomponent: int | None = None

    @classmethod
    def read(cls, text: str) -> Location | None:
        """As `str` wrote it, None for anything else."""
        found = _LOCATION.fullmatch(text)
        if found is None:
            return None
        return cls(found[1], *(None if part is None else int(part) for part in found.groups()[1:]))  # pyright: ignore[reportArgumentType]

    def __str__(self) -> str:
        text = f"{self.segment}[{self.sequence}]"
        if self.field is not None:
            text += f"-{self.field}"
            if self.repetition is not None:
                text += f"[{self.repetition}]"
            if self.component is not None:
                text += f".{self.component}"
                if self.subcomponent is not None:
                    text += f".{self.subcomponent}"
        return text


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding. `value` is the offending text: never rendered unless asked for in words (A-32)."""

    code: str
    severity: Severity
    hl7: str
    fhir: str
    text: str
    hint: str = ""
    v2: Location | None = None
    fhirpath: str | None = None
    rule: str | None = None
    value: str | None = field(default=None, repr=False)

    def __reduce__(self) -> tuple[type[Issue], tuple[object, ...]]:
        """For processes that convert: a fifth of the time that a dataclass takes by itself."""
        return Issue, (
            self.code, self.severity, self.hl7, self.fhir, self.text, self.hint, self.v2, self.fhirpath, self.rule, self.value,
        )  # fmt: skip


def issue(
    code: str,
    v2: Location | None = None,
    *,
    rule: str | None = None,
    fhirpath: str | None = None,
    value: str | None = None,
    severity: Severity | None = None,
    hint: str | None = None,
) -> Issue:
    """An issue of the catalogue; raises KeyError for a code that is not in it."""
    kind = CATALOGUE[code]
    return Issue(
        code,
        severity or kind.severity,
        kind.hl7,
        kind.fhir,
        kind.text,
        kind.hint if hint is None else hint,
        v2,
        fhirpath,
        rule,
        value,
    )


class Refusal(Exception):
    """A message that cannot be converted; carries the issues that say why."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__(issues[0].text)
        self.issues = issues
