"""Conversions by the pair of types: tables, maps, functions, and words that do not fit (mapping language §2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from segue.conversion import Conversion


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
