"""`storehouse trace`: from a public row to the line of a file, for every public table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ingest.contracts import load_contracts
from ingest.errors import ConfigError, StorehouseError
from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from ingest.landing import land_paths
from ingest.landing.compact import compact
from ingest.pii import pii_key
from orchestration.cli import app
from orchestration.lib.grain import table_keys
from orchestration.lib.trace import parse_key, trace
from orchestration.lib.trace.landed import LandedRows
from orchestration.lib.trace.lineage import Lineage, Staged
from orchestration.lib.trace.report import print_trace
from orchestration.lib.trace.result import LandedEntity, LandedRow, Trace

Manifest = Mapping[str, Any]
# Tables whose rows follow from no delivered row, no line of a seed and no fact; or whose key
# names members of several kinds.
COMPUTED = {
    "core.dim_date",
    "features.attribute_spreads",
    "features.attribute_values",
    "insights.attribute_outliers",
    # Over all visits of a source, or of a session, whose key stands in no event.
    "marketing.abandoned_carts",
    "marketing.channel_removal_effects",
    "marketing.channel_transitions",
    "marketing.person_sessions",
    "marketing.session_paths",
}


def public_tables(manifest: Manifest) -> list[str]:
    return sorted(
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["access"] == "public"
    )


def query(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def a_key(file: Path, table: str, grain: tuple[str, ...]) -> dict[str, str | None] | None:
    """The key of some row that is no special member; None where the table has none."""
    columns = ", ".join(f"{name}::varchar" for name in grain)
    plain = " and ".join(
        f"{name}::varchar not in ('-1', '-2')"
        for name in grain
        if name not in ("source_system", "line_number", "refund_id", "seller_key")
    )
    rows = query(
        file, f"select {columns} from {table} where {plain or 'true'} order by all limit 1"
    )
    return dict(zip(grain, rows[0], strict=True)) if rows else None


def words(key: Mapping[str, str | None]) -> list[str]:
    output = io.StringIO()
    csv.writer(output).writerow([f"{name}={value or ''}" for name, value in key.items()])
    return [output.getvalue().strip()]


def trace_one(home: Home, manifest: Manifest, table: str, *key: str, limit: int = 5) -> Trace:
    return trace(home, manifest, table, key, limit=limit)


def entity(entities: tuple[LandedEntity, ...], name: str) -> LandedEntity:
    (found,) = [e for e in entities if e.entity == name]
    return found


def line_of(home: Home, row: LandedRow) -> str:
    """The line of the raw file, counted here and not by landing."""
    assert row.unit == "line"
    lines = (home.root / row.file).read_text(encoding="utf-8").split("\n")
    return lines[row.row_number - 1]


def test_every_public_table_is_traced(demo_home: Home, manifest: Manifest) -> None:
    """To delivered rows, seed lines or agreeing fact rows; or it says that it is computed."""
    keys, computed, empty = table_keys(manifest), set(), set()
    for table in public_tables(manifest):
        key = a_key(demo_home.published_file, table, keys[table])
        if key is None:
            empty.add(table)
            continue
        found = trace_one(demo_home, manifest, table, *words(key), limit=2)
        assert found.key == key
        assert [m for m in found.measures if not m.agrees] == [], table
        landed = [*found.landed, *(e for f in found.facts for r in f.rows for e in r.landed)]
        if landed or found.seeds:
            assert found.notes == (), table
        else:
            assert "it is computed" in found.notes[0]
            computed.add(table)
        for row in (row for e in landed for row in e.rows):
            assert row.is_file_kept
            assert row.content
            file = demo_home.root / row.file
            assert file.is_file() or any(p.suffix == ".zip" and p.is_file() for p in file.parents)
        assert found.rules[0].model == table.partition(".")[2]
        assert all((PROJECT_DIR / rule.file).is_file() for rule in found.rules)
    assert computed == COMPUTED
    assert empty <= {"core.dim_seller", "core.fact_reviews"}  # of Olist alone


def test_every_row_of_an_aggregate_is_the_sum_of_its_fact_rows(
    demo_home: Home, manifest: Manifest
) -> None:
    """What `traces_to` says, for all rows at once and not by the code that traces one."""
    keys, lineage, checked = table_keys(manifest), Lineage(manifest), 0
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        for table in public_tables(manifest):
            node = lineage.model(*table.split("."))
            assert node is not None
            hints = node["config"]["meta"].get("traces_to", [])
            parts = []
            for hint in hints:
                fact = lineage.model_named(hint["model"])
                assert fact is not None
                name = f"{fact['schema']}.{fact['alias']}"
                theirs = {row[0] for row in connection.execute(f"describe {name}").fetchall()}
                same = [c for c in keys[table] if c in theirs]
                joined = " and ".join(f"fact.{c} is not distinct from this.{c}" for c in same)
                for measure, expression in hint.get("measures", {}).items():
                    parts.append(
                        f"select this.*, '{measure}' as measure, "
                        f"(select sum({expression}) from {name} as fact where {joined} "
                        f"and ({hint.get('where', 'true')})) as total from {table} as this"
                    )
            if not parts:
                continue
            shown = {part.split("'")[1] for part in parts}
            for measure in sorted(shown):
                chosen = " union all ".join(p for p in parts if f"'{measure}'" in p)
                grain = ", ".join(keys[table])
                wrong = connection.execute(
                    f"select {grain}, any_value({measure}), sum(total) from ({chosen}) "
                    f"group by {grain} "
                    f"having coalesce(any_value({measure}), 0) <> coalesce(sum(total), 0)"
                ).fetchall()
                assert wrong == [], (table, measure)
                checked += 1
    assert checked >= 40


def test_a_line_is_the_one_in_the_file(demo_home: Home, manifest: Manifest) -> None:
    found = trace_one(demo_home, manifest, "core.fact_sales", "shop,O00000001,1")
    (item,) = entity(found.landed, "shop.order_items").rows
    assert line_of(demo_home, item).split(",")[:3] == ["O00000001", "1", "P000001"]
    assert item.state == "latest"
    assert item.content is not None
    assert item.content["product_id"] == found.row["product_id"] == "P000001"
    changes = entity(found.landed, "shop.orders")
    assert [row.state for row in changes.rows] == [
        "latest",
        "superseded",
        "superseded",
        "superseded",
    ]
    stamps = [line_of(demo_home, row).split(",")[-1].strip() for row in changes.rows]
    assert stamps == sorted(stamps, reverse=True)
    latest = changes.rows[0]
    assert changes.rows[1].superseded_by == f"{latest.load_id} {latest.row_number}"
    assert all(line_of(demo_home, row).startswith("O00000001,") for row in changes.rows)
    assert (latest.extracted_at or "")[:10] == "2025-12-30"


def test_a_record_is_the_one_in_the_file(demo_home: Home, manifest: Manifest) -> None:
    found = trace_one(demo_home, manifest, "core.dim_customer_current", "customer_id=C00000040")
    rows = entity(found.landed, "shop.customers").rows
    assert {row.unit for row in rows} == {"record"}
    for row in rows:
        records = json.loads((demo_home.root / row.file).read_text(encoding="utf-8"))
        delivered = records[row.row_number - 1]
        assert delivered["customer_id"] == "C00000040"
        shown = json.dumps(row.content, ensure_ascii=False)
        secrets = [*delivered["name"].values(), *delivered["contact"].values()]
        secrets += [address["line1"] for address in delivered["addresses"]]
        assert not [secret for secret in secrets if secret and secret in shown]


def test_what_was_refused_or_doubled_is_said(demo_home: Home, manifest: Manifest) -> None:
    judged = "from staging.base_shop__{0} where _status = '{1}' and {2} limit 1"
    file = demo_home.warehouse_file
    ((order,),) = query(file, "select order_id " + judged.format("orders", "quarantined", "true"))
    found = trace_one(demo_home, manifest, "core.fact_orders", f"order_id={order}")
    refused = entity(found.landed, "shop.orders").rows
    assert {row.state for row in refused} == {"quarantined"}
    assert {row.reasons for row in refused} == {"status_missing"}
    assert found.row["is_inferred"] == "true"
    entities = ("order_items", "payments", "orders")
    doubled = [
        (name, row[0], row[1])
        for name in entities
        for row in query(
            file, "select order_id, _row_number " + judged.format(name, "duplicate", "true")
        )
    ]
    assert doubled
    for name, order, number in doubled:
        found = trace_one(demo_home, manifest, "core.fact_orders", f"order_id={order}", limit=50)
        copies = [r for r in entity(found.landed, f"shop.{name}").rows if r.state == "duplicate"]
        assert number in {row.row_number for row in copies}


def test_a_seed_is_found_by_line(demo_home: Home, manifest: Manifest) -> None:
    for table, key, column in (
        ("core.dim_channel", "channel_id=email", "channel_id"),
        ("core.dim_payment_method", "payment_method_id=paypal", "payment_method"),
    ):
        (seed,) = trace_one(demo_home, manifest, table, key).seeds
        lines = (PROJECT_DIR / seed.file).read_text(encoding="utf-8").splitlines()
        assert lines[0].split(",")[0] == column
        assert lines[seed.line - 1].split(",")[0] == key.partition("=")[2]


def test_the_rules_are_those_of_the_models_between(demo_home: Home, manifest: Manifest) -> None:
    found = trace_one(
        demo_home,
        manifest,
        "core.fact_marketing_spend",
        "shop,20251231,"
        + query(
            demo_home.published_file,
            "select min(campaign_id) from "
            "core.fact_marketing_spend where spend_date_key = 20251231",
        )[0][0],
    )
    assert [rule.model for rule in found.rules] == [
        "fact_marketing_spend",
        "int_marketing_spend_unioned",
        "stg_shop__marketing_spend",
        "base_shop__marketing_spend",
    ]
    assert any("unique" in test for test in found.rules[0].tests)


def test_limit_counts_what_it_leaves_out(demo_home: Home, manifest: Manifest) -> None:
    found = trace_one(demo_home, manifest, "core.agg_daily_sales", "shop,20251229,EUR,EUR", limit=1)
    (fact,) = found.facts
    assert (len(fact.rows), fact.row_count > 1) == (1, True)
    ((count,),) = query(
        demo_home.published_file,
        "select count(*) from core.fact_sales where is_valid_order "
        "and order_date_key = 20251229 and currency = 'EUR'",
    )
    assert fact.row_count == count


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (["shop,1,2"], {"a": "shop", "b": "1", "c": "2"}),
        (["a=shop,c=2"], {"a": "shop", "c": "2"}),
        (["a=shop", "c="], {"a": "shop", "c": None}),
        (['shop,"x, y",'], {"a": "shop", "b": "x, y", "c": None}),
        (['"b=x, y"'], {"b": "x, y"}),
    ],
)
def test_keys_of_the_command_line(given: list[str], key: dict[str, str | None]) -> None:
    assert parse_key(given, ("a", "b", "c")) == key


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ("core.nothing", "x", "not a public table"),
        ("core.fact_order", "x", "Did you mean core.fact_orders"),
        ("staging.stg_shop__orders", "x", "not a public table"),
        ("core.fact_orders", "order_id=never", "has no row with order_id=never"),
        ("core.fact_orders", "source_system=shop", "More than one row"),
        ("core.fact_orders", "colour=red", "no column colour"),
        ("core.fact_orders", "order_di=1", "Did you mean order_id"),
        ("core.agg_daily_sales", "shop,2025-12-31,EUR,EUR", "in the form of .*order_date_key=2025"),
        ("core.fact_orders", "a,b,c", "3 values where the grain has 2"),
    ],
)
def test_a_key_that_names_no_row(
    demo_home: Home, manifest: Manifest, table: str, key: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        trace_one(demo_home, manifest, table, key)


def test_says_what_is_missing(demo_copy: Home, manifest: Manifest) -> None:
    key = "shop,O00000001,1"
    with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
        connection.execute(
            "update ops.node_results set completed_at = completed_at + interval 1 day"
        )
    (note,) = trace_one(demo_copy, manifest, "core.fact_sales", key).notes
    assert "built again after the publish" in note
    for raw in (demo_copy.raw / "shop" / "order_items").rglob("order_items_*"):
        raw.unlink()
    (item,) = entity(
        trace_one(demo_copy, manifest, "core.fact_sales", key).landed, "shop.order_items"
    ).rows
    assert (item.is_file_kept, item.content is not None) == (False, True)
    demo_copy.warehouse_file.unlink()
    found = trace_one(demo_copy, manifest, "core.fact_sales", key)
    assert "There is no working file" in found.notes[0]
    assert (found.landed, found.row["order_id"]) == ((), "O00000001")
    demo_copy.published_file.unlink()
    with pytest.raises(StorehouseError, match="Nothing was built yet"):
        trace_one(demo_copy, manifest, "core.fact_sales", key)


def test_a_special_member_is_no_delivered_row(demo_home: Home, manifest: Manifest) -> None:
    found = trace_one(demo_home, manifest, "core.dim_channel", "channel_id=-1")
    assert (found.landed, found.seeds) == ((), ())
    assert "special member" in found.notes[0]


def test_not_applicable_is_no_value_to_look_for(demo_home: Home, manifest: Manifest) -> None:
    """A sale has the refund -2: the delivered refunds of its line are found all the same."""
    ((order, line),) = query(
        demo_home.warehouse_file,
        "select order_id, line_number from staging.stg_shop__refunds "
        "where line_number is not null and order_id in (select order_id from core.fact_orders "
        "where not is_inferred) order by all limit 1",
    )
    found = trace_one(demo_home, manifest, "finance.margin_movements", f"shop,{order},{line},-2")
    assert entity(found.landed, "shop.refunds").by == {"order_id": order, "line_number": str(line)}


def test_the_command_prints_text_and_json(
    demo_home: Home, monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(demo_home.root))
    args = ["trace", "finance.agg_daily_margin", "shop,20251229,EUR", "--limit", "1"]
    done = CliRunner().invoke(app, [*args, "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["table"]) == (0, "finance.agg_daily_margin")
    output = io.StringIO()
    shown = trace_one(demo_home, manifest, *args[1:3], limit=1)
    print_trace(Console(file=output, width=100, soft_wrap=True, highlight=False), shown)
    text = output.getvalue()
    for measure in found["measures"]:
        assert f"{measure['name']} {measure['shown']} = {measure['summed']}" in text
    assert "models/marts/finance/agg_daily_margin.sql" in text
    assert CliRunner().invoke(app, ["trace", "core.nothing", "x"]).exit_code == 1


def test_keys_of_entities_follow_into_their_views(manifest: Manifest) -> None:
    """The names under which staging passes the contract's key on are read from its SQL."""
    lineage = Lineage(manifest)
    staged = {
        f"{s.source}.{s.entity}": s
        for table in public_tables(manifest)
        for s in lineage.staged((lineage.model(*table.split(".")) or {})["unique_id"])
    }
    assert len(staged) >= 18
    assert [name for name, s in staged.items() if "" in s.view_key] == []
    assert staged["olist.order_items"].view_key == ("order_id", "line_number")
    assert staged["olist.customers"].view_key == ("customer_reference",)
    assert staged["olist.category_translation"].view_key == ("category_in_portuguese",)


