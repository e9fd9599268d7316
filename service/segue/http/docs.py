"""/docs: the routes, options, limits and first steps as one page without any foreign resource (A-79)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from segue.http.openapi import document
from segue.http.operations import OPERATIONS, Operation
from segue.http.service import service
from segue.settings import Limits

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "max-age=60",
}

STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{padding:1rem;border:1px solid;border-radius:.4rem;overflow:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid}
h2{margin-top:2.5rem}"""


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    headers = {"ETag": service(request).rules.etag, "Cache-Control": "max-age=60"}
    if request.headers.get("if-none-match", "") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(orjson.dumps(document(OPERATIONS)), media_type="application/json", headers=headers)


async def docs(request: Request) -> Response:
    """GET /docs."""
    return Response(page(OPERATIONS, service(request).settings.limits), media_type="text/html", headers=HEADERS)


async def style(_request: Request) -> Response:
    """GET /docs/style.css."""
    return Response(STYLE, media_type="text/css", headers=HEADERS)


def page(operations: Iterable[Operation], limits: Limits) -> str:
    """The page."""
    routes = "".join(_operation(operation) for operation in operations)
    caps = _table(
        ("setting", "value", "what it bounds"),
        (
            (f"limits.{name}", str(getattr(limits, name)), field.description or "")
            for name, field in Limits.model_fields.items()
        ),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Segue</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs/style.css"></head><body>'
        "<h1>Segue</h1><p>HL7 v2 messages in, valid FHIR R4 Bundles out. Conversion stores nothing.</p>"
        "<h2>First steps</h2><pre>curl --data-binary @message.hl7 http://127.0.0.1:8080/v1/convert</pre>"
        '<p>The same routes for machines: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{routes}<h2>Limits</h2>{caps}</body></html>"
    )


def _operation(operation: Operation) -> str:
    parts: list[str] = [
        f"<h2><code>{operation.method} {escape(operation.path)}</code></h2><p>{escape(operation.summary)}</p>"
    ]
    if operation.takes:
        parts.append(f"<p>Takes {_codes(operation.takes)}</p>")
    parts.append(f"<p>Answers {_codes(operation.answers)}</p>")
    if operation.parameters:
        parts.append(_table(("parameter", "in", "meaning"), ((p.name, p.where, p.text) for p in operation.parameters)))
    return "".join(parts)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"<code>{escape(name)}</code>" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
