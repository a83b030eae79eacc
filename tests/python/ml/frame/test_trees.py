"""Calibration of scores whose probabilities are planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from ml.frame.trees import isotonic, sigmoid


def test_a_sigmoid_finds_the_planted_line_and_has_no_certain_ends() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.3, 0.7, 4_000)
    labels = (rng.random(scores.size) < expit(0.5 * logit(scores) + 0.2)).astype(float)
    raw, calibrated = sigmoid(scores, labels)
    asked = np.array([0.35, 0.5, 0.65])
    found = np.interp(asked, raw, calibrated)
    assert found == pytest.approx(expit(0.5 * logit(asked) + 0.2), abs=0.03)
    assert 0 < calibrated[0] < calibrated[-1] < 1
    # Of the same rows isotonic steps are certain of what a few at the ends were.
    assert {*isotonic(scores, labels)[1][[0, -1]]} & {0.0, 1.0}


def test_scores_that_say_nothing_or_the_opposite_are_all_given_the_rate() -> None:
    scores = np.linspace(0.2, 0.8, 100)
    for labels in (scores < 0.4, np.ones(100), np.zeros(100)):
        raw, calibrated = sigmoid(scores, labels.astype(float))
        assert (np.diff(raw) > 0).all()
        assert set(calibrated) == {float(labels.mean())}
