"""`storehouse diff`: what differs between two files, counted again in plain Python."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from ingest.errors import ConfigError
from ingest.home import HOME_VARIABLE, Home
from orchestration.cli import app
from orchestration.lib.diff import compare, find_side
from orchestration.lib.diff.result import Diff, Side, TableDiff
from orchestration.lib.grain import table_keys
from orchestration.lib.publish import read_publish_record

KEYS = {"core.t": ("id",)}


def side(folder: Path, name: str, sql: str, *, is_whole: bool = True) -> Side:
    """A file with the schemas core and ops, filled by `sql`."""
    file = folder / f"{name}.duckdb"
    file.unlink(missing_ok=True)
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create schema core; create schema ops; create schema staging; {sql}")
    return Side(name, file, is_whole)


def diff(folder: Path, before: str, after: str, **options: Any) -> Diff:
    keys = options.pop("keys", KEYS)
    return compare(side(folder, "b", before), side(folder, "a", after), keys, **options)


def table(folder: Path, before: str, after: str, **options: Any) -> TableDiff:
    """The comparison of two queries as the table core.t."""
    sql = "create table core.t as "
    (found,) = diff(folder, sql + before, sql + after, **options).tables
    return found


def totals(found: TableDiff, column: str) -> list[tuple[str | None, str | None, str | None]]:
    (match,) = [c for c in found.columns if c.name == column]
    return [(total.currency, total.before, total.after) for total in match.totals]


def changed(found: TableDiff) -> dict[str, int | None]:
    return {column.name: column.rows_changed for column in found.columns if column.rows_changed}


def test_rows_are_paired_by_key_and_null_equals_null(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "from (values (1, null, 'x'), (2, 5, null), (3, null, 'z')) v(id, n, s)",
        "from (values (2, 5, null), (1, null, 'y'), (4, 7, 'w')) v(id, n, s)",
    )
    assert (found.status, found.key) == ("changed", ("id",))
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (1, 1, 1)
    assert changed(found) == {"s": 1}
    assert totals(found, "n") == [(None, "5", "12")]
    assert [(e.kind, e.key, e.changes) for e in found.examples] == [
        ("added", {"id": "4"}, {}),
        ("removed", {"id": "3"}, {}),
        ("changed", {"id": "1"}, {"s": ("x", "y")}),
    ]


def test_a_value_that_becomes_null_is_a_change(tmp_path: Path) -> None:
    found = table(tmp_path, "select 1 as id, 5 as n", "select 1 as id, null::integer as n")
    assert changed(found) == {"n": 1}
    assert totals(found, "n") == [(None, "5", None)]


def test_the_order_of_rows_and_columns_is_no_difference(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "select range as id, range % 3 as n from range(1000)",
        "select range % 3 as n, range as id from range(1000) order by range desc",
    )
    assert found.status == "equal"


def test_columns_and_types(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "select 1::integer as id, 5::integer as n, '7' as s, 1 as gone",
        "select 1::bigint as id, 5::bigint as n, 7 as s, 2 as new",
    )
    assert (found.columns_added, found.columns_removed) == (("new",), ("gone",))
    assert found.types_changed == (
        ("id", "INTEGER", "BIGINT"),
        ("n", "INTEGER", "BIGINT"),
        ("s", "VARCHAR", "INTEGER"),
    )
    assert (found.status, found.rows_changed, changed(found)) == ("changed", 0, {})


def test_money_is_exact_where_a_float_is_not(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "select 1 as id, 9007199254740993.01::decimal(18, 2) as amount",
        "select 1 as id, 9007199254740993.02::decimal(18, 2) as amount",
    )
    assert totals(found, "amount") == [(None, "9007199254740993.01", "9007199254740993.02")]
    assert found.columns[0].totals[0].change == "+0.01"


def test_money_is_added_up_by_currency(tmp_path: Path) -> None:
    rows = (
        "from (values (1, {}::decimal(18, 2), 'EUR', 1), (2, 7, '{}', 1)) "
        "v(id, amount, currency, n)"
    )
    found = table(tmp_path, rows.format("5", "EUR"), rows.format("6", "USD"))
    assert totals(found, "amount") == [("EUR", "12.00", "6.00"), ("USD", None, "7.00")]
    assert totals(found, "n") == [(None, "2", "2")]


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "rows"),
    [
        ("1.0", "1.0000001", 0, 1),
        ("1.0", "1.0000001", 1e-6, 0),
        ("1e12", "1e12 + 1000", 1e-6, 0),
        ("1e12", "1e12 + 10000000", 1e-6, 1),
        ("0.0", "1e-7", 1e-6, 0),
        ("'nan'", "'nan'", 0, 0),
        ("'inf'", "1.0", 1e-6, 1),
        ("1.0", "null", 1e-6, 1),
    ],
)
def test_floats(tmp_path: Path, before: str, after: str, tolerance: float, rows: int) -> None:
    sql = "select 1 as id, ({})::double as x"
    found = table(tmp_path, sql.format(before), sql.format(after), tolerance=tolerance)
    assert (found.rows_changed, found.status) == (rows, "changed" if rows else "equal")


def test_no_tolerance_for_money(tmp_path: Path) -> None:
    sql = "select 1 as id, {}::decimal(18, 2) as x"
    assert table(tmp_path, sql.format("5"), sql.format("5.01"), tolerance=1).rows_changed == 1


def test_a_table_without_a_key_is_a_bag(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "from (values (1), (1), (2), (null)) v(x)",
        "from (values (1), (3), (3), (null)) v(x)",
        keys={},
    )
    assert (found.key, found.rows_added, found.rows_removed) == ((), 2, 2)
    assert [(e.kind, e.key) for e in found.examples] == [
        ("added", {"x": "3"}),
        ("removed", {"x": "1"}),
        ("removed", {"x": "2"}),
    ]
    again = "from (values (1), (1)) v(x)"
    assert table(tmp_path, again, f"{again} limit 2", keys={}).status == "equal"


def test_a_key_that_is_not_one_is_said_and_not_used(tmp_path: Path) -> None:
    twice = "from (values (1, 1), (1, 2)) v(id, n)"
    found = table(tmp_path, "from (values (1, 1), (2, 2)) v(id, n)", twice)
    assert (found.key, found.rows_added, found.rows_removed) == ((), 1, 1)
    assert found.note == "the key id is not unique after: rows are compared as a bag"
    gone = table(tmp_path, "select 1 as id, 2 as n", "select 3 as n")
    assert (gone.columns_removed, gone.rows_added, gone.rows_removed) == (("id",), 1, 1)
    assert gone.note.startswith("the key column id is on one side only")


def test_tables_of_one_side(tmp_path: Path) -> None:
    one = "create table core.t as select 1 as id"
    two = f"{one}; create table core.u as select 1 as id"
    assert {t.name: t.status for t in diff(tmp_path, one, two).tables} == {
        "core.t": "equal",
        "core.u": "added",
    }
    assert diff(tmp_path, two, one).names("removed") == ["core.u"]
    built = compare(side(tmp_path, "b", two), side(tmp_path, "a", one, is_whole=False), KEYS)
    assert (built.names("not built"), built.differing) == (["core.u"], [])
    with pytest.raises(ConfigError, match="Nothing was compared"):
        compare(built.before, built.after, KEYS, select=["core.u"])


def test_times_of_the_clock_and_private_tables_are_compared_on_request(tmp_path: Path) -> None:
    sql = (
        "create table ops.runs as select timestamp '2024-01-0{0} 12:00:00' as started_at;"
        "create table ops.findings as select 1 as n; create table staging.s as select {0} as n;"
    )
    assert diff(tmp_path, sql.format(1), sql.format(2)).differing == []
    found = diff(tmp_path, sql.format(1), sql.format(2), select=["ops.*", "staging.s"])
    assert [t.name for t in found.differing] == ["ops.runs", "staging.s"]
    with pytest.raises(ConfigError, match="fits no table"):
        diff(tmp_path, sql.format(1), sql.format(2), select=["core.nothing"])


def test_limit_is_for_each_kind(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "select range as id, 0 as n from range(100)",
        "select range as id, 1 as n from range(50, 150)",
        limit=3,
    )
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (50, 50, 50)
    assert [e.kind for e in found.examples] == ["added"] * 3 + ["removed"] * 3 + ["changed"] * 3


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_those_of_plain_python(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    def rows() -> dict[tuple[int, str], tuple[Any, ...]]:
        return {
            (number, chance.choice("ab")): (
                chance.choice([None, 1, 2]),
                chance.choice([None, Decimal("1.10"), Decimal("2.20")]),
                chance.choice([None, "", "x"]),
            )
            for number in chance.sample(range(40), 30)
        }

    def sql(data: Mapping[tuple[int, str], tuple[Any, ...]]) -> str:
        def text(value: Any) -> str:
            return (
                "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
            )

        listed = ", ".join(f"({', '.join(map(text, [*k, *v]))})" for k, v in data.items())
        return (
            "select i::integer as i, k, n::integer as n, m::decimal(18, 2) as m, s "
            f"from (values {listed}) v(i, k, n, m, s)"
        )

    before, after = rows(), rows()
    found = table(tmp_path, sql(before), sql(after), keys={"core.t": ("i", "k")})
    both = before.keys() & after.keys()
    assert found.rows_added == len(after.keys() - before.keys())
    assert found.rows_removed == len(before.keys() - after.keys())
    assert found.rows_changed == sum(before[key] != after[key] for key in both)
    for number, column in enumerate(("n", "m", "s")):
        differing = sum(before[key][number] != after[key][number] for key in both)
        assert changed(found).get(column, 0) == differing
    sums = [sum(row[1] or Decimal(0) for row in data.values()) for data in (before, after)]
    assert totals(found, "m") == [(None, str(sums[0]), str(sums[1]))]


def test_every_public_model_has_a_key(manifest: Mapping[str, Any]) -> None:
    keys = table_keys(manifest)
    public = [
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["access"] == "public"
    ]
    assert len(public) > 20
    assert [name for name in public if name not in keys] == []
    assert keys["core.fact_sales"] == ("source_system", "order_id", "line_number")
    assert keys["core.dim_date"] == ("date_key",)


def test_every_row_of_the_demo_has_its_key(demo_home: Home, manifest: Mapping[str, Any]) -> None:
    """No public table falls back to a bag: a column that is changed everywhere shows it."""
    published = find_side(demo_home, "published")
    found = compare(published, find_side(demo_home, "working"), table_keys(manifest))
    assert (found.differing, published.is_whole) == ([], True)
    assert {t.status for t in found.tables} == {"equal"}
    assert all(table.key for table in found.tables if not table.name.startswith("ops."))


def test_sides_by_name(demo_home: Home, tmp_path: Path) -> None:
    record = read_publish_record(demo_home)
    assert record is not None
    kept = find_side(demo_home, record["publish_id"])
    assert (kept.publish_id, kept.is_whole) == (record["publish_id"], True)
    assert find_side(demo_home, "working").is_whole
    file = side(tmp_path, "mine", "").file
    assert not find_side(demo_home, str(file)).is_whole
    with pytest.raises(ConfigError, match="no warehouse to compare") as wrong:
        find_side(demo_home, "publishd")
    assert str(wrong.value.remedy).startswith("Did you mean published?")


def test_exit_status_is_that_of_diff(
    demo_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(demo_home.root))
    other = side(tmp_path, "x", "create table core.fact_orders as select 1 as order_id").file
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(b"no database" * 1000)
    runner = CliRunner()
    for sides, status in (
        (["published", "working"], 0),
        (["published", str(other)], 1),
        (["published", "never"], 2),
        (["published", str(damaged)], 2),
        (["published", "working", "--select", "core.nix"], 2),
    ):
        assert runner.invoke(app, ["diff", *sides]).exit_code == status, sides
