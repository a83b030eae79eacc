"""Stock and ABC classes, computed again in plain Python from the facts, day by day."""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import takewhile
from math import sqrt
from pathlib import Path
from statistics import NormalDist, mean, stdev
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ingest.home import PROJECT_DIR, Home
from orchestration.lib.project import DBT
from tests.python.warehouse.allocation import shared
from tests.python.warehouse.dbt_runs import dbt_build, land

ZONE = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
FIRST, LAST = date(2025, 6, 25), date(2026, 1, 2)
DEMO_STOCK = {date(2025, 12, 29), date(2025, 12, 30), date(2025, 12, 31)}
SERVICE_LEVEL = 0.95
COLUMNS = (
    "snapshot_date",
    "warehouse_id",
    "product_id",
    "opening_quantity",
    "received_quantity",
    "closing_quantity",
)
REBUILT = (
    "base_shop__inventory",
    "int_stock_unioned",
    "dim_date",
    "dim_product",
    "dim_product_current",
    "fact_inventory_daily",
    "product_availability",
    "product_abc",
)
IDENTITIES = (
    "assert_sales_add_up_to_product_days",
    "assert_warehouses_add_up_to_product_days",
    "assert_product_revenue_adds_up",
)

Row = dict[str, Any]
Key = tuple[str, date]


@dataclass(frozen=True)
class Facts:
    """The facts of the shop, summed per product and day as plain dictionaries."""

    opening: dict[Key, int | None]
    received: dict[Key, int]
    closing: dict[Key, int]
    sold: dict[Key, int]
    first_sale: dict[str, date]
    first_stock: dict[str, date]
    launched: dict[str, date]
    versions: dict[str, list[Row]]
    forecast: dict[Key, list[float]]
    first_order: date
    last_order: date

    def is_stock_out(self, key: Key) -> bool | None:
        """Whether nothing was there all day; None where the snapshot does not tell."""
        if key not in self.closing or self.closing[key] or self.received[key]:
            return None if key not in self.closing else False
        return None if self.opening[key] is None else self.opening[key] == 0

    def sold_on(self, key: Key) -> int | None:
        """Units sold; None on days without orders of any product."""
        if not self.first_order <= key[1] <= self.last_order:
            return None
        return self.sold.get(key, 0)

    def version_at_end_of(self, key: Key) -> Row | None:
        """The version valid just before midnight of the business zone."""
        midnight = datetime.combine(key[1] + DAY, time(), ZONE).astimezone(UTC)
        moment = midnight.replace(tzinfo=None) - timedelta(microseconds=1)
        for version in self.versions.get(key[0], []):
            if version["valid_from"] <= moment < version["valid_to"]:
                return version
        return None


def stock_rows() -> Iterator[list[Any]]:
    """Half a year of stock: two warehouses, gaps, stock-outs, negative and missing quantities."""
    rng = random.Random(11)
    products = [f"P{number:06}" for number in range(1, 46)] + ["X1", "X2"]
    blank_days = {date(2025, 8, 10), date(2025, 8, 11), date(2025, 11, 2)}
    for product in products:
        warehouses = ["W1", "W2"] if rng.random() < 0.5 else ["W1"]
        stays_empty = rng.random() < 0.1
        gaps = 0.0 if product == "X1" else 0.04
        left = 0
        day = FIRST + DAY * rng.choice([0, 0, 0, 20, 100])
        while day <= LAST:
            if left == 0 and rng.random() < 0.03 and not product.startswith("X"):
                left = rng.choice([1, 2, 6, 40 if stays_empty else 9])
            is_empty, left = left > 0, max(left - 1, 0)
            if day not in blank_days | DEMO_STOCK and rng.random() >= gaps:
                for warehouse in warehouses:
                    opening: Any = 0 if is_empty else rng.randint(0, 40)
                    received = 0 if is_empty or rng.random() < 0.8 else rng.randint(1, 30)
                    closing = 0 if is_empty else rng.randint(0, 40)
                    if product == "X1":
                        opening, closing = 5, 5
                    elif rng.random() < 0.01:
                        opening = ""
                    elif rng.random() < 0.01:
                        closing = -2
                    yield [day, warehouse, product, opening, received, closing]
            day += DAY


