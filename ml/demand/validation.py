"""Backtests inside the history: rolling origins whose horizon ends before the origin of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.demand.boosting import Matrix, matrix_before, origins_before, predict, train
from ml.demand.choice import (
    CANDIDATES,
    COLD,
    OF_FEW,
    TREES,
    Choice,
    Target,
    Variant,
    choose_serving,
    choose_variants,
    combine,
    is_better,
    methods_forecast,
    score,
    served,
    simplest_of_the_best,
)
from ml.demand.classes import CLASSES, classify
from ml.demand.features import FeatureMaker, FeaturePlan, Rows
from ml.demand.grid import Grid
from ml.demand.methods import METHODS, default_variant, mean_forecast, variants
from ml.demand.quantiles import Calibration, calibrate
from ml.demand.settings import Settings
from ml.demand.smoothing import Smoothed, smooth

_LEAST_HISTORY = 2
"""Half horizons of history before the first validation origin."""
_LEAST_WINDOWS = 300
"""Horizons of history, over all series, that trees need before the first validation origin."""


@dataclass(frozen=True)
class Lesson:
    """What trees learn from before a validation origin; features and bases of its horizon."""

    matrix: Matrix
    features: Floats
    base: Floats
    horizon: int

    def forecast(self, parameters: Mapping[str, Any], settings: Settings, seed: int) -> Floats:
        """The forecast (series x horizon) of trees that learned with some parameters."""
        booster = train(self.matrix, parameters, settings.threads, seed)
        found = predict(self.features, self.base, booster, settings.threads)
        return found.reshape(-1, self.horizon)


@dataclass(frozen=True)
class Backtest:
    """A grid, what is known of it before its origins, and the targets of its validation origins."""

    grid: Grid
    settings: Settings
    smoothed: Smoothed
    targets: list[Target]

    @classmethod
    def of(cls, grid: Grid, settings: Settings, with_trees: bool = True) -> Backtest:
        """Prepares the validation origins, as many as the history has room for."""
        frequency = grid.frequency
        last = grid.now - frequency.horizon
        step = settings.step_of(frequency)
        columns = [last - step * back for back in range(settings.origins)]
        columns = sorted(c for c in columns if c >= _LEAST_HISTORY * step)
        wanted = {*columns, grid.now}
        if with_trees:
            for column in list(wanted):
                wanted |= set(training_columns(grid, column))
        smoothed = smooth(grid.units[:, : grid.now], sorted(wanted), frequency.half_lives)
        targets = [_target(grid, settings, smoothed, column) for column in columns]
        return cls(grid, settings, smoothed, targets)

    def variants(self, methods: tuple[str, ...] = METHODS) -> dict[str, dict[str, Variant]]:
        """The best parameters of each method, by class of series."""
        found = {}
        for method in methods:
            options = variants(method, self.grid.frequency)
            if len(options) == 1 or not self.targets:
                default = default_variant(method, self.grid.frequency)
                found[method] = dict.fromkeys(CLASSES, default)
                continue
            scores = np.stack([self._scores(self._means(method, option)) for option in options])
            found[method] = choose_variants(method, options, scores, self._counts())
        return found

    def overall_variant(self, method: str) -> Variant:
        """The best parameters of a method for all series alike."""
        options = variants(method, self.grid.frequency)
        if not self.targets:
            return default_variant(method, self.grid.frequency)
        scores = [self.scores_of(self._means(method, option)) for option in options]
        return options[simplest_of_the_best(np.array(scores))]

    def lessons(self, plan: FeaturePlan, seed: int) -> list[Lesson] | None:
        """What trees learn from before each validation origin, and what they then forecast.

        None where an origin has nothing to learn from, or too little: a series tells one
        independent thing per horizon of its history, and common shocks are no more than noise.
        """
        first = self.targets[0].column if self.targets else 0
        if self.grid.size * first < _LEAST_WINDOWS * self.grid.frequency.horizon:
            return None
        maker = FeatureMaker(self.grid, self.smoothed, plan)
        found = []
        for target in self.targets:
            matrix = _matrix_before(maker, target.column, self.settings, seed)
            if matrix is None:
                return None
            features, base = maker.make(_horizon_rows(self.grid, target.column))
            found.append(Lesson(matrix, features, base, self.grid.frequency.horizon))
        return found

    def choose(
        self, by_class: dict[str, dict[str, Variant]], trees: list[Floats] | None
    ) -> tuple[Choice, Calibration, dict[str, list[float]]]:
        """The choice, the calibration of what it serves, and the scores of candidates by origin."""
        candidates = list(OF_FEW if trees is None else CANDIDATES)
        if not self.targets:
            return Choice(by_class, dict.fromkeys(CLASSES, COLD)), Calibration({}), {}
        forecasts = self._forecasts(by_class, trees)
        scores = np.stack(
            [self._scores([combine(own, name) for own in forecasts]) for name in candidates]
        )
        split, overall = choose_serving(candidates, scores, self._counts())
        alike = Choice(by_class, dict.fromkeys(CLASSES, overall))
        differing = Choice(by_class, split)
        ours, theirs = (
            np.array(
                [
                    self._score(served(own, choice, target.classes, target.is_cold), target)
                    for own, target in zip(forecasts, self.targets, strict=True)
                ]
            )
            for choice in (differing, alike)
        )
        choice = differing if is_better(ours, theirs) else alike
        table = {n: scores[i, :, -1].tolist() for i, n in enumerate(candidates)}
        return choice, self._calibrate(choice, forecasts), table

    def calibration(self, choice: Choice) -> Calibration:
        """The calibration of what a choice without trees serves."""
        if not self.targets:
            return Calibration({})
        return self._calibrate(choice, self._forecasts(choice.variants, None))

    def scores_of(self, forecasts: list[Floats]) -> list[float]:
        """The score of a forecast for each validation origin."""
        pairs = zip(forecasts, self.targets, strict=True)
        return [self._score(forecast, target) for forecast, target in pairs]

    def _means(self, method: str, variant: Variant) -> list[Floats]:
        """The forecast of one method for each validation origin."""
        return [
            mean_forecast(self.grid, self.smoothed, method, variant, target.column)
            for target in self.targets
        ]

    def _forecasts(
        self, by_class: Mapping[str, Mapping[str, Variant]], trees: list[Floats] | None
    ) -> list[dict[str, Floats]]:
        """The forecasts of methods, and of trees where there are, for each validation origin."""
        found = []
        for position, target in enumerate(self.targets):
            own = methods_forecast(
                self.grid, self.smoothed, by_class, target.classes, target.column
            )
            if trees is not None:
                own[TREES] = trees[position]
            found.append(own)
        return found

    def _calibrate(self, choice: Choice, forecasts: list[dict[str, Floats]]) -> Calibration:
        means, units, classes = [], [], []
        for own, target in zip(forecasts, self.targets, strict=True):
            is_known = np.isfinite(target.units)
            means.append(served(own, choice, target.classes, target.is_cold)[is_known])
            units.append(target.units[is_known])
            classes.append(np.repeat(target.classes, is_known.sum(axis=1)))
        return calibrate(np.concatenate(means), np.concatenate(units), np.concatenate(classes))

    def _scores(self, forecasts: list[Floats]) -> Floats:
        """Scores (origins x (classes and all)) of one candidate."""
        found = np.ones((len(self.targets), len(CLASSES) + 1))
        for row, (target, forecast) in enumerate(zip(self.targets, forecasts, strict=True)):
            for position in range(len(CLASSES)):
                rows = (target.classes == position) & ~target.is_cold
                if rows.any():
                    found[row, position] = score(forecast, target, rows)
            found[row, -1] = self._score(forecast, target)
        return found

    def _score(self, forecast: Floats, target: Target) -> float:
        return score(forecast, target, ~target.is_cold)

    def _counts(self) -> Ints:
        latest = self.targets[-1]
        return np.bincount(latest.classes[~latest.is_cold], minlength=len(CLASSES))


def classes_and_cold(grid: Grid, settings: Settings, column: int) -> tuple[Ints, Bools]:
    """The class of each series at an origin, and whether it is too young to be judged by it."""
    is_cold: Bools = grid.sums.observed[:, column] < settings.cold_of(grid.frequency)
    return classify(grid.sums, column), is_cold


def _target(grid: Grid, settings: Settings, smoothed: Smoothed, column: int) -> Target:
    classes, is_cold = classes_and_cold(grid, settings, column)
    return Target(
        column=column,
        units=grid.units[:, column : column + grid.frequency.horizon],
        naive=mean_forecast(grid, smoothed, "seasonal_naive", (), column),
        scale=naive_scale(grid, column),
        classes=classes,
        is_cold=is_cold,
    )


def naive_scale(grid: Grid, column: int) -> Floats:
    """Mean squared step between known neighbouring periods from the first sale on, by series."""
    past = grid.units[:, :column]
    started = np.maximum.accumulate(np.nan_to_num(past) > 0, axis=1)
    steps = np.diff(np.where(started, past, np.nan), axis=1) ** 2
    known = np.isfinite(steps)
    count = known.sum(axis=1)
    total = np.where(known, steps, 0.0).sum(axis=1)
    return np.where((count > 0) & (total > 0), total / np.maximum(count, 1), np.nan)


def training_columns(grid: Grid, end: int) -> list[int]:
    """The origins before `end` that trees learn from; their periods from `end` on are left out."""
    return origins_before(grid, end, grid.frequency.windows[1])


def train_before(maker: FeatureMaker, end: int, settings: Settings, seed: int) -> str | None:
    """The text of trees learned from periods before `end`; None without a unit to learn from."""
    matrix = _matrix_before(maker, end, settings, seed)
    if matrix is None:
        return None
    return str(train(matrix, settings.parameters, settings.threads, seed).model_to_string())


def trees_forecast(maker: FeatureMaker, text: str, column: int, threads: int) -> Floats:
    """The forecast (series x horizon) of trees from the origin at `column`."""
    features, base = maker.make(_horizon_rows(maker.grid, column))
    found = predict(features, base, lgb.Booster(model_str=text), threads)
    return found.reshape(-1, maker.grid.frequency.horizon)


def _matrix_before(maker: FeatureMaker, end: int, settings: Settings, seed: int) -> Matrix | None:
    return matrix_before(maker, end, training_columns(maker.grid, end), settings.most_rows, seed)


def _horizon_rows(grid: Grid, column: int) -> Rows:
    """Every series and period of the horizon from `column` on."""
    horizon = grid.frequency.horizon
    series = np.repeat(np.arange(grid.size), horizon)
    return Rows(column, series, np.tile(np.arange(1, horizon + 1), grid.size))
