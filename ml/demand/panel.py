"""The panel of a demand forecast, what it may hold, and what it may not tell of the future."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import polars as pl

from ml.demand.errors import FutureLeakError, PanelError

REQUIRED = {
    "series_id": pl.String,
    "period": pl.Date,
    "units": pl.Float64,
    "is_masked": pl.Boolean,
    "category": pl.String,
}
COVARIATES = ("price", "discount_share", "is_holiday")


@dataclass(frozen=True, init=False, eq=False)
class Panel:
    """One row per series and period, from the launch of the series on, without a gap.

    `frame` has series_id (String), period (Date, the first day of the day, week or month), units
    (Float64, >= 0; null: unknown), is_masked (Boolean: out of stock, so neither a target nor
    history), category (String, one per series) and any of COVARIATES: price (in any one unit),
    discount_share (0-1), is_holiday (Boolean, or the share of buyers with a holiday). Rows at and
    after an origin are the plan: no units, and only covariates named in `planned`. What is named
    there is used at the forecast period; other covariates as they were before the origin.

    Raises PanelError for missing columns, units below 0 and rows that repeat a period.
    """

    frame: pl.DataFrame
    planned: frozenset[str]

    def __init__(self, frame: pl.DataFrame, planned: Iterable[str] = ()) -> None:
        missing = [name for name in REQUIRED if name not in frame.columns]
        if missing:
            raise PanelError(f"The panel has no {', '.join(missing)}.", "Add the columns.")
        unknown = sorted(set(planned) - set(COVARIATES) | set(planned) - set(frame.columns))
        if unknown:
            raise PanelError(
                f"{', '.join(unknown)} cannot be planned: no such covariate in the panel.",
                f"Declare some of {', '.join(COVARIATES)}, and give their columns.",
            )
        kept = [name for name in COVARIATES if name in frame.columns]
        columns = [pl.col(name).cast(kind) for name, kind in REQUIRED.items()]
        typed = frame.select(*columns, *(pl.col(name).cast(pl.Float64) for name in kept))
        ordered = typed.sort("series_id", "period")
        _require_sane(ordered)
        object.__setattr__(self, "frame", ordered)
        object.__setattr__(self, "planned", frozenset(planned))

    @property
    def covariates(self) -> list[str]:
        """The covariates that the panel has, in the order of COVARIATES."""
        return [name for name in COVARIATES if name in self.frame.columns]

    def as_of(self, origin: date) -> Panel:
        """The panel as it was known at `origin`: later units and masks are not, plans are.

        Series without a row before the origin stay where their later rows are the plan to launch
        them.
        """
        is_future = pl.col("period") >= origin
        unplanned = [name for name in self.covariates if name not in self.planned]
        hidden = [
            pl.when(~is_future).then(pl.col(name)).alias(name) for name in ["units", *unplanned]
        ]
        known = self.frame.with_columns(
            *hidden, pl.when(is_future).then(False).otherwise("is_masked").alias("is_masked")
        )
        return Panel(known, self.planned)


def require_no_actuals(panel: Panel, origin: date) -> None:
    """Refuses a panel that knows units, stock-outs or unplanned covariates at or after `origin`.

    Raises FutureLeakError.
    """
    future = panel.frame.filter(pl.col("period") >= origin)
    told = ["units", *(name for name in panel.covariates if name not in panel.planned)]
    known = [name for name in told if future[name].is_not_null().any()]
    if future["is_masked"].any():
        known.append("is_masked")
    if known:
        raise FutureLeakError(
            f"The panel has {', '.join(known)} at or after the origin {origin}: "
            "a forecast that uses actuals is refused.",
            "Pass `panel.as_of(origin)`, or declare a covariate as planned if it is a plan.",
        )


def _require_sane(frame: pl.DataFrame) -> None:
    empty = [
        name
        for name in ("series_id", "period", "is_masked", "category")
        if frame[name].null_count() > 0
    ]
    if empty:
        raise PanelError(f"The panel has rows without {', '.join(empty)}.", "Fill them in.")
    bad = frame.filter((pl.col("units") < 0) | ~pl.col("units").is_finite())
    if bad.height:
        row = bad.row(0, named=True)
        raise PanelError(
            f"Series {row['series_id']} has {row['units']} units on {row['period']}.",
            "Give numbers >= 0, or null where the units are unknown.",
        )
    keys = pl.col("series_id", "period")
    repeats = pl.all_horizontal(keys == keys.shift())
    if frame.select(repeats.any()).item():
        raise PanelError("The panel has a series with two rows for a period.", "Sum them up.")
