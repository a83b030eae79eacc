"""A public number traced back: the row, the fact rows behind it, the lines of files, the rules.

Where to look follows from the manifest: the grain of the table, the models it is made from, the
contract's keys of the entities they read. An aggregate says in `config.meta.traces_to` which fact
rows stand behind a row of it:

- `model`: the fact; its rows are those with the same values in all grain columns it has;
- `where`: which of them, as SQL over `fact` and `this` (the row of the aggregate);
- `measures`: measure -> SQL over the fact whose sum it is; the numeric columns of the same name
  if left out. What several facts give to one measure is added up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import ConfigError, StorehouseError
from ingest.home import PROJECT_DIR, Home
from orchestration.lib.duckdb_errors import plain_errors
from orchestration.lib.grain import relation, table_keys
from orchestration.lib.meant import meant
from orchestration.lib.sql_text import quoted, quoted_table
from orchestration.lib.trace.landed import LandedRows
from orchestration.lib.trace.lineage import Lineage, Staged
from orchestration.lib.trace.result import (
    FactRow,
    FactRows,
    LandedEntity,
    Measure,
    Row,
    SeedRow,
    Trace,
)

_NUMBERS = ("DECIMAL", "INTEGER", "BIGINT", "DOUBLE", "HUGEINT")
_NO_MEASURES = ("_key", "_id", "_number", "rate")
_SPECIAL_MEMBERS = {"-1", "-2"}
_SOURCE = "source_system"
_CURRENCIES = ("currency", "reporting_currency")  # grain of money, but no key of anything

KeyWanted = Mapping[str, str | None]


def trace(
    home: Home, manifest: Mapping[str, Any], table: str, key: Sequence[str], *, limit: int = 5
) -> Trace:
    """Traces the one row of `table` (`schema.table`) that `key` names.

    `key` holds `column=value` pairs, or the values of the grain's columns in their order,
    separated by commas; an empty value is NULL. At most `limit` rows are shown of everything.
    Raises ConfigError for a table that is not public and a key that names no row or several.
    """
    lineage = Lineage(manifest)
    keys = table_keys(manifest)
    model = _public_model(lineage, manifest, table)
    grain = keys.get(table)
    if not grain:
        raise ConfigError(f"{table} has no declared grain, so no row of it can be named.")
    with ExitStack() as stack:
        tracer = _Tracer(home, lineage, keys, limit, stack)
        return tracer.trace(model, table, tuple(grain), parse_key(key, tuple(grain)))


def parse_key(words: Sequence[str], grain: tuple[str, ...]) -> dict[str, str | None]:
    """The key of the command line: column -> value; raises ConfigError.

    `order_id=1,line_number=2`, `order_id=1 line_number=2`, or `shop,1,2` in the order of the grain.
    A value with a comma stands in double quotes.
    """
    fields = [field for word in words for field in next(csv.reader([word]), [])]
    if fields and all("=" in field for field in fields):
        pairs = [field.partition("=") for field in fields]
        return {name.strip(): value or None for name, _, value in pairs}
    if len(fields) != len(grain):
        raise ConfigError(
            f"The key has {len(fields)} values where the grain has {len(grain)} columns.",
            f"Give {', '.join(grain)} in this order, or as column=value.",
        )
    return {name: value or None for name, value in zip(grain, fields, strict=True)}


def _public_model(lineage: Lineage, manifest: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    schema, _, name = table.partition(".")
    model = lineage.model(schema, name)
    if model is None or model["access"] != "public":
        public = sorted(
            relation(node)
            for node in manifest["nodes"].values()
            if node["resource_type"] == "model" and node["access"] == "public"
        )
        raise ConfigError(
            f"{table} is not a public table.",
            f"{meant(table, public)}Public tables are {', '.join(public)}.",
        )
    return model


class _Tracer:
    """One trace, with the published and the working file open where they are there."""

    def __init__(
        self,
        home: Home,
        lineage: Lineage,
        keys: Mapping[str, Sequence[str]],
        limit: int,
        stack: ExitStack,
    ) -> None:
        self.lineage = lineage
        self.keys = keys
        self.limit = limit
        self.notes: list[str] = []
        published = _opened(home.published_file, stack)
        working = _opened(home.warehouse_file, stack)
        shown = published or working
        if shown is None:
            raise StorehouseError("Nothing was built yet.", "Run `storehouse run`.")
        self.shown = shown
        self.landed = LandedRows(home, working, limit) if working else None
        if published is None:
            self.notes.append("Nothing was published yet: the row is that of the working file.")
        if working is None:
            self.notes.append(
                f"There is no working file {home.warehouse_file}: rows of files cannot be found. "
                "`storehouse run` builds it anew."
            )
        elif published and _last_build(published) != _last_build(working):
            self.notes.append(
                "The working file was built again after the publish: what is said of files is of "
                "that later build. `storehouse publish`, or `storehouse run`, brings them together."
            )

    def trace(
        self, model: Mapping[str, Any], table: str, grain: tuple[str, ...], wanted: KeyWanted
    ) -> Trace:
        row = self._row(table, grain, wanted)
        key = {column: row[column] for column in grain}
        measures, facts = self._facts(model, table, row, grain)
        bound = _bound(row)
        special = [name for name in grain if name != _SOURCE and row[name] in _SPECIAL_MEMBERS]
        landed = self._by_key(model, bound)
        if not facts:
            landed = [*landed, *self._by_grain(model, bound, grain, landed)]
        seeds = list(self._seed_rows(model, bound, grain))
        if self.landed and not (landed or facts or seeds):
            self.notes.append(self._why_nothing(model, special))
        return Trace(
            table=table,
            key=key,
            row=row,
            notes=tuple(self.notes),
            measures=tuple(measures),
            facts=tuple(facts),
            landed=tuple(landed),
            seeds=tuple(seeds),
            rules=tuple(self.lineage.rules(self._path(model, facts, landed, seeds))),
        )

    # -- the row

    def _row(self, table: str, grain: tuple[str, ...], wanted: KeyWanted) -> Row:
        types = _types(self.shown, table)
        if not types:
            raise StorehouseError(f"{table} is not in the file yet.", "Run `storehouse run`.")
        if unknown := [name for name in wanted if name not in types]:
            raise ConfigError(
                f"{table} has no column {unknown[0]}.",
                f"{meant(unknown[0], types)}Its grain is {', '.join(grain)}.",
            )
        where, values = _where(wanted)
        columns = ", ".join(f"cast({quoted(name)} as varchar)" for name in types)
        rows = self.shown.execute(
            f"select {columns} from {quoted_table(table)} where {where} "
            f"order by {', '.join(map(quoted, grain))} limit 6",
            values,
        ).fetchall()
        if not rows:
            raise ConfigError(
                f"{table} has no row with {_words(wanted)}.",
                f"Its grain is {', '.join(grain)}, in {_example(self.shown, table, grain)}; an "
                "empty value is NULL.",
            )
        found = [dict(zip(types, row, strict=True)) for row in rows]
        if len(found) > 1:
            some = "; ".join(_words({name: row[name] for name in grain}) for row in found[:5])
            raise ConfigError(
                f"More than one row of {table} has {_words(wanted)}.",
                f"Name one of them, such as {some}.",
            )
        return found[0]

    # -- facts behind an aggregate

    def _facts(
        self, model: Mapping[str, Any], table: str, row: Row, grain: tuple[str, ...]
    ) -> tuple[list[Measure], list[FactRows]]:
        facts: list[FactRows] = []
        sums: dict[str, Decimal | float | None] = {}
        types = _types(self.shown, table)
        for hint in model["config"]["meta"].get("traces_to", ()):
            fact = self.lineage.model_named(hint["model"])
            if fact is None:
                raise ConfigError(f"{table} traces to {hint['model']}, which is no model.")
            name = relation(fact)
            measures = hint.get("measures") or _same_measures(
                types, _types(self.shown, name), self.keys[name]
            )
            source, values = self._behind(table, name, row, grain, hint.get("where", "true"))
            totals = self.shown.execute(
                "select count(*)"
                + "".join(f", sum({expression})" for expression in measures.values())
                + f" from {source}",
                values,
            ).fetchall()[0]
            for measure, total in zip(measures, totals[1:], strict=True):
                sums[measure] = _added(sums.get(measure), total)
            shown = self._fact_rows(fact, name, source, values, measures)
            facts.append(FactRows(name, totals[0], tuple(shown)))
        compared = [
            Measure(
                name, row[name], None if total is None else str(total), _agree(row[name], total)
            )
            for name, total in sums.items()
        ]
        return compared, facts

    def _behind(
        self, table: str, fact: str, row: Row, grain: tuple[str, ...], where: str
    ) -> tuple[str, list[str | None]]:
        """The fact rows behind a row of the aggregate, as SQL with its parameters."""
        theirs = _types(self.shown, fact)
        same = [
            f"fact.{quoted(name)} is not distinct from this.{quoted(name)}"
            for name in grain
            if name in theirs
        ]
        key, values = _where({name: row[name] for name in grain})
        source = (
            f"(select fact.* from {quoted_table(fact)} as fact "
            f"inner join (select * from {quoted_table(table)} where {key}) as this "
            f"on {' and '.join([*same, f'({where})'])}) as fact"
        )
        return source, values

    def _fact_rows(
        self,
        fact: Mapping[str, Any],
        name: str,
        source: str,
        values: Sequence[str | None],
        measures: Mapping[str, str],
    ) -> Iterator[FactRow]:
        types = _types(self.shown, name)
        key = list(self.keys[name])
        columns = ", ".join(f"cast({quoted(column)} as varchar)" for column in types)
        sums = "".join(f", cast({expression} as varchar)" for expression in measures.values())
        for cells in self.shown.execute(
            f"select {columns}{sums} from {source} "
            f"order by {', '.join(map(quoted, key))} limit {self.limit}",
            list(values),
        ).fetchall():
            row = dict(zip(types, cells, strict=False))
            yield FactRow(
                key={column: row[column] for column in key},
                measures=dict(zip(measures, cells[len(types) :], strict=True)),
                landed=tuple(self._own(fact, row, tuple(key))),
            )

    def _own(self, fact: Mapping[str, Any], row: Row, grain: tuple[str, ...]) -> list[LandedEntity]:
        """The delivered rows that a fact row itself is, without those of its dimensions."""
        bound = _bound(row)
        own = [e for e in self._by_key(fact, bound) if set(e.by) & (set(grain) - {_SOURCE})]
        return own or self._by_grain(fact, bound, grain, ())

    # -- delivered rows

    def _by_key(self, model: Mapping[str, Any], bound: dict[str, str]) -> list[LandedEntity]:
        """Of every entity the rows whose whole key is known; what they hold makes others known."""
        if self.landed is None:
            return []
        waiting = self._entities(model, bound)
        names = sorted({name for staged in waiting for name in staged.view_key})
        found: dict[str, LandedEntity] = {}
        while ready := [s for s in waiting if s.key and set(s.view_key) <= bound.keys()]:
            for staged in ready:
                waiting.remove(staged)
                by = {name: bound[name] for name in staged.view_key}
                if entity := self.landed.find(staged, by):
                    found[entity.entity] = entity
                    for name, value in self.landed.agreed(staged, by, names).items():
                        bound.setdefault(name, value)
        return [found[name] for name in sorted(found)]

    def _by_grain(
        self,
        model: Mapping[str, Any],
        bound: Mapping[str, str],
        grain: tuple[str, ...],
        known: Sequence[LandedEntity],
    ) -> list[LandedEntity]:
        """Of the other entities the rows that name what the grain names."""
        if self.landed is None:
            return []
        done = {entity.entity for entity in known}
        found = []
        for staged in self._entities(model, bound):
            if f"{staged.source}.{staged.entity}" in done:
                continue
            columns = self.landed.columns(staged.view)
            by = {
                name: bound[name]
                for name in grain
                if name in bound and name in columns and name not in (_SOURCE, *_CURRENCIES)
            }
            if by and (entity := self.landed.find(staged, by)):
                found.append(entity)
        return found

    def _entities(self, model: Mapping[str, Any], bound: Mapping[str, str]) -> list[Staged]:
        """The entities of the row's source that the model is made from and that were built."""
        return [
            staged
            for staged in self.lineage.staged(model["unique_id"])
            if staged.source == bound.get(_SOURCE, staged.source)
            and self.landed is not None
            and self.landed.columns(staged.table)
        ]

    # -- seeds

    def _seed_rows(
        self, model: Mapping[str, Any], bound: Mapping[str, str], grain: tuple[str, ...]
    ) -> Iterator[SeedRow]:
        """The lines of seed files that hold the same values in the grain's columns."""
        wanted = {name: bound[name] for name in grain if name in bound}
        wanted = {n: v for n, v in wanted.items() if n not in (_SOURCE, *_CURRENCIES)}
        for seed in self.lineage.seeds(model["unique_id"]):
            path = PROJECT_DIR / seed["original_file_path"]
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                heads = _seed_columns(seed, reader.fieldnames or ())
                by = {name: value for name, value in wanted.items() if name in heads}
                shown = 0
                for line in reader if by else ():
                    if shown < self.limit and all(line[heads[n]] == v for n, v in by.items()):
                        shown += 1
                        yield SeedRow(seed["original_file_path"], reader.line_num, by)

    # -- the way

    def _path(
        self,
        model: Mapping[str, Any],
        facts: Sequence[FactRows],
        landed: Sequence[LandedEntity],
        seeds: Sequence[SeedRow],
    ) -> set[str]:
        """The models between what was found and the table, itself included."""
        entities = {entity.entity for entity in landed}
        entities |= {e.entity for fact in facts for row in fact.rows for e in row.landed}
        unique_id = model["unique_id"]
        starts = {
            staged.unique_id
            for staged in self.lineage.staged(unique_id)
            if f"{staged.source}.{staged.entity}" in entities
        }
        files = {seed.file for seed in seeds}
        read = {s["unique_id"] for s in self.lineage.seeds(unique_id)}
        starts |= {i for i in read if self.lineage.nodes[i]["original_file_path"] in files}
        between = starts | self.lineage.descendants(starts)
        return (between & self.lineage.ancestors(unique_id)) | {unique_id}

    def _why_nothing(self, model: Mapping[str, Any], special: Sequence[str]) -> str:
        if special:
            return f"{', '.join(special)} is a special member: no delivered row has it."
        return (
            "No delivered row and no line of a seed file has this key: it is computed, "
            f"by {model['original_file_path']}."
        )


