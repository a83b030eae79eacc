"""Money that card issuers take back: for most fraud, and for some who only say so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, NEVER, Ints, draw
from ingest.simulator.fraud import FRIENDLY, KINDS
from ingest.simulator.lifecycle import METHODS, Lifecycle
from ingest.simulator.orders import Orders
from ingest.simulator.payments import Payments
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, nullable, words

_SHARE_OF_FRAUD = 0.9
_FRIENDLY_PER_FRAUD = 0.14
"""Friendly chargebacks for each one of fraud: an eighth of all."""
_SHORTEST, _LONGEST = 3 * DAY, 45 * DAY
_LAG_SHAPE = (2.6, 3.4)
"""Beta distribution between the shortest and the longest lag, with a median of 21 days."""
_DISPUTED = [METHODS.index(name) for name in ("card", "paypal", "pay_later")]


@dataclass(frozen=True)
class Chargebacks:
    """Payments that are charged back, when, and which of them by honest customers, by position.

    `at` may lie after the calendar: those are planned and not known yet.
    """

    payment: Ints
    at: Ints
    friendly: Ints


def make_chargebacks(
    plan: Plan, orders: Orders, lifecycle: Lifecycle, payments: Payments
) -> Chargebacks:
    """Draws chargebacks of captured payments, 3 to 45 days after the capture.

    Friendly ones come after delivery, from orders of which nothing is cancelled, returned or
    removed, so that none of them is paid back as a whole as well.
    """
    rng = plan.rng("chargebacks")
    order = payments.order
    is_captured = ~payments.is_declined & (payments.settled < NEVER)
    is_fraud = ~orders.fraud.is_honest[order]
    fraud = np.flatnonzero(is_captured & is_fraud)
    stolen = draw(rng, fraud, round(_SHARE_OF_FRAUD * fraud.size))
    able = is_captured & ~is_fraud & ~payments.is_split & np.isin(payments.method, _DISPUTED)
    able &= (lifecycle.delivered[order] < NEVER) & (lifecycle.removed[order] == NEVER)
    able &= ~lifecycle.is_cancelled[order] & ~lifecycle.is_returned[order]
    friendly = draw(rng, np.flatnonzero(able), round(_FRIENDLY_PER_FRAUD * stolen.size))

    payment = np.concatenate([stolen, friendly])
    lag = _SHORTEST + (rng.beta(*_LAG_SHAPE, payment.size) * (_LONGEST - _SHORTEST)).astype(
        np.int64
    )
    at = payments.settled[payment] + lag
    arrived = lifecycle.delivered[order[payment]] + DAY
    at = np.where(np.arange(payment.size) < stolen.size, at, np.maximum(at, arrived))
    return Chargebacks(payment=payment, at=at, friendly=friendly)


def chargeback_truth(
    plan: Plan, orders: Orders, payments: Payments, chargebacks: Chargebacks
) -> dict[str, pl.DataFrame]:
    """Which payments are fraud and of which kind, and which are charged back and when.

    `fraud` holds all attempts of fraudulent orders, declined ones too, and the payments of honest
    customers who charge back (friendly, without a ring). `chargebacks` holds every planned one;
    `is_delivered` says whether the calendar reaches it, so that the extracts have it.
    """
    fraud = np.flatnonzero(~orders.fraud.is_honest[payments.order])
    row = np.sort(np.concatenate([fraud, chargebacks.friendly]))
    order = payments.order[row]
    is_friendly = np.isin(row, chargebacks.friendly)
    ring = orders.fraud.ring[order]
    by_payment = np.argsort(chargebacks.payment, kind="stable")
    at = chargebacks.at[by_payment]
    return {
        "fraud": pl.DataFrame(
            {
                "payment_id": ids("PAY", row),
                "order_id": ids("O", order),
                "kind": words(KINDS, np.where(is_friendly, FRIENDLY, orders.fraud.kind[order])),
                "ring": nullable(ring + 1, ~is_friendly),
                "is_declined": payments.is_declined[row],
            }
        ),
        "chargebacks": pl.DataFrame(
            {
                "payment_id": ids("PAY", chargebacks.payment[by_payment]),
                "charged_back_at": pl.Series(at * 1000).cast(pl.Datetime("ms")),
                "is_delivered": at < plan.end,
            }
        ),
    }
