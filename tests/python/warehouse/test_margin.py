"""Margins and reconciliation of the demo, computed again from the extract files line by line."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ingest.home import PROJECT_DIR, Home
from tests.python.warehouse.allocation import shared

BERLIN = ZoneInfo("Europe/Berlin")
CENT = Decimal("0.01")
Row = dict[str, Any]


def money(text: str | Decimal | None) -> Decimal:
    return Decimal(text or 0)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.strip())


def local_date(text: str) -> date:
    return moment(text).astimezone(BERLIN).date()


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def share(amount: Decimal, weights: list[Decimal]) -> list[Decimal]:
    return [Decimal(part) / 100 for part in shared(int(amount * 100), weights)]


def read(folder: Path, entity: str) -> Iterator[Row]:
    for file in sorted(folder.glob(f"{entity}_2*")):
        with file.open(encoding="utf-8-sig", newline="") as text:
            if file.suffix == ".csv":
                yield from csv.DictReader(text)
            elif file.suffix == ".ndjson":
                yield from (json.loads(line) for line in text)
            else:
                yield from ({"file": file.name, **row} for row in json.load(text))


def latest(folder: Path, entity: str, *key: str) -> list[Row]:
    """The last change of each key, without those that were deleted."""
    found: dict[tuple[str, ...], Row] = {}
    for row in read(folder, entity):
        name = tuple(str(row[column]) for column in key)
        if name not in found or row["updated_at"] >= found[name]["updated_at"]:
            found[name] = row
    return [row for row in found.values() if row["op"].upper() != "D"]


class Oracle:
    """The demo's orders, priced in plain Python."""

    def __init__(self, folder: Path) -> None:
        with (PROJECT_DIR / "seeds" / "fx_rates.csv").open() as text:
            self.rates = {
                (row["rate_date"], row["from_currency"]): Decimal(row["rate"])
                for row in csv.DictReader(text)
            }
        with (PROJECT_DIR / "seeds" / "payment_methods.csv").open() as text:
            self.methods = {row["payment_method"]: row for row in csv.DictReader(text)}
        self.orders = {
            row["order_id"]: row
            for row in latest(folder, "orders", "order_id")
            if row["order_status"].strip()
        }
        self.lines: dict[str, list[Row]] = defaultdict(list)
        for row in latest(folder, "order_items", "order_id", "line_number"):
            self.lines[row["order_id"]].append(row)
        for lines in self.lines.values():
            lines.sort(key=lambda row: int(row["line_number"]))
        self.refunds, self.payments, self.parcels = (
            self._by_order(latest(folder, entity, key))
            for entity, key in (
                ("refunds", "refund_id"),
                ("payments", "payment_id"),
                ("shipments", "shipment_id"),
            )
        )
        self.costs = self._costs(folder)
        self.spend = self._spend(folder)

    @staticmethod
    def _by_order(rows: list[Row]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            found[row["order_id"]].append(row)
        return found

    def _costs(self, folder: Path) -> dict[str, list[tuple[datetime, Row]]]:
        """Per product its costs and since when each held; the first one always did."""
        found: dict[str, list[tuple[datetime, Row]]] = defaultdict(list)
        for row in read(folder, "products"):
            versions = found[row["product_id"]]
            if not versions or versions[-1][1] != row["cost"]:
                versions.append((moment(row["updated_at"]), row["cost"]))
        return found

    def _spend(self, folder: Path) -> dict[tuple[date, str], Decimal]:
        campaigns = {
            (row["spend_date"], row["campaign_id"]): row for row in read(folder, "marketing_spend")
        }
        found: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        for (day, _), row in campaigns.items():
            found[date.fromisoformat(day), row["channel_id"]] += money(row["amount"])
        return found

    def is_valid(self, order_id: str) -> bool:
        order = self.orders.get(order_id)
        return (
            order is not None
            and order["order_status"].strip().lower() not in ("cancelled", "canceled")
            and bool(self.lines[order_id])
        )

    def in_euro(self, amount: Decimal, currency: str, day: date) -> Decimal:
        rate = Decimal(1) if currency == "EUR" else self.rates[day.isoformat(), currency]
        return rounded(amount * rate)

    def margins(self) -> dict[tuple[str, int], tuple[Decimal, ...]]:
        """Per valid order line: net revenue, cost, margins 1 to 3, in euro."""
        orders_of: dict[tuple[date, str], list[str]] = defaultdict(list)
        for order_id in sorted(filter(self.is_valid, self.orders)):
            order = self.orders[order_id]
            orders_of[local_date(order["ordered_at"]), order["channel_id"]].append(order_id)
        spent: dict[str, Decimal] = {}
        for place, order_ids in orders_of.items():
            parts = share(self.spend.get(place, Decimal(0)), [Decimal(1)] * len(order_ids))
            spent |= dict(zip(order_ids, parts, strict=True))
        return {
            (order_id, int(line["line_number"])): result
            for order_id in filter(self.is_valid, self.orders)
            for line, result in self._of_order(order_id, spent[order_id])
        }

    def _of_order(self, order_id: str, spent: Decimal) -> Iterator[tuple[Row, tuple[Decimal, ...]]]:
        order, lines = self.orders[order_id], self.lines[order_id]
        day, currency = local_date(order["ordered_at"]), order["currency"]
        nets = [
            money(row["unit_price"]) * int(row["quantity"]) - money(row["discount_amount"])
            for row in lines
        ]
        totals = [
            net + money(row["tax_amount"]) + money(row["shipping_amount"])
            for net, row in zip(nets, lines, strict=True)
        ]
        parcels = sum(
            (
                self.in_euro(money(row["shipping_cost"]), row["currency"], day)
                for row in self.parcels[order_id]
            ),
            Decimal(0),
        )
        fees = Decimal(0)
        for row in self.payments[order_id]:
            if row["payment_status"].lower() in ("captured", "refunded", "chargeback"):
                method = self.methods[row["payment_method"].lower()]
                share_of_amount = money(row["amount"]) * Decimal(method["fee_share"])
                fees += self.in_euro(share_of_amount, row["currency"], day)
                fees += self.in_euro(
                    Decimal(method["fee_fixed_amount"]), method["fee_currency"], day
                )
        shares = [share(amount, totals) for amount in (parcels, fees, spent)]
        returned = self._returned(order_id, nets)
        for place, line in enumerate(lines):
            net_back, shipping_back, units_back = returned[place]
            revenue = self.in_euro(nets[place], currency, day) - net_back
            cost = self._cost(line["product_id"], moment(order["ordered_at"]), day)
            cost *= int(line["quantity"]) - units_back
            shipping = self.in_euro(money(line["shipping_amount"]), currency, day) - shipping_back
            first = revenue - cost
            second = first + shipping - shares[0][place] - shares[1][place]
            yield line, (revenue, cost, first, second, second - shares[2][place])

    def _cost(self, product_id: str, when: datetime, day: date) -> Decimal:
        versions = self.costs[product_id]
        cost = [versions[0], *(version for version in versions[1:] if version[0] <= when)][-1][1]
        return self.in_euro(money(cost["amount"]), cost["currency"], day)

    def _returned(self, order_id: str, nets: list[Decimal]) -> list[tuple[Decimal, Decimal, int]]:
        """Per line: net and shipping paid back in euro, units back in stock."""
        lines = self.lines[order_id]
        net_back = [Decimal(0)] * len(lines)
        shipping_back = [Decimal(0)] * len(lines)
        units_back = [0] * len(lines)
        for refund in sorted(self.refunds[order_id], key=lambda row: str(row["refunded_at"])):
            whole = not refund["line_number"]
            day = local_date(refund["refunded_at"])
            parts: list[tuple[int, str, Decimal]] = []
            for place, line in enumerate(lines):
                if whole or line["line_number"] == refund["line_number"]:
                    parts.append((place, "net", nets[place]))
                    if whole:
                        parts.append((place, "shipping", money(line["shipping_amount"])))
                    parts.append((place, "tax", money(line["tax_amount"])))
                    if refund["is_restocked"].lower() == "true":
                        sold = int(line["quantity"])
                        units = sold if whole else int(refund["quantity"])
                        units_back[place] = min(sold, units_back[place] + units)
            amounts = share(money(refund["amount"]), [part[2] for part in parts])
            for (place, kind, _), amount in zip(parts, amounts, strict=True):
                in_euro = self.in_euro(amount, refund["currency"], day)
                if kind == "net":
                    net_back[place] += in_euro
                elif kind == "shipping":
                    shipping_back[place] += in_euro
        return list(zip(net_back, shipping_back, units_back, strict=True))


@pytest.fixture(scope="module")
def oracle(demo_home: Home) -> Oracle:
    return Oracle(demo_home.extracts / "shop")


@pytest.fixture(scope="module")
def rows(demo_home: Home) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        yield lambda sql: connection.execute(sql).fetchall()


def test_every_margin_of_every_line(
    oracle: Oracle, rows: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    found = {
        (order_id, line_number): tuple(amounts)
        for order_id, line_number, *amounts in rows(
            """
            select order_id, line_number, net_revenue_amount, cost_amount,
                contribution_margin_1_amount, contribution_margin_2_amount,
                contribution_margin_3_amount
            from finance.order_margin where is_valid_order
            """
        )
    }
    expected = oracle.margins()
    assert len(expected) > 4_000
    different = {
        key: (found.get(key), value) for key, value in expected.items() if found.get(key) != value
    }
    assert different == {}
    assert found.keys() == expected.keys()
