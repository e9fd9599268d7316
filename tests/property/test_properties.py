"""The promises that no list of examples can prove: nothing invented, repeatable, accounted for, never silent."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from segue import hl7
from segue.conversion import Conversion
from segue.convert import Converter
from segue.fhir.validation import validate
from segue.hl7 import Message
from segue.issues import Refusal
from segue.options import BUNDLES
from segue.packdata import data_folder

EXAMPLES = Path(__file__).parents[2] / "examples"
MESSAGES = tuple(raw for path in sorted(EXAMPLES.glob("*.hl7")) for raw in hl7.split_batch(path.read_bytes()).messages)
JUNK = (
    '""', "", " ", "x", "ZZZ", "-1", "0", "1.50", "1e5", "<5", "19991399", "20240230", "202402301260", "99991231", "Y",
    "a^b^c", "^", "~", "a~b", "&", "\\F\\", "\\.br\\", "\\Zx\\", "\\", "é", "日本", "<b>&amp;</b>", "'\"{}", "{{ PID.5 }}",
    "2.999.1", "http://example.test/a b", "A" * 300, "\x01", "\t", "1^2^3^4^5^6^7^8^9^10^11^12^13^14^15^16^17^18^19^20",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An example with up to six of its fields dropped, blanked, nulled, repeated, swapped or filled with junk."""
    segments = [
        line.split("|")
        for line in re.split(r"[\r\n]+", draw(st.sampled_from(MESSAGES)).decode("utf-8", "replace"))
        if line
    ]
    for _ in range(draw(st.integers(1, 6))):
        index = draw(st.integers(1, len(segments) - 1)) if len(segments) > 1 else 0
        fields = segments[index]
        number = (
            draw(st.integers(1, max(len(fields) - 1, 1))) if index else draw(st.integers(3, max(len(fields) - 1, 3)))
        )
        while len(fields) <= number:
            fields.append("")
        match draw(st.sampled_from(("junk", "component", "repeat", "drop", "double", "move", "cut"))):
            case "junk":
                fields[number] = draw(st.sampled_from(JUNK))
            case "component":
                parts = fields[number].split("^")
                parts[draw(st.integers(0, len(parts) - 1))] = draw(st.sampled_from(JUNK))
                fields[number] = "^".join(parts)
            case "repeat":
                fields[number] += "~" + fields[number]
            case "drop" if index and len(segments) > 2:
                del segments[index]
            case "double" if index:
                segments.insert(index, list(fields))
            case "move" if index:
                segments.insert(draw(st.integers(1, len(segments) - 1)), segments.pop(index))
            case "cut":
                del fields[number + 1 :]
            case _:
                pass
    return "".join("|".join(fields) + "\r" for fields in segments).encode()


KINDS = {
    "ADT^A01": "PID PD1 NK1 PV1 PV2 AL1 DG1 PR1 GT1 IN1 IN2 IN3 OBX ROL ACC UB1 UB2 DB1 PDA ARV DRG MRG",
    "ADT^A31": "PID PD1 NK1 PV1 AL1 IAM DG1 PR1 GT1 IN1 IN2 IN3 OBX ROL",
    "ADT^A40": "PID MRG PV1",
    "ORU^R01": "PID PD1 NK1 PV1 ORC OBR NTE TQ1 OBX SPM PRT CTD FT1",
    "ORM^O01": "PID AL1 PV1 IN1 IN2 GT1 ORC OBR RQD RQ1 RXO ODS ODT NTE DG1 OBX TQ1 RXR RXC BLG",
}
FEW = (
    "x",
    "7",
    "A^B",
    "A^B^C",
    "20240101",
    "1",
    "N",
    "5^^^H^MR",
    "a&b",
    "^^^W",
    "Y",
    "T1^Text^L",
    '""',
    "2024",
    "F",
    "<5",
    "1.5",
)


