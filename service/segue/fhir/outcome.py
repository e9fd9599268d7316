"""Issues as an OperationOutcome (A-30 to A-33, api section 6).

Says where (`location` in v2, `expression` in FHIR), what (HL7 table 0357, our own code, the fixed sentence) and what to
do. The offending value stays out unless it is asked for in words; the doors ask only for callers who may read it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from segue.catalogue import SEVERITIES
from segue.issues import Issue

Json = dict[str, Any]

TABLE_0357 = "http://terminology.hl7.org/CodeSystem/v2-0357"
ISSUE_SYSTEM = "urn:segue:issue"
LIMIT = 200  # more are counted by code

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no text of FHIR may hold one


def operation_outcome(issues: Sequence[Issue], *, values: bool = False) -> Json:
    """All issues, gravest first, then by position in the message; "ok" if there are none."""
    if not issues:
        rows: list[Json] = [{"severity": "information", "code": "informational", "details": {"text": "ok"}}]
    elif len(issues) > LIMIT:
        rows = _counted(issues)
    else:
        rows = [_row(issue, values) for issue in ordered(issues)]
    return {"resourceType": "OperationOutcome", "issue": rows}


def ordered(issues: Sequence[Issue]) -> list[Issue]:
    """By severity, then position; segments in the order in which the conversion met them, issues without place last."""
    met: dict[tuple[str, int], int] = {}
    for issue in issues:
        if issue.v2 is not None:
            met.setdefault((issue.v2.segment, issue.v2.sequence), len(met))

    def rank(issue: Issue) -> tuple[int, ...]:
        gravity, at = SEVERITIES.index(issue.severity), issue.v2
        if at is None:
            return (gravity, len(met))
        inside = (part or 0 for part in (at.field, at.repetition, at.component, at.subcomponent))
        return (gravity, met[at.segment, at.sequence], *inside)

    return sorted(issues, key=rank)


def _details(issue: Issue) -> Json:
    coding: list[Json] = [{"system": TABLE_0357, "code": issue.hl7}] if issue.hl7 else []
    coding.append({"system": ISSUE_SYSTEM, "code": issue.code})
    return {"coding": coding, "text": issue.text}


def _row(issue: Issue, values: bool) -> Json:
    row: Json = {
        "severity": issue.severity,
        "code": issue.fhir,
        "details": _details(issue),
        "diagnostics": _diagnostics(issue, values),
    }
    if issue.v2 is not None:
        row["location"] = [str(issue.v2)]
    if issue.fhirpath:
        row["expression"] = [issue.fhirpath]
    return row


def _diagnostics(issue: Issue, values: bool) -> str:
    lines = [issue.text]
    if issue.hint:
        lines.append(issue.hint)
    if issue.rule:
        lines.append(f"Rule: {issue.rule}")
    if values and issue.value is not None:
        lines.append("Value: " + CONTROL.sub("\ufffd", issue.value))
    return "\n".join(lines)


def _counted(issues: Sequence[Issue]) -> list[Json]:
    firsts: dict[tuple[int, str], Issue] = {}
    counts: Counter[tuple[int, str]] = Counter()
    for issue in issues:
        key = (SEVERITIES.index(issue.severity), issue.code)
        firsts.setdefault(key, issue)
        counts[key] += 1
    return [
        {
            "severity": first.severity,
            "code": first.fhir,
            "details": _details(first),
            "diagnostics": "\n".join(line for line in (f"{first.text} ({counts[key]} times)", first.hint) if line),
        }
        for key, first in sorted(firsts.items(), key=lambda item: item[0])
    ]
