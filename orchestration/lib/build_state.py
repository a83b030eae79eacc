"""Whether the working file may be published: built, tested and newer than what it is built from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.home import Home
from ml.frame.scores import score_times
from ml.imputation.tables import TABLES
from ml.models import MODELS
from orchestration.lib.duckdb_errors import plain_errors

_PASSED = {"success", "pass", "warn"}
_BUILT_TYPES = {"model", "snapshot", "seed"}
_SCORES = "scores"  # the dbt sources of these names: predictions, and the records of loads
_BOOKS = "landing"
STREAM_TAG = "stream"


@dataclass(frozen=True)
class NodeResult:
    """The latest result of one dbt node; times are UTC."""

    status: str
    started_at: datetime | None
    completed_at: datetime | None
    failures: int | None = None
    message: str | None = None


@dataclass(frozen=True)
class Load:
    """The latest load of an entity, and when it was complete (UTC)."""

    source: str
    entity: str
    landed_at: datetime


@dataclass(frozen=True)
class Score:
    """Predictions: when their features were read and they were written, and from what tables.

    The times are UTC, None where the file is a stub; `reads` are `schema.table` names.
    """

    read_at: datetime | None
    written_at: datetime | None
    reads: tuple[str, ...]


@dataclass(frozen=True)
class BuildState:
    """All that decides about publishing, but for the manifest.

    `unfinished` is when the latest dbt run began that never came to its end, None if all did.
    """

    results: Mapping[str, NodeResult]
    loads: Sequence[Load] = ()
    scores: Mapping[str, Score] = field(default_factory=dict)
    unfinished: datetime | None = None


def read_build_state(home: Home, connection: duckdb.DuckDBPyConnection) -> BuildState:
    """The state of an open working file and of what lies beside it in its home."""
    return BuildState(
        results=read_results(connection),
        loads=latest_loads(home),
        scores=read_scores(home),
        unfinished=_unfinished(connection),
    )


def read_results(connection: duckdb.DuckDBPyConnection) -> dict[str, NodeResult]:
    """The latest result of every node, from the bookkeeping in the working file."""
    if not _exists(connection, "node_results"):
        return {}
    rows = connection.execute(
        """
        select unique_id, node_status, started_at, completed_at, failures, message
        from ops.node_results
        qualify row_number() over (
            partition by unique_id order by invoked_at desc, completed_at desc nulls last
        ) = 1
        """
    ).fetchall()
    return {row[0]: NodeResult(*row[1:]) for row in rows}


def latest_loads(home: Home) -> list[Load]:
    """When each entity was last landed: the time its record was written, the last step of all.

    Raises StorehouseError when a record cannot be read.
    """
    folder = home.lake / "landing" / "loads"
    with plain_errors(folder), duckdb.connect() as connection:
        rows = connection.execute(
            "select source_system, entity, max(received_at), filename "
            "from read_parquet(?, filename=true) group by all",
            [str(folder / "*.parquet")],
        ).fetchall()
    latest: dict[tuple[str, str], datetime] = {}
    for source, entity, received_at, file in rows:
        written = datetime.fromtimestamp(Path(file).stat().st_mtime, UTC).replace(tzinfo=None)
        key, landed = (source, entity), max(received_at, written)
        latest[key] = max(latest.get(key, landed), landed)
    return [Load(source, entity, landed) for (source, entity), landed in sorted(latest.items())]


def read_scores(home: Home) -> dict[str, Score]:
    """What is known of the predictions in the scores zone, by name of their folder."""
    reads = {model.name: tuple(table.name for table in model.reads) for model in MODELS}
    reads |= {table.name: table.reads for table in TABLES}
    return {name: Score(*score_times(home.scores / name), tables) for name, tables in reads.items()}


def reasons_not_to_publish(
    manifest: Mapping[str, Any],
    state: BuildState,
    published: Sequence[Mapping[str, Any]],
    *,
    streamed: bool = False,
) -> list[str]:
    """Why the working file must not be published, one sentence each; empty when it may.

    Every published model and all it depends on must have been built, after its own parents, after
    the latest load of its source and after the scores it reads, which must be newer than their
    features; every test on them must have passed since. After a dbt run that never ended nothing
    counts that was not built again.

    With `streamed` only the models with the tag `stream` must be that new: all else is as the last
    whole build left it.
    """
    if streamed:
        manifest = _as_streamed(manifest)
    nodes, parents = manifest["nodes"], manifest["parent_map"]
    needed = _with_ancestors([node["unique_id"] for node in published], parents)
    built = {key for key in needed if _is_built(nodes.get(key))}
    if not any(key in state.results for key in built):
        return ["Nothing was built yet."]
    reasons = list(_unfinished_reasons(manifest, state, built))
    failed, waiting = _test_reasons(manifest, state, needed)
    reasons += failed  # first, for what is built on a failed test is old too
    reasons += [
        reason
        for unique_id in sorted(built)
        for reason in _model_reasons(manifest, state, unique_id, built)
    ]
    reasons.extend(_score_reasons(manifest, state, needed))
    reasons += waiting
    return reasons


def is_streamed(node: Mapping[str, Any]) -> bool:
    """Whether a node of the manifest is built, or tested, while events stream."""
    return STREAM_TAG in node.get("tags", ())


def _as_streamed(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The manifest without the edges from what streams, or was landed, to what does not."""
    nodes = manifest["nodes"]
    streams = {unique_id for unique_id, node in nodes.items() if is_streamed(node)}
    edges = {
        unique_id: parents
        if unique_id in streams
        else [key for key in parents if key not in streams and key not in manifest["sources"]]
        for unique_id, parents in manifest["parent_map"].items()
    }
    return {**manifest, "parent_map": edges}


