"""The mapping language beside Python: PID.Patient compiled from YAML, and written by hand for the same answer (P-41).

The hand-written function uses the same functions for what is no mapping: codes, authorities, dates, telephone numbers.
It fills what the admission of examples/ fills, and the answers are compared before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import messages
from benchmarks.rounds import Case, Row, interleaved, timed
from segue import hl7
from segue.convert import Converter
from segue.hl7 import Repetition, Segment
from segue.mapping.context import Context
from segue.mapping.functions.codes import boolean, code_of_concept, concept, identifier_type
from segue.mapping.functions.identifiers import assigner, authority
from segue.mapping.functions.people import birth
from segue.mapping.functions.telecom import contact_points

EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
TABLES = ("AdministrativeSex", "MaritalStatus", "Language", "NameType", "AddressUse", "AddressType")
Made = dict[str, Any]
Arguments = tuple[Context, Segment]


def both() -> tuple[Callable[[], Arguments], Callable[[Arguments], Made], Callable[[Arguments], Made]]:
    """Fresh arguments, the compiled function and the hand-written one."""
    converter = Converter()
    compiled = converter.compiled().maps["PID.Patient"].build
    tables = {name: converter.terminology.table(name) for name in TABLES}

    def fresh() -> Arguments:
        message = hl7.read(messages.ADT)
        context = Context(message, "ADT_A01", "ADT^A01", converter.options, converter.terminology, None)
        return context, next(segment for segment in message.segments if segment.name == "PID")

    return fresh, lambda arguments: compiled(*arguments), lambda arguments: patient(*arguments, tables)


def measure(rounds: int) -> list[Row]:
    fresh, by_language, by_hand = both()
    if by_language(fresh()) != by_hand(fresh()):
        raise SystemExit(
            "benchmarks/mapping.py: the hand-written Patient differs from the compiled one – bring it up to date"
        )
    found = interleaved({"language": Case(by_language, 200, fresh), "hand": Case(by_hand, 200, fresh)}, rounds)
    ratio = found["language"].median_us / found["hand"].median_us
    return [
        timed("mapping", "PID.Patient, compiled from YAML", found["language"]),
        timed(
            "mapping",
            "PID.Patient, by hand",
            found["hand"],
            ratio=ratio,
            against="compiled / by hand",
            bound="<= 1.5 (P-41)",
        ),
    ]


def patient(ctx: Context, seg: Segment, tables: dict[str, Any]) -> Made:
    text = ctx.text
    out: Made = {"resourceType": "Patient"}
    extensions: list[Made] = []
    if seg.raw(23) and (place := text(seg.raw(23))):
        extensions.append({"url": f"{EXTENSION}patient-birthPlace", "valueAddress": {"text": place}})
    for number, kind, table in ((10, "race", "0005"), (22, "ethnicity", "0189")):
        for one in valued(seg, number):
            url = ctx.options.extension_base + kind
            extensions.append({"url": url, "valueCodeableConcept": concept(ctx, one, bound=table)})
    if extensions:
        out["extension"] = extensions
    if identifiers := [identifier(ctx, one) for number in (2, 3, 4) for one in valued(seg, number)]:
        out["identifier"] = identifiers
    if names := [name(ctx, one, tables) for number in (5, 9) for one in valued(seg, number)]:
        out["name"] = names
    telecom: list[Made] = []
    for number, use in ((13, "home"), (14, "work"), (40, None)):
        for one in valued(seg, number):
            telecom += contact_points(ctx, one, use=use) or ()
    if telecom:
        out["telecom"] = telecom
    for one in valued(seg, 8)[:1]:
        out["gender"] = code_of_concept(ctx, one, bound="0001", table=tables["AdministrativeSex"])
    if seg.raw(7) and (day := text(seg.raw(7))):
        out["birthDate"] = birth(ctx, day, seg, 7)
    if seg.raw(30) and (dead := text(seg.raw(30))):
        out["deceasedBoolean"] = boolean(ctx, dead, seg, 30)
    if addresses := [address(ctx, one, tables) for one in valued(seg, 11)]:
        out["address"] = addresses
    for one in valued(seg, 16)[:1]:
        out["maritalStatus"] = concept(ctx, one, bound="0002", table=tables["MaritalStatus"])
    for one in valued(seg, 15)[:1]:
        out["communication"] = [{"language": concept(ctx, one, bound="0296", table=tables["Language"])}]
    return out


def identifier(ctx: Context, one: Repetition) -> Made:
    text = ctx.text
    kind = text(component(one, 5))
    namespace, universal, scheme = (text(part) for part in [*component(one, 4).split("&"), "", ""][:3])
    out: Made = {}
    if kind:
        out["type"] = identifier_type(ctx, kind, one, 5)
    if system := authority(ctx, one, namespace, universal, scheme, kind=kind):
        out["system"] = system
    out["value"] = text(component(one, 1))
    if assigned := assigner(ctx, one, namespace, universal, scheme):
        out["assigner"] = assigned
    return out


def name(ctx: Context, one: Repetition, tables: dict[str, Any]) -> Made:
    text = ctx.text
    out: Made = {}
    if (kind := text(component(one, 7))) and (use := tables["NameType"].get(kind)):
        out["use"] = use.code
    if family := text(component(one, 1).partition("&")[0]):
        out["family"] = family
    for key, numbers in (("given", (2, 3)), ("prefix", (5,)), ("suffix", (4, 6, 14))):
        if parts := [part for number in numbers if (part := text(component(one, number)))]:
            out[key] = parts
    return out


def address(ctx: Context, one: Repetition, tables: dict[str, Any]) -> Made:
    text = ctx.text
    out: Made = {}
    if kind := text(component(one, 7)):
        for key, table in (("use", "AddressUse"), ("type", "AddressType")):
            if found := tables[table].get(kind):
                out[key] = found.code
    if lines := [line for number in (1, 2, 19) if (line := text(component(one, number).partition("&")[0]))]:
        out["line"] = lines
    for key, number in (("city", 3), ("district", 9), ("state", 4), ("postalCode", 5), ("country", 6)):
        if value := text(component(one, number)):
            out[key] = value
    return out


def valued(seg: Segment, number: int) -> list[Repetition]:
    return [one for one in seg.repetitions(number) if one.raw]


def component(one: Repetition, number: int) -> str:
    return one.components[number] if number < len(one.components) else ""
