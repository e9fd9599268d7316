"""Options of a request: checked, never ignored (A-04)."""

from __future__ import annotations

import pytest

from segue.http.query import OPTIONS, asked, pairs
from segue.http.refusal import RequestError
from segue.http.rules import Rules

RULES = Rules("base", "1.2.0", "sha256:abc", ("ADT_A01", "ORU_R01"), ("north", "south"))


def refused(query: str) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        asked(pairs(query.encode(), OPTIONS), RULES)
    return caught.value.status, caught.value.issues[0].hint


def test_A04_every_option_is_read() -> None:
    query = "bundle=batch&timezone=America/Toronto&site=north&pack=base@1.2.0&event=adt^a01&strict=true&charset=8859/1"
    found = asked(pairs(f"{query}&residue=off&narrative=true".encode(), OPTIONS), RULES)
    assert found.options == {
        "bundle": "batch",
        "timezone": "America/Toronto",
        "site": "north",
        "event": "ADT_A01",
        "strict": True,
        "charset": "8859/1",
        "residue": "off",
        "narrative": True,
    }


def test_A04_report_is_a_list() -> None:
    assert asked(pairs(b"report=issues,%20ledger", OPTIONS), RULES).report == ("issues", "ledger")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("bundel=batch", 400, "Did you mean bundle?"),
        ("bundle=btach", 400, "Did you mean batch?"),
        ("timezone=America/Toront", 400, "Did you mean America/Toronto?"),
        ("site=nroth", 400, "Did you mean north?"),
        ("event=ADT_A99", 422, "Did you mean ADT_A01?"),
        ("strict=maybe", 400, "true or false"),
        ("report=", 400, "issues, ledger, lineage"),
        ("report=legder", 400, "Did you mean ledger?"),
        ("residue=none", 400, "residue"),
        ("bundle=batch&bundle=message", 400, "bundle is given twice"),
        ("pack=other", 412, "Active is base@1.2.0"),
        ("bundle", 400, "NAME=VALUE"),
    ],
)
def test_A04_wrong_options_are_refused_with_the_right_word(query: str, status: int, words: str) -> None:
    found, hint = refused(query)
    assert found == status
    assert words in hint


@pytest.mark.parametrize("reference", ["base", "base@1.2.0", "base@sha256:abc", "sha256:abc"])
def test_A04_the_active_pack_by_any_name(reference: str) -> None:
    assert asked([("pack", reference)], RULES).options == {}


def test_A04_values_of_the_caller_are_not_echoed() -> None:
    assert "Marlow" not in refused("site=Marlow")[1]
