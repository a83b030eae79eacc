"""The `data_type` of a contract column as a typed tree.

Grammar: `name`, `name(arguments)`, `struct(field type, ...)`, each followed by any number of `[]`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa

from ingest.errors import ContractError

SCALARS = frozenset(
    {"varchar", "integer", "bigint", "double", "decimal", "boolean", "date", "timestamp"}
)
_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z_0-9]*)|(\d+)|(\[\s*\])|([(),]))")


@dataclass(frozen=True)
class Scalar:
    """A leaf: text in the lake, cast to `declared` (such as `decimal(18,2)`) in staging."""

    declared: str

    @property
    def sql(self) -> str:
        return self.declared


@dataclass(frozen=True)
class Struct:
    """Named fields in declared order."""

    fields: tuple[tuple[str, DataType], ...]

    @property
    def sql(self) -> str:
        return "struct(" + ", ".join(f"{name} {kind.sql}" for name, kind in self.fields) + ")"


@dataclass(frozen=True)
class ListOf:
    """A list of one element type."""

    element: DataType

    @property
    def sql(self) -> str:
        return f"{self.element.sql}[]"


DataType = Scalar | Struct | ListOf


def parse_type(text: str) -> DataType:
    """The tree of a declared type, such as `struct(a varchar, b decimal(18,2))[]`.

    Raises ContractError when the text is not of the grammar or names an unknown scalar.
    """
    parser = _Parser(text)
    tree = parser.type()
    parser.end()
    return tree


def lake_arrow(kind: DataType) -> pa.DataType:
    """The Arrow type in the lake: the same shape with every leaf as text."""
    if isinstance(kind, Scalar):
        return pa.string()
    if isinstance(kind, ListOf):
        return pa.list_(lake_arrow(kind.element))
    return pa.struct([pa.field(name, lake_arrow(field)) for name, field in kind.fields])


def leaf_names(kind: DataType) -> Iterator[str]:
    """The names of the struct fields that hold scalars, at any depth; none for a plain scalar."""
    if isinstance(kind, ListOf):
        yield from leaf_names(kind.element)
    elif isinstance(kind, Struct):
        for name, field in kind.fields:
            if isinstance(field, Struct) or _is_struct_list(field):
                yield from leaf_names(field)
            else:
                yield name


def without_leaves(kind: DataType, names: Collection[str]) -> DataType | None:
    """The type without the struct fields of these names that hold scalars; None if none is left."""
    if isinstance(kind, Scalar):
        return kind
    if isinstance(kind, ListOf):
        element = without_leaves(kind.element, names)
        return None if element is None else ListOf(element)
    kept = []
    for name, field in kind.fields:
        is_nested = isinstance(field, Struct) or _is_struct_list(field)
        rest = without_leaves(field, names) if is_nested or name not in names else None
        if rest is not None:
            kept.append((name, rest))
    return Struct(tuple(kept)) if kept else None


def leaf_count(kind: DataType) -> int:
    """The number of scalars in one value, lists counted once."""
    if isinstance(kind, Scalar):
        return 1
    if isinstance(kind, ListOf):
        return leaf_count(kind.element)
    return sum(leaf_count(field) for _, field in kind.fields)


def _is_struct_list(kind: DataType) -> bool:
    while isinstance(kind, ListOf):
        kind = kind.element
    return isinstance(kind, Struct)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens(text)
        self.at = 0

    def _tokens(self, text: str) -> list[str]:
        tokens, position = [], 0
        stripped = text.rstrip()
        while position < len(stripped):
            match = _TOKEN.match(stripped, position)
            if match is None:
                raise self._error()
            token = next(part for part in match.groups() if part is not None)
            tokens.append("[]" if token.startswith("[") else token)
            position = match.end()
        return tokens

    def _error(self) -> ContractError:
        return ContractError(
            f"The data type {self.text!r} cannot be read.",
            "Use " + ", ".join(sorted(SCALARS)) + ", struct(name type, ...) and [] for lists.",
        )

    def _take(self) -> str:
        if self.at >= len(self.tokens):
            raise self._error()
        self.at += 1
        return self.tokens[self.at - 1]

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise self._error()

    def _next_is(self, token: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] == token

    def end(self) -> None:
        if self.at != len(self.tokens):
            raise self._error()

    def type(self) -> DataType:
        name = self._take().lower()
        kind: DataType
        if name == "struct":
            kind = Struct(self._fields())
        elif name in SCALARS:
            kind = Scalar(name + self._arguments())
        else:
            raise self._error()
        while self._next_is("[]"):
            self._take()
            kind = ListOf(kind)
        return kind

    def _arguments(self) -> str:
        if not self._next_is("("):
            return ""
        self._take()
        numbers = []
        while True:
            number = self._take()
            if not number.isdigit():
                raise self._error()
            numbers.append(number)
            separator = self._take()
            if separator == ")":
                return f"({','.join(numbers)})"
            if separator != ",":
                raise self._error()

    def _fields(self) -> tuple[tuple[str, DataType], ...]:
        self._expect("(")
        fields: list[tuple[str, DataType]] = []
        while True:
            name = self._take()
            if not re.fullmatch(r"[A-Za-z_]\w*", name) or name in dict(fields):
                raise self._error()
            fields.append((name, self.type()))
            separator = self._take()
            if separator == ")":
                return tuple(fields)
            if separator != ",":
                raise self._error()
