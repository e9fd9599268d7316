"""/v1/messages: messages taken into the journal, looked up there and replayed (A-25 to A-29, O-51).

What is taken goes the way of a message over MLLP: synced before it is accepted, the same codes, the same duplicates,
the same order. Without a journal nothing can be accepted here, and that is what the answer says.
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

import orjson
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from segue import hl7
from segue.database import StoreError
from segue.delivery.intake import Peer, Receipt
from segue.http import media, query
from segue.http.body import read
from segue.http.refusal import RequestError, rendered
from segue.http.service import VARY, service
from segue.issues import issue
from segue.journal import acknowledgements, search
from segue.journal.clerk import Clerk
from segue.journal.content import content_of
from segue.journal.policies import AckWhen
from segue.journal.search import Query
from segue.journal.states import STATES
from segue.mllp.ack import Code, Header, acknowledge, batch

LISTENER = "http"
_REFUSED = {
    "unknown": "journal.unknown",
    "open": "journal.open",
    "unreadable": "message.unreadable",
    "same": "journal.same",
    "stale": "replay.stale",
}
ANSWERS = (media.JSON, *media.ER7[:3], media.NDJSON)
MOST = 1000  # messages of one page
_CODES: dict[str, Code] = {"accepted": "AA", "error": "AE", "rejected": "AR", "transient": "AR"}
_HEADERS = {"Cache-Control": "no-store", "Vary": VARY}


def clerk_of(request: Request) -> Clerk:
    """The journal's clerk; a RequestError where the service has none."""
    found: Clerk | None = request.app.state.clerk
    if found is None:
        raise RequestError(issue("journal.absent"))
    return found


class _Taken(NamedTuple):
    receipt: Receipt
    ack: bytes


async def take(request: Request) -> Response:
    """POST /v1/messages."""
    clerk = clerk_of(request)
    given = dict(query.pairs(request.scope["query_string"], ("ack",)))
    when = given.get("ack")
    if when is not None and when not in get_args(AckWhen):
        raise RequestError(issue("request.parameter-value", hint=f"ack: {', '.join(get_args(AckWhen))}."))
    answer = media.negotiated(request.headers.get("accept", ""), ANSWERS)
    raw = await _body(request)
    found = hl7.split_batch(raw)
    if not found.is_batch and Header.of(raw.lstrip(b"\x0b")) is None:
        raise RequestError(issue("message.unreadable"))
    address = request.client.host if request.client else ""
    peer = Peer(LISTENER, address, when)
    taken = [await _one(clerk, raw, peer) for raw in found.messages]
    if answer in media.ER7:
        acks = [one.ack for one in taken]
        outer = Header.of(next((line for line in found.headers if line.startswith(b"BHS")), b""))
        return Response(batch(outer, acks) if outer else b"".join(acks), media_type=answer, headers=_HEADERS)
    if len(taken) == 1 and answer != media.NDJSON:
        return _receipt(taken[0])
    lines = b"".join(orjson.dumps(_shown(one)) + b"\n" for one in taken)
    return Response(lines, media_type=media.NDJSON, headers=_HEADERS)


async def _one(clerk: Clerk, raw: bytes, peer: Peer) -> _Taken:
    receipt = await clerk.intake(raw, peer)
    if receipt.stored is not None:
        return _Taken(receipt, receipt.stored)
    ack = acknowledge(Header.of(raw), _CODES[receipt.outcome], () if receipt.outcome == "accepted" else receipt.issues)
    if receipt.keep is not None:
        receipt.keep(ack)
    return _Taken(receipt, ack)


def _receipt(taken: _Taken) -> Response:
    receipt = taken.receipt
    if receipt.outcome == "transient":
        raise RequestError(*receipt.issues)
    headers = {**_HEADERS, **({"Location": f"/v1/messages/{receipt.id}"} if receipt.id is not None else {})}
    status = 202 if receipt.state == "received" else 200
    return Response(orjson.dumps(_shown(taken)), status, media_type=media.JSON, headers=headers)


