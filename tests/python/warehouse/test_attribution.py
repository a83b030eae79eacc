"""Attribution of random journeys against a plain loop, and the Markov chain against numpy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.python.portable_sql import project_renderer
from tests.python.warehouse.allocation import shared

MARKETING = Path(__file__).resolve().parents[3] / "models" / "marts" / "marketing"
MODELS = ["order_touches", "channel_transitions", "channel_removal_effects", "attribution"]
BEGIN = datetime(2025, 1, 1)
LOOKBACK = timedelta(days=30)
WEEK = timedelta(days=7)
DIRECT, UNKNOWN, OWN = "direct", "-1", "telephone"
CHANNELS = ["email", "paid_search", "referral", DIRECT, UNKNOWN]
UNITS = 10**12


@dataclass(frozen=True)
class Visit:
    """A session: its key, who came when over which channel, and whether that is a person."""

    key: str
    person: str
    started_at: datetime
    channel: str
    is_identified: bool


@dataclass(frozen=True)
class Order:
    """An order: its id, who placed it when, its net and refunded amounts in cents."""

    order_id: str
    person: str
    placed_at: datetime
    is_valid: bool
    net_cents: int | None
    refunded_cents: int


moments = st.integers(0, 90 * 24).map(lambda hours: BEGIN + timedelta(hours=hours))
persons = st.sampled_from(["anna", "bert", "carl"])


@st.composite
def journeys(draw: st.DrawFn) -> tuple[list[Visit], list[Order]]:
    """Visits and orders of three persons, one of whom is only known as a visitor."""
    visits = [
        Visit(f"s{number:02}", person, at, draw(st.sampled_from(CHANNELS)), person != "carl")
        for number, (person, at) in enumerate(
            draw(st.lists(st.tuples(persons, moments), min_size=1))
        )
    ]
    orders = [
        Order(
            f"o{number:02}",
            person if person != "carl" else "-1",
            at,
            draw(st.integers(0, 9)) > 0,
            draw(st.one_of(st.none(), st.integers(0, 10**6))),
            draw(st.integers(0, 10**6)),
        )
        for number, (person, at) in enumerate(
            draw(st.lists(st.tuples(persons, moments), max_size=8))
        )
    ]
    return visits, orders


def touches_of(order: Order, visits: Sequence[Visit]) -> list[Visit]:
    """The visits of an order in time."""
    found = [
        visit
        for visit in visits
        if visit.is_identified
        and visit.person == order.person
        and timedelta(0) < order.placed_at - visit.started_at <= LOOKBACK
    ]
    return sorted(found, key=lambda visit: (visit.started_at, visit.key))


def transitions_of(visits: Sequence[Visit], orders: Sequence[Order]) -> Counter[tuple[str, str]]:
    """How often a state follows another, journey by journey."""
    paths: dict[tuple[str, int, bool], list[Visit]] = defaultdict(list)
    for visit in sorted(visits, key=lambda visit: (visit.started_at, visit.key)):
        times = [o.placed_at for o in orders if o.is_valid and o.person == visit.person]
        before = sum(placed_at <= visit.started_at for placed_at in times)
        later = [placed_at for placed_at in times if placed_at > visit.started_at]
        converts = bool(later) and min(later) - visit.started_at <= LOOKBACK
        paths[visit.person, before, converts].append(visit)
    found: Counter[tuple[str, str]] = Counter()
    for (_, _, converts), path in paths.items():
        states = ["start", *(visit.channel for visit in path), "conversion" if converts else "none"]
        found.update(pairwise(states))
    return found


def conversion_probability(transitions: Mapping[tuple[str, str], int], removed: str) -> float:
    """The chance to reach an order from the start, by solving the equations of the chain."""
    states = sorted({state for state, _ in transitions})
    matrix, reward = np.zeros((len(states), len(states))), np.zeros(len(states))
    for (before, after), count in transitions.items():
        if before == removed or after == removed:
            continue
        share = count / sum(n for (state, _), n in transitions.items() if state == before)
        if after == "conversion":
            reward[states.index(before)] += share
        elif after != "none":
            matrix[states.index(before), states.index(after)] += share
    solved = np.linalg.solve(np.eye(len(states)) - matrix, reward)
    return float(solved[states.index("start")])


def removal_effects(transitions: Mapping[tuple[str, str], int]) -> dict[str, float]:
    """Which part of the orders is lost without each channel."""
    whole = conversion_probability(transitions, "")
    channels = {state for state, _ in transitions} - {"start"}
    return {
        channel: 1 - conversion_probability(transitions, channel) / whole if whole else 0.0
        for channel in channels
    }


def weights_of(
    order: Order, touches: Sequence[Visit], effects: Mapping[str, Decimal]
) -> dict[str, list[int]]:
    """What each touch weighs under each model."""
    count = len(touches)
    brought = [n for n, visit in enumerate(touches) if visit.channel not in (DIRECT, UNKNOWN)]
    last_brought = brought[-1] if brought else count - 1
    ends = [2 * (count - 2) if n in (0, count - 1) else 1 for n in range(count)]
    ages = [(order.placed_at - visit.started_at) / WEEK for visit in touches]
    return {
        "first": [int(n == 0) for n in range(count)],
        "last": [int(n == count - 1) for n in range(count)],
        "last_non_direct": [int(n == last_brought) for n in range(count)],
        "linear": [1] * count,
        "position": ends if count > 2 else [1] * count,
        "time_decay": [round(10**9 * 2**-age) for age in ages],
        "markov": [round(10**9 * effects[visit.channel]) for visit in touches],
    }


class Warehouse:
    """The models of attribution over tables of their inputs."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        renderer = project_renderer(manifest, with_engine=True)
        self._sql = {
            name: renderer.render((MARKETING / f"{name}.sql").read_text(encoding="utf-8"))
            for name in MODELS
        }
        self.connection = duckdb.connect()
        self.connection.execute(
            "create table person_sessions (session_key varchar, person_key varchar,"
            " started_at timestamp, channel_key varchar, identified_by varchar,"
            " source_system varchar, campaign_id varchar);"
            "create table fact_orders (order_id varchar, identity_key varchar,"
            " placed_at timestamp, is_valid_order boolean, source_system varchar,"
            " channel_key varchar, order_date date, order_date_key integer,"
            " is_first_order boolean, reporting_currency varchar);"
            "create table order_margin (order_id varchar, reporting_net_amount decimal(18, 2),"
            " reporting_refunded_net_amount decimal(18, 2), source_system varchar);"
            "create table dim_channel as select * from (values ('direct', 'direct'), ('-1', '-1'))"
            " as channel (channel_key, channel_id)"
        )

    def build(self, visits: Sequence[Visit], orders: Sequence[Order]) -> None:
        """Makes all tables of these visits and orders."""
        for table in ("person_sessions", "fact_orders", "order_margin"):
            self.connection.execute(f"delete from {table}")
        for visit in visits:
            self.connection.execute(
                "insert into person_sessions values (?, ?, ?, ?, ?, 'shop', null)",
                [
                    *(visit.key, visit.person, visit.started_at, visit.channel),
                    "account" if visit.is_identified else "nothing",
                ],
            )
        for order in orders:
            self.connection.execute(
                "insert into fact_orders values (?, ?, ?, ?, 'shop', ?, null, -1, null, 'EUR')",
                [order.order_id, order.person, order.placed_at, order.is_valid, OWN],
            )
            net = None if order.net_cents is None else Decimal(order.net_cents) / 100
            self.connection.execute(
                "insert into order_margin values (?, ?, ?, 'shop')",
                [order.order_id, net, Decimal(order.refunded_cents) / 100],
            )
        for name, sql in self._sql.items():
            self.connection.execute(f"create or replace table {name} as {sql}")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def warehouse(manifest: Mapping[str, Any]) -> Iterator[Warehouse]:
    made = Warehouse(manifest)
    yield made
    made.connection.close()


