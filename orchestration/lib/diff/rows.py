"""Two tables compared in DuckDB: rows by key or as a bag, and what measures add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from orchestration.lib.diff.result import ColumnDiff, Example, TableDiff, Total
from orchestration.lib.sql_text import quoted, quoted_table

_INTEGERS = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
}
_FLOATS = {"FLOAT", "DOUBLE"}
_NO_MEASURES = ("_key", "_id", "_number", "rate", "price", "_share")  # what no sum makes sense of

Columns = Mapping[str, str]


class Comparison:
    """Compares tables of two attached files; `limit` is how many rows of a kind are shown."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        catalogs: tuple[str, str],
        tolerance: float,
        limit: int,
    ) -> None:
        self.connection = connection
        self.catalogs = catalogs
        self.tolerance = tolerance
        self.limit = limit

    def table(self, name: str, before: Columns, after: Columns, key: tuple[str, ...]) -> TableDiff:
        """The comparison of a table that both sides have."""
        shared = [column for column in before if column in after]
        retyped = tuple(
            (column, before[column], after[column])
            for column in shared
            if before[column] != after[column]
        )
        rows = [self.row_count(side, name) for side in (0, 1)]
        found = TableDiff(
            name,
            "equal",
            rows[0],
            rows[1],
            columns_added=tuple(column for column in after if column not in before),
            columns_removed=tuple(column for column in before if column not in after),
            types_changed=retyped,
        )
        if found.columns_added or found.columns_removed or retyped:
            found = replace(found, status="changed")
        if not shared or (not retyped and self._have_equal_hashes(name, shared)):
            return replace(found, key=key if set(key) <= set(shared) else ())
        fault = self._fault(name, key, shared) if key else ""
        pairs = _Pairs(before, after, shared, () if fault else key, self.tolerance)
        found = self._keyed(found, pairs) if pairs.key else self._bag(found, pairs)
        if fault:
            found = replace(found, note=f"{fault}: rows are compared as a bag")
        return found

    def row_count(self, side: int, name: str) -> int:
        """The rows of a table of the first side (0) or the second (1)."""
        return int(self._rows(f"select count(*) from {self._relation(side, name)}")[0][0])

    def _relation(self, side: int, name: str) -> str:
        return f"{self.catalogs[side]}.{quoted_table(name)}"

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _have_equal_hashes(self, name: str, shared: Sequence[str]) -> bool:
        """Whether rows and the sum of their hashes agree, as in the record of a publish."""
        if self.catalogs[0] == self.catalogs[1]:
            return True
        row = ", ".join(map(quoted, shared))
        digests = [
            self._rows(
                f"select count(*), coalesce(sum(hash({row})::hugeint), 0) "
                f"from {self._relation(side, name)}"
            )[0]
            for side in (0, 1)
        ]
        return digests[0] == digests[1]

    def _fault(self, name: str, key: tuple[str, ...], shared: Sequence[str]) -> str:
        """Why the key does not tell rows apart; empty when it does."""
        if missing := [column for column in key if column not in shared]:
            return f"the key column {missing[0]} is on one side only"
        columns = ", ".join(map(quoted, key))
        for side, word in ((0, "before"), (1, "after")):
            if self._rows(
                f"select 1 from {self._relation(side, name)} group by {columns} "
                "having count(*) > 1 limit 1"
            ):
                return f"the key {', '.join(key)} is not unique {word}"
        return ""

    def _keyed(self, found: TableDiff, pairs: _Pairs) -> TableDiff:
        joined = pairs.joined(self._relation(0, found.name), self._relation(1, found.name))
        changed = " or ".join(f"({test})" for test in pairs.tests.values()) or "false"
        both = "b.__present and a.__present"
        counts = self._rows(
            f"select count(*) filter (where b.__present is null), "
            f"count(*) filter (where a.__present is null), "
            f"count(*) filter (where {both} and ({changed}))"
            + "".join(f", count(*) filter (where {both} and {t})" for t in pairs.tests.values())
            + f" from {joined}"
        )[0]
        by_column = dict(zip(pairs.tests, counts[3:], strict=True))
        columns = self._column_diffs(found.name, pairs, by_column)
        is_equal = found.status == "equal" and not any(counts[:3])
        return replace(
            found,
            status="equal" if is_equal else "changed",
            key=pairs.key,
            rows_added=counts[0],
            rows_removed=counts[1],
            rows_changed=counts[2],
            columns=columns,
            examples=(
                *self._only_on_one_side(joined, pairs, "added"),
                *self._only_on_one_side(joined, pairs, "removed"),
                *self._changed(joined, pairs, changed, by_column),
            ),
        )

    def _only_on_one_side(self, joined: str, pairs: _Pairs, kind: str) -> Iterator[Example]:
        absent, present = ("b", "a") if kind == "added" else ("a", "b")
        key = [f"{present}.{quoted(column)}" for column in pairs.key]
        for row in self._rows(
            f"select {', '.join(f'{column}::varchar' for column in key)} from {joined} "
            f"where {absent}.__present is null order by {', '.join(key)} limit {self.limit}"
        ):
            yield Example(kind, dict(zip(pairs.key, row, strict=True)))

    def _changed(
        self, joined: str, pairs: _Pairs, changed: str, by_column: Mapping[str, int]
    ) -> Iterator[Example]:
        key = [f"a.{quoted(column)}" for column in pairs.key]
        names = [column for column, rows in by_column.items() if rows]
        values = [
            f"{pairs.tests[c]}, b.{quoted(c)}::varchar, a.{quoted(c)}::varchar" for c in names
        ]
        for row in self._rows(
            f"select {', '.join([f'{column}::varchar' for column in key] + values)} from {joined} "
            f"where b.__present and a.__present and ({changed}) "
            f"order by {', '.join(key)} limit {self.limit}"
        ):
            cells = row[len(key) :]
            changes = {
                column: (cells[3 * number + 1], cells[3 * number + 2])
                for number, column in enumerate(names)
                if cells[3 * number]
            }
            yield Example("changed", dict(zip(pairs.key, row[: len(key)], strict=True)), changes)

    def _bag(self, found: TableDiff, pairs: _Pairs) -> TableDiff:
        names = [quoted(column) for column in pairs.shared]
        counted = (
            f"select {', '.join(names)}, sum(__b)::bigint as __b, sum(__a)::bigint as __a from ("
            f"select {pairs.values(0)}, 1 as __b, 0 as __a from {self._relation(0, found.name)} "
            f"union all select {pairs.values(1)}, 0, 1 from {self._relation(1, found.name)}"
            f") group by {', '.join(names)} having sum(__a) <> sum(__b)"
        )
        added, removed = self._rows(
            "select coalesce(sum(greatest(__a - __b, 0)), 0)::bigint, "
            f"coalesce(sum(greatest(__b - __a, 0)), 0)::bigint from ({counted})"
        )[0]
        shown = ", ".join(f"{name}::varchar" for name in names)
        examples = [
            Example(kind, dict(zip(pairs.shared, row, strict=True)))
            for kind, test in (("added", "__a > __b"), ("removed", "__b > __a"))
            for row in self._rows(
                f"select {shown} from ({counted}) where {test} "
                f"order by {', '.join(names)} limit {self.limit}"
            )
        ]
        is_equal = found.status == "equal" and not added and not removed
        return replace(
            found,
            status="equal" if is_equal else "changed",
            rows_added=added,
            rows_removed=removed,
            columns=self._column_diffs(found.name, pairs, {}),
            examples=tuple(examples),
        )

    def _column_diffs(
        self, name: str, pairs: _Pairs, changed: Mapping[str, int]
    ) -> tuple[ColumnDiff, ...]:
        totals = self._totals(name, pairs)
        return tuple(
            ColumnDiff(column, pairs.after[column], changed.get(column), totals.get(column, ()))
            for column in pairs.shared
            if column not in pairs.key
        )

    def _totals(self, name: str, pairs: _Pairs) -> dict[str, tuple[Total, ...]]:
        """The totals of every measure of both sides; money by the currencies of its rows."""
        found: dict[str, list[Total]] = {}
        currencies = pairs.currencies
        for money, label in ((True, _label(currencies)), (False, "null")):
            measures = [c for c in pairs.measures if pairs.is_money(c) == money]
            if not measures:
                continue
            sides: list[dict[str | None, tuple[Any, ...]]] = []
            for side, types in ((0, pairs.before), (1, pairs.after)):
                sums = ", ".join(_sum(column, types[column]) for column in measures)
                sql = f"select {label}, {sums} from {self._relation(side, name)} group by all"
                sides.append({row[0]: row[1:] for row in self._rows(sql)})
            nothing = (None,) * len(measures)
            for currency in sorted({*sides[0], *sides[1]}, key=lambda text: text or ""):
                both = [side.get(currency, nothing) for side in sides]
                for column, before, after in zip(measures, *both, strict=True):
                    total = Total(currency, _number(before), _number(after))
                    found.setdefault(column, []).append(total)
        return {column: tuple(totals) for column, totals in found.items()}