def _shown(taken: _Taken) -> dict[str, Any]:
    receipt = taken.receipt
    out: dict[str, Any] = {"id": receipt.id, "state": receipt.state}
    if receipt.earlier:
        out["duplicateOf"] = receipt.id
    out["ack"] = taken.ack.decode("utf-8", "replace")
    out["issues"] = rendered(receipt.issues)
    return out


# looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────

FILTERS = ("controlId", "number", "sender", "listener", "type", "state", "since", "until", "before", "limit")


def _query(request: Request) -> Query:
    given = dict(query.pairs(request.scope["query_string"], FILTERS))
    states = tuple(part for part in given.get("state", "").split(",") if part)
    if wrong := [one for one in states if one not in STATES]:
        raise RequestError(
            issue("request.parameter-value", hint=f"state: not {', '.join(wrong)}; {', '.join(STATES)}.")
        )
    return Query(
        control_id=given.get("controlId"),
        number=given.get("number"),
        sender=given.get("sender"),
        listener=given.get("listener"),
        type=given.get("type"),
        states=states,
        since=_moment(given, "since"),
        until=_moment(given, "until"),
        before=_whole(given, "before"),
        limit=min(MOST, _whole(given, "limit") or search.LIMIT),
    )


def _moment(given: dict[str, str], name: str) -> float | None:
    try:
        return search.seconds(given[name]) if name in given else None
    except ValueError:
        raise RequestError(issue("request.parameter-value", hint=f"{name}: 2026-03-01T12:30Z.")) from None


def _whole(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 16):
        raise RequestError(issue("request.parameter-value", hint=f"{name}: a whole number."))
    return int(text)


async def listing(request: Request) -> Response:
    """GET /v1/messages."""
    clerk = clerk_of(request)
    asked = _query(request)
    try:
        rows = await clerk.journal.look(lambda connection: search.found(connection, asked))
        counts = await clerk.journal.counts()
        parked = await clerk.journal.look(search.parked)
    except Exception as error:
        raise _down(error) from None
    out: dict[str, Any] = {"messages": rows, "states": counts, "parked": parked}
    if len(rows) == asked.limit:
        out["next"] = rows[-1]["id"]
    return _json(out)


async def one(request: Request) -> Response:
    """GET /v1/messages/{id}: state, timeline, issues; with `include` also the bytes and the Bundle."""
    clerk = clerk_of(request)
    id = _id(request)
    given = dict(query.pairs(request.scope["query_string"], ("include",)))
    include = [part for part in given.get("include", "").split(",") if part]
    if wrong := [part for part in include if part not in ("raw", "bundle")]:
        raise RequestError(issue("request.parameter-value", hint=f"include: raw, bundle; not {', '.join(wrong)}."))
    try:
        row = await clerk.journal.look(lambda connection: search.told(connection, id))
        if row is None:
            raise RequestError(issue("journal.unknown"))
        issues = await clerk.journal.look(lambda connection: content_of(connection, id, "issues"))
        row["issues"] = orjson.loads(issues) if issues else []
        if "raw" in include:
            raw = await clerk.journal.raw(id)
            row["raw"] = None if raw is None else raw.decode("utf-8", "backslashreplace")
        if "bundle" in include:
            bundle = await clerk.journal.bundle(id)
            row["bundle"] = None if bundle is None else orjson.Fragment(bundle)
    except RequestError:
        raise
    except Exception as error:
        raise _down(error) from None
    return _json(row)


