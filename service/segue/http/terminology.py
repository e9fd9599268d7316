"""ConceptMap and CodeSystem routes over what is loaded: read, search, $translate, $lookup (A-63, T-22).

Parameters have the names of R4 or of R5, never both; the answer is in the dialect of the question. Nothing is stored.
"""

from __future__ import annotations

from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from segue.http import media, query
from segue.http.body import read
from segue.http.refusal import RequestError
from segue.http.service import VARY, service
from segue.issues import issue
from segue.options import did_you_mean
from segue.terminology.conceptmap import URL
from segue.terminology.resources import Match, all_maps, looked_up, translated

R4 = ("code", "coding", "codeableConcept", "source", "target", "targetsystem")
R5 = ("sourceCode", "sourceCoding", "sourceCodeableConcept", "sourceScope", "targetScope", "targetSystem")
SHARED = ("url", "conceptMapVersion", "system", "version")
KNOWN = (*SHARED, *R4, *R5)
RELATIONSHIPS = {
    "equal": "equivalent", "equivalent": "equivalent", "wider": "source-is-narrower-than-target", "subsumes": "source-is-broader-than-target",
    "narrower": "source-is-broader-than-target", "specializes": "source-is-narrower-than-target", "inexact": "related-to",
    "relatedto": "related-to", "unmatched": "not-related-to", "disjoint": "not-related-to",
}  # fmt: skip
NO_MATCH = frozenset(("unmatched", "disjoint"))
Json = dict[str, Any]


async def search(request: Request) -> Response:
    """GET /fhir/ConceptMap."""
    known = ("_id", "url", "name", "source-system", "target-system")
    asked = dict(query.pairs(request.scope["query_string"], known)) if request.scope["query_string"] else {}
    found = [one for one in all_maps(service(request).converter.terminology) if _fits(one, asked)]
    entries = [{"fullUrl": one["url"], "resource": one, "search": {"mode": "match"}} for one in found]
    return _answer(request, {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries} if found
                   else {"resourceType": "Bundle", "type": "searchset", "total": 0})  # fmt: skip


async def concept_map(request: Request) -> Response:
    """GET /fhir/ConceptMap/{id}."""
    name = request.path_params["id"]
    found = next((one for one in all_maps(service(request).converter.terminology) if one["id"] == name), None)
    if found is None:
        raise RequestError(issue("request.path", hint="GET /fhir/ConceptMap lists the maps."))
    return _answer(request, found)


async def translate(request: Request) -> Response:
    """GET and POST /fhir/ConceptMap/$translate and /fhir/ConceptMap/{id}/$translate."""
    asked = await _asked(request, KNOWN)
    old, new = [n for n in asked if n in R4], [n for n in asked if n in R5]
    if old and new:
        raise _bad(f"{old[0]} is a name of R4 and {new[0]} one of R5; use those of one version.")
    terminology = service(request).converter.terminology
    url = URL + request.path_params["id"] if "id" in request.path_params else str(asked.get("url", ""))
    target = str(asked.get("targetsystem", asked.get("targetSystem", "")))
    matches: list[Match] = []
    for system, code in _codings(asked):
        found = translated(terminology, url, system, code, target)
        if found is None:
            raise _bad("No map of that URL is loaded; GET /fhir/ConceptMap lists them.")
        matches += found
    return _answer(request, _parameters(matches, r5=bool(new)))


async def lookup(request: Request) -> Response:
    """GET and POST /fhir/CodeSystem/$lookup."""
    asked = await _asked(request, ("code", "system", "version", "coding", "property", "displayLanguage"))
    ((system, code), *_) = _codings(asked)
    if not system:
        raise _bad("system is missing.")
    display = looked_up(service(request).converter.terminology, system, code)
    if display is None:
        raise RequestError(issue("terminology.code-unknown", hint="Loaded are the HL7 tables (v2-nnnn)."))
    parts = [{"name": "name", "valueString": system}, {"name": "display", "valueString": display or code}]
    return _answer(request, {"resourceType": "Parameters", "parameter": parts})


