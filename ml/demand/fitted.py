"""A fitted demand forecast: it forecasts, is saved and is read back, and learns nothing more."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ml.arrays import Bools, Floats, Ints
from ml.demand.choice import COLD, TREES, Choice, methods_forecast, served
from ml.demand.classes import CLASSES
from ml.demand.errors import ModelFileError, PanelError
from ml.demand.features import FeatureMaker, FeaturePlan
from ml.demand.frequency import Frequency
from ml.demand.grid import Grid
from ml.demand.metrics import QUANTILES
from ml.demand.panel import Panel
from ml.demand.quantiles import Calibration, Group
from ml.demand.settings import Settings
from ml.demand.smoothing import smooth
from ml.demand.validation import classes_and_cold, trees_forecast

FORMAT = 1
MODEL_FILE = "model.json"
TREES_FILE = "trees.txt"
COLUMNS = {
    "series_id": pl.String,
    "period": pl.Date,
    "horizon": pl.Int32,
    "forecast_units": pl.Float64,
    "p10": pl.Float64,
    "p50": pl.Float64,
    "p90": pl.Float64,
    "series_class": pl.String,
    "served_by": pl.String,
}


@dataclass(frozen=True)
class Learned:
    """All that a fit learned but the trees; `scores` are those of the candidates by origin."""

    frequency: Frequency
    settings: Settings
    seed: int
    origin: date
    plan: FeaturePlan
    choice: Choice
    calibration: Calibration
    scores: dict[str, list[float]]


@dataclass(frozen=True)
class Fitted:
    """A model and LightGBM's text of its trees, None where no class is served by them."""

    model: Learned
    trees: str | None = None

    def forecast(self, panel: Panel, origin: date) -> pl.DataFrame:
        """Forecasts the horizon from `origin` on, for every series that is or will be launched.

        One row per series and period with the columns of COLUMNS: horizon from 1; forecast_units
        the mean, p10 <= p50 <= p90 whole numbers, all >= 0; series_class as of the origin;
        served_by the candidate that made the mean. The history may go on after the origin of the
        fit; it must not after this one. Raises PanelError, also where a covariate is missing that
        the trees learned from, and FutureLeakError.
        """
        model = self.model
        grid = Grid.of(panel, model.frequency, origin)
        if self.trees is not None:
            _require_covariates(grid, model.plan)
        columns = [grid.now]
        smoothed = smooth(grid.units[:, : grid.now], columns, model.frequency.half_lives)
        classes, is_cold = classes_and_cold(grid, model.settings, grid.now)
        forecasts = methods_forecast(grid, smoothed, model.choice.variants, classes, grid.now)
        if self.trees is not None:
            maker = FeatureMaker(grid, smoothed, model.plan)
            forecasts[TREES] = trees_forecast(maker, self.trees, grid.now, model.settings.threads)
        mean = served(forecasts, model.choice, classes, is_cold)
        return _frame(grid, mean, classes, is_cold, model)

    def save(self, folder: Path) -> None:
        """Writes model.json and, where there are trees, trees.txt into a folder that it makes."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, **asdict(self.model), "origin": self.model.origin.isoformat()}
        text = json.dumps(content, indent=1, default=list, allow_nan=False)
        (folder / MODEL_FILE).write_text(text + "\n", encoding="utf-8")
        if self.trees is not None:
            (folder / TREES_FILE).write_text(self.trees, encoding="utf-8")
        else:
            (folder / TREES_FILE).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Fitted:
        """Reads what `save` wrote; raises ModelFileError."""
        try:
            content = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelFileError(
                f"{folder / MODEL_FILE} cannot be read: {error}.", "Fit the model again."
            ) from error
        if content.get("format") != FORMAT:
            raise ModelFileError(
                f"{folder / MODEL_FILE} has format {content.get('format')}, not {FORMAT}.",
                "Fit the model again with this version.",
            )
        model = _model_of(content)
        path = folder / TREES_FILE
        if model.choice.needs_trees() and not path.is_file():
            raise ModelFileError(f"{path} is missing.", "Fit the model again.")
        text = path.read_text(encoding="utf-8") if path.is_file() else None
        return cls(model, text)


def _frame(grid: Grid, mean: Floats, classes: Ints, is_cold: Bools, model: Learned) -> pl.DataFrame:
    """The rows of a forecast, from the launch of each series on."""
    horizon = grid.frequency.horizon
    row = np.repeat(np.arange(grid.size), horizon)
    step = np.tile(np.arange(horizon), grid.size)
    launched = grid.launch[row] <= grid.now + step
    row, step = row[launched], step[launched]
    units = np.maximum(mean[row, step], 0.0)
    quantiles = model.calibration.quantiles(units, classes[row])
    names = [model.choice.serving[CLASSES[position]] for position in classes]
    by = np.where(is_cold, COLD, np.array(names, dtype=object))
    return pl.DataFrame(
        {
            "series_id": pl.Series(grid.series, dtype=pl.String).gather(row),
            "period": grid.period_starts(grid.now + step),
            "horizon": step + 1,
            "forecast_units": units,
            **{name: quantiles[i] for i, name in enumerate(QUANTILES)},
            "series_class": pl.Series(CLASSES).gather(classes[row]),
            "served_by": pl.Series(by.tolist(), dtype=pl.String).gather(row),
        }
    ).cast(COLUMNS)  # type: ignore[arg-type]


def _require_covariates(grid: Grid, plan: FeaturePlan) -> None:
    missing = sorted(set(plan.covariates) - set(grid.covariates))
    unplanned = sorted(set(plan.planned) - grid.planned)
    if missing or unplanned:
        raise PanelError(
            f"The model learned from {', '.join(missing or unplanned)}, which the panel "
            f"{'lacks' if missing else 'does not declare as planned'}.",
            "Give the panel the columns and plans that the model was fitted with.",
        )


def _model_of(content: dict[str, Any]) -> Learned:
    def tuples(values: dict[str, Any]) -> dict[str, Any]:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}

    choice = content["choice"]
    variants = {
        method: {name: tuple(variant) for name, variant in by_class.items()}
        for method, by_class in choice["variants"].items()
    }
    groups = {
        name: tuple(Group(**tuples(group)) for group in own)
        for name, own in content["calibration"]["groups"].items()
    }
    return Learned(
        frequency=Frequency(**tuples(content["frequency"])),
        settings=Settings(**content["settings"]),
        seed=content["seed"],
        origin=date.fromisoformat(content["origin"]),
        plan=FeaturePlan(**tuples(content["plan"])),
        choice=Choice(variants, choice["serving"]),
        calibration=Calibration(groups),
        scores=content["scores"],
    )