class _Pairs:
    """The columns of a table that both sides have, as SQL that compares them.

    `tests` maps each column that is no key to the condition that it differs between `b` and `a`.
    """

    def __init__(
        self,
        before: Columns,
        after: Columns,
        shared: Sequence[str],
        key: tuple[str, ...],
        tolerance: float,
    ) -> None:
        self.before = before
        self.after = after
        self.shared = tuple(shared)
        self.key = key
        self.tests = {
            column: self._test(column, tolerance) for column in shared if column not in key
        }

    @property
    def measures(self) -> list[str]:
        """The numeric columns that are no keys."""
        return [
            column
            for column in self.shared
            if column not in self.key
            and not column.endswith(_NO_MEASURES)
            and _is_number(self.before[column])
            and _is_number(self.after[column])
        ]

    @property
    def currencies(self) -> list[str]:
        return [c for c in self.shared if c == "currency" or c.endswith("_currency")]

    def is_money(self, column: str) -> bool:
        """Whether a measure must not be added over currencies."""
        return bool(self.currencies) and (
            self.after[column].startswith("DECIMAL") or column.endswith("amount")
        )

    def joined(self, before: str, after: str) -> str:
        """Both sides as `b` and `a`, row by row; `__present` is null where a side has none."""
        on = " and ".join(
            "{} is not distinct from {}".format(*self._expressions(column)) for column in self.key
        )
        return (
            f"(select *, true as __present from {before}) as b full outer join "
            f"(select *, true as __present from {after}) as a on {on}"
        )

    def values(self, side: int) -> str:
        """The shared columns of one side, in a type that both sides have."""
        return ", ".join(
            f"{self._expressions(column, prefix=False)[side]} as {quoted(column)}"
            for column in self.shared
        )

    def _expressions(self, column: str, *, prefix: bool = True) -> tuple[str, str]:
        name, types = quoted(column), (self.before[column], self.after[column])
        sides = (f"b.{name}", f"a.{name}") if prefix else (name, name)
        if types[0] == types[1] or all(t in _INTEGERS or _is_decimal(t) for t in types):
            return sides
        common = "double" if all(map(_is_number, types)) else "varchar"
        return f"cast({sides[0]} as {common})", f"cast({sides[1]} as {common})"

    def _test(self, column: str, tolerance: float) -> str:
        before, after = self._expressions(column)
        test = f"{before} is distinct from {after}"
        types = {self.before[column], self.after[column]}
        if not tolerance or not types & _FLOATS or not all(map(_is_number, types)):
            return test
        near = (
            f"isfinite({before}) and isfinite({after}) and abs({before} - {after}) "
            f"<= {tolerance!r} * greatest(1, abs({before}), abs({after}))"
        )
        return f"({test} and not coalesce({near}, false))"


def _is_number(data_type: str) -> bool:
    return data_type in _INTEGERS or data_type in _FLOATS or _is_decimal(data_type)


def _is_decimal(data_type: str) -> bool:
    return data_type.startswith("DECIMAL")


def _label(currencies: Sequence[str]) -> str:
    parts = ", ".join(f"coalesce({quoted(column)}, 'none')" for column in currencies)
    return f"concat_ws(' / ', {parts})" if parts else "null"


def _sum(column: str, data_type: str) -> str:
    return f"{'fsum' if data_type in _FLOATS else 'sum'}({quoted(column)})"


def _number(value: Any) -> str | None:
    """A total as text; of floats the digits that do not depend on the order of the rows."""
    if value is None:
        return None
    return f"{value:.12g}" if isinstance(value, float) else str(value)
