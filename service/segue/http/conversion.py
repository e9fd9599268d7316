"""POST /v1/convert: a message in, a Bundle, an envelope or a stream out (A-07, A-15 to A-22, A-50, A-51).

Nothing of a message is stored or logged here. One message with no wishes takes the short way: no query, no
envelope, one look at each header.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from segue import log
from segue.conversion import Conversion, Failure
from segue.fhir.outcome import operation_outcome
from segue.hl7 import Batch, split_batch
from segue.http import media, query
from segue.http.body import read, too_large
from segue.http.refusal import RequestError, rendered
from segue.http.service import Service, service
from segue.issues import Issue, issue

PREFER_STRICT, PREFER_LENIENT, PREFER_OUTCOME = "handling=strict", "handling=lenient", "return=operationoutcome"


class _Wish(NamedTuple):
    """What the caller asks for besides the conversion itself."""

    accept: str
    report: tuple[str, ...]
    outcome: bool  # issues instead of the Bundle
    applied: str


async def convert(request: Request) -> Response:
    """The route."""
    state = service(request)
    state.check_pin(request)
    kind, charset = _body_type(request)
    text = request.scope["query_string"]
    asked = query.asked(query.pairs(text, query.OPTIONS), state.rules) if text else query.Asked()
    if charset is not None:
        asked.options["transport_charset"] = charset
    wish = _wish(request, asked)
    offers = media.REPORT if wish.report else media.CONVERT
    first = media.negotiated(wish.accept, offers)
    raw = await _read(request, state)
    if not raw.strip():
        raise RequestError(issue("request.empty"))
    if kind == media.FORM:
        _check_form(raw)
    found = split_batch(raw)
    if found.is_batch or len(found.messages) != 1 or first in media.STREAM:
        return await _batch(state, found, asked.options, wish)
    done, body = await state.convert(raw, asked.options)
    return _one(state, done, body, first, wish)


def _body_type(request: Request) -> tuple[str, str | None]:
    given = request.headers.get("content-type")
    if not given:
        return "", None
    kind, charset = media.body_type(given)
    if kind not in media.ER7 and kind != media.FORM:
        raise RequestError(
            issue("request.media-type", hint=f"Taken: {', '.join(media.ER7)}."),
            headers={"Accept": ", ".join(media.ER7)},
        )
    return kind, charset


def _check_form(raw: bytes) -> None:
    """What curl sends as a form is a message all the same; with -d it comes without line ends, and mangled (A-16)."""
    if raw[:64].lstrip(b"\xef\xbb\xbf\x0b\x00\r\n \t")[:3] not in (b"MSH", b"FHS", b"BHS"):
        raise RequestError(issue("request.media-type", hint=f"Taken: {', '.join(media.ER7)}."))
    text = raw.strip()
    if b"\r" not in text and b"\n" not in text:
        raise RequestError(issue("message.terminators-missing", rule="A-16"))


def _wish(request: Request, asked: query.Asked) -> _Wish:
    accept = request.headers.get("accept", "")
    prefer = request.headers.get("prefer")
    if prefer is None:
        return _Wish(accept, asked.report, False, "")
    wishes = [part.strip() for part in prefer.replace(";", ",").split(",")]
    applied: list[str] = []
    outcome = False
    for wish in wishes:
        match wish.lower():
            case "handling=strict" | "handling=lenient":
                asked.options.setdefault("strict", wish.lower() == PREFER_STRICT)
                applied.append(wish)
            case "return=operationoutcome" | "return=representation":
                outcome = wish.lower() == PREFER_OUTCOME
                applied.append(wish)
            case _:
                pass  # RFC 7240: what is not known is not honoured and not an error
    return _Wish(accept, asked.report, outcome, ", ".join(applied))


async def _read(request: Request, state: Service) -> bytes:
    limits = state.settings.limits

    single = True

    def over(body: bytearray) -> int | None:
        nonlocal single
        if len(body) <= limits.message_bytes or not single:
            return None
        found = split_batch(bytes(body))
        single = not found.is_batch and len(found.messages) <= 1
        return limits.message_bytes if single else None

    # only a batch may be larger than a message, and whether it is one shows before the message's limit is reached
    return await read(
        request,
        max(limits.batch_bytes, limits.message_bytes),
        "limits.batch_bytes",
        ratio=limits.gzip_ratio,
        wait_s=limits.body_s,
        over=over,
    )


def _one(state: Service, done: Conversion, body: bytes, kind: str, wish: _Wish) -> Response:
    headers = state.headers(done.issues)
    if wish.applied:
        headers["Preference-Applied"] = wish.applied
    if wish.outcome:
        return Response(orjson.dumps(operation_outcome(done.issues)), media_type=media.FHIR_JSON, headers=headers)
    if kind == media.ENVELOPE or wish.report:
        return Response(orjson.dumps(_envelope(state, done, body, wish.report)), media_type=kind, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def _envelope(state: Service, done: Conversion, body: bytes, report: tuple[str, ...]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "controlId": done.control_id,
        "event": done.event,
        "pack": {"name": state.rules.name, "version": state.rules.version, "digest": state.rules.digest},
        "bundle": orjson.Fragment(body),
        "issues": rendered(done.issues),
    }
    if "ledger" in report:
        out["ledger"] = [{"v2": str(e.v2), "state": e.state, "fhir": e.fhir, "rule": e.rule} for e in done.ledger]
    if "lineage" in report:
        out["lineage"] = [{"fhir": e.fhir, "v2": [str(at) for at in e.v2], "rule": e.rule} for e in done.lineage]
    return out


# several messages ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _batch(state: Service, found: Batch, options: dict[str, Any], wish: _Wish) -> Response:
    limits = state.settings.limits
    if any(len(raw) > limits.message_bytes for raw in found.messages):
        raise RequestError(too_large(limits.message_bytes, "limits.message_bytes"))
    given = {**state.defaults, **options}
    stream = media.chosen(wish.accept, media.STREAM)
    if stream is None and len(found.messages) == 1:
        done, body = await state.convert(found.messages[0], options)
        return _one(state, done, body, media.negotiated(wish.accept, media.CONVERT), wish)
    if stream is None:
        raise RequestError(issue("request.several-messages"))
    lines = _lines(state, _each(state, found.messages, given), stream, wish.report, tuple(found.issues))
    return StreamingResponse(lines, media_type=stream, headers=state.headers(None))


def _each(state: Service, messages: list[bytes], options: dict[str, Any]) -> Iterator[Conversion | Failure]:
    """Every message by itself: not even a bug of ours in one stops the rest."""
    for index, raw in enumerate(messages):
        try:
            yield from state.converter.convert_many(raw, **options)
        except Exception as error:
            log.get().error("batch.bug", **log.fault(error))
            yield Failure(index, "", (issue("internal"),))


async def _lines(
    state: Service,
    items: Iterator[Conversion | Failure],
    kind: str,
    report: tuple[str, ...],
    remarks: tuple[Issue, ...],
) -> AsyncIterator[bytes]:
    """One line a message, made in a thread; a stream of envelopes ends with its summary (A-50)."""
    counts = {"messages": 0, "ok": 0, "warnings": 0, "failed": 0}
    async with state.gate.slot():
        while (made := await asyncio.to_thread(_line, state, items, kind, report, counts)) is not None:
            yield made
    if kind == media.NDJSON:
        summary: dict[str, Any] = {"summary": counts}
        if remarks:
            summary["issues"] = rendered(remarks)
        yield orjson.dumps(summary) + b"\n"


def _line(
    state: Service, items: Iterator[Conversion | Failure], kind: str, report: tuple[str, ...], counts: dict[str, int]
) -> bytes | None:
    item = next(items, None)
    if item is None:
        return None
    counts["messages"] += 1
    status = _status(item)
    counts[status] += 1
    if kind == media.FHIR_NDJSON:
        body = orjson.dumps(operation_outcome(item.issues)) if isinstance(item, Failure) else item.json()
        return body + b"\n"
    line: dict[str, Any] = {"index": counts["messages"], "controlId": item.control_id, "status": status}
    if isinstance(item, Failure):
        line["issues"] = rendered(item.issues)
    else:
        whole = _envelope(state, item, item.json(), report)
        line |= {name: whole[name] for name in ("bundle", "issues", "ledger", "lineage") if name in whole}
    return orjson.dumps(line) + b"\n"


def _status(item: Conversion | Failure) -> str:
    if isinstance(item, Failure):
        return "failed"
    return "warnings" if any(i.severity in ("error", "warning") for i in item.issues) else "ok"
