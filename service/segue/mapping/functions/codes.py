"""Codes: v2 coded values to CodeableConcept, Coding and code (R-CODE, R-UNM, R-SYS).

What was sent stays: a mapped coding comes first, the codings as sent behind it, the text as sent. A code without translation is
kept (policy keep, R-UNM-1); a `code` element that cannot take it carries the original in the alternate-codes extension.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from segue.hl7.message import Part, Repetition
from segue.terminology import Table, Target
from segue.terminology.maps import TEXT

from ..context import Context, Node, Primitive, alternate
from ..records import Json
from ..translation import asked, mapped, missed, targets_of
from . import conversion, function

TRIPLETS = ((1, 2, 3, 7, 14), (4, 5, 6, 8, 17), (10, 11, 12, 13, 20))  # code, text, system, version, system OID
V2 = "http://terminology.hl7.org/CodeSystem/v2-"
CODE = re.compile(r"[^\s]+( [^\s]+)*")
LOCAL = "L"  # table 0396: a local code; it names no system (R-SYS-16)
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def once(ctx: Context, code: str, node: Node, number: int | None, key: str, rule: str) -> None:
    """Reports a missing system once per sender and name in a message (R-ISS-8)."""
    ctx.notice(code, node, number, key, rule)


def mapped_coding(ctx: Context, target: Target) -> Json:
    """The coding of a target; an empty display is filled from a loaded vocabulary, else by the terminology server (R-CODE-3)."""
    out: Json = {"system": target.system, "code": target.code}
    display = target.display
    for source in (ctx.displays, ctx.translator):
        if not display and source is not None:
            display = source.display(target.system, target.code)
    if display:
        out["display"] = display
    return out


@dataclass(slots=True)
class Sent:
    """What a coded value says as sent."""

    codings: list[Json]
    systems: list[str]  # of each coding: the URI of a known system, else the name that was sent, else ""
    text: str | None  # the text of the concept
    code: str | None  # the first code, whether or not it can stand in a coding
    others: list[str]  # texts without a code that are not the text of the concept
    standard: bool  # some code is of a known system
    spoken: int = 0  # component that is the text

    def concept(self, base: str) -> Json:
        """All of it as a CodeableConcept; `base` is that of the project's extensions."""
        out: Json = {}
        if self.others:
            out["extension"] = [{"url": f"{base}alternate-text", "valueString": text} for text in self.others]
        if self.codings:
            out["coding"] = self.codings
        if self.text is not None:
            out["text"] = self.text
        return out


def codings(ctx: Context, node: Repetition | Part, bound: str | None) -> Sent:
    """A coded value as sent; marks what it uses (R-CODE-1, -5, -9, -10).

    A local code keeps the name of its system in an extension, since a name is no URI.
    """
    components, T = node.components, ctx.text
    n = len(components)
    used = 0
    found: list[Json] = []
    systems: list[str] = []
    standard = False
    loose: list[tuple[int, str]] = []  # texts that no coding carries, with their components
    text: str | None = None
    spoken = 0  # component that the text is
    first: str | None = None
    for c, t, s, v, o in TRIPLETS:
        if n <= c:
            break
        code = T(components[c]) if components[c] else None
        display = T(components[t]) if n > t and components[t] else None
        if display is not None and text is None:
            text, spoken = display, t
        if code is None:
            if display is not None:
                loose.append((t, display))
            continue
        code = code.strip()
        first = first or code
        name = T(components[s]) if n > s and components[s] else None
        oid = T(components[o]) if n > o and components[o] else None
        system = ctx.terminology.system(name, oid) if name or oid else None
        local = False
        if system is None and not name and bound is not None and ctx.terminology.v2(bound, code) is not None:
            system = f"http://terminology.hl7.org/CodeSystem/v2-{bound}"
        key = system or name or ""
        if system is not None:
            standard = True
            used |= (1 << s) | (1 << o) if oid else 1 << s
        elif name and ctx.options.code_system_base:
            system = f"{ctx.options.code_system_base}/{name}"
            used |= 1 << s
        elif name:
            once(ctx, "code.system-unknown", node, s, name, "R-CODE-9")
            local = name.strip().upper() != LOCAL
        if CODE.fullmatch(code) is None:
            if text is None:
                text, spoken = code, c
            loose.append((c, code))
            if display is not None:
                loose.append((t, display))
            continue
        out: Json = {}
        if local:
            out["extension"] = [{"url": ctx.options.extension_base + "code-system-name", "valueString": name}]
            used |= 1 << s
        if system is not None:
            out["system"] = system
        version = T(components[v]) if n > v and components[v] else None
        if version is not None:
            out["version"] = version
            used |= 1 << v
        out["code"] = code
        if display is not None:
            out["display"] = display
            used |= 1 << t
        used |= 1 << c
        if out not in found:
            found.append(out)
            systems.append(key)
    if n > 9 and components[9]:
        original = T(components[9])
        if original is not None:
            text, spoken = original, 9
    others: list[str] = []
    for number, value in loose:
        used |= 1 << number
        if value != text and value not in others:
            others.append(value)
    node.used |= used | (1 << spoken if spoken else 0)
    return Sent(found, systems, text, first, others, standard, spoken)


