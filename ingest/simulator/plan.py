"""What one simulation is: its sizes, its calendar, its loads and its sources of chance."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from ingest.errors import ConfigError
from ingest.simulator.arrays import HOUR, Ints

ZONE = "Europe/Berlin"
LAST_DAY = date(2025, 12, 31)
"""The last business day of every simulation: the calendar has no wall clock."""

DEFAULT_DAYS = {"demo": 180}
FULL_DAYS = 730
MAX_DAYS = 3_650


@dataclass(frozen=True)
class Sizes:
    """Numbers of entities, counted by key over all loads."""

    customers: int
    customers_without_email: int
    products: int
    orders: int
    orders_without_status: int
    items: int
    payments: int
    events: int
    event_days: int
    negative_stock: int

    @classmethod
    def of(cls, factor: int | None) -> Sizes:
        """The sizes of the demo (None) or of scale `factor`."""
        if factor is None:
            return cls(500, 53, 50, 2_000, 52, 4_904, 2_000, 3_000, 3, 4)
        return cls(
            customers=20_000 * factor,
            customers_without_email=2_120 * factor,
            products=2_000 * factor,
            orders=100_000 * factor,
            orders_without_status=2_600 * factor,
            items=250_000 * factor,
            payments=100_000 * factor,
            events=1_000_000 * factor,
            event_days=90,
            negative_stock=1_460 * factor,
        )


@dataclass(frozen=True)
class Plan:
    """A simulation: `day_starts` holds the midnights of the shop's zone, one more than days.

    Load k (from 0) holds what changed before `cutoffs[k]` and was extracted at `extracted[k]`. The
    first load is the history, each later one is one more day.
    """

    scale: str
    seed: int
    days: int
    loads: int
    sizes: Sizes
    first_day: date
    day_starts: Ints
    cutoffs: Ints
    extracted: Ints

    @classmethod
    def of(cls, scale: str, seed: int, days: int | None, loads: int) -> Plan:
        """The plan of one call; raises ConfigError for arguments that make no simulation."""
        factor = _factor(scale)
        default = FULL_DAYS if factor is not None else DEFAULT_DAYS["demo"]
        chosen = default if days is None else days
        if seed < 0:
            raise ConfigError(f"The seed is {seed}.", "Give a seed of 0 or more.")
        if loads < 1:
            raise ConfigError(f"The number of loads is {loads}.", "Give at least one load.")
        if chosen < 1 or chosen > MAX_DAYS:
            raise ConfigError(f"The number of days is {chosen}.", f"Give 1 to {MAX_DAYS} days.")
        if chosen < loads:
            raise ConfigError(
                f"{loads} loads do not fit into {chosen} days: each load after the first is a day.",
                "Give more days or fewer loads.",
            )
        first = LAST_DAY - timedelta(days=chosen - 1)
        dates = [first + timedelta(days=i) for i in range(chosen + 1)]
        starts = np.array([_midnight(day) for day in dates], dtype=np.int64)
        load_days = range(chosen - loads + 1, chosen + 1)
        extracted = [int(datetime.combine(dates[i], time(1), UTC).timestamp()) for i in load_days]
        return cls(
            scale=scale if factor is None else str(factor),
            seed=seed,
            days=chosen,
            loads=loads,
            sizes=Sizes.of(factor),
            first_day=first,
            day_starts=starts,
            cutoffs=starts[chosen - loads + 1 :].copy(),
            extracted=np.array(extracted, dtype=np.int64),
        )

    @property
    def is_demo(self) -> bool:
        """Whether this is the demo, with its exact sizes and three days of stock."""
        return self.scale == "demo"

    @property
    def start(self) -> int:
        """The first instant of the calendar."""
        return int(self.day_starts[0])

    @property
    def end(self) -> int:
        """The instant the calendar ends before."""
        return int(self.day_starts[-1])

    def rng(self, name: str) -> np.random.Generator:
        """The source of chance of one part: independent of all others, the same in every run."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def date(self, day: int) -> date:
        """The business day at a position of the calendar."""
        return self.first_day + timedelta(days=day)

    def day_of(self, at: Ints) -> Ints:
        """Positions in the calendar of the business days of instants."""
        return np.searchsorted(self.day_starts, at, side="right") - 1

    def load_of(self, at: Ints) -> Ints:
        """The load each instant belongs to; `loads` for instants after the calendar."""
        return np.searchsorted(self.cutoffs, at, side="right")

    def extract_of(self, day: int) -> int:
        """The instant the extracts of one business day are made: 01:00 UTC of the day after."""
        return int(datetime.combine(self.date(day + 1), time(1), UTC).timestamp())

    def instants(self, rng: np.random.Generator, day: Ints) -> Ints:
        """An instant in each business day, by the hours people shop at."""
        hour = rng.choice(24, size=day.size, p=_HOURS / _HOURS.sum())
        second = hour * HOUR + rng.integers(0, HOUR, day.size)
        length = self.day_starts[day + 1] - self.day_starts[day]
        at: Ints = self.day_starts[day] + second * length // (24 * HOUR)
        return at

    def share(self, count: int, per: int, least: int = 1) -> int:
        """`count` for every `per` orders, at least `least`."""
        return max(least, count * self.sizes.orders // per)


_HOURS = np.array(
    [9, 5, 3, 2, 2, 4, 10, 22, 36, 46, 52, 55, 56, 52, 50, 52, 55, 60, 68, 78, 84, 74, 48, 22],
    dtype=np.float64,
)


def _factor(scale: str) -> int | None:
    if scale == "demo":
        return None
    try:
        factor = int(scale)
    except ValueError:
        factor = 0
    if factor < 1:
        raise ConfigError(f"The scale is {scale!r}.", "Give demo or a whole number from 1.")
    return factor


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(0), ZoneInfo(ZONE)).timestamp())
