"""Visits of the web shop and the app, event by event, delivered by the hour.

Plain visits: pages, searches, carts, and a purchase at the end of those that led to an order.
Days are made one after the other, so that memory does not grow with the number of events.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from ingest.simulator.arrays import HOUR, Floats, Ints, draw, pick, spread
from ingest.simulator.customers import Customers
from ingest.simulator.lookalikes import households
from ingest.simulator.marketing import campaigns
from ingest.simulator.orders import Orders
from ingest.simulator.plan import Plan
from ingest.simulator.products import Products
from ingest.simulator.reference import Reference
from ingest.simulator.text import ids, iso, tokens, words
from ingest.simulator.vocabulary import BOT_AGENT, CHANNEL_SHARES, MARKETS, SEARCHES, USER_AGENTS

TYPES = ("page_view", "product_view", "search", "add_to_cart", "checkout", "purchase")
_VIEW, _PRODUCT, _SEARCH, _CART, _CHECKOUT, _PURCHASE = range(6)
_PAGES = ("/", "/product", "/search", "/cart", "/checkout", "/thanks")
_SESSION_EVENTS = 7
_MAX_GAP = 1_200


def make_events(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    products: Products,
    orders: Orders,
    weights: Floats,
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yields the end of each hour and the rows delivered in it, in the order of time.

    About 1 % of the events come up to 30 hours late, 0.5 % come twice; every event that happens is
    delivered before the calendar ends.
    """
    rng = plan.rng("events")
    days = range(max(0, plan.days - plan.sizes.event_days), plan.days)
    counts = spread(plan.sizes.events, weights[days.start : days.stop])
    household = households(plan, customers)
    waiting = pl.DataFrame()
    number = 0
    for day, count in zip(days, counts.tolist(), strict=True):
        made = _day(
            plan, reference, customers, household, products, orders, rng, day, count, number
        )
        number += count
        end = int(plan.day_starts[day + 1])
        waiting = pl.concat([waiting, made]) if waiting.height else made
        ready = waiting.filter(pl.col("hour") <= end).sort("hour", "place", "event_id")
        waiting = waiting.filter(pl.col("hour") > end)
        hours = ready["hour"].to_numpy()
        cuts = np.flatnonzero(np.diff(hours)) + 1
        starts = [0, *cuts.tolist()]
        rows = ready.drop("hour", "place")
        for first, last in zip(starts, [*cuts.tolist(), ready.height], strict=True):
            yield int(hours[first]), rows[first:last]


