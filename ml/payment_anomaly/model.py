"""The model of payments: z-scores and rules, and a classifier on top where the gate lets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from ml.frame.days import Days
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
from ml.frame.scores import SERVED_BY
from ml.frame.trees import CalibratedTrees, Rows, fit_calibrated, tune_trees
from ml.payment_anomaly.classifier import LEARNED, column_of, input_names, matrix, rows_of
from ml.payment_anomaly.judging import judge_ranking, plot_precision_recall
from ml.payment_anomaly.rules import Rule, apply_rules, level_of
from ml.payment_anomaly.zscore import add_z_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAYMENTS = "features.payment_features"
RULES = "seeds.payment_rules"
LEVELS = "seeds.payment_risk_levels"
MATURE_DAYS = 45
JUDGED_DAYS = 56
LEAST_CHARGEBACKS = 30
BUDGET = 0.01
LEAST_AVERAGE_PRECISION = 0.02
"""Of the ranking, on average: one by chance has the base rate, 0.015 in the simulated shop."""
EXPLAINED_SHARE = 0.05
"""Of a source's payments, the share with the highest probability that reasons are told of."""
_METRIC = "average_precision"
_SOURCES = "sources.json"


@dataclass(frozen=True)
class Fitted:
    """The trees of the classifier and the sources whose chargebacks they learned from.

    Without trees, and in other sources, points and z-score rank the payments.
    """

    trees: CalibratedTrees | None = None
    sources: tuple[str, ...] = ()


