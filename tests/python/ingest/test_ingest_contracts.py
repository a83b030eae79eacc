"""Contracts and declared types: what is read, and that every fault names its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts import KnownThrough, column_name, load_contracts
from ingest.errors import ContractError
from ingest.types import (
    DataType,
    ListOf,
    Scalar,
    Struct,
    lake_arrow,
    leaf_count,
    leaf_names,
    parse_type,
)

PROJECT = Path(__file__).resolve().parents[3]


def test_type_is_read_as_a_tree() -> None:
    kind = parse_type(" STRUCT( a varchar, b struct(c decimal( 18 , 2 ) , d date[]) )[ ] ")
    assert kind == ListOf(
        Struct(
            (
                ("a", Scalar("varchar")),
                ("b", Struct((("c", Scalar("decimal(18,2)")), ("d", ListOf(Scalar("date")))))),
            )
        )
    )
    assert list(leaf_names(kind)) == ["a", "c", "d"]
    assert leaf_count(kind) == 3
    assert lake_arrow(kind) == pa.list_(
        pa.struct(
            [
                ("a", pa.string()),
                ("b", pa.struct([("c", pa.string()), ("d", pa.list_(pa.string()))])),
            ]
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "varchar]",
        "decimal(18",
        "decimal(18,)",
        "decimal(a)",
        "struct()",
        "struct(a)",
        "struct(a varchar",
        "struct(a varchar,)",
        "struct(a varchar, a date)",
        "struct(1 varchar)",
        "varchar varchar",
        "varchar[3]",
    ],
)
def test_type_out_of_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        parse_type(text)


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
TYPES: st.SearchStrategy[DataType] = st.recursive(
    st.sampled_from(["varchar", "decimal(18,2)", "timestamp"]).map(Scalar),
    lambda inner: st.one_of(
        st.builds(ListOf, inner),
        st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(
            lambda fields: Struct(tuple(fields.items()))
        ),
    ),
    max_leaves=6,
)


@given(kind=TYPES)
def test_type_written_as_sql_is_read_back(kind: DataType) -> None:
    assert parse_type(kind.sql) == kind


@pytest.mark.parametrize(
    ("header", "name"),
    [(" Order ID ", "order_id"), ("order-id", "order_id"), ("A  -b", "a_b"), ("straße", "straße")],
)
def test_header_as_column_name(header: str, name: str) -> None:
    assert column_name(header) == name


def test_contract_holds_what_the_yaml_says(toy: Any) -> None:
    source = toy.contracts["toy"]
    assert (source.time_zone, source.timestamps_in) == ("Europe/Berlin", "UTC")
    sales, people = source.entities["sales"], source.entities["people"]
    assert (sales.load_kind, sales.key, sales.known_lag) == ("increment", ("sale_id",), "1 day")
    assert (sales.encoding, sales.max_field_bytes) == ("utf-8", 1000)
    assert sales.file_stems == ("sales",)
    assert people.file_stems == ("people", "persons")
    assert people.column("name").pii == ("first", "last")
    assert sales.column("sale_id").synonyms == ("sale_number",)
    assert sales.column("sale_id").required  # as every key column
    assert not sales.column("amount").required
    assert not source.entities["sales_plan"].is_modelled
    with pytest.raises(KeyError):
        sales.column("colour")


def test_contract_hash_is_of_what_decides_the_landing(tmp_path: Path) -> None:
    base = one_table()
    hashes = {
        contract_hash(tmp_path / str(n), table)
        for n, table in enumerate(
            [
                base,
                one_table(load_kind="full"),
                one_table(columns=[{"name": "id", "data_type": "integer"}]),
                one_table(columns=[*base["columns"], {"name": "x", "data_type": "date"}]),
            ]
        )
    }
    assert len(hashes) == 4
    described = base | {"description": "Other words."}
    assert contract_hash(tmp_path / "a", base) == contract_hash(tmp_path / "b", described)


def one_table(**changes: Any) -> dict[str, Any]:
    columns = changes.pop("columns", [{"name": "id", "data_type": "varchar"}])
    meta = {"load_kind": "append", "key": ["id"]} | changes
    return {"name": "things", "config": {"meta": meta}, "columns": columns}


def write_source(project: Path, *tables: dict[str, Any], name: str = "one") -> None:
    folder = project / "models" / "staging" / name
    folder.mkdir(parents=True)
    document = {"version": 2, "sources": [{"name": name, "tables": list(tables)}]}
    (folder / f"_{name}__sources.yml").write_text(yaml.safe_dump(document))


def contract_hash(project: Path, table: dict[str, Any]) -> str:
    write_source(project, table)
    return load_contracts(project)["one"].entities["things"].hash


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (one_table(load_kind="daily"), "load_kind 'daily' is none of full, increment, append"),
        (one_table(key=["other"]), r"the key names \['other'\], which are not columns"),
        (one_table(key="id"), "a list of names is expected"),
        (one_table(max_field_bytes=0), "max_field_bytes 0 is not a positive number"),
        (one_table(columns=[]), "a list of columns is expected"),
        (one_table(columns=[{"name": "Id", "data_type": "date"}]), "'Id' is not a lower-case name"),
        (one_table(columns=[{"name": "id"}]), "data_type is missing"),
        (
            one_table(columns=[{"name": "id", "data_type": "date"}] * 2),
            "the column id is declared twice",
        ),
        (
            one_table(
                columns=[
                    {"name": "id", "data_type": "date"},
                    {
                        "name": "x",
                        "data_type": "date",
                        "config": {"meta": {"synonyms": ["ID"]}},
                    },
                ]
            ),
            "id stands for both id and x",
        ),
        (
            one_table(
                columns=[
                    {"name": "id", "data_type": "date"},
                    {"name": "_load_id", "data_type": "date"},
                ]
            ),
            r"\['_load_id'\] are names of landing's own columns",
        ),
        (
            one_table(
                columns=[{"name": "id", "data_type": "date", "config": {"meta": {"pii": ["mail"]}}}]
            ),
            r"pii names \['mail'\], which the column does not have",
        ),
        (one_table(quarantine_rules=[{"name": "x"}]), "each rule needs a name and a `when`"),
    ],
)
def test_fault_names_file_and_place(tmp_path: Path, table: dict[str, Any], fault: str) -> None:
    write_source(tmp_path, table)
    with pytest.raises(ContractError, match=f"_one__sources.yml, .*one.things.*{fault}"):
        load_contracts(tmp_path)


def known_through(entity: str, column: str = "id") -> dict[str, Any]:
    return one_table(known_through={"entity": entity, "column": column})


def test_rows_without_a_time_are_known_through_another_table(tmp_path: Path) -> None:
    dated = one_table(load_kind="increment") | {"name": "orders"}
    write_source(tmp_path, known_through("orders"), dated)
    entities = load_contracts(tmp_path)["one"].entities
    assert entities["things"].known_through == KnownThrough("orders", "id")
    assert entities["things"].business_time is None
    assert entities["orders"].business_time == "updated_at"


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ([known_through("things", "x")], "there is no column x"),
        ([known_through("things")], "things is no other table of the source"),
        ([known_through("orders")], "orders is no other table of the source"),
        (
            [known_through("orders"), known_through("things") | {"name": "orders"}],
            "things is no other table of the source",  # each through the other
        ),
        (
            [
                known_through("orders"),
                one_table(key=["no"], columns=[{"name": "no", "data_type": "date"}])
                | {"name": "orders"},
            ],
            "orders has no column id",
        ),
    ],
)
def test_known_through_names_another_table_and_a_column_of_both(
    tmp_path: Path, tables: list[dict[str, Any]], fault: str
) -> None:
    write_source(tmp_path, *tables)
    with pytest.raises(ContractError, match=f"one.things, known_through: {fault}"):
        load_contracts(tmp_path)


def test_two_entities_cannot_share_a_stem(tmp_path: Path) -> None:
    other = one_table(file_stems=["things"]) | {"name": "stuff"}
    write_source(tmp_path, one_table(), other)
    with pytest.raises(ContractError, match="the stem things belongs to"):
        load_contracts(tmp_path)


def test_unreadable_yaml_is_a_contract_error(tmp_path: Path) -> None:
    write_source(tmp_path, one_table())
    (tmp_path / "models/staging/one/_one__sources.yml").write_text("sources: [")
    with pytest.raises(ContractError, match=r"_one__sources\.yml cannot be read"):
        load_contracts(tmp_path)


def test_contracts_of_the_project_are_sound() -> None:
    contracts = load_contracts(PROJECT)
    assert "landing" not in contracts
    assert len(contracts["olist"].entities) == 9
    assert len(contracts["shop"].entities) == 11
    for source in contracts.values():
        for contract in source.entities.values():
            assert contract.description, contract
            assert contract.lake_schema.names[-4:] == [
                "_load_id",
                "_row_number",
                "_extracted_at",
                "_loaded_at",
            ]


def test_landing_source_describes_the_files_it_writes() -> None:
    from ingest.landing.records import LOAD_SCHEMA
    from ingest.landing.sink import REJECT_SCHEMA

    path = PROJECT / "models/staging/landing/_landing__sources.yml"
    tables = yaml.safe_load(path.read_text())["sources"][0]["tables"]
    for table, schema in zip(tables, (LOAD_SCHEMA, REJECT_SCHEMA), strict=True):
        assert [column["name"] for column in table["columns"]] == schema.names
        assert all(column["description"] for column in table["columns"])


def test_modelled_columns_are_as_deep_as_staging_reads() -> None:
    """The macro contract_leaves knows scalars, structs of scalars and lists of such structs."""
    too_deep = [
        f"{contract.source}.{contract.entity}.{column.name}: {column.declared}"
        for source in load_contracts().values()
        for contract in source.entities.values()
        if contract.is_modelled
        for column in contract.columns
        if not _is_flat(column.type)
    ]
    assert too_deep == []


def _is_flat(kind: DataType) -> bool:
    element = kind.element if isinstance(kind, ListOf) else kind
    if isinstance(element, Struct):
        return all(isinstance(field, Scalar) for _, field in element.fields)
    return isinstance(element, Scalar) and element is kind
