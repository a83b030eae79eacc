"""What changes today moves no number of the past."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb

from ingest.home import HOME_VARIABLE, Home
from orchestration.lib.project import DBT
from tests.mutations.run import Workshop
from tests.python.conftest import run_storehouse
from tests.python.warehouse.dbt_runs import business_tables

TODAY = "2026-01-02"
NEW_RATES = {"GBP": "1.234567", "PLN": "0.243210", "USD": "0.912345"}
# What describes members as they are now; all other tables tell of the past.
OF_TODAY = {
    "core.dim_customer",
    "core.dim_customer_current",
    "core.dim_product",
    "core.dim_product_current",
    "core.dim_geography",
    "customers.customer_360",
    "features.attribute_spreads",
    "features.attribute_values",
    "features.customer_attributes",
    "insights.attribute_outliers",
}


def doubled(product: dict[str, Any]) -> dict[str, Any]:
    return product | {"list_price": "999.00", "cost": {"amount": "777.00", "currency": "EUR"}}


def moved(customer: dict[str, Any]) -> dict[str, Any]:
    elsewhere = [
        address | {"city": "Elsewhere", "postal_code": "00000"} for address in customer["addresses"]
    ]
    return customer | {"loyalty_tier": "platinum", "addresses": elsewhere}


def deliver_changes(home: Home, inbox: Path) -> None:
    """Full extracts of today: every price and cost another one, every customer moved."""
    inbox.mkdir()
    for entity, change in (("products", doubled), ("customers", moved)):
        last = max((home.extracts / "shop").glob(f"{entity}_*.json"))
        rows = [
            change(row) | {"updated_at": f"{TODAY}T00:30:00Z"}
            for row in json.loads(last.read_text(encoding="utf-8"))
        ]
        (inbox / f"{entity}_20260102T010000Z.json").write_text(json.dumps(rows), encoding="utf-8")


def test_cost_rate_and_city_of_today_move_no_past_number(demo_home: Home, tmp_path: Path) -> None:
    workshop = Workshop.prepare(tmp_path, demo_home)
    before = business_tables(workshop.home.warehouse_file)
    deliver_changes(demo_home, tmp_path / "inbox")
    landed = run_storehouse(workshop.home, "land", str(tmp_path / "inbox"), "--source", "shop")
    assert landed.returncode == 0, landed.stdout + landed.stderr
    rates = workshop.project / "seeds" / "fx_rates.csv"
    with rates.open("a", encoding="utf-8") as text:
        text.writelines(f"{TODAY},{name},EUR,{rate},test\n" for name, rate in NEW_RATES.items())
    built = subprocess.run(
        [os.fspath(DBT), "--quiet", "build", "--exclude-resource-type", "unit_test"],
        cwd=workshop.project,
        env=os.environ | {HOME_VARIABLE: str(workshop.home.root)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert built.returncode == 0, built.stdout[-3000:]
    after = business_tables(workshop.home.warehouse_file)
    assert {name for name in before if after[name] != before[name]} == OF_TODAY
    with duckdb.connect(str(workshop.home.warehouse_file), read_only=True) as connection:
        ((cities, costs),) = connection.execute(
            """
            select
                (select count(*) from core.dim_customer_current where city = 'elsewhere'),
                (select count(*) from core.dim_product_current where cost_amount = 777)
            """
        ).fetchall()
    assert cities > 400
    assert costs >= 40
