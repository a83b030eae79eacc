"""The methods, simple ones first: all are fitted on known cells and on nothing else.

Chained equations: van Buuren and Groothuis-Oudshoorn, mice (2011), with Bayesian ridge regression;
neighbours, forests and the chain itself are scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import BayesianRidge
from sklearn.neighbors import KNeighborsRegressor

from ml.arrays import Bools, Floats, Ints
from ml.imputation.attributes import Inputs

FIT_ROWS = 2_000  # known rows that the learning methods learn from, drawn at random
NEIGHBOURS = 10
TREES = 50
LEAST_OF_LEAF = 5
ROUNDS = 5
LEAST_OF_GROUP = 5  # a smaller group has the value of all
SHRUNK_BY = 20.0  # rows of the mean of all that the mean of a level is mixed with

# Inputs, column, rows to learn from (where it is known), rows to predict, seed.
Method = Callable[[Inputs, int, Bools, Ints, int], Floats]


def predict(
    method: str, inputs: Inputs, column: int, known: Bools, wanted: Ints, seed: int
) -> Floats:
    """Values of `column` for the rows `wanted`, in its unit and within the known range.

    `known` marks the rows whose cell may be looked at: that of any other is never read.
    """
    values = inputs.values(column)[known]
    found = METHODS[method](inputs, column, known, wanted, seed)
    return np.clip(found, values.min(), values.max())


def _constant(statistic: Callable[[Floats], Any]) -> Method:
    def method(inputs: Inputs, column: int, known: Bools, wanted: Ints, seed: int) -> Floats:
        return np.full(len(wanted), float(statistic(inputs.values(column)[known])))

    return method


def _by_group(statistic: Callable[[Floats], Any]) -> Method:
    def method(inputs: Inputs, column: int, known: Bools, wanted: Ints, seed: int) -> Floats:
        values, groups = inputs.values(column)[known], inputs.levels[known, 0]
        found = np.full(len(wanted), float(statistic(values)))
        for group in np.unique(inputs.levels[wanted, 0]):
            members = values[groups == group]
            if group >= 0 and len(members) >= LEAST_OF_GROUP:
                found[inputs.levels[wanted, 0] == group] = statistic(members)
        return found

    return method


def _chained(inputs: Inputs, column: int, known: Bools, wanted: Ints, seed: int) -> Floats:
    learned = _learned_rows(known, seed)
    rows = np.concatenate([learned, wanted])
    numbers = _standardised(inputs, column, known)[rows]
    levels = _level_means(inputs, column, learned)[rows]
    target = inputs.numbers[rows, column].copy()
    target[-len(wanted) :] = np.nan
    has_any = ~np.isnan(numbers).all(axis=0)
    table = np.column_stack([target, numbers[:, has_any], levels])
    chain = IterativeImputer(
        BayesianRidge(),
        max_iter=ROUNDS,
        skip_complete=True,
        imputation_order="ascending",
        random_state=seed,
    )
    return inputs.unscaled(_quietly(chain, table)[-len(wanted) :, 0], column)


def _quietly(chain: IterativeImputer, table: Floats) -> Floats:
    """What the chain fills in; that it stops before it settles is judged by its errors."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        filled: Floats = chain.fit_transform(table)
    return filled


def _regressed(make: Callable[[int], Any]) -> Method:
    """A regression on standardised numbers, unknown ones at their mean, and on levels."""

    def method(inputs: Inputs, column: int, known: Bools, wanted: Ints, seed: int) -> Floats:
        learned = _learned_rows(known, seed)
        numbers = np.nan_to_num(_standardised(inputs, column, known))
        table = np.column_stack([numbers, _level_means(inputs, column, learned)])
        regression = make(seed).fit(table[learned], inputs.numbers[learned, column])
        found = np.asarray(regression.predict(table[wanted]), dtype=np.float64)
        return inputs.unscaled(found, column)

    return method


def _learned_rows(known: Bools, seed: int) -> Ints:
    rows: Ints = np.flatnonzero(known)
    if len(rows) <= FIT_ROWS:
        return rows
    drawn: Ints = np.sort(np.random.default_rng(seed).choice(rows, FIT_ROWS, replace=False))
    return drawn


def _standardised(inputs: Inputs, column: int, known: Bools) -> Floats:
    """The other numbers, by mean and deviation of their known cells in the rows learned from."""
    others = np.delete(inputs.numbers, column, axis=1)
    learned = others[known]
    counts = (~np.isnan(learned)).sum(axis=0)
    mean = np.nansum(learned, axis=0) / np.maximum(counts, 1)
    deviation = np.sqrt(np.nansum((learned - mean) ** 2, axis=0) / np.maximum(counts, 1))
    scaled: Floats = (others - mean) / np.where(deviation > 0, deviation, 1.0)
    scaled[:, counts == 0] = np.nan
    return scaled


def _level_means(inputs: Inputs, column: int, learned: Ints) -> Floats:
    """Each level as the mean of the column in the rows learned from, drawn to the mean of all.

    A column of numbers for each text, in place of one for each of its levels: Micci-Barreca, A
    Preprocessing Scheme for High-Cardinality Categorical Attributes (2001).
    """
    target = inputs.numbers[learned, column]
    centre, deviation = target.mean(), target.std() or 1.0
    means = []
    for codes in inputs.levels.T:
        places, size = codes[learned] + 1, codes.max(initial=-1) + 2
        counts = np.bincount(places, minlength=size)
        sums = np.bincount(places, (target - centre) / deviation, minlength=size)
        of_level = sums / (counts + SHRUNK_BY)
        of_level[0] = 0.0  # unknown
        means.append(of_level[codes + 1])
    return np.column_stack(means)


def _forest(seed: int) -> Any:
    return RandomForestRegressor(
        n_estimators=TREES,
        min_samples_leaf=LEAST_OF_LEAF,
        max_features=1 / 3,
        random_state=seed,
        n_jobs=1,
    )


METHODS: Mapping[str, Method] = {
    "mean": _constant(np.mean),
    "median": _constant(np.median),
    "group_mean": _by_group(np.mean),
    "group_median": _by_group(np.median),
    "ridge_chained": _chained,
    "knn": _regressed(lambda seed: KNeighborsRegressor(NEIGHBOURS, n_jobs=1)),
    "forest": _regressed(_forest),
}