def translate(ctx: Context, node: Node, number: int, sent: Sent, table: Table | None) -> str:
    """Puts mapped codings before the codings as sent (R-CODE-4); the policy where one was expected and there is none, else ""."""
    for system, coding in zip(sent.systems, sent.codings, strict=True) if ctx.codes is not None else ():
        found = mapped(ctx, node, number, (system,), coding["code"])
        if found is not None:
            sent.codings = joined_with(ctx, sent.codings, coding, found.targets, None)
            return ""
    known = False
    if table is not None:
        for i, coding in enumerate(sent.codings):
            if coding.get("system", table.system) != table.system:
                continue
            targets = targets_of(ctx, table, coding["code"], node, number + 3 * i)
            known = known or targets is not None
            if targets:
                sent.codings = joined_with(ctx, sent.codings, coding, targets, table.system)
                return ""
    if known or (table is None and sent.standard):
        return "" if table is None else "keep"
    for system, coding in zip(sent.systems, sent.codings, strict=True):
        beyond = asked(ctx, node, number, system, coding["code"], table.heading.target_system if table else None)
        if beyond is not None:
            sent.codings = joined_with(ctx, sent.codings, coding, beyond.targets, None)
            return ""
    return missed(
        ctx, node, sent.systems[0], sent.codings[0]["code"], sent.text or "", table.name if table else "", number
    )


def joined_with(
    ctx: Context, found: list[Json], coding: Json, targets: tuple[Target, ...], system: str | None
) -> list[Json]:
    """The codings of the targets, then those that were sent; equal ones are one, with the words of the sender."""
    added = [mapped_coding(ctx, t) for t in targets]
    itself = [t for t in added if t["code"] == coding["code"] and t["system"] == coding.get("system", system)]
    if itself:
        coding.setdefault("system", system)
        added = [t for t in added if t not in itself]
    if not added:
        return found
    coding["userSelected"] = True
    rest = list(found)
    for i, target in enumerate(added):
        same = next((c for c in rest if (c.get("system"), c["code"]) == (target["system"], target["code"])), None)
        if same is not None:
            rest.remove(same)
            added[i] = same
    return added + rest


@conversion("CWE CNE CE CF", "CodeableConcept", "node", remember=True)
def concept(ctx: Context, node: Repetition | Part, bound: str | None = None, table: Table | None = None) -> Json | None:
    before = node.used
    sent = codings(ctx, node, bound)
    if not sent.codings:
        if ctx.codes is not None and sent.text is not None:
            found = mapped(ctx, node, 1, ("",), TEXT + sent.text)
            sent.codings = [mapped_coding(ctx, target) for target in found.targets] if found is not None else []
        return sent.concept(ctx.options.extension_base) or None
    code = sent.codings[0]["code"]
    unresolved = "system" not in sent.codings[0]
    policy = translate(ctx, node, 1, sent, table)
    if policy and table is not None:
        ctx.report("code.unmapped", node, 1, rule="R-UNM-1", value=code)
    if policy == "text":
        node.used = before | 1 << (sent.spoken or 1)  # the code has no home any more
        return {"text": sent.text or code}
    if sent.text is None and unresolved and "system" not in sent.codings[-1]:
        sent.text = code  # R-CODE-2: when nothing resolves
    return sent.concept(ctx.options.extension_base) or None


