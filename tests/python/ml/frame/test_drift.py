"""Drift is found where it is, and noise is not called drift."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from ml.frame.drift import ALARM, WARN, FrozenBins, freeze, measure, noise_floor, psi

RUNS = 600


def numeric(rng: np.random.Generator, size: int) -> pl.Series:
    return pl.Series("x", rng.lognormal(0, 1, size))


def discrete(rng: np.random.Generator, size: int) -> pl.Series:
    """Mostly 0, sometimes null: a count of events."""
    values = pl.Series("x", rng.poisson(0.2, size))
    return values.scatter(np.flatnonzero(rng.random(size) < 0.03), None)


def categorical(rng: np.random.Generator, size: int) -> pl.Series:
    shares = np.array([0.5, 0.3, 0.1, 0.05, 0.03, 0.01, 0.005, 0.003, 0.002])
    return pl.Series("x", rng.choice(list("abcdefghi"), size, p=shares))


@pytest.mark.parametrize("draw", [numeric, discrete, categorical])
@pytest.mark.parametrize("size", [100, 1_000, 20_000])
def test_samples_without_drift_are_hardly_ever_warned_of(draw, size) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(8)
    bins = freeze(draw(rng, 5_000))
    runs = RUNS if size < 20_000 else 60
    warned = sum(measure(bins, draw(rng, size)).state != "steady" for _ in range(runs))
    assert warned / runs <= 0.02  # 1 % and three standard errors


def test_a_fixed_line_would_be_noise() -> None:
    """What the floor is for: without it most samples of 100 rows were beyond 0.1."""
    rng = np.random.default_rng(8)
    bins = freeze(numeric(rng, 5_000))
    drifts = [measure(bins, numeric(rng, 100)) for _ in range(200)]
    assert np.mean([drift.psi > 0.1 for drift in drifts]) > 0.2
    assert drifts[0].warn_at == pytest.approx(noise_floor(5_000, 100, 10))
    assert drifts[0].warn_at > WARN


@pytest.mark.parametrize(
    "shift",
    [
        lambda x: x * 2.5,
        lambda x: x.scatter(np.arange(0, len(x), 3), None),
        lambda x: x.scatter(np.arange(0, len(x), 2), 1.0),
    ],
)
@pytest.mark.parametrize("size", [300, 5_000])
def test_a_planted_shift_is_found(shift, size) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(2)
    bins = freeze(numeric(rng, 5_000))
    found = measure(bins, shift(numeric(rng, size)))
    assert found.state == "alarm"
    assert measure(bins, numeric(rng, size)).state != "alarm"


def test_a_level_that_training_did_not_see_counts() -> None:
    rng = np.random.default_rng(2)
    bins = freeze(categorical(rng, 5_000))
    found = measure(bins, pl.Series("x", ["new"] * 150 + ["a"] * 150))
    assert found.state == "alarm"


def test_the_index_is_that_of_the_formula() -> None:
    expected, actual = np.array([60, 40]), np.array([30, 70])
    p, q = (60.5 / 101, 40.5 / 101), (30.5 / 101, 70.5 / 101)
    by_hand = sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True))
    assert psi(expected, actual) == pytest.approx(by_hand)
    assert psi(expected, expected) == 0


def test_the_lines_are_the_bands_or_the_noise() -> None:
    rng = np.random.default_rng(2)
    bins = freeze(numeric(rng, 50_000))
    assert len(bins.counts) == 12 and min(bins.counts[:10]) == max(bins.counts[:10]) == 5_000
    many = measure(bins, numeric(rng, 50_000))
    assert (many.warn_at, many.alarm_at) == (WARN, ALARM)
    # chi-squared with 9 degrees of freedom: 21.666 at 99 %
    assert noise_floor(100, 100, 10) == pytest.approx(0.02 * 21.666, rel=1e-4)


def test_nothing_to_compare_is_steady() -> None:
    bins = freeze(pl.Series("x", [1.0, 2.0]))
    assert measure(bins, pl.Series("x", [], dtype=pl.Float64)).state == "steady"
    assert (
        measure(freeze(pl.Series("x", [], dtype=pl.Float64)), pl.Series("x", [1.0])).state
        == "steady"
    )
    assert measure(freeze(pl.Series("x", [3.0] * 9)), pl.Series("x", [3.0] * 9)).psi == 0


def test_bins_survive_json() -> None:
    rng = np.random.default_rng(2)
    for draw in (numeric, discrete, categorical):
        bins = freeze(draw(rng, 1_000))
        assert FrozenBins.from_json(json.loads(json.dumps(bins.to_json()))) == bins


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (pl.Series([True] * 950 + [False] * 50), pl.Series([False] * 1_000)),
        (pl.Series([True] * 1_000), pl.Series([False] * 1_000)),
        (pl.Series([5.0] * 1_000), pl.Series([1.0] * 1_000)),
        (pl.Series([1.0] * 930 + [0.5] * 70), pl.Series(np.linspace(0, 1, 1_000))),
        (pl.Series([1.0] * 150 + [5.0] * 850), pl.Series([1.0] * 150 + [3.0] * 850)),
        (
            pl.Series([*range(120), *[200] * 150, *range(300, 1_030)]),
            pl.Series([*range(120), *[199] * 150, *range(300, 1_030)]),
        ),
    ],
)
def test_what_most_rows_have_is_a_bin_of_its_own(before: pl.Series, after: pl.Series) -> None:
    for then, now in ((before, after), (after, before)):
        bins = freeze(then.alias("x"))
        assert measure(bins, then.alias("x")).state == "steady"
        assert measure(bins, now.alias("x")).state == "alarm"