def _unfinished_reasons(
    manifest: Mapping[str, Any], state: BuildState, built: set[str]
) -> Iterator[str]:
    if state.unfinished is None:
        return
    results = {unique_id: state.results.get(unique_id) for unique_id in built}
    doubtful = sorted(
        manifest["nodes"][unique_id]["name"]
        for unique_id, result in results.items()
        if result and result.started_at and result.started_at < state.unfinished
    )
    if doubtful:
        yield (
            f"The dbt run of {state.unfinished:%Y-%m-%d %H:%M:%S} UTC did not come to its end; "
            f"nobody knows the state of {len(doubtful):,} tables, such as {doubtful[0]}."
        )


def _model_reasons(
    manifest: Mapping[str, Any], state: BuildState, unique_id: str, built: set[str]
) -> Iterator[str]:
    name = manifest["nodes"][unique_id]["name"]
    result = state.results.get(unique_id)
    if result is None:
        yield f"{name} was never built."
        return
    if result.status not in _PASSED or result.started_at is None:
        yield f"{name} is in state {result.status}."
        return
    for parent in _parents(unique_id, manifest):
        if parent in manifest["sources"]:
            changed, label = _source_changed(manifest["sources"][parent], state)
            if changed and changed > result.started_at:
                yield f"{name} is older than {label}."
        elif parent in built:
            before = state.results.get(parent)
            if before and before.completed_at and before.completed_at > result.started_at:
                yield f"{name} is older than {manifest['nodes'][parent]['name']}, its parent."


def _source_changed(source: Mapping[str, Any], state: BuildState) -> tuple[datetime | None, str]:
    """When the content of a source last changed, and how to call it."""
    if source["source_name"] == _SCORES:
        score = state.scores.get(source["name"])
        return score.written_at if score else None, f"the {_SCORES} of {source['name']}"
    is_book = source["source_name"] == _BOOKS  # of every load, whatever it brought
    landed = [
        load.landed_at
        for load in state.loads
        if is_book or (load.source, load.entity) == (source["source_name"], source["name"])
    ]
    of = "" if is_book else f" of {source['source_name']}.{source['name']}"
    return max(landed, default=None), f"the latest load{of}"


def _score_reasons(
    manifest: Mapping[str, Any], state: BuildState, needed: set[str]
) -> Iterator[str]:
    by_table = {
        f"{node['schema']}.{node['name']}": unique_id
        for unique_id, node in manifest["nodes"].items()
        if _is_built(node)
    }
    for unique_id in sorted(needed & set(manifest["sources"])):
        source = manifest["sources"][unique_id]
        if source["source_name"] != _SCORES:
            continue
        name = source["name"]
        score = state.scores.get(name)
        if score is None or score.read_at is None:
            yield f"The {_SCORES} of {name} were never computed."
            continue
        for table in score.reads:
            result = state.results.get(by_table.get(table, ""))
            if result and result.completed_at and result.completed_at > score.read_at:
                yield f"The {_SCORES} of {name} are older than {table}, which they are made from."


def _test_reasons(
    manifest: Mapping[str, Any], state: BuildState, needed: set[str]
) -> tuple[list[str], list[str]]:
    """The tests that failed, and those that have not run since what they test changed."""
    nodes = manifest["nodes"]
    failed, waiting = [], []
    for unique_id in sorted(nodes):
        node = nodes[unique_id]
        if node["resource_type"] != "test":
            continue
        tested = [
            parent for parent in manifest["parent_map"].get(unique_id, ()) if parent in needed
        ]
        if not tested or node["config"].get("severity", "error").lower() == "warn":
            continue
        result = state.results.get(unique_id)
        if result is None or result.started_at is None:  # left out, or skipped
            waiting.append(f"Test {node['name']} has not run.")
        elif result.status not in _PASSED:
            found = f": {result.message.strip()}" if result.message else ""
            failed.append(f"Test {node['name']} is in state {result.status}{found}.")
        else:
            for parent in tested:
                changed, label = _tested_changed(manifest, state, parent)
                if changed and changed > result.started_at:
                    waiting.append(f"Test {node['name']} has not run since {label}.")
    return failed, waiting


def _tested_changed(
    manifest: Mapping[str, Any], state: BuildState, parent: str
) -> tuple[datetime | None, str]:
    if parent in manifest["sources"]:
        return _source_changed(manifest["sources"][parent], state)
    result = state.results.get(parent)
    return result.completed_at if result else None, f"{manifest['nodes'][parent]['name']} was built"


def _is_built(node: Mapping[str, Any] | None) -> bool:
    return (
        node is not None
        and node["resource_type"] in _BUILT_TYPES
        and node["config"].get("materialized") != "ephemeral"
    )


def _parents(unique_id: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    """The parents of a node; those of an ephemeral model in its place, for it has no table."""
    for parent in manifest["parent_map"].get(unique_id, ()):
        node = manifest["nodes"].get(parent)
        if node is not None and node["config"].get("materialized") == "ephemeral":
            yield from _parents(parent, manifest)
        else:
            yield parent


def _with_ancestors(start: Sequence[str], parents: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        unique_id = waiting.pop()
        if unique_id not in found:
            found.add(unique_id)
            waiting.extend(parents.get(unique_id, ()))
    return found


def _unfinished(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    if not _exists(connection, "invocations"):
        return None
    rows = connection.execute(
        "select max(invoked_at) from ops.invocations where ended_at is null and not is_streamed"
    ).fetchall()
    found: datetime | None = rows[0][0]
    return found


def _exists(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = 'ops' "
        "and table_name = ? and table_catalog = current_database()",
        [table],
    ).fetchall()
    return bool(found[0][0])
