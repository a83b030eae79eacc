"""The SQL that made the feature tables, for the leak tests of the models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.home import Home
from ml.frame.leaks import Leak, Relation, find_leaks, snapshots_of
from ml.frame.model import Model
from orchestration.lib.grain import relation
from orchestration.lib.project import MANIFEST


def leaking_features(home: Home, manifest: Mapping[str, Any], model: Model[Any]) -> list[str]:
    """`table.column` of the features of a model that know the future, or were not looked at.

    A table is looked at by the SQL of its last build; where that was other code than the project
    has now, or cannot be found, nobody knows, and all features of it count as leaking.
    """
    learned = [table for table in model.reads if table.features]
    leaks = find_table_leaks(home, manifest, {table.name: table.key for table in learned})
    found = []
    for table in learned:
        of_table = leaks[table.name]
        if of_table is None:
            found += [f"{table.name}.{name} (not looked at)" for name in table.features]
        else:
            found += [str(leak) for leak in of_table]
    return found


def find_table_leaks(
    home: Home, manifest: Mapping[str, Any], keys: Mapping[str, Sequence[str]]
) -> dict[str, list[Leak] | None]:
    """The columns that know the future, labels left aside, of feature tables (`schema.name`).

    `keys` holds their keys. None where the SQL of the last build is other code than that of the
    manifest, or is not there.
    """
    compiled, by_table = _compiled(home, manifest), _by_table(manifest)
    found: dict[str, list[Leak] | None] = {}
    for table, key in keys.items():
        relations = _relations(table, manifest, compiled)
        if relations is None:
            found[table] = None
            continue
        meta = by_table[table]["config"]["meta"]
        found[table] = find_leaks(
            home.warehouse_file,
            table,
            relations,
            key,
            meta.get("labels", []),
            snapshots_of(home.warehouse_file, table),
            may_vanish=meta.get("may_vanish", "false"),
        )
    return found


def _relations(
    table: str, manifest: Mapping[str, Any], compiled: Mapping[str, str]
) -> dict[str, Relation] | None:
    """A table and all it is made of, by `schema.name`; None where some SQL is not known."""
    nodes, by_table = manifest["nodes"], _by_table(manifest)
    found: dict[str, Relation] = {}
    waiting = [table]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        node = by_table.get(name)
        if node is None:
            return None
        parents = [
            relation(nodes[parent])
            for parent in manifest["parent_map"][node["unique_id"]]
            if parent in nodes
        ]
        sql = None if node["resource_type"] == "seed" else compiled.get(node["unique_id"])
        if sql is None and name.startswith(("features.", "intermediate.")):
            return None
        found[name] = Relation(node["relation_name"], sql, tuple(parents))
        waiting += parents
    return found


def _by_table(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        relation(node): node
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }


def _compiled(home: Home, manifest: Mapping[str, Any]) -> dict[str, str]:
    """The SQL of the last build by unique id, of models that are the same code as now."""
    found = {}
    for file in (MANIFEST, home.logs / "dbt" / "build" / MANIFEST.name):
        if not file.exists():
            continue
        for unique_id, node in json.loads(file.read_text(encoding="utf-8"))["nodes"].items():
            now = manifest["nodes"].get(unique_id)
            if now and node.get("compiled_code") and node["checksum"] == now["checksum"]:
                found[unique_id] = node["compiled_code"]
    return found
