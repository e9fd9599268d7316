"""Rows of code maps as CSV (T-20, T-21)."""

from __future__ import annotations

import pytest

from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import COLUMNS, MapRow, read, sender_key, written
from segue.terminology.rows import Source

HEAD = ",".join(COLUMNS)


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load()


def rows(terminology: Terminology, text: str | bytes) -> list[MapRow]:
    content = text if isinstance(text, bytes) else f"{HEAD}\n{text}".encode()
    return [row for row, _ in read(Source("maps/lab.csv", content), terminology.system)]


def test_T20_a_spreadsheet_may_write_semicolons_and_a_byte_order_mark(terminology: Terminology) -> None:
    text = "\ufeff" + HEAD.replace(",", ";") + '\r\nLAB|;OBX-3;L;007;"Glucose; fasting";mmol/L;LN;14771-0;;;;;\r\n'
    assert rows(terminology, text.encode()) == [
        MapRow("LAB|", "OBX-3", "L", "007", "Glucose; fasting", "mmol/L", "LN", "14771-0")
    ]


def test_T20_what_is_written_is_read_again(terminology: Terminology) -> None:
    found = [
        MapRow(
            "A|B",
            "OBX-3",
            "L",
            "00 7",
            'say "x", y',
            "10^3/uL",
            "LN",
            "1-8",
            "a\nb",
            "wider",
            "2026-01-01",
            "2026-12-31",
            ";",
        ),
        MapRow(source_code="X"),
        MapRow(source_system="L", target_system="LN", equivalence="provided"),
    ]
    assert rows(terminology, written(found)) == found


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("A|B|C,,L,X,,,LN,1-8,,,,,", "'A|B|C' is not MSH-3|MSH-4"),
        (",OBX3,L,X,,,LN,1-8,,,,,", "'OBX3' is no field such as OBX-3"),
        (",,L,X,,,LN,1-8,,same,,,", "'same' is no equivalence"),
        (",,L,X,,,LON,1-8,,,,,", "the target system 'LON' is neither a URI nor a known name"),
        (",,L,X,,,,1-8,,,,,", "the target system '' is neither a URI nor a known name"),
        (",,L,X,,,LN,,Glucose,,,,", "a target needs a code"),
        (",,L,X,,,LN,,,wider,,,", "wider needs a target code"),
        (",,L,,,,LN,1-8,,,,,", "a row needs a source code"),
        (",,L,X,,,LN,1-8,,,2026-02-30,,", "'2026-02-30' is no day"),
        (",,L,X,,,LN,1-8,,,20260201,,", "'20260201' is no day"),
        (",,L,X,,,LN,1-8,,,2026-03-01,2026-02-01,", "the dates are reversed"),
        (",,L,,,,LN,,,fixed,,,", "fixed needs a target code"),
        (",,L,X,,,LN,1-8,,provided,,,", "provided is for all codes"),
        (",,L,,,,there,,,other-map,,,", "other-map needs the URL"),
    ],
)
def test_T20_a_row_that_cannot_be_used_is_refused_with_its_line(terminology: Terminology, row: str, what: str) -> None:
    with pytest.raises(TerminologyError) as caught:
        rows(terminology, f",,L,A,,,LN,1-8,,,,,\n{row}\n")
    assert caught.value.what.startswith(what)
    assert (caught.value.file, caught.value.line) == ("maps/lab.csv", 3)


def test_T21_unknown_columns_are_refused(terminology: Terminology) -> None:
    with pytest.raises(TerminologyError, match="the header is not sender,field"):
        rows(terminology, f"{HEAD},loinc\n".encode())


def test_T23_a_sender_is_application_and_facility_and_either_may_be_any() -> None:
    cells = ("LAB|NORTH", "LAB", " LAB | ", "|NORTH", "|", "")
    assert [sender_key(cell) for cell in cells] == ["LAB|NORTH", "LAB|", "LAB|", "|NORTH", "", ""]
