"""Values: what an expression gives, by the pair of its types (mapping language §1, §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segue.conversion import Conversion

Patient = Callable[..., dict[str, Any] | None]


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


def test_a_comparison_can_be_a_boolean(patient: Patient) -> None:
    assert patient('birthDate: "{{ PID.7 }}"\nactive: "{{ PID.8 == \'F\' }}"', "PID|||||||1980|F") == {
        "birthDate": "1980",
        "active": True,
    }