@conversion("CWE CNE CE CF", "Coding", "node", remember=True)
def coding(ctx: Context, node: Repetition | Part, bound: str | None = None, table: Table | None = None) -> Json | None:
    before = node.used
    whole = codings(ctx, node, bound)
    if not whole.codings:
        return {"display": whole.text} if whole.text is not None else None
    sent = dict(whole.codings[0])
    original = whole.concept(ctx.options.extension_base)
    if table is None:
        if len(whole.codings) == 1 and not whole.others:
            return sent
        return {**sent, "extension": [*sent.get("extension", ()), *alternate(original)]}
    if sent.get("system", table.system) == table.system:
        targets = targets_of(ctx, table, sent["code"], node, 1, whole.systems[0])
    else:
        beyond = mapped(ctx, node, 1, (whole.systems[0],), sent["code"], table.heading.target_system)
        targets = beyond.targets if beyond is not None else None
    if not targets:
        policy = ""
        if targets is None:
            policy = missed(ctx, node, whole.systems[0], sent["code"], whole.text or "", table.name)
        ctx.report("code.unmapped", node, 1, rule="R-UNM-1", value=sent["code"])
        if policy == "text":
            node.used = before | 1 << (whole.spoken or 1)
            return {"display": whole.text or sent["code"]}
        return sent
    out = mapped_coding(ctx, targets[0])
    said = whole.text
    if targets[0].lossy or len(whole.codings) > 1 or whole.others or (said is not None and said != out.get("display")):
        return {"extension": alternate(original), **out}
    return out


@conversion("CWE CNE CE CF", "code", "node", primitive=True, remember=True)
def code_of_concept(
    ctx: Context, node: Repetition | Part, bound: str | None = None, table: Table | None = None
) -> str | Primitive | None:
    """A required binding fed by a coded value (R-CODE-6)."""
    before = node.used
    sent = codings(ctx, node, bound)
    first = sent.code
    if first is None and sent.text is None:
        return None
    if table is None:
        node.used = before | 2
        return first if first is not None and CODE.fullmatch(first) else None
    concept = sent.concept(ctx.options.extension_base)
    return required(ctx, node, 1, table, first or sent.text or "", concept, sent.text)


def required(
    ctx: Context, node: Node, number: int | None, table: Table, code: str, concept: Json, text: str | None
) -> Primitive | str | None:
    targets = targets_of(ctx, table, code, node, number)
    if text is not None:
        concept["text"] = text
    if targets and not targets[0].lossy and text is None:
        return targets[0].code
    for coding in concept.get("coding", ()):
        if "system" not in coding and targets is not None:
            coding["system"] = table.system
    if targets is None:
        missed(ctx, node, table.system, code, text or "", table.name, number)
        ctx.report("code.unmapped", node, number, rule="R-UNM-1", value=code)
    return Primitive(targets[0].code if targets else None, alternate(concept))


@conversion("CWE CNE CE CF", "string markdown", "node", remember=True)
def words(ctx: Context, node: Repetition | Part) -> str | None:
    """The words of a coded value where FHIR takes a text: original text, text, alternate text, else the code."""
    for n in (9, 2, 5, 1):
        if len(node.components) > n and node.components[n]:
            text = ctx.text(node.components[n])
            if text is not None:
                node.used |= 1 << n
                return text
    return None


@conversion("ID IS ST any", "CodeableConcept")
def leaf_concept(
    ctx: Context, text: str, node: Node, number: int, bound: str | None = None, table: Table | None = None
) -> Json | None:
    """A plain code: of its bound table where it is in it (R-CODE-11)."""
    out = leaf_coding(ctx, text, bound, table)
    if "code" not in out:
        return {"text": text}
    system = out.get("system", "")
    sent = Sent([out], [system], None, out["code"], [], bool(system))
    policy = translate(ctx, node, number, sent, table)
    if policy and table is not None:
        ctx.report("code.unmapped", node, number, rule="R-UNM-1", value=text)
    if policy == "text":
        return {"text": text}
    concept: Json = {"coding": sent.codings}
    if "system" not in out:
        concept["text"] = text
    return concept


def leaf_coding(ctx: Context, text: str, bound: str | None, table: Table | None) -> Json:
    code = text.strip()
    if CODE.fullmatch(code) is None:
        return {"display": text}
    number = bound or (table.number if table is not None else None)
    if number is not None and ctx.terminology.v2(number, code) is not None:
        return {"system": f"http://terminology.hl7.org/CodeSystem/v2-{number}", "code": code}
    return {"code": code}


