"""Which text staging reads as a type: the rules of macros/contract.sql, told before it is landed.

A test holds both against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from ingest.errors import ContractError
from ingest.types import Scalar

BLANKS = " \t\n\r\xa0"
RESERVED_IDS = frozenset({"-1", "-2"})

_INTEGER = re.compile(r"[+-]?0*([0-9]+?)(?:[.]0*)?")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEAN = re.compile(r"[tT]rue|TRUE|[fF]alse|FALSE|[tTfF01]")
_DATE = re.compile(r"((?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2})(?:[ T]00:00(?::00(?:[.]0+)?)?)?")
_TIMESTAMP = re.compile(
    r"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
    r"(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?"
    r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?"
)
_MIDNIGHT_AFTER = re.compile(r"24:00(?::00(?:[.]0+)?)?(?![0-9.:])")
_DECIMAL_TYPE = re.compile(r"decimal\((\d+),(\d+)\)")
_BITS = {"integer": 31, "bigint": 63}

Reads = Callable[[str], bool]


def cleaned(text: str) -> str | None:
    """Text without white space around it; None where nothing is left."""
    return text.strip(BLANKS) or None


@cache
def reads(kind: Scalar) -> Reads:
    """Tells of a cleaned text whether staging reads it as a value of the type.

    Raises ContractError for a type that no rule is written for.
    """
    name = kind.declared
    if name in _BITS:
        bound = 1 << _BITS[name]
        return lambda text: _is_integer(text, bound)
    if found := _DECIMAL_TYPE.fullmatch(name):
        return _decimal_reader(int(found[1]), int(found[2]))
    match name:
        case "varchar":
            return lambda text: True
        case "double":
            return lambda text: _DOUBLE.fullmatch(text) is not None
        case "boolean":
            return lambda text: _BOOLEAN.fullmatch(text) is not None
        case "date":
            return _is_date
        case "timestamp":
            return lambda text: moment(text) is not None
    raise ContractError(
        f"There is no rule for text of type {name}.", "Use a type that staging can cast."
    )


def moment(text: str) -> datetime | None:
    """The time a cleaned text stands for, with its offset if it has one; None if it is no time."""
    if _TIMESTAMP.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if not _MIDNIGHT_AFTER.match(text, 11):
        return None
    try:
        return datetime.fromisoformat(f"{text[:11]}00{text[13:]}") + timedelta(days=1)
    except ValueError:
        return None


def aware(when: datetime, zone: ZoneInfo) -> datetime:
    """A time with its offset; one without is told by the clocks of `zone`."""
    return when if when.tzinfo else when.replace(tzinfo=zone)


def _is_integer(text: str, bound: int) -> bool:
    found = _INTEGER.fullmatch(text)
    if found is None or len(found[1]) > 19:
        return False
    value = int(found[1])
    return -bound <= -value if text[0] == "-" else value < bound


def _decimal_reader(precision: int, scale: int) -> Reads:
    pattern = re.compile(
        rf"[+-]?(?:0*([0-9]+?)(?:[.][0-9]{{0,{scale}}}0*)?|[.][0-9]{{1,{scale}}}0*)"
    )

    def is_decimal(text: str) -> bool:
        found = pattern.fullmatch(text)
        if found is None:
            return False
        whole = found[1]
        return whole is None or whole == "0" or len(whole) <= precision - scale

    return is_decimal


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    try:
        date.fromisoformat(found[1])
    except ValueError:
        return False
    return True
