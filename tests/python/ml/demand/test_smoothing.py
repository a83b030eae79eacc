"""The smoothers against hand-computed numbers and a plain loop over one series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.demand.smoothing import Smoothed, smooth

UNKNOWN = float("nan")


def smoothed(series: list[float], alpha: float = 0.5, chance: float = 0.5) -> Smoothed:
    return smooth(np.array([series]), [len(series)], (2, 0), (alpha,), (chance,))


def test_croston_sba_and_tsb_by_hand() -> None:
    # Sales of 4, 2 and 6 after 2, 1 and 3 periods: size 4, 3, 4.5; gap 2, 1.5, 2.25.
    found = smoothed([0, 4, 2, 0, 0, 6])
    assert found.croston(0.5)[0, 0] == pytest.approx(4.5 / 2.25)
    assert found.sba(0.5)[0, 0] == pytest.approx(2.0 * 0.75)
    # Chance of a sale: 0, 0.5, 0.75, 0.375, 0.1875, 0.59375.
    assert found.tsb(0.5, 0.5)[0, 0] == pytest.approx(4.5 * 0.59375)


def test_tsb_falls_while_nothing_is_sold_and_croston_does_not() -> None:
    before, after = smoothed([3, 0, 3]), smoothed([3, 0, 3, 0, 0, 0])
    assert after.croston(0.5)[0, 0] == before.croston(0.5)[0, 0]
    assert after.tsb(0.5, 0.5)[0, 0] == pytest.approx(before.tsb(0.5, 0.5)[0, 0] / 8)


def test_nothing_sold_is_zero() -> None:
    found = smoothed([0, 0, 0])
    assert (found.croston(0.5)[0, 0], found.sba(0.5)[0, 0], found.tsb(0.5, 0.5)[0, 0]) == (0, 0, 0)


def test_decayed_sums_by_hand() -> None:
    found = smoothed([8, UNKNOWN, 2])  # half-life 2: a period is worth 0.5 ** 0.5 of the next
    assert found.total[2][0, 0] == pytest.approx(8 * 0.5 + 2)
    assert found.weight[2][0, 0] == pytest.approx(0.5 + 1)
    assert (found.total[0][0, 0], found.weight[0][0, 0]) == (10, 2)


def oracle(series: list[float], alpha: float, chance_alpha: float) -> tuple[float, float]:
    """Croston's and TSB's mean of one series, by the papers, unknown periods left out."""
    known = [value for value in series if not math.isnan(value)]
    size = gap = None
    waited = 0
    chance: float | None = None
    for value in known:
        waited += 1
        is_sale = 1.0 if value > 0 else 0.0
        chance = is_sale if chance is None else chance + chance_alpha * (is_sale - chance)
        if value > 0:
            size = value if size is None else alpha * value + (1 - alpha) * size
            gap = float(waited) if gap is None else alpha * waited + (1 - alpha) * gap
            waited = 0
    if size is None or gap is None or chance is None:
        return 0.0, 0.0
    return size / gap, size * chance


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 5.0, UNKNOWN]), min_size=1, max_size=25),
    st.sampled_from([0.1, 0.4]),
    st.sampled_from([0.05, 0.3]),
)
def test_smoothers_equal_a_plain_loop(series: list[float], alpha: float, chance: float) -> None:
    found = smoothed(series, alpha, chance)
    croston, tsb = oracle(series, alpha, chance)
    assert found.croston(alpha)[0, 0] == pytest.approx(croston)
    assert found.tsb(alpha, chance)[0, 0] == pytest.approx(tsb)


def test_a_state_is_that_before_its_column() -> None:
    series = [1.0, 0.0, 7.0, 0.0, 2.0]
    whole = smooth(np.array([series]), [2, 5], (2, 0), (0.5,), (0.5,))
    cut = smooth(np.array([series[:2]]), [2], (2, 0), (0.5,), (0.5,))
    assert whole.croston(0.5)[0] == cut.croston(0.5)[0]
    assert whole.tsb(0.5, 0.5)[0] == cut.tsb(0.5, 0.5)[0]
