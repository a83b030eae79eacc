"""Whether the working file may be published: built, tested and newer than what it is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ingest.home import Home

_PASSED = {"success", "pass", "warn"}
_BUILT_TYPES = {"model", "snapshot", "seed"}


@dataclass(frozen=True)
class NodeResult:
    """The latest result of one dbt node; times are UTC."""

    status: str
    completed_at: datetime | None
    failures: int | None
    message: str | None


@dataclass(frozen=True)
class Load:
    """The latest load of an entity."""

    source: str
    entity: str
    received_at: datetime


def read_results(connection: duckdb.DuckDBPyConnection) -> dict[str, NodeResult]:
    """The latest result of every node, from the bookkeeping in the working file."""
    rows = connection.execute(
        """
        select unique_id, node_status, completed_at, failures, message
        from ops.node_results
        qualify row_number() over (
            partition by unique_id order by invoked_at desc
        ) = 1
        """
    ).fetchall()
    return {row[0]: NodeResult(row[1], row[2], row[3], row[4]) for row in rows}


def latest_loads(home: Home) -> list[Load]:
    """When each entity was last landed."""
    pattern = home.lake / "landing" / "loads" / "*.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select source_system, entity, max(received_at) from read_parquet(?) group by all",
            [str(pattern)],
        ).fetchall()
    return [Load(*row) for row in rows]


def reasons_not_to_publish(
    manifest: Mapping[str, Any],
    results: Mapping[str, NodeResult],
    loads: Sequence[Load],
    published: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Why the working file must not be published, one sentence each; empty when it may.

    Every published model and all it depends on must have been built, after its own parents and
    after the latest load of its source; every test on them must have passed since.
    """
    nodes, parents = manifest["nodes"], manifest["parent_map"]
    needed = _with_ancestors([node["unique_id"] for node in published], parents, nodes)
    arrivals = {(load.source, load.entity): load.received_at for load in loads}
    reasons = []
    for unique_id in sorted(needed):
        name = nodes[unique_id]["name"]
        result = results.get(unique_id)
        if result is None or result.status not in _PASSED or result.completed_at is None:
            state = "was never built" if result is None else f"is in state {result.status}"
            reasons.append(f"{name} {state}.")
            continue
        for parent in parents[unique_id]:
            if parent.startswith("source."):
                source = manifest["sources"][parent]
                arrived = arrivals.get((source["source_name"], source["name"]))
                if arrived and arrived > result.completed_at:
                    label = f"{source['source_name']}.{source['name']}"
                    reasons.append(f"{name} is older than the latest load of {label}.")
            elif parent in needed:
                built = results.get(parent)
                if built and built.completed_at and built.completed_at > result.completed_at:
                    reasons.append(f"{name} is older than {nodes[parent]['name']}, its parent.")
    return reasons + _test_reasons(manifest, results, needed)


def _test_reasons(
    manifest: Mapping[str, Any], results: Mapping[str, NodeResult], needed: set[str]
) -> list[str]:
    nodes, parents = manifest["nodes"], manifest["parent_map"]
    reasons = []
    for unique_id in sorted(nodes):
        node = nodes[unique_id]
        tested = [parent for parent in parents.get(unique_id, []) if parent in needed]
        if node["resource_type"] != "test" or not tested:
            continue
        if node["config"].get("severity", "error").lower() == "warn":
            continue
        result = results.get(unique_id)
        if result is None or result.completed_at is None:
            reasons.append(f"Test {node['name']} has not run.")
        elif result.status not in _PASSED:
            found = f": {result.message}" if result.message else ""
            reasons.append(f"Test {node['name']} is in state {result.status}{found}.")
        else:
            for parent in tested:
                built = results.get(parent)
                if built and built.completed_at and built.completed_at > result.completed_at:
                    name = nodes[parent]["name"]
                    reasons.append(f"Test {node['name']} has not run since {name} was built.")
    return reasons


def _with_ancestors(
    start: Sequence[str], parents: Mapping[str, Sequence[str]], nodes: Mapping[str, Any]
) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        unique_id = waiting.pop()
        node = nodes.get(unique_id)
        if unique_id in found or node is None or node["resource_type"] not in _BUILT_TYPES:
            continue
        found.add(unique_id)
        waiting.extend(parents.get(unique_id, []))
    return found
