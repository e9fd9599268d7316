"""Expressions: what may be written, and that nothing else gets through (P-10, P-11)."""

from __future__ import annotations

import pytest

from segue.mapping.expression import (
    Apply,
    Both,
    Choose,
    Compare,
    Either,
    Expression,
    Join,
    Not,
    Number,
    Path,
    Sequence,
    Text,
    parse,
    parse_value,
)
from segue.mapping.source import MappingError, Place

HERE = Place("segments/PID.Patient.yaml", 7)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("PID.5", Path("PID", (5,))),
        ("PID.5.1.2", Path("PID", (5, 1, 2))),
        ("PID.3(2).4.1", Path("PID", (3, 4, 1), 2)),
        ("it", Path("it")),
        ("it.1", Path("it", (1,))),
        ("event", Path("event")),
        ("'A01'", Text("A01")),
        ("3", Number(3)),
        ("true", Text("true")),
        ("PID.8 | table('Sex')", Apply("table", Path("PID", (8,)), (Text("Sex"),))),
        ("PID.11 | using(use='home')", Apply("using", Path("PID", (11,)), (), (("use", Text("home")),))),
        ("it | XCN.Practitioner", Apply("XCN.Practitioner", Path("it"))),
        ("period(it.7, it.8)", Apply("period", None, (Path("it", (7,)), Path("it", (8,))))),
        ("PID.2 or PID.3 or PID.4", Either((Path("PID", (2,)), Path("PID", (3,)), Path("PID", (4,))))),
        ("PID.2 and PID.3", Both((Path("PID", (2,)), Path("PID", (3,))))),
        ("not PID.2", Not(Path("PID", (2,)))),
        ("PID.5.1 ~ PID.5.2", Join((Path("PID", (5, 1)), Path("PID", (5, 2))))),
        ("PID.8 == 'F'", Compare(Path("PID", (8,)), "eq", Text("F"))),
        ("event in ('A01', 'A04')", Compare(Path("event"), "in", Sequence((Text("A01"), Text("A04"))))),
        ("'a' if PID.2 else 'b'", Choose(Path("PID", (2,)), Text("a"), Text("b"))),
        ("'a' if PID.2", Choose(Path("PID", (2,)), Text("a"), None)),
        ("PID.8 is null", Apply("is_null", Path("PID", (8,)))),
    ],
)
def test_the_language(text: str, tree: Expression) -> None:
    assert parse(text, HERE) == tree


@pytest.mark.parametrize("path", ["PID.5", "PID.5.1.2", "PID.3(2).4.1", "it.1", "event"])
def test_a_path_prints_as_it_is_written(path: str) -> None:
    assert str(parse(path, HERE)) == path


@pytest.mark.parametrize(
    "text",
    [
        "PID.__class__",
        "PID.5.__init__.__globals__",
        "''.__class__.__mro__",
        "it.cells",
        "PID['5']",
        "PID.5[2]",
        "cycler.__init__",
        "PID.0",
        "PID.-1",
        "PID.5(1)(2)",
        "PID.5('x')",
        "PID.5(1, 2)",
        "{'a': 1}",
        "PID.5 + PID.6",
        "PID.5 * 3",
        "2 ** 99",
        "-1",
        "1.5",
        "PID.5[1:2]",
        "PID.5 | f(*PID.6)",
        "PID.5 < PID.6 < PID.7",
        "x }}{{ y",
        "PID.5 }}{% set a = 1 %}{{ a",
        "lambda: 1",
        "",
    ],
)
def test_P11_everything_else_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(MappingError) as raised:
        parse(text, HERE)
    assert str(raised.value).startswith("segments/PID.Patient.yaml:7: ")


def test_a_value_is_one_expression_or_one_constant() -> None:
    assert parse_value("final", HERE) is None
    assert parse_value(" {{ PID.5 }} ", HERE) == Path("PID", (5,))
    for wrong in ("a {{ PID.5 }}", "{{ PID.5 }} a", "{% if PID.5 %}x{% endif %}"):
        with pytest.raises(MappingError):
            parse_value(wrong, HERE)


def test_square_brackets_say_what_to_write() -> None:
    with pytest.raises(MappingError, match=r"write the repetition as PID\.3\(2\)$"):
        parse("PID.3[2]", HERE)
