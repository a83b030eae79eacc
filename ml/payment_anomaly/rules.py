"""The rules of the seed payment_rules: which fire on a payment, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from ml.errors import ModelError

NO_TIME = datetime(1, 1, 1)


class UnknownRuleError(ModelError):
    """The seed names a rule that no code implements, or leaves out a parameter it needs."""


@dataclass(frozen=True)
class Rule:
    """One row of the seed; a parameter the rule does not use is None."""

    rule_id: str
    points: int
    threshold: float | None = None
    minimum_count: int | None = None
    window_minutes: int | None = None
    hour_from: int | None = None
    hour_to: int | None = None
    account_age_days: int | None = None

    def number(self, name: str) -> float:
        """The parameter of that name; raises UnknownRuleError when the seed leaves it empty."""
        value = getattr(self, name)
        if value is None:
            raise UnknownRuleError(
                f"Rule {self.rule_id} of seeds/payment_rules.csv needs {name}, which is empty.",
                "Fill it in, then `storehouse run`.",
            )
        return float(value)

    @property
    def window(self) -> timedelta:
        """How far the rule looks back."""
        return timedelta(minutes=self.number("window_minutes"))


def apply_rules(
    payments: pl.DataFrame, rules: Sequence[Rule], levels: Mapping[str, int]
) -> pl.DataFrame:
    """Adds fired_rules (names in the order of `rules`, comma separated), points and rule_level.

    Input, one row per payment with z-scores: paid_at, available_at (Datetime), payment_status,
    is_captured, order_id, card_token, device_hash, payer_email_hash, local_hour (0-23),
    reporting_amount, gateway_risk_score (0-1), is_international, account_age_days, z_score,
    z_reason. Missing values fire no rule; no rule looks at payments that were later than the one it
    judges, or known later. `levels` maps each risk level to its least points.

    Raises UnknownRuleError.
    """
    if min(levels.values(), default=1) > 0:
        raise UnknownRuleError(
            "seeds/payment_risk_levels.csv has no level that starts at 0 points.",
            "Add it, then `storehouse run`.",
        )
    # Windows need a time: payments without one share a moment before all others, and fire no
    # rule that counts.
    ordered = (
        payments.with_row_index("_row")
        .with_columns(pl.col("paid_at").fill_null(NO_TIME).alias("_moment"))
        .sort("_moment")
    )
    fired = ordered.with_columns(
        _condition(rule, ordered).fill_null(False).alias(f"_fired_{rule.rule_id}") for rule in rules
    )
    # Each list starts with what no rule at all gives.
    names = [pl.lit(None, dtype=pl.String)] + [
        pl.when(f"_fired_{rule.rule_id}").then(pl.lit(rule.rule_id)) for rule in rules
    ]
    points = [pl.lit(0, dtype=pl.Int32)] + [
        pl.col(f"_fired_{rule.rule_id}").cast(pl.Int32) * rule.points for rule in rules
    ]
    result = fired.with_columns(
        pl.concat_str(names, separator=",", ignore_nulls=True).alias("fired_rules"),
        pl.sum_horizontal(points).cast(pl.Int32).alias("points"),
    )
    return (
        result.with_columns(level_of("points", levels).alias("rule_level"))
        .sort("_row")
        .drop("_row", "_moment", *(f"_fired_{rule.rule_id}" for rule in rules))
    )


def level_of(column: str, levels: Mapping[str, float]) -> pl.Expr:
    """The highest level whose least value a column reaches; null where the column is null."""
    level = pl.lit(None, dtype=pl.String)
    for name, least in sorted(levels.items(), key=lambda item: item[1]):
        level = pl.when(pl.col(column) >= least).then(pl.lit(name)).otherwise(level)
    return level


def _condition(rule: Rule, payments: pl.DataFrame) -> pl.Expr:
    match rule.rule_id:
        case "off_hours":
            return _within_hours(int(rule.number("hour_from")), int(rule.number("hour_to")))
        case "high_amount":
            return pl.col("reporting_amount").cast(pl.Float64) >= rule.number("threshold")
        case "high_risk_score":
            return pl.col("gateway_risk_score") >= rule.number("threshold")
        case "international":
            return pl.col("is_international")
        case "velocity_card":
            return _velocity("card_token", rule, payments)
        case "velocity_device":
            return _velocity("device_hash", rule, payments)
        case "velocity_email":
            return _velocity("payer_email_hash", rule, payments)
        case "declines_then_success":
            declines = pl.max_horizontal(
                _declines("order_id", rule, payments), _declines("card_token", rule, payments)
            )
            return pl.col("is_captured") & (declines >= rule.number("minimum_count"))
        case "new_account_high_amount":
            is_new = pl.col("account_age_days") < rule.number("account_age_days")
            return is_new & (
                pl.col("reporting_amount").cast(pl.Float64) >= rule.number("threshold")
            )
        case "amount_outlier":
            is_far = pl.col("z_score").abs() > rule.number("threshold")
            return is_far.fill_null(False) | (pl.col("z_reason") == "constant_baseline")
    raise UnknownRuleError(
        f"seeds/payment_rules.csv names the rule {rule.rule_id}, which no code implements.",
        "Remove the line, or write the rule in ml/payment_anomaly/rules.py.",
    )


def _within_hours(start: int, end: int) -> pl.Expr:
    """Half-open, over midnight where it starts later than it ends."""
    hour = pl.col("local_hour")
    after_start, before_end = hour >= start, hour < end
    return after_start & before_end if start <= end else after_start | before_end


def _velocity(key: str, rule: Rule, payments: pl.DataFrame) -> pl.Expr:
    """Attempts with one key in the window that ends with the judged payment, itself included."""
    count = _counted(pl.lit(1), key, rule, payments, "right")
    return _has(key) & (count >= rule.number("minimum_count"))


def _declines(key: str, rule: Rule, payments: pl.DataFrame) -> pl.Expr:
    """Declined attempts with one key in the window before the judged payment."""
    declined = pl.col("payment_status") == "declined"
    return pl.when(_has(key)).then(_counted(declined, key, rule, payments, "left"))


def _counted(
    counted: pl.Expr, key: str, rule: Rule, payments: pl.DataFrame, closed: Literal["left", "right"]
) -> pl.Expr:
    """How many attempts of the window count that were known when the judged payment was."""
    same = ["source_system", key]
    rows = payments.select(
        "_row", *same, "_moment", "available_at", counted.cast(pl.Int32).alias("_counted")
    )

    def within(value: pl.Expr) -> pl.Expr:
        return value.rolling("_moment", period=rule.window, closed=closed).over(same)

    found = rows.with_columns(
        within(pl.col("_counted").sum()).alias("_count"),
        (within(pl.col("available_at").max()) > pl.col("available_at")).alias("_has_later"),
    )
    # Few windows hold an attempt that was delivered later; those are counted pair by pair.
    age = pl.col("_moment") - pl.col("_moment_right")
    is_within = (
        (age >= timedelta(0)) & (age < rule.window)
        if closed == "right"
        else (age > timedelta(0)) & (age <= rule.window)
    )
    recounted = (
        found.filter(pl.col("_has_later") & (pl.col(key) != "-1"))  # the unknown order is no order
        .join(rows, on=same)
        .filter(is_within & (pl.col("available_at_right") <= pl.col("available_at")))
        .group_by("_row")
        .agg(pl.col("_counted_right").sum().alias("_recount"))
    )
    joined = found.join(recounted, on="_row", how="left", maintain_order="left")
    counts = joined.select(
        pl.when("_has_later").then(pl.col("_recount").fill_null(0)).otherwise("_count")
    )
    return pl.lit(counts.to_series())


def _has(key: str) -> pl.Expr:
    """Whether the payment has a time and a known value of `key`; -1 is the unknown order."""
    return pl.col(key).is_not_null() & (pl.col(key) != "-1") & pl.col("paid_at").is_not_null()
