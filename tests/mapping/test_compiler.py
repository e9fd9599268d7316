"""Maps into functions: identity, verbs, ignored fields, sources (P-10, P-14, R-RID)."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import pytest

from segue.conversion import Conversion
from segue.convert import Converter

Patient = Callable[..., dict[str, Any] | None]


def entry(made: Conversion, kind: str = "Patient") -> dict[str, Any]:
    return next(e for e in made.bundle["entry"] if e["resource"]["resourceType"] == kind)


def request(made: Conversion) -> dict[str, Any]:
    return entry(made)["request"]


IDENTIFIED = 'identifier: ["{{ PID.3 }}"]'


def test_a_business_identifier_is_the_default_key(mapped: Callable[..., Conversion]) -> None:
    made = mapped(IDENTIFIED, "PID|||7^^^&2.999.1&ISO^MR")
    assert request(made) == {"method": "PUT", "url": "Patient?identifier=urn%3Aoid%3A2.999.1|7"}
    assert "id" not in entry(made)["resource"]


def test_R_RID_preferred_types_come_first(mapped: Callable[..., Conversion]) -> None:
    text = f'$key: ["identifier(PI, MR)"]\n{IDENTIFIED}'
    made = mapped(text, "PID|||1^^^&2.999.1&ISO^XX~2^^^&2.999.2&ISO^MR")
    assert request(made)["url"] == "Patient?identifier=urn%3Aoid%3A2.999.2|2"


def test_an_alternative_of_key_needs_all_its_parts(mapped: Callable[..., Conversion]) -> None:
    text = '$key: [[PID.2, PID.4], [PID.3.1]]\nbirthDate: "{{ PID.7 }}"'
    both = mapped(text, "PID||a|x|b|||1980"), mapped(text, "PID||a|y|b|||1981")
    one = mapped(text, "PID||a|x||||1980"), mapped(text, "PID||c|x||||1981")
    assert entry(both[0])["fullUrl"] == entry(both[1])["fullUrl"]
    assert entry(one[0])["fullUrl"] == entry(one[1])["fullUrl"] != entry(both[0])["fullUrl"]


def test_an_optional_last_part_may_be_missing(mapped: Callable[..., Conversion]) -> None:
    text = '$key: [[PID.2, optional(PID.4)]]\nbirthDate: "{{ PID.7 }}"'
    without, other = mapped(text, "PID||a|||||1980"), mapped(text, "PID||a|x||||1981")
    assert entry(without)["fullUrl"] == entry(other)["fullUrl"]


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("PID", "PID is no text – name a field of it"),
        ("either(PID.5.1, PID.3.1)", "PID.5.1 has parts – name one of them: PID.5.1.1"),
    ],
)
def test_a_part_of_key_that_is_no_text_fails_at_load(fault: Callable[..., str], part: str, error: str) -> None:
    assert fault(f'$key: [["{part}"]]\nbirthDate: "{{{{ PID.7 }}}}"') == f"segments/PID.Patient.yaml:1: {error}"


def test_R_RID_without_any_key_the_place_in_the_message(mapped: Callable[..., Conversion]) -> None:
    made = mapped('$key: []\nbirthDate: "{{ PID.7 }}"', "PID|||||||1980")
    uuid = entry(made)["fullUrl"].removeprefix("urn:uuid:")
    assert request(made) == {"method": "PUT", "url": f"Patient/{uuid}"}
    assert entry(made)["resource"]["id"] == uuid


@pytest.mark.parametrize(("verb", "method"), [("update", "PUT"), ("create-if-none", "POST")])
def test_a_verb_of_the_map(mapped: Callable[..., Conversion], verb: str, method: str) -> None:
    assert request(mapped(f"$verb: {verb}\n{IDENTIFIED}", "PID|||7^^^&2.999.1&ISO^MR"))["method"] == method


def test_ignored_fields_carry_their_rule(mapped: Callable[..., Conversion]) -> None:
    made = mapped('$ignore: {PID.2: R-NF-9, PID.3.4: D-CX-9}\nbirthDate: "{{ PID.7 }}"', "PID||a|b^^^c||||1980")
    found = {str(e.v2): (e.state, e.rule) for e in made.ledger if e.v2.segment == "PID"}
    assert found["PID[1]-2"] == ("ignored", "R-NF-9")
    assert found["PID[1]-3[1].4"] == ("ignored", "D-CX-9")
    assert found["PID[1]-3[1].1"] == ("unmapped", "")


def test_require_gives_nothing_where_it_fails(patient: Patient) -> None:
    text = '$require: PID.8\nbirthDate: "{{ PID.7 }}"'
    assert patient(text, "PID|||||||1980") is None
    assert patient(text, "PID|||||||1980|F") == {"birthDate": "1980"}


def test_parameters_of_a_data_type_map(mapped: Callable[..., Conversion]) -> None:
    made = mapped("identifier: [\"{{ PID.3 | using(use='old') }}\"]", "PID|||7")
    assert entry(made)["resource"]["identifier"][0]["use"] == "old"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"segments/PDI.Patient.yaml": "active: true"}, "segments/PDI.Patient.yaml:1: PDI is no segment"),
        (
            {"segments/PID.Patent.yaml": "active: true"},
            "segments/PID.Patent.yaml:1: Patent is no resource – did you mean Patient?",
        ),
        ({"datatypes/CXX.Identifier.yaml": "value: x"}, "datatypes/CXX.Identifier.yaml:1: CXX is no HL7 data type"),
        ({"datatypes/CX.Identifer.yaml": "value: x"}, "datatypes/CX.Identifer.yaml:1: Identifer is no FHIR type"),
        (
            {"segments/PID.Patient.yaml": "$verb: delete"},
            "segments/PID.Patient.yaml:1: 'delete' is no verb – update, create, create-if-none or none",
        ),
        (
            {"segments/PID.Patient.yaml": "$ignore: {PV1.2: R-X}"},
            "segments/PID.Patient.yaml:1: $ignore names fields of PID",
        ),
        ({"segments/PID.Patient.yaml": "$key: [[]]"}, "segments/PID.Patient.yaml:1: an alternative of $key has parts"),
        (
            {"segments/PID.Patient.yaml": "id: x\nname: [\"{{ PID.5 | using(us='old') }}\"]"},
            "segments/PID.Patient.yaml:2: ",
        ),
    ],
)
def test_a_fault_of_a_file(fault: Callable[..., str], files: dict[str, str], error: str) -> None:
    assert fault(files).startswith(error)


def test_P14_a_map_becomes_one_function_that_can_be_read(base: Converter) -> None:
    source = base.compiled().sources["PID.Patient"]
    assert source.startswith("def map_PID_Patient(ctx, seg):\n    T = ctx.text; f = seg.cells\n")
    assert "'resourceType': 'Patient'" in source
    assert base.compiled().sources["PID.Patient$key"].startswith("def map_PID_Patient_key(ctx, seg, out):")


def test_P14_a_map_stands_in_tracebacks_under_its_name(base: Converter) -> None:
    build = base.compiled().maps["PID.Patient"].build
    with pytest.raises(AttributeError) as raised:
        build(None, None)
    frame = traceback.extract_tb(raised.tb)[-1]
    assert frame.filename == "<segue segments/PID.Patient>"
    assert frame.line == "T = ctx.text; f = seg.cells"


def test_the_compiled_map_knows_what_it_reads(base: Converter) -> None:
    reads = base.compiled().maps["PID.Patient"].reads
    assert {"PID.3", "PID.5", "PID.8", "PID.11"} <= reads
    assert "PID.18" not in reads


def test_P15_plain_and_traced_maps_give_the_same_bundle(base: Converter, er7: Callable[..., bytes]) -> None:
    raw = er7("EVN|A01|20240310", "PID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F", "PV1|1|I|W^1^2")
    assert base.convert(raw).ledger  # the traced conversion of the same bytes
    traced = base._make(raw, "transaction", None, None, None, None, None, None, None, traced=True)  # pyright: ignore[reportPrivateUsage]
    assert traced.bundle == base.convert(raw).bundle


def test_sandbox_nothing_of_Python_is_reachable(base: Converter) -> None:
    names = set(base.compiled().namespace) - {"__builtins__"}
    assert not names & {"open", "eval", "exec", "os", "sys", "__import__"}
