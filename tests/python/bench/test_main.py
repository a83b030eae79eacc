"""What `python -m bench.ml` asks for before it measures, and that every goal of it is told of."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from bench.ml import __main__ as main
from bench.ml import demand
from bench.ml.demand_data import DATA_SETS
from bench.ml.homes import Homes
from bench.report import Part
from ingest.home import PROJECT_DIR, Home

NEEDING_NONE = ["censoring", "prices", "payments", "gate", "drift"]


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    """Homes of which none was made, where no data set is there."""
    monkeypatch.setattr(main, "DATA", tmp_path / "data")
    return Homes(tmp_path / "homes")


def test_only_the_parts_that_read_public_data_ask_for_it(homes: Homes, tmp_path: Path) -> None:
    assert main.missing_data(homes, NEEDING_NONE, main.SETS) == {}
    assert main.missing_data(homes, main.NAMES, ["shop", "olist by product", "carparts"]) == {
        "demand": ["carparts", "olist"],
        "overhead": ["olist"],
    }
    assert main.missing_data(homes, ["demand"], ["shop"]) == {}
    (tmp_path / "data" / "carparts").mkdir(parents=True)
    made = Home(homes.folder / "olist").published_file
    made.parent.mkdir(parents=True)
    made.touch()
    assert main.missing_data(homes, main.NAMES, main.SETS) == {"demand": ["online_retail_ii"]}
    assert list(main.SETS) == list(DATA_SETS)


def test_a_part_without_data_runs_and_one_with_says_what_is_missing(
    homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(main, "parts", lambda *_: {"drift": lambda: Part([], [])})
    monkeypatch.setattr(main, "write_results", lambda name, _: written.append(name))
    monkeypatch.setattr(sys, "argv", ["bench.ml", "--only", "drift"])
    main.main()
    assert written == ["ml"]
    monkeypatch.setattr(sys, "argv", ["bench.ml", "--only", "overhead"])
    with pytest.raises(SystemExit, match=r"data \(overhead: olist\)\. Set STOREHOUSE_TEST_DATA"):
        main.main()


def test_every_goal_stands_in_the_table_of_the_benchmarks() -> None:
    text = (PROJECT_DIR / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    table = text.partition("| goal | value | target | |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE)
    files = sorted((PROJECT_DIR / "bench" / "ml").glob("*.py"))
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r'\bGoal\(\s*"(\w+)"', code)
    assert sorted(told) == sorted({*named, *demand._GOALS})
