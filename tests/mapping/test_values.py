"""Values: what an expression gives, by the pair of its types (mapping language §1, §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segue.convert import Conversion
from segue.mapping.ledger import LedgerEntry

Patient = Callable[..., dict[str, Any] | None]


def states(made: Conversion, field: str) -> dict[str, str]:
    def inside(entry: LedgerEntry) -> bool:
        return f"{entry.v2.segment}-{entry.v2.field}" == field

    return {str(entry.v2): entry.state for entry in made.ledger if inside(entry)}


@pytest.mark.parametrize(
    ("expression", "pid", "expected"),
    [
        ("PID.7", "|||||||19800102", "1980-01-02"),
        ("PID.7 or PID.29", "|||||||" + "|" * 22 + "2001", "2001"),
        ("PID.7 if PID.8 == 'F'", "|||||||1980|F", "1980"),
        ("PID.7 if PID.8 == 'F' else PID.29", "|||||||1980|M" + "|" * 21 + "2001", "2001"),
        ("PID.8 and PID.7", "|||||||1980|F", "1980"),
    ],
)
def test_alternatives_and_conditions(patient: Patient, expression: str, pid: str, expected: str) -> None:
    text = f'active: true\nbirthDate: "{{{{ {expression} }}}}"'
    assert patient(text, "PID" + pid) == {"active": True, "birthDate": expected}


@pytest.mark.parametrize(
    ("expression", "pid", "expected"),
    [
        ("PID.5.2 ~ ' ' ~ PID.5.1.1", "|||||Novak^Ada", "Ada Novak"),
        ("PID.5.2 ~ ' ' ~ PID.5.1.1", "|||||Novak", " Novak"),
        ("PID.5(2).2", "|||||Novak^Ada~Nowak^Adela", "Adela"),
        ("PID.5.2", "|||||~Nowak^Adela", "Adela"),
        ("PID.23", "|" * 23 + "Brno\\T\\Wien", "Brno&Wien"),
        ("words(PID.5.2, PID.5.3)", "|||||Novak^Ada^Eva", "Ada Eva"),
        ("PID.5.2 if PID.5 is valued", "|||||Novak^Ada", "Ada"),
        ("PID.23 if PID.5 is null", '|||||""' + "|" * 18 + "x", "x"),
        ("structure ~ ' ' ~ event ~ ' ' ~ PID.23", "|" * 23 + "x", "ADT_A01 A01 x"),
    ],
)
def test_texts(patient: Patient, expression: str, pid: str, expected: str | None) -> None:
    found = patient(f'contact:\n  - {{name: {{text: "{{{{ {expression} }}}}"}}}}', "PID" + pid)
    assert found == ({"contact": [{"name": {"text": expected}}]} if expected else None)


def test_join_is_nothing_where_every_path_is_empty(patient: Patient) -> None:
    assert patient("contact:\n  - {name: {text: \"{{ PID.5.2 ~ ' ' ~ PID.5.1 }}\"}}", "PID|1") is None


@pytest.mark.parametrize(
    ("condition", "pid", "kept"),
    [
        ("PID.8", "|||||||1980|F", True),
        ("PID.8", "|||||||1980|", False),
        ("PID.8", '|||||||1980|""', False),
        ("PID.8 is null", '|||||||1980|""', True),
        ("PID.8 is null", "|||||||1980|", False),
        ("not PID.8", "|||||||1980|", True),
        ("PID.8 != 'F'", "|||||||1980|M", True),
        ("PID.8 in ('F', 'M')", "|||||||1980|M", True),
        ("PID.8 not in ('F', 'M')", "|||||||1980|M", False),
        ("PID.8 == 'F' or PID.24", "|||||||1980|F", True),
        ("PID.8 == 'F' and PID.24", "|||||||1980|F", False),
        ("event == 'A01'", "|||||||1980", True),
        ("structure == 'ADT_A05'", "|||||||1980", False),
        ("PID.5.1", "|||||^Ada||1980", False),
        ("NK1", "|||||||1980", False),
        ("PID.8 | code_in('0001')", "|||||||1980|F", True),
        ("PID.8 | code_in('0001')", "|||||||1980|ZZ", False),
    ],
)
def test_conditions(patient: Patient, condition: str, pid: str, kept: bool) -> None:
    found = patient(f'birthDate: {{$if: "{condition}", $value: "{{{{ PID.7 }}}}"}}', "PID" + pid)
    assert found == ({"birthDate": "1980"} if kept else None)


def test_a_repeating_field_gives_one_item_a_repetition(patient: Patient) -> None:
    found = patient('name: ["{{ PID.5 }}"]', "PID|||||Novak^Ada~~Nowak^Adela")
    assert found == {"name": [{"family": "Novak", "given": ["Ada"]}, {"family": "Nowak", "given": ["Adela"]}]}


def test_R_REP_1_equal_items_collapse(patient: Patient) -> None:
    assert patient('name: ["{{ PID.5 }}", "{{ PID.9 }}"]', "PID|||||Novak||||Novak") == {"name": [{"family": "Novak"}]}


def test_R_REP_2_of_several_the_first_that_converts(mapped: Callable[..., Conversion]) -> None:
    made = mapped(
        'birthDate: "{{ PID.7 }}"\nmaritalStatus: "{{ PID.10 }}"', "PID|||||||1980|||~2106-3^White~2054-5^Black"
    )
    assert made.bundle["entry"][1]["resource"]["maritalStatus"]["coding"][0]["code"] == "2106-3"
    assert [i.code for i in made.issues if i.v2 and i.v2.segment == "PID"] == ["field.repetition-beyond"]


def test_only_the_option_that_was_used_is_marked(mapped: Callable[..., Conversion]) -> None:
    made = mapped('active: true\nbirthDate: "{{ PID.7 or PID.29 }}"', "PID|||||||1980" + "|" * 22 + "2001")
    assert states(made, "PID-7") == {"PID[1]-7[1]": "mapped"}
    assert states(made, "PID-29") == {"PID[1]-29[1].1": "unmapped"}


def test_a_condition_marks_nothing(mapped: Callable[..., Conversion]) -> None:
    made = mapped('active: true\nbirthDate: "{{ PID.7 if PID.8 }}"', "PID|||||||1980|F")
    assert states(made, "PID-8") == {"PID[1]-8[1].1": "unmapped"}


@pytest.mark.parametrize(
    ("expression", "pid", "expected", "code"),
    [
        ("PID.8 | table('AdministrativeSex')", "F", {"gender": "female"}, None),
        ("PID.8 | table('AdministrativeSex')", "Q", "Q", "code.unmapped"),
        ("PID.8 | lookup('AdministrativeSex')", "Q", None, "field.unmapped"),
        ("PID.8 | lookup('AdministrativeSex') | absent('unknown')", "", "unknown", None),
    ],
)
def test_codes_of_a_table(
    mapped: Callable[..., Conversion], expression: str, pid: str, expected: object, code: str | None
) -> None:
    made = mapped(f'birthDate: "{{{{ PID.7 }}}}"\ngender: "{{{{ {expression} }}}}"', f"PID|||||||1980|{pid}")
    found = made.bundle["entry"][1]["resource"]
    match expected:
        case dict():
            assert found["gender"] == "female"
        case "Q":
            (alternate,) = found["_gender"]["extension"]
            assert alternate["valueCodeableConcept"]["coding"][0]["code"] == "Q"
        case "unknown":
            assert found["_gender"]["extension"][0]["valueCode"] == "unknown"
        case _:
            assert "gender" not in found
            assert "_gender" not in found
    assert code is None or code in [i.code for i in made.issues]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('birthDate: "{{ PID.70 }}"', "PID has no field 70 – fields are 1 to 40"),
        ('birthDate: "{{ PDI.7 }}"', "'PDI' is no segment and no name"),
        ('birthDate: "{{ evnt }}"', "'evnt' is no segment and no name – did you mean event?"),
        (
            'birthDate: "{{ PID.5 }}"',
            "nothing converts PID.5 (XPN) to Patient.birthDate (date) – XPN converts to HumanName",
        ),
        ('birthDate: "{{ PID.7 | birht }}"', "no function 'birht' – did you mean birth?"),
        (
            "gender: \"{{ PID.8 | table('AdministrativSex') }}\"",
            "no table 'AdministrativSex' – did you mean AdministrativeSex?",
        ),
        ('gender: "{{ PID.8 | table(PID.7) }}"', "a name in quotes is expected"),
        ('birthDate: "{{ PID.7 | timing }}"', "timing gives Timing, Patient.birthDate takes date"),
        ('name: ["{{ PID.3 | CX.Identifier }}"]', "CX.Identifier gives Identifier, name takes HumanName"),
        (
            'managingOrganization: "{{ PID.5 | XCN.Practitioner }}"',
            "managingOrganization cannot refer to Practitioner – targets are Organization",
        ),
        ("birthDate: \"{{ PID.7 if PID.7 > '1980' }}\"", "texts are compared with ==, != and in"),
        ('birthDate: "{{ PID.7 == PID.29 }}"', "this gives no value"),
        ('birthDate: "{{ PID(1) }}"', "no function 'PID'"),
        (
            'active: "{{ PID.30 == \'Y\' }} "\nbirthDate: "{{ PID }}"',
            "PID names a whole segment – name a field, or use a function that takes a segment",
        ),
    ],
)
def test_a_wrong_word_fails_at_load_with_the_nearest_right_one(
    fault: Callable[..., str], line: str, error: str
) -> None:
    place = f"segments/PID.Patient.yaml:{1 + line.count(chr(10))}"
    assert fault(line) == f"{place}: {error}"


def test_a_comparison_can_be_a_boolean(patient: Patient) -> None:
    assert patient('birthDate: "{{ PID.7 }}"\nactive: "{{ PID.8 == \'F\' }}"', "PID|||||||1980|F") == {
        "birthDate": "1980",
        "active": True,
    }


def test_near_reads_the_enclosing_group(patient: Patient) -> None:
    found = patient(
        'birthDate: "{{ PID.7 }}"\ncontact: [{name: {text: "{{ NK1.2.1.1 }}"}}]', "PID|||||||1980", "NK1|1|Novak^Eva"
    )
    assert found == {"birthDate": "1980", "contact": [{"name": {"text": "Novak"}}]}
