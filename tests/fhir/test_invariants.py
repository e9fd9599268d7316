"""Every invariant of the walk has a resource that breaks it and one that does not (P-22)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.fhir.invariants import is_after, violations
from segue.fhir.validation import validate

Json = dict[str, Any]

ONE = "urn:uuid:00000000-0000-4000-8000-000000000001"
TWO = "urn:uuid:00000000-0000-4000-8000-000000000002"
THREE = "urn:uuid:00000000-0000-4000-8000-000000000003"
TEXT: Json = {"text": "x"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
GLUCOSE: Json = {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}
SODIUM: Json = {"coding": [{"system": "http://loinc.org", "code": "2951-2"}]}


def entry(url: str | None, resource: Json, **more: Any) -> Json:
    return {**({"fullUrl": url} if url else {}), "resource": resource, **more}


def bundle(*entries: Json, kind: str = "collection") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def organization(**more: Any) -> Json:
    return {"resourceType": "Organization", "name": "x", **more}


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": GLUCOSE, **more}


def of(subject: str) -> Json:
    return bundle(
        entry(ONE, observation(subject={"reference": subject})), entry(TWO, patient()), entry(THREE, organization())
    )


def period(start: str, end: str) -> Json:
    return patient(name=[{"family": "x", "period": {"start": start, "end": end}}])


def ranged(low: Json, high: Json) -> Json:
    return observation(valueRange={"low": low, "high": high})


def dispense(prepared: str, handed: str) -> Json:
    fixed: Json = {"status": "completed", "medicationCodeableConcept": TEXT}
    return {"resourceType": "MedicationDispense", **fixed, "whenPrepared": prepared, "whenHandedOver": handed}


def care_team(member: str) -> Json:
    participant = {"member": {"reference": member}, "onBehalfOf": {"reference": TWO}}
    practitioner = {"resourceType": "Practitioner", "active": True}
    team = {"resourceType": "CareTeam", "participant": [participant]}
    return bundle(entry(ONE, team), entry(TWO, organization()), entry(THREE, practitioner))


def contained(inner: Json, reference: str = "#o") -> Json:
    return patient(contained=[inner], managingOrganization={"reference": reference})


def message(*first: Json) -> Json:
    return bundle(*first, entry(TWO, patient()), kind="message")


def put(url: str, full: str) -> Json:
    return entry(full, patient(), request={"method": "PUT", "url": url})


def called(*names: str | None, partners: list[Json | None] | None = None) -> Json:
    name: Json = {"given": list(names)} if names else {}
    return patient(name=[{**name, **({"_given": partners} if partners else {})}])


def capability(**more: Any) -> Json:
    fixed: Json = {"date": "2024", "fhirVersion": "4.0.1", "format": ["json"], "status": "active"}
    own: Json = {"kind": "instance", "implementation": {"description": "x"}}
    return {"resourceType": "CapabilityStatement", **fixed, **own, **more}


def rest(*names: str) -> Json:
    parameters = [{"name": name, "type": "token"} for name in names]
    return capability(rest=[{"mode": "server", "resource": [{"type": "Patient", "searchParam": parameters}]}])


def documents(*profiles: str) -> Json:
    return capability(document=[{"mode": "producer", "profile": profile} for profile in profiles])


MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))
given_moments = given(one=MOMENTS, other=MOMENTS)
HEADER: Json = {
    "resourceType": "MessageHeader",
    "eventCoding": {"system": "http://terminology.hl7.org/CodeSystem/v2-0003", "code": "A01"},
    "source": {"endpoint": "urn:example:x"},
}
ABSENT: Json = {"extension": [{"url": "urn:example:x", "valueCode": "unknown"}]}
INNER: Json = organization(id="o")

# rule, resource that obeys it, resource that breaks it
CASES: dict[str, tuple[str, Json, Json]] = {
    "target in the Bundle": ("reference target", of(TWO), of(THREE)),
    "target of a relative reference": ("reference target", of("Patient/1"), of("Organization/1")),
    "target of an absolute reference": (
        "reference target",
        of("http://a.org/Patient/1"),
        of("http://a.org/Encounter/1"),
    ),
    "target of a conditional reference": ("reference target", of("Patient?identifier=a"), of("Encounter?identifier=a")),
    "target of a versioned reference": ("reference target", of("Patient/1/_history/2"), of("Account/1/_history/2")),
    "target by type": (
        "reference target",
        observation(subject={"type": "Patient", "display": "x"}),
        observation(subject={"type": "Account", "display": "x"}),
    ),
    "reference to nothing": ("reference resolves", of(TWO), of("urn:uuid:00000000-0000-4000-8000-00000000000f")),
    "reference to nothing in an extension": (
        "reference resolves",
        bundle(entry(ONE, patient(extension=[{"url": "urn:x:1", "valueReference": {"reference": ONE}}]))),
        bundle(entry(ONE, patient(extension=[{"url": "urn:x:1", "valueReference": {"reference": TWO}}]))),
    ),
    "reference to nothing beside a primitive": (
        "reference resolves",
        bundle(
            entry(ONE, patient(_birthDate={"extension": [{"url": "urn:x:1", "valueReference": {"reference": ONE}}]}))
        ),
        bundle(
            entry(ONE, patient(_birthDate={"extension": [{"url": "urn:x:1", "valueReference": {"reference": TWO}}]}))
        ),
    ),
    "reference to nothing in a Coding's extension": (
        "reference resolves",
        bundle(entry(ONE, observation(category=[{"coding": [{"code": "x", "_code": ABSENT}]}]))),
        bundle(
            entry(
                ONE,
                observation(
                    category=[
                        {
                            "coding": [
                                {"extension": [{"url": "urn:x:1", "valueReference": {"reference": TWO}}], "code": "x"}
                            ]
                        }
                    ]
                ),
            )
        ),
    ),
    "contained by id": ("ref-1", contained(INNER), contained(INNER, "#p")),
    "contained of another type": ("reference target", contained(INNER), contained(patient(id="o"))),
    "contained without pointer": ("dom-3", contained(INNER), patient(contained=[INNER])),
    "contained that points back": (
        "dom-3",
        patient(contained=[observation(id="a", subject={"reference": "#"})]),
        patient(contained=[observation(id="a")]),
    ),
    "contained in contained": ("dom-2", contained(INNER), contained({**INNER, "contained": [patient(id="q")]})),
    "contained with version": ("dom-4", contained(INNER), contained({**INNER, "meta": {"versionId": "1"}})),
    "contained with security": ("dom-5", contained(INNER), contained({**INNER, "meta": {"security": [{"code": "R"}]}})),
    "period": ("per-1", period("2024-01-01", "2024-01-02"), period("2024-01-02", "2024-01-01")),
    "range": ("rng-2", ranged({"value": 1}, {"value": 2}), ranged({"value": 3}, {"value": 2})),
    "range of different units": (
        "rng-2",
        ranged({"value": 3, "unit": "mg"}, {"value": 2, "unit": "g"}),
        ranged({"value": 3, "unit": "g"}, {"value": 2, "unit": "g"}),
    ),
    "dispense": ("mdd-1", dispense("2024-01-01", "2024-01-01"), dispense("2024-01-02", "2024-01-01")),
    "component with the code of the whole": (
        "obs-7",
        observation(valueString="x", component=[{"code": SODIUM}]),
        observation(valueString="x", component=[{"code": GLUCOSE}]),
    ),
    "component with the code, no value": (
        "obs-7",
        observation(component=[{"code": GLUCOSE}]),
        observation(valueInteger=1, component=[{"code": GLUCOSE}]),
    ),
    "on behalf of": ("ctm-1", care_team(THREE), care_team(TWO)),
    "narrative": (
        "txt-1",
        patient(text={"status": "generated", "div": DIV + "x</div>"}),
        patient(text={"status": "generated", "div": DIV + "<script>x</script></div>"}),
    ),
    "null with partner": ("null", called("a", None, partners=[None, ABSENT]), called("a", None)),
    "null in both": ("null", called("a", None, partners=[None, ABSENT]), called("a", None, partners=[ABSENT, None])),
    "lists of different length": ("null", called("a", partners=[ABSENT]), called("a", partners=[ABSENT, ABSENT])),
    "null in the partner only": ("null", called(partners=[ABSENT]), called(partners=[ABSENT, None])),
    "fullUrl twice": ("bdl-7", of(TWO), bundle(entry(ONE, patient()), entry(ONE, organization()))),
    "header first": ("bdl-12", message(entry(ONE, HEADER)), message()),
    "composition first": ("bdl-11", of(TWO), bundle(entry(ONE, patient()), kind="document")),
    "no fullUrl": ("fullUrl", of(TWO), bundle(entry(None, patient()))),
    "relative fullUrl": ("fullUrl", of(TWO), bundle(entry("Patient/1", patient()))),
    "one target written twice": (
        "transaction identity",
        bundle(put("Patient/1", ONE), put("Patient/2", TWO), kind="transaction"),
        bundle(put("Patient/1", ONE), put("Patient/1", TWO), kind="transaction"),
    ),
    "documents": ("cpb-7", documents("urn:a:1", "urn:a:2"), documents("urn:a:1", "urn:a:1")),
    "resources of an endpoint": (
        "cpb-9",
        capability(rest=[{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Account"}]}]),
        capability(rest=[{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Patient"}]}]),
    ),
    "search parameters": ("cpb-12", rest("a", "b"), rest("a", "a")),
}


@pytest.mark.parametrize(("rule", "good", "bad"), CASES.values(), ids=CASES.keys())
def test_P_22_an_invariant_finds_what_breaks_it(rule: str, good: Json, bad: Json):
    assert rule in [fault.rule for fault in violations(bad)]


@pytest.mark.parametrize(("rule", "good", "bad"), CASES.values(), ids=CASES.keys())
def test_P_22_an_invariant_lets_pass_what_obeys_it(rule: str, good: Json, bad: Json):
    assert validate(good) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024", "2023"),
        ("2024-05", "2024-04-30"),
        ("2024-05-02", "2024-05-01T10:00:00Z"),
        ("2024-05-01T10:00:01Z", "2024-05-01T10:00:00Z"),
        ("2024-05-01T10:00:00Z", "2024-05-01T10:30:00+01:00"),
        ("2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00Z"),
    ],
)
def test_per_1_is_after(start: str, end: str):
    assert is_after(start, end)
    assert not is_after(end, start)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024", "2024"),
        ("2024-05-01", "2024"),
        ("2024-05-01T10:00:00Z", "2024-05-01"),
        ("2024-05-01T10:00:00Z", "2024-05"),
        ("2024-05-01T10:00:00Z", "2024-05-01T11:00:00+01:00"),
    ],
)
def test_per_1_dates_that_may_be_one_moment_are_not_after(start: str, end: str):
    assert not is_after(start, end)
    assert not is_after(end, start)


def test_per_1_a_leap_second_compares():
    assert not is_after("2016-12-31T23:59:60Z", "2017-01-01T00:59:59+01:00")


@given_moments
def test_per_1_agrees_with_the_order_of_moments(one: datetime, other: datetime):
    assert is_after(one.isoformat(), other.isoformat()) == (one > other)


@given_moments
def test_per_1_a_day_is_not_after_its_own_moments(one: datetime, other: datetime):
    day = one.date().isoformat()
    assert not is_after(one.isoformat(), day)
    assert not is_after(day, one.isoformat())
