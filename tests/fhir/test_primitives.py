"""Each primitive takes what R4 takes and refuses what R4 refuses (P-21, P-23)."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from segue.fhir.primitives import absolute_uri, primitive_schemas

TAKEN: list[tuple[str, Any]] = [
    ("date", "2024"),
    ("date", "2024-02"),
    ("date", "2024-02-29"),
    ("date", "2000-02-29"),
    ("dateTime", "2024-05-01T10:00:00Z"),
    ("dateTime", "2024-05-01T10:00:00.123-04:00"),
    ("dateTime", "1971"),
    ("instant", "2024-05-01T10:00:00+14:00"),
    ("time", "23:59:59"),
    ("id", "a-1.B"),
    ("code", "in progress"),
    ("uri", "urn:oid:1.2.840.113549"),
    ("uri", "urn:uuid:6BA7B810-9dad-11d1-80b4-00c04fd430c8"),
    ("uri", "http://example.org/a b".replace(" ", "")),
    ("uri", "relative/path"),
    ("uri", "u"),
    ("uri", "urn"),
    ("uri", "urn:oi"),
    ("uri", "urn:ietf:rfc:3986"),
    ("oid", "urn:oid:2.16"),
    ("uuid", "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ("positiveInt", 1),
    ("unsignedInt", 0),
    ("integer", -5),
    ("decimal", Decimal("5.10")),
    ("decimal", 1),
    ("boolean", False),
    ("base64Binary", "QQ=="),
    ("base64Binary", "QUI="),
    ("base64Binary", "QUJD\r\nQUJD"),
    ("string", " a\tb\r\nc"),
    ("string", "\u00a0x"),
    ("markdown", "*x*"),
    ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'),
]

REFUSED: list[tuple[str, Any]] = [
    ("date", "2024-02-30"),
    ("date", "2023-02-29"),
    ("date", "1900-02-29"),
    ("date", "2024-04-31"),
    ("date", "2024-13"),
    ("date", "20240101"),
    ("date", "0000"),
    ("date", "2024-05-01T10:00:00Z"),
    ("date", "2024\n"),
    ("dateTime", "2024-05-01T10:00"),
    ("dateTime", "2024-05-01T10:00:00"),
    ("dateTime", "2024-05-01T24:00:00Z"),
    ("dateTime", "2024-05-01T10:00:00+15:00"),
    ("instant", "2024-05-01"),
    ("time", "10:00"),
    ("time", "24:00:00"),
    ("id", "a_b"),
    ("id", "x" * 65),
    ("code", " a"),
    ("code", "a  b"),
    ("code", ""),
    ("uri", ""),
    ("uri", "a b"),
    ("uri", "urn:oid:1.02"),
    ("uri", "urn:oid:9.1"),
    ("uri", "urn:uuid:1"),
    ("oid", "1.2.3"),
    ("uuid", "urn:uuid:6BA7B810-9dad-11d1-80b4-00c04fd430c8"),
    ("positiveInt", 0),
    ("positiveInt", True),
    ("positiveInt", 2**31),
    ("unsignedInt", -1),
    ("integer", "1"),
    ("integer", Decimal("1.5")),
    ("decimal", "5.1"),
    ("decimal", True),
    ("boolean", "true"),
    ("boolean", 0),
    ("base64Binary", "QQ="),
    ("base64Binary", "Q!=="),
    ("base64Binary", ""),
    ("string", ""),
    ("string", "  \t"),
    ("string", "a\x00b"),
    ("string", "a\x1fb"),
    ("string", 5),
    ("string", None),
    ("markdown", "\n"),
    ("xhtml", "<p>x</p>"),
]


def is_valid(kind: str, value: Any) -> bool:
    return Draft202012Validator(primitive_schemas()[kind]).is_valid(value)


@pytest.mark.parametrize(("kind", "value"), TAKEN)
def test_P_21_taken(kind: str, value: Any):
    assert is_valid(kind, value)


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_P_21_refused(kind: str, value: Any):
    assert not is_valid(kind, value)


def test_P_21_a_text_of_a_mebibyte_is_taken_and_no_longer_one():
    assert is_valid("string", "x" * 1024 * 1024)
    assert not is_valid("string", "x" * (1024 * 1024 + 1))


@pytest.mark.parametrize(
    "value", ["http://loinc.org", "urn:oid:1.2", "urn:iso:std:iso:3166", "udp:x", "urnx:1", "https://a"]
)
def test_P_21_systems_are_absolute(value: str):
    assert Draft202012Validator(absolute_uri()).is_valid(value)


@pytest.mark.parametrize("value", ["loinc", "urn", "urn:oid:x", "a/b:c", ":x", "http:", "1a:b"])
def test_P_21_relative_systems_are_refused(value: str):
    assert not Draft202012Validator(absolute_uri()).is_valid(value)


@given(st.dates())
def test_P_21_every_day_of_the_calendar_is_a_date(day: Any):
    assert is_valid("date", day.isoformat())


@given(st.datetimes(timezones=st.just(UTC)))
def test_P_21_every_moment_is_an_instant(moment: Any):
    assert is_valid("instant", moment.isoformat())


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_P_23_decimals_are_numbers(number: Decimal):
    assert is_valid("decimal", number)


@given(st.binary(min_size=1))
def test_P_21_every_base64_is_base64Binary(data: bytes):
    assert is_valid("base64Binary", b64encode(data).decode())
