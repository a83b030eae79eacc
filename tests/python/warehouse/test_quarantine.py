"""Rules of the contracts on extracts a person might deliver: refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from ingest.home import Home
from tests.python.warehouse.dbt_runs import dbt_build, land

ORDER = {
    "order_id": "A",
    "customer_id": "C",
    "order_status": "Paid",
    "ordered_at": "2025-01-10T10:00:00Z",
    "currency": "EUR",
    "op": "I",
    "updated_at": "2025-01-10T10:00:00Z",
}
PAYMENT = {
    "payment_id": "A",
    "order_id": "A",
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
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        found = connection.execute(
            "select order_id, _status, _reasons from staging.base_shop__orders "
            "union all "
            "select payment_id, _status, _reasons from staging.base_shop__payments "
            "order by all"
        ).fetchall()
    assert found == [
        ("A", "accepted", None),
        ("A", "accepted", None),
        ("B", "quarantined", "status_unknown"),
        ("B", "quarantined", "status_unknown"),
        ("C", "quarantined", "status_missing"),
        ("D", "accepted", None),
    ]
