"""Each rule at its boundary, the points they add up to, and the levels these make."""

from __future__ import annotations

import csv
import random
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payments import NOON, SCHEMA, frame, minutes

from ingest.home import PROJECT_DIR
from ml.payment_anomaly.rules import Rule, UnknownRuleError, apply_rules

SEEDS = PROJECT_DIR / "seeds"
LEVELS = {"LOW": 0, "MEDIUM": 20, "HIGH": 45, "CRITICAL": 70}

RULES = {
    "off_hours": Rule("off_hours", 10, hour_from=0, hour_to=5),
    "high_amount": Rule("high_amount", 15, threshold=1000.0),
    "high_risk_score": Rule("high_risk_score", 30, threshold=0.75),
    "international": Rule("international", 15),
    "velocity_card": Rule("velocity_card", 25, minimum_count=4, window_minutes=60),
    "velocity_device": Rule("velocity_device", 20, minimum_count=5, window_minutes=60),
    "velocity_email": Rule("velocity_email", 15, minimum_count=6, window_minutes=1440),
    "declines_then_success": Rule(
        "declines_then_success", 30, minimum_count=3, window_minutes=1440
    ),
    "new_account_high_amount": Rule(
        "new_account_high_amount", 20, threshold=300.0, account_age_days=7
    ),
    "amount_outlier": Rule("amount_outlier", 20, threshold=3.5),
}


def fired(rows: list[dict[str, Any]], *rules: Rule) -> list[str]:
    """The fired rules of each row."""
    found: list[str] = apply_rules(frame(rows), rules, LEVELS)["fired_rules"].to_list()
    return found


def fires(name: str, *rows: dict[str, Any]) -> bool:
    """Whether the rule fires on the last of the rows."""
    return fired(list(rows), RULES[name])[-1] == name


SINGLE: list[tuple[str, dict[str, Any], bool]] = [
    ("off_hours", {"local_hour": 0}, True),
    ("off_hours", {"local_hour": 4}, True),
    ("off_hours", {"local_hour": 5}, False),
    ("off_hours", {"local_hour": 23}, False),
    ("off_hours", {"local_hour": None}, False),
    ("high_amount", {"reporting_amount": Decimal("1000.00")}, True),
    ("high_amount", {"reporting_amount": Decimal("999.99")}, False),
    ("high_amount", {"reporting_amount": None, "amount": Decimal(5000)}, False),
    ("high_risk_score", {"gateway_risk_score": 0.75}, True),
    ("high_risk_score", {"gateway_risk_score": 0.7499999}, False),
    ("high_risk_score", {"gateway_risk_score": None}, False),
    ("international", {"is_international": True}, True),
    ("international", {"is_international": False}, False),
    ("international", {"is_international": None}, False),
    ("amount_outlier", {"z_score": 3.5}, False),
    ("amount_outlier", {"z_score": 3.5000001}, True),
    ("amount_outlier", {"z_score": -3.5}, False),
    ("amount_outlier", {"z_score": -3.5000001}, True),
    ("amount_outlier", {"z_score": None, "z_reason": "constant_baseline"}, True),
    ("amount_outlier", {"z_score": None, "z_reason": "thin_baseline"}, False),
    ("amount_outlier", {"z_score": None, "z_reason": "not_positive"}, False),
    (
        "new_account_high_amount",
        {"account_age_days": 6, "reporting_amount": Decimal("300.00")},
        True,
    ),
    (
        "new_account_high_amount",
        {"account_age_days": 7, "reporting_amount": Decimal("300.00")},
        False,
    ),
    (
        "new_account_high_amount",
        {"account_age_days": 6, "reporting_amount": Decimal("299.99")},
        False,
    ),
    (
        "new_account_high_amount",
        {"account_age_days": None, "reporting_amount": Decimal(900)},
        False,
    ),
]


@pytest.mark.parametrize(("name", "row", "expected"), SINGLE)
def test_a_rule_on_one_payment(name: str, row: dict[str, Any], expected: bool) -> None:
    assert fires(name, row) is expected