async def replay(request: Request) -> Response:
    """POST /v1/messages/{id}/replay."""
    clerk = clerk_of(request)
    id = _id(request)
    given = dict(query.pairs(request.scope["query_string"], ("dry-run", "stale", "reason")))
    if await clerk.journal.look(lambda connection: search.told(connection, id)) is None:
        raise RequestError(issue("journal.unknown"))
    if given.get("dry-run", "false") == "true":
        found = await clerk.difference(id)
        if found is None:
            raise RequestError(issue("journal.unknown", hint="Its bytes were pruned."))
        changes, made = found
        return _json({"id": id, "converts": made.body is not None, "issues": rendered(made.issues), "changes": changes})
    reason = given.get("reason", "").strip()
    if not reason:
        raise RequestError(issue("request.parameter-value", hint="reason: say why; it is kept in the timeline."))
    try:
        opened = await clerk.replay(id, reason=reason, stale=given.get("stale") == "apply")
    except StoreError:
        raise RequestError(issue("store.unavailable")) from None
    if opened.refused == "stale":
        raise RequestError(issue("replay.stale"))
    if opened.refused == "pruned":
        raise RequestError(issue("journal.unknown", hint="Its bytes were pruned."))
    headers = {**_HEADERS, "Location": f"/v1/messages/{id}"}
    out = orjson.dumps({"id": id, "state": "received" if not opened.refused else opened.refused})
    return Response(out, 202, media_type=media.JSON, headers=headers)


async def resend(request: Request) -> Response:
    """POST /v1/messages/{id}/resend: a corrected text in the place of a message."""
    clerk = clerk_of(request)
    id = _id(request)
    given = dict(query.pairs(request.scope["query_string"], ("stale", "reason", "by")))
    reason = given.get("reason", "").strip()
    if not reason:
        raise RequestError(issue("request.parameter-value", hint="reason: say why; it is kept in the timeline."))
    raw = await _body(request)
    address = request.client.host if request.client else ""
    by = f"{given.get('by', '').strip()} ({address})".strip()
    try:
        sent = await clerk.resend(id, raw, reason=reason, by=by, stale=given.get("stale") == "apply")
    except StoreError:
        raise RequestError(issue("store.unavailable")) from None
    if sent.refused:
        raise RequestError(issue(_REFUSED[sent.refused]))
    headers = {**_HEADERS, "Location": f"/v1/messages/{sent.id}"}
    out = orjson.dumps({"id": sent.id, "state": "received", "editedFrom": id})
    return Response(out, 202, media_type=media.JSON, headers=headers)


async def acknowledgement(request: Request) -> Response:
    """POST /v1/messages/{id}/acknowledge: an application acknowledgement that was given up, again or never."""
    clerk = clerk_of(request)
    id = _id(request)
    given = dict(query.pairs(request.scope["query_string"], ("drop", "reason")))
    reason = given.get("reason", "").strip()
    if not reason:
        raise RequestError(issue("request.parameter-value", hint="reason: say why; it is kept in the timeline."))
    again = given.get("drop", "false") != "true"
    try:
        decided = await clerk.journal.call(
            lambda connection, now: acknowledgements.decide(connection, now, id, reason, again=again), queues=False
        )
        if not decided:
            raise RequestError(issue("journal.unknown", hint="It has no acknowledgement that was given up."))
    except StoreError:
        raise RequestError(issue("store.unavailable")) from None
    return Response(orjson.dumps({"id": id, "acknowledgement": "again" if again else "dropped"}), 202,
                    media_type=media.JSON, headers={**_HEADERS, "Location": f"/v1/messages/{id}"})  # fmt: skip


async def _body(request: Request) -> bytes:
    """One message, as bytes."""
    kind, _ = media.body_type(request.headers.get("content-type") or media.ER7[0])
    if kind not in media.ER7 and kind != media.FORM:
        raise RequestError(issue("request.media-type", hint=f"Taken: {', '.join(media.ER7)}."))
    limits = service(request).settings.limits
    raw = await read(
        request, limits.message_bytes, "limits.message_bytes", ratio=limits.gzip_ratio, wait_s=limits.body_s
    )
    if not raw.strip():
        raise RequestError(issue("request.empty"))
    return raw


def _id(request: Request) -> int:
    text: str = request.path_params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise RequestError(issue("journal.unknown"))
    return int(text)


def _down(error: Exception) -> RequestError:
    if isinstance(error, SQLAlchemyError | StoreError):
        return RequestError(issue("store.unavailable"))
    raise error


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type=media.JSON, headers=_HEADERS)
