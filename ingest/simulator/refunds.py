"""Refunds: of whole orders, of single lines, too much, and none at all for goods that came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, HOUR, NEVER, Bools, Ints, flags, half_up
from ingest.simulator.delivery import INSERT, OPS, UPDATE, Changes
from ingest.simulator.lifecycle import Lifecycle
from ingest.simulator.lines import Lines
from ingest.simulator.orders import Orders
from ingest.simulator.payments import Payments
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, iso, money, nullable, words

_REASONS = ("cancelled", "changed_mind", "damaged", "wrong_item", "late", "exchange", "goodwill")
_CANCELLED, _EXCHANGE, _GOODWILL = 0, 5, 6
_KINDS = ("whole_order", "line", "over_refund", "restock_only", "goodwill")
_WHOLE, _PARTIAL, _OVER, _RESTOCK, _GESTURE = range(5)
_TOO_MUCH = 2_000
_LATEST = 17 * DAY
"""How long after the delivery a part is paid back at the latest."""
_MADE, _RESTOCKED = range(2)


@dataclass(frozen=True)
class Refunds:
    """Refunds by position, sorted by instant; `line` is -1 for a whole order.

    Money in cents of the order's currency; `restocked` is when the goods are back on the shelf.
    """

    order: Ints
    line: Ints
    payment: Ints
    quantity: Ints
    amount: Ints
    reason: Ints
    kind: Ints
    refunded: Ints
    restocked: Ints
    is_restocked: Bools

    @property
    def size(self) -> int:
        """Number of refunds."""
        return self.order.size

    def paid_back(self) -> tuple[Ints, Ints]:
        """Payments paid back in full, and when."""
        whole = (self.kind == _WHOLE) & (self.amount > 0)
        return self.payment[whole], self.refunded[whole]


def make_refunds(
    plan: Plan, orders: Orders, lines: Lines, lifecycle: Lifecycle, payments: Payments
) -> Refunds:
    """Draws refunds; at least one of each kind where the calendar is long enough.

    Orders with a chargeback get none: their money goes back by way of the issuer.
    """
    rng = plan.rng("refunds")
    captured = payments.captured_by_order(orders.size)
    main = payments.main_of(orders.size)
    has_paid = captured > 0
    is_disputed = flags(orders.size, payments.order[payments.charged_back < NEVER])
    whole_at = np.where(lifecycle.is_cancelled, lifecycle.cancelled, lifecycle.returned)
    whole = np.flatnonzero(has_paid & (whole_at < plan.end))
    usual = np.flatnonzero(
        has_paid
        & (lifecycle.delivered < plan.end)
        & ~lifecycle.is_returned
        & ~lifecycle.is_cancelled
        & orders.fraud.is_honest
        & ~is_disputed
        & (lifecycle.removed == NEVER)
    )
    left = rng.permutation(usual)
    early = left[lifecycle.delivered[left] < plan.end - _LATEST]  # few: none may miss the calendar
    over = early[: plan.share(1, 2_000)]
    left = left[~np.isin(left, over)]
    restock, left = np.split(left, [min(plan.share(6, 2_000, 3), left.size)])
    gesture, left = np.split(left, [min(plan.share(6, 2_000, 2), left.size)])
    partial, _ = np.split(left, [min(plan.share(60, 2_000, 3), left.size)])

    order = np.concatenate([whole, partial, over, restock, gesture])
    kind = np.repeat(
        np.arange(len(_KINDS)), [whole.size, partial.size, over.size, restock.size, gesture.size]
    )
    of_line = (kind == _PARTIAL) | (kind == _RESTOCK)
    span = np.diff(lines.first)[order]
    line = np.where(of_line, lines.first[order] + rng.integers(0, 1 << 20, order.size) % span, -1)
    quantity = 1 + rng.integers(0, 1 << 20, order.size) % lines.quantity[line]
    net = lines.total - lines.shipping
    amount = np.select(
        [kind == _WHOLE, kind == _PARTIAL, kind == _OVER, kind == _GESTURE],
        [
            captured[order],
            half_up(net[line] * quantity, 1) // lines.quantity[line],
            captured[order] + _TOO_MUCH,
            captured[order] // 10,
        ],
        0,
    )
    is_cancelled = lifecycle.is_cancelled[order]
    reason = np.where(is_cancelled, _CANCELLED, rng.integers(1, 5, order.size))
    reason = np.where(kind == _RESTOCK, _EXCHANGE, np.where(kind == _GESTURE, _GOODWILL, reason))
    start = np.where(kind == _WHOLE, whole_at[order], lifecycle.delivered[order] + 2 * DAY)
    wait = np.where(
        kind == _WHOLE,
        rng.integers(HOUR, 2 * DAY, order.size),
        rng.integers(0, _LATEST - 2 * DAY, order.size),
    )
    refunded = start + wait
    restocks = is_cancelled | (kind == _RESTOCK) | ((kind < _OVER) & (rng.random(order.size) < 0.5))
    restocked = refunded + np.where(
        rng.random(order.size) < 0.6, 0, rng.integers(HOUR, 3 * DAY, order.size)
    )
    by_time = np.lexsort((order, refunded))
    by_time = by_time[refunded[by_time] < plan.end]
    return Refunds(
        order=order[by_time],
        line=line[by_time],
        payment=main[order[by_time]],
        quantity=quantity[by_time],
        amount=amount[by_time],
        reason=reason[by_time],
        kind=kind[by_time],
        refunded=refunded[by_time],
        restocked=np.where(restocks, restocked, NEVER)[by_time],
        is_restocked=restocks[by_time],
    )


def refund_changes(plan: Plan, refunds: Refunds) -> Changes:
    """Made, and for some restocked later."""
    rows = np.arange(refunds.size)
    later = refunds.restocked > refunds.refunded
    return Changes.gather(
        plan,
        [
            (rows, _MADE, INSERT, refunds.refunded),
            (rows[later], _RESTOCKED, UPDATE, refunds.restocked),
        ],
    )


def refund_rows(
    reference: Reference, orders: Orders, lines: Lines, refunds: Refunds, changes: Changes
) -> pl.DataFrame:
    """Rows of the refunds extract for changes."""
    row = changes.row
    line = refunds.line[row]
    of_line = line >= 0
    return pl.select(
        refund_id=ids("R", row),
        order_id=ids("O", refunds.order[row]),
        line_number=nullable(lines.number[line], of_line),
        payment_id=ids("PAY", refunds.payment[row]),
        quantity=nullable(refunds.quantity[row], of_line),
        amount=money(refunds.amount[row]),
        currency=words(reference.currencies, orders.currency[refunds.order[row]]),
        reason=words(_REASONS, refunds.reason[row]),
        is_restocked=pl.Series(refunds.restocked[row] <= changes.at),
        refunded_at=iso(refunds.refunded[row]),
        op=words(OPS, changes.op),
        updated_at=iso(changes.at),
    )


def refund_truth(refunds: Refunds) -> dict[str, pl.DataFrame]:
    """The kind of each refund."""
    return {
        "refunds": pl.DataFrame(
            {
                "refund_id": ids("R", np.arange(refunds.size)),
                "order_id": ids("O", refunds.order),
                "kind": words(_KINDS, refunds.kind),
            }
        )
    }
