"""The visits of a business day: people who look around, machines, and planted edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ingest.simulator.arrays import Bools, Floats, Ints, pick
from ingest.simulator.clicks import (
    BOT,
    PERSON,
    RUNAWAY,
    TYPES,
    VIEW,
    crawl_counts,
    person_counts,
)
from ingest.simulator.edges import EDGES, Edge
from ingest.simulator.funnel import PAGES, PRODUCTS, Funnel
from ingest.simulator.journeys import Touches
from ingest.simulator.plan import Plan
from ingest.simulator.reference import Reference
from ingest.simulator.visitors import STRANGER, Visitors, agents
from ingest.simulator.vocabulary import DEVICE_KINDS

_BOT_LENGTH = 14


@dataclass(frozen=True)
class Visits:
    """Visits by position; `counts` is visits x TYPES, -1 stands for none in the other arrays.

    `kind` is the device kind, `depth` how far the visit goes, `order` the order it ends with,
    `touch` the later order it is a planted step to, `edge` the position in EDGES it is planted as.
    `start` is -1 until the day is laid out.
    """

    nature: Ints
    kind: Ints
    channel: Ints
    depth: Ints
    counts: Ints
    order: Ints
    touch: Ints
    edge: Ints
    customer: Ints
    device: Ints
    agent: Ints
    start: Ints

    @property
    def size(self) -> int:
        """Number of visits."""
        return self.nature.size

    @classmethod
    def concat(cls, parts: Sequence[Visits]) -> Visits:
        """All visits of the parts, in that order."""
        columns = {
            f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)
        }
        return cls(**columns)

    @classmethod
    def of(cls, counts: Ints, nature: int, **columns: Ints) -> Visits:
        """Visits of one nature; columns that are not given are -1."""
        size = counts.shape[0]
        none = {f.name: np.full(size, -1, dtype=np.int64) for f in fields(cls)}
        return cls(**{**none, "counts": counts, "nature": np.full(size, nature), **columns})


def machine_visits(
    rng: np.random.Generator,
    reference: Reference,
    visitors: Visitors,
    bot_events: int,
    crawls: Ints,
) -> Visits:
    """Declared bots with so many events in all, and runaway crawlers of so many events each."""
    bots = -(-bot_events // _BOT_LENGTH)
    spread = rng.multinomial(bot_events - bots, np.full(bots, 1 / bots)) if bots else 0
    lengths = np.ones(bots, dtype=np.int64) + spread
    device, agent = visitors.bots(rng, bots)
    search = reference.channels.index("organic_search")
    direct = reference.channels.index("direct")
    crawler = visitors.fresh(crawls.size)
    desktop = np.zeros(crawls.size, dtype=np.int64)
    return Visits.concat(
        [
            Visits.of(
                crawl_counts(lengths),
                BOT,
                channel=np.where(rng.random(bots) < 0.5, search, direct),
                customer=np.full(bots, STRANGER),
                device=device,
                agent=agent,
            ),
            Visits.of(
                crawl_counts(crawls),
                RUNAWAY,
                kind=desktop,
                channel=np.full(crawls.size, direct),
                customer=np.full(crawls.size, STRANGER),
                device=crawler,
                agent=agents(desktop, crawler),
            ),
        ]
    )


def edge_visits(
    rng: np.random.Generator,
    plan: Plan,
    reference: Reference,
    visitors: Visitors,
    day: int,
    edges: Sequence[Edge],
) -> Visits:
    """One visit for each of the edges, by strangers."""
    size = len(edges)
    lengths = np.array([edge.size for edge in edges], dtype=np.int64)
    counts = np.zeros((size, len(TYPES)), dtype=np.int64)
    counts[:, : PRODUCTS + 1] = np.stack([lengths - lengths // 2, lengths // 2], axis=1)
    device = visitors.fresh(size)
    for position in range(1, size):
        if edges[position].follows:
            device[position] = device[position - 1]
    kind = rng.integers(0, len(DEVICE_KINDS), size)
    kind = kind[np.searchsorted(device, device)]
    begin, end = int(plan.day_starts[day]), int(plan.day_starts[day + 1])
    return Visits.of(
        counts,
        PERSON,
        kind=kind,
        channel=np.array([reference.channels.index(e.channel) for e in edges], dtype=np.int64),
        depth=np.full(size, PRODUCTS),
        edge=np.array([EDGES.index(edge) for edge in edges], dtype=np.int64),
        customer=np.full(size, STRANGER),
        device=device,
        agent=agents(kind, device),
        start=np.array([edge.starts(begin, end) for edge in edges], dtype=np.int64),
    )


def looking_visits(
    rng: np.random.Generator,
    plan: Plan,
    funnel: Funnel,
    pull: Floats,
    visitors: Visitors,
    touches: Touches,
    day: int,
    events: int,
) -> Visits:
    """Visits without a purchase, with so many events in all; `pull` is how much each channel draws.

    Planted touches take the place of visits through the same channel from the same kind of device,
    rather of those that go far; what finds no such visit does not happen.
    """
    guess = int(events / funnel.mean_events * 1.2) + 20
    cell = pick(rng, (funnel.others * pull).ravel(), guess)
    depth = funnel.depth(rng, cell)
    counts = person_counts(rng, depth)
    kept = int(np.searchsorted(np.cumsum(counts.sum(axis=1)), events, side="right"))
    if kept == 0 and events > 0:
        kept, counts[0], depth[0] = 1, np.eye(len(TYPES), dtype=np.int64)[VIEW], PAGES
    cell, depth, counts = cell[:kept], depth[:kept], counts[:kept]
    left = events - int(counts.sum())
    if left > 0:
        counts[:, VIEW] += np.bincount(rng.integers(0, kept, left), minlength=kept)
    kind, channel = np.divmod(cell, len(funnel.channels))
    day_start = int(plan.day_starts[day])
    customer, device = visitors.draw(rng, day_start, kind)
    start = plan.instants(rng, np.full(kept, day))

    visit, which = _match(rng, touches, cell, depth, len(funnel.channels))
    touch = np.full(kept, -1, dtype=np.int64)
    touch[visit] = touches.order[which]
    customer[visit], device[visit] = touches.customer[which], touches.device[which]
    start[visit] = touches.at[which]
    return Visits.of(
        counts,
        PERSON,
        kind=kind,
        channel=channel,
        depth=depth,
        touch=touch,
        customer=customer,
        device=device,
        agent=agents(kind, device),
        start=start,
    )


def _match(
    rng: np.random.Generator, touches: Touches, cell: Ints, depth: Ints, channels: int
) -> tuple[Ints, Ints]:
    """Positions of visits and of the touches that take their place, one to one."""
    wanted = touches.kind * channels + touches.channel
    able = np.flatnonzero(depth >= PRODUCTS)
    eager = depth[able] + rng.normal(0, 1.5, able.size)
    by_cell = able[np.lexsort((-eager, cell[able]))]
    by_touch = np.argsort(wanted, kind="stable")
    place = _rank(wanted[by_touch])
    first = np.searchsorted(cell[by_cell], wanted[by_touch], side="left")
    last = np.searchsorted(cell[by_cell], wanted[by_touch], side="right")
    found: Bools = first + place < last
    return by_cell[(first + place)[found]], by_touch[found]


def _rank(ordered: Ints) -> Ints:
    """0, 1, 2 ... within each run of equal values."""
    first = np.searchsorted(ordered, ordered, side="left")
    rank: Ints = np.arange(ordered.size) - first
    return rank
