"""The OpenAPI document is the table of routes (A-78)."""

from __future__ import annotations

from typing import Any

import httpx

from segue.http.openapi import document
from segue.http.operations import OPERATIONS
from segue.http.query import OPTIONS


def test_A78_every_route_with_its_statuses_is_in_it() -> None:
    paths = document(OPERATIONS)["paths"]
    found = {
        (path, method): set(item["responses"]) for path, methods in paths.items() for method, item in methods.items()
    }
    assert found == {(o.path, o.method.lower()): {"200", *map(str, o.failures)} for o in OPERATIONS}


def test_A78_every_option_of_convert_is_in_it() -> None:
    convert = document(OPERATIONS)["paths"]["/v1/convert"]["post"]
    assert {p["name"] for p in convert["parameters"] if p["in"] == "query"} == set(OPTIONS)


def test_A78_every_reference_in_it_resolves() -> None:
    whole = document(OPERATIONS)

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            return [v for k, v in node.items() if k == "$ref"] + [r for v in node.values() for r in references(v)]
        return [r for v in node for r in references(v)] if isinstance(node, list) else []

    for reference in references(whole):
        node = whole
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


async def test_A78_it_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == document(OPERATIONS)
