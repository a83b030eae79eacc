"""Robust z-scores against plain Python, and at every boundary of their definition."""

from __future__ import annotations

import math
import random
import statistics
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payments import DAY, before, frame, night_after

from ml.payment_anomaly.zscore import LEAST_BASELINE, add_z_scores


def known(row: dict[str, Any]) -> datetime:
    return row.get("available_at") or night_after(row["payment_date"])


def first_known(rows: list[dict[str, Any]], row: dict[str, Any]) -> datetime:
    """When the first payment with an amount of the source and date of a row was known."""
    return min(
        known(other)
        for other in rows
        if other["source_system"] == row["source_system"]
        and other["payment_date"] == row["payment_date"]
        and other["amount"] is not None
        and other["amount"] > 0
    )


def oracle(rows: list[dict[str, Any]]) -> list[tuple[float | None, str | None, int | None, Any]]:
    """z_score, z_baseline, z_baseline_size and z_reason of each row, by the definition."""
    found: list[tuple[float | None, str | None, int | None, Any]] = []
    for row in rows:
        if row["payment_date"] is None:
            found.append((None, None, None, "no_date"))
            continue
        if row["amount"] is None or row["amount"] <= 0:
            found.append((None, None, None, "not_positive"))
            continue
        earlier = [
            other
            for other in rows
            if other["payment_date"] is not None
            and other["amount"] is not None
            and other["amount"] > 0
            and other["source_system"] == row["source_system"]
            and other["currency"] == row["currency"]
            and 1 <= (row["payment_date"] - other["payment_date"]).days <= 180
            and known(other) <= first_known(rows, row)
        ]
        same = [
            other
            for other in earlier
            if other["payment_method_id"] == row["payment_method_id"]
            and row["payment_method_id"] is not None
        ]
        used, name = (same, "method_and_currency") if len(same) >= 30 else (earlier, "currency")
        if len(used) < 30:
            found.append((None, None, None, "thin_baseline"))
            continue
        logs = [math.log(float(other["amount"])) for other in used]
        median = statistics.median(logs)
        deviations = [abs(value - median) for value in logs]
        mad = statistics.median(deviations)
        distance = math.log(float(row["amount"])) - median
        if mad > 1e-12:
            found.append((0.6745 * distance / mad, name, len(used), None))
        elif (mean := statistics.fmean(deviations)) > 1e-12:
            found.append((distance / (1.2533 * mean), name, len(used), None))
        elif abs(distance) < 1e-12:
            found.append((0.0, name, len(used), None))
        else:
            found.append((None, name, len(used), "constant_baseline"))
    return found


