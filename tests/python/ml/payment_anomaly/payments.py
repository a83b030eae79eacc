"""Payments for tests, as frames with the columns of features.payment_features."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

DAY = date(2024, 6, 30)
NOON = datetime(2024, 6, 30, 12)

SCHEMA: dict[str, Any] = {
    "source_system": pl.String,
    "payment_id": pl.String,
    "order_id": pl.String,
    "payment_method_id": pl.String,
    "payment_status": pl.String,
    "is_captured": pl.Boolean,
    "payment_date": pl.Date,
    "paid_at": pl.Datetime("us"),
    "available_at": pl.Datetime("us"),
    "local_hour": pl.Int32,
    "currency": pl.String,
    "amount": pl.Decimal(18, 2),
    "reporting_amount": pl.Decimal(18, 2),
    "card_token": pl.String,
    "device_hash": pl.String,
    "payer_email_hash": pl.String,
    "gateway_risk_score": pl.Float64,
    "is_international": pl.Boolean,
    "account_age_days": pl.Int32,
    "z_score": pl.Float64,
    "z_reason": pl.String,
}


def frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """A frame of the rows; columns a row leaves out are NULL but for these.

    What says nothing of `available_at` is known the night after its business date.
    """
    usual = {"source_system": "shop", "payment_method_id": "card", "currency": "EUR"}
    usual |= {"payment_status": "captured"}
    full = []
    for number, row in enumerate(rows):
        values: dict[str, Any] = dict.fromkeys(SCHEMA) | usual
        values |= {"payment_id": f"P{number}", "payment_date": DAY, "paid_at": NOON}
        values |= {"is_captured": row.get("payment_status", "captured") == "captured"}
        values |= row
        if values["available_at"] is None:
            values["available_at"] = night_after(values["payment_date"])
        full.append(values)
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def night_after(day: date | None) -> datetime:
    """When an extract of the night tells what happened on a day, and what has none."""
    return datetime.combine(day or DAY, time(1)) + timedelta(days=1)


def before(days: int) -> date:
    """So many days before DAY."""
    return DAY - timedelta(days=days)


def minutes(count: float) -> datetime:
    """So many minutes after NOON."""
    return NOON + timedelta(minutes=count)
