"""What the classifier of payments learns from: what was known when a payment was settled."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ml.arrays import Floats
from ml.frame.trees import Rows

COUNTS = (
    "card_attempts_1h",
    "card_attempts_1d",
    "card_attempts",
    "card_other_accounts",
    "device_attempts_1d",
    "device_attempts",
    "device_other_accounts",
    "email_attempts_1d",
    "email_attempts",
    "email_other_accounts",
    "customer_declines_1d",
    "customer_payments",
    "customer_payments_on_device",
    "linked_chargebacks",
)
LEARNED = (
    "local_hour",
    "reporting_amount",
    "installments",
    "gateway_risk_score",
    "is_international",
    "is_network_abroad",
    "account_age_days",
    *COUNTS,
    "customer_mean_amount",
    "customer_days_since_payment",
    "payment_method_id",
)
"""Columns of payment_features that are learned from; z-score and points are made of them."""

_NUMBERS = (
    *(name for name in LEARNED if name != "payment_method_id"),
    "amount_to_mean",
    "is_new_device",
    "z_score",
    "points",
)
_METHOD = "method_"
_MADE_OF = {
    "amount_to_mean": "reporting_amount",
    "z_score": "reporting_amount",
    "is_new_device": "customer_payments_on_device",
    "points": "gateway_risk_score",
}


def input_names(training: pl.DataFrame) -> list[str]:
    """Names of the inputs: numbers, and one for each payment method of the training rows."""
    methods = training["payment_method_id"].unique().sort()
    return [*_NUMBERS, *(f"{_METHOD}{method}" for method in methods)]


def column_of(name: str) -> str:
    """The column of LEARNED that an input is mostly made of."""
    return "payment_method_id" if name.startswith(_METHOD) else _MADE_OF.get(name, name)


def matrix(payments: pl.DataFrame, inputs: Sequence[str]) -> Floats:
    """Payments with z_score and points as numbers, shape (rows, inputs)."""
    amount = pl.col("reporting_amount").cast(pl.Float64)
    has_history = pl.col("customer_payments") > 0
    methods = [name.removeprefix(_METHOD) for name in inputs if name.startswith(_METHOD)]
    frame = payments.with_columns(
        amount.alias("reporting_amount"),
        (amount / pl.col("customer_mean_amount")).alias("amount_to_mean"),
        (has_history & (pl.col("customer_payments_on_device") == 0)).alias("is_new_device"),
        *((pl.col("payment_method_id") == name).alias(f"{_METHOD}{name}") for name in methods),
    ).select(pl.col(name).cast(pl.Float64) for name in inputs)
    rows: Floats = frame.fill_null(float("nan")).to_numpy(order="c")
    return rows


def rows_of(payments: pl.DataFrame, inputs: Sequence[str]) -> Rows:
    """Inputs and labels."""
    return matrix(payments, inputs), payments["is_charged_back"].cast(pl.Float64).to_numpy()
