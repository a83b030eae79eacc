"""Rules of the contracts on extracts a person might deliver: refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from ingest.home import Home
from tests.python.warehouse.dbt_runs import dbt_build, land

ORDER = {
    "order_id": "A",
    "customer_id": "C",
    "channel_id": "direct",
    "order_status": "Paid",
    "ordered_at": "2025-01-10T10:00:00Z",
    "currency": "EUR",
    "op": "I",
    "updated_at": "2025-01-10T10:00:00Z",
}
PAYMENT = {
    "payment_id": "A",
    "order_id": "A",
    "payment_method": "card",
    "payment_status": "Captured",
    "amount": "10.00",
    "currency": "EUR",
    "op": "I",
    "updated_at": "2025-01-10T10:00:00Z",
}


def write(file: Path, row: dict[str, str], *variants: dict[str, str]) -> Path:
    rows = [row | variant for variant in variants]
    file.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return file


def query(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


CUSTOMER = {
    "customer_id": "A",
    "created_at": "2025-01-01T10:00:00Z",
    "birth_year": "1980",
    "gender": "F",
    "loyalty_tier": "gold",
}


def test_personal_data_in_a_wrong_column_is_neither_accepted_nor_shown(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    customers = write(
        tmp_path / "customers_20250111T060000Z.ndjson",
        CUSTOMER,
        {},
        {"customer_id": "B", "birth_year": "max@leak.example"},
        {"customer_id": "C", "gender": "max@leak.example"},
        {"customer_id": "D", "loyalty_tier": "+49 170 123 45 67"},
    )
    land(home, [customers])
    dbt_build(home, "--select", "base_shop__customers", "quarantine_shop__customers")
    found = query(
        home,
        "select customer_id, _reasons, _raw_content::varchar from staging.base_shop__customers "
        "where _status = 'quarantined' order by all",
    )
    assert [row[:2] for row in found] == [
        ("B", "birth_year: not of type integer"),
        ("C", "gender_unknown"),
        ("D", "loyalty_tier_unknown"),
    ]
    contents = " ".join(content for _, _, content in found)
    assert "leak" not in contents
    assert "123" not in contents
    assert "***@***" in contents


def test_a_status_nobody_heard_of_is_quarantined_not_guessed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    orders = write(
        tmp_path / "orders_20250111.ndjson",
        ORDER,
        {},
        {"order_id": "B", "order_status": "completed"},
        {"order_id": "C", "order_status": ""},
        {"order_id": "D", "order_status": "", "op": "D"},
    )
    payments = write(
        tmp_path / "payments_20250111.ndjson",
        PAYMENT,
        {},
        {"payment_id": "B", "payment_status": "authorised"},
    )
    land(home, [orders, payments])
    dbt_build(
        home,
        "--select",
        "base_shop__orders",
        "base_shop__payments",
        "quarantine_shop__orders",
        "quarantine_shop__payments",
        "stg_landing__loads",
    )
    found = query(
        home,
        "select order_id, _status, _reasons from staging.base_shop__orders "
        "union all "
        "select payment_id, _status, _reasons from staging.base_shop__payments "
        "order by all",
    )
    assert found == [
        ("A", "accepted", None),
        ("A", "accepted", None),
        ("B", "quarantined", "status_unknown"),
        ("B", "quarantined", "status_unknown"),
        ("C", "quarantined", "status_missing"),
        ("D", "accepted", None),
    ]
