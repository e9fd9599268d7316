"""Units (R-UNIT, T-50…T-56)."""

from __future__ import annotations

import csv

import pytest
from ucumvert import PintUcumRegistry

from segue.packdata import data_folder
from segue.terminology.rows import Source, TerminologyError
from segue.terminology.units import Units, obeys_grammar

HEAD = "spelling,code,trap,comment\n"
PARTS_HEAD = "spelling,code,place,trap,comment\n"


def _shipped(name: str) -> list[Source]:
    return [Source(name, (data_folder("terminology") / name).read_bytes())]


SHIPPED = Units(_shipped("units.csv"), _shipped("unit-parts.csv"))
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
    assert len(others) > 10
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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mcg/kg/min", "ug/kg/min"), ("mEq/24 hrs", "meq/(24.h)"), ("mmole/L", "mmol/L"), ("cm/sec", "cm/s"),
        ("units/kg/hr", "U/kg/h"), ("MG/ML", "mg/mL"), ("ng/mL/hr", "ng/mL/h"), ("mg/kg/day", "mg/kg/d"),
        ("mL/min/1.73 sq.m", "mL/min/{1.73_m2}"), ("G/L", None), ("mg/kg/day/dose", None), ("mg/Xyz", None), ("/min", "/min"),
        ("min/mg", None), ("d/mg", None),
    ],
)  # fmt: skip
def test_R_UNIT_4_a_division_of_known_parts(text: str, code: str | None) -> None:
    assert SHIPPED.code(text) == code


def test_T_50_T_51_parts_are_ucum_and_mean_what_they_say() -> None:
    registry = PintUcumRegistry()
    wrong: list[str] = []
    for line in csv.DictReader(_shipped("unit-parts.csv")[0].content.decode().splitlines()):
        spelling, code = line["spelling"], line["code"]
        whole = f"g/g/{code}"
        if not obeys_grammar(whole):
            wrong.append(f"{code} is not UCUM")
        elif obeys_grammar(f"g/g/{spelling}") and spelling != code:
            first, second = registry.from_ucum(f"g/g/{spelling}"), registry.from_ucum(whole)
            same = first.dimensionality == second.dimensionality and (first / second).to("").magnitude == pytest.approx(
                1
            )
            if same == bool(line["trap"]):
                wrong.append(f"{spelling}: trap or not?")
    assert wrong == []


def test_T_52_a_division_with_a_look_alike_is_never_taken_for_ucum() -> None:
    assert obeys_grammar("MG/ML")
    assert not SHIPPED.is_ucum("MG/ML")
    assert SHIPPED.is_ucum("mg/dL")
    assert SHIPPED.is_ucum("U/l")
    assert not SHIPPED.is_ucum("mcg/kg/min")


def test_T_50_parts_of_a_site_stand_before_the_shipped_ones_and_a_row_before_parts() -> None:
    parts = [Source("unit-parts.csv", (PARTS_HEAD + t).encode()) for t in ("u,ug,top,,\nmL,mL,any,,\n", "u,U,top,,\n")]
    units = Units([Source("units.csv", f"{HEAD}u/mL/x,,no unit,\n".encode())], parts)
    assert [units.code("u/mL"), units.code("u/mL/x"), units.code("mL/u")] == ["U/mL", None, None]


@pytest.mark.parametrize("text", ["x,,top,,", ",x,top,,", "x,y,left,,", "x,y,any,,\nx,z,top,,"])
def test_a_file_of_parts_that_is_wrong_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(TerminologyError, match=r"unit-parts\.csv:\d"):
        Units([], [Source("unit-parts.csv", (PARTS_HEAD + text).encode())])


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
