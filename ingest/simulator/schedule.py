"""Which of the planned events are of what: days, bots, crawlers, planted edges, people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.simulator.arrays import Floats, Ints, spread
from ingest.simulator.edges import DAYS_LATE, EDGES, Edge
from ingest.simulator.event_delivery import Dirt
from ingest.simulator.plan import Plan

_BOT_EVENTS = 0.03
_RUNAWAYS_PER_EVENT = 0.0005 / 4.5
"""One visit in 2,000, visits being of 4.5 events."""
_CRAWL = (320, 401)
_LEAST_FOR_CRAWL, _LEAST_FOR_EDGES = 700, 400
"""Events of a day from which on it has room for a crawler, and for the edges."""
_SHORT_DAYS, _DAYS_BEFORE = 11, 5
"""A calendar of events too short for deliveries many days late has a visit of days before."""


@dataclass(frozen=True)
class Schedule:
    """The business days of events, with how many events are of what on each.

    `crawls` holds the lengths of runaway visits, `edges` the planted edges, `people` what is left
    for people. The first day also pays for `prelude`, a visit of days before, if there is one.
    """

    days: range
    bots: Ints
    crawls: list[Ints]
    edges: list[list[Edge]]
    prelude: int | None
    people: Ints
    dirt: Dirt

    @classmethod
    def make(cls, plan: Plan, weights: Floats) -> Schedule:
        """Spreads the planned events over the last days."""
        rng = plan.rng("schedule")
        days = range(max(0, plan.days - plan.sizes.event_days), plan.days)
        counts = spread(plan.sizes.events, weights[days.start : days.stop])
        large = counts * (counts >= _LEAST_FOR_CRAWL)
        runs = np.zeros_like(counts)
        if large.any():
            crawls = max(1, round(plan.sizes.events * _RUNAWAYS_PER_EVENT))
            runs = rng.multinomial(crawls, large / large.sum())
        runs = np.minimum(runs, counts // _LEAST_FOR_CRAWL)
        lengths = [rng.integers(*_CRAWL, run) for run in runs.tolist()]
        daily = [edge for edge in EDGES if edge != DAYS_LATE]
        edges = [daily if count >= _LEAST_FOR_EDGES else [] for count in counts.tolist()]
        edges[-1] = [e for e in edges[-1] if e.start >= 0]  # nothing happens after the calendar
        is_short = (
            len(days) < _SHORT_DAYS and days.start >= _DAYS_BEFORE and counts[0] >= _LEAST_FOR_EDGES
        )
        bots = np.round(counts * _BOT_EVENTS).astype(np.int64)
        people = counts - bots
        people -= [int(part.sum()) for part in lengths]
        people -= [sum(edge.size for edge in part) for part in edges]
        people[0] -= DAYS_LATE.size if is_short else 0
        return cls(
            days=days,
            bots=bots,
            crawls=lengths,
            edges=edges,
            prelude=days.start - _DAYS_BEFORE if is_short else None,
            people=people,
            dirt=Dirt.plan(counts),
        )