class PaymentAnomaly(Model[Fitted]):
    """Which payments to look at, and why."""

    name = "payment_anomaly"
    description = "Probability of a chargeback of each payment, with z-score and rules beside it."
    trained_as = "lightgbm"
    key = ("source_system", "payment_id")
    label = "is_charged_back"
    watched_scores = ("chargeback_probability",)
    dated_by = "payment_date"
    as_of_sql = f"select max(payment_date) from {PAYMENTS}"
    reads = (
        Table(
            PAYMENTS,
            (
                "source_system",
                "payment_id",
                "order_id",
                "payment_status",
                "is_captured",
                "payment_date",
                "paid_at",
                "available_at",
                "currency",
                "amount",
                "card_token",
                "device_hash",
                "payer_email_hash",
                *LEARNED,
                "is_charged_back",
            ),
            ("source_system", "payment_id"),
            LEARNED,
        ),
        Table(
            RULES,
            (
                "rule_id",
                "threshold",
                "minimum_count",
                "window_minutes",
                "hour_from",
                "hour_to",
                "account_age_days",
                "points",
            ),
            ("rule_id",),
        ),
        Table(
            LEVELS,
            ("risk_level", "minimum_points", "minimum_probability"),
            ("minimum_points",),
        ),
    )
    scores: ClassVar[Mapping[str, Any]] = {
        "source_system": pl.String,
        "payment_id": pl.String,
        "payment_date": pl.Date,
        "z_score": pl.Float64,
        "z_baseline": pl.String,
        "z_baseline_size": pl.Int32,
        "z_reason": pl.String,
        "fired_rules": pl.String,
        "points": pl.Int32,
        "rule_level": pl.String,
        "chargeback_probability": pl.Float64,
        "risk_level": pl.String,
        "reason_codes": pl.String,
        "review_score": pl.Float64,
    }
    rules = GateRules(
        floors={"average_precision": LEAST_AVERAGE_PRECISION},
        tolerance=0.05,
        guarded_units=1_000,
        most_seconds=120,
    )
    baseline_name = "rules"

    def baseline(self) -> Fitted:
        """Points and z-score alone."""
        return Fitted()

    def slice(self, data: Data) -> Slice:
        """The latest 56 days whose chargebacks have had 45 days to come in, by source.

        Raises TooLittleDataError for too few chargebacks to learn from, calibrate or judge by.
        """
        payments = _of_telling_sources(data[PAYMENTS]).filter(pl.col("payment_date").is_not_null())
        judged: dict[str, tuple[date, date, date]] = {}
        for source, last in (
            payments.group_by("source_system")
            .agg(pl.col("payment_date").max())
            .sort("source_system")
            .iter_rows()
        ):
            before = last - timedelta(days=MATURE_DAYS - 1)
            first = before - timedelta(days=JUDGED_DAYS)
            judged[source] = (first - timedelta(days=MATURE_DAYS), first, before)
        if not judged:
            raise TooLittleDataError(
                "No source has told of a chargeback.", "The rules serve until one does."
            )
        found = Slice(
            train_before={source: days[0] for source, days in judged.items()},
            judged_from={source: days[1] for source, days in judged.items()},
            judged_before={source: days[2] for source, days in judged.items()},
            as_of=data[PAYMENTS]["payment_date"].max(),  # type: ignore[arg-type]
        )
        captured = payments.filter("is_captured")
        training, validation = found.learned(captured, "payment_date", MATURE_DAYS)
        counts = {
            "to learn from": _chargebacks(training),
            "to calibrate by": _chargebacks(validation),
            "to judge by": _chargebacks(found.judged(captured, "payment_date")),
        }
        remedy = "The rules serve until there are more."
        require_rows(counts, LEAST_CHARGEBACKS, "Matured chargebacks", remedy)
        return found

    def tune(self, data: Data, judged: Slice, trials: int) -> Params:
        """Parameters with the best average precision on the last fifth of the training days."""
        _, learned, checked = self._rows(data, judged)
        return tune_trees(learned, checked, _METRIC, trials, self.seed)

    def fit(self, data: Data, judged: Slice, params: Params) -> Fitted:
        """Learns from the first four fifths of the training days, calibrates on the last."""
        inputs, learned, checked = self._rows(data, judged)
        trees = fit_calibrated(learned, checked, inputs, _METRIC, params, self.seed)
        return Fitted(trees, tuple(sorted(judged.train_before)))

    def judge(self, fitted: Fitted, data: Data, judged: Slice) -> Judgement:
        """Ranking quality on captured payments: missed chargebacks are the loss."""
        known = judged.training(data[PAYMENTS].filter("is_captured"), "payment_date")
        rows = self._judged(fitted, data, judged).with_columns(
            (~pl.col("payer_email_hash").is_in(known["payer_email_hash"].unique().implode()))
            .fill_null(True)
            .alias("is_new_payer")
        )
        return judge_ranking(rows, BUDGET)

    def score(self, fitted: Fitted, data: Data, days: Days | None = None) -> pl.DataFrame:
        """Every payment with z-score, points, probability, levels, reasons and review score."""
        ranked = _ranked(fitted, self._rated(data), data[LEVELS])
        return (
            ranked.with_columns(_learned_reasons(fitted, ranked))
            .with_columns(
                pl.concat_str(
                    [
                        pl.when(pl.col("fired_rules") != "").then("fired_rules"),
                        pl.when(pl.col("learned_reasons") != "").then("learned_reasons"),
                    ],
                    separator=",",
                    ignore_nulls=True,
                ).alias("reason_codes"),
            )
            .with_columns(
                pl.when(~_is_classified(fitted)).then(pl.lit(self.baseline_name)).alias(SERVED_BY)
            )
            .select(*self.scores.keys(), SERVED_BY)
        )

    def watched(self, data: Data) -> pl.DataFrame:
        """Captured payments; a chargeback is final when it had its 45 days."""
        last = pl.col("payment_date").max().over("source_system")
        is_final = pl.col("payment_date") <= last - pl.duration(days=MATURE_DAYS)
        return (
            data[PAYMENTS]
            .filter(pl.col("is_captured") & pl.col("payment_date").is_not_null())
            .select(
                "source_system",
                pl.col("payment_date").alias(DAY),
                *LEARNED,
                pl.when(is_final).then(self.label).alias(self.label),
            )
        )

    def important(self, fitted: Fitted) -> tuple[str, ...]:
        """The columns that the strongest inputs are made of."""
        strongest = fitted.trees.strongest() if fitted.trees else ()
        return tuple(dict.fromkeys(column_of(name) for name in strongest))

    def save(self, fitted: Fitted, folder: Path) -> None:
        """Writes the classifier; the baseline has nothing to keep."""
        if fitted.trees is not None:
            fitted.trees.save(folder)
            (folder / _SOURCES).write_text(json.dumps(fitted.sources), encoding="utf-8")

    def load(self, folder: Path) -> Fitted:
        """Reads the classifier."""
        sources = json.loads((folder / _SOURCES).read_text(encoding="utf-8"))
        return Fitted(CalibratedTrees.load(folder), tuple(sources))

    def plots(self, fitted: Fitted, data: Data, judged: Slice) -> Mapping[str, Figure]:
        """Precision and recall of the classifier and of the rules."""
        curves = {
            self.trained_as: self._judged(fitted, data, judged),
            self.baseline_name: self._judged(self.baseline(), data, judged),
        }
        return {"Precision and recall": plot_precision_recall(curves)}

    def _rows(self, data: Data, judged: Slice) -> tuple[list[str], Rows, Rows]:
        """Names of the inputs, and inputs and labels to learn from and to calibrate by."""
        captured = self._rated(data).filter("is_captured")
        training, validation = judged.learned(captured, "payment_date", MATURE_DAYS)
        inputs = input_names(training)
        return inputs, rows_of(training, inputs), rows_of(validation, inputs)

    def _rated(self, data: Data) -> pl.DataFrame:
        """The payments with z-scores, points and levels."""
        return data.once("rated", lambda: self._rate(data))

    def _rate(self, data: Data) -> pl.DataFrame:
        rules = [Rule(**row) for row in data[RULES].to_dicts()]
        levels = dict(data[LEVELS].select("risk_level", "minimum_points").iter_rows())
        return apply_rules(add_z_scores(data[PAYMENTS]), rules, levels)

    def _judged(self, fitted: Fitted, data: Data, judged: Slice) -> pl.DataFrame:
        captured = self._rated(data).filter("is_captured")
        return _ranked(fitted, judged.judged(captured, "payment_date"), data[LEVELS])


