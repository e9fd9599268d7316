"""convert(): the pure function and the Converter (promises 2 and 3, R-MSG-10, R-MSG-11, A-33)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segue.catalogue import SEVERITIES
from segue.conversion import Conversion, Failure
from segue.convert import Converter
from segue.issues import Refusal

HEAD = "MSH|^~\\&|WARD|NORTH|HUB|NORTH|20240310101500+0100||{kind}|{id}|P|2.5.1\r"


def message(*segments: str, kind: str = "ADT^A08^ADT_A01", control_id: str = "M1") -> bytes:
    return (HEAD.format(kind=kind, id=control_id) + "".join(f"{s}\r" for s in segments)).encode()


PID = "PID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F"


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


def resource(made: Conversion, kind: str) -> dict[str, Any]:
    return next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == kind)


def test_a_conversion_says_what_it_is(converter: Converter) -> None:
    made = converter.convert(message(PID))
    assert (made.event, made.control_id) == ("ADT^A08", "M1")
    assert json.loads(made.json())["identifier"] == {"value": "M1"}


def test_the_bundle_is_a_model_of_fhir_resources(converter: Converter) -> None:
    assert converter.convert(message(PID)).model().entry[0].resource.get_resource_type() == "MessageHeader"


@pytest.mark.parametrize("kind", ["transaction", "batch", "message", "collection"])
def test_R_BUN_2_the_kinds_of_bundle(converter: Converter, kind: Any) -> None:
    made = converter.convert(message(PID), bundle=kind)
    assert made.bundle["type"] == kind
    assert all(("request" in entry) == (kind in ("transaction", "batch")) for entry in made.bundle["entry"])


@pytest.mark.parametrize("options", [{"bundle": "bag"}, {"site": "nowhere"}, {"timezone": "Toronto"}])
def test_A04_an_option_that_does_not_exist_is_an_error(converter: Converter, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        converter.convert(message(PID), **options)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "message.unreadable"),
        (b"hello", "message.unreadable"),
        (message(PID, kind="XYZ^Q99"), "message.event-unsupported"),
        (message(PID, kind=""), "message.type-unsupported"),
    ],
)
def test_R_MSG_10_what_cannot_be_converted_is_refused_with_a_code(converter: Converter, raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        converter.convert(raw)
    assert refused.value.issues[0].code == code


def test_a_message_is_read_as_the_event_that_is_asked_for(converter: Converter) -> None:
    made = converter.convert(message(PID, kind="XYZ^Q99"), event="ADT_A01")
    assert resource(made, "Patient")["gender"] == "female"


def test_strict_makes_an_error_a_refusal(converter: Converter) -> None:
    raw = message(PID.replace("1980", "19801399"))
    assert converter.convert(raw).bundle
    with pytest.raises(Refusal):
        converter.convert(raw, strict=True)


def test_A33_issues_by_severity_then_place(converter: Converter) -> None:
    made = converter.convert(message(PID.replace("1980", "19801399"), "PV1|1|I", "ZPI|x", "ZPJ|y"))
    ranks = [SEVERITIES.index(i.severity) for i in made.issues]
    assert ranks == sorted(ranks)
    assert [i.v2.segment for i in made.issues if i.v2 and i.v2.segment.startswith("Z")] == ["ZPI", "ZPJ"]


def test_A33_a_field_that_feeds_two_resources_is_told_once(converter: Converter) -> None:
    made = converter.convert(message("PID|1||77^^^X", "IN1|1|P|C^^^X|||||||||||||Fenwick^Ada|COUSIN"))
    found = [i for i in made.issues if i.code == "code.unmapped" and i.v2 is not None and i.v2.segment == "IN1"]
    assert {resource(made, kind)["relationship"] != {} for kind in ("Coverage", "RelatedPerson")} == {True}
    assert len(found) == 1


def test_R_DATE_6_the_zone_of_the_call_beats_that_of_the_header(converter: Converter) -> None:
    raw = message(PID, "PV1|1|I" + "|" * 42 + "202407010815")
    assert resource(converter.convert(raw), "Encounter")["period"]["start"] == "2024-07-01T08:15:00+01:00"
    made = converter.convert(raw, timezone="America/Toronto")
    assert resource(made, "Encounter")["period"]["start"] == "2024-07-01T08:15:00-04:00"


def test_R_MSG_11_one_failure_does_not_stop_the_others(converter: Converter) -> None:
    raw = message(PID, control_id="A") + message(PID, kind="XYZ^Q99", control_id="B") + message(PID, control_id="C")
    first, second, third = converter.convert_many(raw)
    assert isinstance(first, Conversion)
    assert isinstance(second, Failure)
    assert isinstance(third, Conversion)
    assert (first.control_id, second.control_id, second.index, third.control_id) == ("A", "B", 1, "C")
    assert second.issues[0].code == "message.event-unsupported"


def test_R_MSG_11_a_file(converter: Converter, tmp_path: Path) -> None:
    (tmp_path / "two.hl7").write_bytes(message(PID) * 2)
    assert len(list(converter.convert_many(tmp_path / "two.hl7"))) == 2


def test_what_was_converted_before_changes_nothing() -> None:
    raw, other = message(PID, "PV1|1|I|W^1^2"), message(PID.replace("Ada", "Eva"), "PV1|1|O|W^1^3")
    fresh, used = Converter(), Converter()
    used.convert(other)
    used.convert(raw)
    assert used.convert(raw).json() == fresh.convert(raw).json()


def test_A32_no_issue_holds_a_value_in_its_text(converter: Converter) -> None:
    made = converter.convert(message(PID.replace("1980", "SECRET"), "ZPI|SECRET"))
    assert all("SECRET" not in f"{i.text}{i.hint}{i!r}" for i in made.issues)


@pytest.mark.parametrize("before", ["import segue.convert", "from segue.convert import Converter", "import segue"])
def test_segue_convert_is_the_function_whatever_was_imported_before(before: str) -> None:
    script = f"{before}\nimport segue\nassert callable(segue.convert), segue.convert"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
