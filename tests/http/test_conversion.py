"""POST /v1/convert (A-07, A-15 to A-22, A-50, A-51, A-71 to A-73)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from segue.conversion import Conversion
from segue.convert import Converter
from segue.http import media

from .conftest import Client

Adt = Callable[..., bytes]
URL = "/v1/convert"


def patient(bundle: dict[str, Any]) -> dict[str, Any]:
    return next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")


def codes(problem: dict[str, Any]) -> list[str]:
    return [found["code"] for found in problem["issues"]]


def lines(reply: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.text.splitlines()]


async def test_A07_no_header_no_type_no_option(client: httpx.AsyncClient, adt: Adt, converter: Converter) -> None:
    reply = await client.post(URL, content=adt())
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/fhir+json")
    assert reply.content == converter.convert(adt()).json()


@pytest.mark.parametrize(
    "kind", [*media.ER7, media.FORM, "Text/Plain; charset=utf-8", "application/hl7-v2;charset=utf-8"]
)
async def test_A15_A16_all_ER7_types_mean_the_same(client: httpx.AsyncClient, adt: Adt, kind: str) -> None:
    reply = await client.post(URL, content=adt(), headers={"Content-Type": kind})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/fhir+json", "application/hl7-v2+xml", "x-application/hl7-v2+xml", "image/png"],
)
async def test_A19_A20_other_types_are_refused_with_the_list(client: httpx.AsyncClient, adt: Adt, kind: str) -> None:
    reply = await client.post(URL, content=adt(), headers={"Content-Type": kind})
    assert reply.status_code == 415
    assert "application/hl7-v2" in reply.json()["detail"]


async def test_A16_a_form_that_is_no_message(client: httpx.AsyncClient) -> None:
    reply = await client.post(URL, content=b"a=1&b=2", headers={"Content-Type": media.FORM})
    assert reply.status_code == 415


async def test_A16_terminators_stripped(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt().replace(b"\r", b""), headers={"Content-Type": media.FORM})
    assert reply.status_code == 400
    assert codes(reply.json()) == ["message.terminators-missing"]
    assert "--data-binary" in reply.json()["detail"]


async def test_A16_an_MLLP_envelope_is_stripped_and_told(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=b"\x0b" + adt() + b"\x1c\r", headers={"Accept": media.ENVELOPE})
    assert reply.status_code == 200
    assert "mllp.envelope-stripped" in codes(reply.json())


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("", media.FHIR_JSON),
        ("*/*", media.FHIR_JSON),
        ("application/*", media.FHIR_JSON),
        ("application/json", media.JSON),
        ("application/fhir+json", media.FHIR_JSON),
        ("application/vnd.segue+json", media.ENVELOPE),
        ("application/x-ndjson", media.NDJSON),
        ("application/fhir+ndjson", media.FHIR_NDJSON),
        ("application/fhir+json;q=0.1, application/json", media.JSON),
        ("text/html, */*;q=0.5", media.FHIR_JSON),
    ],
)
async def test_A17_A20_answer_by_accept(client: httpx.AsyncClient, adt: Adt, accept: str, answer: str) -> None:
    reply = await client.post(URL, content=adt(), headers={"Accept": accept} if accept else {})
    assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (200, answer)


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/html", "application/json;q=0"])
async def test_A17_A20_not_acceptable_lists_what_is(client: httpx.AsyncClient, adt: Adt, accept: str) -> None:
    reply = await client.post(URL, content=adt(), headers={"Accept": accept})
    assert reply.status_code == 406
    assert media.ENVELOPE in reply.json()["detail"]


async def test_A18_no_ACK_from_convert(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt(), headers={"Accept": "application/hl7-v2"})
    assert reply.status_code == 406
    assert "MLLP" in reply.json()["detail"]


async def test_A17_envelope(client: httpx.AsyncClient, adt: Adt, converter: Converter) -> None:
    reply = await client.post(URL, content=adt(), headers={"Accept": media.ENVELOPE})
    body = reply.json()
    assert (body["controlId"], body["event"]) == ("M1", "ADT^A08")
    assert body["bundle"] == json.loads(converter.convert(adt()).json())
    assert set(body) == {"controlId", "event", "pack", "bundle", "issues"}


async def test_A17_report_brings_ledger_and_lineage(client: httpx.AsyncClient, adt: Adt) -> None:
    body = (await client.post(URL + "?report=ledger,lineage", content=adt())).json()
    assert any(entry["v2"].startswith("PID[1]-5") and entry["state"] == "mapped" for entry in body["ledger"])
    assert any("PID[1]-5[1].2" in entry["v2"] for entry in body["lineage"])


NAME = "M\u00fcller"


@pytest.mark.parametrize(
    ("content_type", "query", "msh18", "encoding"),
    [
        ("", "", "", "utf-8"),
        ("", "", "8859/1", "latin-1"),
        ("text/plain; charset=iso-8859-1", "", "UNICODE UTF-8", "latin-1"),
        ("text/plain; charset=utf-8", "?charset=8859/1", "UNICODE UTF-8", "latin-1"),
        ("", "", "", "windows-1252"),
    ],
)
async def test_A21_charset(
    client: httpx.AsyncClient, adt: Adt, content_type: str, query: str, msh18: str, encoding: str
) -> None:
    raw = adt(name=NAME, charset=msh18).decode().encode(encoding)
    headers = {"Content-Type": content_type} if content_type else {}
    reply = await client.post(URL + query, content=raw, headers=headers)
    assert patient(reply.json())["name"][0]["family"] == NAME


async def test_A22_gzip_body(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=gzip.compress(adt()), headers={"Content-Encoding": "gzip"})
    assert reply.status_code == 200


async def test_A22_gzip_answer_when_asked(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt(), headers={"Accept-Encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert patient(reply.json())


@pytest.mark.parametrize("raw", [b"", b"\r\n"])
async def test_an_empty_body(client: httpx.AsyncClient, raw: bytes) -> None:
    reply = await client.post(URL, content=raw)
    assert (reply.status_code, codes(reply.json())) == (400, ["request.empty"])


async def test_status_400_without_a_header(client: httpx.AsyncClient) -> None:
    reply = await client.post(URL, content=b"hello")
    assert (reply.status_code, codes(reply.json())) == (400, ["message.unreadable"])


async def test_status_422_for_an_unsupported_event(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt(event="ZZZ^Z01"))
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"


async def test_A72_refusals_are_counted_too(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt(event="ZZZ^Z01"))
    assert reply.headers["v2fhir-issues"].startswith("error=1")


async def test_A72_issues_are_counted_in_a_header(client: httpx.AsyncClient, adt: Adt) -> None:
    raw = adt().replace(b"19800102", b"1980-99-99")
    reply = await client.post(URL, content=raw, headers={"Accept": media.ENVELOPE})
    errors = sum(found["severity"] == "error" for found in reply.json()["issues"])
    assert errors
    assert f"error={errors}, " in reply.headers["v2fhir-issues"]


@pytest.mark.parametrize(
    ("query", "prefer"), [("?strict=true", ""), ("", "handling=strict"), ("", "respond-async, handling=strict")]
)
async def test_A71_strict_fails_on_an_error(client: httpx.AsyncClient, adt: Adt, query: str, prefer: str) -> None:
    raw = adt().replace(b"19800102", b"1980-99-99")
    reply = await client.post(URL + query, content=raw, headers={"Prefer": prefer} if prefer else {})
    assert reply.status_code == 422
    assert "field.date-unreadable" in codes(reply.json())


async def test_A71_honoured_preferences_are_echoed(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(
        URL, content=adt(), headers={"Prefer": "respond-async; return=OperationOutcome, handling=lenient"}
    )
    assert reply.headers["preference-applied"] == "return=OperationOutcome, handling=lenient"
    assert reply.json()["resourceType"] == "OperationOutcome"


async def test_A73_rules_are_named_and_can_be_pinned(client: httpx.AsyncClient, adt: Adt) -> None:
    first = await client.post(URL, content=adt())
    digest = first.headers["etag"]
    assert digest in first.headers["v2fhir-pack"]
    for pin, status in ((digest, 200), (f'"other", {digest}', 200), ("*", 200), ('"other"', 412)):
        reply = await client.post(URL, content=adt(), headers={"If-Match": pin})
        assert reply.status_code == status


async def test_A76_nothing_is_cached(client: httpx.AsyncClient, adt: Adt) -> None:
    for raw in (adt(), b"hello"):
        reply = await client.post(URL, content=raw)
        assert reply.headers["cache-control"] == "no-store"
        assert "Accept" in reply.headers["vary"]


# batches ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_A50_bare_concatenation_with_a_broken_one_in_the_middle(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt("M1") + adt("M2", event="ZZZ^Z01") + adt("M3"))
    first, second, third, summary = lines(reply)
    assert reply.headers["content-type"].partition(";")[0] == media.NDJSON
    assert [(line["index"], line["controlId"]) for line in (first, second, third)] == [(1, "M1"), (2, "M2"), (3, "M3")]
    assert (second["status"], "bundle" in second) == ("failed", False)
    assert first["bundle"]["resourceType"] == "Bundle"
    assert summary["summary"]["messages"] == 3
    assert summary["summary"]["failed"] == 1


async def test_A50_counts_that_disagree_are_told(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=b"BHS|^~\\&|A\r" + adt("M1") + adt("M2") + b"BTS|9\r")
    assert codes(lines(reply)[-1]) == ["batch.count"]


async def test_A50_an_empty_batch_is_its_summary(client: httpx.AsyncClient) -> None:
    reply = await client.post(URL, content=b"BHS|^~\\&|A\rBTS|0\r")
    assert [line["summary"]["messages"] for line in lines(reply)] == [0]


async def test_A50_not_even_a_bug_stops_the_rest(client_for: Client, converter: Converter, adt: Adt) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(converter, name)

        def convert_many(self, raw: bytes, **options: Any) -> Any:
            if b"|M1|" in raw:
                raise RuntimeError("Marlow")
            yield converter.convert(raw, **options)

    reply = await client_for(Broken()).post(URL, content=adt("M1") + adt("M2"))
    first, second, _ = lines(reply)
    assert (first["status"], codes(first)) == ("failed", ["internal"])
    assert second["status"] != "failed"
    assert "Marlow" not in json.dumps(first)


async def test_A17_a_line_of_fhir_for_each_message(client: httpx.AsyncClient, adt: Adt) -> None:
    raw = adt("M1") + adt("M2", event="ZZZ^Z01")
    reply = await client.post(URL, content=raw, headers={"Accept": media.FHIR_NDJSON})
    assert [line["resourceType"] for line in lines(reply)] == ["Bundle", "OperationOutcome"]


async def test_A51_one_message_as_a_stream(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt(), headers={"Accept": media.NDJSON})
    assert [line.get("index") for line in lines(reply)] == [1, None]


async def test_A51_a_failed_message_as_a_stream(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt(event="ZZZ^Z01"), headers={"Accept": media.NDJSON})
    assert (reply.status_code, lines(reply)[0]["status"]) == (200, "failed")


async def test_A51_a_batch_as_one_bundle(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, content=adt("M1") + adt("M2"), headers={"Accept": media.FHIR_JSON})
    assert (reply.status_code, codes(reply.json())) == (422, ["request.several-messages"])


async def test_A51_a_batch_of_one_as_one_bundle(client: httpx.AsyncClient, adt: Adt) -> None:
    raw = b"BHS|^~\\&|A\r" + adt() + b"BTS|1\r"
    reply = await client.post(URL, content=raw, headers={"Accept": media.FHIR_JSON})
    assert (reply.status_code, reply.json()["resourceType"]) == (200, "Bundle")


async def test_A70_a_large_message_in_a_batch(client_for: Client, adt: Adt) -> None:
    raw = adt("M1") + adt("M2", more="NTE|1||" + "x" * 600 + "\r")
    reply = await client_for(limits={"message_bytes": 500}).post(URL, content=raw)
    assert reply.status_code == 413
    assert "limits.message_bytes" in reply.json()["detail"]


async def test_A70_a_batch_may_be_larger_than_a_message(client_for: Client, adt: Adt) -> None:
    raw = b"".join(adt(f"M{n}") for n in range(10))
    reply = await client_for(limits={"message_bytes": len(adt("M1")) + 10}).post(URL, content=raw)
    assert lines(reply)[-1]["summary"]["messages"] == 10


@pytest.mark.parametrize("size", [0, 1])
async def test_A70_message_limit_to_the_byte(client_for: Client, adt: Adt, size: int) -> None:
    raw = adt()
    reply = await client_for(limits={"message_bytes": len(raw) - size}).post(URL, content=raw)
    assert reply.status_code == (413 if size else 200)


async def test_A32_no_value_of_the_message_in_any_fault(client: httpx.AsyncClient, adt: Adt) -> None:
    raw = adt(event="ZZZ^Z01")
    for content, query in (
        (raw, ""),
        (raw.replace(b"\r", b""), ""),
        (adt().replace(b"19800102", b"SECRET"), "?strict=1"),
    ):
        text = (await client.post(URL + query, content=content)).text
        assert not [word for word in ("Marlow", "Ines", "SECRET", "NORTH") if word in text]


async def test_A03_a_thread_gives_the_same_bytes(client_for: Client, adt: Adt, converter: Converter) -> None:
    reply = await client_for(limits={"inline_bytes": 0}).post(URL, content=adt())
    made: Conversion = converter.convert(adt())
    assert reply.content == made.json()


async def test_settings_are_the_defaults_and_the_query_is_over_them(client_for: Client, adt: Adt) -> None:
    client = client_for(bundle="collection")
    assert (await client.post(URL, content=adt())).json()["type"] == "collection"
    assert (await client.post(URL + "?bundle=batch", content=adt())).json()["type"] == "batch"


async def test_A04_a_text_for_a_reader_when_asked(client: httpx.AsyncClient, adt: Adt) -> None:
    plain = (await client.post("/v1/convert", content=adt())).json()
    told = (await client.post("/v1/convert?narrative=true", content=adt())).json()
    assert "text" not in patient(plain)
    assert patient(told)["text"]["status"] == "generated"
