"""What the manifest says about where a model comes from, and which rules it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.lib.trace.result import Rules

_RENAMED = re.compile(r"^\s*(?:(?:lower|upper)\()?(\w+)\)? as (\w+),?\s*$", re.MULTILINE)
_PLAIN = re.compile(r"^\s*(\w+),?\s*$", re.MULTILINE)
_MOST_ARGUMENTS = 80


@dataclass(frozen=True)
class Staged:
    """An entity with its judged table and its view of the accepted rows.

    `key` are the key columns of the contract, `view_key` the same under the names of the view.
    """

    source: str
    entity: str
    unique_id: str
    table: str
    view: str
    load_kind: str
    key: tuple[str, ...]
    view_key: tuple[str, ...]


class Lineage:
    """The graph of the manifest."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.manifest = manifest
        self.nodes: Mapping[str, Any] = manifest["nodes"]

    def ancestors(self, unique_id: str) -> set[str]:
        """All that a node is made from, directly or not."""
        return _reachable(unique_id, self.manifest["parent_map"])

    def descendants(self, unique_ids: Iterable[str]) -> set[str]:
        """All that is made from any of these nodes."""
        return {
            found
            for unique_id in unique_ids
            for found in _reachable(unique_id, self.manifest["child_map"])
        }

    def model(self, schema: str, table: str) -> Mapping[str, Any] | None:
        """The model behind a table."""
        for node in self.nodes.values():
            if (node["resource_type"], node["schema"], node["alias"]) == ("model", schema, table):
                found: Mapping[str, Any] = node
                return found
        return None

    def model_named(self, name: str) -> Mapping[str, Any] | None:
        """The model of that name."""
        for node in self.nodes.values():
            if (node["resource_type"], node["name"]) == ("model", name):
                found: Mapping[str, Any] = node
                return found
        return None

    def staged(self, unique_id: str) -> list[Staged]:
        """The entities whose judged tables a model is made from, in the order of their names."""
        found = (self._staged(ancestor) for ancestor in sorted(self.ancestors(unique_id)))
        return [staged for staged in found if staged]

    def seeds(self, unique_id: str) -> list[Mapping[str, Any]]:
        """The seeds that a model is made from."""
        return [
            self.nodes[ancestor]
            for ancestor in sorted(self.ancestors(unique_id))
            if ancestor.startswith("seed.")
        ]

    def rules(self, unique_ids: Iterable[str]) -> list[Rules]:
        """The rules of models and snapshots, from the last one made to the first."""
        chosen = {
            unique_id
            for unique_id in unique_ids
            if self.nodes.get(unique_id, {}).get("resource_type") in {"model", "snapshot"}
        }
        depth = {unique_id: len(self.ancestors(unique_id)) for unique_id in chosen}
        tests: dict[str, set[str]] = {unique_id: set() for unique_id in chosen}
        for node in self.nodes.values():
            if node["resource_type"] != "test":
                continue
            attached = node.get("attached_node")
            tested = [attached] if attached else node["depends_on"]["nodes"]
            for unique_id in chosen.intersection(tested):
                tests[unique_id].add(_test_text(node))
        unit_tests: dict[str, list[str]] = {unique_id: [] for unique_id in chosen}
        for test in self.manifest["unit_tests"].values():
            for unique_id in chosen.intersection(test["depends_on"]["nodes"]):
                if self.nodes[unique_id]["name"] == test["model"]:
                    unit_tests[unique_id].append(_one_line(test["description"]))
        return [
            Rules(
                model=self.nodes[unique_id]["name"],
                file=self.nodes[unique_id]["original_file_path"],
                description=_one_line(self.nodes[unique_id]["description"]),
                tests=tuple(sorted(tests[unique_id])),
                unit_tests=tuple(sorted(unit_tests[unique_id])),
            )
            for unique_id in sorted(chosen, key=lambda i: (-depth[i], i))
        ]

    def _staged(self, unique_id: str) -> Staged | None:
        """The entity of a judged table: the model that reads one source with a contract.

        Beside it, it may read which loads there are, and nothing else.
        """
        parents = self.manifest["parent_map"].get(unique_id, ())
        sources = [self.manifest["sources"].get(parent) for parent in parents]
        judged = [source for source in sources if source and "key" in source["meta"]]
        if len(judged) != 1 or None in sources:
            return None
        source = judged[0]
        node = self.nodes[unique_id]
        view = self._view(unique_id)
        renamed = {name: name for name in _PLAIN.findall(view["raw_code"])}
        renamed |= dict(_RENAMED.findall(view["raw_code"]))
        key = tuple(source["meta"]["key"])
        return Staged(
            source=source["source_name"],
            entity=source["name"],
            unique_id=unique_id,
            table=f"{node['schema']}.{node['alias']}",
            view=f"{view['schema']}.{view['alias']}",
            load_kind=source["meta"]["load_kind"],
            key=key,
            view_key=tuple(renamed.get(name, "") for name in key),
        )

    def _view(self, unique_id: str) -> Mapping[str, Any]:
        """The staging model over a judged table: its child in the same schema."""
        schema = self.nodes[unique_id]["schema"]
        for child in self.manifest["child_map"][unique_id]:
            node = self.nodes.get(child)
            if node and node["resource_type"] == "model" and node["schema"] == schema:
                found: Mapping[str, Any] = node
                return found
        raise KeyError(f"no staging model reads {unique_id}")


def _reachable(start: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for unique_id in edges.get(waiting.pop(), ()):
            if unique_id not in found:
                found.add(unique_id)
                waiting.append(unique_id)
    return found


def _test_text(node: Mapping[str, Any]) -> str:
    """A test in words: its comment or description, else its name with its arguments."""
    metadata = node.get("test_metadata")
    if metadata is None:
        comment = re.match(r"(?:--[^\n]*\n)*", node["raw_code"].lstrip())
        lines = [
            line.removeprefix("--").strip() for line in (comment[0] if comment else "").split("\n")
        ]
        return _one_line(" ".join([f"{node['name']}:", *lines])).rstrip(":")
    arguments = {
        name: value
        for name, value in metadata["kwargs"].items()
        if name not in {"model", "column_name"}
    }
    column = [node["column_name"]] if node.get("column_name") else []
    words = [*column, *(f"{name} {_argument(value)}" for name, value in arguments.items())]
    text = f"{metadata['name']}: {', '.join(words)}".rstrip(": ")
    return text if len(text) <= 3 * _MOST_ARGUMENTS else text[: 3 * _MOST_ARGUMENTS] + " ..."


def _argument(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else _one_line(str(value))


def _one_line(text: str) -> str:
    return " ".join(text.split())
