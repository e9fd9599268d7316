"""Names, streets, birth dates: the parts of persons that need more than a path (R-NAME, R-ADDR, R-DATE-11)."""

from __future__ import annotations

import re

from segue.hl7.message import Part, Repetition

from ..context import Context, Node, Primitive, absent
from ..records import Json
from ..times import moment
from ..translation import missed
from . import function
from .codes import concept
from .values import date, original

HUMANNAME = "http://hl7.org/fhir/StructureDefinition/humanname-"
ADXP = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-"
FAMILY_PARTS = ((2, "own-prefix"), (3, "own-name"), (4, "partner-prefix"), (5, "partner-name"))


def alone(ctx: Context, node: Repetition | Part, number: int) -> str | None:
    """A name that one component holds whole, as `Doe, Jane` (R-NAME-6)."""
    text = ctx.text(node.components[number]) if len(node.components) > number else None
    if text is None or "," not in text:
        return None
    others = (node.components[n] for n in (number + 1, number + 2) if len(node.components) > n)
    return None if any(ctx.text(o) for o in others) else text


@function("comma_name", "node", "string")
def comma_name(ctx: Context, node: Repetition | Part, number: int) -> str | None:
    text = alone(ctx, node, number)
    if text is not None:
        node.used |= 1 << number
    return text


@function("family", "node", "string", primitive=True)
def family(ctx: Context, node: Repetition | Part, number: int) -> str | Primitive | None:
    """FN: the surname, its parts as extensions; put together where only parts were sent (R-NAME-1)."""
    if len(node.components) <= number or not node.components[number] or alone(ctx, node, number) is not None:
        return None
    sub = ctx.message.delimiters.subcomponent
    if not sub or sub not in node.components[number] or isinstance(node, Part):
        text = ctx.text(node.components[number])
        if text is not None:
            node.used |= 1 << number
        return text
    part = node.part(number)
    texts = [ctx.text(part.components[n]) if len(part.components) > n else None for n in range(6)]
    whole = texts[1] or " ".join(t for t in texts[2:] if t)
    if not whole:
        return None
    part.used |= sum(1 << n for n in range(1, 6))
    extension: list[Json] = [{"url": HUMANNAME + name, "valueString": texts[n]} for n, name in FAMILY_PARTS if texts[n]]
    return Primitive(whole, extension) if extension else whole


@function("street", "node", "string", primitive=True)
def street(ctx: Context, node: Repetition | Part) -> str | Primitive | None:
    """XAD.1 (SAD): the street line, its parts and the census tract as extensions (R-ADDR-1, R-ADDR-4)."""
    if len(node.components) < 2 or not node.components[1]:
        return None
    part = node.part(1)
    texts = [ctx.text(part.components[n]) if len(part.components) > n else None for n in range(4)]
    line, name, number = texts[1], texts[2], texts[3]
    if not any((line, name, number)):
        return None
    extension: list[Json] = []
    if number:
        extension.append({"url": ADXP + "houseNumber", "valueString": number})
    if name:
        extension.append({"url": ADXP + "streetName", "valueString": name})
    if line is None:
        line = " ".join(t for t in (number, name) if t)
    elif (name and name not in line) or (number and number not in line):
        line = " ".join(t for t in (line, name, number) if t)
    part.used |= sum(1 << n for n in range(1, len(part.components)))
    tract = ctx.text(node.part(10).components[1]) if len(node.components) > 10 and node.components[10] else None
    if tract is not None:
        extension.append({"url": ADXP + "censusTract", "valueString": tract})
        node.part(10).used |= 2
    return Primitive(line, extension) if extension else line


@function("bad_address", "leaf", "code")
def bad_address(ctx: Context, text: str, node: Node, number: int) -> str | None:
    """XAD.17: an address that is no longer right is an old one (R-ADDR-5)."""
    return "old" if text.strip() == "Y" else None


