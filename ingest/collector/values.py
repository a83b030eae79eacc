"""Checks of single values against a type of a contract: shape, text, keys and kinds of change.

A check gives what is wrong with a parsed JSON value, or None; the value itself is never in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ingest.casts import RESERVED_IDS, cleaned, reads
from ingest.contracts import column_name
from ingest.types import DataType, ListOf, Scalar, Struct

Finds = Callable[[Any], str | None]
CONTAINERS: frozenset[object] = frozenset({dict, list})


class InexactError(Exception):
    """A number whose text must be known, which a float does not tell."""


def text_check(declared: str, *, is_required: bool, problem: Callable[[str], str | None]) -> Finds:
    """The check of a plain column of a declared type; `problem` judges its text, if it has any."""

    def finds(value: Any) -> str | None:
        if value is None:
            return "missing" if is_required else None
        if type(value) in CONTAINERS:
            return f"{named(value)} where the contract has {declared}"
        text = cleaned(value) if type(value) is str else leaf_text(value)
        if text is None:
            return "missing" if is_required else None
        return problem(text)

    return finds


def scalar_check(kind: Scalar, *, is_key: bool, is_judged: bool) -> Finds:
    """The check of a plain column: there and not reserved if a key, of its type if judged."""
    is_of_type = reads(kind) if is_judged else None
    wrong_type = f"not of type {kind.declared}"

    def problem(text: str) -> str | None:
        if is_key and text in RESERVED_IDS:
            return "reserved"
        if is_of_type is not None and not is_of_type(text):
            return wrong_type
        return None

    return text_check(kind.declared, is_required=is_key, problem=problem)


def op_check(value: Any) -> str | None:
    """The check of the kind of change."""
    return None if upper_text(value) in ("I", "U", "D") else "none of I, U, D"


def shape_check(kind: DataType) -> Finds:
    """Finds values that landing rejects because they contradict the declared shape."""
    if isinstance(kind, Scalar):
        return lambda value: (
            f"{named(value)} where the contract has {kind.declared}"
            if type(value) in CONTAINERS
            else None
        )
    return nested_check(kind, None)


def nested_check(kind: Struct | ListOf, pii: tuple[str, ...] | None) -> Finds:
    """The check of a struct or list; personal leaves by shape only, all leaves if `pii` is None."""
    if isinstance(kind, ListOf):
        check = _element_check(kind.element, pii)

        def finds_in_list(value: Any) -> str | None:
            if value is None:
                return None
            if type(value) is not list:
                return f"{named(value)} where the contract has a list"
            for number, item in enumerate(value, 1):
                if problem := check(item):
                    return f"{problem} (element {number})"
            return None

        return finds_in_list
    fields = {
        name: shape_check(field)
        if isinstance(field, Scalar) and (pii is None or name in pii)
        else _element_check(field, pii)
        for name, field in kind.fields
    }

    def finds_in_struct(value: Any) -> str | None:
        if value is None:
            return None
        if type(value) is not dict:
            return f"{named(value)} where the contract has a struct"
        for name, check in fields.items():
            if problem := check(_field_of(value, name)):
                return f"{name}: {problem}"
        return None

    return finds_in_struct


def _element_check(kind: DataType, pii: tuple[str, ...] | None) -> Finds:
    if isinstance(kind, Scalar):
        if pii is None:
            return shape_check(kind)
        return scalar_check(kind, is_key=False, is_judged=True)
    return nested_check(kind, pii)


def _field_of(value: Mapping[str, Any], name: str) -> Any:
    """The field of a struct under its own name or one that landing reads as it."""
    if name in value:
        return value[name]
    found = None
    for key, item in value.items():
        if column_name(key) == name:
            found = item
    return found


def leaf_text(value: Any) -> str | None:
    """The text of a plain value that is no text; raises InexactError for a float."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    raise InexactError


def plain_text(value: Any) -> str | None:
    """The cleaned text of a plain value; None for none and for a list or an object."""
    if value is None or type(value) in CONTAINERS:
        return None
    return cleaned(value) if type(value) is str else leaf_text(value)


def upper_text(value: Any) -> str:
    """The cleaned text in upper case; empty for what has none."""
    return (plain_text(value) or "").upper()


def named(value: Any) -> str:
    """What kind of JSON a value is, in words."""
    if type(value) is dict:
        return "an object"
    return "a list" if type(value) is list else "a plain value"