@conversion("ID IS ST any", "Coding")
def leaf_as_coding(
    ctx: Context, text: str, node: Node, number: int, bound: str | None = None, table: Table | None = None
) -> Json | None:
    sent = leaf_coding(ctx, text, bound, table)
    if table is None or "code" not in sent:
        return sent
    targets = targets_of(ctx, table, sent["code"], node, number)
    if not targets:
        policy = missed(ctx, node, table.system, sent["code"], "", table.name, number) if targets is None else ""
        ctx.report("code.unmapped", node, number, rule="R-UNM-1", value=text)
        return {"display": text} if policy == "text" else sent
    out = mapped_coding(ctx, targets[0])
    return {"extension": alternate({"coding": [sent]}), **out} if targets[0].lossy else out


@conversion("ID IS ST any", "code", primitive=True)
def leaf_code(
    ctx: Context, text: str, node: Node, number: int, bound: str | None = None, table: Table | None = None
) -> str | Primitive | None:
    code = text.strip()
    if table is None:
        if CODE.fullmatch(code) is None:
            ctx.report("field.syntax", node, number, rule="R-CODE-13", value=text)
            return None
        return code
    sent = leaf_coding(ctx, text, bound, table)
    return required(ctx, node, number, table, code, {"coding": [sent]} if "code" in sent else {"text": text}, None)


@function("coded_status", "leaf", "code")
def coded_status(
    ctx: Context, text: str, node: Node, number: int | None, table: str, otherwise: str = "unknown"
) -> str | Primitive | None:
    """A status that must be there: by its table, else the value for unknown ones beside the code as sent (R-UNM-1)."""
    known, code = ctx.terminology.table(table), text.strip()
    sent = leaf_coding(ctx, text, None, known)
    concept: Json = {"coding": [sent]} if "code" in sent else {"text": text}
    if targets_of(ctx, known, code, node, number):
        return required(ctx, node, number, known, code, concept, None)
    missed(ctx, node, known.system, code, "", table, number)
    ctx.report("code.unmapped-required", node, number, rule="R-UNM-1", value=text)
    return Primitive(otherwise, alternate(concept))


@conversion("ID IS CWE CNE ST", "boolean")
def boolean(
    ctx: Context, text: str, node: Node, number: int, bound: str | None = None, table: Table | None = None
) -> bool | None:
    """Table 0136 (R-CODE-12)."""
    value = {"Y": True, "N": False}.get(text.strip().upper())
    if value is None:
        ctx.report("field.boolean-unreadable", node, number, rule="R-CODE-12", value=text)
    return value


@function("language", "leaf", "code")
def language(ctx: Context, text: str, node: Node, number: int) -> str | None:
    """A valid BCP-47 tag, else nothing (R-MSG-8)."""
    if LANGUAGE.fullmatch(text.strip()):
        return text.strip()
    return None


@function("identifier_type", "leaf", "CodeableConcept")
def identifier_type(ctx: Context, text: str, node: Node, number: int) -> Json:
    """CX.5: a code of table 0203, else its words (R-ID-5). Codes that R4's own copy of 0203 lacks carry a text too."""
    code = text.strip()
    display = ctx.terminology.v2("0203", code)
    if display is None or CODE.fullmatch(code) is None:
        return {"text": text}
    out: Json = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": code}]}
    if code in NOT_IN_R4_0203:
        out["text"] = display or code
    return out


NOT_IN_R4_0203 = frozenset(("PGN", "FGN", "JPID"))


def of_table(table: str, code: str) -> Json:
    """A coding of an HL7 table; what R4 does not take for a code is its display (R-CODE-13)."""
    code = code.strip()
    return {"system": V2 + table, "code": code} if CODE.fullmatch(code) else {"display": code}


@function("coded", "call", "Coding", strict=True)
def coded(ctx: Context, node: Node, table: str, code: str | None) -> Json | None:
    return of_table(table, code) if code and code.strip() else None


@function("code_of", "call", "CodeableConcept", strict=True)
def code_of(ctx: Context, node: Node, table: str, code: str | None) -> Json | None:
    return concept_of(table, code) if code and code.strip() else None


def concept_of(table: str, code: str) -> Json:
    out = of_table(table, code)
    return {"coding": [out]} if "code" in out else {"text": out["display"]}


@function("code_in", "leaf", "text")
def code_in(ctx: Context, text: str, node: Node, number: int, table: str) -> str | None:
    """The code when it stands in an HL7 table."""
    return text if ctx.terminology.v2(table, text.strip()) is not None else None
