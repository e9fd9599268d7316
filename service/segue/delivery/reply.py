"""What an HTTP answer means for a Bundle: taken, or a DeliveryError of its class (S-60, S-62).

Reads status, Retry-After and the FHIR bodies that tell of single entries. What a server says in words stays unread: it
may quote the patient (O-21). Its codes and places are bounded, and are passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, cast

import aiohttp
import orjson

from segue.delivery.target import BUSY, CONFLICT, CREDENTIALS, FAULT, INDETERMINATE, REFUSED, UNREACHABLE, DeliveryError
from segue.issues import Issue, issue

_CLASSES = {
    **dict.fromkeys((400, 404, 405, 406, 410, 411, 413, 414, 415, 416, 421, 422, 428, 431, 451), REFUSED),
    **dict.fromkeys((408, 425, 429, 502, 503, 504), BUSY),
    **dict.fromkeys((409, 412), CONFLICT),
    **dict.fromkeys((401, 403, 407), CREDENTIALS),
}
# Codes of FHIR's issue-type value set that may stand in an issue of ours.
# fmt: off
_TYPES = frozenset((
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden",
    "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long",
    "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store",
    "exception", "timeout", "incomplete", "throttled", "informational",
))
# fmt: on
_PLACE = re.compile(r"[A-Z][A-Za-z]*(\.[A-Za-z]+(\[\d+\])?)*")
PLACES = 20  # issues of one answer


class Reply(NamedTuple):
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]  # whatever the case of their names
    body: bytes

    @property
    def good(self) -> bool:
        """Taken, by its status."""
        return 200 <= self.status < 300


def class_of(status: int) -> str:
    """The class of a status code that is no success."""
    return _CLASSES.get(status, FAULT)


def unanswered(error: aiohttp.ClientError) -> DeliveryError:
    """The failure of a request that got no answer."""
    return DeliveryError(
        True,
        issue("delivery.transient"),
        reason=UNREACHABLE if isinstance(error, _UNSENT) else INDETERMINATE,
        detail=next((word for kind, word in _WORDS if isinstance(error, kind)), type(error).__name__),
    )


_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
_WORDS: tuple[tuple[type[aiohttp.ClientError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "ConnectTimeout"),
    (aiohttp.SocketTimeoutError, "ReadTimeout"),
    (aiohttp.ClientHttpProxyError, "ProxyError"),
    (aiohttp.ClientConnectorError, "ConnectError"),
)


def failure(reply: Reply, *, entries: bool = False) -> DeliveryError | None:
    """Why the Bundle was not taken, None where it was; `entries`: the body tells of each of them."""
    if not reply.good:
        return _refused(reply, reply.status)
    body = _json(reply) if entries else None
    if not isinstance(body, dict):
        return None
    return _of_message(cast("dict[str, Any]", body)) or _of_entries(cast("dict[str, Any]", body))


def retry_after_s(reply: Reply, now: datetime | None = None) -> float | None:
    """Retry-After in seconds, whether given as such or as a date (RFC 9110, 10.2.3)."""
    text = reply.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def _refused(reply: Reply, status: int) -> DeliveryError:
    reason = class_of(status)
    transient = reason != REFUSED
    code = "delivery.refused" if reason == REFUSED else "delivery.transient"
    return DeliveryError(
        transient,
        *(tuple(_told(_json(reply), code)) or (issue(code),)),
        reason=reason,
        retry_after_s=retry_after_s(reply) if transient else None,
        detail=str(status),
    )


def _of_entries(body: dict[str, Any]) -> DeliveryError | None:
    """Entries of a transaction's or batch's answer that failed, although the whole says 200 (S-62)."""
    classes: list[str] = []
    issues: list[Issue] = []
    for index, entry in enumerate(_list(body.get("entry"))):
        response: Any = entry.get("response")
        status = str(cast("dict[str, Any]", response).get("status", "")) if isinstance(response, dict) else ""
        if not status or status[0] in "23":
            continue  # an entry of a message's answer has no status
        number = int(status[:3]) if status[:3].isdigit() else 500
        classes.append(class_of(number))
        code = "delivery.refused" if classes[-1] == REFUSED else "delivery.transient"
        place = f"Bundle.entry[{index}]"
        said = _told(cast("dict[str, Any]", response).get("outcome"), code, place)
        issues += tuple(said) or (issue(code, fhirpath=place),)
    if not classes:
        return None
    transient = REFUSED not in classes
    return DeliveryError(transient, *issues[:PLACES], reason=classes[0] if transient else REFUSED, detail="entries")


def _of_message(body: dict[str, Any]) -> DeliveryError | None:
    """The answer to a message Bundle says in its MessageHeader what became of it."""
    first = _list(body.get("entry"))[:1]
    header: Any = first[0].get("resource") if first else None
    if not isinstance(header, dict):
        return None
    response: Any = cast("dict[str, Any]", header).get("response")
    if not isinstance(response, dict):
        return None
    match cast("dict[str, Any]", response).get("code"):
        case "fatal-error":
            return DeliveryError(False, issue("delivery.refused"), reason=REFUSED, detail="fatal-error")
        case "transient-error":
            return DeliveryError(True, issue("delivery.transient"), reason=BUSY, detail="transient-error")
        case _:
            return None


def _told(outcome: Any, code: str, place: str = "") -> Iterator[Issue]:
    """The errors of an OperationOutcome, each with its code and its place; never its words."""
    if not isinstance(outcome, dict) or cast("dict[str, Any]", outcome).get("resourceType") != "OperationOutcome":
        return
    for found in _list(cast("dict[str, Any]", outcome).get("issue"))[:PLACES]:
        if found.get("severity") not in ("fatal", "error"):
            continue
        kind: Any = found.get("code")
        paths: Any = found.get("expression") or found.get("location")
        path = str(cast("list[Any]", paths)[0]) if isinstance(paths, list) and paths else ""
        at = place or (path if len(path) < 200 and _PLACE.fullmatch(path) else None)
        hint = f"The receiver says: {kind}." if isinstance(kind, str) and kind in _TYPES else None
        yield issue(code, fhirpath=at, hint=hint)


def _json(reply: Reply) -> Any:
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None


def _list(value: Any) -> list[dict[str, Any]]:
    found: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) if isinstance(item, dict) else {} for item in found]
