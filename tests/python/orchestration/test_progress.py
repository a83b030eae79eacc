"""Progress: bars on a terminal, a line for each stage elsewhere, silence by default."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestration.lib.progress import (
    ConsoleReporter,
    SilentReporter,
    reporter,
    reporting_to,
)


def run(console: Console) -> None:
    with ConsoleReporter(console) as progress:
        progress.step("before any stage")
        progress.stage("land")
        progress.stage("land")
        progress.step("orders.csv")
        progress.stage("build", 3)
        for _ in range(3):
            progress.step("")


def test_a_line_for_each_stage_where_there_is_no_terminal() -> None:
    output = io.StringIO()
    run(Console(file=output, width=80))
    assert output.getvalue().split("\n") == ["land ...", "build ...", "", ""][:3]


def test_bars_with_counts_on_a_terminal() -> None:
    output = io.StringIO()
    run(Console(file=output, width=80, force_terminal=True, color_system=None))
    last = [line for line in output.getvalue().splitlines() if line.strip()]
    assert any("land" in line and "1/1" in line for line in last)
    assert any("build" in line and "3/3" in line for line in last)


def test_a_stage_that_fails_half_way_does_not_look_finished() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=True, color_system=None)
    with pytest.raises(ZeroDivisionError), ConsoleReporter(console) as progress:
        progress.stage("build", 10)
        progress.step("")
        _ = 1 / 0
    assert "1/10" in output.getvalue().splitlines()[-1] + output.getvalue().splitlines()[-2]


def test_the_reporter_of_a_run_is_chosen_and_given_back() -> None:
    chosen = SilentReporter()
    before = reporter()
    with pytest.raises(ZeroDivisionError), reporting_to(chosen):
        assert reporter() is chosen
        _ = 1 / 0
    assert reporter() is before
    reporter().stage("nobody hears", 3)
    reporter().step("this")