def _of_telling_sources(payments: pl.DataFrame) -> pl.DataFrame:
    """Payments of the sources that tell of chargebacks: that others have none says nothing."""
    return payments.filter(pl.col("is_charged_back").any().over("source_system"))


def _chargebacks(payments: pl.DataFrame) -> int:
    return payments.filter("is_charged_back").height


def _is_classified(fitted: Fitted) -> pl.Expr:
    """Whether trees tell of a payment: the rules have all of the others."""
    return pl.col("is_captured") & pl.col("source_system").is_in(fitted.sources)


def _ranked(fitted: Fitted, rated: pl.DataFrame, cuts: pl.DataFrame) -> pl.DataFrame:
    """Rated payments with chargeback_probability, risk_level and review_score."""
    probability = learned = pl.lit(None, dtype=pl.Float64)
    if fitted.trees is not None:
        scores = fitted.trees.score(matrix(rated, fitted.trees.inputs))
        found = (fitted.trees.calibrate(scores), scores)
        probability, learned = (
            pl.when(_is_classified(fitted)).then(pl.Series(each)) for each in found
        )
    scored = rated.with_columns(
        probability.alias("chargeback_probability"), learned.alias("_learned_score")
    )
    cut_offs = dict(cuts.select("risk_level", "minimum_probability").iter_rows())
    by_probability = level_of("chargeback_probability", cut_offs)
    order = {name: i for i, name in enumerate(cuts["risk_level"])}
    rank = pl.max_horizontal(
        pl.col("rule_level").replace_strict(order, return_dtype=pl.Int32),
        by_probability.replace_strict(order, default=None, return_dtype=pl.Int32),
    )
    names = {i: name for name, i in order.items()}
    return scored.with_columns(
        rank.replace_strict(names, return_dtype=pl.String).alias("risk_level"),
        pl.coalesce("_learned_score", _rule_score()).alias("review_score"),
    )


def _learned_reasons(fitted: Fitted, ranked: pl.DataFrame) -> pl.Series:
    """What the trees say of the most probable payments; of all it would take minutes a million."""
    reasons = pl.Series("learned_reasons", [""], dtype=pl.String).new_from_index(0, ranked.height)
    if fitted.trees is None:
        return reasons
    place = pl.col("_learned_score").rank("min", descending=True)
    share = (place / pl.col("_learned_score").count()).over("source_system")
    is_explained = (share <= EXPLAINED_SHARE).fill_null(False)
    wanted = ranked.select(is_explained.arg_true()).to_series()
    rows = matrix(ranked[wanted], fitted.trees.inputs)
    return reasons.scatter(wanted, pl.Series(fitted.trees.reasons(rows), dtype=pl.String))


def _rule_score() -> pl.Expr:
    """Points first, then how far the amount lies off: between 0 and 1, and in their order."""
    far = pl.col("z_score").abs().fill_null(0)
    return (pl.col("points") + far / (1 + far)) / 1_000
