"""A warehouse built as an analytics engineer would: landed files, then bare `dbt build`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import duckdb

from ingest.home import HOME_VARIABLE, PROJECT_DIR, Home
from orchestration.lib.project import DBT, read_manifest
from orchestration.lib.publish import TableRecord, table_records
from orchestration.lib.trace.lineage import Lineage


def land(home: Home, files: Iterable[Path]) -> None:
    """Lands the files into `home`, one delivery."""
    from tests.python.conftest import run_storehouse

    inbox = home.root / "inbox"
    shutil.rmtree(inbox, ignore_errors=True)
    inbox.mkdir(parents=True)
    for file in files:
        shutil.copy(file, inbox)
    for args in (["admin", "prepare"], ["land", str(inbox), "--source", "shop"]):
        done = run_storehouse(home, *args)
        assert done.returncode == 0, done.stdout + done.stderr


def dbt_build(home: Home, *args: str) -> str:
    """Runs `dbt build` of everything but unit tests on `home` and returns what it printed."""
    scratch = home.root / "dbt"
    done = subprocess.run(
        [
            os.fspath(DBT),
            "--no-use-colors",
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--target-path",
            str(scratch / "target"),
            "--log-path",
            str(scratch / "logs"),
            *args,
        ],
        cwd=PROJECT_DIR,
        env=os.environ | {HOME_VARIABLE: str(home.root)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def predicted_tables() -> set[str]:
    """Names of the tables that rest on trained models.

    Which version serves is history, and no function of what was landed.
    """
    lineage = Lineage(read_manifest())
    scores = [key for key in lineage.manifest["sources"] if ".scores." in key]
    names = {
        lineage.nodes[key]["name"] for key in lineage.descendants(scores) if key in lineage.nodes
    }
    assert {"ml_demand_forecast", "product_availability"} <= names
    return names


def business_tables(file: Path) -> dict[str, TableRecord]:
    """Rows and hashes of the public tables that follow from extracts alone: no ops, no scores."""
    predicted = predicted_tables()
    with duckdb.connect(str(file), read_only=True) as connection:
        return {
            f"{record.schema}.{record.table}": record
            for record in table_records(connection)
            if record.schema != "ops" and record.table not in predicted
        }
