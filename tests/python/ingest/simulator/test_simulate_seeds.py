"""The seed files say what the definitions say, and cover what the simulator needs."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ingest.errors import StorehouseError
from ingest.simulator.plan import FULL_DAYS, LAST_DAY, Plan
from ingest.simulator.reference import SEEDS, Reference
from ingest.simulator.vocabulary import CATEGORIES, CHANNEL_SHARES, MARKETS, PRICE_FACTORS

NAMES = sorted(path.stem for path in SEEDS.glob("*.csv"))
SHOP_SEEDS = {
    "channels": ["channel_id"],
    "countries": ["country_code"],
    "fx_rates": ["rate_date", "from_currency", "to_currency"],
    "holidays": ["holiday_date", "country_code"],
    "payment_methods": ["payment_method"],
    "payment_risk_levels": ["risk_level"],
    "payment_rules": ["rule_id"],
    "promotions": ["promotion_id"],
    "rfm_segments": ["recency_score", "frequency_score"],
}


def rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", list(SHOP_SEEDS))
def test_keys_are_unique_and_columns_are_described(name: str) -> None:
    keys = [tuple(row[column] for column in SHOP_SEEDS[name]) for row in rows(name)]
    assert len(keys) == len(set(keys)) > 0
    described = yaml.safe_load((SEEDS / "_seeds.yml").read_text(encoding="utf-8"))["seeds"]
    seed = next(seed for seed in described if seed["name"] == name)
    columns = list(rows(name)[0])
    assert [column["name"] for column in seed["columns"]] == columns
    assert list(seed["config"]["column_types"]) == columns
    assert all(column["description"] for column in seed["columns"])


def test_every_pair_of_scores_has_one_segment() -> None:
    rules = {
        "Champions": ({5}, {4, 5}),
        "Loyal": ({3, 4}, {4, 5}),
        "Potential Loyalist": ({4, 5}, {2, 3}),
        "New": ({5}, {1}),
        "Promising": ({4}, {1}),
        "Need Attention": ({3}, {3}),
        "About to Sleep": ({3}, {1, 2}),
        "At Risk": ({1, 2}, {3, 4}),
        "Can't Lose": ({1, 2}, {5}),
        "Hibernating": ({1, 2}, {1, 2}),
    }
    table = {
        (int(row["recency_score"]), int(row["frequency_score"])): row["segment"]
        for row in rows("rfm_segments")
    }
    for r in range(1, 6):
        for f in range(1, 6):
            assert [n for n, (rs, fs) in rules.items() if r in rs and f in fs] == [table[r, f]]
    assert len({row["segment_group"] for row in rows("rfm_segments")}) == 5


def test_rates_cover_every_simulated_day_and_currency() -> None:
    known = {(row["rate_date"], row["from_currency"]) for row in rows("fx_rates")}
    foreign = set(PRICE_FACTORS) - {"EUR"}
    days = [(LAST_DAY - timedelta(days=i)).isoformat() for i in range(FULL_DAYS)]
    assert {(day, currency) for day in days for currency in foreign} <= known
    assert all(Decimal(row["rate"]) > 0 and row["to_currency"] == "EUR" for row in rows("fx_rates"))
    assert Path(SEEDS / "fx_rates.csv").stat().st_size < 300_000


def test_promotions_are_half_open_and_name_known_categories() -> None:
    for row in rows("promotions"):
        assert date.fromisoformat(row["start_date"]) < date.fromisoformat(row["end_date"])
        assert 0 < Decimal(row["discount_share"]) < 1
        assert row["category"] in ("", *CATEGORIES)


def test_the_largest_discount_wins_then_the_smallest_id(tmp_path: Path) -> None:
    for path in SEEDS.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "promotions.csv").write_text(
        "promotion_id,discount_share,start_date,end_date,category\n"
        "A,0.05,2025-12-30,2025-12-31,\n"
        "C,0.10,2025-12-30,2026-01-09,Books\n"
        "B,0.10,2025-12-30,2026-01-09,Books\n"
    )
    reference = Reference.read(Plan.of("demo", 1, 3, 1), tmp_path)
    books = CATEGORIES.index("Books")
    names = [None if p < 0 else reference.promotions[p] for p in reference.promotion[:, books]]
    assert names == [None, "B", "B"]
    assert reference.discount[:, books].tolist() == [0, 1_000, 1_000]
    assert reference.discount[:, 0].tolist() == [0, 500, 0]


def test_a_seed_without_a_market_is_refused(tmp_path: Path) -> None:
    plan = Plan.of("demo", 1, 3, 1)
    with pytest.raises(StorehouseError, match=r"countries\.csv is missing"):
        Reference.read(plan, tmp_path)
    header = "country_code,currency,time_zone,shop_tax_rate\n"
    (tmp_path / "countries.csv").write_text(header, encoding="utf-8")
    with pytest.raises(StorehouseError, match="no shop_tax_rate for AT"):
        Reference.read(plan, tmp_path)


def test_markets_and_channels_are_in_the_seeds() -> None:
    countries = {row["country_code"]: row for row in rows("countries")}
    sells_to = {code for code, row in countries.items() if row["shop_tax_rate"]}
    assert sells_to == set(MARKETS)
    assert {countries[code]["currency"] for code in MARKETS} <= set(PRICE_FACTORS)
    assert {row["channel_id"] for row in rows("channels")} == set(CHANNEL_SHARES)
    assert set(MARKETS) | {"BR"} == {row["country_code"] for row in rows("holidays")}


@pytest.mark.parametrize(
    ("country", "day"),
    [
        ("DE", "2025-04-21"),
        ("DE", "2025-06-09"),
        ("AT", "2024-05-30"),
        ("GB", "2021-12-28"),
        ("US", "2024-11-28"),
        ("NL", "2025-04-26"),
        ("PL", "2025-12-24"),
        ("BR", "2017-11-15"),
    ],
)
def test_known_holidays_are_there(country: str, day: str) -> None:
    assert any(r["country_code"] == country and r["holiday_date"] == day for r in rows("holidays"))


def test_risk_levels_rise_from_zero_and_can_be_reached() -> None:
    levels = [
        (row["risk_level"], int(row["minimum_points"])) for row in rows("payment_risk_levels")
    ]
    assert [name for name, _ in levels] == ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    points = [minimum for _, minimum in levels]
    assert points[0] == 0 and points == sorted(set(points))
    assert sum(int(row["points"]) for row in rows("payment_rules")) >= points[-1]
