"""The shop demo, counted again from the extract files without the code under test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from ingest.home import Home

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def warehouse(demo_home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only, with the extract files as views `x_<entity>`."""
    folder = demo_home.extracts / "shop"
    with duckdb.connect(str(demo_home.published_file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for entity, reader in {
            "orders": "read_csv('{0}/orders_*.csv', all_varchar = true)",
            "shipments": "read_csv('{0}/shipments_*.csv', all_varchar = true)",
            "order_items": "read_csv('{0}/order_items_*.csv', all_varchar = true)",
            "payments": "read_json('{0}/payments_*.ndjson', format = 'newline_delimited')",
            "customers": "read_json('{0}/customers_*.json', filename = true)",
            "inventory": "read_csv('{0}/inventory_*.csv', all_varchar = true)",
        }.items():
            connection.execute(
                f"create temp view x_{entity} as select * from {reader.format(folder)}"
            )
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> Rows:
    return connection.execute(sql).fetchall()


def test_sizes_and_dirt_of_the_demo(warehouse: duckdb.DuckDBPyConnection) -> None:
    counts = {
        "orders": "select count(*) from core.fact_orders",
        "orders_inferred": "select count(*) from core.fact_orders where is_inferred",
        "payments": "select count(*) from core.fact_payments",
        "customers": "select count(*) from core.dim_customer_current where source_system = 'shop'",
        "no_email": "select count(*) from core.dim_customer_current where is_email_missing",
        "products": "select count(*) from core.dim_product_current where source_system = 'shop'",
        "stock_rows": "select count(*) from core.fact_inventory_daily",
        "stock_corrected": "select count(*) from core.fact_inventory_daily where is_corrected",
        "scored_customers": "select count(*) from customers.ml_customer_rfm",
        "scored_payments": "select count(*) from insights.ml_anomaly_detection where is_scored",
    }
    found = {name: rows(warehouse, sql)[0][0] for name, sql in counts.items()}
    assert found == {
        "orders": 2000,
        "orders_inferred": 52,
        "payments": 2000,
        "customers": 500,
        "no_email": 53,
        "products": 50,
        "stock_rows": 150,
        "stock_corrected": 4,
        "scored_customers": 500,
        "scored_payments": 2000,
    }


def test_corrected_stock_keeps_its_raw_value(warehouse: duckdb.DuckDBPyConnection) -> None:
    expected = rows(
        warehouse,
        """
        select cast(snapshot_date as date), product_id, cast(closing_quantity as int)
        from x_inventory where cast(closing_quantity as int) < 0 order by all
        """,
    )
    found = rows(
        warehouse,
        """
        select snapshot_date, product_id, closing_quantity_raw from core.fact_inventory_daily
        where correction_reason = 'negative_closing' and closing_quantity = 0 order by all
        """,
    )
    assert found == expected
    assert len(found) == 4


def test_lines_and_revenue_equal_the_latest_rows_of_the_files(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """An oracle of its own: the last row of each line by updated_at, D rows left out."""
    expected = rows(
        warehouse,
        """
        with last as (
            select order_id, line_number, arg_max(x_order_items, updated_at) as line
            from x_order_items group by all
        ),
        orders as (
            select order_id, arg_max(x_orders, updated_at) as header
            from x_orders where order_status is not null group by all
        )
        select
            header.currency,
            count(*),
            sum(cast(line.quantity as int) * cast(line.unit_price as decimal(18, 2))),
            sum(cast(line.discount_amount as decimal(18, 2))),
            sum(cast(line.tax_amount as decimal(18, 2))),
            sum(cast(line.shipping_amount as decimal(18, 2)))
        from last inner join orders using (order_id)
        where line.op <> 'D' and header.op <> 'D' and header.order_status <> 'cancelled'
        group by all order by all
        """,
    )
    found = rows(
        warehouse,
        """
        select currency, sum(line_count), sum(gross_amount), sum(discount_amount),
            sum(tax_amount), sum(shipping_amount)
        from core.agg_daily_sales group by all order by all
        """,
    )
    assert found == expected
    assert len(found) > 1


def test_late_orders_equal_the_parcels_of_the_files(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """By dates of the shop's zone; an order is delivered with the last of all its parcels."""
    parcels = rows(
        warehouse,
        """
        with last as (
            select shipment_id, arg_max(x_shipments, updated_at) as parcel
            from x_shipments group by all
        ),
        orders as (
            select order_id, arg_max(x_orders, updated_at) as header
            from x_orders where order_status is not null and op <> 'D' group by all
        )
        select header.order_id, header.ordered_at, header.promised_at,
            list(parcel.shipped_at), list(parcel.delivered_at)
        from last inner join orders on last.parcel.order_id = orders.order_id
        where parcel.op <> 'D' group by all order by all
        """,
    )

    def local(text: str) -> date:
        return datetime.fromisoformat(text).astimezone(ZoneInfo("Europe/Berlin")).date()

    expected = {}
    for order, placed, promised, shipped, delivered in parcels:
        if None not in delivered:
            arrived = local(max(delivered))
            days = (arrived - local(placed)).days, (arrived - local(min(shipped))).days
            expected[order] = (*days, (arrived - local(promised)).days)
    found = rows(
        warehouse,
        """
        select order_id, delivery_days, transit_days, days_late, is_delivered_late
        from core.fact_orders where delivery_days is not null
        """,
    )
    assert {row[0]: row[1:4] for row in found} == expected
    assert all(is_late == (late > 0) for *_, late, is_late in found)
    assert {is_late for *_, is_late in found} == {True, False}


def test_header_totals_are_the_sums_of_the_lines(warehouse: duckdb.DuckDBPyConnection) -> None:
    off = rows(
        warehouse,
        """
        select order_id from core.fact_orders
        where not is_inferred and not is_deleted and stated_total_amount <> order_total_amount
        """,
    )
    assert off == []


def test_captured_money_equals_the_payment_files(warehouse: duckdb.DuckDBPyConnection) -> None:
    expected = rows(
        warehouse,
        """
        select last.currency, sum(cast(last.amount as decimal(18, 2))) from (
            select payment_id, arg_max(x_payments, updated_at) as last from x_payments group by all
        ) where last.payment_status in ('captured', 'refunded', 'chargeback') and last.op <> 'D'
        group by all order by all
        """,
    )
    found = rows(
        warehouse,
        """
        select currency, sum(amount) from core.fact_payments where is_captured
        group by all order by all
        """,
    )
    assert found == expected


def test_facts_have_no_null_keys_and_no_orphans(warehouse: duckdb.DuckDBPyConnection) -> None:
    checks = {
        ("core.fact_sales", "customer_key"): "core.dim_customer",
        ("core.fact_sales", "product_key"): "core.dim_product",
        ("core.fact_sales", "geography_key"): "core.dim_geography",
        ("core.fact_sales", "promotion_key"): "core.dim_promotion",
        ("core.fact_sales", "seller_key"): "core.dim_seller",
        ("core.fact_orders", "customer_key"): "core.dim_customer",
        ("core.fact_payments", "customer_key"): "core.dim_customer",
        ("core.fact_payments", "payment_method_key"): "core.dim_payment_method",
        ("core.fact_refunds", "product_key"): "core.dim_product",
        ("core.fact_inventory_daily", "product_key"): "core.dim_product",
        ("core.agg_monthly_sales_by_seller", "seller_key"): "core.dim_seller",
    }
    problems = {
        (fact, key): found
        for (fact, key), dimension in checks.items()
        if (
            found := rows(
                warehouse,
                f"select count(*) from {fact} where {key} is null "
                f"or {key} not in (select {key} from {dimension})",
            )[0][0]
        )
    }
    assert problems == {}


def test_every_fact_joins_the_version_of_its_moment(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Half-open: the version that holds placed_at, found by another way than the model's join."""
    wrong = rows(
        warehouse,
        """
        select orders.order_id
        from core.fact_orders as orders
        inner join core.dim_customer as versions using (customer_key)
        where versions.customer_key <> '-1'
            and (orders.placed_at < versions.valid_from or orders.placed_at >= versions.valid_to)
        """,
    )
    joined = rows(
        warehouse,
        """
        select count(*) from core.fact_orders as orders
        inner join core.dim_customer as versions using (customer_key)
        where not versions.is_current and versions.customer_key <> '-1'
        """,
    )
    assert wrong == []
    assert joined[0][0] > 0, "no order has an older customer version: nothing was tested"


def test_deleted_and_returned_customers(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Who is in the last customers file is live; who only was in earlier ones is deleted."""
    expected = rows(
        warehouse,
        """
        select customer_id, max(filename) <> (select max(filename) from x_customers)
        from x_customers group by all order by all
        """,
    )
    found = rows(
        warehouse,
        """
        select customer_id, is_deleted from core.dim_customer_current
        where not starts_with(customer_key, '-') order by all
        """,
    )
    assert found == expected
    assert any(deleted for _, deleted in found)


def test_quarantined_rows_say_why_and_are_masked(demo_home: Home) -> None:
    with duckdb.connect(str(demo_home.warehouse_file), read_only=True) as connection:
        found = connection.execute(
            """
            select count(distinct raw_content ->> 'order_id'), any_value(reasons),
                bool_and(raw_content ->> 'ship_to_line1' ~ '^[0-9a-f]{64}$'),
                bool_and(row_number > 1), count(*) = count(load_id)
            from quarantine.quarantine_shop__orders
            """
        ).fetchall()
    assert found == [(52, "status_missing", True, True, True)]


def test_conservation_counts_what_the_files_hold(
    warehouse: duckdb.DuckDBPyConnection, demo_home: Home
) -> None:
    """Rows of the CSV files, counted by DuckDB's own reader, are the rows landed."""
    found: dict[str, int] = dict(
        rows(
            warehouse,
            """
            select entity, sum(rows_landed) from ops.conservation
            where entity in ('orders', 'order_items', 'payments', 'customers', 'inventory')
            group by all
            """,
        )
    )
    expected = {
        entity: rows(warehouse, f"select count(*) from x_{entity}")[0][0] for entity in found
    }
    assert found == expected
    assert rows(warehouse, "select sum(rows_unaccounted) from ops.conservation") == [(0,)]
    assert rows(
        warehouse,
        "select count(*) between 2990 and 3000 from core.fact_events",
    ) == [(True,)]


def test_rfm_scores_equal_a_plain_computation(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Scores from the definition, in Python, over the published orders."""
    table = rows(
        warehouse,
        """
        select customer_id, recency_days, frequency, monetary_amount, recency_score,
            frequency_score, monetary_score, frequency_rule
        from customers.ml_customer_rfm where frequency > 0
        """,
    )
    frequencies = rows(
        warehouse,
        """
        select customers.customer_id, count(*), max(orders.order_date)
        from core.fact_orders as orders
        inner join core.dim_customer as customers using (customer_key)
        where orders.is_valid_order and customers.customer_key <> '-1' group by all
        """,
    )
    as_of = rows(warehouse, "select max(order_date) from core.fact_orders")[0][0]
    expected = {customer: (count, (as_of - last).days) for customer, count, last in frequencies}
    assert {row[0]: (row[2], row[1]) for row in table} == expected

    def scores(values: list[Decimal]) -> list[int]:
        return [
            min(5, 1 + 5 * sum(other < value for other in values) // (len(values) - 1))
            for value in values
        ]

    assert [row[4] for row in table] == scores([-Decimal(row[1]) for row in table])
    assert [row[6] for row in table] == scores([row[3] for row in table])
    assert {row[7] for row in table} == {"percent_rank"}
    assert [row[5] for row in table] == scores([Decimal(row[2]) for row in table])


def test_the_file_has_comments_and_opens_in_older_clients(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    uncommented = rows(
        warehouse,
        """
        select schema_name || '.' || table_name from duckdb_tables() where comment is null
        union all
        select schema_name || '.' || table_name || '.' || column_name from duckdb_columns()
        where comment is null and not internal and schema_name <> 'main'
        """,
    )
    version = rows(
        warehouse, "select tags['storage_version'] from duckdb_databases() where not internal"
    )
    assert uncommented == []
    assert version[0][0].startswith("v1.2.0")


SQLALCHEMY_READER = """
import sqlalchemy, sys
engine = sqlalchemy.create_engine(
    f"duckdb:///{sys.argv[1]}", connect_args={"read_only": True}
)
inspector = sqlalchemy.inspect(engine)
assert "fact_sales" in inspector.get_table_names(schema="core")
print(inspector.get_table_comment("fact_sales", schema="core")["text"])
"""


def test_sqlalchemy_lists_the_tables_with_comments(demo_home: Home) -> None:
    """In a process of its own: its connection options differ from those of the other tests."""
    done = subprocess.run(
        [sys.executable, "-c", SQLALCHEMY_READER, str(demo_home.published_file)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("One row per order line")


def test_persons_are_those_that_were_planted(
    demo_home: Home, warehouse: duckdb.DuckDBPyConnection
) -> None:
    """Second and third accounts share a mail address or a number; devices alone merge nobody."""
    planted = rows(
        warehouse,
        f"""
        select customer_id, first_account_id
        from read_parquet('{demo_home.truth}/customers.parquet') order by customer_id
        """,
    )
    found = rows(
        warehouse,
        """
        select customer_id, identity_id from customers.customer_identity
        where source_system = 'shop' and is_current order by customer_id
        """,
    )
    assert found == planted
    assert sum(account != first for account, first in planted) == 9
    first_orders, buyers = rows(
        warehouse,
        f"""
        select count(*) filter (is_first_order), count(distinct first_account_id)
        from core.fact_orders
        inner join read_parquet('{demo_home.truth}/customers.parquet') using (customer_id)
        where is_valid_order
        """,
    )[0]
    assert first_orders == buyers
