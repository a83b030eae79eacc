"""A reader of the published file during real runs: it never waits, errs or sees half a build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.home import HOME_VARIABLE, Home
from orchestration.lib.publish import read_publish_record
from tests.project_copy import copy_project

# Per read: the id before, rows of all business tables, the id after.
READER = """
import duckdb, json, sys, time
from pathlib import Path
file, stop = sys.argv[1:]
reads, errors = {}, []
while not Path(stop).exists():
    try:
        with duckdb.connect(file, read_only=True) as connection:
            before = connection.execute("select publish_id from ops.publish").fetchall()
            tables = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() "
                "where schema_name not in ('ops', 'main') order by all"
            ).fetchall()
            rows = [
                (table, connection.execute(f"select count(*) from {table}").fetchone()[0])
                for (table,) in tables
            ]
            after = connection.execute("select publish_id from ops.publish").fetchall()
        seen = json.dumps([before, rows, after])
        reads[seen] = reads.get(seen, 0) + 1
    except Exception as error:
        errors.append(str(error))
    time.sleep(0.1)
print(json.dumps([[json.loads(seen), count] for seen, count in reads.items()]))
print(json.dumps(errors))
"""


@dataclass(frozen=True)
class EditedProject:
    """A checkout of its own, whose tests a test may break, on one home."""

    folder: Path
    home: Home

    def run(self) -> subprocess.CompletedProcess[str]:
        """`storehouse run` with the code of this checkout."""
        return subprocess.run(
            [sys.executable, "-c", "from orchestration.cli import main; main()", "run"],
            cwd=self.folder,
            env=os.environ
            | {
                HOME_VARIABLE: str(self.home.root),
                "PYTHONPATH": str(self.folder),
                "COLUMNS": "100",
            },
            capture_output=True,
            text=True,
            timeout=600,
        )

    def last_publish(self) -> tuple[str, dict[str, int]]:
        """The id of the last publish and the rows of its business tables."""
        record = read_publish_record(self.home)
        assert record is not None
        rows = {
            f"{table['schema']}.{table['table']}": table["rows"]
            for table in record["tables"]
            if table["schema"] != "ops"
        }
        return record["publish_id"], rows


@pytest.fixture
def edited(demo_copy: Home, tmp_path: Path) -> EditedProject:
    return EditedProject(copy_project(tmp_path / "checkout"), demo_copy)


def deliver_one_more_order(home: Home) -> None:
    """The last order of the demo again, under an id of its own, a day later."""
    shop = home.extracts / "shop"
    header, *_, last = (shop / "orders_20260101T010000Z.csv").read_text().splitlines()
    order_id = last.split(",")[header.split(",").index("order_id")]
    line = last.replace(order_id, "one-more")
    (shop / "orders_20260102T010000Z.csv").write_text(f"{header}\n{line}\n")


def test_a_reader_sees_one_whole_publish_a_read_during_three_runs_one_of_which_fails(
    edited: EditedProject, tmp_path: Path
) -> None:
    stop = tmp_path / "stop"
    published = dict([edited.last_publish()])
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(edited.home.published_file), str(stop)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        done = edited.run()
        assert done.returncode == 0, done.stdout + done.stderr
        published |= dict([edited.last_publish()])

        deliver_one_more_order(edited.home)
        broken = edited.folder / "tests" / "assert_nothing_was_ever_sold.sql"
        broken.write_text("select * from {{ ref('fact_sales') }}\n")
        done = edited.run()
        assert done.returncode != 0
        assert "assert_nothing_was_ever_sold" in done.stdout
        assert edited.last_publish()[0] in published

        broken.unlink()
        (edited.home.extracts / "shop" / "nonsense.csv").write_text("a,b\n1,2\n")
        done = edited.run()
        assert done.returncode == 2, done.stdout + done.stderr
        assert "nonsense.csv belongs to no entity" in done.stdout
        published |= dict([edited.last_publish()])
    finally:
        stop.touch()
        output, _ = reader.communicate(timeout=60)
    reads, errors = map(json.loads, output.splitlines())
    assert errors == []
    seen = {before: dict(rows) for ([[before]], rows, [[after]]), _ in reads if before == after}
    assert seen == published
    assert len(reads) == len(published) == 3
    assert len({rows["core.fact_orders"] for rows in seen.values()}) == 2
    assert sum(count for _, count in reads) > 100
