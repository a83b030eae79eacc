"""A landed row as it may be shown: personal data as tokens, as quarantine shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ingest.contracts import Column, Contract
from ingest.pii import pii_token
from ingest.types import ListOf, Struct

_BLANKS = " \t\n\r\xa0"
_ADDRESS = re.compile(r'[^\s"@\\]+@[^\s"@\\]+')
_TELEPHONE = re.compile(r"[+][0-9][0-9 ()/-]{6,}[0-9]")


def masked_row(row: Mapping[str, Any], contract: Contract, key: bytes) -> dict[str, Any]:
    """The contract's columns of a lake row, leaves of personal data as HMAC tokens.

    Of structs that hold personal data every leaf is a value of its own, of lists the fields
    without it. Addresses and telephone numbers in other text are blotted out. The same as the
    macro `raw_content`.
    """
    shown: dict[str, Any] = {}
    for column in contract.columns:
        value = row[column.name]
        if not column.pii:
            shown[column.name] = value
        elif isinstance(column.type, ListOf):
            shown[column.name] = _without_personal_fields(value, column)
        elif isinstance(column.type, Struct):
            for name, _ in column.type.fields:
                leaf = None if value is None else value[name]
                masked = _token(leaf, key) if name in column.pii else leaf
                shown[f"{column.name}_{name}"] = masked
        else:
            shown[column.name] = _token(value, key)
    return {name: _strings(value, _blotted) for name, value in shown.items()}


def _without_personal_fields(value: Any, column: Column) -> Any:
    if value is None:
        return None
    return [
        None
        if element is None
        else {name: leaf for name, leaf in element.items() if name not in column.pii}
        for element in value
    ]


def _token(text: str | None, key: bytes) -> str | None:
    cleaned = (text or "").strip(_BLANKS)
    return pii_token(cleaned.lower(), key) if cleaned else None


def _blotted(text: str) -> str:
    return _TELEPHONE.sub("+***", _ADDRESS.sub("***@***", text))


def _strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _strings(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_strings(item, change) for item in value]
    return value