@st.composite
def payments(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some dozens of payments on few days, methods, currencies and amounts, so that ties abound."""
    count = draw(st.sampled_from([0, 3, 60, 90, 120]))
    rng = random.Random(draw(st.integers(0, 2**32)))
    days = draw(st.lists(st.integers(0, 400), min_size=1, max_size=6))
    amounts = draw(
        st.lists(
            st.decimals(Decimal("-5"), Decimal("5000"), places=2, allow_nan=False),
            min_size=1,
            max_size=8,
        )
    )
    several: list[list[str | None]] = [["card"], ["card", "wallet"], ["card", None]]
    methods = draw(st.sampled_from(several))
    return [
        {
            "source_system": rng.choice(["shop", "shop", "shop", "olist"]),
            "payment_method_id": rng.choice(methods),
            "currency": rng.choice(["EUR", "EUR", "EUR", "EUR", "USD"]),
            "payment_date": rng.choice([*map(before, days * 4), None]),
            "amount": rng.choice([*amounts * 4, None]),
            "available_at": rng.choice([None, None, night_after(before(rng.choice(days) - 30))]),
        }
        for _ in range(count)
    ]


def scores(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return (
        add_z_scores(frame(rows).drop("z_score", "z_reason"))
        .select("z_score", "z_baseline", "z_baseline_size", "z_reason")
        .rows()
    )


@settings(max_examples=150, deadline=None)
@given(payments())
def test_equals_the_definition(rows: list[dict[str, Any]]) -> None:
    found = scores(rows)
    expected = oracle(rows)
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    for (z_score, *_), (exact, *_) in zip(found, expected, strict=True):
        assert (z_score is None) == (exact is None)
        assert z_score is None or z_score == pytest.approx(exact, rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(payments(), st.integers(-30, 400))
def test_what_was_known_later_changes_no_score(rows: list[dict[str, Any]], day: int) -> None:
    """Of a delivery that was late too: what a classifier learned from is what it is asked with."""
    snapshot = night_after(before(day))
    told = [row for row in rows if known(row) <= snapshot]
    with_later = dict(zip(map(id, rows), scores(rows), strict=True))
    assert scores(told) == [with_later[id(row)] for row in told]


@settings(max_examples=40, deadline=None)
@given(payments(), st.integers(0, 400))
def test_never_looks_ahead(rows: list[dict[str, Any]], day: int) -> None:
    known = [row for row in rows if row["payment_date"] and row["payment_date"] <= before(day)]
    with_future = dict(zip(map(id, rows), scores(rows), strict=True))
    assert scores(known) == [with_future[id(row)] for row in known]


@settings(max_examples=40, deadline=None)
@given(payments(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(rows: list[dict[str, Any]], rng: random.Random) -> None:
    shuffled = rng.sample(rows, len(rows))
    found = dict(zip(map(id, shuffled), scores(shuffled), strict=True))
    assert [found[id(row)] for row in rows] == scores(rows)


def test_sums_round_alike_whatever_the_order() -> None:
    rng = random.Random(7)
    same = [{"payment_date": before(9), "amount": Decimal(50)} for _ in range(60)]
    others = [
        {"payment_date": before(9), "amount": Decimal(rng.randint(1, 10**6)) / 100}
        for _ in range(50)
    ]
    last = {"payment_date": DAY, "amount": Decimal("77.70")}
    found = {scores([*rng.sample(same + others, 110), last])[-1] for _ in range(20)}
    assert len(found) == 1


def test_rows_keep_their_order_and_their_columns() -> None:
    rows = frame([{"amount": 5}, {"amount": None}, {"amount": 7}]).drop("z_score", "z_reason")
    found = add_z_scores(rows)
    assert found.select(rows.columns).equals(rows)
    assert found.columns[len(rows.columns) :] == [
        "z_score",
        "z_baseline",
        "z_baseline_size",
        "z_reason",
    ]
    assert add_z_scores(rows.clear()).schema == found.schema


AMOUNTS = [Decimal(10 + number % 9) for number in range(200)]


def past(count: int, days: int = 10, **columns: Any) -> list[dict[str, Any]]:
    return [
        {"payment_date": before(days), "amount": AMOUNTS[number]} | columns
        for number in range(count)
    ]


def judge(earlier: list[dict[str, Any]], **columns: Any) -> tuple[Any, ...]:
    """The score of one payment on DAY after the earlier ones."""
    row: dict[str, Any] = {"payment_date": DAY, "amount": Decimal(100)}
    return scores([*earlier, row | columns])[-1]


def test_thirty_are_enough_and_twenty_nine_are_not() -> None:
    assert judge(past(30))[1:] == ("method_and_currency", 30, None)
    assert judge(past(29)) == (None, None, None, "thin_baseline")
    assert LEAST_BASELINE == 30


def test_a_thin_method_falls_back_to_the_currency() -> None:
    others = past(10, payment_method_id="wallet")
    assert judge(past(29) + others)[1:] == ("currency", 39, None)
    assert judge(past(30) + others)[1:] == ("method_and_currency", 30, None)
    dollars = past(100, payment_method_id="wallet", currency="USD")
    assert judge(past(29) + dollars)[3] == "thin_baseline"
    elsewhere = past(100, source_system="olist")
    assert judge(past(29) + elsewhere)[3] == "thin_baseline"


def test_a_payment_without_method_is_judged_among_all() -> None:
    assert judge(past(40), payment_method_id=None)[1:] == ("currency", 40, None)
    nameless = past(40, payment_method_id=None)
    assert judge(nameless, payment_method_id=None)[1:] == ("currency", 40, None)


@pytest.mark.parametrize(("days", "counted"), [(1, 40), (180, 40), (181, 30), (0, 30), (-1, 30)])
def test_the_window_is_the_180_days_before_the_date(days: int, counted: int) -> None:
    assert judge(past(30, days=10) + past(10, days=days))[2] == counted


def test_a_mad_of_zero_takes_the_mean_deviation() -> None:
    earlier = past(40)
    for row in earlier[:30]:
        row["amount"] = Decimal(50)
    for row in earlier[30:]:
        row["amount"] = Decimal(100)
    z_score, _, _, reason = judge(earlier, amount=Decimal(100))
    mean_deviation = 10 * math.log(2) / 40
    assert z_score == pytest.approx(math.log(2) / (1.2533 * mean_deviation))
    assert reason is None


def test_equal_amounts_score_nothing_and_another_is_flagged() -> None:
    earlier = past(40)
    for row in earlier:
        row["amount"] = Decimal("19.90")
    assert judge(earlier, amount=Decimal("19.90"))[0] == 0.0
    assert judge(earlier, amount=Decimal("19.90"))[3] is None
    assert judge(earlier, amount=Decimal("19.91"))[::3] == (None, "constant_baseline")


@pytest.mark.parametrize("amount", [Decimal(0), Decimal("-3.50"), None])
def test_what_is_not_positive_is_neither_scored_nor_counted(amount: Decimal | None) -> None:
    assert judge(past(40), amount=amount) == (None, None, None, "not_positive")
    nothing = past(10)
    for row in nothing:
        row["amount"] = amount
    assert judge(past(30) + nothing)[2] == 30


def test_a_payment_without_date_is_neither_scored_nor_counted() -> None:
    assert judge(past(40), payment_date=None) == (None, None, None, "no_date")
    undated = past(10)
    for row in undated:
        row["payment_date"] = None
    assert judge(past(30) + undated)[2] == 30


def test_payments_of_one_day_do_not_judge_each_other() -> None:
    same_day = [{"payment_date": DAY, "amount": Decimal(1000)} for _ in range(50)]
    found = scores(past(30) + same_day)
    assert {row[2] for row in found[30:]} == {30}
    assert len({row[0] for row in found[30:]}) == 1


def test_the_score_is_the_distance_in_scaled_mads() -> None:
    earlier = past(31)
    logs = [math.log(row["amount"]) for row in earlier]
    mad = statistics.median(abs(value - statistics.median(logs)) for value in logs)
    expected = 0.6745 * (math.log(100) - statistics.median(logs)) / mad
    assert judge(earlier)[0] == pytest.approx(expected, rel=1e-12)


def test_the_score_is_signed() -> None:
    assert judge(past(40), amount=Decimal(500))[0] > 3.5
    assert judge(past(40), amount=Decimal("0.10"))[0] < -3.5


def test_amounts_may_be_decimal_or_float() -> None:
    rows = frame([*past(40), {"amount": Decimal(100)}]).drop("z_score", "z_reason")
    as_float = rows.with_columns(pl.col("amount").cast(pl.Float64))
    assert add_z_scores(rows)["z_score"].equals(add_z_scores(as_float)["z_score"])