@pytest.mark.parametrize(
    ("hour", "expected"), [(21, False), (22, True), (23, True), (0, True), (2, False)]
)
def test_hours_may_go_over_midnight(hour: int, expected: bool) -> None:
    rule = replace(RULES["off_hours"], hour_from=22, hour_to=2)
    assert bool(fired([{"local_hour": hour}], rule)[0]) is expected


@pytest.mark.parametrize(
    ("name", "key", "count", "window"),
    [
        ("velocity_card", "card_token", 4, 60),
        ("velocity_device", "device_hash", 5, 60),
        ("velocity_email", "payer_email_hash", 6, 1440),
    ],
)
class TestVelocity:
    """Attempts with one key in the window that ends with the judged payment."""

    def test_enough_attempts_fire(self, name: str, key: str, count: int, window: int) -> None:
        rows = [{key: "k", "paid_at": minutes(number)} for number in range(count)]
        assert fired(rows, RULES[name]) == [""] * (count - 1) + [name]

    def test_one_less_does_not(self, name: str, key: str, count: int, window: int) -> None:
        rows = [{key: "k", "paid_at": minutes(number)} for number in range(count - 1)]
        assert fired(rows, RULES[name]) == [""] * (count - 1)

    def test_declined_attempts_count(self, name: str, key: str, count: int, window: int) -> None:
        rows = [
            {key: "k", "paid_at": minutes(number), "payment_status": "declined"}
            for number in range(count)
        ]
        assert fires(name, *rows)

    def test_the_window_is_open_at_its_start(
        self, name: str, key: str, count: int, window: int
    ) -> None:
        late = [{key: "k", "paid_at": minutes(0)} for _ in range(count - 1)]
        just = {key: "k", "paid_at": minutes(-window) + timedelta(microseconds=1)}
        gone = {key: "k", "paid_at": minutes(-window)}
        assert fires(name, just, *late)
        assert not fires(name, gone, *late)

    def test_later_ones_do_not_count(self, name: str, key: str, count: int, window: int) -> None:
        rows = [{key: "k", "paid_at": minutes(number)} for number in range(count)]
        assert not fires(name, *reversed(rows))

    def test_those_of_one_instant_count(self, name: str, key: str, count: int, window: int) -> None:
        rows = [{key: "k", "paid_at": NOON} for _ in range(count)]
        assert fired(rows, RULES[name]) == [name] * count

    def test_other_keys_and_sources_do_not_count(
        self, name: str, key: str, count: int, window: int
    ) -> None:
        rows = [{key: f"k{number}", "paid_at": NOON} for number in range(count)]
        assert not fires(name, *rows)
        sources = [{key: "k", "source_system": f"s{number}"} for number in range(count)]
        assert not fires(name, *sources)

    def test_unknown_keys_are_not_one_key(
        self, name: str, key: str, count: int, window: int
    ) -> None:
        assert not fires(name, *({key: None} for _ in range(count)))

    def test_payments_without_time_neither_fire_nor_count(
        self, name: str, key: str, count: int, window: int
    ) -> None:
        rows: list[dict[str, Any]] = [{key: "k", "paid_at": None} for _ in range(count)]
        assert fired(rows, RULES[name]) == [""] * count
        assert not fires(name, *rows, {key: "k", "paid_at": NOON})


def declines(count: int, at: datetime = NOON, **columns: str) -> list[dict[str, Any]]:
    return [{"paid_at": at, "payment_status": "declined"} | columns for _ in range(count)]


