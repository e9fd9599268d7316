"""Why a request ends without a conversion, and how that is written: problem+json on /v1, OperationOutcome on /fhir
(A-01, A-30).

Status codes by issue (api table of section 6) are chosen here and nowhere else. No value of a message, path, stack
or library text is ever part of an answer (A-32, A-34).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from segue.fhir.outcome import operation_outcome
from segue.issues import Issue

PROBLEM, FHIR = "application/problem+json", "application/fhir+json"
MOST = 200  # issues told one by one; more are counted by code

STATUS: Mapping[str, int] = {
    "message.unreadable": 400,
    "message.terminators-missing": 400,
    "message.delimiters": 400,
    "message.too-large": 413,
    "message.too-many-segments": 413,
    "bundle.invalid": 500,
    "internal": 500,
    "service.busy": 503,
    "service.draining": 503,
    "store.unavailable": 503,
    "store.full": 503,
    "inbox.unavailable": 503,
    "journal.absent": 404,
    "journal.unknown": 404,
    "journal.open": 409,
    "journal.same": 409,
    "replay.stale": 409,
    "request.path": 404,
    "terminology.code-unknown": 404,
    "request.method": 405,
    "request.parameter-unknown": 400,
    "request.parameter-value": 400,
    "request.body": 400,
    "request.empty": 400,
    "request.backslash-lost": 400,
    "request.timeout": 408,
    "request.not-acceptable": 406,
    "request.media-type": 415,
    "request.pack": 412,
    "inbox.off": 404,
    "inbox.unknown": 404,
    "inbox.conflict": 409,
}


class RequestError(Exception):
    """Ends a request with these issues; the first decides the status: 422 where the table has no other."""

    def __init__(self, *issues: Issue, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(issues[0].code)
        self.issues = issues
        self.status = STATUS.get(issues[0].code, 422)
        self.headers = dict(headers or {})
        if self.status == 503:
            self.headers.setdefault("Retry-After", "1")


def rendered(issues: Sequence[Issue]) -> list[dict[str, Any]]:
    """Issues as JSON members."""
    if len(issues) <= MOST:
        return [member(issue) for issue in issues]
    counts = Counter(issue.code for issue in issues)
    firsts = {issue.code: issue for issue in reversed(issues)}
    return [{**_kind(firsts[code]), "count": counts[code]} for code in dict.fromkeys(issue.code for issue in issues)]


def member(issue: Issue) -> dict[str, Any]:
    """One issue; `value` is never in it."""
    out = _kind(issue)
    if issue.hint:
        out["hint"] = issue.hint
    if issue.v2 is not None:
        out["v2"] = str(issue.v2)
    if issue.fhirpath:
        out["fhirpath"] = issue.fhirpath
    if issue.rule:
        out["rule"] = issue.rule
    return out


def _kind(issue: Issue) -> dict[str, Any]:
    out = {"severity": issue.severity, "code": issue.code, "hl7": issue.hl7, "type": issue.fhir, "text": issue.text}
    return {key: value for key, value in out.items() if value}


def problem(status: int, issues: Sequence[Issue], correlation: str) -> bytes:
    """RFC 9457; the first issue is the gravest and gives type and title."""
    first = issues[0]
    urn = "urn:uuid:" if len(correlation) == 36 and correlation.count("-") == 4 else "urn:segue:request:"
    out: dict[str, Any] = {"type": f"urn:segue:issue:{first.code}", "title": first.text, "status": status}
    if first.hint:
        out["detail"] = first.hint
    out["instance"] = urn + correlation
    out["issues"] = rendered(issues)
    return orjson.dumps(out)


def written(path: str, status: int, issues: Sequence[Issue], correlation: str) -> tuple[bytes, str]:
    """Body and media type of an answer that is not a conversion."""
    if path == "/fhir" or path.startswith("/fhir/"):
        return orjson.dumps(operation_outcome(issues)), FHIR
    return problem(status, issues, correlation), PROBLEM


def tally(issues: Sequence[Issue]) -> str:
    """The header V2fhir-Issues (A-72): a structured-field dictionary."""
    if not issues:
        return "error=0, warning=0, information=0"
    counts = Counter(issue.severity for issue in issues)
    grave = counts["fatal"] + counts["error"]
    return f"error={grave}, warning={counts['warning']}, information={counts['information']}"
