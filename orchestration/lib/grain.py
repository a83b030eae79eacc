"""The columns that tell the rows of a table apart, as the manifest knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_TEST = ("expect_compound_columns_to_be_unique", "unique")
_BY_CONSTRAINT = ("primary_key", "unique")


def table_keys(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """`schema.table` of every model, seed and snapshot with a grain -> its key columns.

    The grain test comes first, for it names the natural key; then a test or a constraint on one
    column. A table without any of them is left out.
    """
    keys: dict[str, tuple[str, ...]] = {}
    nodes = manifest["nodes"]
    for wanted in _BY_TEST:
        for test in nodes.values():
            tested = nodes.get(test.get("attached_node"))
            metadata = test.get("test_metadata") or {}
            if tested is None or metadata.get("name") != wanted or _is_partial(test):
                continue
            columns = metadata["kwargs"].get("column_list") or [test["column_name"]]
            keys.setdefault(relation(tested), tuple(columns))
    for node in nodes.values():
        if node["resource_type"] == "model" and (columns := _constrained(node)):
            keys.setdefault(relation(node), tuple(columns))
    return keys


def relation(node: Mapping[str, Any]) -> str:
    """`schema.table` of a node of the manifest."""
    return f"{node['schema']}.{node['alias']}"


def _is_partial(test: Mapping[str, Any]) -> bool:
    """Whether a test looks at some rows only: what is unique there is no key of the table."""
    kwargs = test["test_metadata"]["kwargs"]
    return bool(test["config"].get("where") or kwargs.get("row_condition"))


def _constrained(node: Mapping[str, Any]) -> list[str]:
    for kind in _BY_CONSTRAINT:
        for constraint in node.get("constraints", ()):
            if constraint["type"] == kind:
                return list(constraint["columns"])
        for column in node.get("columns", {}).values():
            if any(constraint["type"] == kind for constraint in column.get("constraints", ())):
                return [column["name"]]
    return []
