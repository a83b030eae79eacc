"""The visits that end with an order of the shop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulator.arrays import HOUR, MINUTE, Ints
from ingest.simulator.clicks import PERSON, purchase_counts
from ingest.simulator.funnel import PURCHASE
from ingest.simulator.lines import Lines
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.visitors import agents, device_kinds
from ingest.simulator.visits import Visits

LONGEST_PURCHASE = 2 * HOUR
_LEAST_SECONDS = 2 * MINUTE


@dataclass(frozen=True)
class Purchases:
    """Orders that get a visit, sorted by time, with the events of it and the seconds it may last.

    An order has none when it came by telephone, or less than two minutes after another one on the
    same device.
    """

    order: Ints
    counts: Ints
    most_seconds: Ints
    day: Ints

    @classmethod
    def plan(cls, plan: Plan, orders: Orders, lines: Lines, days: range) -> Purchases:
        """The purchases of the orders of some business days."""
        since = int(plan.day_starts[days.start])
        web = np.flatnonzero((orders.device >= 0) & (orders.day >= days.start))
        by_device = web[np.lexsort((orders.placed[web], orders.device[web]))]
        device, placed = orders.device[by_device], orders.placed[by_device]
        before = np.full(by_device.size, since - 1)
        again = np.flatnonzero(device[1:] == device[:-1]) + 1
        before[again] = placed[again - 1]
        seconds = np.minimum(placed - before - 1, LONGEST_PURCHASE)
        counts = purchase_counts(plan.rng("purchases"), np.diff(lines.first)[by_device])
        fits = np.flatnonzero(seconds >= np.maximum(_LEAST_SECONDS, 2 * counts.sum(axis=1)))
        fits = fits[np.argsort(by_device[fits], kind="stable")]
        order = by_device[fits]
        return cls(order, counts[fits], seconds[fits], orders.day[order])

    def take(self, rows: Ints) -> Purchases:
        """Those at positions."""
        return Purchases(
            self.order[rows], self.counts[rows], self.most_seconds[rows], self.day[rows]
        )

    def within(self, rng: np.random.Generator, days: range, events: Ints) -> Purchases:
        """A random part whose visits have at most so many events on each day."""
        kept = []
        for day, most in zip(days, events.tolist(), strict=True):
            rows = rng.permutation(np.flatnonzero(self.day == day))
            total = np.cumsum(self.counts[rows].sum(axis=1))
            kept.append(np.sort(rows[total <= most]))
        return self.take(np.concatenate(kept))

    def of_day(self, day: int) -> Purchases:
        """Those of one business day."""
        first, last = np.searchsorted(self.day, [day, day + 1])
        return self.take(np.arange(first, last))


def buying_visits(orders: Orders, purchases: Purchases) -> Visits:
    """A visit for each purchase, by the customer and device of its order."""
    order = purchases.order
    device = orders.device[order]
    kind = device_kinds(device)
    return Visits.of(
        purchases.counts,
        PERSON,
        kind=kind,
        channel=orders.channel[order],
        depth=np.full(order.size, PURCHASE),
        order=order,
        customer=orders.customer[order],
        device=device,
        agent=agents(kind, device),
    )
