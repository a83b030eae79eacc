"""Every test of packages/dbt_expectations passes and fails when it must, on dbt and DuckDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from expectation_cases import CASES, MODELS, SEED, Case

PACKAGE = Path(__file__).parents[3] / "packages" / "dbt_expectations"

PROJECT = {
    "name": "scratch",
    "profile": "scratch",
    "config-version": 2,
    "flags": {
        "send_anonymous_usage_stats": False,
        "warn_error_options": {"error": ["Deprecations"]},
        "validate_macro_args": True,
    },
    # A warning does not keep dbt from building what comes after it.
    "data_tests": {"+severity": "warn", "+store_failures": True},
}
PROFILES = {
    "scratch": {
        "target": "dev",
        "outputs": {
            "dev": {
                "type": "duckdb",
                "path": "scratch.duckdb",
                "threads": 2,
                "settings": {"TimeZone": "UTC"},
            }
        },
    }
}
SNAPSHOT = {
    "name": "items_snapshot",
    "relation": "ref('items')",
    "config": {"unique_key": "id", "strategy": "check", "check_cols": ["amount"]},
}


@dataclass(frozen=True)
class Build:
    """The outcome of one `dbt build`: status and failures by test name, and the database."""

    results: dict[str, tuple[str, int]]
    database: Path

    def failing_rows(self, name: str) -> list[dict[str, Any]]:
        """The rows that the test returned."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            cursor = connection.execute(f'select * from main_dbt_test__audit."{name[:63]}"')
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def entry(case: Case) -> dict[str, Any]:
    """The case as a data test in YAML."""
    config = {"where": case.where} if case.where else {}
    use = {"name": case.name, "arguments": case.arguments, "config": config}
    return {f"dbt_expectations.{case.test}": use}


def resource(name: str) -> dict[str, Any]:
    """The YAML of a model, seed, source table or snapshot with the tests that apply to it."""
    columns: dict[str, list[dict[str, Any]]] = defaultdict(list)
    tests = []
    for case in CASES:
        if case.model == name and case.column:
            columns[case.column].append(entry(case))
        elif case.model == name:
            tests.append(entry(case))
    return {
        "name": name,
        "data_tests": tests,
        "columns": [
            {"name": column.strip('"'), "quote": column.startswith('"'), "data_tests": uses}
            for column, uses in columns.items()
        ],
    }


def write_project(folder: Path, properties: dict[str, Any]) -> None:
    """Write a dbt project that uses the package, with the models and the given properties."""
    for part in ("models", "seeds", "snapshots"):
        (folder / part).mkdir()
    for name, sql in MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    (folder / "seeds" / "colours.csv").write_text(SEED)
    files = {
        "dbt_project.yml": PROJECT,
        "profiles.yml": PROFILES,
        "packages.yml": {"packages": [{"local": str(PACKAGE)}]},
        "models/properties.yml": {"version": 2, **properties},
    }
    for path, content in files.items():
        (folder / path).write_text(yaml.safe_dump(content, sort_keys=False))


def run_dbt(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dbt in the project and return what it printed and its exit code."""
    return subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", *arguments],
        cwd=folder,
        env={**os.environ, "DBT_PROFILES_DIR": str(folder), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build a scratch project with all cases, once."""
    folder = tmp_path_factory.mktemp("expectations")
    location = folder / "deliveries.parquet"
    duckdb.execute(
        "copy (select * from (values (1, timestamp '2024-01-03'), (2, null))"
        f" as deliveries (order_id, delivered_at)) to '{location}'"
    )
    source = {
        "name": "files",
        "config": {"meta": {"external_location": f"read_parquet('{location}')"}},
        "tables": [resource("deliveries")],
    }
    properties = {
        "models": [resource(name) for name in MODELS],
        "seeds": [resource("colours")],
        "snapshots": [{**SNAPSHOT, **resource("items_snapshot")}],
        "sources": [source],
    }
    write_project(folder, properties)

    deps = run_dbt(folder, "deps")
    assert deps.returncode == 0, deps.stdout
    built = run_dbt(folder, "build")
    results_file = folder / "target" / "run_results.json"
    assert results_file.exists(), built.stdout
    assert "in the yaml for macro" not in built.stdout
    results = json.loads(results_file.read_text())["results"]
    for result in results:
        if not result["unique_id"].startswith("test."):
            assert result["status"] == "success", result["message"]
    return Build(
        {
            result["unique_id"].split(".")[2]: (result["status"], result["failures"])
            for result in results
            if result["unique_id"].startswith("test.")
        },
        folder / "scratch.duckdb",
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_status_and_failures(build: Build, case: Case) -> None:
    expected = ("warn", case.failures) if case.failures else ("pass", 0)
    assert build.results[case.name] == expected


def test_every_expectation_is_seen_to_pass_and_to_fail() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)
    tests = {case.test for case in CASES}
    assert {case.test for case in CASES if case.failures} == tests
    assert {case.test for case in CASES if not case.failures} == tests


def test_failing_rows_show_values_groups_and_counts(build: Build) -> None:
    assert build.failing_rows("expect_column_values_to_be_unique__repeated") == [
        {"label": "blue", "row_count": 2}
    ]
    assert build.failing_rows("expect_column_sum_to_be_between__groups") == [
        {"group_id": "a", "observed_value": 3, "is_met": False}
    ]
    assert build.failing_rows("expect_column_values_to_be_of_type__missing_column") == [
        {"column_name": "no_such_column", "wanted_type": "integer", "actual_type": None}
    ]
    rows = build.failing_rows("expect_column_values_to_be_between__above")
    assert [(row["id"], row["amount_units"]) for row in rows] == [(3, 5)]
    rows = build.failing_rows("expect_column_distinct_values_to_be_in_set__null_is_in_no_set")
    assert rows == [{"value_field": None, "row_count": 1}]
    rows = build.failing_rows("expect_table_aggregation_to_equal_other_table__groups")
    assert [(row["group_1"], row["expression"], row["compare_expression"]) for row in rows] == [
        ("b", 5, 6)
    ]


def test_a_range_without_bounds_is_refused(tmp_path: Path) -> None:
    use: dict[str, Any] = {"dbt_expectations.expect_column_max_to_be_between": {"arguments": {}}}
    column = {"name": "id", "data_tests": [use]}
    write_project(tmp_path, {"models": [{"name": "items", "columns": [column]}]})
    (tmp_path / "dbt_packages").mkdir()
    (tmp_path / "dbt_packages" / PACKAGE.name).symlink_to(PACKAGE)
    parsed = run_dbt(tmp_path, "parse")
    assert parsed.returncode != 0
    assert "Give min_value, max_value or both." in parsed.stdout
