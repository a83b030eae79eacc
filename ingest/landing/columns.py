"""Matches the columns of a delivered file to the columns of its contract."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ingest.contracts import Contract, column_name
from ingest.errors import RefusedFileError

_IDENTIFIER = re.compile(r"\(unnamed\)|[^\W\d][\w ./-]{0,62}")


@dataclass(frozen=True)
class ColumnMap:
    """Where each contract column is found.

    `positions` holds, for every contract column in contract order, its index in the file or None;
    `mapping` maps the file's column names to contract columns.
    """

    positions: tuple[int | None, ...]
    mapping: dict[str, str]
    notes: tuple[str, ...]


def lookup(contract: Contract) -> dict[str, str]:
    """Normalised names and synonyms of the contract, each with its contract column."""
    names = {synonym: c.name for c in contract.columns for synonym in c.synonyms}
    names.update({c.name: c.name for c in contract.columns})
    return names


def count_known(contract: Contract, headers: Iterable[str]) -> int:
    """How many of these headers are columns of the contract."""
    names = lookup(contract)
    return sum(column_name(header) in names for header in headers)


def match_columns(contract: Contract, headers: Sequence[str]) -> ColumnMap:
    """The map from a file's header to the contract.

    Raises RefusedFileError for a repeated header, two columns that stand for one, a missing
    required column, or a header without any column of the contract.
    """
    names = lookup(contract)
    normalised = [column_name(header) for header in headers]
    if repeated := [name for name, times in Counter(filter(None, normalised)).items() if times > 1]:
        raise RefusedFileError(
            f"The header names {_listed(repeated)} more than once.",
            "Give every column its own name and deliver the file again.",
        )
    found: dict[str, int] = {}
    for index, name in enumerate(normalised):
        target = names.get(name)
        if target is None:
            continue
        if target in found:
            raise RefusedFileError(
                f"The columns {headers[found[target]]!r} and {headers[index]!r} both stand for "
                f"{target}.",
                "Keep the right one and deliver the file again.",
            )
        found[target] = index
    refuse_missing(contract, set(found), headers)
    return ColumnMap(
        positions=tuple(found.get(column.name) for column in contract.columns),
        mapping={headers[index]: target for target, index in sorted(found.items())},
        notes=tuple(_notes(contract, headers, found)),
    )


def refuse_missing(contract: Contract, found: set[str], headers: Sequence[str]) -> None:
    """Raises RefusedFileError when a required column, or every column, is missing."""
    missing = [c.name for c in contract.columns if c.required and c.name not in found]
    if not missing and found:
        return
    what = (
        f"The required column {missing[0]} is missing"
        if len(missing) == 1
        else f"The required columns {_listed(missing)} are missing"
        if missing
        else f"No column of {contract.source}.{contract.entity} is in the file"
    )
    with_what = "that column" if len(missing) == 1 else "them" if missing else "its key columns"
    if "op" in missing:
        with_what = "them (op is I, U or D; a file of new rows has I)"
    raise RefusedFileError(
        f"{what}; the file has {_described(contract, headers)}.",
        f"Deliver it with {with_what}, or add the name that the file uses to the column's synonyms "
        f"in the contract of {contract.source}.",
    )


def name_notes(contract: Contract, mapping: dict[str, str], seen: Sequence[str]) -> list[str]:
    """Notes on renamed, extra and missing columns."""
    notes = []
    if renamed := [f"{name} -> {to}" for name, to in mapping.items() if name != to]:
        notes.append(f"columns read under another name: {_listed(renamed)}")
    if extra := [name or "(unnamed)" for name in seen if name not in mapping]:
        shown = dict.fromkeys(map(shown_name, extra))
        notes.append(f"extra columns, kept in the raw zone only: {_listed(shown)}")
    present = set(mapping.values())
    if missing := [c.name for c in contract.columns if c.name not in present]:
        alike = {name: get_close_matches(name, map(column_name, extra), 1) for name in missing}
        hints = [f"{name} (is it {found[0]}?)" if found else name for name, found in alike.items()]
        notes.append(f"missing columns, landed as NULL: {_listed(hints)}")
    return notes


def _described(contract: Contract, headers: Sequence[str]) -> str:
    """The headers without their text: in a file without a header it would be somebody's data."""
    names = lookup(contract)
    known = [names[name] for name in map(column_name, headers) if name in names]
    alike = [
        header
        for header in headers
        if column_name(header) not in names and get_close_matches(column_name(header), names, 1)
    ]
    parts = [f"{len(headers)} columns" if headers else "no columns"]
    if headers:
        parts.append(f"of them known: {_listed(known) or 'none, so perhaps it has no header'}")
    if alike:
        parts.append(f"nearly: {_listed(map(shown_name, alike))}")
    return "; ".join(parts)


def shown_name(name: str) -> str:
    """A column name of a file, if it is one: what is no identifier may be somebody's data."""
    return name if _IDENTIFIER.fullmatch(name) else "(a name that is no identifier)"


def _notes(contract: Contract, headers: Sequence[str], found: dict[str, int]) -> list[str]:
    order = [found[c.name] for c in contract.columns if c.name in found]
    notes = ["columns in another order than the contract"] if order != sorted(order) else []
    mapping = {headers[index]: target for target, index in found.items()}
    return notes + name_notes(contract, mapping, headers)


def _listed(names: Iterable[str], most: int = 20) -> str:
    shown = list(names)
    tail = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + tail
