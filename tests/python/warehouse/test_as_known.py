"""A warehouse as it was known, or had arrived, at a time equals the one published then."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.contracts import load_contracts
from ingest.errors import ConfigError
from ingest.home import Home
from ingest.landing import land_paths
from ingest.landing.records import read_records
from orchestration.lib.grain import table_keys
from orchestration.lib.project import published_models, read_manifest
from orchestration.lib.publish import read_publish_record
from orchestration.lib.rebuild.as_known import rebuild_lake
from tests.python.conftest import run_storehouse
from tests.python.test_documents import OLIST
from tests.python.warehouse.dbt_runs import business_tables, land, predicted_tables
from tests.python.warehouse.test_reruns import loads_of, with_key_of

# Feature tables that hold the state of today, for scores of today: no row of them is of the past.
OF_THE_LAST_DAY = {
    "attribute_spreads",
    "attribute_values",
    "customer_attributes",
    "price_candidates",
    "product_attributes",
}


def run(home: Home, *args: str, **environment: str) -> str:
    done = run_storehouse(home, "run", *args, **environment)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return done.stdout


def published(home: Home) -> dict[str, tuple[int, str]]:
    """Rows and hash of every business table, out of the publish record: no ops, no scores."""
    record = read_publish_record(home)
    assert record is not None
    predicted = predicted_tables()
    return {
        f"{table['schema']}.{table['table']}": (table["rows"], table["content_hash"])
        for table in record["tables"]
        if table["schema"] != "ops" and table["table"] not in predicted
    }


def test_features_of_the_past_do_not_change_when_more_becomes_known(
    demo_home: Home, tmp_path: Path
) -> None:
    """Extracts of three days: what features said after the second is what they still say."""
    home = with_key_of(demo_home, tmp_path / "home")
    *early, third = loads_of(demo_home)
    # Events come by the hour: all of them were there before the last extracts.
    events = [file for file in third if file.name.startswith("events")]
    last = [file for file in third if file not in events]
    land(home, [*(file for load in early for file in load), *events])
    run(home)
    before = tmp_path / "before.duckdb"
    shutil.copy(home.warehouse_file, before)
    land(home, last)
    run(home)
    snapshot = datetime.strptime(last[0].stem.rsplit("_", 1)[-1], "%Y%m%dT%H%M%SZ")
    features = [node for node in published_models(read_manifest()) if node["schema"] == "features"]
    assert {node["name"] for node in features} > OF_THE_LAST_DAY
    keys = table_keys(read_manifest())
    compared = 0
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        connection.execute(f"attach '{before}' as before (read_only)")
        for node in features:
            table = f"features.{node['name']}"
            labels = node["config"]["meta"].get("labels", [])
            if node["name"] in OF_THE_LAST_DAY:
                continue
            assert "available_at" in node["columns"], f"{table} does not say when a row is known"
            columns = ", ".join(name for name in node["columns"] if name not in labels)
            key = ", ".join(keys[table])
            known = f"from {{}} where available_at < timestamp '{snapshot}'"
            then = f"select {columns} {known.format(f'before.{table}')}"
            now = f"select {columns} {known.format(table)}"
            assert connection.execute(f"({then}) except ({now})").fetchall() == [], table
            rows = connection.execute(f"select count(distinct ({key})) from ({then})").fetchall()
            compared += rows[0][0]
    assert compared > 10_000


def test_rebuilds_equal_what_was_published_then(demo_home: Home, tmp_path: Path) -> None:
    """Two extracts, one of them in part late; a publish before and after; then a third extract."""
    home = with_key_of(demo_home, tmp_path / "home")
    first, second, third = loads_of(demo_home)
    late = [file for file in first if file.name.startswith(("refunds", "customers"))]
    assert len(late) == 2
    land(home, [*second, *(file for file in first if file not in late)])
    run(home)
    without_late = published(home)
    record = read_publish_record(home)
    assert record is not None
    land(home, late)
    run(home)
    with_late = published(home)
    land(home, third)

    known, received, both = (tmp_path / name for name in ("known", "received", "both"))
    time_of_second = second[0].stem.rsplit("_", 1)[-1]
    said = run(home, "--known-at", time_of_second, "--out", str(known))
    assert str(Home(known).published_file) in said
    assert published(Home(known)) == with_late
    publish_id = record["publish_id"]
    run(home, "--received-by", publish_id, "--out", str(received))
    assert published(Home(received)) == without_late
    assert without_late.keys() == with_late.keys()
    differing = {name for name in with_late if with_late[name] != without_late[name]}
    assert {"core.dim_customer", "core.fact_refunds"} <= differing
    assert published(home) == with_late  # the served file is left alone

    stamp_of_first = first[0].stem.rsplit("_", 1)[-1]
    rebuild_lake(
        home,
        load_contracts(),
        Home(both),
        known_at=datetime.strptime(stamp_of_first, "%Y%m%dT%H%M%SZ"),
        received_by=datetime.strptime(publish_id, "%Y%m%dT%H%M%S%fZ"),
    )
    names = {record["file_name"] for record in read_records(Home(both))}
    assert names == {file.name for file in first} - {file.name for file in late}


def test_a_rebuild_without_out_keeps_only_its_published_file(
    demo_home: Home, tmp_path: Path
) -> None:
    said = run(demo_home, "--received-by", "2199-01-01", TMPDIR=str(tmp_path))
    file = Path(said.strip().splitlines()[-1].strip())
    assert file.name == "storehouse.duckdb"
    assert file.is_relative_to(tmp_path)
    rebuilt = Home(file.parents[1])
    assert {path.name for path in rebuilt.root.iterdir()} == {"published", "logs"}
    assert business_tables(file) == business_tables(demo_home.published_file)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--known-at", "2001-01-01"], "the first extract declares"),
        (["--received-by", "2001-01-01"], "the first load came at"),
        (["--known-at", "yesterday"], "is not a time"),
        (["--out", "somewhere"], "Give --known-at or --received-by too."),
    ],
)
def test_what_cannot_be_rebuilt_is_said(demo_home: Home, args: list[str], said: str) -> None:
    done = run_storehouse(demo_home, "run", *args)
    assert done.returncode == 1
    assert said in done.stderr


# A second order of March, with all that belongs to it; the order of January is reviewed on the 7th.
LATER = {
    "olist_orders_dataset.csv": "o2,c2,delivered,2018-03-02 10:00:00,,,,2018-03-12 00:00:00\n",
    "olist_order_items_dataset.csv": "o2,1,p2,s1,2018-03-05 10:00:00,70.00,8.10\n",
    "olist_order_payments_dataset.csv": "o2,1,boleto,1,78.10\n",
    "olist_customers_dataset.csv": "c2,u2,01000,sao paulo,SP\n",
    "olist_products_dataset.csv": "p2,brinquedos,20,100,1,300,20,10,10\np3,,1,1,1,1,1,1,1\n",
}


@pytest.fixture
def backfill(tmp_path: Path) -> Home:
    """A home with two orders of Olist, which declares no extract time."""
    delivered = tmp_path / "olist"
    delivered.mkdir()
    for name, text in OLIST.items():
        (delivered / name).write_text(text + LATER.get(name, ""), encoding="utf-8")
    home = Home(tmp_path / "home")
    land_paths(home, load_contracts(), "olist", delivered)
    return home


def rebuilt_rows(home: Home, target: Home, known_at: datetime) -> dict[str, list[Any]]:
    """The first column of each entity's rows after a rebuild, from its lake files."""
    rebuild_lake(home, load_contracts(), target, known_at=known_at, received_by=None)
    rows = {}
    for record in read_records(target):
        folder = target.lake / record["source_system"] / record["entity"]
        with duckdb.connect() as connection:
            found = connection.execute(
                f"select columns(*) from read_parquet('{folder}/*/{record['load_id']}.parquet')"
            ).fetchall()
        assert record["rows_landed"] == len(found)
        rows[record["entity"]] = sorted(row[0] for row in found)
    return rows


def test_a_backfill_is_known_by_the_time_of_each_order(backfill: Home, tmp_path: Path) -> None:
    """An order is known a day after it was placed (local time), with it all that belongs to it."""

    def before(moment: datetime, name: str) -> dict[str, list[Any]]:
        return rebuilt_rows(backfill, Home(tmp_path / name), moment)

    reference = {
        "category_translation": ["brinquedos"],
        "geolocation": ["01000"],
    }
    january = {
        "orders": ["o1"],
        "order_items": ["o1"],
        "order_payments": ["o1"],
        "customers": ["c1"],
        "products": ["p1"],
        "sellers": ["s1"],
        **reference,
    }
    assert before(datetime(2018, 1, 3, 12), "placed") == january
    march = before(datetime(2018, 3, 3, 13), "march")
    assert march["order_reviews"] == ["r1"]
    assert march["orders"] == march["order_items"] == ["o1", "o2"]
    assert march["products"] == ["p1", "p2"]  # p3 was never sold: known when it arrived
    assert before(datetime(2199, 1, 1), "all")["products"] == ["p1", "p2", "p3"]
    with pytest.raises(ConfigError, match="no row is that old"):
        before(datetime(2018, 1, 2), "nothing")
