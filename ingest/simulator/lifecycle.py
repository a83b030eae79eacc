"""What becomes of an order: paid, shipped, delivered, cancelled, returned, changed, withdrawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import DAY, HOUR, MINUTE, NEVER, Bools, Ints, flags, pick
from ingest.simulator.lines import Lines
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, words

METHODS = ("card", "paypal", "bank_transfer", "gift_card", "pay_later")
CARD = METHODS.index("card")
BANK = METHODS.index("bank_transfer")


@dataclass(frozen=True)
class Lifecycle:
    """Instants by order (NEVER where it does not happen); `removed_line` is -1 or a line.

    `is_cancelled` and `is_returned` say what the shop intends, whether or not the calendar reaches
    it. `total` is the order total in cents without a removed line, `first_total` with it.
    """

    method: Ints
    paid: Ints
    shipped: Ints
    delivered: Ints
    cancelled: Ints
    returned: Ints
    promised: Ints
    withdrawn: Ints
    removed: Ints
    removed_line: Ints
    has_no_status: Bools
    is_unpaid_shipped: Bools
    is_cancelled: Bools
    is_returned: Bools
    first_total: Ints
    total: Ints


def make_lifecycle(plan: Plan, orders: Orders, lines: Lines) -> Lifecycle:
    """Draws what happens to each order and when."""
    rng = plan.rng("lifecycle")
    size = orders.size
    placed = orders.placed
    plain = rng.permutation(np.flatnonzero(orders.fraud.is_honest & ~orders.is_late_customer))
    take = _Taker(plain)
    never_paid = take.some(plan.share(60, 2_000))
    refused_late = take.some(plan.share(46, 2_000))
    returned = take.some(plan.share(80, 2_000))
    withdrawn = take.some(plan.share(2, 2_000, 2))
    unpaid = take.some(plan.share(2, 2_000, 2))
    no_status = take.some(plan.sizes.orders_without_status)
    shrunk = take.some_of(np.diff(lines.first) >= 3, plan.share(6, 2_000, 2))

    method = pick(rng, [0.5, 0.26, 0.09, 0.03, 0.12], size)
    method[~orders.fraud.is_honest] = CARD
    wait = rng.integers(16 * MINUTE, 40 * MINUTE, size)
    transfer = rng.integers(12 * HOUR, 3 * DAY, size)
    paid = placed + np.where(method == BANK, transfer, wait)
    nothing_paid = np.concatenate([never_paid, withdrawn, unpaid])
    paid[nothing_paid] = NEVER

    cancelled = np.full(size, NEVER, dtype=np.int64)
    cancelled[never_paid] = placed[never_paid] + rng.integers(HOUR, 2 * DAY, never_paid.size)
    cancelled[refused_late] = paid[refused_late] + rng.integers(HOUR, 10 * HOUR, refused_late.size)
    ready = np.where(paid < NEVER, paid, placed + HOUR)
    shipped = ready + rng.integers(12 * HOUR, 60 * HOUR, size)
    delivered = shipped + rng.integers(DAY, 6 * DAY, size)
    back = delivered + rng.integers(3 * DAY, 21 * DAY, size)
    stopped = np.concatenate([never_paid, refused_late, withdrawn])
    shipped[stopped] = delivered[stopped] = NEVER

    removed = np.full(size, NEVER, dtype=np.int64)
    removed[shrunk] = placed[shrunk] + rng.integers(2 * MINUTE, 9 * MINUTE, shrunk.size)
    removed_line = np.full(size, -1, dtype=np.int64)
    removed_line[shrunk] = lines.first[shrunk + 1] - 1
    first_total = lines.per_order(lines.total)
    total = first_total.copy()
    total[shrunk] -= lines.total[removed_line[shrunk]]
    is_returned = flags(size, returned)
    return Lifecycle(
        method=method,
        paid=paid,
        shipped=shipped,
        delivered=delivered,
        cancelled=cancelled,
        returned=np.where(is_returned, back, NEVER),
        promised=placed + rng.integers(4, 9, size) * DAY,
        withdrawn=np.where(
            flags(size, withdrawn), placed + rng.integers(20 * MINUTE, 3 * HOUR, size), NEVER
        ),
        removed=removed,
        removed_line=removed_line,
        has_no_status=flags(size, no_status),
        is_unpaid_shipped=flags(size, unpaid),
        is_cancelled=flags(size, np.concatenate([never_paid, refused_late])),
        is_returned=is_returned,
        first_total=first_total,
        total=total,
    )


class _Taker:
    """Hands out disjoint groups of orders."""

    def __init__(self, orders: Ints) -> None:
        self._left = orders

    def some(self, count: int) -> Ints:
        """The next `count` orders, in rising order."""
        taken, self._left = self._left[:count], self._left[count:]
        return np.sort(taken)

    def some_of(self, eligible: Bools, count: int) -> Ints:
        """The next `count` orders that are eligible."""
        taken = self._left[eligible[self._left]][:count]
        self._left = np.setdiff1d(self._left, taken)
        return np.sort(taken)


def sold_lines(plan: Plan, lines: Lines, lifecycle: Lifecycle) -> Bools:
    """Lines that take goods from the shelf: not removed, withdrawn or cancelled."""
    gone = (lifecycle.withdrawn < plan.end) | (lifecycle.cancelled < plan.end)
    sold = ~gone[lines.order]
    removed = lifecycle.removed_line
    sold[removed[removed >= 0]] = False
    return sold


def order_truth(
    plan: Plan, orders: Orders, lines: Lines, lifecycle: Lifecycle
) -> dict[str, pl.DataFrame]:
    """The dirt and the deletes planted in orders and their lines."""
    kinds = {
        "status_missing": lifecycle.has_no_status,
        "shipped_unpaid": lifecycle.is_unpaid_shipped,
        "withdrawn": lifecycle.withdrawn < plan.end,
        "line_removed": lifecycle.removed < plan.end,
        "late_customer": orders.is_late_customer,
    }
    parts = []
    for name, mask in kinds.items():
        rows = np.flatnonzero(mask)
        parts.append(
            pl.DataFrame({"order_id": ids("O", rows), "kind": words([name], np.zeros_like(rows))})
        )
    removed = np.flatnonzero(lifecycle.removed < plan.end)
    line = np.concatenate(
        [
            lifecycle.removed_line[removed],
            np.flatnonzero((lifecycle.withdrawn < plan.end)[lines.order]),
        ]
    )
    return {
        "orders_planted": pl.concat(parts),
        "deleted_lines": pl.DataFrame(
            {"order_id": ids("O", lines.order[line]), "line_number": lines.number[line]}
        ),
    }
