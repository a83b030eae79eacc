"""Source contracts, read from the dbt source YAML of each source.

The contract is the dbt source definition: landing, stubs, staging SQL and the scan for personal
data all derive from it, so a column is described once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa
import yaml

from ingest import home
from ingest.errors import ContractError
from ingest.types import DataType, Scalar, lake_arrow, leaf_names, parse_type

LoadKind = Literal["full", "increment", "append"]
LOAD_KINDS: tuple[LoadKind, ...] = ("full", "increment", "append")
DEFAULT_MAX_FIELD_BYTES = 1_048_576
BOOKS = "landing"  # the source of what landing writes about itself

# The columns that landing adds to every lake row, after the contract's own.
LANDING_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("_load_id", pa.string()),
    ("_row_number", pa.int64()),
    ("_extracted_at", pa.timestamp("us")),
    ("_loaded_at", pa.timestamp("us")),
)


@dataclass(frozen=True)
class Column:
    """One column of a contract; `pii` holds leaf names, or the column's own name if it is plain."""

    name: str
    declared: str
    type: DataType
    description: str
    required: bool
    synonyms: tuple[str, ...]
    pii: tuple[str, ...]


@dataclass(frozen=True)
class QuarantineRule:
    """A row for which the SQL expression `when` is true is quarantined under `name`."""

    name: str
    when: str


@dataclass(frozen=True)
class KnownThrough:
    """A row without a time of its own is known when the row of `entity` with its `column` is."""

    entity: str
    column: str


@dataclass(frozen=True)
class Contract:
    """One entity of a source, with the settings it inherits from the source."""

    source: str
    entity: str
    description: str
    load_kind: LoadKind
    key: tuple[str, ...]
    known_lag: str | None
    business_time: str | None
    known_through: KnownThrough | None
    is_reference: bool
    file_stems: tuple[str, ...]
    is_modelled: bool
    quarantine_rules: tuple[QuarantineRule, ...]
    columns: tuple[Column, ...]
    encoding: str
    max_field_bytes: int

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def lake_schema(self) -> pa.Schema:
        """The Arrow schema of a lake file: contract columns with text leaves, then landing's."""
        fields = [pa.field(column.name, lake_arrow(column.type)) for column in self.columns]
        return pa.schema(fields + [pa.field(name, kind) for name, kind in LANDING_COLUMNS])

    @property
    def hash(self) -> str:
        """16 hex digits over everything that decides how a file is landed."""
        shape = {
            "source": self.source,
            "entity": self.entity,
            "load_kind": self.load_kind,
            "key": self.key,
            "columns": [[c.name, c.declared, c.required, sorted(c.synonyms)] for c in self.columns],
        }
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class SourceContract:
    """One source system: its zones of time and its entities by name."""

    name: str
    description: str
    time_zone: str
    timestamps_in: str
    reporting_currency: str | None
    entities: Mapping[str, Contract]


Contracts = Mapping[str, SourceContract]


def load_contracts(project: Path | None = None) -> dict[str, SourceContract]:
    """Every landed source under `models/staging`, by name, in name order.

    A source whose `config.meta.is_landed` is false (such as landing's own tables) is left out.
    Raises ContractError with the file and the place in it.
    """
    root = (project or home.PROJECT_DIR) / "models" / "staging"
    sources: dict[str, SourceContract] = {}
    for path in sorted(root.glob("*/_*__sources.yml")):
        for source in read_source_file(path):
            if source.name in sources:
                raise ContractError(
                    f"The source {source.name!r} is declared twice, the second time in {path}.",
                    "Keep one declaration.",
                )
            sources[source.name] = source
    return dict(sorted(sources.items()))


def load_book_columns(project: Path | None = None) -> dict[str, tuple[Column, ...]]:
    """The columns of the tables that landing itself writes, by table; raises ContractError."""
    folder = (project or home.PROJECT_DIR) / "models" / "staging" / BOOKS
    reader = _Reader(folder / f"_{BOOKS}__sources.yml")
    found: dict[str, tuple[Column, ...]] = {}
    for raw in reader.items(_parsed(reader.path), "sources"):
        for table in reader.items(reader.mapping(raw, "a source"), "tables"):
            name = reader.name(reader.mapping(table, f"a table of {BOOKS}"), f"a table of {BOOKS}")
            found[name] = tuple(
                reader.column(f"{BOOKS}.{name}", (), reader.mapping(column, name))
                for column in reader.items(table, "columns")
            )
    return found


