"""The model of prices: elasticities propose, a classifier doubts, guardrails bound."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from ml.arrays import Floats
from ml.frame.days import SETTLEMENT_DAYS, Days
from ml.frame.gate import GateRules, Judgement
from ml.frame.model import (
    DAY,
    Data,
    Model,
    Params,
    Slice,
    Table,
    TooLittleDataError,
    require_rows,
)
from ml.frame.trees import CalibratedTrees, Rows, fit_calibrated, sigmoid, tune_trees
from ml.pricing.elasticity import Elasticities, fit_elasticities
from ml.pricing.judging import KEEPS_NONE, best_threshold, judge_episodes, plot_reliability
from ml.pricing.policy import HOLD, SKIP, Guardrails, all_held, gain_per_unit, held, propose

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPISODES = "features.price_episodes"
RESPONSES = "features.price_responses"
CANDIDATES = "features.price_candidates"
GUARDRAILS = "seeds.price_guardrails"
WINDOW_DAYS = 14
MATURE_DAYS = WINDOW_DAYS + SETTLEMENT_DAYS
"""From the day of a change until it is known whether it was a success."""
JUDGED_DAYS = 91
LEAST_EPISODES = 100
_SERVED, _BEFORE = "elasticities.json", "elasticities_before.json"

_RECENT = "recent_sales_ratio"
_STATE = ("days_since_change", "planned_discount_share", "usual_daily_units", _RECENT)
LEARNED = ("change_share", *_STATE)
_GAIN = "predicted_gain_share"
INPUTS = (*LEARNED, "category_elasticity", "margin_share", _GAIN)
_MADE_OF = {_GAIN: "change_share"}
_METRIC = "binary_logloss"
# Most of what is left of success without recent sales is chance: that a change which should gain
# more is no less likely one need not be found in it.
_FIXED: Params = {"monotone_constraints": ",".join(str(int(name == _GAIN)) for name in INPUTS)}


@dataclass(frozen=True)
class Fitted:
    """Elasticities, the classifier and the least probability of success at which a change is kept.

    `elasticities` serve and know all whole months; `elasticities_before` know those before the
    judged changes, which the classifier is judged by. The baseline has none and keeps no change.
    """

    elasticities: Elasticities | None = None
    elasticities_before: Elasticities | None = None
    trees: CalibratedTrees | None = None
    threshold: float = KEEPS_NONE


class PriceRecommendation(Model[Fitted]):
    """Which prices to raise, to lower and to leave alone."""

    name = "price_recommendation"
    description = "Raise, hold or lower the price of each product, with the gain in margin."
    trained_as = "elasticity and lightgbm"
    baseline_name = "hold"
    key = ("source_system", "product_id")
    dated_by = "as_of_date"
    is_dated = False
    file_format = 2
    label = "is_success"
    watched_scores = ("change_share",)
    as_of_sql = f"select max(as_of_date) from {CANDIDATES}"
    reads = (
        Table(
            EPISODES,
            (
                "source_system",
                "product_id",
                "change_date",
                "category",
                "price_before",
                "cost_amount",
                *LEARNED,
                "daily_margin_before",
                "daily_margin_change",
                "control_daily_margin_change",
                "unusable_reason",
                "is_success",
            ),
            ("source_system", "product_id", "change_date"),
            LEARNED,
        ),
        Table(
            RESPONSES,
            (
                "source_system",
                "category",
                "product_id",
                "month_start",
                "price",
                "currency",
                "in_stock_days",
                "line_count",
                "category_line_count",
            ),
            ("source_system", "product_id", "month_start", "price", "currency"),
            ("line_count", "category_line_count"),
        ),
        Table(
            CANDIDATES,
            (
                "source_system",
                "product_id",
                "as_of_date",
                "category",
                "currency",
                "price",
                "cost_amount",
                "in_stock_days_before",
                "units_before",
                *_STATE,
            ),
            ("source_system", "product_id"),
        ),
        Table(
            GUARDRAILS,
            ("min_margin_share", "max_change_share", "min_days_between_changes"),
            ("min_margin_share",),
        ),
    )
    scores: ClassVar[Mapping[str, Any]] = {
        "source_system": pl.String,
        "product_id": pl.String,
        "as_of_date": pl.Date,
        "currency": pl.String,
        "price": pl.Decimal(18, 2),
        "proposed_price": pl.Decimal(18, 2),
        "action": pl.String,
        "reason": pl.String,
        "change_share": pl.Float64,
        "elasticity": pl.Float64,
        "elasticity_deviation": pl.Float64,
        "success_probability": pl.Float64,
        "expected_daily_margin": pl.Float64,
        "expected_daily_gain": pl.Float64,
        "lower_daily_gain": pl.Float64,
    }
    # Success is mostly chance: at scale 1 eight trainings that differ by their seed alone had 0.997
    # to 0.999 of the loss of the base rate, and each might with the confidence of the gate be up to
    # 0.4 % worse than it or than another. Beyond 2 % a difference is none of chance. A category of
    # a small shop has some 200 changes in 13 weeks; with half of them chance still decides little,
    # for a segment counts only where it is surely worse.
    rules = GateRules(
        ceilings={"calibration_error": 0.15, "elasticity_shift": 4.0},
        tolerance=0.02,
        guarded_units=100,
    )

    def baseline(self) -> Fitted:
        """Every price stays."""
        return Fitted()

    def slice(self, data: Data) -> Slice:
        """Changes of the latest 13 weeks of each source whose two weeks after are settled.

        Raises TooLittleDataError for no price, or too few changes.
        """
        last = dict(
            data[CANDIDATES]
            .group_by("source_system")
            .agg(pl.col("as_of_date").max())
            .sort("source_system")
            .iter_rows()
        )
        if not last:
            raise TooLittleDataError("No product has a price.", "The baseline serves until then.")
        # The day of a change is the first of the two weeks after it, and the bound is half-open.
        before = {source: day - timedelta(days=MATURE_DAYS - 2) for source, day in last.items()}
        first = {source: day - timedelta(days=JUDGED_DAYS) for source, day in before.items()}
        train = {source: day - timedelta(days=MATURE_DAYS) for source, day in first.items()}
        found = Slice(train, first, before, max(last.values()))
        usable = _usable(data)
        training, validation = found.learned(usable, "change_date", MATURE_DAYS)
        counts = {
            "to learn from": training.height,
            "to calibrate by": validation.height,
            "to judge by": found.judged(usable, "change_date").height,
        }
        require_rows(counts, LEAST_EPISODES, "Price changes", "Prices stay until there are more.")
        return found

    def tune(self, data: Data, judged: Slice, trials: int) -> Params:
        """Parameters with the least log loss on the last fifth of the training changes."""
        learned, checked, _ = _training_rows(data, judged)
        return tune_trees(learned, checked, _METRIC, trials, self.seed, _FIXED)

    def fit(self, data: Data, judged: Slice, params: Params) -> Fitted:
        """A classifier of changes before the slice; elasticities of the months before and of all.

        Nothing that the judged changes decide about rests on the latter.
        """
        learned, checked, lift = _training_rows(data, judged)
        parameters = {**params, **_FIXED}
        trees = fit_calibrated(learned, checked, INPUTS, _METRIC, parameters, self.seed, sigmoid)
        # The threshold is for changes that the optimiser would propose, so these decide about it.
        endorsed = checked[0][:, INPUTS.index(_GAIN)] > 0
        threshold = best_threshold(trees.probability(checked[0][endorsed]), lift[endorsed])
        has_prices = pl.col("source_system").is_in(list(judged.train_before))
        served = fit_elasticities(data[RESPONSES].filter(has_prices))
        return Fitted(served, _elasticities(data, judged), trees, threshold)

    def judge(self, fitted: Fitted, data: Data, judged: Slice) -> Judgement:
        """Log loss of success against the base rate, the report, and what the kept changes won.

        Probabilities are those that would have been served with these changes as proposals.
        """
        usable = _usable(data)
        training = judged.training(usable, "change_date")
        rate = float(training["is_success"].cast(pl.Float64).to_numpy().mean())
        known = training.select("source_system", "product_id").unique()
        rows = self._judged(fitted, data, judged, rate).join(
            known.with_columns(pl.lit(False).alias("is_new_product")),
            on=["source_system", "product_id"],
            how="left",
            maintain_order="left",
        )
        judgement = judge_episodes(
            rows.with_columns(pl.col("is_new_product").fill_null(True)), fitted.threshold, rate
        )
        return replace(judgement, metrics={**judgement.metrics, "elasticity_shift": _shift(fitted)})

    def score(self, fitted: Fitted, data: Data, days: Days | None = None) -> pl.DataFrame:
        """A proposal for each product with a price, as of the last business date of its source.

        Raises ModelError where the guardrails are not one set of bounds.
        """
        products = data[CANDIDATES]
        elasticities = fitted.elasticities or Elasticities({}, {}, 0.0)
        guardrails = Guardrails.of(data[GUARDRAILS])
        proposed = propose(elasticities.of(products), guardrails)
        if fitted.trees is None:
            if guardrails is not None:
                proposed = all_held(proposed, "no_model_serves")
            # What there is to say without own sales comes from a prior that nobody vouches for.
            proposed = proposed.with_columns(
                pl.lit(None, pl.Float64).alias("success_probability"),
                pl.lit(None, pl.Float64).alias("elasticity"),
                pl.lit(None, pl.Float64).alias("elasticity_deviation"),
            )
        else:
            changes = proposed.with_columns(pl.col("price").alias("price_before"))
            probability = fitted.trees.probability(_without_luck(_matrix(changes, elasticities)))
            is_change = ~pl.col("action").is_in([HOLD, SKIP])
            proposed = proposed.with_columns(
                pl.Series("success_probability", probability)
            ).with_columns(pl.when(is_change).then("success_probability"))
            if guardrails is not None:
                unknown = ~elasticities.knows(proposed)
                proposed = all_held(proposed, "category_not_learned", unknown)
            doubtful = pl.col("success_probability") < fitted.threshold
            proposed = held(proposed, doubtful, "success_not_likely")
        return proposed.select(self.scores.keys())

    def watched(self, data: Data) -> pl.DataFrame:
        """Price changes that can be learned from: those whose success is known for good."""
        return _usable(data).select(
            "source_system", pl.col("change_date").alias(DAY), *LEARNED, self.label
        )

    def important(self, fitted: Fitted) -> tuple[str, ...]:
        """Features of price_episodes that are among the strongest inputs, or that those stem from.

        The predicted gain is often all there is. It stands for the change: of what it is made of,
        price and cost are levels that differ by product, the elasticity is the version's own, and
        only the change tells that prices are set in another way than was learned from. Recent
        sales are no input of what is served.
        """
        strongest = fitted.trees.strongest() if fitted.trees else ()
        names = dict.fromkeys(_MADE_OF.get(name, name) for name in strongest)
        return tuple(name for name in names if name in LEARNED and name != _RECENT)

    def save(self, fitted: Fitted, folder: Path) -> None:
        """Writes trees, elasticities and threshold; the baseline has nothing to keep."""
        if (
            fitted.trees is None
            or fitted.elasticities is None
            or fitted.elasticities_before is None
        ):
            return
        fitted.trees.save(folder)
        fitted.elasticities.save(folder / _SERVED)
        fitted.elasticities_before.save(folder / _BEFORE)
        content = {"threshold": fitted.threshold}
        (folder / "threshold.json").write_text(json.dumps(content), encoding="utf-8")

    def load(self, folder: Path) -> Fitted:
        """Reads what `save` wrote."""
        content = json.loads((folder / "threshold.json").read_text(encoding="utf-8"))
        return Fitted(
            Elasticities.load(folder / _SERVED),
            Elasticities.load(folder / _BEFORE),
            CalibratedTrees.load(folder),
            content["threshold"],
        )

    def plots(self, fitted: Fitted, data: Data, judged: Slice) -> Mapping[str, Figure]:
        """How the probabilities of the judged changes came true."""
        if fitted.trees is None:
            return {}
        return {"Reliability": plot_reliability(self._judged(fitted, data, judged, 0.0))}

    def _judged(self, fitted: Fitted, data: Data, judged: Slice, rate: float) -> pl.DataFrame:
        """The judged changes with probability; without a classifier it is `rate` for each."""
        rows = judged.judged(_usable(data), "change_date")
        if fitted.trees is None or fitted.elasticities_before is None:
            return rows.with_columns(pl.lit(rate).alias("probability"))
        inputs = _without_luck(_matrix(rows, fitted.elasticities_before))
        probability = fitted.trees.probability(inputs)
        return rows.with_columns(pl.Series("probability", probability))


def _usable(data: Data) -> pl.DataFrame:
    """Episodes that can be learned from, with their lift."""
    change = pl.col("daily_margin_change") - pl.col("control_daily_margin_change")
    scale = pl.max_horizontal(pl.col("daily_margin_before").abs(), pl.lit(1.0))
    return (
        data[EPISODES]
        .filter(pl.col("unusable_reason").is_null() & pl.col("is_success").is_not_null())
        .with_columns((change / scale).clip(-3, 3).alias("lift"))
    )


def _elasticities(data: Data, judged: Slice, before: date | None = None) -> Elasticities:
    """Fitted on the months of each source that end before its training does, and before a day."""
    months = data[RESPONSES].with_columns(pl.col("month_start").dt.month_end().alias("last_date"))
    known = judged.training(months, "last_date")
    return fit_elasticities(known.filter(pl.col("last_date") < before) if before else known)


def _shift(fitted: Fitted) -> float:
    """How far the elasticities that serve are from those that are judged, in the worst category.

    In standard deviations of the latter or tenths of it, whichever is more: what is known of
    prices should not turn within the judged months. 0 without any.
    """
    if fitted.elasticities is None or fitted.elasticities_before is None:
        return 0.0
    before = fitted.elasticities_before.categories
    return max(
        (
            abs(mean - before[key][0]) / max(before[key][1], abs(before[key][0]) / 10)
            for key, (mean, _) in fitted.elasticities.categories.items()
            if key in before
        ),
        default=0.0,
    )


def _training_rows(data: Data, judged: Slice) -> tuple[Rows, Rows, Floats]:
    """What `_make_training_rows` gives, made once for tuning and fitting."""
    return data.once(
        f"training rows before {judged.train_before}", lambda: _make_training_rows(data, judged)
    )


def _make_training_rows(data: Data, judged: Slice) -> tuple[Rows, Rows, Floats]:
    """Changes to learn from, those to calibrate by as they are scored, and the lift of the latter.

    Their elasticities are of months before the changes to calibrate by: with their own sales in
    them the predicted gain would be truer than it is of a proposal, whose sales are yet to come.
    """
    training, validation = judged.learned(_usable(data), "change_date", MATURE_DAYS)
    elasticities = _elasticities(data, judged, _first_day(validation))
    checked = _without_luck(_matrix(validation, elasticities))
    return (
        (_matrix(training, elasticities), _labels(training)),
        (checked, _labels(validation)),
        validation["lift"].to_numpy(),
    )


def _first_day(episodes: pl.DataFrame) -> date | None:
    found: date | None = episodes["change_date"].min()  # type: ignore[assignment]
    return found


def _labels(episodes: pl.DataFrame) -> Floats:
    return episodes["is_success"].cast(pl.Float64).to_numpy()


def _without_luck(rows: Floats) -> Floats:
    """The inputs with recent sales as usual, shape (rows, INPUTS): all but learning is done so.

    A product that just sold more than usual will sell less whatever its price, and be no success:
    that is chance, and no reason against a price. Trees that learn from recent sales do not take
    that chance for an effect of the price; who asks them, be it to calibrate, to choose the
    threshold, to judge or to score, asks as of a product that sells as usual.
    """
    usual = rows.copy()
    usual[:, INPUTS.index(_RECENT)] = 1.0
    return usual


def _matrix(episodes: pl.DataFrame, elasticities: Elasticities) -> Floats:
    """Changes as numbers, shape (rows, INPUTS); the elasticity is that of the category, for a
    product's own would know the sales that decide about success."""
    price = episodes["price_before"].cast(pl.Float64).to_numpy()
    cost = episodes["cost_amount"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    pooled = elasticities.of_category(episodes)
    gain = gain_per_unit(price, cost, pooled.to_numpy(), episodes["change_share"].to_numpy())
    with np.errstate(divide="ignore", invalid="ignore"):
        frame = episodes.with_columns(
            pooled,
            pl.Series("margin_share", (price - cost) / price),
            # Of the size of the margin: a gain of what is sold at a loss is a gain.
            pl.Series(_GAIN, gain / np.abs(price - cost)),
        )
    rows: Floats = (
        frame.select(pl.col(name).cast(pl.Float64) for name in INPUTS)
        .fill_null(float("nan"))
        .to_numpy(order="c")
    )
    return rows
