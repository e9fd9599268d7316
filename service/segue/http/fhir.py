"""The FHIR side: $convert-data, what this endpoint can do, and what the operation takes (A-40 to A-44, A-64).

Every body in and out is a FHIR resource. A message inside JSON is Unicode already, so no character set of its
header counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from segue.fhir.outcome import operation_outcome
from segue.http import media, query
from segue.http.body import read
from segue.http.refusal import RequestError
from segue.http.rules import Rules
from segue.http.service import VARY, Service, service
from segue.issues import Issue, issue
from segue.options import did_you_mean, nearest

RELEASED = "2026-11-25"  # of what the two documents below say

# part of Parameters ▸ option of a conversion
PARTS = {
    "bundleType": "bundle",
    "timezone": "timezone",
    "site": "site",
    "strict": "strict",
    "residue": "residue",
    "narrative": "narrative",
}
INPUT, INPUT_TYPE, TEMPLATES, ROOT = "inputData", "inputDataType", "templateCollectionReference", "rootTemplate"
NAMES = (INPUT, INPUT_TYPE, TEMPLATES, ROOT, *PARTS)

# References that name another product's templates and mean "the usual ones".
_FOREIGN = re.compile(
    r"microsofthealth/\w+:[\w.-]+|[\w.-]+(:\d+)?/[\w./-]+(@sha256:[0-9a-f]{64}|:[\w.-]+)", re.IGNORECASE
)

# MSH-2 as it comes out of a JSON string whose writer forgot to double the backslash.
_LOST = re.compile(r"\s*MSH(.)\^~&\1")


async def convert_data(request: Request) -> Response:
    """POST /fhir/$convert-data."""
    state = service(request)
    state.check_pin(request)
    query.pairs(request.scope["query_string"], ()) if request.scope["query_string"] else None
    kind, _ = media.body_type(request.headers.get("content-type", media.FHIR_JSON))
    if kind not in media.BUNDLE:
        raise RequestError(issue("request.media-type", hint=f"Taken: {', '.join(media.BUNDLE)}."))
    answer = media.negotiated(request.headers.get("accept", ""), media.BUNDLE)
    limits = state.settings.limits
    body = await read(request, limits.json_bytes, "limits.json_bytes", ratio=limits.gzip_ratio, wait_s=limits.body_s)
    text, asked, remarks = _asked(_parameters(body), state)
    done, made = await state.convert(text.encode(), {**asked.options, "transport_charset": "utf-8"})
    issues = (*done.issues, *remarks)
    headers = state.headers(issues)
    if request.headers.get("prefer", "").replace(" ", "").lower() == "return=operationoutcome":
        headers["Preference-Applied"] = "return=OperationOutcome"
        return Response(orjson.dumps(operation_outcome(issues)), media_type=answer, headers=headers)
    return Response(made, media_type=answer, headers=headers)


def _parameters(body: bytes) -> dict[str, str]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError(
            issue("request.body", hint="The body is not JSON; bare messages go to /v1/convert.")
        ) from None
    if not isinstance(found, dict) or cast("dict[str, Any]", found).get("resourceType") != "Parameters":
        raise RequestError(issue("request.body", hint="The body has to be a Parameters resource."))
    out: dict[str, str] = {}
    for name, value in _parts(cast("dict[str, Any]", found)):
        if name not in NAMES:
            raise RequestError(issue("request.parameter-unknown", hint=did_you_mean(name, NAMES)))
        if name in out:
            raise RequestError(issue("request.parameter-value", hint=f"{name} is given twice."))
        out[name] = value
    return out


def _parts(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    listed: Any = parameters.get("parameter", [])
    for part in cast("list[Any]", listed) if isinstance(listed, list) else []:
        if not isinstance(part, dict):
            raise RequestError(issue("request.body", hint="Each parameter has to be an object."))
        fields = cast("dict[str, Any]", part)
        name = str(fields.get("name", ""))
        values = [value for key, value in fields.items() if key.startswith("value")]
        if len(values) != 1 or not isinstance(values[0], str | bool):
            known = nearest(name, NAMES) or NAMES[0]
            raise RequestError(
                issue("request.parameter-value", hint=f"{known} takes one value: valueString, valueCode, valueUri.")
            )
        yield name, str(values[0]) if isinstance(values[0], str) else str(values[0]).lower()


def _asked(found: dict[str, str], state: Service) -> tuple[str, query.Asked, tuple[Issue, ...]]:
    """The message, the options, and what is to be said about them."""
    if found.get(INPUT_TYPE, "Hl7v2").casefold() != "hl7v2":
        raise RequestError(issue("request.input-type"))
    text = found.get(INPUT, "")
    if not text.strip():
        raise RequestError(issue("request.empty", hint="Put the message into the parameter inputData."))
    if _LOST.match(text):
        raise RequestError(issue("request.backslash-lost"))
    asked = query.asked(((PARTS[name], value) for name, value in found.items() if name in PARTS), state.rules)
    remarks: tuple[Issue, ...] = ()
    reference = found.get(TEMPLATES)
    if reference is not None and not state.rules.answers_to(reference):
        if not _FOREIGN.fullmatch(reference):
            raise RequestError(issue("request.pack", hint=f"Active is {state.rules.name}@{state.rules.version}."))
        remarks = (issue("request.reference-foreign"),)
    if ROOT in found:
        asked.options |= query.asked((("event", _root(found[ROOT], state.rules)),), state.rules).options
    return text, asked, remarks


def _root(name: str, rules: Rules) -> str:
    """A template's name is the event's structure; where only the event has a name of its own, MSH-9 is as good."""
    folded = {known.casefold(): known for known in rules.messages}
    return folded.get(name.casefold(), name)


# documents ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def metadata(request: Request) -> Response:
    """GET /fhir/metadata: no host name, no credential needed."""
    return _document(request, capability(service(request).rules))


async def operation(request: Request) -> Response:
    """GET /fhir/OperationDefinition/convert-data."""
    return _document(request, definition())


def _document(request: Request, resource: dict[str, Any]) -> Response:
    headers = {"ETag": service(request).rules.etag, "Cache-Control": "max-age=60", "Vary": VARY}
    if request.headers.get("if-none-match", "") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    kind = media.negotiated(request.headers.get("accept", ""), media.BUNDLE)
    return Response(orjson.dumps(resource), media_type=kind, headers=headers)


def capability(rules: Rules) -> dict[str, Any]:
    """The CapabilityStatement (A-64)."""
    supported = [{"mode": "receiver", "definition": f"urn:segue:message:{name}"} for name in rules.messages]
    convert = {"name": "convert-data", "definition": "urn:segue:operation:convert-data"}
    maps = {
        "type": "ConceptMap",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "operation": [
            {"name": "translate", "definition": "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate"}
        ],
    }
    codes = {
        "type": "CodeSystem",
        "operation": [{"name": "lookup", "definition": "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup"}],
    }
    rest = {"mode": "server", "resource": [maps, codes], "operation": [convert]}
    statement: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "Segue", "version": version("segue")},
        "implementation": {"description": f"HL7 v2 to FHIR R4 by {rules.name}@{rules.version} ({rules.digest})"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [rest],
    }
    if supported:
        statement["messaging"] = [{"supportedMessage": supported}]
    return statement


def definition() -> dict[str, Any]:
    """The OperationDefinition of $convert-data."""
    takes = [
        (INPUT, 1, "string", "The HL7 v2 message; lines end in CR, LF or both."),
        (INPUT_TYPE, 0, "string", "Hl7v2; other kinds of input are refused."),
        (TEMPLATES, 0, "string", "The mapping pack, name@version; references of other products mean the active one."),
        (ROOT, 0, "string", "Treat the message as this structure, such as ADT_A01; without it MSH-9 decides."),
        ("bundleType", 0, "code", "transaction (default), batch, message or collection."),
        ("timezone", 0, "string", "Zone of times without one: an IANA name or an offset."),
        ("site", 0, "string", "Site overlay by name."),
        ("strict", 0, "boolean", "true: any issue of severity error fails the request."),
        ("residue", 0, "code", "Fields without a home: report (default), extension or off."),
        ("narrative", 0, "boolean", "true: each resource has a text for a reader."),
    ]
    parameters = [
        {"name": name, "use": "in", "min": least, "max": "1", "documentation": words, "type": kind}
        for name, least, kind, words in takes
    ]
    result = {"name": "return", "use": "out", "min": 1, "max": "1", "documentation": "The Bundle.", "type": "Bundle"}
    return {
        "resourceType": "OperationDefinition",
        "id": "convert-data",
        "url": "urn:segue:operation:convert-data",
        "name": "ConvertData",
        "status": "active",
        "kind": "operation",
        "date": RELEASED,
        "affectsState": False,
        "code": "convert-data",
        "system": True,
        "type": False,
        "instance": False,
        "parameter": [*parameters, result],
    }
