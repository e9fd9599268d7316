"""Units (R-UNIT, T-50…T-56)."""

from __future__ import annotations

import pytest
from ucumvert import PintUcumRegistry

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


def test_T_51_a_spelling_that_is_ucum_and_no_trap_is_the_same_unit_written_otherwise() -> None:
    registry = PintUcumRegistry()

    def same(one: str, other: str) -> bool:
        first, second = registry.from_ucum(one), registry.from_ucum(other)
        return first.dimensionality == second.dimensionality and (first / second).to("").magnitude == pytest.approx(1)

    others = {s: c for s, c in SHIPPED.spellings.items() if s not in (c, *SHIPPED.traps) and obeys_grammar(s)}
    assert len(others) > 50
    assert [s for s, c in others.items() if not same(s, c)] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mg/dl", "mg/dL"), ("meq/l", "meq/L"), ("mcg", "ug"), ("mcg/mL", "ug/mL"), ("µg/L", "ug/L"),
        ("μmol/L", "umol/L"),
        ("K/uL", "10*3/uL"), ("x10E3/uL", "10*3/uL"), ("10*3/uL", "10*3/uL"), ("10^3/uL", "10*3/uL"),
        ("thou/uL", "10*3/uL"),
        ("M/uL", "10*6/uL"), ("x10E6/uL", "10*6/uL"), ("10*9/L", "10*9/L"), ("x10E9/L", "10*9/L"), ("IU/L", "[iU]/L"),
        ("U/L", "U/L"), ("mIU/L", "m[iU]/L"), ("mmHg", "mm[Hg]"), ("%", "%"), ("fl", "fL"), ("pg", "pg"), ("sec", "s"),
        ("mm/hr", "mm/h"), ("deg C", "Cel"), ("bpm", "/min"), ("lbs", "[lb_av]"), ("in", "[in_i]"), ("kg", "kg"),
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
