"""What /docs shows of bodies and answers, made from the contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ingest.collector.checks import time_column
from ingest.collector.collector import is_collected
from ingest.contracts import Column, Contract, Contracts
from ingest.types import DataType, ListOf, Scalar

_TIME = "2025-01-31T06:00:00Z"
_NDJSON = "application/x-ndjson"
# JSON may hold a value as such or as the text that an extract would have.
_SCALARS: Mapping[str, dict[str, Any]] = {
    "varchar": {"type": "string"},
    "integer": {"type": ["integer", "string"]},
    "bigint": {"type": ["integer", "string"]},
    "double": {"type": ["number", "string"]},
    "decimal": {"type": ["number", "string"]},
    "boolean": {"type": ["boolean", "string"]},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
}
_SAMPLES: Mapping[str, Any] = {
    "integer": 1,
    "bigint": 1,
    "double": 0.5,
    "decimal": 19.9,
    "boolean": True,
    "date": _TIME[:10],
    "timestamp": _TIME,
}


SECURITY_SCHEMES: Mapping[str, Any] = {
    "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def record_paths(contracts: Contracts) -> dict[str, Any]:
    """The paths that take records, with an example for each body and answer."""
    taken = [
        contract
        for source in contracts.values()
        for contract in source.entities.values()
        if is_collected(contract)
    ]
    events = [contract for contract in taken if contract.entity == "events"]
    others = [contract for contract in taken if contract.entity != "events"]
    return {
        "/events": {
            "post": {
                "summary": "Take events: one, an array, or one per line.",
                "description": "An event without `event_id` gets one, which the answer tells.",
                **_operation(events, with_ids=True),
            }
        },
        "/records/{entity}": {
            "post": {
                "summary": "Take records of an entity: one, an array, or one per line.",
                "description": "An entity that comes as whole files is refused with 422.",
                "parameters": [
                    {
                        "name": "entity",
                        "in": "path",
                        "required": True,
                        "schema": {"enum": sorted({contract.entity for contract in others})},
                    }
                ],
                **_operation(others, with_ids=False),
            }
        },
    }


def _operation(contracts: list[Contract], *, with_ids: bool) -> dict[str, Any]:
    optional = frozenset({"event_id"}) if with_ids else frozenset[str]()
    return {
        "tags": ["Send"],
        "requestBody": request_body(contracts, optional=optional),
        "responses": {str(code): told for code, told in answers(with_ids=with_ids).items()},
        "security": [{name: []} for name in SECURITY_SCHEMES],
    }


def record_schema(contract: Contract, *, optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The JSON schema of one record; columns in `optional` need not be there."""
    return {
        "title": f"{contract.source}.{contract.entity}",
        "description": contract.description,
        "type": "object",
        "properties": {c.name: _column_schema(c) for c in contract.columns},
        "required": [
            c.name
            for c in contract.columns
            if (c.required or c.name == time_column(contract)) and c.name not in optional
        ],
        "additionalProperties": True,
        "example": sample(contract),
    }


def sample(contract: Contract) -> dict[str, Any]:
    """A record that is accepted, with a value for every column."""
    return {column.name: _sample(column.name, column.type) for column in contract.columns}


def request_body(
    contracts: list[Contract], *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The body of a request with records of one of these contracts."""
    schemas = [record_schema(contract, optional=optional) for contract in contracts]
    one: dict[str, Any] = {"anyOf": schemas}
    examples: dict[str, Any] = {}
    lines = {}
    for contract in contracts:
        name = f"{contract.source}.{contract.entity}"
        record = sample(contract)
        examples[f"one of {name}"] = {"value": record}
        examples[f"several of {name}"] = {"value": [record, record]}
        lines[name] = {"value": f"{json.dumps(record)}\n{json.dumps(record)}\n"}
    several: dict[str, Any] = {"anyOf": [one, {"type": "array", "items": one}]}
    return {
        "required": True,
        "description": "May be gzipped, with Content-Encoding: gzip.",
        "content": {
            "application/json": {"schema": several, "examples": examples},
            _NDJSON: {"schema": {"type": "string"}, "examples": lines},
        },
    }


def answers(*, with_ids: bool) -> dict[int, dict[str, Any]]:
    """The answers to a request with records, by status."""
    accepted: dict[str, Any] = {"index": 0, "status": "accepted", "errors": []}
    rejected: dict[str, Any] = {
        "index": 1,
        "status": "rejected",
        "errors": [{"field": "occurred_at", "problem": "not of type timestamp"}],
    }
    if with_ids:
        accepted["event_id"] = "0b8f3c52-7b1e-4a52-9d4e-6a9f8f0f7c11"
        rejected["event_id"] = None
    return {
        202: _told("Every record is on disk", [accepted]),
        207: _told("Some records are on disk, the others are rejected", [accepted, rejected]),
        400: _refusal(
            "The body cannot be read",
            {
                "error": "The body is not valid JSON at line 1, column 17.",
                "remedy": f"Send an event, an array of events, or one event per line as {_NDJSON}.",
                "line": 1,
                "column": 17,
            },
        ),
        401: _refusal("No key, or none that is known", _error("The API key is missing.")),
        404: _refusal("The source has no such entity", _error("There is no such entity.")),
        408: _refusal("The body took too long", _error("The body did not arrive in time.")),
        413: _refusal("Too many bytes or records", _error("The body has too many bytes.")),
        415: _refusal("Unknown encoding", _error("The encoding of the body is unknown.")),
        405: _refusal("Records come by POST", _error("Records come by POST.")),
        422: _told(
            "Every record is rejected, or the entity comes as whole files only",
            [{**rejected, "index": 0}],
        ),
        429: _refusal(
            "The key sends too fast, or too much is waiting for the disk; see Retry-After",
            _error("The key sends more records per second than it may."),
        ),
        503: _refusal(
            "The disk did not take the records (see Retry-After), or the keys cannot be read",
            _error("The records could not be written to disk; none was taken."),
        ),
    }


def _told(description: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    accepted = sum(record["status"] == "accepted" for record in records)
    example = {"accepted": accepted, "rejected": len(records) - accepted, "records": records}
    return {"description": description, "content": {"application/json": {"example": example}}}


def _refusal(description: str, example: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


def _error(message: str) -> dict[str, Any]:
    return {"error": message, "remedy": "What to do about it."}


def _column_schema(column: Column) -> dict[str, Any]:
    schema = {**_type_schema(column.type), "description": column.description}
    if column.synonyms:
        schema["description"] += f" Also read as: {', '.join(column.synonyms)}."
    return schema


def _type_schema(kind: DataType) -> dict[str, Any]:
    if isinstance(kind, Scalar):
        return dict(_SCALARS[kind.declared.partition("(")[0]])
    if isinstance(kind, ListOf):
        return {"type": "array", "items": _type_schema(kind.element)}
    return {
        "type": "object",
        "properties": {name: _type_schema(field) for name, field in kind.fields},
    }


def _sample(name: str, kind: DataType) -> Any:
    if isinstance(kind, ListOf):
        return [_sample(name, kind.element)]
    if not isinstance(kind, Scalar):
        return {field: _sample(field, inner) for field, inner in kind.fields}
    if name == "op":
        return "I"
    return _SAMPLES.get(kind.declared.partition("(")[0], name.replace("_", " "))
