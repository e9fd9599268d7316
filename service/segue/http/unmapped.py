"""GET and POST /v1/unmapped: the inbox of unmapped codes, read and decided (T-64 to T-67).

JSON, or a sheet in CSV that comes back filled. An entry's version is its ETag; If-Match keeps two people from deciding
one entry. The database is asked in threads: nobody waits for it but the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from segue.database import StoreError
from segue.http import media, query
from segue.http.body import read
from segue.http.refusal import RequestError
from segue.http.service import VARY, service
from segue.inbox.desk import Desk, DeskError, Effect
from segue.inbox.entry import STATES, Entry
from segue.inbox.sheet import filled, sheet
from segue.inbox.store import ConflictError
from segue.inbox.suggestions import suggestions
from segue.issues import issue
from segue.options import did_you_mean
from segue.terminology import TerminologyError
from segue.terminology.maprows import MapRow
from segue.terminology.vocabularies import Vocabularies

LIST = ("sender", "state", "since")
ACTIONS = ("map", "ignore", "reopen", "undo")
FIELDS = {
    "targetSystem": "target_system", "targetCode": "target_code", "targetDisplay": "target_display",
    "equivalence": "equivalence", "validFrom": "valid_from", "validTo": "valid_to", "comment": "comment",
}  # fmt: skip
OTHERS = ("action", "by", "reason")
LARGEST_BYTES = 16 << 20

T = TypeVar("T")


def desk(request: Request) -> Desk:
    """The desk of the application; ends the request where there is none."""
    found: Desk | None = service(request).desk
    if found is None:
        raise RequestError(issue("inbox.off"))
    return found


async def listed(request: Request) -> Response:
    """GET /v1/unmapped: entries by number of messages, or the open ones as a sheet."""
    at = desk(request)
    given = dict(query.pairs(request.scope["query_string"], LIST)) if request.scope["query_string"] else {}
    kind = media.negotiated(request.headers.get("accept", ""), (media.JSON, media.CSV))
    state = given.get("state", "open" if kind == media.CSV else None)
    if state is not None and state not in STATES:
        raise RequestError(issue("request.parameter-value", hint=f"state: {did_you_mean(state, STATES)}"))
    since = _moment(given["since"]) if "since" in given else None
    limit = None if kind == media.CSV else 500

    def written() -> bytes:
        found = at.inbox.entries(sender=given.get("sender"), state=state, since=since, limit=limit)
        if kind == media.CSV:
            return sheet(one for one in found if one.table != "UCUM")
        return orjson.dumps({"entries": [_shown(one, at) for one in found]})

    return Response(await _thread(written), media_type=kind, headers={"Cache-Control": "no-store", "Vary": VARY})


async def one(request: Request) -> Response:
    """GET /v1/unmapped/{id}: an entry with its suggestions."""
    at = desk(request)
    found = await _thread(lambda: at.entry(request.path_params["id"]))
    words = service(request).converter.displays
    known = words if isinstance(words, Vocabularies) else Vocabularies()

    def written() -> bytes:
        offers = suggestions(found, at.inbox, at.terminology, known)
        body = _shown(found, at) | {
            "suggestions": [offer._asdict() for offer in offers],
            "choices": [{"system": s, "code": c, "display": d} for s, c, d in at.choices(found)],
        }
        return orjson.dumps(body)

    headers = {"ETag": f'"{found.version}"', "Cache-Control": "no-store", "Vary": VARY}
    return Response(await _thread(written), media_type=media.JSON, headers=headers)


async def decided(request: Request) -> Response:
    """POST /v1/unmapped/{id}: map, ignore, reopen, undo; `?dry-run=true` says what a mapping would do."""
    at = desk(request)
    dry_run = _dry_run(request)
    asked = _asked(await _body(request))
    found = await _thread(lambda: at.entry(request.path_params["id"]))
    pin = request.headers.get("if-match")
    if pin is not None and pin.strip() not in ("*", f'"{found.version}"'):
        raise RequestError(issue("inbox.conflict"))
    by, reason = asked.get("by", "") or "api", asked.get("reason", "")
    body: dict[str, Any] = {}
    match asked["action"]:
        case "map":
            target = MapRow(**{FIELDS[name]: value for name, value in asked.items() if name in FIELDS})
            effect = await _thread(lambda: at.accept(found, target, by=by, dry_run=dry_run))
            body["effect"] = _effect(effect)
        case "ignore":
            await _thread(lambda: at.ignore(found, by=by, reason=reason))
        case "reopen":
            await _thread(lambda: at.reopen(found, by=by, reason=reason))
        case _:
            _, gone = await _thread(lambda: at.undo(found, by=by, reason=reason))
            body["removed"] = gone
    after = await _thread(lambda: at.entry(found.id))
    body = {"entry": await _thread(lambda: _shown(after, at))} | body
    headers = {"ETag": f'"{after.version}"', "Cache-Control": "no-store", "Vary": VARY}
    return Response(orjson.dumps(body), media_type=media.JSON, headers=headers)


async def taken(request: Request) -> Response:
    """POST /v1/unmapped: a filled sheet, all of its rows or none."""
    at = desk(request)
    dry_run = _dry_run(request)
    kind, _ = media.body_type(request.headers.get("content-type", media.CSV))
    if kind != media.CSV:
        raise RequestError(issue("request.media-type", hint=f"Taken: {media.CSV}."))
    content = await _body(request)

    def accept() -> list[Effect]:
        rows = [(at.entry(key.id), row) for key, row in filled(content, "sheet", at.terminology)]
        return at.accept_all(rows, by="api", dry_run=dry_run)

    effects = await _thread(accept)
    body = {"accepted": [_effect(effect) for effect in effects]}
    return Response(orjson.dumps(body), media_type=media.JSON, headers={"Cache-Control": "no-store", "Vary": VARY})


async def _thread(work: Callable[[], T]) -> T:
    """The work's result; what cannot be done ends the request."""
    try:
        return await asyncio.to_thread(work)
    except DeskError as fault:
        code = "inbox.unknown" if "no entry" in str(fault) else "inbox.decision"
        raise RequestError(issue(code, hint=None if code == "inbox.unknown" else f"{fault}.")) from None
    except ConflictError:
        raise RequestError(issue("inbox.conflict")) from None
    except StoreError:
        raise RequestError(issue("inbox.unavailable")) from None
    except TerminologyError as fault:
        raise RequestError(issue("inbox.decision", hint=f"Line {fault.line}: {fault.what}.")) from None


