"""Quantiles: the distribution against its terms, and calibration on counts of a known law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.arrays import Floats
from ml.demand.classes import CLASSES
from ml.demand.quantiles import Calibration, Group, calibrate, cumulative

LUMPY = CLASSES.index("lumpy")


def probability(count: int, mean: float, dispersion: float) -> float:
    """The negative binomial with variance mean + dispersion x mean^2, by its gamma functions."""
    size = 1 / dispersion
    log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
    return math.exp(
        log + size * math.log(size / (size + mean)) + count * math.log(mean / (size + mean))
    )


@pytest.mark.parametrize("mean", [0.2, 3.0, 40.0])
@pytest.mark.parametrize("dispersion", [0.05, 1.0, 4.0])
def test_the_distribution_is_the_sum_of_its_terms(mean: float, dispersion: float) -> None:
    terms = [probability(count, mean, dispersion) for count in range(60)]
    found = cumulative(np.arange(-1.0, 60.0), np.full(61, mean), dispersion)
    assert found[0] == 0
    assert found[1:] == pytest.approx(np.cumsum(terms))


def test_quantiles_are_the_smallest_counts_that_reach_the_level() -> None:
    levels = (0.1, 0.55, 0.9)
    group = Group(upper=math.inf, dispersion=0.5, floor=0.0, levels=levels)
    means = np.array([0.3, 2.0, 25.0])
    found = Calibration({"lumpy": (group,)}).quantiles(means, np.full(3, LUMPY))
    for column, mean in enumerate(means):
        for row, level in enumerate(levels):
            reached = 0.0
            count = -1
            while reached < level:
                count += 1
                reached += probability(count, float(mean), 0.5)
            assert found[row, column] == count


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 1e4), min_size=1, max_size=20),
    st.floats(1e-3, 20),
    st.floats(0, 5),
)
def test_quantiles_are_whole_ordered_and_not_negative(
    means: list[float], dispersion: float, floor: float
) -> None:
    group = Group(math.inf, dispersion, floor, (0.08, 0.5, 0.92))
    found = Calibration({"lumpy": (group,)}).quantiles(np.array(means), np.full(len(means), LUMPY))
    assert (found >= 0).all()
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found == np.round(found)).all()


@pytest.mark.parametrize("bias", [0.6, 1.0, 1.7])
def test_calibrated_quantiles_hold_on_later_counts(bias: float) -> None:
    """Gamma-mixed Poisson counts and a mean that is off by a factor: the levels make up for it."""
    rng = np.random.default_rng(3)

    def draw() -> tuple[Floats, Floats]:
        mean = rng.gamma(2, 2, 20_000)
        return mean * bias, rng.poisson(mean * rng.gamma(2, 0.5, 20_000)).astype(np.float64)

    mean, units = draw()
    classes = np.full(20_000, LUMPY)
    calibration = calibrate(mean, units, classes)
    mean, units = draw()
    found = calibration.quantiles(mean, classes)
    for row, level in enumerate((0.1, 0.5, 0.9)):
        assert (units < found[row]).mean() <= level + 0.02
        assert (units <= found[row]).mean() >= level - 0.02


def test_what_follows_the_distribution_is_read_an_eighth_of_the_tail_further_out() -> None:
    rng = np.random.default_rng(5)
    mean = rng.gamma(2, 1, 40_000)
    units = rng.poisson(mean * rng.gamma(2, 0.5, 40_000)).astype(np.float64)
    groups = calibrate(mean, units, np.full(40_000, LUMPY)).groups["lumpy"]
    assert len(groups) == 5
    for group in groups[1:]:
        assert group.dispersion == pytest.approx(0.5, abs=0.15)
        assert group.levels == pytest.approx((0.0875, 0.5, 0.9125), abs=0.02)
    # Of one group the levels are known to 0.004; the plain ones would be 0.1 and 0.9.
    levels = np.mean([group.levels for group in groups[1:]], axis=0)
    assert levels == pytest.approx((0.0875, 0.5, 0.9125), abs=0.005)


def test_a_small_class_takes_the_groups_of_all() -> None:
    rng = np.random.default_rng(4)
    mean = rng.gamma(2, 2, 2_000)
    units = rng.poisson(mean).astype(np.float64)
    classes = np.where(np.arange(2_000) < 10, LUMPY, 0)
    found = calibrate(mean, units, classes).groups
    assert found["lumpy"] == found["erratic"]
    assert found["smooth"] != found["lumpy"]


def test_nothing_validated_is_read_at_the_plain_levels() -> None:
    found = Calibration({}).quantiles(np.array([0.0, 3.0]), np.array([LUMPY, LUMPY]))
    assert found[:, 0].tolist() == [0, 0, 0]
    assert found[0, 1] < found[1, 1] < found[2, 1]