@pytest.mark.parametrize("is_compacted", [False, True])
def test_an_event_is_followed_to_its_line_in_the_archive_of_its_day(
    tmp_path: Path, is_compacted: bool
) -> None:
    home = Home(tmp_path)
    folder = home.segments / "shop"
    folder.mkdir(parents=True)
    for second in range(10):
        lines = "".join(f'{{"event_id": "E{second}-{number}"}}\n' for number in range(3))
        (folder / f"events_x_20260301T0000{second:02}Z.ndjson").write_text(lines)
    (folder / "events_x_20260302T000000Z.ndjson").write_text('{"event_id": "E"}\n')
    land_paths(home, load_contracts(), "shop")
    pii_key(home)
    if is_compacted:
        assert len(list(compact(home, load_contracts()))) == 1
    lake = home.lake / "shop" / "events" / "*" / "*.parquet"
    staged = Staged(
        "shop", "events", "x", "main.judged", "main.judged", "append", *[("event_id",)] * 2
    )
    with duckdb.connect() as connection:
        connection.execute(
            "create table judged as select event_id, _load_id, _row_number, _extracted_at, "
            "event_id as _content_hash, 'accepted' as _status, null as _reasons "
            f"from read_parquet('{lake}', union_by_name = true, hive_partitioning = false)"
        )
        found = LandedRows(home, connection, 5).find(staged, {"event_id": "E4-1"})
    assert found is not None
    (row,) = found.rows
    assert (row.row_number, row.unit, row.is_file_kept) == (2, "line", True)
    assert row.content is not None
    assert row.content["event_id"] == "E4-1"
    name = "events_x_20260301T000004Z.ndjson"
    day = ("day_shop.events_20260301.zip",) if is_compacted else ()
    assert Path(row.file).parts == ("raw", "shop", "events", *day, row.load_id, name)
