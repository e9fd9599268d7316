"""The mapping language beside Python: PID.Patient as compiled from YAML, and written by hand for the same answer (P-41).

The hand-written function uses the same functions for what is no mapping: codes, authorities, dates, telephone numbers.
It fills what the admission of examples/ fills, and the answers are compared before anything is timed.
"""

from __future__ import annotations

from typing import Any

from benchmarks import messages
from benchmarks.rounds import Case, Row, interleaved, timed
from segue import Converter, hl7
from segue.hl7 import Repetition, Segment
from segue.mapping.context import Context

V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


class Hand:
    """PID.Patient by hand, with the terminology and functions of a compiled pack."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.identifier_type = names["F_identifier_type"]
        self.authority = names["F_authority"]
        self.assigner = names["F_assigner"]
        self.contact_points = names["F_contact_points"]
        self.code = names["F_code_of_concept"]
        self.concept = names["F_concept"]
        self.boolean = names["F_boolean"]
        self.birth = names["F_birth"]
        self.tables = {name.removeprefix("TABLE_"): value for name, value in names.items() if name.startswith("TABLE_")}

    def patient(self, argument: tuple[Context, Segment]) -> dict[str, Any]:
        ctx, seg = argument
        text = ctx.text
        out: dict[str, Any] = {"resourceType": "Patient"}
        if seg.raw(23) and (place := text(seg.raw(23))):
            out["extension"] = [{"url": f"{EXTENSION}patient-birthPlace", "valueAddress": {"text": place}}]
        identifiers = [self.identifier(ctx, one) for number in (2, 3, 4, 18, 20) if number != 18 for one in valued(seg, number)]
        if identifiers:
            out["identifier"] = identifiers
        names = [self.name(ctx, one) for number in (5, 9) for one in valued(seg, number)]
        if names:
            out["name"] = names
        telecom = [
            point
            for number, use in ((13, "home"), (14, "work"), (40, None))
            for one in valued(seg, number)
            for point in self.contact_points(ctx, one, use=use) or ()
        ]
        if telecom:
            out["telecom"] = telecom
        for one in valued(seg, 8)[:1]:
            out["gender"] = self.code(ctx, one, bound="0001", table=self.tables["AdministrativeSex"])
        if seg.raw(7) and (birth := self.birth(ctx, text(seg.raw(7)), seg, 7)):
            out["birthDate"] = birth
        if seg.raw(30) and (dead := self.boolean(ctx, text(seg.raw(30)), seg, 30)) is not None:
            out["deceasedBoolean"] = dead
        addresses = [self.address(ctx, one) for one in valued(seg, 11)]
        if addresses:
            out["address"] = addresses
        for one in valued(seg, 16)[:1]:
            out["maritalStatus"] = self.concept(ctx, one, bound="0002", table=self.tables["MaritalStatus"])
        for one in valued(seg, 15)[:1]:
            language = self.concept(ctx, one, bound="0296", table=self.tables["Language"])
            out["communication"] = [{"language": language}]
        return out

    def identifier(self, ctx: Context, one: Repetition) -> dict[str, Any]:
        text = ctx.text
        value, kind = text(component(one, 1)), text(component(one, 5))
        parts = [text(part) if part else None for part in (component(one, 4).split("&") + ["", ""])[:3]]
        out: dict[str, Any] = {}
        if kind:
            out["type"] = self.identifier_type(ctx, kind, one, 5)
        if system := self.authority(ctx, one, *parts, kind=kind):
            out["system"] = system
        out["value"] = value
        if assigner := self.assigner(ctx, one, *parts):
            out["assigner"] = assigner
        return out

    def name(self, ctx: Context, one: Repetition) -> dict[str, Any]:
        text = ctx.text
        out: dict[str, Any] = {}
        kind = text(component(one, 7))
        if kind and (use := self.tables["NameType"].get(kind)):
            out["use"] = use
        if family := text(component(one, 1).partition("&")[0]):
            out["family"] = family
        for key, numbers in (("given", (2, 3)), ("prefix", (5,)), ("suffix", (4, 6, 14))):
            if parts := [part for number in numbers if (part := text(component(one, number)))]:
                out[key] = parts
        return out

    def address(self, ctx: Context, one: Repetition) -> dict[str, Any]:
        text = ctx.text
        out: dict[str, Any] = {}
        kind = text(component(one, 7))
        for key, table in (("use", "AddressUse"), ("type", "AddressType")):
            if kind and (code := self.tables[table].get(kind)):
                out[key] = code
        if lines := [line for number in (1, 2, 19) if (line := text(component(one, number).partition("&")[0]))]:
            out["line"] = lines
        for key, number in (("city", 3), ("district", 9), ("state", 4), ("postalCode", 5), ("country", 6)):
            if value := text(component(one, number)):
                out[key] = value
        return out


def valued(seg: Segment, number: int) -> list[Repetition]:
    return [one for one in seg.repetitions(number) if one.raw]


def component(one: Repetition, number: int) -> str:
    return one.components[number] if len(one.components) > number else ""