@settings(max_examples=60, deadline=None)
@given(journeys())
def test_removal_effects_solve_the_chain(
    warehouse: Warehouse, made: tuple[list[Visit], list[Order]]
) -> None:
    visits, orders = made
    warehouse.build(visits, orders)
    expected = transitions_of(visits, orders)
    counted = warehouse.rows(
        "select from_state, to_state, transition_count from channel_transitions"
    )
    assert {(before, after): count for before, after, count in counted} == expected
    found = dict(warehouse.rows("select channel_key, removal_effect from channel_removal_effects"))
    effects = removal_effects(expected)
    assert found.keys() == effects.keys()
    for channel, effect in effects.items():
        assert float(found[channel]) == pytest.approx(effect, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(journeys())
def test_every_model_shares_every_order(
    warehouse: Warehouse, made: tuple[list[Visit], list[Order]]
) -> None:
    visits, orders = made
    warehouse.build(visits, orders)
    effects = dict(
        warehouse.rows("select channel_key, removal_effect from channel_removal_effects")
    )
    expected: dict[tuple[str, str, str], tuple[str, Fraction]] = {}
    for order in (order for order in orders if order.is_valid):
        touches = touches_of(order, visits)
        if not touches:
            names = weights_of(order, [], effects)
            expected |= {(order.order_id, name, "-1"): (OWN, Fraction(1)) for name in names}
            continue
        for name, weights in weights_of(order, touches, effects).items():
            for visit, units in zip(touches, shared(UNITS, weights), strict=True):
                if units:
                    key = (order.order_id, name, visit.key)
                    expected[key] = (visit.channel, Fraction(units, UNITS))
    found = {
        (order_id, name, key): (channel, Fraction(share))
        for order_id, name, key, channel, share in warehouse.rows(
            "select order_id, attribution_model, session_key, channel_key, order_share"
            " from attribution"
        )
    }
    assert found.keys() == expected.keys()
    for key, (channel, share) in expected.items():
        # The exponent of one engine may differ from that of the other in its last digit.
        assert found[key][0] == channel
        assert found[key][1] == pytest.approx(share, abs=1e-8)
    totals = warehouse.rows(
        "select order_id, attribution_model, sum(order_share), sum(reporting_net_amount),"
        " sum(reporting_refunded_net_amount), sum(net_revenue_amount) from attribution group by all"
    )
    by_id = {order.order_id: order for order in orders}
    for order_id, _, share, net, refunded, revenue in totals:
        order = by_id[order_id]
        assert share == 1
        assert refunded * 100 == order.refunded_cents
        assert (None if net is None else net * 100) == order.net_cents
        assert revenue == (None if net is None else net - refunded)
