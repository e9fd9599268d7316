"""The table of routes."""

from __future__ import annotations

from segue.http.operations import OPERATIONS, WORDS


def test_names_and_routes_are_unique() -> None:
    assert len({o.name for o in OPERATIONS}) == len({(o.path, o.method) for o in OPERATIONS}) == len(OPERATIONS)


def test_every_status_has_its_words() -> None:
    assert {status for o in OPERATIONS for status in o.failures} <= set(WORDS)


def test_A01_every_path_belongs_to_a_family_or_to_health() -> None:
    assert all(o.path.startswith(("/v1/", "/fhir/")) or o.path in ("/livez", "/readyz") for o in OPERATIONS)
