"""The events inside visits: how many of each type, in which order, how far apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ingest.simulator.arrays import MINUTE, Ints
from ingest.simulator.funnel import (
    CART,
    CHECKOUT,
    EXTRA_CARTS,
    EXTRA_PAGES,
    EXTRA_PRODUCTS,
    PRODUCTS,
    SEARCHES,
    SECOND_CHECKOUT,
)

TYPES = ("page_view", "product_view", "search", "add_to_cart", "checkout", "purchase")
VIEW, LOOK, SEARCH, PUT, CHECK, BUY = range(6)
PERSON, BOT, RUNAWAY = range(3)
"""The nature of a visit."""

_MEAN_GAP, _LONGEST_GAP = 45, 20 * MINUTE
_PAUSES, _PAUSE = 0.05, (10 * MINUTE, 45 * MINUTE)
_PACE = {BOT: (1, 13), RUNAWAY: (3, 9)}
"""Seconds between the events of machines, half-open."""


def person_counts(rng: np.random.Generator, depth: Ints) -> Ints:
    """Visits x TYPES: how many events of each type visits that end at a depth have, no purchase."""
    counts = np.zeros((depth.size, len(TYPES)), dtype=np.int64)
    size = depth.size
    counts[:, VIEW] = 1 + rng.poisson(EXTRA_PAGES, size)
    counts[:, SEARCH] = rng.poisson(SEARCHES, size)
    counts[:, PUT] = (depth >= CART) * (1 + rng.poisson(EXTRA_CARTS, size))
    views = (depth >= PRODUCTS) * (1 + rng.poisson(EXTRA_PRODUCTS, size))
    counts[:, LOOK] = np.maximum(views, counts[:, PUT])
    counts[:, CHECK] = (depth >= CHECKOUT) * (1 + (rng.random(size) < SECOND_CHECKOUT))
    return counts


def purchase_counts(rng: np.random.Generator, lines: Ints) -> Ints:
    """Visits x TYPES of visits that end with an order of so many lines: all are seen and taken."""
    counts = np.zeros((lines.size, len(TYPES)), dtype=np.int64)
    counts[:, VIEW] = 1 + rng.poisson(EXTRA_PAGES, lines.size)
    counts[:, SEARCH] = rng.poisson(SEARCHES, lines.size)
    counts[:, PUT] = lines
    counts[:, LOOK] = lines + rng.poisson(EXTRA_PRODUCTS / 2, lines.size)
    counts[:, CHECK] = 1 + (rng.random(lines.size) < SECOND_CHECKOUT)
    counts[:, BUY] = 1
    return counts


def crawl_counts(length: Ints) -> Ints:
    """Visits x TYPES of machines: pages and, mostly, products."""
    counts = np.zeros((length.size, len(TYPES)), dtype=np.int64)
    counts[:, VIEW] = np.maximum(1, length // 4)
    counts[:, LOOK] = length - counts[:, VIEW]
    return counts


@dataclass(frozen=True)
class Clicks:
    """Events by position, visit after visit in the order of time; `first` has one more than visits.

    `slot` numbers the products of a visit from 0 (what is put into the cart was seen under the same
    number), -1 for events without one; `elapsed` is seconds since the visit began.
    """

    visit: Ints
    kind: Ints
    slot: Ints
    elapsed: Ints
    first: Ints

    @property
    def size(self) -> int:
        """Number of events."""
        return self.visit.size

    @property
    def duration(self) -> Ints:
        """Seconds from the first to the last event of each visit."""
        return self.elapsed[self.first[1:] - 1]

    def respaced(self, elapsed: Mapping[int, Ints]) -> Clicks:
        """The same with other instants (seconds since the first event) in some visits."""
        changed = self.elapsed.copy()
        for visit, seconds in elapsed.items():
            changed[self.first[visit] : self.first[visit + 1]] = seconds
        return replace(self, elapsed=changed)


def make_clicks(rng: np.random.Generator, counts: Ints, nature: Ints) -> Clicks:
    """Orders the events of visits as people do: products are seen before they are taken, then the
    checkout, then the purchase; searches and pages come on the way."""
    length = counts.sum(axis=1)
    first = np.concatenate([[0], np.cumsum(length)])
    visits = np.arange(length.size)
    parts = [np.repeat(visits, counts[:, kind]) for kind in range(len(TYPES))]
    slots = [_within(counts[:, kind]) for kind in range(len(TYPES))]
    u = [rng.random(part.size) for part in parts]
    is_taken = slots[LOOK] < counts[parts[LOOK], PUT]
    place = [
        np.where(slots[VIEW] == 0, 0.0, 0.10 + 0.50 * u[VIEW]),
        0.10 + np.where(is_taken, 0.25, 0.50) * u[LOOK],
        0.10 + 0.45 * u[SEARCH],
        0.36 + 0.30 * u[PUT],
        0.70 + 0.10 * u[CHECK],
        np.full(u[BUY].size, 0.9),
    ]
    visit = np.concatenate(parts)
    order = np.argsort(visit + np.concatenate(place), kind="stable")
    visit = visit[order]
    kind = np.repeat(np.arange(len(TYPES)), [part.size for part in parts])[order]
    slot = np.concatenate(slots)[order]
    slot[(kind != LOOK) & (kind != PUT)] = -1
    gap = _gaps(rng, visit, first, length, nature)
    elapsed = np.cumsum(gap)
    elapsed -= elapsed[first[:-1]][visit]
    return Clicks(visit, kind, slot, elapsed, first)


def _within(counts: Ints) -> Ints:
    """0, 1, 2 ... within each of so many."""
    total = np.cumsum(counts)
    within: Ints = np.arange(int(total[-1]) if total.size else 0) - np.repeat(
        total - counts, counts
    )
    return within


def _gaps(rng: np.random.Generator, visit: Ints, first: Ints, length: Ints, nature: Ints) -> Ints:
    """Seconds since the event before; a few people pause for up to three quarters of an hour."""
    gap = np.clip(rng.exponential(_MEAN_GAP, visit.size).astype(np.int64), 1, _LONGEST_GAP)
    pauses = np.flatnonzero((rng.random(length.size) < _PAUSES) & (length > 1))
    place = 1 + (rng.random(pauses.size) * (length[pauses] - 1)).astype(np.int64)
    gap[first[pauses] + place] = rng.integers(*_PAUSE, pauses.size)
    for machine, (least, below) in _PACE.items():
        events = np.flatnonzero(nature[visit] == machine)
        gap[events] = rng.integers(least, below, events.size)
    return gap
