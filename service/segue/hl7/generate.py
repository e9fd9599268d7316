"""Writes `tables/` from hl7apy's reference data: `python -m segue.hl7.generate` (P-02, P-04, P-06).

Run by hand when hl7apy changes; nothing imports this module or hl7apy at run time. Two products: one file of message
structures per version in the notation that `structures` reads, and `dictionary.json` with fields and data types, each
in the newest version that has it. What hl7apy lacks or calls differently from version to version is corrected here,
by the tables below and no other code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")  # oldest first
TABLES = Path(__file__).parent / "tables"

# Old data types and the later type with the same layout that took their place.
LATER = {
    "AD": "XAD", "CE": "CWE", "CK": "CX", "CN": "XCN", "CN_SIMPLE": "XCN", "PN": "XPN", "TN": "XTN", "TS": "DTM",
    "CQ_SIMPLE": "CQ", "DR_SIMPLE": "DR", "TX_CHALLENGE": "TX", "SNM": "ST", "GTS": "ST", "CM": "ST",
    "CM_ABS_RANGE": "DR", "CM_BATCH_TOTAL": "ST", "CM_CP": "CP", "CM_ELECTRODE": "WVI", "CM_FILLER": "EI",
    "CM_FINANCE": "ST", "CM_GROUP_ID": "EI", "CM_INTERNAL_LOCATION": "PL", "CM_JOB_CODE": "JCC",
    "CM_LICENSE_NO": "PLN", "CM_MDV": "ST", "CM_OS": "OSP", "CM_PARENT_RESULT": "PRL", "CM_PAT_ID": "CX",
    "CM_PAT_ID_0192": "CX", "CM_PEN": "MOP", "CM_PLACER": "EI", "CM_POSITION": "NDL", "CM_PRACTITIONER": "XCN",
    "CM_RANGE": "NR", "CM_RANGE_SIMPLE": "NR", "CK_ACCOUNT_NO": "CX", "CNS": "CNE", "PI": "CWE",
}  # fmt: skip
WITHDRAWN = frozenset(("WD", "wd", "", None))
CODED = frozenset(("CWE", "CNE", "ID", "IS", "ST"))
PRIMITIVE = ("DT", "DTM", "FT", "ID", "IS", "NM", "SI", "ST", "TM", "TX")

# Groups under another name than in the later versions, after which the maps are written; "" = in any structure.
RENAMED = {
    ("ORU_R01", "RESPONSE"): "PATIENT_RESULT",
    ("VXU_V04", "PATIENT"): "PATIENT_VISIT",
    ("MDM_T02", "OBXNTE_SUPPGRP"): "OBSERVATION",
    ("RDE_O11", "COMPONENTS"): "COMPONENT",
    ("SRR_S01", "RESOURCE"): "RESOURCES",
    ("REF_I12", "PROVIDER"): "PROVIDER_CONTACT",
    ("", "AUTHORIZATION_CONTACT1"): "AUTHORIZATION_CONTACT",
    ("", "AUTHORIZATION_CONTACT2"): "AUTHORIZATION_CONTACT",
    ("", "AUTCTD_SUPPGRP2"): "AUTHORIZATION_CONTACT",
    ("", "TIIMING"): "TIMING",
}

# Groups that only some versions have, around segments that otherwise stand in the group outside.
DISSOLVED = frozenset(
    (
        *((structure, "COMMON_ORDER") for structure in ("ORU_R01", "OUL_R22", "OUL_R23", "OUL_R24", "OPU_R25")),
        *((structure, "VISIT") for structure in ("DFT_P03", "DFT_P11")),
    )
)

# What hl7apy has in a version with lost names, or were later nested differently: structures, versions, source.
BORROWED = (
    (("ADR_A19",), ("2.3",), ("2.3", "ARD_A19")),
    (("ADT_A60",), ("2.4", "2.5", "2.5.1", "2.6"), ("2.7", "")),
    (("CSU_C09", "DOC_T12", "SUR_P09"), ("2.5.1",), ("2.5", "")),
    (("MDM_T02",), ("2.3", "2.3.1", "2.4"), ("2.5", "")),
    (("OML_O21",), ("2.4",), ("2.5.1", "")),
    (("ORF_R04",), ("2.2", "2.4", "2.5.1"), ("2.5", "")),
    (("ORL_O22",), ("2.4",), ("2.6", "")),
    (("ORL_O22", "ORL_O34", "ORL_O36"), ("2.5", "2.5.1"), ("2.6", "")),
    (("ORR_O02",), ("2.1", "2.2"), ("2.3", "")),
    (("ORU_R01",), ("2.7",), ("2.8", "")),
    (("OUL_R21",), ("2.4", "2.5", "2.5.1"), ("2.6", "")),
    (("OUL_R22", "OUL_R23", "OUL_R24"), ("2.5", "2.5.1"), ("2.6", "")),
    (("RAS_O17",), ("2.4",), ("2.5", "")),
    (("REF_I12", "RRI_I12"), ("2.3",), ("2.3.1", "")),
    (("RRD_O02",), ("2.3",), ("2.3.1", "")),
)

# 2.9 as far as it matters: 2.8.2 with the segments that the HL7 v2-to-FHIR guide has in its ADT structures.
EXTENDED = ("ADT_A01", "ADT_A02", "ADT_A03", "ADT_A05", "ADT_A06", "ADT_A09", "ADT_A21")
INSERTED = (
    ("PD1?", "PD1? OH1* OH2* OH3* OH4*"),
    ("ROL*", "ROL* PRT*"),
    ("OBX*", "OBX* PRT*"),
    ("AL1*", "AL1* IAM*"),
)

SMALL = frozenset(re.findall(r"\w+", "a an and as at by for from in is of on or per that the thereof to with"))
CAPITALS = frozenset(
    re.findall(
        r"\w+",
        "ACR APR BP CDC CPT CRNA DNR DRG FDA HCFA HIPAA HL7 ICD ID IDS IV LMP MD MDC MSH NDC NTE OBR OBX ORC OUID PRN "
        "RX SNS SSN TQ UB UB82 UCUM UN UPIN VIP",
    )
)


class Entry(NamedTuple):
    """A field or component of one version."""

    datatype: str | None
    name: str
    table: str | None
    repeats: bool


def main() -> None:
    TABLES.mkdir(exist_ok=True)
    for version in (*VERSIONS, "2.9"):
        lines = [f"{json.dumps(name)}: {json.dumps(text)}" for name, text in sorted(structures(version).items())]
        (TABLES / f"structures-{version}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    (TABLES / "dictionary.json").write_text(dictionary(), "utf-8")


def module(version: str, name: str) -> Any:
    return import_module(f"hl7apy.v{version.replace('.', '_')}.{name}")


# structures ───────────────────────────────────────────────────────────────────────────────────────


def structures(version: str) -> dict[str, str]:
    """Structure name ▸ its notation: `MSH SFT* PATIENT_RESULT+( … )`."""
    if version == "2.9":
        return {name: extended(text) for name, text in structures("2.8.2").items() if name in EXTENDED}
    found = {name: notation(name, reference) for name, reference in module(version, "messages").MESSAGES.items()}
    for names, versions, (source, other) in BORROWED:
        if version in versions:
            for name in names:
                found[name] = notation(name, module(source, "messages").MESSAGES[other or name])
    return found


def extended(text: str) -> str:
    for there, more in INSERTED:
        text = text.replace(f" {there}", f" {more}")
    return text


def notation(structure: str, reference: Any) -> str:
    return " ".join(items(structure, reference))


def items(structure: str, reference: Any) -> Iterator[str]:
    for name, inner, (least, most), kind in reference[1]:
        mark = ("?" if least == 0 else "") if most == 1 else ("*" if least == 0 else "+")
        if kind == "SEG":
            yield f"{name}{mark}"
        elif inner[0] == "choice":  # alternatives; the node itself has no name in the standard
            yield f"{{{notation(structure, inner)}}}{mark}"
        else:
            label = "_".join(name.split("_")[2:])
            label = RENAMED.get((structure, label)) or RENAMED.get(("", label), label)
            if (structure, label) in DISSOLVED:
                yield from (optional(item) for item in items(structure, inner))
            else:
                yield f"{label}{mark}({notation(structure, inner)})"


def optional(item: str) -> str:
    """A member of a dissolved group: its group was optional, so it is."""
    return f"{item}?" if item[-1].isalnum() else item


# dictionary ───────────────────────────────────────────────────────────────────────────────────────


def dictionary() -> str:
    segments: dict[str, dict[int, list[Entry]]] = {}
    types: dict[str, dict[int, list[Entry]]] = {}
    folded: dict[str, dict[int, list[Entry]]] = {}
    for version in reversed(VERSIONS):
        for name, reference in module(version, "segments").SEGMENTS.items():
            if len(name) == 3 and not name.startswith("Z"):
                gather(segments.setdefault(name, {}), rows_of(reference))
        structs: dict[str, Sequence[Any]] = module(version, "datatypes").DATATYPES_STRUCTS
        for name, rows in structs.items():
            gather((types if later(name) == name else folded).setdefault(later(name), {}), rows)
    for name, numbers in folded.items():
        for number, entries in numbers.items():  # only where the type itself has no such component in any version
            types.setdefault(name, {}).setdefault(number, []).extend(entries)
    settled = {name: settle(rows) for name, rows in sorted(segments.items())}
    settled["OBR"][27] = ["Quantity Timing", "TQ", None, 1]  # hl7apy lists another field under this number
    settled["MSH"] |= {  # 2.9, which hl7apy does not have
        26: ["Security Classification Tag", "CWE", "0952", 0],
        27: ["Security Handling Instructions", "CWE", None, 1],
        28: ["Special Access Restriction Instructions", "ST", None, 1],
    }
    kinds = {name: settle(rows) for name, rows in sorted(types.items()) if name not in PRIMITIVE}
    parts = ["{", '"segments": {', block(settled), "},", '"datatypes": {', block(kinds), "}", "}", ""]
    return "\n".join(parts)


def rows_of(reference: Sequence[Any]) -> Sequence[Any]:
    """The field rows of a segment; hl7apy's 2.1 ORO has lost the node around them, ADD and a few others have none."""
    if reference and reference[0] == "sequence":
        return reference[1] if len(reference) > 1 else ()
    return reference