@st.composite
def sparse(draw: st.DrawFn) -> bytes:
    """A message of segments that carry few fields, and not the ones that a map hopes for."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    names = KINDS[kind].split()
    lines = [f"MSH|^~\\&|L|F|R|F|20240101||{kind}|1|P|{draw(st.sampled_from(('2.3', '2.5.1', '2.8')))}"]
    for index in sorted(draw(st.sets(st.integers(0, len(names) - 1), min_size=1, max_size=8))):
        fields = [names[index]] + [""] * 45
        for number, value in draw(
            st.dictionaries(st.integers(1, 45), st.sampled_from(FEW), min_size=1, max_size=9)
        ).items():
            fields[number] = value
        if names[index] == "OBX":
            fields[2] = draw(st.sampled_from(("NM", "ST", "CE", "TX", "TS", "SN", "ED", "RP", "")))
        if names[index] == "ORC":
            fields[1] = draw(st.sampled_from(("NW", "CA", "OK", "RE", "")))
        lines.append("|".join(fields).rstrip("|"))
    return ("\r".join(lines) + "\r").encode()


def converted(converter: Converter, raw: bytes, **options: Any) -> Conversion | None:
    """The conversion; None for a refusal. Anything else that is raised is a fault."""
    try:
        return converter.convert(raw, **options)
    except Refusal:
        return None


# never silent


@given(raw=mutated())
def test_a_damaged_message_gives_a_bundle_or_a_coded_refusal(converter: Converter, raw: bytes) -> None:
    converted(converter, raw)


@given(raw=mutated() | sparse(), bundle=st.sampled_from(BUNDLES))
def test_a_message_that_can_be_read_gives_a_valid_bundle(converter: Converter, raw: bytes, bundle: str) -> None:
    try:
        made = converter.convert(raw, bundle=bundle)
    except Refusal as refusal:
        invalid = [issue.fhirpath for issue in refusal.issues if issue.code == "bundle.invalid"]
    else:
        invalid = [str(issue) for issue in validate(made.bundle)]
    assert invalid == []


@given(raw=mutated())
def test_every_reference_resolves_or_is_logical(converter: Converter, raw: bytes) -> None:
    made = converted(converter, raw)
    if made is not None:
        urls = [entry["fullUrl"] for entry in made.bundle["entry"]]
        assert len(set(urls)) == len(urls)
        assert {reference["reference"] for reference in references(made.bundle)} <= set(urls)


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_message_are_refused(converter: Converter, data: bytes) -> None:
    converted(converter, data)


@given(raw=mutated(), cut=st.integers(0, 400))
def test_a_message_cut_off_gives_a_bundle_or_a_coded_refusal(converter: Converter, raw: bytes, cut: int) -> None:
    converted(converter, raw[:cut])


# repeatable


@given(raw=mutated())
def test_the_same_bytes_give_the_same_bytes(converter: Converter, raw: bytes) -> None:
    first, again = converted(converter, raw), converted(converter, raw)
    assert (first is None) == (again is None)
    if first is not None and again is not None:
        assert first.json() == again.json()
        assert first.issues == again.issues


class Forgetful(Converter):
    """Runs every map on every message."""

    def _memory(self, key: Any) -> Any:
        return None


@given(mutated())
def test_what_is_remembered_is_what_the_maps_give(converter: Converter, raw: bytes) -> None:
    """Promise 3: the converter has seen hundreds of messages of the same persons; the other one has seen none."""
    cold = Forgetful(converter.pack, converter.terminology)
    try:
        expected = cold.convert(raw)
    except Refusal:
        return
    for _ in range(3):
        made = converter.convert(raw)
        assert made.json() == expected.json()
        assert made.issues == expected.issues
        assert made.bundle == expected.bundle


def test_another_process_and_another_order_give_the_same_bytes(converter: Converter) -> None:
    script = (
        "import hashlib, sys; from segue.convert import Converter, Conversion; from pathlib import Path\n"
        "converter = Converter()\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.hl7'), reverse=True):\n"
        "    made = [m for m in converter.convert_many(path) if isinstance(m, Conversion)]\n"
        "    print(path.name, hashlib.sha256(b''.join(m.json() for m in made)).hexdigest())\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(EXAMPLES)],
        capture_output=True,
        check=True,
        text=True,
        env={"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
    )
    here = {
        path.name: hashlib.sha256(
            b"".join(m.json() for m in converter.convert_many(path) if isinstance(m, Conversion))
        ).hexdigest()
        for path in EXAMPLES.glob("*.hl7")
    }
    assert dict(line.split() for line in out.stdout.splitlines()) == here


# accounted for


def populated(message: Message) -> Iterator[str]:
    """Segment and field of every field that holds anything."""
    for segment in message.segments:
        for number, raw in enumerate(segment.fields[1:], 1):
            if raw.strip("^&~ \t") and not (segment.name == "MSH" and number <= 2):
                yield f"{segment.name}[{segment.sequence}]-{number}"


@given(raw=mutated())
def test_every_field_stands_in_the_ledger(converter: Converter, raw: bytes) -> None:
    made = converted(converter, raw)
    if made is not None:
        entries = {str(e.v2).split(".")[0] for e in made.ledger}
        fields = {re.match(r"\w+\[\d+\]-\d+", entry)[0] for entry in entries}  # pyright: ignore[reportOptionalSubscript]
        assert set(populated(made.message)) <= fields


@given(raw=mutated())
def test_what_has_no_home_is_told(converter: Converter, raw: bytes) -> None:
    made = converted(converter, raw)
    if made is not None:
        told = {(i.v2.segment, i.v2.sequence, i.v2.field) for i in made.issues if i.v2 is not None}
        unmapped = {(e.v2.segment, e.v2.sequence, e.v2.field) for e in made.ledger if e.state == "unmapped"}
        assert unmapped <= told


@given(raw=mutated())
def test_R_KEEP_1_with_residue_as_extension_no_text_is_lost(converter: Converter, raw: bytes) -> None:
    made = converted(converter, raw, residue="extension")
    if made is None:
        return
    kept = "\n".join(strings(made.bundle))
    for entry in made.ledger:
        at = entry.v2
        if entry.state != "unmapped" or at.segment == "UAC" or (at.segment, at.field) == ("OBX", 5):
            continue  # R-KEEP-2: passwords, payloads
        segment = next(s for s in made.message.segments if (s.name, s.sequence) == (at.segment, at.sequence))
        repetition = segment.repetitions(at.field or 0)[(at.repetition or 1) - 1]
        raw_text = repetition.components[at.component] if at.component else repetition.raw
        if at.component and at.subcomponent:
            raw_text = repetition.part(at.component).components[at.subcomponent]
        text = made.message.text(raw_text)
        assert text is None or text.rstrip() in kept, str(at)


# nothing invented


def references(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):  # pyright: ignore[reportUnknownMemberType]
            yield value
        for below in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from references(below)
    elif isinstance(value, list):
        for below in value:  # pyright: ignore[reportUnknownVariableType]
            yield from references(below)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for below in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from strings(below)
    elif isinstance(value, list):
        for below in value:  # pyright: ignore[reportUnknownVariableType]
            yield from strings(below)


@cache
def pack_text() -> str:
    """All that the files of the pack and the terminology say: constants, targets, displays, names of codes."""
    folders = (data_folder("mappings"), data_folder("terminology"))
    return "\n".join(
        p.read_text("utf-8") for home in folders for p in sorted(home.rglob("*.*")) if p.suffix in (".yaml", ".csv")
    )


def plain(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


DERIVED = re.compile(
    r"urn:uuid:[0-9a-f-]{36}|[0-9a-f-]{36}"  # identities (R-RID)
    r"|urn:(oid|uuid|dns):.+|https?://\S+|urn:\S+"  # systems: their source is proved by the tests of terminology
    r"|\d{4}(-\d\d){0,2}(T[\d:.]+(Z|[+-]\d\d:\d\d))?|\d\d:\d\d:\d\d(\.\d+)?"  # dates, by the tests of times
    r"|(GET|PUT|POST|PATCH)|[A-Z]\w+(/[0-9a-f-]{36}|\?identifier=.*)?|identifier=.*"  # requests, types
)


@given(raw=mutated())
def test_every_string_comes_from_the_message_or_the_pack(converter: Converter, raw: bytes) -> None:
    made = converted(converter, raw)
    if made is None:
        return
    message = made.message
    leaves = "\n".join(
        message.text(part) or ""
        for segment in message.segments
        for field in segment.fields
        for part in re.split(r"[\^~&]", field)
    )
    sent, said = (
        plain(leaves + "\n" + "\n".join(message.text(f) or "" for s in message.segments for f in s.fields)),
        plain(pack_text()),
    )
    source = plain("\n".join(p.read_text("utf-8") for p in FUNCTIONS.rglob("*.py")))
    for text in strings(made.bundle):
        words = plain(text)
        if DERIVED.fullmatch(text) or words in sent or words in said or words in source:
            continue
        pieces = [plain(piece) for piece in re.split(r"[\s,^&/]+|\\n", text)]
        assert all(piece in sent or piece in said for piece in pieces), text


FUNCTIONS = Path(sys.modules[Converter.__module__].__file__ or "").parent / "mapping" / "functions"


# decimals


@given(
    digits=st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,8})?", fullmatch=True),
)
def test_P23_a_number_keeps_its_digits(converter: Converter, digits: str) -> None:
    raw = (
        "MSH|^~\\&|LAB|NORTH|||20240310||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7\rOBR|1||F1|1^One^L\r"
        f"OBX|1|NM|a^A^L||{digits}|mg|||||F\r"
    ).encode()
    made = converter.convert(raw)
    observation = next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Observation")
    assert observation["valueQuantity"]["value"] == Decimal(digits)
    assert f'"value":{digits}'.encode() in made.json()
    assert json.loads(made.json(), parse_float=Decimal)
