"""v2 dates and times (R-DATE-1…15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segue.mapping.times import Moment, clock, moment, offset_of, reversed_period, shifted, zone_named

TORONTO = zone_named("America/Toronto")


@pytest.mark.parametrize("text", ["2024", "202403", "20240310"])
def test_R_DATE_1_the_precision_that_was_sent(text: str) -> None:
    written = {4: "2024", 6: "2024-03", 8: "2024-03-10"}[len(text)]
    assert moment(text, TORONTO) == Moment(written, written)


def test_R_DATE_2_hours_alone_are_no_time() -> None:
    found = moment("2024031014", TORONTO)
    assert (found.date, found.datetime, found.instant) == ("2024-03-10", "2024-03-10", None)
    assert found.cut
    assert found.issue_datetime == "field.time-cut"


def test_R_DATE_3_minutes_get_seconds() -> None:
    found = moment("202403101415-0500", None)
    assert found.datetime == found.instant == "2024-03-10T14:15:00-05:00"
    assert found.date == "2024-03-10"


@pytest.mark.parametrize("fraction", [".1", ".12", ".120", ".1234"])
def test_R_DATE_4_fractions_as_written(fraction: str) -> None:
    assert moment(f"20240310141507{fraction}-0500", None).datetime == f"2024-03-10T14:15:07{fraction}-05:00"


@pytest.mark.parametrize(
    ("text", "value", "dropped"),
    [
        ("1415", "14:15:00", False),
        ("141507", "14:15:07", False),
        ("141507.25", "14:15:07.25", False),
        ("1415-0500", "14:15:00", True),
        ("14", None, False),
        ("2515", None, False),
        ("1460", None, False),
        ("noon", None, False),
    ],
)
def test_R_DATE_5_time_of_day(text: str, value: str | None, dropped: bool) -> None:
    assert clock(text) == (value, dropped)


@pytest.mark.parametrize(
    ("sent", "written"), [("-0500", "-05:00"), ("+0000", "+00:00"), ("Z", "Z"), ("+05", "+05:00"), ("+0530", "+05:30")]
)
def test_R_DATE_6_an_offset_of_the_value_is_kept(sent: str, written: str) -> None:
    assert moment(f"202403101415{sent}", TORONTO).datetime == f"2024-03-10T14:15:00{written}"


@pytest.mark.parametrize(("text", "offset"), [("202401101415", "-05:00"), ("202407101415", "-04:00")])
def test_R_DATE_6_a_zone_knows_summer(text: str, offset: str) -> None:
    found = moment(text, TORONTO).datetime
    assert found is not None
    assert found.endswith(offset)


def test_R_DATE_6_a_fixed_offset_of_a_site_or_of_MSH_7() -> None:
    assert moment("202407101415", "-05:00").datetime == "2024-07-10T14:15:00-05:00"
    assert offset_of("20240710141500-0500") == "-05:00"
    assert offset_of("20240710141500") is None
    assert offset_of("20240710") is None


def test_R_DATE_6_without_any_the_time_is_cut_and_told() -> None:
    found = moment("202407101415", None)
    assert (found.datetime, found.instant, found.cut, found.issue_datetime) == (
        "2024-07-10",
        None,
        True,
        "field.time-cut",
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("202411030130", "2024-11-03T01:30:00-04:00"),  # twice: the first
        ("202403100230", "2024-03-10T02:30:00-05:00"),  # never: the offset before the gap
    ],
)
def test_R_DATE_7_change_of_clocks(text: str, value: str) -> None:
    found = moment(text, TORONTO)
    assert found.datetime == value
    assert found.issue_datetime == "field.time-ambiguous"


@pytest.mark.parametrize(
    ("precision", "value"),
    [
        ("Y", "2024"),
        ("L", "2024-03"),
        ("D", "2024-03-10"),
        ("M", "2024-03-10T14:15:00-05:00"),
        ("S", "2024-03-10T14:15:07-05:00"),
    ],
)
def test_R_DATE_8_degree_of_precision_cuts(precision: str, value: str) -> None:
    assert moment("20240310141507-0500", None, precision).datetime == value


def test_R_DATE_8_it_never_adds() -> None:
    assert moment("202403", None, "S").datetime == "2024-03"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-03-10", "2024-03-10"),
        ("2024-03-10T14:15:07-05:00", "2024-03-10T14:15:07-05:00"),
        ("2024-03-10 14:15Z", "2024-03-10T14:15:00Z"),
    ],
)
def test_R_DATE_9_ISO_8601_is_read_and_told(text: str, value: str) -> None:
    found = moment(text, None)
    assert found.datetime == value
    assert found.issue == "field.date-form"


def test_R_DATE_9_hour_24_is_midnight_of_the_next_day() -> None:
    found = moment("202402292400-0500", None)
    assert found.datetime == "2024-03-01T00:00:00-05:00"
    assert found.issue == "field.hour-24"


@pytest.mark.parametrize(
    "text",
    ["20241310", "20240431", "20230229", "202403102460", "2024031025", "24", "soon", "2024031", "20240310141561"],
)
def test_R_DATE_9_impossible_values_are_left_out(text: str) -> None:
    assert moment(text, "+00:00") == Moment(issue="field.date-unreadable")


@pytest.mark.parametrize("text", ["00000000", "0000", "99991231", "99991231235959"])
def test_R_DATE_10_sentinels(text: str) -> None:
    assert moment(text, None) == Moment(issue="field.date-sentinel")


def test_R_DATE_11_the_birth_date_is_never_shifted() -> None:
    assert moment("198001022330-0800", "+00:00").date == "1980-01-02"


@pytest.mark.parametrize(("text", "midnight"), [("198001020000-0500", True), ("198001020001-0500", False)])
def test_R_DATE_11_midnight_is_no_time_of_birth(text: str, midnight: bool) -> None:
    assert moment(text, None).midnight is midnight


@pytest.mark.parametrize(
    ("start", "end", "reversed_"),
    [
        ("2024-03-10", "2024-03-09", True),
        ("2024-03-10", "2024-03-10", False),
        ("2024-03-10", "2024-03", False),
        ("2024-03-10T10:00:00-05:00", "2024-03-10T14:00:00Z", True),
        ("2024-03-10T10:00:00-05:00", "2024-03-10T16:00:00Z", False),
    ],
)
def test_R_DATE_12_a_period_that_ends_before_it_begins(start: str, end: str, reversed_: bool) -> None:
    assert reversed_period(start, end) is reversed_


@pytest.mark.parametrize(
    ("value", "amount", "unit", "moved"),
    [
        ("2024-03-10T23:50:00-05:00", 20, "min", "2024-03-11T00:10:00-05:00"),
        ("2024-03-10T10:00:00Z", 1, "d", "2024-03-11T10:00:00Z"),
        ("2024-03-10", 1, "d", None),
        ("2024-03-10T10:00:00Z", 1, "mo", None),
    ],
)
def test_R_DATE_13_arithmetic(value: str, amount: int, unit: str, moved: str | None) -> None:
    assert shifted(value, amount, unit) == moved


@pytest.mark.parametrize(("name", "zone"), [("-0500", "-05:00"), ("-05:00", "-05:00"), ("UTC", "+00:00"), ("Z", "Z")])
def test_a_zone_is_an_offset_or_an_IANA_name(name: str, zone: str) -> None:
    assert zone_named(name) == zone


@pytest.mark.parametrize("name", ["", "Toronto", "-5", "../x"])
def test_what_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match=r"^not an IANA time zone or an offset such as -05:00$"):
        zone_named(name)


def test_R_DATE_14_a_date_field_with_a_time(mapped: Callable[..., Any], resources: Callable[..., Any]) -> None:
    made = mapped(
        'birthDate: "{{ PID.7 }}"\ndeceased[x]: {dateTime: "{{ PID.29 }}"}',
        "PID|||||||198001021200-0500" + "|" * 22 + "20240101",
    )
    assert resources(made, "Patient") == [{"birthDate": "1980-01-02", "deceasedDateTime": "2024-01-01"}]


def test_R_DATE_15_what_was_cut_stays_as_text(mapped: Callable[..., Any], resources: Callable[..., Any]) -> None:
    made = mapped('deceased[x]: {dateTime: "{{ PID.29 }}"}', "PID" + "|" * 29 + "2024010112")
    assert resources(made, "Patient") == [
        {
            "deceasedDateTime": "2024-01-01",
            "_deceasedDateTime": {
                "extension": [
                    {"url": "http://hl7.org/fhir/StructureDefinition/originalText", "valueString": "2024010112"}
                ]
            },
        }
    ]


@pytest.mark.parametrize("text", ["20240310T141530-0500", "20240310 14:15:30-05:00", "2024031014:15:30-0500"])
def test_R_DATE_9_forms_between_HL7_and_ISO_are_read(text: str) -> None:
    found = moment(text, None)
    assert (found.datetime, found.issue) == ("2024-03-10T14:15:30-05:00", "field.date-form")
    assert offset_of(text) == "-05:00"


@pytest.mark.parametrize("offset", ["+1500", "-1401", "+0560", "+99"])
def test_R_NF_10_an_offset_that_no_place_has_is_none(offset: str) -> None:
    assert moment(f"20240310141530{offset}", None).issue == "field.date-unreadable"
    assert offset_of(f"20240310141530{offset}") is None
    assert moment("20240310141530+1400", None).datetime == "2024-03-10T14:15:30+14:00"
