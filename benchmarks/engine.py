"""The engine in one process: whole conversions beside hl7apy's parser and beside hl7v2-fhir-bridge, and their growth.

P-40, P-42, P-43 and P-47. The bridge is asked for its Bundle without its own validation, and both answers are written
by orjson; it maps about half of the values, so the ratio flatters it.
"""

from __future__ import annotations

import warnings
from typing import Any

import orjson

from benchmarks import messages
from benchmarks.rounds import Case, Row, interleaved, timed

LARGE = 10_000


def measure(rounds: int) -> list[Row]:
    return [*_beside_others(rounds), *_parts(rounds), *_growth(rounds)]


def _beside_others(rounds: int) -> list[Row]:
    from hl7apy.parser import parse_message
    from v2fhir.config import Config
    from v2fhir.convert import convert as bridge
    from v2fhir.hl7.parser import parse_bytes

    from segue.convert import convert

    config = Config(default_timezone="")
    text = messages.ADT.decode()
    rows: list[Row] = []
    for name, raw in (("ADT^A01", messages.ADT), ("ORU 20", messages.report(20)), ("ORU 200", messages.report(200))):
        cases = {
            "segue": Case(lambda _, raw=raw: convert(raw).json(), 5 if name == "ORU 200" else 30),
            "bridge": Case(lambda _, raw=raw: orjson.dumps(bridge(parse_bytes(raw), config).bundle), 30),
        }
        if name == "ADT^A01":
            cases["hl7apy"] = Case(lambda _: parse_message(text, find_groups=True), 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the peers warn of is theirs
            found = interleaved(cases, rounds)
        ours = found["segue"]
        rows.append(timed("engine", f"{name}: bytes to validated JSON", ours))
        rows.append(
            timed(
                "engine",
                f"{name}: hl7v2-fhir-bridge, not validated",
                found["bridge"],
                ratio=ours.median_us / found["bridge"].median_us,
                against="segue / bridge",
                bound="<= 1 (P-40)" if name == "ADT^A01" else "",
            )
        )
        if name == "ADT^A01":
            rows.append(_never_seen(rounds, config))
        if "hl7apy" in found:
            ratio = found["hl7apy"].median_us / ours.median_us
            rows.append(
                timed(
                    "engine",
                    f"{name}: hl7apy, parsing only",
                    found["hl7apy"],
                    ratio=ratio,
                    against="hl7apy / segue",
                    bound=">= 60 (P-40)",
                )
            )
    return rows


def _never_seen(rounds: int, config: Any) -> Row:
    """Patients, people, places and codes that come once: nothing that was remembered helps."""
    from v2fhir.convert import convert as bridge
    from v2fhir.hl7.parser import parse_bytes

    from segue.convert import convert

    stream = messages.admissions(2 * (30 * rounds + 1))
    found = interleaved(
        {
            "segue": Case(lambda raw: convert(raw).json(), 30, lambda: next(stream)),
            "bridge": Case(lambda raw: orjson.dumps(bridge(parse_bytes(raw), config).bundle), 30, lambda: next(stream)),
        },
        rounds,
    )
    ratio = found["segue"].median_us / found["bridge"].median_us
    return timed("engine", "ADT^A01: never seen", found["segue"], ratio=ratio, against="segue / bridge")


def _parts(rounds: int) -> list[Row]:
    from segue.convert import convert
    from segue.fhir.validation import validate
    from segue.hl7 import group, read, structure_of

    bundles = (convert(raw).bundle for raw in messages.admissions(30 * rounds + 1, seed=2))
    unseen = messages.admissions(30 * rounds + 1, seed=3)

    def parsed(_: object) -> object:
        message = read(messages.ADT)
        return group(message, structure_of(message)[0])

    def with_ledger(_: object) -> object:
        made = convert(messages.ADT)
        return made.json(), made.ledger

    found = interleaved(
        {
            "convert": Case(lambda _: convert(messages.ADT).json(), 30),
            "parse": Case(parsed, 100),
            "validate": Case(validate, 30, lambda: next(bundles)),
            "unseen": Case(lambda raw: convert(raw).json(), 30, lambda: next(unseen)),
            "ledger": Case(with_ledger, 20),
        },
        rounds,
    )
    whole = found["convert"].median_us
    return [
        timed("engine", "ADT^A01: reading and grouping", found["parse"]),
        timed(
            "engine",
            "ADT^A01: validation",
            found["validate"],
            ratio=found["validate"].median_us / found["unseen"].median_us,
            against="share, never seen",
            bound="<= 0.35 (P-42)",
        ),
        timed(
            "engine",
            "ADT^A01: with ledger and lineage",
            found["ledger"],
            ratio=found["ledger"].median_us / whole,
            against="with / without",
            bound="<= 2 (P-47)",
        ),
    ]


def _growth(rounds: int) -> list[Row]:
    from segue.convert import convert

    small, large = messages.report(20), messages.report(LARGE)
    found = interleaved(
        {
            "20": Case(lambda _: convert(small).json(), 20),
            "large": Case(lambda _: convert(large).json(), 1),
        },
        min(rounds, 3),
    )
    each_small, each_large = found["20"].median_us / 20, found["large"].median_us / LARGE
    return [
        timed(
            "engine",
            f"ORU {LARGE}: bytes to validated JSON",
            found["large"],
            ratio=each_large / each_small,
            against="an OBX of 10 000 / of 20",
            bound="<= 1.5 (P-43)",
        )
    ]
