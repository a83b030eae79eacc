"""Which candidate wins, and that noise does not."""

from __future__ import annotations

import numpy as np
import pytest

from ml.demand.choice import (
    CANDIDATES,
    Target,
    choose_serving,
    combine,
    is_better,
    score,
    simplest_of_the_best,
)
from ml.demand.classes import CLASSES, classify, demand_shape
from ml.demand.grid import Sums


@pytest.mark.parametrize(
    ("scores", "winner"),
    [
        ([[1.00, 1.00, 1.00], [0.90, 0.91, 0.92]], 1),  # better by more than the spread
        ([[1.00, 1.00, 1.00], [0.95, 1.04, 0.99]], 0),  # within it: the simpler stays
        ([[1.00, 1.00, 1.00], [0.97, 0.98, 0.96], [0.90, 1.02, 0.96]], 1),  # better, but noise
        ([[1.00, 1.00], [0.95, 0.96], [0.80, 0.82]], 2),
        ([[0.90, 0.90], [1.00, 1.00], [0.90, 0.90]], 0),
        ([[1.00], [0.99]], 0),
        ([[1.00], [0.90]], 1),
    ],
)
def test_the_simplest_of_the_best_wins(scores: list[list[float]], winner: int) -> None:
    assert simplest_of_the_best(np.array(scores)) == winner


def test_classes_differ_only_where_they_are_large_enough() -> None:
    scores = np.ones((2, 3, len(CLASSES) + 1))
    scores[1, :, :2] = 0.5  # the second is better for smooth and erratic series
    by_class, overall = choose_serving(("simple", "complex"), scores, np.array([40, 5, 40, 40]))
    assert overall == "simple"
    assert by_class == {
        "smooth": "complex",
        "erratic": "simple",
        "intermittent": "simple",
        "lumpy": "simple",
    }


def test_overlapping_origins_count_less_than_their_number() -> None:
    """Three origins count as two: the spread is 0.02 / sqrt(2), not 0.02 / sqrt(3)."""
    incumbent = np.array([1.0, 1.0, 1.0])
    assert is_better(incumbent - np.array([0.035, 0.015, -0.005]), incumbent)
    assert not is_better(incumbent - np.array([0.033, 0.013, -0.007]), incumbent)


def test_a_challenger_must_win_by_more_than_its_spread() -> None:
    assert is_better(np.array([0.90, 0.91, 0.90]), np.array([1.0, 1.0, 1.0]))
    assert not is_better(np.array([0.90, 1.06, 0.99]), np.array([1.0, 1.0, 1.0]))
    assert not is_better(np.array([1.0, 1.0]), np.array([1.0, 1.0]))


def test_the_score_by_hand() -> None:
    target = Target(
        column=0,
        units=np.array([[2.0, 4.0], [1.0, np.nan]]),
        naive=np.array([[3.0, 7.0], [2.0, 2.0]]),
        scale=np.array([4.0, 1.0]),
        classes=np.zeros(2, dtype=np.int64),
        is_cold=np.zeros(2, dtype=np.bool_),
    )
    ours = np.array([[1.0, 5.0], [1.5, 9.0]])
    absolute = (1 + 1 + 0.5) / (1 + 3 + 1)
    of_sums = (0 + 0.5) / (4 + 1)
    rooted = (np.sqrt(1 / 4) + 0.5) / (np.sqrt(5 / 4) + 1)
    expected = (absolute + of_sums + rooted) / 3
    assert score(ours, target, np.array([True, True])) == pytest.approx(expected)
    assert score(target.naive, target, np.array([True, True])) == 1


def test_a_candidate_is_the_plain_mean_of_its_methods() -> None:
    values = {
        "seasonal_naive": 0.0,
        "moving_average": 1.0,
        "croston": 2.0,
        "sba": 3.0,
        "tsb": 4.0,
        "pooled_mean": 5.0,
        "lightgbm": 9.0,
    }
    forecasts = {name: np.full((2, 3), value) for name, value in values.items()}
    found = {name: np.unique(combine(forecasts, name)).tolist() for name in CANDIDATES}
    assert found == {name: [value] for name, value in values.items()} | {
        "smoothers": [3.25],
        "lightgbm_and_moving_average": [5.0],
        "lightgbm_and_tsb": [6.5],
        "lightgbm_and_pooled_mean": [7.0],
        "lightgbm_and_smoothers": [4.75],
    }


@pytest.mark.parametrize(
    ("series", "adi", "cv2", "name"),
    [
        ([4, 5, 4, 5], 1.0, 0.25 / 4.5**2, "smooth"),
        ([1, 9, 1, 1], 1.0, 4.0 / 3.0, "erratic"),
        ([0, 2, 0, 0, 2, 0], 3.0, 0.0, "intermittent"),
        ([0, 1, 0, 0, 9, 0], 3.0, 16 / 25, "lumpy"),
        ([0, 0, 0], np.inf, 0.0, "intermittent"),
        ([np.nan, 2, np.nan, 2], 1.0, 0.0, "smooth"),  # masked periods are no gaps
    ],
)
def test_classes_by_hand(series: list[float], adi: float, cv2: float, name: str) -> None:
    sums = Sums.of(np.array([series], dtype=np.float64))
    found = demand_shape(sums, len(series))
    assert found[0][0] == pytest.approx(adi)
    assert found[1][0] == pytest.approx(cv2)
    assert CLASSES[classify(sums, len(series))[0]] == name