def gather(into: dict[int, list[Entry]], rows: Iterable[Any]) -> None:
    for name, reference, (_, most), _kind in rows:
        number = int(name.rsplit("_", 1)[1])
        into.setdefault(number, []).append(Entry(reference[2], reference[3], reference[4], most != 1 and most != 0))


def settle(rows: dict[int, list[Entry]]) -> dict[int, list[Any]]:
    """The newest real entry of each number, with the newest table any version gives it."""
    settled: dict[int, list[Any]] = {}
    for number, entries in sorted(rows.items()):
        real = [entry for entry in entries if entry.datatype not in WITHDRAWN]
        if not real:
            continue
        if (
            entries[0].datatype in WITHDRAWN and real[0].datatype == "ST"
        ):  # 2.7 wrote ST for what it was about to withdraw
            real = [entry for entry in real if entry.datatype not in ("ST", *LATER)] or real
        datatype = later(str(real[0].datatype))
        table = next((e.table for e in real if e.table and alike(datatype, later(str(e.datatype)))), None)
        settled[number] = [
            title(real[0].name),
            datatype,
            table.removeprefix("HL7").zfill(4) if table and table != "HL79999" else None,
            int(any(entry.repeats for entry in real)),
        ]
    return settled


def alike(one: str, other: str) -> bool:
    """Whether a table bound to one type binds the other as well."""
    return one == other or {one, other} <= CODED


def later(datatype: str) -> str:
    if datatype in LATER:
        return LATER[datatype]
    return datatype.removeprefix("CM_")


def title(name: str) -> str:
    """PATIENT_IDENTIFIER_LIST ▸ Patient Identifier List."""
    name, _, example = name.partition("_E_G_")
    words = " ".join(
        word if word in CAPITALS else word.lower() if at and word.lower() in SMALL else word.capitalize()
        for at, word in enumerate(name.split("_"))
    )
    return f"{words} (e.g. {example.replace('_OR_', ' or ').replace('_', ' ')})" if example else words


def block(groups: dict[str, dict[int, list[Any]]]) -> str:
    return ",\n".join(f"{json.dumps(name)}: {json.dumps(rows, separators=(',', ':'))}" for name, rows in groups.items())


if __name__ == "__main__":
    main()
