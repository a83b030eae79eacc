"""The asset graph as a reviewed file: keys, groups, dependencies, checks and jobs."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

GRAPH = Path(__file__).with_name("graph.yml")
REWRITE = "REWRITE_GRAPH=1 pytest tests/python/orchestration/test_definitions.py"


def described() -> dict[str, Any]:
    """What the definitions hold, small enough to read in a review."""
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    checks = Counter(key.asset_key.to_user_string() for key in graph.asset_check_keys)
    assets: dict[str, dict[str, Any]] = {}
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        name = key.to_user_string()
        assets.setdefault(node.group_name if node.is_materializable else "(external)", {})[name] = {
            "from": sorted(parent.to_user_string() for parent in node.parent_keys),
            "checks": checks[name],
        }
    repository = defs.get_repository_def()
    return {
        "assets": {
            group: {name: _line(**facts) for name, facts in members.items()}
            for group, members in sorted(assets.items())
        },
        "jobs": sorted(job.name for job in repository.get_all_jobs() if job.name[0] != "_"),
        "schedules": {
            schedule.name: f"{schedule.cron_schedule} {schedule.job_name}"
            for schedule in repository.schedule_defs
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def _line(**facts: Any) -> str:
    """`3 checks; from a, b`: one line for each asset keeps differences small."""
    checks = f"{facts['checks']} check{'' if facts['checks'] == 1 else 's'}"
    return "; from ".join([checks, *filter(None, [", ".join(facts["from"])])])


def test_the_graph_is_the_reviewed_one(manifest: Mapping[str, Any]) -> None:
    found = described()
    if os.environ.get("REWRITE_GRAPH"):
        text = yaml.safe_dump(found, sort_keys=False, width=10_000)
        GRAPH.write_text(f"# Written by: {REWRITE}\n{text}", encoding="utf-8")
    expected = yaml.safe_load(GRAPH.read_text(encoding="utf-8"))
    assert found == expected, f"If that is what you meant: {REWRITE}"


def test_every_step_that_touches_the_warehouse_waits_in_one_pool(
    manifest: Mapping[str, Any],
) -> None:
    from ml.models import MODELS
    from orchestration.definitions import defs

    steps = {node.name: node for node in defs.get_repository_def().get_all_jobs()[0].all_node_defs}
    assert {
        name: step.pool for name, step in steps.items() if hasattr(step, "pool")
    } == dict.fromkeys(
        (
            "land",
            "warehouse",
            *(f"{step}_{model.name}" for step in ("train", "scores_") for model in MODELS),
            "scores__attribute_imputation",
            "watch",
            "insights",
            "published__storehouse",
            "backfill_tables",
            *(f"backfill__scores__{model.name}" for model in MODELS if model.is_dated),
        ),
        "warehouse",
    )


def test_landing_and_scoring_retry_and_dbt_does_not(manifest: Mapping[str, Any]) -> None:
    from ml.models import MODELS
    from orchestration.definitions import defs

    nodes = defs.get_repository_def().get_all_jobs()[0].all_node_defs
    retried = {node.name for node in nodes if getattr(node, "retry_policy", None)}
    scored = {f"scores__{model.name}" for model in MODELS} | {"scores__attribute_imputation"}
    back_filled = {f"backfill__scores__{model.name}" for model in MODELS if model.is_dated}
    assert retried == {"land", *scored, *back_filled}


def test_every_published_table_is_upstream_of_publish(manifest: Mapping[str, Any]) -> None:
    from dagster import AssetKey

    from orchestration.definitions import defs
    from orchestration.lib.project import published_models

    graph = defs.resolve_asset_graph()
    parents = graph.get(AssetKey(["published", "storehouse"])).parent_keys
    assert parents == {
        AssetKey([node["schema"], node["name"]]) for node in published_models(manifest)
    }


@pytest.mark.parametrize("command", ["--help", "land", "publish", "status", "sql"])
def test_quick_commands_import_neither_dagster_nor_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    import subprocess

    code = (
        "import sys; from orchestration.cli import app\n"
        f"sys.argv = ['storehouse', {command!r}]\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "print(sorted(name for name in sys.modules if name in ('dagster', 'dagster_dbt', 'dbt')))\n"
    )
    monkeypatch.setenv("STOREHOUSE_HOME", str(tmp_path / "home"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_every_asset_says_what_it_is(manifest: Mapping[str, Any]) -> None:
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if not graph.get(key).description] == []
