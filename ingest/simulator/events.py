"""Visits of the web shop and the app, event by event, delivered by the hour.

Days are made one after the other, so that memory does not grow with the number of events. A day is
written when the next one is made, as visits run past midnight and purchases begin before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import Floats, Ints, pick
from ingest.simulator.clicks import BUY, LOOK, PERSON, PUT, SEARCH
from ingest.simulator.customers import Customers
from ingest.simulator.demand import promotion_rush
from ingest.simulator.edges import DAYS_LATE
from ingest.simulator.event_delivery import SOUND, break_events, deliver_events
from ingest.simulator.event_rows import Names, by_hour, event_rows
from ingest.simulator.event_truth import EventTruth
from ingest.simulator.funnel import Funnel
from ingest.simulator.journeys import plan_touches
from ingest.simulator.layout import Layout, Layouts
from ingest.simulator.lines import Lines
from ingest.simulator.marketing import running_campaigns
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.products import Products
from ingest.simulator.purchases import Purchases, buying_visits
from ingest.simulator.reference import Reference
from ingest.simulator.schedule import Schedule
from ingest.simulator.text import ids
from ingest.simulator.visitors import Visitors, device_kinds
from ingest.simulator.visits import Visits, edge_visits, looking_visits, machine_visits
from ingest.simulator.vocabulary import SEARCHES

_BUYING_SHARE = 0.6
"""How much of what people do on a day may be of visits that end with an order."""
_MAIL_PULL, _SALE_PULL = 2.0, 1.5


@dataclass(frozen=True)
class Shop:
    """All that visits are about."""

    reference: Reference
    customers: Customers
    products: Products
    orders: Orders
    lines: Lines


class Clickstream:
    """The events of a simulation; `funnel` is how far visits go, `campaigns` all campaigns."""

    def __init__(self, plan: Plan, shop: Shop, weights: Floats) -> None:
        self._plan = plan
        self._shop = shop
        self._rng = plan.rng("events")
        self._schedule = Schedule.make(plan, weights)
        self._visitors = Visitors(plan, shop.reference, shop.customers)
        self._layouts = Layouts(plan, self._visitors, shop.orders)
        self.campaigns, self._running = running_campaigns(plan, shop.reference)
        days, people = self._schedule.days, self._schedule.people
        purchases = Purchases.plan(plan, shop.orders, shop.lines, days)
        most = (people * _BUYING_SHARE).astype(np.int64)
        self._purchases = purchases.within(plan.rng("buying"), days, most)
        buying = self._purchases.order
        self.funnel = Funnel.fit(
            shop.reference.channels,
            device_kinds(shop.orders.device[buying]),
            shop.orders.channel[buying],
            self._purchases.counts.sum(axis=1),
            int(people.sum()),
        )
        self._touches = plan_touches(
            plan,
            shop.reference,
            shop.customers,
            shop.orders,
            self._visitors,
            buying,
            int(plan.day_starts[days.start]),
        )
        self._pull = self._pulls()
        self._next_visit = self._next_event = 0

    def hours(self, truth: EventTruth | None = None) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yields the end of each hour and the rows delivered in it, in the order of time.

        Every event that happens is delivered before the calendar ends. What was planted goes to
        `truth`.
        """
        schedule = self._schedule
        made = [] if schedule.prelude is None else [self._prelude(schedule.prelude, truth)]
        waiting: list[pl.DataFrame] = []
        for place, day in enumerate([*schedule.days, self._plan.days]):
            if day < self._plan.days:
                made.append(self._day(place, day, truth))
            until = int(self._plan.day_starts[day])
            events = pl.concat(made)
            happened = events.filter(pl.col("at") < until)
            made = [events.filter(pl.col("at") >= until)]
            if happened.height:
                waiting.append(self._rows(happened, place - 1, truth))
                rows = pl.concat(waiting)
                yield from by_hour(rows.filter(pl.col("hour") <= until))
                waiting = [rows.filter(pl.col("hour") > until)]

    def _pulls(self) -> Floats:
        """Days x channels: mail draws more while a campaign runs, paid channels in promotions."""
        reference = self._shop.reference
        pull = np.ones(self._running.shape)
        email = reference.channels.index("email")
        pull[:, email] = np.where(self._running[:, email] >= 0, _MAIL_PULL, 1.0)
        rush = 1 + _SALE_PULL * (promotion_rush(reference.discount) - 1)
        for name in reference.paid_channels:
            pull[:, reference.channels.index(name)] = rush
        days = self._schedule.days
        people = self._schedule.people
        mean = people @ pull[days.start : days.stop] / people.sum()
        relative: Floats = pull / mean
        return relative

    def _prelude(self, day: int, truth: EventTruth | None) -> pl.DataFrame:
        visits = edge_visits(
            self._rng, self._plan, self._shop.reference, self._visitors, day, [DAYS_LATE]
        )
        layout = self._layouts.lay_out(self._rng, visits, np.zeros(0, dtype=np.int64), day)
        return self._events(layout, day, truth).with_columns(flaw=pl.lit(SOUND, pl.Int64))

    def _day(self, place: int, day: int, truth: EventTruth | None) -> pl.DataFrame:
        """The events of the visits of a day, the `place`-th of the schedule."""
        rng, plan, shop, schedule = self._rng, self._plan, self._shop, self._schedule
        purchases = self._purchases.of_day(day)
        buying = buying_visits(shop.orders, purchases)
        left = int(schedule.people[place] - buying.counts.sum())
        parts = [
            buying,
            edge_visits(rng, plan, shop.reference, self._visitors, day, schedule.edges[place]),
            machine_visits(
                rng,
                shop.reference,
                self._visitors,
                int(schedule.bots[place]),
                schedule.crawls[place],
            ),
            looking_visits(
                rng,
                plan,
                self.funnel,
                self._pull[day],
                self._visitors,
                self._touches.of_day(day),
                day,
                left,
            ),
        ]
        visits = Visits.concat(parts)
        layout = self._layouts.lay_out(rng, visits, purchases.most_seconds, day)
        events = self._events(layout, day, truth)
        return events.with_columns(flaw=pl.Series(break_events(rng, events, schedule.dirt, place)))

    def _events(self, layout: Layout, day: int, truth: EventTruth | None) -> pl.DataFrame:
        """One row per event, all in positions and instants."""
        visits, clicks = layout.visits, layout.clicks
        campaign = self._running[day][visits.channel]
        campaign = np.where(visits.nature == PERSON, campaign, -1)
        if truth is not None:
            truth.visits(layout, campaign, self._next_visit)
            truth.browsing(layout, day)
        start = int(self._plan.day_starts[day])
        offset = self._visitors.offsets(visits.customer, visits.device, start)
        v = clicks.visit
        place = np.arange(clicks.size) - clicks.first[v]
        frame = pl.DataFrame(
            {
                "number": self._next_event + np.arange(clicks.size),
                "visit": self._next_visit + v,
                "kind": clicks.kind,
                "at": visits.start[v] + clicks.elapsed,
                "product": self._products(layout, start),
                "order": np.where(clicks.kind == BUY, visits.order[v], -1),
                "search": np.where(
                    clicks.kind == SEARCH, self._rng.integers(0, len(SEARCHES), clicks.size), -1
                ),
                "device": visits.device[v],
                "customer": visits.customer[v],
                "shown": np.where(place >= layout.login[v], visits.customer[v], -1),
                "channel": visits.channel[v],
                "campaign": campaign[v],
                "agent": visits.agent[v],
                "offset": offset[v],
                "nature": visits.nature[v],
                "is_plain": ((visits.nature == PERSON) & (visits.edge < 0))[v],
            }
        )
        self._next_visit += visits.size
        self._next_event += clicks.size
        return frame

    def _products(self, layout: Layout, start: int) -> Ints:
        """The product of each event: those of the order, of the order to come, or popular ones."""
        visits, clicks, shop = layout.visits, layout.clicks, self._shop
        looks = visits.counts[:, LOOK]
        first = np.cumsum(looks) - looks
        popularity = shop.products.popularity * (shop.products.launched < start)
        seen = pick(self._rng, popularity, int(looks.sum()))
        visit = np.repeat(np.arange(visits.size), looks)
        slot = np.arange(seen.size) - first[visit]
        order = np.where(visits.order >= 0, visits.order, visits.touch)[visit]
        lines = np.where(order >= 0, shop.lines.first[order + 1] - shop.lines.first[order], 0)
        wanted = np.flatnonzero(slot < lines)
        seen[wanted] = shop.lines.product[shop.lines.first[order[wanted]] + slot[wanted]]
        product = np.full(clicks.size, -1, dtype=np.int64)
        about = np.flatnonzero((clicks.kind == LOOK) | (clicks.kind == PUT))
        product[about] = seen[first[clicks.visit[about]] + clicks.slot[about]]
        return product

    def _rows(self, events: pl.DataFrame, place: int, truth: EventTruth | None) -> pl.DataFrame:
        """The rows that tell events of one business day, with the hour each is delivered."""
        plan, schedule = self._plan, self._schedule
        rows = deliver_events(
            self._rng,
            plan,
            int(plan.day_starts[schedule.days.start]),
            events,
            int(schedule.dirt.conflicts[place]) if place >= 0 else 0,
            int(schedule.dirt.unnumbered[place]) if place >= 0 else 0,
        )
        event_id = ids("E", events["number"].to_numpy(), 10)
        if truth is not None:
            truth.sessions(events, event_id)
            truth.deliveries(rows.planted)
        names = Names(self._shop.reference.channels, self.campaigns, self._shop.products.size)
        return event_rows(events, event_id, rows, names)
