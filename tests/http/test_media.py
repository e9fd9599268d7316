"""Media types by their names and q values (A-15 to A-20)."""

from __future__ import annotations

import pytest

from segue.http.media import FHIR_JSON, JSON, NDJSON, body_type, chosen, negotiated
from segue.http.refusal import RequestError

OFFERS = (FHIR_JSON, JSON, NDJSON)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", FHIR_JSON),
        ("*/*", FHIR_JSON),
        ("application/*;q=0.2, application/json", JSON),
        ("application/json;q=0.5, application/fhir+json;q=0.5", FHIR_JSON),
        ("application/fhir+json;q=0, */*", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/x-ndjson; q=0.9, application/json; q=0.1", NDJSON),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=x", None),
        (",", None),
    ],
)
def test_A20_choice(accept: str, expected: str | None) -> None:
    assert chosen(accept, OFFERS) == expected


def test_A20_none_lists_all() -> None:
    with pytest.raises(RequestError) as caught:
        negotiated("text/html", OFFERS)
    assert all(offer in caught.value.issues[0].hint for offer in OFFERS)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/plain", ("text/plain", None)),
        ('Text/Plain; Charset="UTF-8"', ("text/plain", "UTF-8")),
        ("application/hl7-v2;version=2.5;charset=iso-8859-1", ("application/hl7-v2", "iso-8859-1")),
    ],
)
def test_A21_charset_of_a_content_type(header: str, expected: tuple[str, str | None]) -> None:
    assert body_type(header) == expected