def _fits(one: Json, asked: dict[str, str]) -> bool:
    groups: list[Json] = one.get("group", [])
    return all(
        any(g.get(name.removesuffix("-system")) == value for g in groups)
        if name.endswith("-system")
        else str(one.get(name.removeprefix("_"), "")) == value
        for name, value in asked.items()
    )


async def _asked(request: Request, known: tuple[str, ...]) -> dict[str, Any]:
    """Parameters of the query or of a Parameters body."""
    if request.method == "GET":
        text = request.scope["query_string"]
        return dict(query.pairs(text, known)) if text else {}
    kind, _ = media.body_type(request.headers.get("content-type", media.FHIR_JSON))
    if kind not in media.BUNDLE:
        raise RequestError(issue("request.media-type", hint=f"Taken: {', '.join(media.BUNDLE)}."))
    limits = service(request).settings.limits
    body = await read(request, limits.json_bytes, "limits.json_bytes", ratio=limits.gzip_ratio, wait_s=limits.body_s)
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestError(issue("request.body", hint="The body is not JSON.")) from None
    listed: Any = cast("Json", found).get("parameter", []) if isinstance(found, dict) else None
    if not isinstance(listed, list) or cast("Json", found).get("resourceType") != "Parameters":
        raise RequestError(issue("request.body", hint="The body has to be a Parameters resource."))
    out: dict[str, Any] = {}
    for part in cast("list[Any]", listed):
        fields: Json = cast("Json", part) if isinstance(part, dict) else {}
        name = str(fields.get("name", ""))
        if name not in known:
            raise RequestError(issue("request.parameter-unknown", hint=did_you_mean(name, known)))
        values = [value for key, value in fields.items() if key.startswith("value")]
        if len(values) != 1 or name in out:
            raise _bad(f"{name} takes one value.")
        out[name] = values[0]
    return out


def _codings(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """The codes asked for, as system and code."""
    for name in ("coding", "sourceCoding", "codeableConcept", "sourceCodeableConcept"):
        value: Any = asked.get(name)
        if value is None:
            continue
        if not isinstance(value, dict):
            raise _bad(f"{name} needs a body: POST Parameters.")
        fields = cast("Json", value)
        listed: Any = [fields] if name.lower().endswith("coding") else fields.get("coding", [])
        items = cast("list[Any]", listed) if isinstance(listed, list) else []
        found = [(str(c.get("system", "")), str(c["code"])) for c in items if isinstance(c, dict) and "code" in c]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        if not found:
            raise _bad(f"{name} holds no code.")
        return found
    code = asked.get("code", asked.get("sourceCode"))
    if not isinstance(code, str) or not code:
        raise _bad("A code is missing: code (R4), sourceCode (R5), or a coding.")
    return [(str(asked.get("system", "")), code)]


def _parameters(matches: list[Match], *, r5: bool) -> Json:
    """The answer; `result` is true when some match is one."""
    found: list[Json] = []
    for match in dict.fromkeys(matches):
        word = {"name": "relationship", "valueCode": RELATIONSHIPS[match.equivalence]} if r5 else {
            "name": "equivalence", "valueCode": match.equivalence}  # fmt: skip
        parts: list[Json] = [word]
        if match.target is not None:
            named = {"system": match.target.system, "code": match.target.code, "display": match.target.display}
            parts.append({"name": "concept", "valueCoding": {k: v for k, v in named.items() if v}})
        origin = {"name": "originMap", "valueUri": match.source} if r5 else {"name": "source", "valueUri": match.source}
        found.append({"name": "match", "part": [*parts, origin]})
    result = any(match.equivalence not in NO_MATCH for match in matches)
    parameters: list[Json] = [{"name": "result", "valueBoolean": result}]
    if not result:
        parameters.append({"name": "message", "valueString": "No loaded map has a translation of the code."})
    return {"resourceType": "Parameters", "parameter": [*parameters, *found]}


def _answer(request: Request, resource: Json) -> Response:
    kind = media.negotiated(request.headers.get("accept", ""), media.BUNDLE)
    headers = {"ETag": service(request).rules.etag, "Cache-Control": "no-store", "Vary": VARY}
    return Response(orjson.dumps(resource), media_type=kind, headers=headers)


def _bad(hint: str) -> RequestError:
    return RequestError(issue("request.parameter-value", hint=hint))
