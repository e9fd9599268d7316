"""Proofs: what was valid is not judged again, and what is not the same is (promise 6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from segue.fhir import proof
from segue.fhir.bundle import Envelope, build
from segue.fhir.proof import Finished, Proofs, unchanged
from segue.mapping.records import Record

Json = dict[str, Any]
PATIENT = "8f14e45f-ceea-567f-a0c9-0b5a9d1c7e11"
RESULT = "c9f0f895-fb98-5b91-9f51-2b7d0c1e4a22"


def bundle(*resources: Json) -> Json:
    entries = [
        Record(0, one, (), None, "", uuid=PATIENT if one["resourceType"] in ("Patient", "Group") else RESULT)
        for one in resources
    ]
    return build(entries, "transaction", Envelope("ORU", "1", None))


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", "name": [{"family": "Ash"}], **more}


def result(value: Decimal | None = None, **more: Any) -> Json:
    subject = {"reference": f"urn:uuid:{PATIENT}"}
    out: Json = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject, **more}
    if value is not None:
        out["valueQuantity"] = {"value": value}
    return out


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The entries that each call of the validator looked at."""
    calls: list[list[int]] = []
    real = proof.validate

    def validate(whole: Json, only: list[int], kinds: dict[str, str]) -> Any:
        calls.append(list(only))
        return real(whole, only, kinds)

    monkeypatch.setattr(proof, "validate", validate)
    return calls


def test_what_came_twice_is_known_the_third_time(judged: list[list[int]]) -> None:
    proofs = Proofs()
    texts = [proofs.check(bundle(patient(), result())) for _ in range(4)]
    assert judged == [[0, 1], [0, 1], [], []]
    assert all(found == texts[0] for found in texts)


def test_an_invalid_resource_is_judged_every_time(judged: list[list[int]]) -> None:
    proofs = Proofs()
    for _ in range(4):
        issues, _ = proofs.check(bundle(patient(gender="alien")))
        assert [i.rule for i in issues] == ["R4 enum"]
    assert judged == [[0]] * 4


def test_a_reference_to_another_type_is_judged_again(judged: list[list[int]]) -> None:
    proofs = Proofs()
    one, code = result(), {"text": "x"}
    for _ in range(4):
        assert not proofs.check(bundle(patient(), dict(one, code=code)))[0]
    other = {"resourceType": "Group", "type": "person", "actual": True}
    assert not proofs.check(bundle(other, dict(one, code=code)))[0]
    assert 1 in judged[-1]
    issues, _ = proofs.check(bundle(dict(one, code=code)))
    assert [i.rule for i in issues] == ["R4 reference resolves"]


def test_P23_an_equal_number_with_other_digits_is_written_anew() -> None:
    proofs = Proofs()
    for _ in range(3):
        proofs.check(bundle(patient(), result(Decimal("5.1"))))
    _, texts = proofs.check(bundle(patient(), result(Decimal("5.10"))))
    assert b'"value":5.10' in texts[1]


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({"a": "x"}, {"a": "x"}, True),
        ({"a": "x"}, {"a": "y"}, False),
        ({"a": "x"}, {"b": "x"}, False),
        ({"a": "x"}, {"a": "x", "b": "x"}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": Decimal("5.1")}, {"a": Decimal("5.10")}, False),
        ({"a": {"value": Decimal("5.1")}}, {"a": {"value": Decimal("5.10")}}, False),
        ({"a": {"reference": "x"}}, {"a": {"reference": "x"}}, True),
        ({"a": [{"reference": "x"}]}, {"a": [{"reference": "y"}]}, False),
        ({"a": [{"reference": "x"}]}, {"a": [{"reference": "x"}]}, True),
    ],
)
def test_unchanged_is_sure(before: Json, now: Json, same: bool) -> None:
    finished = Finished(list(before), list(before.values()), before, b"", frozenset())
    assert unchanged(finished, now) is same


def test_proofs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "LIMIT", 6)
    monkeypatch.setattr(proof, "FINISHED", 3)
    proofs = Proofs()
    for number in range(30):
        for _ in range(3):
            proofs.check(bundle(patient(birthDate=f"19{number + 10}")))
        assert len(proofs.known) <= 6
        assert len(proofs.seen) <= 8
        assert len(proofs.finished) <= 4
