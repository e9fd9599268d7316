"""Telecommunication: XTN of every age to ContactPoint (R-TEL-1…8)."""

from __future__ import annotations

import re

from segue.hl7.message import Part, Repetition

from ..context import Context, absent, alternate
from ..records import Json
from ..translation import missed, targets_of
from . import conversion
from .codes import CODE, concept_of
from .values import period

EXT = "http://hl7.org/fhir/StructureDefinition/contactpoint-"
URL = re.compile(r"https?://\S+", re.IGNORECASE)
LEGACY = re.compile(r"(?P<number>.*?)(?:\s*X(?P<extension>\d+))?(?:\s*B(?P<beeper>\d+))?(?:\s*C(?P<comment>.+))?")


@conversion("XTN", "ContactPoint", "node", many=True, remember=True)
def contact_points(ctx: Context, node: Repetition | Part, use: str | None = None) -> list[Json] | None:
    """One repetition gives a phone, an e-mail, or both (R-TEL-4); `use` is the field's own where XTN.2 is empty (R-TEL-5)."""
    texts: list[str | None] = [None, *(ctx.text(c) if c else None for c in node.components[1:])]
    texts += [None] * (19 - len(texts))
    found: list[Json] = []
    system, kind, system_alt = equipment(ctx, node, texts)
    common, used = shared(ctx, node, texts)
    phone, phone_used = phone_value(texts)
    mail = texts[4]
    mail_used = 1 << 4
    if mail is None and phone is not None and "@" in phone:
        mail, phone, mail_used = phone, None, phone_used
    if phone is not None and (system is None or system not in ("email",)):
        use_code, use_alt = usage(ctx, node, texts[2], "phone", kind or use)
        point: Json = {}
        extension = number_parts(ctx, texts)
        if system is None and URL.fullmatch(phone):
            system = "url"
        if system is None and (texts[2] in ("BPN", "NET")):
            system = "pager" if texts[2] == "BPN" else "email"
        if system is None and sum(c.isdigit() for c in phone) >= 3:
            system = "phone"
        beeper, comment = None, None
        if phone_used == 1 << 1:
            legacy = LEGACY.fullmatch(phone)
            if legacy and (legacy["extension"] or legacy["beeper"] or legacy["comment"]):
                beeper, comment = legacy["beeper"], legacy["comment"]
                if legacy["extension"]:
                    extension.append({"url": EXT + "extension", "valueString": legacy["extension"]})
        text = texts[9] or comment
        if text is not None:
            extension.append({"url": ctx.options.extension_base + "contact-text", "valueString": text})
            used |= 1 << 9 if texts[9] else 0
        if extension:
            point["extension"] = extension
            used |= sum(1 << n for n in (5, 6, 7, 8) if texts[n])
        put(point, "system", system, system_alt, "unknown")
        point["value"] = phone
        put(point, "use", use_code, use_alt, None)
        found.append({**point, **common})
        used |= phone_used
        if beeper:
            found.append({"system": "pager", "value": beeper})
    if mail is not None:
        use_code, use_alt = usage(ctx, node, texts[2], "email", kind or use)
        point = {"system": "url" if URL.fullmatch(mail) else "email", "value": mail}
        put(point, "use", use_code, use_alt, None)
        if not found and texts[9] is not None:
            point = {
                "extension": [{"url": ctx.options.extension_base + "contact-text", "valueString": texts[9]}],
                **point,
            }
            used |= 1 << 9
        found.append({**point, **common})
        used |= mail_used
    if not found:
        return None
    for n in (2, 3):
        if texts[n]:
            used |= 1 << n
    node.used |= used
    return found


def put(point: Json, key: str, value: str | None, alt: list[Json] | None, reason: str | None) -> None:
    if value is not None:
        point[key] = value
    if alt is not None:
        point["_" + key] = {"extension": alt}
    elif value is None and reason is not None:
        point["_" + key] = {"extension": absent(reason)}


