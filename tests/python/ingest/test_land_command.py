"""The verbs around landing: what they print and with which status they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from ingest.landing import write_stubs
from orchestration.cli import app

SALES = "sale_id,amount\n1,2\nbad\n"


@pytest.fixture
def run(toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STOREHOUSE_HOME", str(toy.home.root))
    monkeypatch.setattr("ingest.home.PROJECT_DIR", tmp_path / "project")
    # The command's own console is bound to the stream of the process; this one can be caught.
    for module in ("land", "admin"):  # of this test's streams, not those of the start
        shown = Console(soft_wrap=True, highlight=False)
        monkeypatch.setattr(f"orchestration.commands.{module}.console", shown)

    def invoke(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


def test_one_line_a_file_and_a_summary(toy: Any, run: Any) -> None:
    path = toy.deliver("sales_20240105.csv", SALES)
    result = run("land", path, "--source", "toy")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert " ".join(lines[0].split()) == (
        "landed toy.sales sales_20240105.csv: 1 rows, "
        "1 rejected (line 3: 1 field where the header has 2) "
        "(missing columns, landed as NULL: remark)"
    )
    assert lines[1] == "1 files: 1 landed; 1 rows landed, 1 rejected."
    again = run("land", path, "--source", "toy").output.splitlines()
    assert again[0] == "1 files: 1 already landed; 0 rows landed, 0 rejected."


def test_a_refused_file_ends_with_status_1_after_the_others(toy: Any, run: Any) -> None:
    toy.deliver("people_20240105.json", "[")
    toy.deliver("sales_20240105.csv", SALES)
    result = run("land", toy.inbox, "--source", "toy")
    assert result.exit_code == 1
    assert "refused" in result.output
    assert "malformed at line 1, character 2" in result.output
    assert "2 files: 1 landed, 1 refused; 1 rows landed, 1 rejected." in result.output


def test_json_is_json(toy: Any, run: Any) -> None:
    toy.deliver("sales_20240105.csv", SALES)
    (outcome,) = json.loads(run("land", toy.inbox, "--json").output)
    assert outcome["status"] == "landed"
    assert (outcome["rows"], outcome["rejected"]) == (1, 1)
    assert outcome["extracted_at"] == "2024-01-05T00:00:00Z"


def test_options_reach_the_landing(toy: Any, run: Any) -> None:
    toy.deliver("people.csv", "person_id,is_vip\nJosé,1\n".encode("latin-1"))
    result = run("land", toy.inbox, "--extracted-at", "2024-01-05", "--encoding", "latin-1")
    assert result.exit_code == 0
    (row,) = toy.rows("people")
    assert row["person_id"] == "José"
    toy.deliver("people.csv", "person_id\n")
    assert run("land", toy.inbox, "--extracted-at", "2024-01-06").exit_code == 1
    assert run("land", toy.inbox, "--extracted-at", "2024-01-06", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/file"], "/no/such/file does not exist."),
        (["--source", "moon"], "There is no source 'moon'."),
        (["--extracted-at", "soon"], "The extract time 'soon' is not a time."),
        (["--encoding", "klingon"], "The encoding 'klingon' is unknown."),
    ],
)
def test_errors_are_two_sentences(run: Any, arguments: list[str], message: str) -> None:
    result = run("land", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 2
    assert "Traceback" not in result.output


def test_empty_extracts_say_so(toy: Any, run: Any) -> None:
    result = run("land")
    assert (result.exit_code, result.output) == (0, f"Nothing to land in {toy.home.extracts}.\n")


def test_stubs_are_written_once(toy: Any) -> None:
    assert len(write_stubs(toy.home, toy.contracts)) == 5
    assert write_stubs(toy.home, toy.contracts) == []
