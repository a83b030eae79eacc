"""JSON values under the shape of a contract, every leaf as the text it was delivered in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ingest.contracts import column_name
from ingest.types import DataType, ListOf, Scalar, lake_arrow

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def on_one_line(text: bytes) -> bytes:
    """In valid JSON a raw line break stands between tokens only, where a space means the same."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")


class ShapeError(ValueError):
    """A value that contradicts the declared shape, or text that is not JSON."""


class DuplicateKeyError(ValueError):
    """An object that names a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DuplicateKeyError(f"the key {twice!r} occurs twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ShapeError(f"{name} is not JSON")


# Numbers stay the text they were written in: 1.10 is not 1.1, and no digit is lost.
DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_unique
)


def decode_json(text: str) -> Any:
    """The JSON value of a text, numbers as text.

    Raises ShapeError for anything that is not one JSON value of encodable text.
    """
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ShapeError(f"not valid JSON: {error.msg} at character {error.pos + 1}") from error
    except DuplicateKeyError as error:
        raise ShapeError(str(error)) from error
    except RecursionError as error:
        raise ShapeError("JSON nested too deeply") from error
    refuse_surrogates(text, value)
    return value


def refuse_surrogates(text: str, value: Any) -> None:
    """Raises ShapeError when an escape in `text` made half a surrogate pair in `value`."""
    if _ESCAPED_SURROGATE.search(text) and any(_LONE_SURROGATE.search(s) for s in strings(value)):
        raise ShapeError("not valid JSON: half of a surrogate pair")


def strings(value: Any) -> Iterator[str]:
    """Every string of a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def to_leaves(value: Any, kind: DataType, path: str) -> Any:
    """The value with text leaves under the declared shape; absent fields are None.

    Raises ShapeError naming the path where value and shape contradict each other.
    """
    if value is None:
        return None
    if isinstance(kind, Scalar):
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        raise ShapeError(f"{path} is {_named(value)} where the contract has {kind.declared}")
    if isinstance(kind, ListOf):
        if not isinstance(value, list):
            raise ShapeError(f"{path} is {_named(value)} where the contract has a list")
        return [
            to_leaves(item, kind.element, f"{path}[{number}]")
            for number, item in enumerate(value, 1)
        ]
    if not isinstance(value, dict):
        raise ShapeError(f"{path} is {_named(value)} where the contract has a struct")
    fields = {}
    names = {name: name for name in value} | {column_name(name): name for name in value}
    for name, field in kind.fields:
        source = name if name in value else names.get(name)
        fields[name] = to_leaves(value.get(source), field, f"{path}.{name}") if source else None
    return fields


def unknown_fields(value: Any, kind: DataType, path: str) -> Iterator[str]:
    """The paths of struct fields that the contract does not have."""
    if isinstance(kind, ListOf) and isinstance(value, list):
        for item in value:
            yield from unknown_fields(item, kind.element, path)
    elif not isinstance(kind, Scalar | ListOf) and isinstance(value, dict):
        declared = dict(kind.fields)
        for name, item in value.items():
            field = declared.get(column_name(name))
            if field is None:
                yield f"{path}.{name}"
            else:
                yield from unknown_fields(item, field, f"{path}.{name}")


def from_json_text(text: str, kind: DataType, path: str) -> Any:
    """The leaves of a JSON text under a declared shape; raises ShapeError."""
    try:
        return to_leaves(decode_json(text), kind, path)
    except RecursionError as error:
        raise ShapeError("JSON nested too deeply") from error


def longest_leaf(value: Any) -> int:
    """The bytes of the longest text in a value of leaves."""
    return max((len(text.encode()) for text in strings(value)), default=0)


def nested_array(values: Sequence[Any], kind: DataType) -> pa.Array:
    """An Arrow array of leaves in the lake's shape of the declared type."""
    return pa.array(values, lake_arrow(kind))


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return "a boolean" if isinstance(value, bool) else "a plain value"
