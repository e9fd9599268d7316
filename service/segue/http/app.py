"""The ASGI application: routes from the table, faults as coded answers, nothing else in the way (A-01, A-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from segue.convert import Converter
from segue.http.correlation import KEY, Correlation
from segue.http.docs import docs, openapi, style
from segue.http.health import Health
from segue.http.operations import OPERATIONS
from segue.http.refusal import RequestError, written
from segue.http.service import VARY, Service
from segue.inbox.desk import Desk
from segue.issues import issue
from segue.journal.clerk import Clerk
from segue.settings import Settings

if TYPE_CHECKING:
    from segue.terminology.remote import Resolver

COMPRESSED_FROM = 1024


def create_app(
    converter: Converter,
    settings: Settings,
    health: Health | None = None,
    resolver: Resolver | None = None,
    desk: Desk | None = None,
    clerk: Clerk | None = None,
) -> ASGIApp:
    """The HTTP door over one converter; with an inbox of unmapped codes, and with a journal that takes messages."""
    routes = [Route(o.path, o.handler, methods=[o.method], name=o.name) for o in OPERATIONS]
    if settings.http.docs:
        routes += [Route("/openapi.json", openapi), Route("/docs", docs), Route("/docs/style.css", style)]
    app = _Application(routes=routes, exception_handlers={RequestError: _stopped, HTTPException: _refused})
    app.router.redirect_slashes = False
    app.state.service = Service(converter, settings, resolver, desk)
    app.state.health = health or Health()
    app.state.clerk = clerk
    return Correlation(GZipMiddleware(app, minimum_size=COMPRESSED_FROM, compresslevel=5))


class _Application(Starlette):
    """Without Starlette's own net for bugs, which answers and then raises again: ours is `Correlation`."""

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)


async def _stopped(request: Request, error: Exception) -> Response:
    stop = cast("RequestError", error)
    body, kind = written(request.url.path, stop.status, stop.issues, request.scope[KEY])
    headers = {"Cache-Control": "no-store", "Vary": VARY, **stop.headers}
    return Response(body, stop.status, media_type=kind, headers=headers)


async def _refused(request: Request, error: Exception) -> Response:
    found = cast("HTTPException", error)
    if found.status_code == 405:
        allow = (found.headers or {}).get("Allow", "")
        return await _stopped(
            request, RequestError(issue("request.method", hint=f"Allowed: {allow}."), headers={"Allow": allow})
        )
    return await _stopped(request, RequestError(issue("request.path")))
