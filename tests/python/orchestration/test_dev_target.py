"""The way README shows to change a model: build it on top of the working file, then compare."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.home import HOME_VARIABLE, Home
from orchestration.lib.diff import compare, find_side
from orchestration.lib.grain import table_keys
from orchestration.lib.project import DBT, keep_state
from tests.project_copy import copy_project


def dbt(project: Path, home: Home, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs dbt on a copy of the project, whose own files it leaves alone."""
    scratch = ["--target-path", str(project / "target"), "--log-path", str(project / "logs")]
    return subprocess.run(
        [os.fspath(DBT), "--no-use-colors", *args, *scratch],
        cwd=project,
        env=os.environ | {HOME_VARIABLE: str(home.root)},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project to change."""
    return copy_project(tmp_path / "project")


def test_a_changed_model_shows_as_exactly_that_change(
    demo_copy: Home, project: Path, manifest: Mapping[str, Any]
) -> None:
    """One unit more in every day: that column of that table differs, by one in each row."""
    model = project / "models" / "marts" / "core" / "agg_daily_sales.sql"
    text = model.read_text(encoding="utf-8")
    assert text.count("sum(quantity)") == 1
    model.write_text(text.replace("sum(quantity)", "sum(quantity) + 1"), encoding="utf-8")
    before = demo_copy.warehouse_file.read_bytes()
    select = ["--select", "agg_daily_sales+", "--resource-type", "model"]
    done = dbt(
        project,
        demo_copy,
        *("build", "--target", "dev", *select, "--defer", "--state", str(demo_copy.dbt_state)),
    )
    assert done.returncode == 0, done.stdout
    assert demo_copy.warehouse_file.read_bytes() == before
    keys = table_keys(manifest)
    found = compare(find_side(demo_copy, "published"), find_side(demo_copy, "dev"), keys)
    (table,) = found.differing
    with duckdb.connect(str(demo_copy.published_file), read_only=True) as connection:
        rows, units = connection.execute(
            "select count(*), sum(unit_count) from core.agg_daily_sales"
        ).fetchall()[0]
    assert (table.name, table.rows_changed, table.rows_added, table.rows_removed) == (
        "core.agg_daily_sales",
        rows,
        0,
        0,
    )
    (column,) = table.changed_columns
    assert (column.name, column.rows_changed) == ("unit_count", rows)
    assert [(t.before, t.after) for t in column.totals] == [(str(units), str(units + rows))]
    assert len(found.names("not built")) == len(found.tables) - 1


def test_unknown_targets_are_refused(demo_copy: Home, project: Path) -> None:
    """A target that profiles.yml gained by itself has no schemas of its own."""
    profiles = project / "profiles.yml"
    text = profiles.read_text(encoding="utf-8")
    profiles.write_text(text.replace("    dev:\n", "    prod:\n"), encoding="utf-8")
    done = dbt(project, demo_copy, "parse", "--target", "prod")
    assert done.returncode != 0
    assert "Unknown target 'prod'" in done.stdout


def test_the_state_names_the_tables_of_the_working_file(tmp_path: Path) -> None:
    """Whatever target the manifest was parsed for last; what has no table keeps none."""
    home = Home(tmp_path / "home")
    node = {"schema": "core", "alias": "t", "database": "dev", "relation_name": '"dev"."core"."t"'}
    ephemeral = {"schema": "core", "alias": "e", "database": "dev", "relation_name": None}
    manifest = {"nodes": {"model.t": node, "model.e": ephemeral}, "metadata": {"a": 1}}
    keep_state(home, manifest)
    kept = json.loads((home.dbt_state / "manifest.json").read_text(encoding="utf-8"))
    assert kept["nodes"]["model.t"]["relation_name"] == '"storehouse"."core"."t"'
    assert kept["nodes"]["model.t"]["database"] == "storehouse"
    assert kept["nodes"]["model.e"] == ephemeral
    assert kept["metadata"] == {"a": 1}
    assert node["database"] == "dev"


def test_a_run_keeps_the_state(demo_home: Home, manifest: Mapping[str, Any]) -> None:
    kept = json.loads((demo_home.dbt_state / "manifest.json").read_text(encoding="utf-8"))
    assert kept["nodes"].keys() == manifest["nodes"].keys()
    relations = {n["relation_name"] for n in kept["nodes"].values() if n.get("relation_name")}
    assert '"storehouse"."core"."fact_sales"' in relations
    assert {name.split(".")[0] for name in relations} == {'"storehouse"'}
