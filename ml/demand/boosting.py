"""Gradient-boosted trees on the counts, relative to the pooled mean of each series.

LightGBM (Ke and others, LightGBM: a highly efficient gradient boosting decision tree, NIPS 2017)
with a Poisson or Tweedie loss, whose log link makes the pooled mean an offset (`init_score`): what
the trees learn are factors. Models are kept as LightGBM's own text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from ml.arrays import Floats, Ints
from ml.demand.features import CATEGORICAL, FeatureMaker, Rows
from ml.demand.grid import Grid

PARAMETERS: dict[str, Any] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.5,
    "learning_rate": 0.07,
    "num_trees": 150,
    "num_leaves": 31,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "lambda_l2": 10.0,
    "max_bin": 127,
}
SEARCH_SPACE: dict[str, tuple[float, float]] = {
    "tweedie_variance_power": (1.05, 1.6),
    "learning_rate": (0.02, 0.15),
    "num_trees": (50, 300),
    "num_leaves": (4, 63),
    "min_data_in_leaf": (50, 2000),
    "feature_fraction": (0.4, 1.0),
    "lambda_l2": (0.1, 100.0),
}
"""The bounds of what a search over PARAMETERS may try; a power near 1 is a Poisson loss."""

_LARGEST_FACTOR = 4.0  # in logs: e^4 = 55 times the pooled mean


def training_rows(
    grid: Grid, end: int, columns: list[int], most: int, seed: int
) -> list[tuple[Rows, Ints]]:
    """Rows (with the positions they were drawn at) whose periods are known and before `end`.

    Origins are `columns`; each gives the same share of at most `most` rows, drawn without
    replacement by `seed`.
    """
    rng = np.random.default_rng([seed, end])
    horizon = grid.frequency.horizon
    quota = max(1, most // max(1, len(columns)))
    found = []
    for column in columns:
        reach = min(horizon, end - column)
        if reach < 1:
            continue
        is_target = np.isfinite(grid.units[:, column : column + reach])
        cells = np.flatnonzero(is_target)
        if cells.size > quota:
            cells = np.sort(rng.choice(cells, quota, replace=False))
        rows = Rows(column, cells // reach, cells % reach + 1)
        found.append((rows, cells))
    return found


def origins_before(grid: Grid, end: int, least: int) -> list[int]:
    """Origins of training rows before `end`, `step` apart, of the last `depth` steps."""
    frequency = grid.frequency
    stop = max(least, end - frequency.step * frequency.depth - frequency.horizon)
    return sorted(range(end - 1, stop - 1, -frequency.step))


@dataclass(frozen=True)
class Matrix:
    """Rows to learn from: float32 features (rows x names), units, and the logarithm of the base."""

    names: list[str]
    features: Floats
    units: Floats
    offset: Floats


def matrix_before(
    maker: FeatureMaker, end: int, columns: list[int], most: int, seed: int
) -> Matrix | None:
    """What is learned from periods before `end`; None without a unit to learn from."""
    grid = maker.grid
    parts, targets, offsets = [], [], []
    for rows, _ in training_rows(grid, end, columns, most, seed):
        features, base = maker.make(rows)
        parts.append(features)
        targets.append(grid.units[rows.series, rows.target])
        offsets.append(np.log(base))
    if sum(float(units.sum()) for units in targets) == 0:
        return None
    return Matrix(
        maker.names, np.concatenate(parts), np.concatenate(targets), np.concatenate(offsets)
    )


def train(matrix: Matrix, parameters: Mapping[str, Any], threads: int, seed: int) -> lgb.Booster:
    """Trees with PARAMETERS but for those given."""
    settings = PARAMETERS | dict(parameters)
    rounds = int(settings.pop("num_trees"))
    fixed = {
        "num_threads": threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        matrix.features,
        label=matrix.units,
        init_score=matrix.offset,
        feature_name=matrix.names,
        categorical_feature=list(CATEGORICAL),
        free_raw_data=True,
    )
    return lgb.train(settings | fixed, data, num_boost_round=rounds)


def predict(features: Floats, base: Floats, booster: lgb.Booster, threads: int) -> Floats:
    """Mean units of rows with these features (rows x names) and bases."""
    factor = booster.predict(features, raw_score=True, num_threads=threads)
    found: Floats = base * np.exp(np.clip(factor, -_LARGEST_FACTOR, _LARGEST_FACTOR))
    return found
