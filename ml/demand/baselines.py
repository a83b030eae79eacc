"""The statistical forecasts by themselves: what is served while no model passes the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from ml.demand.choice import COLD, Choice
from ml.demand.classes import CLASSES
from ml.demand.errors import DemandError
from ml.demand.features import FeaturePlan
from ml.demand.fitted import Fitted, Learned
from ml.demand.fitting import history_grid
from ml.demand.frequency import Frequency
from ml.demand.methods import METHODS
from ml.demand.panel import Panel
from ml.demand.settings import Settings
from ml.demand.validation import Backtest


@dataclass(frozen=True)
class Baseline:
    """One of METHODS: seasonal_naive, moving_average, croston, sba, tsb or pooled_mean.

    Raises DemandError for another name.
    """

    name: str
    frequency: Frequency
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if self.name not in METHODS:
            raise DemandError(f"There is no baseline {self.name}.", f"Take {', '.join(METHODS)}.")

    def forecast(self, panel: Panel, origin: date) -> pl.DataFrame:
        """The forecast from `origin` on, in the columns of `Fitted.forecast`.

        Parameters and quantiles come from validation origins within the history of the panel.
        Raises PanelError and FutureLeakError.
        """
        return self.fit(panel, origin).forecast(panel, origin)

    def fit(self, panel: Panel, origin: date) -> Fitted:
        """The baseline with the parameters and quantiles that the history gives it."""
        grid = history_grid(panel, origin, self.frequency)
        backtest = Backtest.of(grid, self.settings, with_trees=False)
        variants = backtest.variants(tuple(dict.fromkeys((self.name, COLD))))
        choice = Choice(variants, dict.fromkeys(CLASSES, self.name))
        calibration = backtest.calibration(choice)
        plan = FeaturePlan.of(grid, 0, 1.0)
        model = Learned(
            frequency=self.frequency,
            settings=self.settings,
            seed=0,
            origin=origin,
            plan=plan,
            choice=choice,
            calibration=calibration,
            scores={},
        )
        return Fitted(model)
