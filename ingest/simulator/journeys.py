"""What precedes a purchase: browsing on earlier days, through other channels than the last.

The nearer the order, the more of it; so who browsed lately is truly likelier to buy soon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulator.arrays import DAY, HOUR, MINUTE, Bools, Ints, pick
from ingest.simulator.customers import Customers
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.visitors import Visitors, device_kinds

_TOUCHES = (0.25, 0.27, 0.22, 0.16, 0.10)
"""Shares of the orders with no, one, two, three and four touches before the purchase."""
_MEAN_GAP_DAYS = 1.6
_FIRST_TOUCH = {
    "paid_social": 0.32,
    "organic_search": 0.22,
    "paid_search": 0.20,
    "affiliate": 0.10,
    "referral": 0.06,
    "direct": 0.06,
    "email": 0.04,
}
_LATER_TOUCH = {
    "direct": 0.34,
    "email": 0.26,
    "organic_search": 0.17,
    "paid_search": 0.12,
    "paid_social": 0.06,
    "affiliate": 0.03,
    "referral": 0.02,
}
_EARLIEST = 4 * HOUR
_JITTER = 90 * MINUTE


@dataclass(frozen=True)
class Touches:
    """Visits that should precede orders, sorted by day; positions of orders and customers."""

    order: Ints
    customer: Ints
    device: Ints
    kind: Ints
    channel: Ints
    at: Ints
    day: Ints

    def of_day(self, day: int) -> Touches:
        """The touches of one business day."""
        first, last = np.searchsorted(self.day, [day, day + 1])
        part = slice(first, last)
        return Touches(
            self.order[part],
            self.customer[part],
            self.device[part],
            self.kind[part],
            self.channel[part],
            self.at[part],
            self.day[part],
        )


def plan_touches(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    orders: Orders,
    visitors: Visitors,
    buying: Ints,
    since: int,
) -> Touches:
    """Touches from the instant `since` on before the orders at positions `buying`.

    Only honest orders have a story, and nobody visits before being registered.
    """
    rng = plan.rng("journeys")
    honest = buying[orders.fraud.is_honest[buying]]
    counts = pick(rng, _TOUCHES, honest.size)
    order = np.repeat(honest, counts)
    first = np.cumsum(counts) - counts
    place = np.arange(order.size) - np.repeat(first, counts)  # 0 is the one nearest the order
    gap = 1 + rng.exponential(_MEAN_GAP_DAYS - 1, order.size).round()
    gap = np.where((place == 0) & (rng.random(order.size) < 0.25), 0, gap)
    days = np.cumsum(gap)
    days -= np.repeat(np.append(days, 0)[first] - np.append(gap, 0)[first], counts)
    lag = days * DAY + rng.normal(0, _JITTER, order.size)
    at = orders.placed[order] - np.maximum(_EARLIEST, lag).astype(np.int64)
    channel = _channels(rng, reference, place == np.repeat(counts, counts) - 1)
    customer = orders.customer[order]
    device = visitors.own(rng, customer)
    device = np.where(rng.random(order.size) < 0.6, orders.device[order], device)
    kept = np.flatnonzero((at >= since) & (at > customers.created[customer] + HOUR))
    kept = kept[np.argsort(at[kept], kind="stable")]
    return Touches(
        order=order[kept],
        customer=customer[kept],
        device=device[kept],
        kind=device_kinds(device[kept]),
        channel=channel[kept],
        at=at[kept],
        day=plan.day_of(at[kept]),
    )


def _channels(rng: np.random.Generator, reference: Reference, is_first: Bools) -> Ints:
    """Where each touch comes from: who hears of the shop first does so otherwise than later."""
    first = pick(rng, [_FIRST_TOUCH.get(c, 0.0) for c in reference.channels], is_first.size)
    later = pick(rng, [_LATER_TOUCH.get(c, 0.0) for c in reference.channels], is_first.size)
    return np.where(is_first, first, later)
