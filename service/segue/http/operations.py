"""The table of routes: what exists, what it takes and what it may answer. Router and OpenAPI are both made from it
(A-78)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from segue.http import conversion, fhir, health, media, messages, terminology, unmapped
from segue.http.refusal import FHIR, PROBLEM
from segue.inbox.entry import STATES
from segue.options import BUNDLES, RESIDUES

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or header."""

    name: str
    text: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    where: str = "query"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route and method."""

    path: str
    method: str
    name: str
    summary: str
    handler: Handler
    answers: tuple[str, ...]  # media types of the 200
    parameters: tuple[Parameter, ...] = ()
    takes: tuple[str, ...] = ()  # media types of the body
    failures: tuple[int, ...] = ()
    failure_type: str = PROBLEM


WORDS = {
    200: "Done; V2fhir-Issues counts what is to be said.",
    202: "In the journal, synced to disk; the rest goes on (Location).",
    304: "Not modified.",
    400: "The message has no readable MSH, or a parameter is wrong.",
    404: "Nothing at this path.",
    405: "Wrong method.",
    406: "None of the media types asked for can be made.",
    408: "The body did not arrive in time.",
    409: "The entry has changed meanwhile, or newer messages about the same patient were delivered.",
    412: "If-Match names other rules than the active ones.",
    413: "Over a size limit; the answer names it.",
    415: "The body's media type or encoding is not taken.",
    422: "Readable, but not convertible.",
    500: "A bug; the answer holds a correlation id only.",
    503: "At the limit or stopping; try again.",
}

_PIN = Parameter(
    "If-Match", "The digest of the rules that the caller relies on (ETag of an earlier answer).", where="header"
)
_REQUEST_ID = Parameter("X-Request-Id", "Echoed, and part of every problem.", where="header")
_PREFER = Parameter("Prefer", "handling=strict, handling=lenient, return=OperationOutcome.", where="header")
_ENTRY_ID = Parameter("id", "Id of the entry.", where="path")
_NUMBER = Parameter("id", "The message's number in the journal.", {"type": "integer"}, "path")
_BOOLEAN = {"type": "boolean", "default": False}

_DRY_RUN = Parameter("dry-run", "true: only say what would be done.", _BOOLEAN)

CONVERT_PARAMETERS = (
    Parameter("bundle", "Kind of Bundle.", {"type": "string", "enum": list(BUNDLES), "default": "transaction"}),
    Parameter("timezone", "Zone of times without one: America/Toronto, -05:00. Without it they become dates."),
    Parameter("site", "Site overlay by name; default: chosen by MSH-3/4/9/12."),
    Parameter("pack", "The mapping pack that must be active: name, name@version or name@sha256:…"),
    Parameter("event", "Treat the message as this structure (ADT_A01); default: MSH-9."),
    Parameter("strict", "true: any issue of severity error fails the request.", _BOOLEAN),
    Parameter("report", "Comma list of issues, ledger, lineage: answer with the envelope."),
    Parameter("charset", "Character set of the body, over everything else."),
    Parameter(
        "residue", "Fields without a home in FHIR.", {"type": "string", "enum": list(RESIDUES), "default": "report"}
    ),
    Parameter("narrative", "true: each resource has a text for a reader.", _BOOLEAN),
    _PREFER,
    _PIN,
    _REQUEST_ID,
)

_MAP_ID = Parameter("id", "Id of a loaded map.", where="path")
TRANSLATE_PARAMETERS = (
    Parameter("code", "Code to translate (R4; in R5 sourceCode)."),
    Parameter("sourceCode", "Code to translate (R5)."),
    Parameter("system", "Its code system: URI, OID or name of table 0396; any without it."),
    Parameter("targetsystem", "Code system wanted (R4; in R5 targetSystem)."),
    Parameter("targetSystem", "Code system wanted (R5)."),
    Parameter("url", "URL of the map; every loaded one without it."),
    Parameter("source", "Value set of the code; accepted, does not narrow (R4; in R5 sourceScope)."),
    Parameter("target", "Value set wanted; accepted, does not narrow (R4; in R5 targetScope)."),
)


def _translations() -> tuple[Operation, ...]:
    """$translate over all maps and over one, asked by GET and by POST."""
    out: list[Operation] = []
    for path, own, name in (
        ("/fhir/ConceptMap/$translate", (), "translate"),
        ("/fhir/ConceptMap/{id}/$translate", (_MAP_ID,), "translateBy"),
    ):
        for method in ("GET", "POST"):
            post = method == "POST"
            out.append(
                Operation(
                    path, method, name + ("Body" if post else ""), "Translations of a code by the loaded maps and tables.",
                    terminology.translate, media.BUNDLE, own if post else (*own, *TRANSLATE_PARAMETERS),
                    media.BUNDLE if post else (), (400, 406, 408, 413, 415) if post else (400, 406), FHIR,
                )
            )  # fmt: skip
    return tuple(out)


OPERATIONS = (
    Operation(
        "/v1/convert",
        "POST",
        "convert",
        "An HL7 v2 message or batch in, FHIR R4 Bundles out. Nothing is stored.",
        conversion.convert,
        media.CONVERT,
        CONVERT_PARAMETERS,
        (*media.ER7, media.FORM),
        (400, 406, 408, 412, 413, 415, 422, 500, 503),
    ),
    Operation(
        "/fhir/$convert-data",
        "POST",
        "convertData",
        "The same conversion as a FHIR operation: Parameters in, Bundle out.",
        fhir.convert_data,
        media.BUNDLE,
        (_PREFER, _PIN, _REQUEST_ID),
        media.BUNDLE,
        (400, 406, 408, 412, 413, 415, 422, 500, 503),
        FHIR,
    ),
    Operation(
        "/fhir/metadata",
        "GET",
        "metadata",
        "CapabilityStatement.",
        fhir.metadata,
        media.BUNDLE,
        failures=(304, 406),
        failure_type=FHIR,
    ),
    Operation(
        "/fhir/OperationDefinition/convert-data",
        "GET",
        "convertDataDefinition",
        "What $convert-data takes.",
        fhir.operation,
        media.BUNDLE,
        failures=(304, 406),
        failure_type=FHIR,
    ),
    *_translations(),
    Operation(
        "/fhir/ConceptMap",
        "GET",
        "conceptMaps",
        "The loaded maps and tables.",
        terminology.search,
        media.BUNDLE,
        (
            Parameter("_id", "Id of a map."),
            Parameter("url", "URL of a map."),
            Parameter("name", "Name of a table."),
            Parameter("source-system", "URI of the code system that a map translates."),
            Parameter("target-system", "URI of the code system that a map leads to."),
        ),
        failures=(400, 406),
        failure_type=FHIR,
    ),
    Operation(
        "/fhir/ConceptMap/{id}",
        "GET",
        "conceptMap",
        "One loaded map.",
        terminology.concept_map,
        media.BUNDLE,
        (_MAP_ID,),
        failures=(404, 406),
        failure_type=FHIR,
    ),
    *(
        Operation(
            "/fhir/CodeSystem/$lookup",
            method,
            "lookup" if method == "GET" else "lookupBody",
            "Display of a code of a loaded HL7 table.",
            terminology.lookup,
            media.BUNDLE,
            (Parameter("system", "URI, OID or name of the code system."), Parameter("code", "The code."))
            if method == "GET"
            else (),
            media.BUNDLE if method == "POST" else (),
            (400, 404, 406) if method == "GET" else (400, 404, 406, 408, 413, 415),
            FHIR,
        )
        for method in ("GET", "POST")
    ),
    Operation(
        "/v1/unmapped",
        "GET",
        "listUnmapped",
        "The inbox of unmapped codes: JSON, or a sheet whose targets are to be filled in.",
        unmapped.listed,
        (media.JSON, media.CSV),
        (
            Parameter("sender", "MSH-3|MSH-4."),
            Parameter("state", "State of the entries.", {"type": "string", "enum": list(STATES)}),
            Parameter("since", "Seen since this time, ISO 8601."),
        ),
        failures=(400, 404, 406),
    ),
    Operation(
        "/v1/unmapped",
        "POST",
        "acceptSheet",
        "A filled sheet: each row with a target goes into its sender's map, all or none.",
        unmapped.taken,
        (media.JSON,),
        (_DRY_RUN,),
        (media.CSV,),
        (400, 404, 409, 413, 415, 422),
    ),
    Operation(
        "/v1/unmapped/{id}",
        "GET",
        "showUnmapped",
        "One entry, with suggestions and the choices of its element.",
        unmapped.one,
        (media.JSON,),
        (_ENTRY_ID,),
        failures=(404,),
    ),
    Operation(
        "/v1/unmapped/{id}",
        "POST",
        "decideUnmapped",
        "Decide an entry: map, ignore, reopen, undo.",
        unmapped.decided,
        (media.JSON,),
        (
            _ENTRY_ID,
            _DRY_RUN,
            Parameter("If-Match", "Version of the entry (ETag of an earlier answer).", where="header"),
        ),
        (media.JSON,),
        (400, 404, 409, 413, 422),
    ),
    Operation(
        "/v1/messages",
        "POST",
        "takeMessage",
        "An HL7 v2 message or batch into the journal, as over MLLP: an acknowledgement or a receipt out.",
        messages.take,
        messages.ANSWERS,
        (
            Parameter(
                "ack",
                "What has to have happened before the answer; default: converted.",
                {"type": "string", "enum": ["received", "converted", "delivered"]},
            ),
            _REQUEST_ID,
        ),
        (*media.ER7, media.FORM),
        (202, 400, 404, 406, 408, 413, 415, 500, 503),
    ),
    Operation(
        "/v1/messages",
        "GET",
        "listMessages",
        "Messages of the journal, newest first, and how many are in which state.",
        messages.listing,
        (media.JSON,),
        (
            Parameter("controlId", "MSH-10."),
            Parameter("number", "Of a patient, visit or order."),
            Parameter("sender", "MSH-3|MSH-4."),
            Parameter("listener", "The listener that took it; http for this route."),
            Parameter("type", "MSH-9: ADT^A01."),
            Parameter("state", "One state, or several with commas."),
            Parameter("since", "Received at or after."),
            Parameter("until", "Received before."),
            Parameter("before", "Numbers below: the next of an earlier answer.", {"type": "integer"}),
            Parameter("limit", "Most messages; default 50, at most 1000.", {"type": "integer"}),
        ),
        failures=(400, 404, 500, 503),
    ),
    Operation(
        "/v1/messages/{id}",
        "GET",
        "readMessage",
        "One message: state, timeline, deliveries, issues.",
        messages.one,
        (media.JSON,),
        (_NUMBER, Parameter("include", "raw, bundle: patient data, as received and as made.")),
        failures=(400, 404, 500, 503),
    ),
    Operation(
        "/v1/messages/{id}/replay",
        "POST",
        "replayMessage",
        "Works on a message again, with the present rules, as the newest of its patient.",
        messages.replay,
        (media.JSON,),
        (
            _NUMBER,
            Parameter("dry-run", "true: only what would differ.", _BOOLEAN),
            Parameter("reason", "Why; kept in the timeline."),
            Parameter("stale", "apply: also over newer messages.", {"type": "string", "enum": ["apply"]}),
        ),
        failures=(202, 400, 404, 409, 500, 503),
    ),
    Operation(
        "/v1/messages/{id}/resend",
        "POST",
        "resendMessage",
        "A corrected text as a new message in the place of one that is held or done, which stays as it is.",
        messages.resend,
        (media.JSON,),
        (
            _NUMBER,
            Parameter("reason", "Why; kept in the timeline of both."),
            Parameter("by", "Who; kept with the address."),
            Parameter("stale", "apply: also over newer messages.", {"type": "string", "enum": ["apply"]}),
        ),
        (*media.ER7, media.FORM),
        (202, 400, 404, 408, 409, 413, 415, 500, 503),
    ),
    Operation(
        "/v1/messages/{id}/acknowledge",
        "POST",
        "acknowledgeMessage",
        "Sends the application acknowledgement of a message again that was given up, or drops it.",
        messages.acknowledgement,
        (media.JSON,),
        (
            _NUMBER,
            Parameter("reason", "Why; kept in the timeline."),
            Parameter("drop", "true: never send it; readiness tells of it no more.", _BOOLEAN),
        ),
        failures=(202, 400, 404, 500, 503),
    ),
    Operation("/livez", "GET", "livez", "200 while the process lives.", health.livez, (media.JSON,)),
    Operation(
        "/readyz",
        "GET",
        "readyz",
        "200 while work is welcome; names each check.",
        health.readyz,
        (media.JSON,),
        failures=(503,),
    ),
)