class TestDeclinesThenSuccess:
    """Captured after declined attempts for the same order or card."""

    @pytest.mark.parametrize("key", ["order_id", "card_token"])
    def test_three_declines_fire(self, key: str) -> None:
        success = {"paid_at": minutes(1), key: "k"}
        three = [declined | {key: "k"} for declined in declines(3)]
        assert fires("declines_then_success", *three, success)
        assert not fires("declines_then_success", *three[1:], success)

    def test_order_and_card_are_not_added_up(self) -> None:
        rows = declines(2, order_id="o") + declines(2, card_token="c")
        success = {"paid_at": minutes(1), "order_id": "o", "card_token": "c"}
        assert not fires("declines_then_success", *rows, success)

    def test_only_a_captured_payment_is_a_success(self) -> None:
        rows = declines(5, order_id="o")
        again = declines(1, minutes(1), order_id="o")
        assert fired(rows + again, RULES["declines_then_success"]) == [""] * 6

    def test_only_declines_count(self) -> None:
        paid = [{"paid_at": NOON, "order_id": "o"} for _ in range(5)]
        assert not fires("declines_then_success", *paid, {"paid_at": minutes(1), "order_id": "o"})

    def test_the_window_holds_its_start_and_not_the_moment_itself(self) -> None:
        success = {"paid_at": minutes(1440), "order_id": "o"}
        assert fires("declines_then_success", *declines(3, order_id="o"), success)
        early = declines(3, NOON - timedelta(microseconds=1), order_id="o")
        assert not fires("declines_then_success", *early, success)
        same = declines(3, minutes(1440), order_id="o")
        assert not fires("declines_then_success", *same, success)

    def test_unknown_orders_and_cards_are_not_one(self) -> None:
        assert not fires("declines_then_success", *declines(5), {"paid_at": minutes(1)})


def test_points_add_up_and_names_come_in_the_order_of_the_seed() -> None:
    row = {"local_hour": 3, "is_international": True, "gateway_risk_score": 0.9}
    rules = [RULES["international"], RULES["off_hours"], RULES["high_risk_score"]]
    (found,) = apply_rules(frame([row]), rules, LEVELS).to_dicts()
    assert found["fired_rules"] == "international,off_hours,high_risk_score"
    assert found["points"] == 15 + 10 + 30
    assert found["rule_level"] == "HIGH"


@pytest.mark.parametrize(
    ("points", "level"),
    [
        (0, "LOW"),
        (19, "LOW"),
        (20, "MEDIUM"),
        (44, "MEDIUM"),
        (45, "HIGH"),
        (69, "HIGH"),
        (70, "CRITICAL"),
        (500, "CRITICAL"),
    ],
)
def test_levels_begin_at_their_cut_offs(points: int, level: str) -> None:
    rule = replace(RULES["international"], points=points)
    shuffled = dict(random.Random(points).sample(sorted(LEVELS.items()), len(LEVELS)))
    (found,) = apply_rules(frame([{"is_international": True}]), [rule], shuffled).to_dicts()
    assert (found["points"], found["rule_level"]) == (points, level)


def test_without_rules_nothing_fires() -> None:
    (found,) = apply_rules(frame([{"local_hour": 3}]), [], LEVELS).to_dicts()
    assert (found["fired_rules"], found["points"], found["rule_level"]) == ("", 0, "LOW")


def test_no_payments_are_no_rows() -> None:
    found = apply_rules(frame([{}]).clear(), list(RULES.values()), LEVELS)
    assert found.height == 0
    assert {"fired_rules", "points", "rule_level"} <= set(found.columns)


def test_risk_levels_must_start_at_nothing() -> None:
    with pytest.raises(UnknownRuleError, match="no level that starts at 0 points"):
        apply_rules(frame([{}]), [], {"LOW": 10})


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(UnknownRuleError, match=r"rule full_moon, which no code implements"):
        apply_rules(frame([{}]), [Rule("full_moon", 10)], LEVELS)


