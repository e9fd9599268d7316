"""Message type and trigger event ▸ message structure: HL7 table 0354 over all versions (R-MSG-1, D-EVT-1…43).

The trigger decides; MSH-9.3 is heard only where the trigger is unknown. Triggers whose structure bears their own name
(MFN^M05 ▸ MFN_M05) are not listed: the structure tables know them. Refuses nothing: an unknown trigger has the
structure "".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from segue.issues import Issue, Location, issue

from . import structures
from .message import Message


class Trigger(NamedTuple):
    """What a message says it is; `structure` is "" where no table knows it."""

    structure: str
    event: str
    issues: tuple[Issue, ...] = ()


# structure ▸ the events of its message type that use it, where it serves several or goes by another name
_EVENTS = {
    "ADT_A01": "A01 A04 A08 A13",
    "ADT_A05": "A05 A14 A28 A31",
    "ADT_A06": "A06 A07",
    "ADT_A09": "A09 A10 A11",
    "ADT_A21": "A21 A22 A23 A25 A26 A27 A29 A32 A33",
    "ADT_A30": "A30 A34 A35 A36 A46 A47 A48 A49",
    "ADT_A39": "A39 A40 A41 A42",
    "ADT_A50": "A50 A51",
    "ADT_A52": "A52 A53",
    "ADT_A54": "A54 A55",
    "ADT_A61": "A61 A62",
    "BAR_P05": "P05",
    "BAR_P10": "P10",
    "CRM_C01": "C01 C02 C03 C04 C05 C06 C07 C08",
    "CSU_C09": "C09 C10 C11 C12",
    "MDM_T01": "T01 T03 T05 T07 T09 T11",
    "MDM_T02": "T02 T04 T06 T08 T10",
    "MFK_M01": "M01 M02 M03 M04 M05 M06 M07 M08 M09 M10 M11 M12 M13 M14 M15 M16 M17 M18",
    "OMD_O03": "O01 O03",
    "OMN_O07": "O01 O07",
    "OMS_O05": "O01 O05",
    "ORD_O04": "O02 O04",
    "ORN_O08": "O02 O08",
    "ORS_O06": "O02 O06",
    "ORU_R01": "R01 R40 W01",
    "ORU_R30": "R30 R31 R32",
    "PGL_PC6": "PC6 PC7 PC8",
    "PMU_B01": "B01 B02",
    "PMU_B04": "B04 B05 B06",
    "PPG_PCG": "PCG PCH PCJ",
    "PPP_PCB": "PCB PCC PCD",
    "PPR_PC1": "PC1 PC2 PC3",
    "QBP_Q21": "Q21 Q22 Q23 Q24 Q25 Q26 Q27 Q28 Q29 Q30",
    "RAS_O17": "O01 O17",
    "RDE_O11": "O01 O11 O25",
    "RDS_O13": "O01 O13",
    "REF_I12": "I12 I13 I14 I15",
    "RGV_O15": "O01 O15",
    "RPA_I08": "I08 I09 I10 I11",
    "RPL_I02": "I02 I06",
    "RQA_I08": "I08 I09 I10 I11",
    "RQC_I05": "I05 I06",
    "RQI_I01": "I01 I02 I03",
    "RRA_O18": "O02 O18",
    "RRD_O14": "O02 O14",
    "RRE_O12": "O02 O12 O26",
    "RRG_O16": "O02 O16",
    "RRI_I12": "I12 I13 I14 I15",
    "RSP_K23": "K23 K24",
    "SIU_S12": "S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26 S27",
    "SRM_S01": "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11",
    "SRR_S01": "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11",
}

# Structures that older editions of table 0354 give to a trigger besides its own.
_OLDER = {
    ("ADT", "A12"): "ADT_A09",
    ("ADT", "A44"): "ADT_A43",
    ("ADT", "A54"): "ADT_A52",
    ("ADT", "A55"): "ADT_A52",
}


def structure_of(message: Message) -> Trigger:
    """Structure and event of a message: by MSH-9.1 and 9.2, EVN-1 where 9.2 is empty, 9.3 where both mean nothing."""
    header = message.header
    delimiters, types = message.delimiters, header.raw(9)
    first = types.split(delimiters.repetition, 1)[0] if delimiters.repetition else types
    parts = first.split(delimiters.component)[:3] if delimiters.component else [first]
    said = [(message.text(part) or "").strip() for part in parts]
    code, event, named = [*said, "", "", ""][:3]
    code, named = code.upper(), named.upper()
    issues: list[Issue] = []
    evn = message.first("EVN")
    recorded = ((evn.leaf(1) or "") if evn is not None else "").strip()
    if not event:
        event = recorded
    elif recorded and recorded.upper() != event.upper():
        issues.append(
            issue(
                "message.event-disagrees",
                Location("EVN", evn.sequence if evn else 1, 1),
                rule="R-MSG-1",
                value=recorded,
            )
        )
    if code == "ACK":
        return Trigger("ACK", event, tuple(issues))

    trigger = event.upper()
    own = f"{code}_{trigger}"
    found = _triggers().get((code, trigger)) or (own if structures.exists(own) else "")
    if found:
        if named and named not in (found, own, _OLDER.get((code, trigger))):
            issues.append(issue("message.structure-unknown", Location("MSH", 1, 9, 1, 3), rule="R-MSG-1", value=named))
        return Trigger(found, trigger, tuple(issues))
    if named and structures.exists(named) and code in ("", named.partition("_")[0]):
        return Trigger(named, event, tuple(issues))
    return Trigger("", event, tuple(issues))


def triggers() -> Iterator[tuple[str, str, str]]:
    """Message type, event and structure of every trigger listed here."""
    return ((code, event, structure) for (code, event), structure in _triggers().items())


@cache
def _triggers() -> dict[tuple[str, str], str]:
    return {(structure[:3], event): structure for structure, events in _EVENTS.items() for event in events.split()}
