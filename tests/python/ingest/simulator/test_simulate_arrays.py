"""The small arithmetic the simulator rests on, against slow and obvious versions of it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.arrays import NEVER, Steps, draw, half_up, spread
from ingest.simulator.plan import Plan
from ingest.simulator.text import ids, iso, money, stamp, tokens

CHANGES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 50), st.integers(0, 9)), max_size=20)


@given(st.integers(0, 10**9), st.integers(1, 10**5))
def test_half_up_rounds_like_decimal(numerator: int, denominator: int) -> None:
    expected = (Decimal(numerator) / denominator).quantize(Decimal(1), ROUND_HALF_UP)
    assert half_up(np.array([numerator]), denominator)[0] == expected


@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 100), min_size=1, max_size=50))
def test_spread_adds_up_and_stays_within_one(total: int, weights: list[float]) -> None:
    exact = np.array(weights) / sum(weights) * total
    parts = spread(total, np.array(weights))
    assert parts.sum() == total
    assert np.all(np.abs(parts - exact) < 1 + 1e-6)


@given(CHANGES, st.integers(0, 4), st.integers(0, 60))
def test_steps_give_the_last_value_at_or_before(
    changes: list[tuple[int, int, int]], entity: int, at: int
) -> None:
    unique = {(who, when): value for who, when, value in changes}
    who, when = (np.array([key[i] for key in unique], dtype=np.int64) for i in (0, 1))
    value = np.array(list(unique.values()), dtype=np.int64)
    steps = Steps.build(np.full(5, 100), who, when, value)
    past = sorted((t, v) for (e, t), v in unique.items() if e == entity and t <= at)
    expected_at, expected = past[-1] if past else (0, 100)
    assert steps.at(np.array([entity]), np.array([at]))[0] == expected
    assert steps.changed(np.array([entity]), np.array([at]))[0] == expected_at


def test_draw_takes_what_there_is() -> None:
    rng = np.random.default_rng(1)
    assert draw(rng, np.arange(3), 10).tolist() == [0, 1, 2]
    assert draw(rng, np.arange(3), -1).tolist() == []


def test_spelling() -> None:
    assert ids("C", np.array([0, -1])).to_list() == ["C00000001", None]
    assert money(np.array([5, 12_345])).to_list() == ["0.05", "123.45"]
    assert iso(np.array([0, NEVER])).to_list() == ["1970-01-01T00:00:00Z", None]
    assert stamp(0) == "19700101T000000Z"
    shown = tokens("t_", np.array([1, 2, -1])).to_list()
    assert shown[0] != shown[1] and shown[2] is None and len(str(shown[0])) == 18


def test_days_of_the_calendar_are_days_of_the_shops_zone() -> None:
    plan = Plan.of("demo", 1, None, 3)
    lengths = np.diff(plan.day_starts) // 3_600
    assert plan.days == 180 and plan.date(0).isoformat() == "2025-07-05"
    assert sorted(set(lengths.tolist())) == [24, 25]
    assert plan.date(int(np.argmax(lengths))).isoformat() == "2025-10-26"
    assert iso(plan.cutoffs).to_list()[-1] == "2025-12-31T23:00:00Z"
    assert np.all(plan.extracted > plan.cutoffs)
