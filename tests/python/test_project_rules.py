"""The rules of the project that no tool knows: layers, contracts, sizes, imports, portable SQL."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.python.portable_sql import Renderer, joins_in, refused_in_sql, refused_in_text

PROJECT = Path(__file__).resolve().parents[2]
Node = Mapping[str, Any]

# What a model of each layer may read; `base` is the part of staging that judges landed rows.
MAY_READ = {
    "base": set[str](),
    "staging": {"base"},
    "quarantine": {"base"},
    "intermediate": {"base", "staging", "intermediate", "seeds"},
    "snapshots": {"staging", "intermediate"},
    "marts": {"intermediate", "snapshots", "marts", "seeds"},
    "features": {"intermediate", "marts", "features", "seeds"},
    "metrics": {"marts", "metrics"},
    "insights": {"marts", "features", "insights", "seeds"},
    "ops": {"base", "staging", "quarantine", "intermediate", "snapshots", "marts", "features"}
    | {"metrics", "insights", "ops", "seeds"},
}
# All others: staging, base.
MAY_READ_SOURCES = {
    # Reorder points rest on the forecast, ops tells how values were imputed.
    "scores": {"insights", "intermediate", "ops"},
    "bookkeeping": {"ops"},
    "runs": {"ops"},
    "models": {"ops"},
}
PUBLIC_LAYERS = {"marts", "features", "insights", "metrics"}

# A package may import itself, what is listed, and what is not of this project.
MAY_IMPORT = {
    "ingest": set[str](),
    "ml": set[str](),
    "orchestration": {"ingest", "ml", "serving"},
    "serving": {"ml"},
}


def layer(node: Node) -> str:
    parts = Path(node["original_file_path"]).parts
    if parts[0] in ("seeds", "snapshots"):
        return str(parts[0])
    return "base" if "base" in parts else str(parts[1])


@pytest.fixture(scope="module")
def nodes(manifest: Mapping[str, Any]) -> dict[str, Node]:
    """The models, snapshots and seeds of the project by unique id."""
    return {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["package_name"] == "storehouse"
        and node["resource_type"] in ("model", "snapshot", "seed")
    }


@pytest.fixture(scope="module")
def models(nodes: dict[str, Node]) -> list[Node]:
    found = [node for node in nodes.values() if node["resource_type"] == "model"]
    assert found
    return found


@pytest.fixture(scope="module")
def variables() -> dict[str, Any]:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = project["vars"]
    return found


@pytest.fixture(scope="module")
def renderer(manifest: Mapping[str, Any], variables: dict[str, Any]) -> Renderer:
    return Renderer(PROJECT, manifest, variables)


def test_models_read_only_the_layers_before_them(nodes: dict[str, Node]) -> None:
    wrong = [
        (nodes[parent]["name"], node["name"])
        for node in nodes.values()
        for parent in node.get("depends_on", {}).get("nodes", [])
        if parent in nodes and layer(nodes[parent]) not in MAY_READ[layer(node)]
    ]
    assert wrong == []


def test_sources_are_read_in_their_place_and_none_is_unused(
    manifest: Mapping[str, Any], nodes: dict[str, Node], variables: dict[str, Any]
) -> None:
    readers: dict[str, set[str]] = {unique_id: set() for unique_id in manifest["sources"]}
    for node in nodes.values():
        for parent in set(node.get("depends_on", {}).get("nodes", [])) & readers.keys():
            readers[parent].add(layer(node))
    modelled: dict[str, list[str]] = {}
    for unique_id, source in manifest["sources"].items():
        name = source["source_name"]
        if source["meta"].get("modelled", True) is False:
            assert readers[unique_id] == set(), unique_id
            continue
        allowed = MAY_READ_SOURCES.get(name, {"base", "staging"})
        assert readers[unique_id], f"{unique_id} is unused"
        assert readers[unique_id] <= allowed, unique_id
        if "base" in readers[unique_id] and name != "landing":  # which loads there are
            modelled.setdefault(name, []).append(source["name"])
    # Conservation and the reasons of quarantine count the entities of this variable.
    named = {name: sorted(entities) for name, entities in variables["modelled_entities"].items()}
    assert {name: sorted(entities) for name, entities in modelled.items()} == named


def test_every_description_starts_with_the_grain(nodes: dict[str, Node]) -> None:
    wrong = [
        node["name"]
        for node in nodes.values()
        if not node["description"].strip().startswith("One row per ")
    ]
    assert wrong == []


def test_every_macro_is_described(manifest: Mapping[str, Any]) -> None:
    bare = [
        macro["name"]
        for macro in manifest["macros"].values()
        if macro["package_name"] == "storehouse"
        and not macro["description"]
        and not macro["name"].startswith("test_")  # generic tests say it in their file
    ]
    assert bare == []


def test_public_tables_have_enforced_contracts_and_others_are_not_public(
    models: list[Node],
) -> None:
    for node in models:
        is_public = layer(node) in PUBLIC_LAYERS
        assert (node["access"] == "public") == is_public, node["name"]
        assert node["config"]["contract"]["enforced"] == is_public, node["name"]
        columns = node["columns"].values()
        if is_public:
            undescribed = [c["name"] for c in columns if not (c["description"] and c["data_type"])]
            assert undescribed == [], node["name"]
            assert any(_constraints(node)), node["name"]
        if node["name"].startswith("fact_"):  # 5M md5 keys took 13 s instead of 1 s
            assert "primary_key" not in _constraints(node), node["name"]


def _constraints(node: Node) -> set[str]:
    held = [node, *node["columns"].values()]
    return {str(each["type"]) for holder in held for each in holder.get("constraints", [])}


def test_models_are_short_and_join_little(models: list[Node], renderer: Renderer) -> None:
    for node in models:
        text = (PROJECT / node["original_file_path"]).read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 120, node["name"]
        assert joins_in(renderer.render(text)) <= 10, node["name"]


def test_every_public_model_has_a_unit_test(
    manifest: Mapping[str, Any], models: list[Node]
) -> None:
    tested: dict[str, list[Node]] = {}
    for test in manifest["unit_tests"].values():
        if test["package_name"] == "storehouse":
            assert test["name"].startswith(f"test_{test['model']}_"), test["name"]
            assert test["description"], test["name"]
            tested.setdefault(test["model"], []).append(test)
    untested = [
        node["name"]
        for node in models
        if layer(node) in PUBLIC_LAYERS and node["name"] not in tested
    ]
    assert untested == []


def test_packages_import_only_what_they_may() -> None:
    wrong = [
        (str(file.relative_to(PROJECT)), imported)
        for package, allowed in MAY_IMPORT.items()
        for file in (PROJECT / package).rglob("*.py")
        for imported in _imports(file)
        if imported in MAY_IMPORT and imported not in {package, *allowed}
    ]
    assert wrong == []


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_models_and_macros_hold_no_sql_of_one_engine(
    models: list[Node], renderer: Renderer
) -> None:
    engine = PROJECT / "macros" / "engine"
    macros = [file for file in (PROJECT / "macros").rglob("*.sql") if engine not in file.parents]
    files = [*macros, *(PROJECT / node["original_file_path"] for node in models)]
    written = {str(file.relative_to(PROJECT)): file.read_text(encoding="utf-8") for file in files}
    refused = {name: refused_in_text(text) for name, text in written.items()}
    for node in models:
        name = node["original_file_path"]
        refused[name] += refused_in_sql(renderer.render(written[name]))
    assert {name: found for name, found in refused.items() if found} == {}


@pytest.mark.parametrize(
    ("snippet", "found"),
    [
        ("select a from b qualify row_number() over (order by a) = 1", "qualify"),
        ("select a.x from a asof join b on a.t >= b.t", "asof join"),
        ("select a.x from a positional join b", "positional"),
        ("select * from a pivot (sum(b) for c in ('x'))", "pivot"),
        ("pivot a on b using sum(c)", "pivot"),
        ("select columns('a.*') from b", "columns()"),
        ("select * from a union by name select * from b", "union by name"),
        ("select [x * 2 for x in xs] from a", "list comprehension"),
        ("select cast(a as hugeint) from b", "hugeint"),
        ("select a from read_parquet('b.parquet')", "read_parquet()"),
        ("select a from 'b.parquet'", "file as a table"),
        ("select hash(a) from b", "hash()"),
        ("select strip_accents(a) from b", "strip_accents()"),
        ("select strptime(a, '%Y') from b", "strptime()"),
        ("select isodow(a) from b", "isodow()"),
        ("select list(a order by b) from c", "ordered aggregate"),
        ("select string_agg(a, ',' order by a) from c", "ordered aggregate"),
        ("select * exclude (a) from b", "* exclude or replace"),
        ("select distinct on (a) b from c", "distinct on"),
        ("select a[1] from b", "list subscript"),
        ("select struct_pack(a := 1)", "struct_pack()"),
        ("select {'a': 1}", "struct literal"),
        # SQL that Jinja writes: an argument of an engine macro, and of one that is not.
        ("select {{ without_accents('strptime(a, 1)') }} from b", "strptime()"),
        ("select {{ surrogate_key(['hash(a)']) }} from b", "hash()"),
    ],
)
def test_the_check_refuses(snippet: str, found: str, renderer: Renderer) -> None:
    assert found in refused_in_sql(renderer.render(snippet))


@pytest.mark.parametrize(
    "snippet",
    [
        "select last_value(a ignore nulls) over (order by b) from c",
        "select count(*) filter (where a) from b group by all",
        "select 'qualify hash(a)' as text -- pivot",
        "select x.a from (values (1, null)) as x (a, b) except all select y.a from y",
        "select a['b'] from c",
        "{{ date_spine('a', 'b') }}",
        "select {{ all_columns_except(['a']) }} from b",
        "select {{ sorted_text('a') }}, {{ iso_weekday('b') }}, {{ struct_of(['c']) }} from d",
        "select {{ matches('a', '^[0-9]{4}$') }}, {{ json_object({'a': 'a'}) }} from c",
    ],
)
def test_the_check_lets_pass(snippet: str, renderer: Renderer) -> None:
    assert refused_in_text(snippet) == []
    assert refused_in_sql(renderer.render(snippet)) == []


def test_the_check_sees_branches_that_are_not_rendered() -> None:
    text = "{% if false %}select a from b qualify hash(a) = 1{% endif %} {# pivot #} {{ hash(1) }}"
    assert refused_in_text(text) == ["hash()", "qualify"]
