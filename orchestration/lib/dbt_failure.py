"""What went wrong in a dbt command, in a few lines instead of a page."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.home import Home
from orchestration.lib.duckdb_errors import explained, is_about_the_file

MOST_LISTED = 10
MOST_CHARACTERS = 400
_FAILED = ("fail", "error", "runtime error", "partial success")


def describe_failure(
    results: Sequence[Mapping[str, Any]], nodes: Mapping[str, Any], output: str, home: Home
) -> str:
    """The failed nodes with their messages, and what to do.

    `results` are those of dbt's run_results.json, empty where dbt ended before it built anything:
    then `output`, what dbt printed as errors, has to tell.
    """
    failed = [result for result in results if result["status"] in _FAILED]
    if not failed:
        if is_about_the_file(output):
            return str(explained(output, home.warehouse_file))
        return f"dbt failed: {_shortened(output)} Mend the cause, then `storehouse run`."
    tests = [result for result in failed if result["unique_id"].startswith("test.")]
    skipped = sum(result["status"] == "skipped" for result in results)
    counts = [
        _count(len(tests), "test") if tests else "",
        _count(len(failed) - len(tests), "table") if len(failed) > len(tests) else "",
    ]
    tail = f"; {_count(skipped, 'node')} downstream skipped" if skipped else ""
    lines = [f"{' and '.join(filter(None, counts))} failed{tail}."]
    lines += [f"  - {_describe(result, nodes)}" for result in failed[:MOST_LISTED]]
    if len(failed) > MOST_LISTED:
        lines.append(f"  - and {len(failed) - MOST_LISTED:,} more")
    return "\n".join([*lines, _remedy(failed, tests, nodes, home)])


def _describe(result: Mapping[str, Any], nodes: Mapping[str, Any]) -> str:
    node = nodes.get(result["unique_id"], {})
    where = f" ({node['original_file_path']})" if "original_file_path" in node else ""
    if result["status"] == "fail" and result.get("failures") is not None:
        what = f"{_count(result['failures'], 'row')} should not be there"
        if description := " ".join((node.get("description") or "").split()):
            what += f": {description}"
    else:
        what = _shortened(result.get("message") or result["status"])
    return f"{_name(result, nodes)}{where}: {what}"


def _remedy(
    failed: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]],
    nodes: Mapping[str, Any],
    home: Home,
) -> str:
    messages = " ".join(result.get("message") or "" for result in failed)
    if f"{home.lake}/" in messages and ".parquet" in messages:
        return (
            "If a file of the lake is damaged, `storehouse admin rebuild-history` makes the lake "
            "anew from the raw zone."
        )
    if tests:
        name = _name(tests[0], nodes)
        return (
            f"See the rows with `dbt show --limit 20 --select {name}`, mend the cause, then "
            "`storehouse run`."
        )
    return "Mend the cause, then `storehouse run`."


def _shortened(message: str) -> str:
    """One line without dbt's heading and without the excerpt of the SQL that DuckDB adds."""
    heading = re.compile(r"^\s*(Runtime|Database|Compilation) Error( in [^\n]*)?\n", re.MULTILINE)
    excerpt = re.compile(r"\s*LINE \d+:.*", re.DOTALL)
    text = " ".join(excerpt.sub("", heading.sub("", message)).split())
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]} ..."
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _name(result: Mapping[str, Any], nodes: Mapping[str, Any]) -> str:
    name: str = nodes.get(result["unique_id"], {}).get("name") or result["unique_id"]
    return name


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def error_output(description: str) -> str:
    """The error messages of dbt within the description that dagster-dbt makes of them."""
    return description.partition("Errors parsed from dbt logs:")[2].strip() or description


def run_results(file: Path) -> list[dict[str, Any]]:
    """The results in a run_results.json; empty when dbt did not come as far as writing it."""
    if not file.exists():
        return []
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["results"]
    return found