def equipment(
    ctx: Context, node: Repetition | Part, texts: list[str | None]
) -> tuple[str | None, str | None, list[Json] | None]:
    """System by XTN.3 (R-STAT-23): system, use that CP implies, original where the table loses it."""
    code = texts[3]
    if code is None:
        return None, None, None
    if code.strip().upper() == "CP":
        return "phone", "mobile", alternate(concept_of("0202", code))
    table = ctx.terminology.table("TelecomSystem")
    targets = targets_of(ctx, table, code.strip(), node, 3)
    if not targets:
        missed(ctx, node, table.system, code, "", table.name)
        ctx.report("code.unmapped", node, 3, rule="R-STAT-23", value=code)
        return None, None, alternate(local(code))
    return targets[0].code, None, alternate(concept_of("0202", code)) if targets[0].lossy else None


def usage(
    ctx: Context, node: Repetition | Part, code: str | None, system: str, default: str | None
) -> tuple[str | None, list[Json] | None]:
    """Use by XTN.2 (R-STAT-24); `mobile` from XTN.3 beats it, the field's own use stands in where XTN.2 is empty (R-TEL-5)."""
    if code is None:
        return default, None
    table = ctx.terminology.table("TelecomUse")
    targets = targets_of(ctx, table, code.strip(), node, 2)
    if targets is None:
        missed(ctx, node, table.system, code, "", table.name)
        ctx.report("code.unmapped", node, 2, rule="R-STAT-24", value=code)
        return default, alternate(local(code))
    if not targets:
        return None, alternate(concept_of("0201", code))
    value = targets[0].code
    if code.strip().upper() == "PRS":
        return ("home" if system == "email" else "mobile"), alternate(
            concept_of("0201", code)
        ) if system == "email" else None
    if default == "mobile":
        return "mobile", alternate(concept_of("0201", code)) if value != "mobile" else None
    return value, alternate(concept_of("0201", code)) if targets[0].lossy else None


def local(code: str) -> Json:
    """A code of no table, as far as R4 takes it for one."""
    return {"coding": [{"code": code.strip()}]} if CODE.fullmatch(code.strip()) else {"text": code}


def digits(text: str | None) -> int:
    return sum(c.isdigit() for c in text or "")


def phone_value(texts: list[str | None]) -> tuple[str | None, int]:
    """R-TEL-2: from parts when they say at least as much as the unformatted forms; which components it came from."""
    local = texts[7]
    if local is not None and (texts[6] is not None or digits(local) >= max(digits(texts[12]), digits(texts[1]))):
        text, used = local, 1 << 7
        if texts[6] is not None:
            text, used = f"{texts[6]} {text}", used | 1 << 6
        if texts[5] is not None:
            text, used = f"+{texts[5].lstrip('+')} {text}", used | 1 << 5
        if texts[8] is not None:
            text, used = f"{text} X{texts[8]}", used | 1 << 8
        for n in (1, 12):
            if (
                texts[n] is not None
                and digits(texts[n])
                and "".join(filter(str.isdigit, texts[n] or "")) in "".join(filter(str.isdigit, text))
            ):
                used |= 1 << n  # the same digits in another form
        return text, used
    for n in (12, 1):
        if texts[n] is not None:
            return texts[n], 1 << n
    return None, 0


def number_parts(ctx: Context, texts: list[str | None]) -> list[Json]:
    names = ((5, "country"), (6, "area"), (7, "local"), (8, "extension"))
    return [{"url": EXT + name, "valueString": texts[n]} for n, name in names if texts[n] is not None]


def shared(ctx: Context, node: Repetition | Part, texts: list[str | None]) -> tuple[Json, int]:
    out: Json = {}
    used = 0
    rank = texts[18]
    if rank is not None and rank.isdigit() and int(rank) > 0:
        out["rank"] = int(rank)
        used |= 1 << 18
    if texts[13] is not None or texts[14] is not None:
        span = period(ctx, node, texts[13], texts[14])
        if span is not None:
            out["period"] = span
            used |= (1 << 13) | (1 << 14)
    return out, used
