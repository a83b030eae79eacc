"""What a run and `storehouse status` print, at the widths of a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from ingest.errors import StorehouseError
from ingest.home import Home
from orchestration.lib.run import Refusal, RunOutcome, StepFailure
from orchestration.lib.summary import print_run, print_status

SECONDS = {"land": 1.25, "warehouse": 19.0, "train_a": 0.25, "train_b": 0.75, "scores__a": 0.5}


def outcome(failures: Sequence[StepFailure] = (), refusals: Sequence[Refusal] = ()) -> RunOutcome:
    started_at = datetime(2024, 1, 1)
    return RunOutcome(
        not failures, "id", started_at, 21.75, SECONDS, list(failures), list(refusals), 1
    )


def printed(home: Home, what: RunOutcome, width: int = 100) -> list[str]:
    output = io.StringIO()
    print_run(Console(file=output, width=width, soft_wrap=True, highlight=False), home, what)
    return output.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal_and_lose_nothing(demo_home: Home, width: int) -> None:
    lines = printed(demo_home, outcome(), width)
    titles = ["Loads", "Tables and their rows", "Quarantine", "Models of the last run"]
    assert [line for line in lines if line in titles] == titles
    blocks = lines[: lines.index(next(line for line in lines if " rows landed = " in line))]
    assert max(map(len, blocks)) <= width
    text = " ".join(lines)
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema <> 'ops'"
        ).fetchall()
    for (name,) in names:
        assert f" {name} " in text
    assert "1 new load; 21.8 s in all: land 1.2, build 19.0, train 1.0, score 0.5." in text
    assert str(demo_home.published_file) in lines[-1]


def test_a_wide_terminal_shows_more_in_a_line(demo_home: Home) -> None:
    assert len(printed(demo_home, outcome(), 120)) < len(printed(demo_home, outcome(), 80))


def test_a_failed_run_ends_with_what_failed_and_shows_no_half_built_tables(
    demo_home: Home,
) -> None:
    failed = outcome([StepFailure("warehouse", "1 test failed.\n  - unique_x: 3 rows")])
    lines = printed(demo_home, failed)
    assert "Tables and their rows" not in lines
    assert lines[-3:] == [
        "build failed: 1 test failed.",
        "  - unique_x: 3 rows",
        "Nothing was published; the file served before stays as it is. The full log is "
        f"{demo_home.logs / 'run.log'}.",
    ]


def test_refused_files_are_listed_with_their_remedy(demo_home: Home, tmp_path: Path) -> None:
    refusals = [
        Refusal(str(demo_home.extracts / "shop" / "a[b].csv"), "It is empty.", "Deliver it again."),
        Refusal(str(tmp_path / "elsewhere.csv"), "It is [red] odd.", "Look at it."),
    ]
    lines = printed(demo_home, outcome(refusals=refusals))
    start = lines.index("Refused files")
    assert lines[start + 1 : start + 5] == [
        "  shop/a[b].csv",
        "    It is empty. Deliver it again.",
        f"  {tmp_path / 'elsewhere.csv'}",
        "    It is [red] odd. Look at it.",
    ]


def test_before_anything_was_built_there_is_little_to_say(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    lines = printed(home, outcome([StepFailure("land", "No space left.")]))
    assert lines[-2] == "land failed: No space left."
    assert lines[-1].startswith("Nothing was published. The full log is ")


def test_a_build_that_ended_before_the_books_were_written_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.warehouse.mkdir(parents=True)
    with duckdb.connect(str(home.warehouse_file)) as connection:
        connection.execute("create schema core; create table core.dim as select 1 as a")
    lines = printed(home, outcome([StepFailure("warehouse", "It broke.")]))
    assert "Data tests: none were run." in lines
    assert "build failed: It broke." in lines


def test_a_damaged_working_file_does_not_hide_the_failure(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.warehouse.mkdir(parents=True)
    home.warehouse_file.write_bytes(b"no database" * 1000)
    lines = printed(home, outcome([StepFailure("warehouse", "It broke.")]))
    assert "is not a valid DuckDB database file" in lines[0]
    assert "build failed: It broke." in lines


def test_more_reasons_than_fit_are_counted(demo_copy: Home) -> None:
    with duckdb.connect(str(demo_copy.warehouse_file)) as connection:
        connection.execute(
            "insert into ops.quarantine_reasons by name "
            "select 'shop' as source_system, 'orders' as entity, 'reason_' || range as reasons, "
            "1 as row_count from range(20)"
        )
    text = "\n".join(printed(demo_copy, outcome()))
    assert "other reasons: ops.quarantine_reasons" in text
    assert "reason_0" in text
    assert "reason_9" not in text


def status(home: Home) -> str:
    output = io.StringIO()
    print_status(Console(file=output, width=100, soft_wrap=True, highlight=False), home)
    return output.getvalue()


def test_status_of_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    text = status(Home(tmp_path / "home"))
    assert "Published: nothing yet. Run `storehouse run`." in text
    assert "Versions kept: 0" in text


def test_status_describes_the_served_file(demo_home: Home) -> None:
    text = status(demo_home)
    assert f"Published: {demo_home.published_file}" in text
    assert "Versions kept: 1" in text
    assert "Tables and their rows" in text


def test_status_of_a_damaged_file_is_two_sentences(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.published.mkdir(parents=True)
    home.published_file.write_bytes(b"no database" * 1000)
    with pytest.raises(StorehouseError, match="is not a valid DuckDB database file"):
        status(home)