@pytest.fixture(scope="module")
def stocked_home(demo_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The demo with half a year of stock landed on top, built again where stock is read."""
    folder = tmp_path_factory.mktemp("stock")
    home = Home(shutil.copytree(demo_home.root, folder / "home"))
    extract = folder / "inventory_20260103T010000Z.csv"
    with extract.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(stock_rows())
    land(home, [extract])
    dbt_build(home, "--select", *REBUILT, *IDENTITIES, "--indirect-selection", "empty")
    return home


def rows(home: Home, sql: str) -> list[Row]:
    """Rows of the working file, which is closed again: dbt builds it meanwhile."""
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


@pytest.fixture(scope="module")
def facts(stocked_home: Home) -> Facts:
    by_day: dict[Key, list[Row]] = defaultdict(list)
    by_warehouse: dict[tuple[str, str], list[Row]] = defaultdict(list)
    sql = "select * from core.fact_inventory_daily order by snapshot_date"
    for row in rows(stocked_home, sql):
        by_day[row["product_id"], row["snapshot_date"]].append(row)
        by_warehouse[row["product_id"], row["warehouse_id"]].append(row)
    whole = {key: parts for key, parts in by_day.items() if _is_whole(key, parts, by_warehouse)}
    assert 0 < len(whole) < len(by_day)
    opening: dict[Key, int | None] = {}
    for key, parts in whole.items():
        known = [part["opening_quantity"] for part in parts]
        opening[key] = None if None in known else sum(known)
    sold: dict[Key, int] = defaultdict(int)
    for row in rows(stocked_home, "select * from core.fact_sales where is_valid_order"):
        sold[row["product_id"], row["order_date"]] += row["quantity"]
    versions: dict[str, list[Row]] = defaultdict(list)
    launched: dict[str, date] = {}
    for row in rows(stocked_home, "select * from core.dim_product where source_system = 'shop'"):
        versions[row["product_id"]].append(row)
        if row["is_current"] and row["launched_at"] is not None:
            at = row["launched_at"].replace(tzinfo=UTC).astimezone(ZONE)
            launched[row["product_id"]] = at.date()
    forecast: dict[Key, list[float]] = defaultdict(list)
    sql = "select * from insights.ml_demand_forecast where period_days = 1 order by horizon"
    for row in rows(stocked_home, sql):
        known = row["forecast_origin_date"] - timedelta(days=1)
        forecast[row["product_id"], known].append(row["forecast_units"])
    assert forecast
    orders = rows(stocked_home, "select order_date from core.fact_orders where not is_inferred")
    return Facts(
        opening=opening,
        received={key: sum(p["received_quantity"] for p in parts) for key, parts in whole.items()},
        closing={key: sum(p["closing_quantity"] for p in parts) for key, parts in whole.items()},
        sold=sold,
        first_sale=_first_days(sold),
        first_stock=_first_days(by_day),
        launched=launched,
        versions=versions,
        forecast=forecast,
        first_order=min(row["order_date"] for row in orders),
        last_order=max(row["order_date"] for row in orders),
    )


def _is_whole(key: Key, parts: list[Row], by_warehouse: dict[tuple[str, str], list[Row]]) -> bool:
    """Whether no warehouse is missing that has had the product and still may."""
    product, day = key
    expected = {
        warehouse
        for (name, warehouse), snapshots in by_warehouse.items()
        if name == product
        and snapshots[0]["snapshot_date"] <= day
        and (day <= snapshots[-1]["snapshot_date"] or snapshots[-1]["closing_quantity"] > 0)
    }
    return expected == {part["warehouse_id"] for part in parts}


def _first_days(by_key: dict[Key, Any]) -> dict[str, date]:
    found: dict[str, date] = {}
    for product, day in by_key:
        found[product] = min(day, found.get(product, day))
    return found


def expected_day(facts: Facts, key: Key) -> Row:
    """What product_availability should say of one product and day."""
    product, day = key
    last_90_days = [(product, day - DAY * back) for back in range(90)]
    demand = [
        sold
        for past in last_90_days[:28]
        if facts.is_stock_out(past) is False and (sold := facts.sold_on(past)) is not None
    ]
    known = takewhile(
        lambda past: facts.opening.get(past) is not None and facts.sold_on(past) is not None,
        last_90_days[:30],
    )
    supplied = list(known)[::-1]
    rate = mean(demand) if demand else None
    out, sold, closing = facts.is_stock_out(key), facts.sold_on(key), facts.closing.get(key)
    version = facts.version_at_end_of(key) or {}
    lead = version.get("supplier_lead_time_days")
    price = version.get("list_price_amount")
    lost = None
    if out is False:
        lost = 0.0
    elif out and rate is not None and sold is not None:
        lost = max(rate - sold, 0.0)
    through = None
    if supplied:
        supply = facts.opening[supplied[0]] or 0
        supply += sum(facts.received[past] for past in supplied)
        through = sum(facts.sold.get(past, 0) for past in supplied) / supply if supply else None
    deviation = stdev(demand) * sqrt(lead) if len(demand) > 1 and lead is not None else None
    ahead = facts.forecast.get(key, [])
    of_lead_time = rate * lead if rate is not None and lead is not None else None
    if lead is not None and lead <= len(ahead):
        of_lead_time = sum(ahead[:lead])
    point = None
    if of_lead_time is not None and deviation is not None:
        point = of_lead_time + NormalDist().inv_cdf(SERVICE_LEVEL) * deviation
    return {
        "has_snapshot": closing is not None,
        "opening_quantity": facts.opening.get(key),
        "received_quantity": facts.received.get(key),
        "closing_quantity": closing,
        "has_order_data": sold is not None,
        "sold_quantity": sold,
        "is_stock_out": out,
        "is_in_stock": None if out is None else not out,
        "demand_day_count": len(demand),
        "mean_daily_demand": rate,
        "days_of_cover": closing / rate if closing is not None and rate else None,
        "expected_demand_quantity": rate if out else None,
        "lost_sales_quantity": lost,
        "sell_through_day_count": len(supplied),
        "sell_through_share": through,
        "observed_day_count": sum(past in facts.closing for past in last_90_days),
        "is_dead_stock": _is_dead(facts, last_90_days),
        "lead_time_days": lead,
        "lead_time_demand": of_lead_time,
        "lead_time_demand_deviation": deviation,
        "reorder_point_quantity": point,
        "needs_reorder": (
            None if point is None or closing is None else point > 0 and closing <= point
        ),
        "lost_sales_amount": lost * float(price) if lost is not None and price else None,
    }


def _is_dead(facts: Facts, last_90_days: list[Key]) -> bool | None:
    today, oldest = last_90_days[0], last_90_days[-1]
    if today not in facts.closing:
        return None
    if facts.closing[today] == 0 or any(facts.sold.get(past, 0) for past in last_90_days):
        return False
    if any(facts.is_stock_out(past) for past in last_90_days):
        return False
    covered = facts.first_stock[today[0]] <= oldest[1]
    return True if covered and all(facts.sold_on(p) is not None for p in last_90_days) else None


def test_every_day_of_every_product_equals_the_oracle(stocked_home: Home, facts: Facts) -> None:
    found = {
        (row["product_id"], row["business_date"]): row
        for row in rows(stocked_home, "select * from inventory.product_availability")
    }
    first = min(facts.first_stock.values())
    last = max(day for _, day in facts.closing)
    starts: dict[str, date] = {}
    for known in (facts.first_stock, facts.launched, facts.first_sale):
        for product, day in known.items():
            starts[product] = min(day, starts.get(product, day))
    expected_keys = {
        (product, day)
        for product, start in starts.items()
        for back in range((last - first).days + 1)
        if (day := first + DAY * back) >= start
    }
    assert found.keys() == expected_keys
    seen: dict[str, set[Any]] = defaultdict(set)
    for key, row in found.items():
        for name, value in expected_day(facts, key).items():
            tolerance = 0.00501 if name == "lost_sales_amount" else 1e-6
            actual = float(row[name]) if isinstance(row[name], Decimal) else row[name]
            if isinstance(value, float) and actual is not None:
                assert actual == pytest.approx(value, rel=1e-6, abs=tolerance), (key, name)
            else:
                assert actual == value, (key, name)
            seen[name].add(value if value is None or isinstance(value, bool) else value > 0)
    for name in ("is_stock_out", "is_dead_stock", "needs_reorder", "lost_sales_quantity"):
        assert seen[name] == {True, False, None}, f"{name}: not every case was tested"
    assert seen["has_snapshot"] == seen["has_order_data"] == {True, False}
    assert seen["sell_through_share"] >= {True, None}


def expected_revenue(stocked_home: Home, facts: Facts) -> dict[str, Decimal]:
    """Net revenue of the months that were landed, less the net share of refunds by their day."""
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in rows(stocked_home, "select * from core.fact_sales where is_valid_order"):
        revenue[row["product_id"]] += row["reporting_net_amount"]
        lines[row["order_id"]].append(row)
    sql = "select * from core.fact_refunds where is_valid_order"
    for refund in rows(stocked_home, sql):
        day = refund["refunded_at"].replace(tzinfo=UTC).astimezone(ZONE).date()
        if facts.first_order <= day <= facts.last_order:
            for product, amount in _paid_back(refund, lines[refund["order_id"]]):
                revenue[product] -= amount
    return revenue


def _paid_back(refund: Row, lines: list[Row]) -> Iterator[tuple[str, Decimal]]:
    """Products and what was paid back for their net; shipping comes back with whole orders."""
    is_whole = refund["line_number"] == -2
    parts = [
        (line, name, line[name])
        for line in sorted(lines, key=lambda line: line["line_number"])
        if is_whole or line["line_number"] == refund["line_number"]
        for name in ("net_amount", "shipping_amount", "tax_amount")
        if name == "net_amount" or (line[name] and (is_whole or name == "tax_amount"))
    ]
    cents = shared(int(refund["amount"] * 100), [weight for _, _, weight in parts])
    for (line, name, _), part in zip(parts, cents, strict=True):
        if name == "net_amount":
            in_euro = Decimal(part) / 100 * refund["rate"]
            yield line["product_id"], in_euro.quantize(Decimal("0.01"), ROUND_HALF_UP)


def expected_classes(revenue: dict[str, Decimal]) -> dict[str, str]:
    total = sum(amount for amount in revenue.values() if amount > 0)
    classes = {}
    for product, amount in revenue.items():
        more = sum(other for other in revenue.values() if other > max(amount, Decimal()))
        classes[product] = (
            "A" if more < total * 80 / 100 else "B" if more < total * 95 / 100 else "C"
        )
    return classes


def expected_weeks(facts: Facts, product: str) -> tuple[list[int], int]:
    """Units of each whole week without a stock-out day, and the number of weeks with one."""
    offered = [d[product] for d in (facts.launched, facts.first_stock) if product in d]
    start = max(facts.first_order, min(offered))
    monday = start + DAY * (-start.weekday() % 7)
    units: list[int] = []
    stock_out_weeks = 0
    while monday + 6 * DAY <= facts.last_order:
        week = [(product, monday + DAY * i) for i in range(7)]
        if any(facts.is_stock_out(key) for key in week):
            stock_out_weeks += 1
        else:
            units.append(sum(facts.sold.get(key, 0) for key in week))
        monday += 7 * DAY
    return units, stock_out_weeks


def test_abc_and_xyz_classes_equal_the_oracle(stocked_home: Home, facts: Facts) -> None:
    """The demo's orders are of half a year: the twelve months begin with the first of them."""
    found = {
        row["product_id"]: row for row in rows(stocked_home, "select * from inventory.product_abc")
    }
    revenue = expected_revenue(stocked_home, facts)
    revenue |= {product: Decimal() for product in facts.versions if product not in revenue}
    classes = expected_classes(revenue)
    positive = sum(amount for amount in revenue.values() if amount > 0)
    assert found.keys() == revenue.keys()
    for product, row in found.items():
        assert (row["period_start_date"], row["as_of_date"]) == (
            facts.first_order,
            facts.last_order,
        )
        assert row["net_revenue_amount"] == revenue[product], product
        assert row["abc_class"] == classes[product], product
        share = float(max(revenue[product], Decimal()) / positive)
        assert row["revenue_share"] == pytest.approx(share)
        units, stock_out_weeks = expected_weeks(facts, product)
        assert (row["week_count"], row["stock_out_week_count"]) == (len(units), stock_out_weeks)
        if len(units) > 1 and any(units):
            coefficient = stdev(units) / mean(units)
            assert row["mean_weekly_demand"] == pytest.approx(mean(units))
            assert row["variation_coefficient"] == pytest.approx(coefficient)
            kind = "X" if coefficient <= 0.5 else "Y" if coefficient <= 1 else "Z"
            assert row["xyz_class"] == kind, product
        else:
            assert row["xyz_class"] is None, product
    assert {row["abc_class"] for row in found.values()} == {"A", "B", "C"}
    assert {row["xyz_class"] for row in found.values()} == {"X", "Y", "Z", None}
    assert any(row["stock_out_week_count"] for row in found.values())


def test_safety_factors_are_quantiles_of_the_normal_distribution() -> None:
    with (PROJECT_DIR / "seeds" / "service_levels.csv").open(encoding="utf-8") as file:
        factors = {row["service_level"]: row["safety_factor"] for row in csv.DictReader(file)}
    assert str(SERVICE_LEVEL) in factors
    assert factors == {level: f"{NormalDist().inv_cdf(float(level)):.6f}" for level in factors}


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("95", "The var service_level is 95"),
        ("0.9501", "assert_service_level_is_known"),
    ],
)
def test_a_wrong_service_level_stops_the_build(
    stocked_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, message: str
) -> None:
    monkeypatch.setenv("STOREHOUSE_HOME", str(stocked_home.root))
    folders = ["--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")]
    wrong = ["--vars", f"{{service_level: {level}}}"]
    selected = ["--select", "service_levels", "product_availability"]
    done = subprocess.run(
        [str(DBT), "build", "--exclude-resource-type", "unit_test", *folders, *wrong, *selected],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
