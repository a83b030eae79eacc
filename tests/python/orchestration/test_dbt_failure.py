"""What is said of a dbt command that failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.home import Home
from orchestration.lib.dbt_failure import describe_failure, error_output, run_results

HOME = Home(Path("/home/of/storehouse"))
NODES = {
    "model.x.orders": {"name": "orders", "original_file_path": "models/orders.sql"},
    "test.x.unique": {"name": "unique_orders", "original_file_path": "models/orders.yml"},
    "test.x.assert": {
        "name": "assert_sums",
        "original_file_path": "tests/assert_sums.sql",
        "description": "A day whose lines\ndo not add up.",
    },
}


def result(unique_id: str, status: str, failures: int | None = None, message: str = "") -> object:
    return {
        "unique_id": unique_id,
        "status": status,
        "failures": failures,
        "message": message or None,
    }


def described(*results: object, output: str = "") -> str:
    return describe_failure(list(results), NODES, output, HOME)  # type: ignore[arg-type]


def test_names_each_failed_test_and_how_to_see_its_rows() -> None:
    text = described(
        result("model.x.orders", "success"),
        result("test.x.unique", "fail", 1, "Got 1 result, configured to fail if != 0"),
        result("test.x.assert", "fail", 1200, "Got 1200 results, configured to fail if != 0"),
        result("model.x.later", "skipped"),
        result("test.x.warned", "warn", 3),
    )
    assert text.splitlines() == [
        "2 tests failed; 1 node downstream skipped.",
        "  - unique_orders (models/orders.yml): 1 row should not be there",
        "  - assert_sums (tests/assert_sums.sql): 1,200 rows should not be there: "
        "A day whose lines do not add up.",
        "See the rows with `dbt show --limit 20 --select unique_orders`, mend the cause, then "
        "`storehouse run`.",
    ]


def test_an_error_is_one_line_without_headings_and_sql() -> None:
    text = described(
        result(
            "model.x.orders",
            "error",
            message="Runtime Error in model orders (models/orders.sql)\n  Conversion Error: Could "
            "not convert\n  'x' to INT32\n\nLINE 7: select cast('x' as int)\n             ^",
        ),
        result("test.x.unique", "error", message="Database Error in test\n  no"),
    )
    assert text.splitlines() == [
        "1 test and 1 table failed.",
        "  - orders (models/orders.sql): Conversion Error: Could not convert 'x' to INT32.",
        "  - unique_orders (models/orders.yml): no.",
        "See the rows with `dbt show --limit 20 --select unique_orders`, mend the cause, then "
        "`storehouse run`.",
    ]


def test_a_damaged_file_of_the_lake_can_be_read_anew() -> None:
    text = described(
        result("model.x.orders", "error", message=f"No magic bytes in '{HOME.lake}/a/1.parquet'")
    )
    assert text.splitlines()[-1] == (
        "If a file of the lake is damaged, `storehouse admin rebuild-history` makes the lake "
        "anew from the raw zone."
    )


def test_many_failures_are_counted_not_listed() -> None:
    text = described(*(result(f"test.x.{number}", "fail", 1) for number in range(14)))
    assert text.startswith("14 tests failed.")
    assert "  - and 4 more" in text
    assert len(text.splitlines()) == 13


def test_a_long_message_is_cut() -> None:
    text = described(result("model.x.orders", "error", message="x" * 5000))
    assert len(text) < 600


def test_before_anything_was_built_dbt_has_its_say() -> None:
    assert described(output="Runtime Error\n  Could not find profile") == (
        "dbt failed: Could not find profile. Mend the cause, then `storehouse run`."
    )


def test_a_locked_file_is_said_to_be_open() -> None:
    output = (
        'Runtime Error\n  IO Error: Could not set lock on file "/x": Conflicting lock is held in '
        "/usr/bin/duckdb (PID 77). See also https://duckdb.org"
    )
    assert described(output=output) == (
        "/home/of/storehouse/warehouse/storehouse.duckdb is open in another program (process 77). "
        "Close it there, such as a duckdb shell or a running dbt, then try again."
    )


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("command failed\n\nErrors parsed from dbt logs:\n\nout of paper", "out of paper"),
        ("command failed", "command failed"),
    ],
)
def test_the_errors_within_the_words_of_dagster(description: str, expected: str) -> None:
    assert error_output(description) == expected


def test_results_are_those_of_the_file_or_none(tmp_path: Path) -> None:
    file = tmp_path / "run_results.json"
    assert run_results(file) == []
    file.write_text(json.dumps({"results": [{"unique_id": "a"}]}))
    assert run_results(file) == [{"unique_id": "a"}]
