"""The SQL that made the feature tables, for the leak tests of the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ingest.home import Home
from ml.frame.leaks import Relation, find_leaks, snapshots_of
from ml.frame.model import Model
from orchestration.lib.grain import relation
from orchestration.lib.project import MANIFEST


def leaking_features(home: Home, manifest: Mapping[str, Any], model: Model[Any]) -> list[str]:
    """`table.column` of the features of a model that know the future, or were not looked at.

    A table is looked at by the SQL of its last build; where that was other code than the project
    has now, or cannot be found, nobody knows, and all features of it count as leaking.
    """
    compiled = _compiled(home, manifest)
    found = []
    for table in model.reads:
        if not table.features:
            continue
        relations = _relations(table.name, manifest, compiled)
        if relations is None:
            found += [f"{table.name}.{name} (not looked at)" for name in table.features]
            continue
        meta = _by_table(manifest)[table.name]["config"]["meta"]
        leaks = find_leaks(
            home.warehouse_file,
            table.name,
            relations,
            table.key,
            meta.get("labels", []),
            snapshots_of(home.warehouse_file, table.name),
            may_vanish=meta.get("may_vanish", "false"),
        )
        found += [str(leak) for leak in leaks]
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
