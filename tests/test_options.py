"""Names and checks of the options of a conversion (A-04)."""

from __future__ import annotations

import pytest

from segue.fhir.bundle import KINDS
from segue.mapping.times import zone_named
from segue.options import BUNDLES, did_you_mean, is_timezone, nearest, timezone_hint


def test_A04_the_kinds_are_those_of_the_converter() -> None:
    assert set(BUNDLES) == set(KINDS)


@pytest.mark.parametrize("name", ["America/Toronto", "UTC", "Z", "-05:00", "+0530"])
def test_A04_a_time_zone_that_is_checked_can_be_used(name: str) -> None:
    assert is_timezone(name)
    assert zone_named(name)


@pytest.mark.parametrize(
    "name", ["", "Toronto", "America", "../etc/passwd", "-5", "+99:00", "EST5EDT,M3", "America/Toront"]
)
def test_A04_what_is_no_time_zone(name: str) -> None:
    assert not is_timezone(name)


@pytest.mark.parametrize(("wrong", "right"), [("bundel", "bundle"), ("BUNDLE", "bundle"), ("zzzz", None)])
def test_A04_nearest_name(wrong: str, right: str | None) -> None:
    assert nearest(wrong, ("bundle", "timezone")) == right


def test_A04_without_a_near_name_all_are_named() -> None:
    assert did_you_mean("zzzz", ("bundle", "site")) == "Known: bundle, site."


def test_A04_time_zone_hint_names_the_nearest() -> None:
    assert "America/Toronto" in timezone_hint("America/Toront")
