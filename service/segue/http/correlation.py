"""The outermost layer: a correlation id for every request, and no fault that leaves as anything but a coded answer
(A-34, A-75).

Plain ASGI, since it is in the way of every request.
"""

from __future__ import annotations

import re
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue import log
from segue.http.refusal import RequestError, written
from segue.issues import issue

KEY = "segue.correlation"
_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACE = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Correlation:
    """Wraps the application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        correlation = scope[KEY] = identify(scope)
        started = False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"].append((b"x-request-id", correlation.encode()))
            await send(message)

        try:
            await self.app(scope, receive, send_marked)
        except ClientDisconnect:
            return
        except Exception as error:
            stop = error if isinstance(error, RequestError) else RequestError(issue("internal"))
            if not isinstance(error, RequestError):
                log.get().error("http.bug", correlation=correlation, **log.fault(error))
            if started:
                raise ConnectionAbortedError from None  # half an answer cannot be mended: the connection is cut
            await send_marked(_start(scope, stop, correlation))
            body, _ = written(scope["path"], stop.status, stop.issues, correlation)
            await send_marked({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _start(scope: Scope, stop: RequestError, correlation: str) -> Message:
    body, kind = written(scope["path"], stop.status, stop.issues, correlation)
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store", **stop.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": stop.status, "headers": raw}


def identify(scope: Scope) -> str:
    """The caller's id where it is of the allowed form, else the caller's trace, else a new one."""
    trace = b""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTED.fullmatch(value):
            return value.decode()
        if name == b"traceparent" and (found := _TRACE.fullmatch(value)):
            trace = found[1]
    return trace.decode() or str(uuid4())
