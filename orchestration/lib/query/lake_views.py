"""What may be looked at in the lake: each entity without the columns that hold personal data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from ingest.contracts import BOOKS, Column, Contract, load_book_columns, load_contracts
from ingest.home import Home
from ingest.landing import book_schemas
from ingest.types import lake_arrow, leaf_names, without_leaves


@dataclass(frozen=True)
class LakeView:
    """One entity of the lake: `data` has no column, and no field, that the contract calls personal.

    `left_out` names those, as `addresses.line1`; `comments` describe the columns that remain.
    """

    source: str
    entity: str
    description: str
    data: ds.Dataset
    comments: Mapping[str, str]
    left_out: tuple[str, ...]
    has_rows: bool

    @property
    def name(self) -> str:
        """`source.entity`, as it is queried."""
        return f"{self.source}.{self.entity}"


def lake_views(home: Home) -> list[LakeView]:
    """Every entity of every source, landed or not, and the books of landing.

    Personal data is left out where the files are read, so that no query can reach it. Raises
    ContractError.
    """
    views = [
        _view(contract, home.lake / source.name / contract.entity)
        for source in load_contracts().values()
        for contract in source.entities.values()
    ]
    return [*views, *_books(home)]


def _view(contract: Contract, folder: Path) -> LakeView:
    fields = [pa.field(c.name, kind) for c in contract.columns if (kind := _open_type(c))]
    own = {column.name for column in contract.columns}
    fields += [field for field in contract.lake_schema if field.name not in own]
    data = _dataset(folder.glob("*/*.parquet"), pa.schema(fields))
    return LakeView(
        source=contract.source,
        entity=contract.entity,
        description=contract.description,
        data=data,
        comments={column.name: column.description for column in contract.columns},
        left_out=tuple(name for column in contract.columns for name in _left_out(column)),
        has_rows=_has_rows(data),
    )


def _books(home: Home) -> Iterator[LakeView]:
    """landing.loads and landing.rejects; a column that their YAML does not describe is left out."""
    columns = load_book_columns()
    for book, schema in book_schemas().items():
        described = {column.name: column for column in columns[book]}
        is_open = {name for name, column in described.items() if not column.pii}
        data = _dataset(
            (home.lake / BOOKS / book).glob("*.parquet"),
            pa.schema([field for field in schema if field.name in is_open]),
        )
        yield LakeView(
            source=BOOKS,
            entity=book,
            description=f"What landing wrote of its {book}.",
            data=data,
            comments={name: column.description for name, column in described.items()},
            left_out=tuple(name for name in schema.names if name not in is_open),
            has_rows=_has_rows(data),
        )


def _open_type(column: Column) -> pa.DataType | None:
    if column.name in column.pii:
        return None
    kind = without_leaves(column.type, column.pii)
    return None if kind is None else lake_arrow(kind)


def _left_out(column: Column) -> list[str]:
    if not column.pii:
        return []
    if _open_type(column) is None:
        return [column.name]
    return [f"{column.name}.{leaf}" for leaf in leaf_names(column.type) if leaf in column.pii]


def _dataset(files: Iterator[Path], schema: pa.Schema) -> ds.Dataset:
    """The rows of the files under the columns of the schema alone; none where there is no file."""
    found = sorted(str(file) for file in files if not file.name.startswith("."))
    if not found:
        return ds.dataset(schema.empty_table())
    return ds.dataset(found, schema=schema, format="parquet")


def _has_rows(data: ds.Dataset) -> bool:
    return isinstance(data, ds.FileSystemDataset) and any(
        not Path(file).name.startswith("_") for file in data.files
    )
