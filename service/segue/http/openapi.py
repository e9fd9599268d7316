"""The OpenAPI 3.1 document, made from the table of routes (A-78)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from segue.http.operations import WORDS, Operation, Parameter
from segue.http.refusal import FHIR, PROBLEM

_SCHEMAS: dict[str, Any] = {
    PROBLEM: {"$ref": "#/components/schemas/Problem"},
    FHIR: {"$ref": "#/components/schemas/Resource"},
    "application/vnd.segue+json": {"$ref": "#/components/schemas/Envelope"},
    "application/json": {"type": "object"},
}

COMPONENTS: dict[str, Any] = {
    "Resource": {"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}}},
    "Issue": {
        "type": "object",
        "required": ["severity", "code", "type", "text"],
        "properties": {
            "severity": {"enum": ["fatal", "error", "warning", "information"]},
            "code": {"type": "string"},
            "hl7": {"type": "string", "description": "HL7 table 0357"},
            "type": {"type": "string", "description": "FHIR IssueType"},
            "text": {"type": "string"},
            "hint": {"type": "string"},
            "v2": {"type": "string", "examples": ["PID[1]-7[1].1"]},
            "fhirpath": {"type": "string"},
            "rule": {"type": "string"},
            "count": {"type": "integer", "description": "Where more than 200 issues are counted by code"},
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "instance", "issues"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "issues": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}},
        },
    },
    "Envelope": {
        "type": "object",
        "required": ["controlId", "event", "pack", "bundle", "issues"],
        "properties": {
            "controlId": {"type": "string"},
            "event": {"type": "string"},
            "pack": {"type": "object"},
            "bundle": {"$ref": "#/components/schemas/Resource"},
            "issues": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}},
            "ledger": {"type": "array", "items": {"type": "object"}},
            "lineage": {"type": "array", "items": {"type": "object"}},
        },
    },
}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    info = {
        "title": "Segue",
        "version": version("segue"),
        "description": "HL7 v2 messages in, valid FHIR R4 Bundles out.",
    }
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": COMPONENTS}}


def _operation(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": WORDS[200], "content": _content(operation.answers)}}
    for status in operation.failures:
        kinds = (operation.failure_type,) if status != 304 else ()
        if operation.name == "readyz":
            kinds = operation.answers
        responses[str(status)] = {"description": WORDS[status], **({"content": _content(kinds)} if kinds else {})}
    out: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary, "responses": responses}
    if operation.parameters:
        out["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.takes:
        out["requestBody"] = {"required": True, "content": {kind: {"schema": _body(kind)} for kind in operation.takes}}
    return out


def _parameter(parameter: Parameter) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.text,
        "schema": dict(parameter.schema),
    }
    return out | {"required": True} if parameter.where == "path" else out


def _content(kinds: tuple[str, ...]) -> dict[str, Any]:
    return {kind: {"schema": _SCHEMAS.get(kind, {"type": "string"})} for kind in kinds}


def _body(kind: str) -> dict[str, Any]:
    return {"type": "object"} if kind.endswith("json") else {"type": "string"}
