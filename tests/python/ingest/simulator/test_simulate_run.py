"""Arguments, folders and determinism of the simulator."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.errors import StorehouseError
from ingest.simulator import plan as plans
from ingest.simulator import simulate


def _rows(query: str) -> list[tuple[Any, ...]]:
    return duckdb.connect().execute(query).fetchall()


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate("demo", seed, None, 3, tmp_path / name / "extracts" / "shop")
    first, second, other = (_digest(tmp_path / name) for name in "abc")
    assert first == second
    orders = "extracts/shop/orders_20251230T010000Z.csv"
    assert first[orders] != other[orders]


def test_another_run_into_the_same_folder_changes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "extracts" / "shop"
    simulate("demo", 3, 20, 2, out)
    before = _digest(tmp_path)
    simulate("demo", 3, 20, 2, out)
    assert _digest(tmp_path) == before


@pytest.mark.parametrize(("days", "loads"), [(1, 1), (2, 2), (3, 3), (10, 5), (40, 1), (400, 3)])
def test_sizes_hold_for_other_calendars(tmp_path: Path, days: int, loads: int) -> None:
    out = tmp_path / "shop"
    simulate("demo", 5, days, loads, out)
    for query, expected in (
        (f"select count(distinct order_id) from '{out}/orders_*.csv'", 2_000),
        (f"select count(distinct payment_id) from '{out}/payments_*.ndjson'", 2_000),
        (f"select count(distinct customer_id) from read_json('{out}/customers_*.json')", 500),
        (f"select count(distinct event_id) from '{out}/events_*.ndjson'", 3_000),
        (f"select count(*) from '{out}/inventory_*.csv'", 50 * loads),
        (
            "select count(*) from (select distinct order_id, line_number "
            f"from '{out}/order_items_*.csv')",
            4_904,
        ),
        (
            f"select min(ordered_at) >= '2025-12-31 23:00:00'::timestamptz - interval {days} day"
            f" from '{out}/orders_*.csv'",
            True,
        ),
    ):
        assert _rows(query) == [(expected,)]
    assert len(list(out.glob("customers_*"))) == loads


def test_scale_has_daily_stock_in_two_warehouses_and_late_customers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = plans.Sizes(400, 40, 40, 1_500, 39, 3_800, 1_500, 6_000, 10, 6)
    monkeypatch.setattr(plans.Sizes, "of", classmethod(lambda cls, factor: sizes))
    out = tmp_path / "shop"
    summary = simulate("1", 5, 30, 3, out)
    assert len(list(out.glob("inventory_*.csv"))) == 30
    stock = _rows(
        "select count(distinct warehouse_id), count(*) filter (closing_quantity < 0), "
        f"count(distinct product_id) from '{out}/inventory_*.csv'"
    )
    assert stock == [(2, 6, 40)]
    assert summary.rows["inventory"] <= 30 * 40
    identity = _rows(
        f"""
        with rows as (from '{out}/inventory_*.csv'),
        steps as (
            select *, lag(closing_quantity) over (
                partition by product_id order by snapshot_date) as before
            from rows
        )
        select count(*) from steps where before >= 0 and before <> opening_quantity
        """
    )
    assert identity == [(0,)]
    late = _rows(
        f"""
        select count(*) from (from '{out}/orders_20251231T010000Z.csv')
        anti join (select customer_id from read_json(
            ['{out}/customers_20251230T010000Z.json', '{out}/customers_20251231T010000Z.json']))
        using (customer_id)
        """
    )
    assert late[0][0] >= 2


@pytest.mark.parametrize(
    ("scale", "seed", "days", "loads", "word"),
    [
        ("0", 1, None, 3, "scale"),
        ("-1", 1, None, 3, "scale"),
        ("big", 1, None, 3, "scale"),
        ("1.5", 1, None, 3, "scale"),
        ("demo", -1, None, 3, "seed"),
        ("demo", 1, 0, 3, "days"),
        ("demo", 1, 100_000, 3, "days"),
        ("demo", 1, None, 0, "loads"),
        ("demo", 1, 2, 3, "loads"),
    ],
)
def test_nonsense_is_refused_before_anything_is_written(
    tmp_path: Path, scale: str, seed: int, days: int | None, loads: int, word: str
) -> None:
    with pytest.raises(StorehouseError, match=word) as error:
        simulate(scale, seed, days, loads, tmp_path / "shop")
    assert error.value.remedy
    assert not (tmp_path / "shop").exists()


def test_a_folder_of_other_arguments_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "shop"
    simulate("demo", 1, 5, 2, out)
    before = _digest(tmp_path)
    with pytest.raises(StorehouseError, match="another simulation"):
        simulate("demo", 2, 5, 2, out)
    assert _digest(tmp_path) == before


def test_a_folder_with_files_of_a_person_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "shop"
    out.mkdir()
    (out / "orders_mine.csv").write_text("order_id\n", encoding="utf-8")
    with pytest.raises(StorehouseError, match="not empty"):
        simulate("demo", 1, 5, 2, out)
    assert [path.name for path in out.iterdir()] == ["orders_mine.csv"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "shop"
    out.write_text("", encoding="utf-8")
    with pytest.raises(StorehouseError, match="not a folder"):
        simulate("demo", 1, 5, 2, out)


def test_truth_goes_beside_the_extracts_unless_told(tmp_path: Path) -> None:
    simulate("demo", 1, 5, 2, tmp_path / "home" / "extracts" / "shop")
    assert (tmp_path / "home" / "truth" / "fraud.parquet").is_file()
    simulate("demo", 1, 5, 2, tmp_path / "loose" / "shop")
    assert (tmp_path / "loose" / "truth" / "fraud.parquet").is_file()
    simulate("demo", 1, 5, 2, tmp_path / "told", tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "fraud.parquet").is_file()


def test_no_unfinished_files_are_left(tmp_path: Path) -> None:
    simulate("demo", 1, 5, 2, tmp_path / "shop")
    assert not list(tmp_path.rglob("*.part"))