async def _body(request: Request) -> bytes:
    limits = service(request).settings.limits
    return await read(request, LARGEST_BYTES, "16 MB", ratio=limits.gzip_ratio, wait_s=limits.body_s)


def _asked(body: bytes) -> dict[str, str]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError(issue("request.body", hint="The body is not JSON.")) from None
    if not isinstance(found, dict):
        raise RequestError(issue("request.body", hint="The body has to be an object."))
    known = (*OTHERS, *FIELDS)
    out: dict[str, str] = {}
    for name, value in cast("dict[str, Any]", found).items():
        if name not in known:
            raise RequestError(issue("request.parameter-unknown", hint=did_you_mean(name, known)))
        if not isinstance(value, str):
            raise RequestError(issue("request.parameter-value", hint=f"{name} is a text."))
        out[name] = value.strip()
    if out.get("action") not in ACTIONS:
        raise RequestError(issue("request.parameter-value", hint=f"action: {', '.join(ACTIONS)}."))
    return out


def _dry_run(request: Request) -> bool:
    given = dict(query.pairs(request.scope["query_string"], ("dry-run",))) if request.scope["query_string"] else {}
    value = given.get("dry-run", "false").lower()
    if value not in ("true", "false", "", "1", "0"):
        raise RequestError(issue("request.parameter-value", hint="dry-run: write true or false."))
    return value in ("true", "1", "") and "dry-run" in given


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RequestError(
            issue("request.parameter-value", hint="since: write a time such as 2026-03-01T08:00:00Z.")
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _shown(one: Entry, at: Desk) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": one.id,
        **one.key._asdict(),
        "table": one.table,
        "policy": one.policy,
        "state": one.state,
    }
    out |= {"count": one.count, "firstSeen": _time(one.first_seen), "lastSeen": _time(one.last_seen)}
    out["texts"] = [{"text": text, "count": count} for text, count in one.texts]
    out["samples"] = list(one.samples)
    out["waiting"] = at.waiting.count(one.key)
    if one.decided_at is not None:
        out["decided"] = {"by": one.decided_by, "at": _time(one.decided_at), "reason": one.reason}
    return out


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "map": effect.file.rpartition("/")[2],
        "row": effect.row._asdict(),
        "seen": effect.seen,
        "waiting": effect.waiting,
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
