"""The documentation page (A-70, A-77, A-79)."""

from __future__ import annotations

import re

import httpx

from segue.http.operations import OPERATIONS
from segue.settings import Limits


async def test_A79_nothing_is_loaded_from_elsewhere(client: httpx.AsyncClient) -> None:
    text = (await client.get("/docs")).text
    targets = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert targets
    assert all(target.startswith("/") for target in targets)
    for target in targets:
        assert (await client.get(target)).status_code == 200


async def test_A77_security_headers(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/docs")).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_A70_limits_and_routes_are_listed(client: httpx.AsyncClient) -> None:
    text = (await client.get("/docs")).text
    assert all(f"limits.{name}" in text for name in Limits.model_fields)
    assert all(operation.path in text for operation in OPERATIONS)
