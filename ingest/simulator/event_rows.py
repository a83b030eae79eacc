"""How events are spelt in the extract, and cut into the files of hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, Ints, scatter
from ingest.simulator.clicks import LOOK, TYPES
from ingest.simulator.event_delivery import (
    BAD_TIMES,
    UNKNOWN,
    UNKNOWN_TYPES,
    UNREADABLE,
    EventRows,
)
from ingest.simulator.text import ids, iso, tokens, words
from ingest.simulator.vocabulary import SEARCHES, USER_AGENTS

_PAGES = ("/", "/product", "/search", "/cart", "/checkout", "/thanks")
_SPELT_LOCALLY = 64
"""One device in so many tells times by the local clock, with its offset."""
_FIRST_OFFSET = -12
_OFFSETS = tuple(f"{'-' if h < 0 else '+'}{abs(h):02d}:00" for h in range(_FIRST_OFFSET, 15))
_LATER = 20
"""Seconds from an event to the other one under its number."""


@dataclass(frozen=True)
class Names:
    """The names of channels and campaigns by position, and how many products there are."""

    channels: tuple[str, ...]
    campaigns: tuple[str, ...]
    products: int


def event_rows(
    events: pl.DataFrame, event_id: pl.Series, rows: EventRows, names: Names
) -> pl.DataFrame:
    """The rows of the extract, after the hour and the place of each."""
    told = {name: events[name].to_numpy()[rows.event] for name in events.columns}
    number = told["number"]
    kind = np.where(rows.is_other, LOOK, told["kind"])
    unknown = len(TYPES) + number % len(UNKNOWN_TYPES)
    product = np.where(rows.is_other, number % names.products, told["product"])
    has_number = pl.Series(rows.has_number)
    return pl.select(
        hour=pl.Series(rows.hour),
        place=pl.Series(rows.place),
        event_id=pl.when(has_number).then(event_id.gather(rows.event)),
        event_type=words(
            (*TYPES, *UNKNOWN_TYPES), np.where(told["flaw"] == UNKNOWN, unknown, kind)
        ),
        occurred_at=_times(told, told["at"] + _LATER * rows.is_other),
        client_utc_offset=words(_OFFSETS, told["offset"] - _FIRST_OFFSET),
        device_id=tokens("dev_", told["device"]),
        customer_id=ids("C", told["shown"]),
        page=words(_PAGES, kind),
        product_id=ids("P", product, 6),
        order_id=ids("O", told["order"]),
        search_query=words(SEARCHES, np.where(rows.is_other, -1, told["search"])),
        channel_id=words(names.channels, told["channel"]),
        campaign_id=words(names.campaigns, told["campaign"]),
        user_agent=words(USER_AGENTS, told["agent"]),
    )


def by_hour(rows: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """Cuts rows into hours, in the order of time; in an hour by place."""
    if not rows.height:
        return
    ready = rows.sort("hour", "place", "event_id")
    hours = ready["hour"].to_numpy()
    cuts = np.flatnonzero(np.diff(hours)) + 1
    content = ready.drop("hour", "place")
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), ready.height], strict=True):
        yield int(hours[first]), content[first:last]


def _times(told: dict[str, Ints], at: Ints) -> pl.Series:
    """Instants as the clients spell them: in UTC, by a local clock, or so that nobody can read."""
    is_local = scatter(told["device"] + 2) % np.uint64(_SPELT_LOCALLY) == 0
    text = iso(at)
    local = np.flatnonzero(is_local)
    if local.size:
        offset = told["offset"][local]
        spelt = iso(at[local] + offset * HOUR).str.head(19)
        text = text.scatter(local, spelt + words(_OFFSETS, offset - _FIRST_OFFSET))
    broken = np.flatnonzero(told["flaw"] == UNREADABLE)
    if broken.size:
        text = text.scatter(broken, words(BAD_TIMES, told["number"][broken] % len(BAD_TIMES)))
    return text