@function("vacation", "leaf", "code")
def vacation(ctx: Context, text: str, node: Node, number: int) -> str | None:
    """XAD.7 = V: a vacation home, which Address.use has no code for (R-STAT-22)."""
    return "HV" if text.strip() == "V" else None


@function("person_text", "node", "string", "text")
def person_text(ctx: Context, node: Repetition | Part) -> str | None:
    """A name as one text; only a family name: that alone (R-NAME-7)."""
    texts = [ctx.text(node.part(1).components[1]) if node.components[1] else None]
    texts += [ctx.text(node.components[n]) if len(node.components) > n else None for n in (2, 3, 4, 5)]
    last, first, middle, suffix, prefix = texts
    whole = " ".join(t for t in (prefix, first, middle, last, suffix) if t)
    if whole:
        node.used |= sum(1 << n for n in range(1, 6))
    return whole or None


@function("spoken", "node", "CodeableConcept")
def spoken(ctx: Context, node: Repetition | Part) -> Json | None:
    """A language as BCP-47; an ISO 639 code of three letters is no tag and stays beside it as sent (R-SYS-12, R-CA-12)."""
    out = concept(ctx, node, bound="0296")
    if out is None or "coding" not in out:
        return out
    sent: Json = out["coding"][0]
    targets = ctx.terminology.table("Language").targets(sent["code"].strip().lower())
    if not targets:
        if sent.get("system") != BCP_47:
            missed(ctx, node, sent.get("system", ""), sent["code"], out.get("text", ""), "Language")
            ctx.report("code.unmapped", node, 1, rule="R-UNM-1", value=sent["code"])
        return out
    tag: Json = {"system": BCP_47, "code": targets[0].code}
    if sent["code"] == tag["code"]:
        return {**out, "coding": [{**sent, **tag}, *out["coding"][1:]]}
    if targets[0].display:
        tag["display"] = targets[0].display
    kept: Json = {k: v for k, v in sent.items() if k != "system" or v != BCP_47}
    return {**out, "coding": [tag, {**kept, "userSelected": True}, *out["coding"][1:]]}


@function("language_tag", "leaf", "code")
def language_tag(ctx: Context, text: str, node: Node, number: int) -> str | None:
    """BCP-47 of a language code, else nothing (R-MSG-8)."""
    code = text.strip()
    targets = ctx.terminology.table("Language").targets(code.lower())
    return targets[0].code if targets else code if TAG.fullmatch(code) else None


BCP_47 = "urn:ietf:bcp:47"
TAG = re.compile(r"[a-z]{2}(-[A-Za-z0-9]{2,8})*")
BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"


@function("birth", "leaf", "date", primitive=True)
def birth(ctx: Context, text: str, node: Node, number: int) -> str | Primitive | None:
    """The date as written; the time of birth beside it where there is one with an offset (R-DATE-11)."""
    value = date(ctx, text, node, number)
    found = moment(text, ctx.zone)
    if value is not None and found.has_time and not found.midnight and found.instant is not None:
        return Primitive(value, [{"url": BIRTH_TIME, "valueDateTime": found.instant}])
    if value is not None and found.has_time and not found.midnight:
        return Primitive(value, original(text))  # R-DATE-15
    return value


KNOWN = frozenset(("name", "telecom", "address", "organization"))


@function("contacts", "message")
def contacts(ctx: Context) -> None:
    """A contact of whom neither name, telecom, address nor organisation is known says so in its name (R4 pat-1, R-PAT-11)."""
    for patient in ctx.made.get("patient", ()):
        found = patient.record.resource.get("contact", ())
        if any(contact.keys().isdisjoint(KNOWN) for contact in found):
            unknown = {"name": {"extension": absent("unknown")}}
            whole = [c if not c.keys().isdisjoint(KNOWN) else c | unknown for c in found]
            ctx.aliases += ((before, after) for before, after in zip(found, whole, strict=True) if before is not after)
            patient.record.resource["contact"] = whole
