"""A small working file with bookkeeping, and the manifest that goes with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.home import Home

NOON = datetime(2024, 5, 1, 12)


def minute(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=count)


@dataclass
class SmallProject:
    """Two models on a source, a score on one of them, and tests: the shape of the real project.

    shop.orders -> stg_orders -> fact_orders -> [scores.payment_anomaly] -> flags; landing.loads ->
    loads. `stg_orders` is not published.
    """

    home: Home
    manifest: dict[str, Any] = field(default_factory=dict)

    def node(
        self, name: str, schema: str, parents: list[str], kind: str = "model", **config: str
    ) -> str:
        unique_id = f"{kind}.small.{name}"
        self.manifest["nodes"][unique_id] = {
            "unique_id": unique_id,
            "name": name,
            "alias": name,
            "schema": schema,
            "resource_type": kind,
            "config": {"materialized": "table"} | config,
        }
        self.manifest["parent_map"][unique_id] = parents
        return unique_id

    def source(self, source: str, table: str) -> str:
        unique_id = f"source.small.{source}.{table}"
        self.manifest["sources"][unique_id] = {"source_name": source, "name": table}
        self.manifest["parent_map"][unique_id] = []
        return unique_id

    def published(self) -> list[dict[str, Any]]:
        return [
            node
            for node in self.manifest["nodes"].values()
            if node["resource_type"] == "model" and node["schema"] != "staging"
        ]


# Minute in which each node began; each takes 0.4.
BUILT = {
    "test.small.source_orders_not_null": 1,
    "model.small.stg_orders": 1.5,
    "test.small.unique_stg_orders": 2,
    "model.small.fact_orders": 2.5,
    "test.small.unique_fact_orders": 3,
    "model.small.loads": 2.5,
    "model.small.flags": 4,
    "test.small.assert_flags_and_loads": 5,
    "test.small.only_a_hint": 5,
}


def write_loads(home: Home, received_at: datetime) -> None:
    """The record of one load of shop.orders, written when it was received."""
    file = home.lake / "landing" / "loads" / "load.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table(
            {
                "load_id": ["load"],
                "source_system": ["shop"],
                "entity": ["orders"],
                "received_at": pa.array([received_at], pa.timestamp("us")),
            }
        ),
        file,
    )
    seconds = (received_at - datetime(1970, 1, 1)).total_seconds()
    os.utime(file, (seconds, seconds))


def write_scores(home: Home, read_at: datetime, written_at: datetime) -> None:
    """Scores without rows that say when they were made."""
    file = home.scores / "payment_anomaly" / "scores.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    times = {
        "storehouse.read_at": read_at.isoformat(),
        "storehouse.written_at": written_at.isoformat(),
    }
    pq.write_table(pa.table({"payment_id": ["1"]}).replace_schema_metadata(times), file)


def small_project(home: Home) -> SmallProject:
    """The project of the class's description, with its tests."""
    project = SmallProject(home, {"nodes": {}, "sources": {}, "parent_map": {}})
    orders = project.source("shop", "orders")
    books = project.source("landing", "loads")
    scores = project.source("scores", "payment_anomaly")
    staged = project.node("stg_orders", "staging", [orders])
    facts = project.node("fact_orders", "core", [staged])
    flags = project.node("flags", "insights", [facts, scores])
    loads = project.node("loads", "ops", [books])
    project.node("unique_stg_orders", "tests", [staged], "test", severity="ERROR")
    project.node("unique_fact_orders", "tests", [facts], "test", severity="ERROR")
    project.node("assert_flags_and_loads", "tests", [flags, loads], "test", severity="ERROR")
    project.node("source_orders_not_null", "tests", [orders], "test", severity="ERROR")
    project.node("only_a_hint", "tests", [facts], "test", severity="warn")
    return project


def write_working_file(project: SmallProject) -> None:
    """A working file of two public schemas, private ones and a view, with all in order."""
    home = project.home
    home.warehouse.mkdir(parents=True)
    write_loads(home, received_at=minute(0))
    write_scores(home, read_at=minute(3), written_at=minute(3.5))
    with duckdb.connect(
        str(home.warehouse_file), config={"storage_compatibility_version": "v1.2.0"}
    ) as connection:
        for schema in ("core", "insights", "ops", "staging", "quarantine"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            """
            create table staging.secrets as select 'Hildegard von Bingen' as full_name;
            create view quarantine.quarantined as select * from staging.secrets;
            create table staging.stg_orders as select 1 as order_id;
            create table core.fact_orders as
                select range as order_id, range / 7 as amount from range(1000);
            comment on table core.fact_orders is 'One row per order.';
            comment on column core.fact_orders.amount is 'In euros.';
            create table core.fact_orders__dbt_backup as select 1 as left_by_a_crash;
            create view core.left_behind as select 1 as of_a_model_that_is_gone;
            create table insights.flags as select 7 as order_id;
            create table ops.loads as select 'load' as load_id;
            create table ops.node_results (
                invocation_id varchar, invoked_at timestamp, unique_id varchar,
                resource_type varchar, node_status varchar, started_at timestamp,
                completed_at timestamp, seconds double, failures bigint, message varchar
            );
            create table ops.invocations (
                invocation_id varchar,
                invoked_at timestamp,
                ended_at timestamp,
                is_streamed boolean default false
            );
            """
        )
        connection.execute(
            "insert into ops.invocations values ('a', ?, ?, false)", [minute(1), minute(6)]
        )
        for name, started in BUILT.items():
            kind = project.manifest["nodes"][name]["resource_type"]
            connection.execute(
                "insert into ops.node_results values "
                "('a', ?, ?, ?, ?, ?, ?, 1, case when ? = 'test' then 0 end, null)",
                [
                    minute(1),
                    name,
                    kind,
                    "pass" if kind == "test" else "success",
                    minute(started),
                    minute(started + 0.4),
                    kind,
                ],
            )
