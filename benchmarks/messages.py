"""The messages that are measured: the admission of examples/, and laboratory reports of any length."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
ADT_FILE = EXAMPLES / "adt_a01_admission.hl7"  # 17 segments
ADT = ADT_FILE.read_bytes()

_HEAD = (
    "MSH|^~\\&|CORELAB|NORTHGATE|HUB|REGION|20260311094000-0500||ORU^R01^ORU_R01|BENCH-{count}|P|2.5.1",
    "PID|1||700412^^^NORTHGATE&2.999.10.1&ISO^MR||Ashgrove^Rowan^Ellis^^Ms^^L||19780314|F",
    "PV1|1|I|4WEST^412^A^NORTHGATE&2.999.10.1&ISO||||41877^Okonjo^Mira^^^Dr||||||||||||V-5500871",
    "ORC|RE|ORD-1^WARD|C-1^CORELAB",
    "OBR|1|ORD-1^WARD|C-1^CORELAB|24323-8^Comprehensive metabolic 2000 panel^LN|||20260311085500-0500"
    "|||||||||41877^Okonjo^Mira^^^Dr||||||20260311094000-0500||CH|F",
)
_TESTS = (
    ("2951-2^Sodium^LN", "139", "mmol/L^^UCUM", "136-145", "N"),
    ("2823-3^Potassium^LN", "5.60", "mmol/L^^UCUM", "3.5-5.1", "H"),
    ("2345-7^Glucose^LN", "112", "mg/dL^^UCUM", "70-99", "H"),
    ("17861-6^Calcium^LN", "9.4", "mg/dL^^UCUM", "8.6-10.2", "N"),
)


def report(count: int) -> bytes:
    """An ORU^R01 with so many OBX."""
    lines = [line.format(count=count) for line in _HEAD]
    for number in range(1, count + 1):
        code, value, unit, limits, flag = _TESTS[number % len(_TESTS)]
        lines.append(f"OBX|{number}|NM|{code}|{number}|{value}|{unit}|{limits}|{flag}|||F|||20260311085500-0500")
    return "\r".join([*lines, ""]).encode()
