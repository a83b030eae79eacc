"""What a trace shows of a delivered row is what quarantine shows of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from ingest.contracts import load_contracts
from ingest.home import Home
from ingest.pii import pii_key, pii_token
from orchestration.lib.trace.masked_row import masked_row
from tests.python.warehouse.dbt_runs import dbt_build, land

KEY = b"0123456789abcdef"


def as_json(value: Any) -> Any:
    """A value as JSON reads it back: tuples and lists are one thing."""
    return json.loads(json.dumps(value))


def test_equals_the_raw_content_of_quarantine(tmp_path: Path) -> None:
    """The macro and the function are two programs: one row of each kind of column, both ways."""
    home = Home(tmp_path / "home")
    files = tmp_path / "files"
    files.mkdir()
    (files / "orders_20250101T060000Z.csv").write_text(
        "order_id,customer_id,order_status,ordered_at,channel_id,device_id,currency,ship_to_line1,"
        "order_total,op,updated_at\n"
        'o1,c1,lost,2025-01-01T05:00:00Z,call +49 30 1234567,Dev-1 ,EUR,"Main St 1, x@y.org",'
        "1.50,I,2025-01-01T05:00:00Z\n"
        "o2,,lost,,a b@c.example d,,EUR,,x,I,2025-01-01T05:00:00Z\n",
        encoding="utf-8",
    )
    (files / "customers_20250101T060000Z.json").write_text(
        json.dumps(
            [
                {
                    "customer_id": "c1",
                    "created_at": "no time",
                    "name": {"first": " Ada ", "last": None},
                    "contact": {"email": "Ada@example.org", "phone": "+44 20 1234567"},
                    "addresses": [{"type": "home", "line1": "1 Way", "city": "York"}],
                    "birth_year": "x",
                },
                {"customer_id": None, "name": None, "contact": None, "addresses": None},
            ]
        ),
        encoding="utf-8",
    )
    land(home, files.iterdir())
    dbt_build(
        home, "--select", "base_shop__orders", "base_shop__customers", "--resource-type", "model"
    )
    contracts = load_contracts()["shop"].entities
    key, compared = pii_key(home), 0
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        for entity in ("orders", "customers"):
            raw = {
                (load_id, number): content
                for load_id, number, content in connection.execute(
                    f"select _load_id, _row_number, _raw_content from staging.base_shop__{entity} "
                    "where _status = 'quarantined'"
                ).fetchall()
            }
            for path in (home.lake / "shop" / entity).rglob("[!_]*.parquet"):
                for row in pq.read_table(path, partitioning=None).to_pylist():
                    content = json.loads(raw[row["_load_id"], row["_row_number"]])
                    assert as_json(masked_row(row, contracts[entity], key)) == content
                    compared += 1
    assert compared == 4
    shutil.rmtree(home.root)


def test_no_leaf_of_personal_data_is_shown() -> None:
    contract = load_contracts()["shop"].entities["customers"]
    row = {column.name: None for column in contract.columns} | {
        "customer_id": "c1",
        "name": {"first": "Ada", "last": "Lovelace"},
        "contact": {"email": "ada@example.org", "phone": "0301234567"},
        "addresses": [{"type": "home", "line1": "1 Secret Way", "city": "York"}],
    }
    shown = masked_row(row, contract, KEY)
    text = json.dumps(shown)
    assert not [
        word for word in ("Ada", "Lovelace", "example", "0301234567", "Secret") if word in text
    ]
    assert shown["contact_email"] == pii_token("ada@example.org", KEY)
    assert shown["addresses"][0]["city"] == "York"
