"""Masking: on data of a known structure the method that fits it is chosen, no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.arrays import Floats
from ml.imputation.attributes import Inputs
from ml.imputation.choice import LEAST_KNOWN, Choice, choose
from ml.imputation.methods import METHODS, predict

ROWS = 800


def planted(kind: str, *, seed: int = 1, rows: int = ROWS, missing: float = 0.1) -> Inputs:
    """A column (the first) that follows from two numbers and a group as `kind` says, with gaps."""
    rng = np.random.default_rng(seed)
    first, second = rng.uniform(-1, 1, (2, rows))
    group = rng.integers(0, 6, rows)
    noise = rng.normal(0, 1, rows)
    column: dict[str, Floats] = {
        "noise": 50 + 10 * noise,
        "skewed": 50 + 10 * np.exp(1.2 * noise),
        "groups": 50 + 10.0 * rng.permutation(6)[group] + noise,
        "line": 50 + 10 * first - 5 * second + noise,
        "corner": 50 + 10 * ((first > 0) & (second > 0)) + noise,
    }
    others = rng.uniform(-1, 1, (rows, 6))  # that tell nothing
    numbers = np.column_stack([column[kind], first, second, others])
    numbers[rng.random(rows) < missing, 0] = np.nan
    names = ("y", "first", "second", *(f"other_{i}" for i in range(6)))
    return Inputs(names, numbers, group[:, None], (True,) * len(names))


def error(choice: Choice, method: str) -> float:
    return next(each.error for each in choice.tried if each.method == method)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("noise", "mean"),
        ("skewed", "median"),
        ("groups", "group_mean"),
        ("line", "ridge_chained"),
        ("corner", "forest"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_method_of_the_structure_is_chosen(kind: str, method: str, seed: int) -> None:
    choice = choose(planted(kind, seed=seed), 0, seed)
    assert (choice.method, choice.reason) == (method, "least_error")
    assert [each.method for each in choice.tried] == list(METHODS)


def test_the_error_is_that_of_the_truth() -> None:
    """Noise of deviation 1 has a mean absolute error of sqrt(2 / pi) by the best method."""
    choice = choose(planted("line", rows=2_000), 0, 1)
    assert error(choice, "ridge_chained") == pytest.approx(np.sqrt(2 / np.pi), rel=0.1)
    assert choice.known + choice.missing == 2_000


def test_cells_are_hidden_with_the_gaps_of_rows_that_lack_them() -> None:
    """Where the predictor is missing whenever the column is, a line through it helps nobody."""
    inputs = planted("line")
    numbers = inputs.numbers.copy()
    numbers[np.isnan(numbers[:, 0]), 1:] = np.nan
    choice = choose(replace(inputs, numbers=numbers), 0, 1)
    at_random = {each.method: each.error_at_random for each in choice.tried}
    assert at_random["ridge_chained"] < 0.3 * at_random["mean"]
    assert error(choice, "ridge_chained") > 0.9 * error(choice, "mean")
    assert choice.method == "mean"


def test_cells_are_hidden_in_the_groups_that_lack_them() -> None:
    """A group with ten times the spread and all of the gaps: its error is told, not that of all."""
    inputs = planted("noise", missing=0.0)
    numbers, last = inputs.numbers.copy(), inputs.levels[:, 0] == 5
    numbers[last, 0] += 10 * (numbers[last, 0] - 50)
    numbers[np.flatnonzero(last)[::4], 0] = np.nan
    choice = choose(replace(inputs, numbers=numbers), 0, 1)
    assert choice.tried[0].error > 3 * choice.tried[0].error_at_random


def test_a_hidden_cell_is_never_read() -> None:
    inputs = planted("line", missing=0.0)
    known = np.ones(ROWS, dtype=np.bool_)
    wanted = np.arange(0, ROWS, 7)
    known[wanted] = False
    numbers = inputs.numbers.copy()
    numbers[wanted, 0] = 1e9
    for method in METHODS:
        before = predict(method, inputs, 0, known, wanted, 1)
        after = predict(method, replace(inputs, numbers=numbers), 0, known, wanted, 1)
        np.testing.assert_array_equal(before, after, err_msg=method)


def test_predictions_stay_within_what_is_known() -> None:
    inputs = planted("line", missing=0.0)
    numbers = inputs.numbers.copy()
    numbers[:10, 1] = 1_000
    known = np.arange(ROWS) >= 10
    found = predict("ridge_chained", replace(inputs, numbers=numbers), 0, known, np.arange(10), 1)
    assert found.max() <= inputs.numbers[10:, 0].max()


@pytest.mark.parametrize(
    ("known", "rows", "reason"),
    [
        (40, 40, "nothing_missing"),
        (0, 40, "never_told"),
        (LEAST_KNOWN - 1, 40, "too_few_known"),
        (LEAST_KNOWN, 40, "least_error"),
        (0, 0, "nothing_missing"),
    ],
)
def test_without_something_to_judge_by_nothing_is_chosen(
    known: int, rows: int, reason: str
) -> None:
    inputs = planted("noise", rows=rows, missing=0.0)
    inputs.numbers[known:, 0] = np.nan
    choice = choose(inputs, 0, 1)
    assert choice.reason == reason
    assert (choice.method is None) == (reason != "least_error")
    assert (choice.known, choice.missing) == (known, rows - known)


def test_the_same_rows_give_the_same_choice() -> None:
    assert choose(planted("groups"), 0, 3) == choose(planted("groups"), 0, 3)
