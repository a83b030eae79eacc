"""How events reach the extracts: by the hour, some late, twice, out of order, broken, in conflict.

An event in conflict is another one under the same number, as from a client that counts wrongly; it
is delivered after the right one. What is broken has no number, a time that cannot be read, or a
type that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, MINUTE, Bools, Ints, draw, flags, spread
from ingest.simulator.clicks import LOOK, VIEW
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, words

SOUND, UNREADABLE, UNKNOWN = range(3)
"""What is wrong with an event."""
BAD_TIMES = ("2025-13-45T25:61:00Z", "yesterday", "", "30.12.2025 half past nine")
UNKNOWN_TYPES = ("scroll", "wishlist_add", "page-view", "heartbeat")

_LATE, _MOST_LATE_HOURS = 0.01, 30
_VERY_LATE, _DAYS_LATE = 0.0002, (4 * 24, 10 * 24)
_TWICE, _SAME_HOUR, _TWICE_DAYS_LATER = 0.005, 0.6, 0.1
_MOVED, _MOVED_BY = 0.02, 10 * MINUTE
_CONFLICTS, _BROKEN = 0.00005, 0.0005 / 3
_KINDS = ("late", "very_late", "duplicate", "conflict", "invalid")
_DETAILS = ("missing_event_id", "unreadable_time", "unknown_event_type")


@dataclass(frozen=True)
class Dirt:
    """How many conflicts and broken events of each sort there are on each day of events."""

    conflicts: Ints
    unnumbered: Ints
    unreadable: Ints
    unknown: Ints

    @classmethod
    def plan(cls, counts: Ints) -> Dirt:
        """The dirt of days with so many events: at least two of each sort in all."""
        total = int(counts.sum())
        weights = counts.astype(np.float64)
        conflicts = spread(max(2, round(_CONFLICTS * total)), weights)
        broken = spread(max(2, round(_BROKEN * total)), weights)
        return cls(conflicts, broken, broken, broken)


def break_events(rng: np.random.Generator, events: pl.DataFrame, dirt: Dirt, day: int) -> Ints:
    """What is wrong with each event of a day; only pages after the first one of a visit break."""
    flaw = np.full(events.height, SOUND, dtype=np.int64)
    visit = events["visit"].to_numpy()
    able = (events["kind"].to_numpy() == VIEW) & (np.append(-1, visit[:-1]) == visit)
    able &= events["is_plain"].to_numpy()
    unreadable, unknown = int(dirt.unreadable[day]), int(dirt.unknown[day])
    chosen = rng.permutation(draw(rng, np.flatnonzero(able), unreadable + unknown))
    flaw[chosen[:unreadable]] = UNREADABLE
    flaw[chosen[unreadable:]] = UNKNOWN
    return flaw


@dataclass(frozen=True)
class EventRows:
    """Rows of the extract: each tells an event by position, at an hour and a place in it.

    `is_other` rows tell something else under the number of their event; `has_number` rows have one.
    """

    event: Ints
    hour: Ints
    place: Ints
    is_other: Bools
    has_number: Bools
    planted: pl.DataFrame


def deliver_events(
    rng: np.random.Generator,
    plan: Plan,
    since: int,
    events: pl.DataFrame,
    conflicts: int,
    unnumbered: int,
) -> EventRows:
    """When each event is delivered, and what else is; those before `since` come days later."""
    at = events["at"].to_numpy()
    size = at.size
    due = (at // HOUR + 1) * HOUR
    u = rng.random(size)
    hour = due + (u < _LATE) * rng.integers(1, _MOST_LATE_HOURS + 1, size) * HOUR
    lag = rng.integers(*_DAYS_LATE, size) * HOUR
    fits = (u >= 1 - _VERY_LATE) & (due + _DAYS_LATE[0] * HOUR < plan.end)
    hour = np.where(fits, due + lag, hour)
    early = np.flatnonzero(at < since)
    hour[early] = since + rng.integers(1, min(72, (plan.end - since) // HOUR), early.size) * HOUR
    hour = np.minimum(hour, plan.end)

    again = np.flatnonzero(rng.random(size) < _TWICE)
    v = rng.random(again.size)
    wait = np.where(v < _SAME_HOUR, 0, 1)
    wait = np.where(v >= 1 - _TWICE_DAYS_LATER, rng.integers(24, 7 * 24, again.size), wait)
    again_hour = np.minimum(hour[again] + wait * HOUR, plan.end)

    plain = events["is_plain"].to_numpy() & (events["kind"].to_numpy() <= LOOK) & (hour == due)
    plain &= (events["flaw"].to_numpy() == SOUND) & (due + HOUR <= plan.end)
    plain &= ~flags(size, again)
    other = draw(rng, np.flatnonzero(plain), conflicts)
    other_hour = np.minimum(due[other] + rng.integers(1, 4, other.size) * HOUR, plan.end)
    lost = draw(rng, np.flatnonzero(plain & ~flags(size, other)), unnumbered)

    place = at + np.where(rng.random(size) < _MOVED, rng.integers(-_MOVED_BY, _MOVED_BY, size), 0)
    event = np.concatenate([np.arange(size), again, other, lost])
    sizes = [size, again.size, other.size, lost.size]
    return EventRows(
        event=event,
        hour=np.concatenate([hour, again_hour, other_hour, hour[lost]]),
        place=np.concatenate([place, place[again] + 1, place[other], place[lost] + 1]),
        is_other=np.repeat([False, False, True, False], sizes),
        has_number=np.repeat([True, True, True, False], sizes),
        planted=_planted(
            events,
            (np.flatnonzero(hour > due), again, other, lost),
            (hour, due, again_hour, other_hour),
        ),
    )


def _planted(
    events: pl.DataFrame, rows: tuple[Ints, Ints, Ints, Ints], hours: tuple[Ints, Ints, Ints, Ints]
) -> pl.DataFrame:
    """The truth `event_deliveries`: what is late, twice, in conflict or broken, and when it comes.

    `due_hour` is the end of the hour of the event; events without a number have none here either.
    """
    delayed, again, other, lost = rows
    hour, due, again_hour, other_hour = hours
    flaw = events["flaw"].to_numpy()
    broken = np.flatnonzero(flaw != SOUND)
    parts = (delayed, again, other, lost, broken)
    is_very_late = hour[delayed] - due[delayed] > _MOST_LATE_HOURS * HOUR
    kind = np.concatenate(
        [
            is_very_late.astype(np.int64),
            np.repeat([2, 3, 4, 4], [again.size, other.size, lost.size, broken.size]),
        ]
    )
    before = delayed.size + again.size + other.size
    detail = np.concatenate([np.full(before, -1), np.zeros(lost.size, np.int64), flaw[broken]])
    event = np.concatenate(parts)
    number = events["number"].to_numpy()[event]
    number = np.where(detail == 0, -1, number)
    delivered = np.concatenate([hour[delayed], again_hour, other_hour, hour[lost], hour[broken]])
    return pl.DataFrame(
        {
            "event_id": ids("E", number, 10),
            "kind": words(_KINDS, kind),
            "detail": words(_DETAILS, detail),
            "due_hour": pl.Series(due[event] * 1000).cast(pl.Datetime("ms")),
            "hour": pl.Series(delivered * 1000).cast(pl.Datetime("ms")),
        }
    )
