"""Units (R-UNIT, T-50…T-56)."""

from __future__ import annotations

import pytest

from segue.packdata import data_folder
from segue.terminology.rows import Source, TerminologyError
from segue.terminology.units import Units, obeys_grammar

HEAD = "spelling,code,trap,comment\n"
SHIPPED = Units([Source("units.csv", (data_folder("terminology") / "units.csv").read_bytes())])
TRAPS = ["K/uL", "K/mm3", "G/L", "T/L", "PG/ML", "AU", "C", "F", "H", "S", "R", "ft", "mmol/24.h", "u/l", "PG"]


def test_T_50_every_code_of_the_table_is_ucum() -> None:
    assert [code for code in set(SHIPPED.spellings.values()) - {""} if not obeys_grammar(code)] == []


@pytest.mark.parametrize("code", TRAPS)
def test_T_52_look_alikes_are_valid_ucum_and_still_refused(code: str) -> None:
    assert obeys_grammar(code)
    assert not SHIPPED.is_ucum(code)


@pytest.mark.parametrize("text", ["G/L", "T/L", "AU", "C", "F", "H", "S", "R", "ft", "mmol/24.h"])
def test_T_52_a_look_alike_gets_no_code_without_a_row(text: str) -> None:
    assert SHIPPED.code(text) is None


def test_T_51_no_other_spelling_turns_into_something_else_as_ucum() -> None:
    """A spelling that is UCUM by its grammar and no trap is the same unit written otherwise."""
    same = {
        "mg/dl", "mg%", "g/dl", "g%", "g/l", "ng/ml", "pg/ml", "ug/dl", "ug/l", "ug/ml", "10^3/uL", "10*3/mm3",
        "10^6/uL", "10^9/L", "10^12/L", "fl", "ml/min", "mmol/l",
        "umol/l", "nmol/l", "pmol/l", "meq/l", "U/l", "ml", "l/min",
        "ml/kg", "ml/h", "mg/l", "ng/l", "mg/ml", "ng/dl", "10*6/mm3", "/mm3", "kU/l", "10^6/L",
    }  # fmt: skip
    others = {s for s, c in SHIPPED.spellings.items() if s not in (c, *SHIPPED.traps) and obeys_grammar(s)}
    assert others <= same


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mg/dl", "mg/dL"), ("meq/l", "meq/L"), ("mcg", "ug"), ("mcg/mL", "ug/mL"), ("µg/L", "ug/L"),
        ("μmol/L", "umol/L"),
        ("K/uL", "10*3/uL"), ("x10E3/uL", "10*3/uL"), ("10*3/uL", "10*3/uL"), ("10^3/uL", "10*3/uL"),
        ("thou/uL", "10*3/uL"),
        ("M/uL", "10*6/uL"), ("x10E6/uL", "10*6/uL"), ("10*9/L", "10*9/L"), ("x10E9/L", "10*9/L"), ("IU/L", "[iU]/L"),
        ("U/L", "U/L"), ("mIU/L", "m[iU]/L"), ("mmHg", "mm[Hg]"), ("%", "%"), ("fl", "fL"), ("pg", "pg"), ("sec", "s"),
        ("mm/hr", "mm/h"), ("deg C", "Cel"), ("bpm", "{beats}/min"), ("lbs", "[lb_av]"), ("in", "[in_i]"), ("kg", "kg"),
        ("cm", "cm"), ("kg/m2", "kg/m2"), ("mL/min/1.73m2", "mL/min/{1.73_m2}"), (" mg/dL ", "mg/dL"),
    ],
)  # fmt: skip
def test_R_UNIT_4_shipped_spellings(text: str, code: str) -> None:
    assert SHIPPED.code(text) == code


@pytest.mark.parametrize("text", ["", "1", "MG", "Mg", "mG/dL", "furlong", "mg /dL", "x"])
def test_R_UNIT_3_nothing_is_guessed(text: str) -> None:
    assert SHIPPED.code(text) is None


@pytest.mark.parametrize("code", ["mg/dL", "mg/kg/(8.h){shift}", "{cells}/uL", "10^3/uL", "nmol/min/mg"])
def test_R_UNIT_1_a_claimed_code_passes_by_its_grammar(code: str) -> None:
    assert SHIPPED.is_ucum(code)


@pytest.mark.parametrize("code", ["", "mgdl", "mg/", "µg", "10^x", "K/UL", "{", "mg" * 40])
def test_R_UNIT_1_a_claimed_code_that_breaks_the_grammar_is_refused(code: str) -> None:
    assert not SHIPPED.is_ucum(code)


def test_T_50_a_site_row_stands_before_the_shipped_one() -> None:
    both = Units([Source("units.csv", (HEAD + t).encode()) for t in ("G/L,,gauss,\nx,mg,,\n", "G/L,10*9/L,,French\n")])
    assert [both.code("G/L"), both.code("x")] == ["10*9/L", "mg"]


@pytest.mark.parametrize(
    ("text", "what"), [(",mg,,\n", "empty"), ("x,mg,,\nx,g,,\n", "twice"), ("x,,,\n", "reason why")]
)
def test_T_27_bad_rows_are_refused(text: str, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        Units([Source("units.csv", (HEAD + text).encode())])