def _opened(file: Path, stack: ExitStack) -> duckdb.DuckDBPyConnection | None:
    if not file.exists():
        return None
    stack.enter_context(plain_errors(file))
    with plain_errors(file):
        connection = stack.enter_context(duckdb.connect(str(file), read_only=True))
        connection.execute("set TimeZone = 'UTC'")
    return connection


def _last_build(connection: duckdb.DuckDBPyConnection) -> tuple[Any, ...]:
    """The latest build that wrote a table, from dbt's bookkeeping in the file."""
    found: tuple[Any, ...] = connection.execute(
        "select max(completed_at) from ops.node_results where resource_type <> 'test'"
    ).fetchall()[0]
    return found


def _types(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    schema, _, name = table.partition(".")
    return dict(
        connection.execute(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = ? and table_name = ? and table_catalog = current_database() "
            "order by ordinal_position",
            [schema, name],
        ).fetchall()
    )


def _same_measures(
    ours: Mapping[str, str], theirs: Mapping[str, str], key: Sequence[str]
) -> dict[str, str]:
    """The numeric columns that aggregate and fact both have, each as its own sum."""
    return {
        name: quoted(name)
        for name, kind in ours.items()
        if name in theirs
        and name not in key
        and kind.startswith(_NUMBERS)
        and theirs[name].startswith(_NUMBERS)
        and not name.endswith(_NO_MEASURES)
    }


def _bound(row: Row) -> dict[str, str]:
    """The values of a row that name something: neither NULL nor a special member."""
    return {
        name: value
        for name, value in row.items()
        if value is not None and value not in _SPECIAL_MEMBERS
    }


def _seed_columns(seed: Mapping[str, Any], heads: Sequence[str]) -> dict[str, str]:
    """Name that a grain may use -> header of the seed: its own, or its only key under `_id`."""
    return {head: head for head in heads} | {f"{head}_id": head for head in heads[:1]}


def _where(wanted: KeyWanted) -> tuple[str, list[str | None]]:
    parts = [f"cast({quoted(name)} as varchar) is not distinct from ?" for name in wanted]
    return " and ".join(parts) or "true", list(wanted.values())


def _example(connection: duckdb.DuckDBPyConnection, table: str, grain: tuple[str, ...]) -> str:
    """A key that the table has, as it is typed."""
    columns = ", ".join(f"cast({quoted(name)} as varchar)" for name in grain)
    rows = connection.execute(
        f"select {columns} from {quoted_table(table)} "
        f"order by {', '.join(map(quoted, grain))} desc limit 1"
    ).fetchall()
    return f"the form of {_words(dict(zip(grain, rows[0], strict=True)))}" if rows else "no row yet"


def _words(wanted: KeyWanted) -> str:
    return ", ".join(f"{name}={'' if value is None else value}" for name, value in wanted.items())


def _added(total: Any, more: Any) -> Any:
    if total is None or more is None:
        return total if more is None else more
    return total + more


def _agree(shown: str | None, total: Any) -> bool:
    """Whether a measure is the sum; no row is 0."""
    if shown is None:
        return total is None
    return Decimal(shown) == Decimal(str(total or 0))
