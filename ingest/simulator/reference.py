"""The seed files as the simulator reads them: the same rows that dbt loads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from ingest.errors import ConfigError
from ingest.simulator.arrays import Bools, Ints
from ingest.simulator.plan import Plan
from ingest.simulator.vocabulary import CATEGORIES, MARKETS, PRICE_FACTORS

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


@dataclass(frozen=True)
class Reference:
    """Reference data by position: markets as in MARKETS, categories as in CATEGORIES.

    `tax_rate` and `discount` are in 1/10,000; `promotion` and `discount` are days x categories,
    -1 and 0 where there is no promotion; `holiday` is days x markets.
    """

    currencies: tuple[str, ...]
    market_currency: Ints
    price_factor: Ints
    tax_rate: Ints
    time_zones: tuple[str, ...]
    promotions: tuple[str, ...]
    promotion: Ints
    discount: Ints
    holiday: Bools
    channels: tuple[str, ...]
    paid_channels: tuple[str, ...]

    @classmethod
    def read(cls, plan: Plan, seeds: Path = SEEDS) -> Reference:
        """Reads the seeds; raises ConfigError when one is missing or lacks what the shop needs."""
        countries = _table(seeds, "countries", ["country_code", "currency", "time_zone"])
        rows = {row["country_code"]: row for row in countries.iter_rows(named=True)}
        for market in MARKETS:
            if market not in rows or not rows[market]["shop_tax_rate"]:
                raise ConfigError(
                    f"seeds/countries.csv has no shop_tax_rate for {market}, a market of the shop.",
                    "Add the rate (0.00 for none).",
                )
        currencies = tuple(sorted({rows[market]["currency"] for market in MARKETS}))
        promotions, promotion, discount = _promotions(plan, seeds)
        channels = _table(seeds, "channels", ["channel_id", "is_paid"])
        paid = channels.filter(pl.col("is_paid") == "true")
        return cls(
            currencies=currencies,
            market_currency=np.array([currencies.index(rows[m]["currency"]) for m in MARKETS]),
            price_factor=np.array([PRICE_FACTORS[currency] for currency in currencies]),
            tax_rate=np.array([_basis_points(rows[m]["shop_tax_rate"]) for m in MARKETS]),
            time_zones=tuple(rows[market]["time_zone"] for market in MARKETS),
            promotions=promotions,
            promotion=promotion,
            discount=discount,
            holiday=_holidays(plan, seeds),
            channels=tuple(channels["channel_id"].to_list()),
            paid_channels=tuple(paid["channel_id"].to_list()),
        )


def _table(seeds: Path, name: str, columns: list[str]) -> pl.DataFrame:
    path = seeds / f"{name}.csv"
    if not path.is_file():
        raise ConfigError(f"{path} is missing.", "Restore the seed files of the project.")
    frame = pl.read_csv(path, infer_schema=False)
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ConfigError(f"{path} has no column {missing[0]}.", "Restore the seed file.")
    return frame


def _basis_points(share: str) -> int:
    return round(float(share) * 10_000)


def _promotions(plan: Plan, seeds: Path) -> tuple[tuple[str, ...], Ints, Ints]:
    columns = ["promotion_id", "discount_share", "start_date", "end_date", "category"]
    table = _table(seeds, "promotions", columns)
    best = np.full((plan.days, len(CATEGORIES)), -1, dtype=np.int64)
    discount = np.zeros_like(best)
    # Weakest first, so that the strongest (then the smallest id) is written last and stays.
    rows = sorted(table.iter_rows(named=True), key=lambda row: row["promotion_id"], reverse=True)
    rows.sort(key=lambda row: _basis_points(row["discount_share"]))
    for position, row in enumerate(rows):
        first = max(0, (date.fromisoformat(row["start_date"]) - plan.first_day).days)
        last = max(0, (date.fromisoformat(row["end_date"]) - plan.first_day).days)
        category = row["category"]
        which = slice(None) if category is None else CATEGORIES.index(category)
        best[first:last, which] = position
        discount[first:last, which] = _basis_points(row["discount_share"])
    return tuple(row["promotion_id"] for row in rows), best, discount


def _holidays(plan: Plan, seeds: Path) -> Bools:
    table = _table(seeds, "holidays", ["holiday_date", "country_code"])
    holiday = np.zeros((plan.days, len(MARKETS)), dtype=np.bool_)
    for day, country in table.select("holiday_date", "country_code").iter_rows():
        position = (date.fromisoformat(day) - plan.first_day).days
        if country in MARKETS and 0 <= position < plan.days:
            holiday[position, list(MARKETS).index(country)] = True
    return holiday