def _day(
    plan: Plan,
    reference: Reference,
    customers: Customers,
    household: Ints,
    products: Products,
    orders: Orders,
    rng: np.random.Generator,
    day: int,
    count: int,
    number: int,
) -> pl.DataFrame:
    """The `count` events of visits that start on one day, with the hour each is delivered."""
    start, end = int(plan.day_starts[day]), int(plan.day_starts[day + 1])
    web = np.flatnonzero((orders.day == day) & (orders.device >= 0))
    bought = draw(rng, web, count // (3 * _SESSION_EVENTS))
    visits = max(1, count // _SESSION_EVENTS, bought.size)
    length = 1 + rng.multinomial(count - visits, np.full(visits, 1 / visits)).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(length)[:-1]])
    visit = np.repeat(np.arange(visits), length)
    is_last = np.append(visit[1:] != visit[:-1], True)

    order = np.full(visits, -1, dtype=np.int64)
    order[: bought.size] = bought
    at = _times(plan, orders, rng, day, visit, first, order)
    kind = pick(rng, [0.36, 0.38, 0.12, 0.1, 0.04], count)
    kind[first] = np.where(length > 1, _VIEW, kind[first])
    before_last = np.append(is_last[1:], False) & (order[visit] >= 0)
    kind[before_last] = _CHECKOUT
    kind[is_last & (order[visit] >= 0)] = _PURCHASE

    customer, device = _visitors(customers, household, orders, rng, visits, order, start)
    is_bot = (rng.random(visits) < 0.005) & (order < 0)
    agent = np.where(is_bot, len(USER_AGENTS), device % len(USER_AGENTS))
    home = customers.address.at(np.maximum(customer, 0), np.full(visits, end))
    market = np.where(customer >= 0, customers.address_market[home], _HOME)
    offset = _offsets(reference, start)[market]
    shares = [CHANNEL_SHARES[c] * (c != "telephone") for c in reference.channels]
    channel = np.where(order >= 0, orders.channel[order], pick(rng, shares, visits))
    has_product = (kind == _PRODUCT) | (kind == _CART)
    popular = pick(rng, products.popularity * (products.launched < start), count)
    ordered = np.where(kind == _PURCHASE, order[visit], -1)
    searched = np.where(kind == _SEARCH, rng.integers(0, len(SEARCHES), count), -1)

    hour = (at // HOUR + 1) * HOUR
    late = rng.random(count) < 0.01
    hour = hour + late * rng.integers(1, 31, count) * HOUR
    # A visit that began before midnight ends in hours already delivered: it comes late.
    hour = np.clip(hour, start + HOUR, plan.end)
    place = at + np.where(rng.random(count) < 0.02, rng.integers(-600, 600, count), 0)
    again = np.flatnonzero(rng.random(count) < 0.005)
    rows = np.concatenate([np.arange(count), again])
    again_hour = np.minimum(hour[again] + HOUR * (rng.random(again.size) < 0.4), plan.end)
    v = visit[rows]
    return pl.select(
        hour=pl.Series(np.concatenate([hour, again_hour]).astype(np.int64)),
        place=pl.Series(np.concatenate([place, place[again] + 1])),
        event_id=ids("E", number + rows, 10),
        event_type=words(TYPES, kind[rows]),
        occurred_at=iso(at[rows]),
        client_utc_offset=words(_OFFSETS, offset[v] - _FIRST_OFFSET),
        device_id=tokens("dev_", device[v]),
        customer_id=ids("C", customer[v]),
        page=words(_PAGES, kind[rows]),
        product_id=ids("P", np.where(has_product, popular, -1)[rows], 6),
        order_id=ids("O", ordered[rows]),
        search_query=words(SEARCHES, searched[rows]),
        channel_id=words(reference.channels, channel[v]),
        campaign_id=_campaign(plan, reference, channel, day)[v],
        user_agent=words((*USER_AGENTS, BOT_AGENT), agent[v]),
    )


def _times(
    plan: Plan,
    orders: Orders,
    rng: np.random.Generator,
    day: int,
    visit: Ints,
    first: Ints,
    order: Ints,
) -> Ints:
    """When each event happens; the last one of a buying visit is the instant of its order."""
    gap = np.clip(rng.exponential(45, visit.size).astype(np.int64), 1, _MAX_GAP)
    gap[first] = 0
    elapsed = np.cumsum(gap)
    elapsed -= elapsed[first][visit]
    last = np.append(first[1:], visit.size) - 1
    start = plan.instants(rng, np.full(first.size, day))
    start = np.where(order >= 0, orders.placed[order] - elapsed[last], start)
    at: Ints = np.minimum(start[visit] + elapsed, plan.end - 1)
    return at


def _visitors(
    customers: Customers,
    household: Ints,
    orders: Orders,
    rng: np.random.Generator,
    visits: int,
    order: Ints,
    start: int,
) -> tuple[Ints, Ints]:
    """Customer (-1 for strangers) and device of each visit."""
    known = (customers.created < start) & ~customers.is_late & (customers.active_until > start)
    customer = pick(rng, customers.weight * known, visits)
    is_stranger = rng.random(visits) < 0.55
    device = 2 * household[customer] + (rng.random(visits) < 0.2)
    pool = 3 * customers.size + rng.integers(0, 3 * customers.size, visits)
    customer = np.where(is_stranger, -1, customer)
    device = np.where(is_stranger, pool, device)
    buys = order >= 0
    return (
        np.where(buys, orders.customer[order], customer),
        np.where(buys, orders.device[order], device),
    )


def _offsets(reference: Reference, start: int) -> Ints:
    """Hours from UTC at noon of the day that starts at an instant, by market."""
    noon = datetime.fromtimestamp(start + 12 * HOUR, UTC)
    zones = [noon.astimezone(ZoneInfo(name)).utcoffset() for name in reference.time_zones]
    return np.array([int(zone.total_seconds()) // HOUR for zone in zones if zone is not None])


def _campaign(plan: Plan, reference: Reference, channel: Ints, day: int) -> pl.Series:
    """The campaign that runs in a channel on a day; null where none does."""
    mail = [c.campaign_id for c in campaigns(plan) if c.first <= day < c.last]
    month = f"{plan.date(day):%Y%m}"
    names: list[str | None] = []
    for name in reference.channels:
        paid = f"{name}_{month}" if name in reference.paid_channels else None
        names.append(mail[0] if name == "email" and mail else paid)
    return pl.Series(names, dtype=pl.String).gather(channel)


_FIRST_OFFSET = -12
_OFFSETS = tuple(f"{'-' if h < 0 else '+'}{abs(h):02d}:00" for h in range(_FIRST_OFFSET, 15))
_HOME = list(MARKETS).index("DE")
