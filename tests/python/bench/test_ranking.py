"""What is found within a budget, by hand and by drawing the order of equal scores."""

from __future__ import annotations

import numpy as np
import pytest

from bench.ml.payments import OURS, lead
from bench.ml.ranking import found_at, judged


def test_the_highest_scores_are_looked_at() -> None:
    scores = np.array([0.9, 0.1, 0.8, 0.2])
    assert found_at(scores, np.array([1.0, 0, 0, 1]), 0.5) == 1
    assert found_at(scores, np.array([1.0, 0, 1, 0]), 0.5) == 2


def test_equal_scores_count_as_chance_would_take_them() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 4, 200).astype(float)
    labels = (rng.random(200) < 0.2).astype(float)
    drawn = []
    for _ in range(4_000):
        order = np.lexsort((rng.random(200), -scores))
        drawn.append(labels[order[:20]].sum())
    assert found_at(scores, labels, 0.1) == pytest.approx(np.mean(drawn), abs=0.1)


def test_at_least_one_row_is_looked_at_and_an_unknown_score_comes_last() -> None:
    scores, labels = np.array([np.nan, 0.1, 0.2]), np.array([1.0, 0.0, 1.0])
    assert found_at(scores, labels, 0.005) == 1
    assert found_at(scores, labels, 2 / 3) == 1


def test_precision_recall_and_value_are_of_the_same_rows() -> None:
    scores = np.arange(200, 0, -1).astype(float)
    labels, amounts = np.zeros(200), np.ones(200)
    labels[[0, 10]], amounts[0] = 1, 9
    found = judged(scores, labels, amounts)
    assert (found["P@1.0%"], found["R@1.0%"], found["value R@1.0%"]) == (0.5, 0.5, 0.9)
    assert (found["P@0.5%"], found["R@0.5%"]) == (1.0, 0.5)
    assert found["PR-AUC"] == pytest.approx((1 + 2 / 11) / 2)


def test_the_lead_is_over_the_best_of_the_others() -> None:
    assert lead({OURS: 0.6, "rules": 0.3, "forest": 0.2}) == pytest.approx(2)
    assert lead({OURS: 0.2, "rules": 0.3, "forest": 0.4}) == pytest.approx(0.5)
