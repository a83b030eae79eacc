"""False alarms of drift where nothing drifted, and whether planted shifts are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from bench.report import Cell, Goal, Part, Table
from ml.frame.drift import ALARMED, freeze, measure

Draw = Callable[[np.random.Generator, int], pl.Series]

SIZES = (100, 1_000, 100_000)
TRAINED_ON = (1_000, 10_000, 100_000)
REPEATS = {100: 4_000, 1_000: 1_000, 100_000: 400}
"""By rows of the new sample; divided among the sizes of the training sample."""
SHARED = 20
MOST_FALSE_ALARMS = 1.0
LEAST_FOUND = 99.0
SHIFTS_AT = 1_000
_SEED = 7
_LEVELS = 30


def _normal(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series("x", rng.normal(size=n))


def _skewed(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series("x", rng.lognormal(3, 1.5, n))


def _counts(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series("x", rng.poisson(2.0, n))


def _rare_counts(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series("x", rng.poisson(0.05, n))


def _levels(rng: np.random.Generator, n: int) -> pl.Series:
    return _of_levels(rng, n, 1.3)


def _with_nulls(rng: np.random.Generator, n: int) -> pl.Series:
    return _holed(rng, n, 0.1)


def _of_levels(rng: np.random.Generator, n: int, slope: float) -> pl.Series:
    weight = np.arange(1, _LEVELS + 1) ** -slope
    names = np.array([f"level {i}" for i in range(_LEVELS)])
    return pl.Series("x", names[rng.choice(_LEVELS, n, p=weight / weight.sum())])


def _holed(rng: np.random.Generator, n: int, share: float) -> pl.Series:
    values = pl.Series("x", rng.normal(size=n))
    return values.set(pl.Series(rng.random(n) < share), None)


FEATURES: dict[str, Draw] = {
    "normal": _normal,
    "lognormal": _skewed,
    "counts, mean 2": _counts,
    "counts, mean 0.05": _rare_counts,
    "30 levels, most rare": _levels,
    "normal, 10 % null": _with_nulls,
}
FAINT = "mean + 0.5 deviation"
"""Its index is 0.25, the alarm line itself: shown, and no goal."""
SHIFTS: dict[str, tuple[Draw, Draw]] = {
    FAINT: (_normal, lambda rng, n: _normal(rng, n) + 0.5),
    "mean + 1 deviation": (_normal, lambda rng, n: _normal(rng, n) + 1.0),
    "deviation x 2": (_normal, lambda rng, n: _normal(rng, n) * 2.0),
    "mean count 2 -> 4": (_counts, lambda rng, n: pl.Series("x", rng.poisson(4.0, n))),
    "levels even": (_levels, lambda rng, n: _of_levels(rng, n, 0.3)),
    "null 10 % -> 40 %": (_with_nulls, lambda rng, n: _holed(rng, n, 0.4)),
}


def alarm_share(
    seed: int, before: Draw, after: Draw, trained_on: int, rows: int, repeats: int
) -> float:
    """The share of samples of `rows` that alarm, against bins of training samples drawn anew.

    A large training sample, which is nearly the distribution itself, serves SHARED repeats. Raises
    ValueError without a repeat.
    """
    if repeats < 1:
        raise ValueError("A share takes at least one repeat.")
    rng = np.random.default_rng([seed, trained_on, rows])
    shared = SHARED if trained_on == max(TRAINED_ON) else 1
    alarms = 0
    for repeat in range(repeats):
        if repeat % shared == 0:
            bins = freeze(before(rng, trained_on))
        alarms += measure(bins, after(rng, rows)).state == ALARMED
    return alarms / repeats


def standard_error(share: float, repeats: int) -> float:
    """Of a share of independent repeats; of none or all of them that of one case more."""
    p = (share * repeats + 1) / (repeats + 2) if share in (0.0, 1.0) else share
    return float(np.sqrt(p * (1 - p) / repeats))


def run(least: float = 1.0) -> Part:
    """Both tables; `least` scales the number of repeats."""
    alarms: list[float] = []
    false_rows: list[Mapping[str, Cell]] = []
    for position, (name, draw) in enumerate(FEATURES.items()):
        for rows in SIZES:
            repeats = max(1, round(REPEATS[rows] * least / len(TRAINED_ON)))
            shares = [
                100 * alarm_share(_SEED + position, draw, draw, trained_on, rows, repeats)
                for trained_on in TRAINED_ON
            ]
            share = float(np.mean(shares))
            alarms.append(share)
            cells = {f"trained on {m:,}": s for m, s in zip(TRAINED_ON, shares, strict=True)}
            error = 100 * standard_error(share / 100, repeats * len(TRAINED_ON))
            false_rows.append({"feature": name, "rows": rows, **cells, "all": share, "+-": error})
    found: list[float] = []
    found_rows: list[Mapping[str, Cell]] = []
    for position, (name, (before, after)) in enumerate(SHIFTS.items()):
        row: dict[str, Cell] = {"shift": name}
        for rows in SIZES:
            repeats = max(1, round(300 * least)) if rows < max(SIZES) else 20
            share = 100 * alarm_share(100 + position, before, after, 10_000, rows, repeats)
            row[f"{rows:,} rows"] = share
            if rows >= SHIFTS_AT and name != FAINT:
                found.append(share)
        found_rows.append(row)
    return Part(
        [
            Table("Drift: alarms without drift, %", false_rows, "+-: standard error of `all`."),
            Table("Drift: planted shifts found, %, trained on 10,000", found_rows),
        ],
        [
            Goal("null_drift", max(alarms), MOST_FALSE_ALARMS),
            Goal("drift_found", min(found), LEAST_FOUND, is_floor=True),
        ],
    )
