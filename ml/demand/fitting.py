"""Learning a demand forecast: parameters, trees, the choice among candidates, the quantiles."""

from __future__ import annotations

from datetime import date

import numpy as np

from ml.arrays import Floats
from ml.demand.boosting import PARAMETERS, SEARCH_SPACE
from ml.demand.choice import COLD, is_better
from ml.demand.errors import PanelError
from ml.demand.features import FeatureMaker, FeaturePlan
from ml.demand.fitted import Fitted, Learned
from ml.demand.frequency import Frequency
from ml.demand.grid import Grid
from ml.demand.panel import Panel
from ml.demand.settings import Settings
from ml.demand.validation import Backtest, train_before
from ml.frame.model import SEED, Params
from ml.frame.tuning import minimise


def fit(
    panel: Panel,
    origin: date,
    frequency: Frequency,
    settings: Settings | None = None,
    seed: int = SEED,
) -> Fitted:
    """Learns everything a forecast needs from the periods of `panel` before `origin`.

    The panel must not know more: pass `panel.as_of(origin)`. A history too short for a validation
    origin (two half horizons and the horizon) is served the pooled mean. Raises PanelError and
    FutureLeakError.
    """
    settings = settings or Settings()
    grid = history_grid(panel, origin, frequency)
    backtest = Backtest.of(grid, settings)
    variants = backtest.variants()
    plan = _plan(backtest)
    lessons = backtest.lessons(plan, seed)
    trees = (
        None
        if lessons is None
        else [lesson.forecast(settings.parameters, settings, seed) for lesson in lessons]
    )
    choice, calibration, scores = backtest.choose(variants, trees)
    text = None
    if choice.needs_trees():
        maker = FeatureMaker(grid, backtest.smoothed, plan)
        text = train_before(maker, grid.now, settings, seed)
    return Fitted(
        Learned(
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


def tune(
    panel: Panel,
    origin: date,
    frequency: Frequency,
    trials: int,
    settings: Settings | None = None,
    seed: int = SEED,
) -> Params:
    """Parameters of the trees whose score over the validation origins is least of `trials`.

    None of them where the history has no room for trees, or where what was found beats
    PARAMETERS by no more than the spread over the origins: what wins among many by less won by
    luck. Raises PanelError and FutureLeakError.
    """
    if trials < 1:
        return {}
    settings = settings or Settings()
    backtest = Backtest.of(history_grid(panel, origin, frequency), settings)
    lessons = backtest.lessons(_plan(backtest), seed)
    if lessons is None:
        return {}
    tried: list[tuple[Params, Floats]] = []

    def loss(parameters: Params) -> float:
        forecasts = [lesson.forecast(parameters, settings, seed) for lesson in lessons]
        tried.append((parameters, np.array(backtest.scores_of(forecasts))))
        return float(tried[-1][1].mean())

    defaults = {name: PARAMETERS[name] for name in SEARCH_SPACE}
    minimise(loss, SEARCH_SPACE, defaults, trials, seed)
    best, scores = min(tried, key=lambda one: float(one[1].mean()))
    return best if is_better(scores, tried[0][1]) else {}


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