def read_source_file(path: Path) -> list[SourceContract]:
    """The landed sources declared in one YAML file; raises ContractError."""
    reader = _Reader(path)
    declared = [reader.mapping(raw, "a source") for raw in reader.items(_parsed(path), "sources")]
    return [
        reader.source(raw)
        for raw in declared
        if reader.meta(raw, "a source").get("is_landed", True) is not False
    ]


def _parsed(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(
            f"The contract {path} cannot be read: {error}.", "Correct the YAML."
        ) from error


def column_name(text: str) -> str:
    """A header as a column name: trimmed, lower case, spaces and dashes as underscores."""
    return re.sub(r"[\s\-]+", "_", text.strip().lower())


class _Reader:
    """Turns one parsed YAML document into contracts, naming the place of every fault."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fault(self, place: str, what: str, remedy: str = "Correct the contract.") -> ContractError:
        return ContractError(f"In {self.path}, {place}: {what}.", remedy)

    def mapping(self, raw: Any, place: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise self.fault(place, "a mapping is expected")
        return cast(dict[str, Any], raw)

    def items(self, raw: Any, name: str) -> list[Any]:
        value = self.mapping(raw, "the document").get(name)
        if not isinstance(value, list):
            raise self.fault(f"`{name}`", "a list is expected")
        return value

    def meta(self, raw: dict[str, Any], place: str) -> dict[str, Any]:
        config = self.mapping(raw.get("config") or {}, place)
        return self.mapping(config.get("meta") or {}, f"{place}, meta")

    def name(self, raw: dict[str, Any], place: str) -> str:
        name = raw.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            raise self.fault(place, f"{name!r} is not a lower-case name")
        return name

    def texts(self, raw: Any, place: str) -> tuple[str, ...]:
        if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
            raise self.fault(place, "a list of names is expected")
        return tuple(raw)

    def source(self, raw: dict[str, Any]) -> SourceContract:
        name = self.name(raw, "a source")
        meta = self.meta(raw, name)
        entities: dict[str, Contract] = {}
        for table in self.items(raw, "tables"):
            contract = self.contract(name, meta, self.mapping(table, f"a table of {name}"))
            if contract.entity in entities:
                raise self.fault(f"{name}.{contract.entity}", "the table is declared twice")
            entities[contract.entity] = contract
        self.check_stems(name, entities)
        self.check_known_through(name, entities)
        return SourceContract(
            name=name,
            description=str(raw.get("description") or ""),
            time_zone=str(meta.get("time_zone") or "UTC"),
            timestamps_in=str(meta.get("timestamps_in") or "UTC"),
            reporting_currency=meta.get("reporting_currency"),
            entities=entities,
        )

    def contract(self, source: str, source_meta: dict[str, Any], raw: dict[str, Any]) -> Contract:
        entity = self.name(raw, f"a table of {source}")
        place = f"{source}.{entity}"
        meta = {
            "encoding": source_meta.get("encoding", "utf-8"),
            "max_field_bytes": source_meta.get("max_field_bytes", DEFAULT_MAX_FIELD_BYTES),
            **self.meta(raw, place),
        }
        kind = meta.get("load_kind")
        if kind not in LOAD_KINDS:
            raise self.fault(place, f"load_kind {kind!r} is none of {', '.join(LOAD_KINDS)}")
        limit = meta["max_field_bytes"]
        if not isinstance(limit, int) or limit < 1:
            raise self.fault(place, f"max_field_bytes {limit!r} is not a positive number of bytes")
        if "key" not in meta:
            raise self.fault(place, "key is missing", "Name the key columns, or [] for none.")
        key = self.texts(meta["key"], f"{place}, key")
        raw_columns = raw.get("columns")
        if not isinstance(raw_columns, list) or not raw_columns:
            raise self.fault(place, "a list of columns is expected")
        columns = tuple(self.column(place, key, self.mapping(c, place)) for c in raw_columns)
        self.check_names(place, key, columns)
        stems = self.texts(meta.get("file_stems") or [entity], f"{place}, file_stems")
        return Contract(
            source=source,
            entity=entity,
            description=str(raw.get("description") or ""),
            load_kind=kind,
            key=key,
            known_lag=meta.get("known_lag"),
            business_time=meta.get("business_time", "updated_at" if kind == "increment" else None),
            known_through=self.known_through(place, columns, meta.get("known_through")),
            is_reference=meta.get("reference") is True,
            file_stems=tuple(stem.lower() for stem in stems),
            is_modelled=meta.get("modelled", True) is not False,
            quarantine_rules=tuple(
                self.rule(place, rule) for rule in meta.get("quarantine_rules") or []
            ),
            columns=columns,
            encoding=str(meta["encoding"]),
            max_field_bytes=limit,
        )

    def known_through(
        self, place: str, columns: tuple[Column, ...], raw: Any
    ) -> KnownThrough | None:
        if raw is None:
            return None
        named = self.mapping(raw, f"{place}, known_through")
        entity, column = str(named.get("entity")), str(named.get("column"))
        if column not in {own.name for own in columns}:
            raise self.fault(f"{place}, known_through", f"there is no column {column}")
        return KnownThrough(entity, column)

    def rule(self, place: str, raw: Any) -> QuarantineRule:
        rule = self.mapping(raw, f"{place}, quarantine_rules")
        if not isinstance(rule.get("name"), str) or not isinstance(rule.get("when"), str):
            raise self.fault(f"{place}, quarantine_rules", "each rule needs a name and a `when`")
        return QuarantineRule(rule["name"], rule["when"])

    def column(self, place: str, key: tuple[str, ...], raw: dict[str, Any]) -> Column:
        name = self.name(raw, f"a column of {place}")
        place = f"{place}.{name}"
        meta = self.meta(raw, place)
        declared = raw.get("data_type")
        if not isinstance(declared, str):
            raise self.fault(place, "data_type is missing")
        kind = parse_type(declared)
        synonyms = self.texts(meta.get("synonyms") or [], f"{place}, synonyms")
        return Column(
            name=name,
            declared=declared.strip(),
            type=kind,
            description=str(raw.get("description") or ""),
            required=meta.get("required") is True or name in key,
            synonyms=tuple(column_name(synonym) for synonym in synonyms),
            pii=self.pii(place, name, kind, meta.get("pii")),
        )

    def pii(self, place: str, name: str, kind: DataType, raw: Any) -> tuple[str, ...]:
        if raw is None or raw is False:
            return ()
        leaves = [name] if isinstance(kind, Scalar) else list(leaf_names(kind))
        if raw is True:
            return tuple(leaves) or (name,)
        named = self.texts(raw, f"{place}, pii")
        if unknown := [leaf for leaf in named if leaf not in leaves]:
            raise self.fault(place, f"pii names {unknown}, which the column does not have")
        return named

    def check_names(self, place: str, key: tuple[str, ...], columns: tuple[Column, ...]) -> None:
        taken: dict[str, str] = {}
        for column in columns:
            if column.name in taken:
                raise self.fault(place, f"the column {column.name} is declared twice")
            taken[column.name] = column.name
        for column in columns:
            for synonym in column.synonyms:
                if taken.setdefault(synonym, column.name) != column.name:
                    raise self.fault(
                        place, f"{synonym} stands for both {taken[synonym]} and {column.name}"
                    )
        if missing := [name for name in key if taken.get(name) != name]:
            raise self.fault(place, f"the key names {missing}, which are not columns")
        reserved = {name for name, _ in LANDING_COLUMNS}
        if clash := sorted(reserved.intersection(taken)):
            raise self.fault(place, f"{clash} are names of landing's own columns")

    def check_known_through(self, name: str, entities: dict[str, Contract]) -> None:
        for entity, contract in entities.items():
            place = f"{name}.{entity}, known_through"
            passed, through = {entity}, contract.known_through
            while through is not None:
                if through.entity in passed or through.entity not in entities:
                    raise self.fault(place, f"{through.entity} is no other table of the source")
                parent = entities[through.entity]
                if through.column not in {column.name for column in parent.columns}:
                    raise self.fault(place, f"{parent.entity} has no column {through.column}")
                passed.add(parent.entity)
                through = parent.known_through

    def check_stems(self, source: str, entities: dict[str, Contract]) -> None:
        owner: dict[str, str] = {}
        for contract in entities.values():
            for stem in contract.file_stems:
                if owner.setdefault(stem, contract.entity) != contract.entity:
                    raise self.fault(
                        source, f"the stem {stem} belongs to {owner[stem]} and {contract.entity}"
                    )
