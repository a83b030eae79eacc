"""Learning a demand forecast: parameters, trees, the choice among candidates, the quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from ml.demand.choice import COLD
from ml.demand.errors import PanelError
from ml.demand.features import FeatureMaker, FeaturePlan
from ml.demand.fitted import Fitted, Model
from ml.demand.frequency import Frequency
from ml.demand.grid import Grid
from ml.demand.panel import Panel
from ml.demand.settings import Settings
from ml.demand.validation import Backtest, train_before

SEED = 20_240_501


def fit(
    panel: Panel,
    origin: date,
    frequency: Frequency,
    settings: Settings | None = None,
    seed: int = SEED,
) -> Fitted:
    """Learns everything a forecast needs from the periods of `panel` before `origin`.

    The panel must not know more: pass `panel.as_of(origin)`. A history too short for a validation
    origin (three half horizons and the horizon) is served the pooled mean. Raises PanelError and
    FutureLeakError.
    """
    settings = settings or Settings()
    grid = history_grid(panel, origin, frequency)
    backtest = Backtest.of(grid, settings)
    variants = backtest.variants()
    plan = _plan(backtest)
    trees = backtest.trees(plan, seed)
    choice, calibration, scores = backtest.choose(variants, trees)
    text = None
    if choice.needs_trees():
        maker = FeatureMaker(grid, backtest.smoothed, plan)
        text = train_before(maker, grid.now, settings, seed)
    return Fitted(
        Model(
            frequency=frequency,
            settings=settings,
            seed=seed,
            origin=origin,
            plan=plan,
            choice=choice,
            calibration=calibration,
            scores=scores,
        ),
        text,
    )


def validation_loss(
    panel: Panel,
    origin: date,
    frequency: Frequency,
    settings: Settings | None = None,
    seed: int = SEED,
    parameters: Mapping[str, Any] | None = None,
) -> float:
    """The mean score of the trees with some parameters over the validation origins.

    What a search over SEARCH_SPACE minimises; below 1 is better than the seasonal naive forecast.
    Raises PanelError where the history has no room for an origin.
    """
    settings = settings or Settings()
    backtest = Backtest.of(history_grid(panel, origin, frequency), settings)
    trees = backtest.trees(_plan(backtest), seed, parameters)
    if trees is None:
        raise PanelError(
            "The history is too short to validate trees on.", "Give more periods before the origin."
        )
    return float(np.mean(backtest.scores_of(trees)))


def history_grid(panel: Panel, origin: date, frequency: Frequency) -> Grid:
    """The matrices of a panel that has something to learn from; raises PanelError."""
    grid = Grid.of(panel, frequency, origin)
    if not np.isfinite(grid.units[:, : grid.now]).any():
        raise PanelError(
            f"No series has known units before {origin}.", "Give an origin after the first launch."
        )
    return grid


def _plan(backtest: Backtest) -> FeaturePlan:
    half_life, prior = backtest.overall_variant(COLD)
    return FeaturePlan.of(backtest.grid, int(half_life), prior)
