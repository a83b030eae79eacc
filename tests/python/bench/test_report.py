"""Goal lines say what was reached, and tables show every column."""

from __future__ import annotations

import pytest

from bench.report import Goal, Table, rendered


@pytest.mark.parametrize(
    ("goal", "line"),
    [
        (Goal("a", 1.01, 1.01), "goal a 1.010 1.01 met"),
        (Goal("a", 1.011, 1.01), "goal a 1.011 1.01 missed"),
        (Goal("a", 0.9, 0.9, is_floor=True), "goal a 0.900 0.90 met"),
        (Goal("a", 0.899, 0.9, is_floor=True), "goal a 0.899 0.90 missed"),
        (Goal("a", float("nan"), 1.0), "goal a nan 1.00 missed"),
        (Goal("a", float("nan"), 1.0, is_floor=True), "goal a nan 1.00 missed"),
    ],
)
def test_a_goal_line_has_name_value_target_and_verdict(goal: Goal, line: str) -> None:
    assert goal.line == line


def test_a_column_of_any_row_is_shown_and_a_missing_value_is_a_dash() -> None:
    text = rendered(Table("Title", [{"name": "a", "x": 1234.5}, {"name": "b", "y": 7}], "Note."))
    assert text.splitlines() == [
        "== Title",
        "name      x  y",
        "a     1,234  -",
        "b         -  7",
        "Note.",
    ]