NEEDED = {
    "off_hours": ["hour_from", "hour_to"],
    "high_amount": ["threshold"],
    "high_risk_score": ["threshold"],
    "velocity_card": ["minimum_count", "window_minutes"],
    "velocity_device": ["minimum_count", "window_minutes"],
    "velocity_email": ["minimum_count", "window_minutes"],
    "declines_then_success": ["minimum_count", "window_minutes"],
    "new_account_high_amount": ["threshold", "account_age_days"],
    "amount_outlier": ["threshold"],
}


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name, parameters in NEEDED.items() for parameter in parameters],
)
def test_a_missing_parameter_is_named(name: str, parameter: str) -> None:
    rule = Rule(**{**asdict(RULES[name]), parameter: None})
    with pytest.raises(UnknownRuleError, match=f"Rule {name} of .* {parameter}, which is empty"):
        apply_rules(frame([{}]), [rule], LEVELS)


def test_the_seed_holds_these_rules_and_levels() -> None:
    with (SEEDS / "payment_rules.csv").open(encoding="utf-8") as file:
        names = [row["rule_id"] for row in csv.DictReader(file)]
    assert sorted(names) == sorted(RULES)
    with (SEEDS / "payment_risk_levels.csv").open(encoding="utf-8") as file:
        levels = {row["risk_level"]: int(row["minimum_points"]) for row in csv.DictReader(file)}
    assert list(levels) == list(LEVELS)
    assert min(levels.values()) == 0


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Payments of few cards, devices and orders within two days, many at one instant."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    return [
        {
            "payment_id": f"P{number}",
            "paid_at": rng.choice([None, *(minutes(15 * step) for step in range(150))]),
            "payment_status": rng.choice(["captured", "declined", "declined"]),
            "order_id": rng.choice(["o1", "o2", None]),
            "card_token": rng.choice(["c1", "c2", None]),
            "device_hash": rng.choice(["d1", None]),
            "payer_email_hash": rng.choice(["e1", "e2"]),
            "local_hour": rng.choice([3, 12]),
            "available_at": minutes(15 * rng.choice([150, 150, 150, 200, 250])),
        }
        for number in range(draw(st.integers(0, 60)))
    ]


def by_payment(rows: list[dict[str, Any]]) -> dict[str, tuple[str, int, str]]:
    found = apply_rules(frame(rows), list(RULES.values()), LEVELS)
    assert found["payment_id"].to_list() == [row["payment_id"] for row in rows]
    return {
        row["payment_id"]: (row["fired_rules"], row["points"], row["rule_level"])
        for row in found.to_dicts()
    }


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 150))
def test_no_rule_looks_ahead(rows: list[dict[str, Any]], step: int) -> None:
    now = minutes(15 * step)
    known = [row for row in rows if row["paid_at"] is None or row["paid_at"] <= now]
    with_future = by_payment(rows)
    assert by_payment(known) == {row["payment_id"]: with_future[row["payment_id"]] for row in known}


@settings(max_examples=60, deadline=None)
@given(histories(), st.sampled_from([150, 200]))
def test_no_rule_knows_what_was_delivered_later(rows: list[dict[str, Any]], step: int) -> None:
    told = [row for row in rows if row["available_at"] <= minutes(15 * step)]
    with_later = by_payment(rows)
    assert by_payment(told) == {row["payment_id"]: with_later[row["payment_id"]] for row in told}


@settings(max_examples=60, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]], rng: random.Random) -> None:
    assert by_payment(rng.sample(rows, len(rows))) == by_payment(rows)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_velocity_equals_counting(rows: list[dict[str, Any]]) -> None:
    found = fired(rows, RULES["velocity_card"])
    hour = timedelta(minutes=60)
    for row, names in zip(rows, found, strict=True):
        count = sum(
            other["card_token"] == row["card_token"]
            and other["paid_at"] is not None
            and row["paid_at"] is not None
            and row["paid_at"] - hour < other["paid_at"] <= row["paid_at"]
            and other["available_at"] <= row["available_at"]
            for other in rows
        )
        assert bool(names) == (row["card_token"] is not None and count >= 4)


def test_the_columns_of_the_input_come_back() -> None:
    rows = frame([{"local_hour": 3}, {"paid_at": None}])
    found = apply_rules(rows, list(RULES.values()), LEVELS)
    assert found.select(list(SCHEMA)).equals(rows)
    assert found.schema["points"] == pl.Int32
