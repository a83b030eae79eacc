"""The public Olist data: known totals, and an independent count on the CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from bench.harness import DATA
from ingest.home import Home
from tests.python.conftest import run_storehouse
from tests.python.warehouse.dbt_runs import dbt_build

OLIST = DATA / "olist"

pytestmark = pytest.mark.skipif(
    not OLIST.exists(), reason=f"no {OLIST}; set STOREHOUSE_TEST_DATA to the folder that has olist/"
)


@pytest.fixture(scope="module")
def olist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working file after landing all nine files and one bare dbt build."""
    home = Home(tmp_path_factory.mktemp("olist") / "home")
    for args in (["admin", "prepare"], ["land", str(OLIST), "--source", "olist"]):
        done = run_storehouse(home, *args)
        assert done.returncode == 0, done.stdout + done.stderr
    dbt_build(home)
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[object, ...]:
    row: tuple[object, ...] = connection.execute(sql).fetchall()[0]
    return row


def test_known_totals(olist: duckdb.DuckDBPyConnection) -> None:
    assert one(
        olist, "select count(*), sum(gross_amount), sum(shipping_amount) from core.fact_sales"
    ) == (112_650, Decimal("13591643.70"), Decimal("2251909.54"))
    assert one(olist, "select count(*), sum(amount) from core.fact_payments") == (
        103_886,
        Decimal("16008872.12"),
    )
    assert one(olist, "select count(*) from core.fact_orders") == (99_441,)
    assert one(
        olist,
        "select count(*) from core.dim_customer where source_system = 'olist' and is_current",
    ) == (96_096,)


def test_known_flaws_are_flags_and_no_loss(olist: duckdb.DuckDBPyConnection) -> None:
    assert one(
        olist,
        """
        select count(*) filter (where line_count = 0), count(*) filter (where captured_amount = 0),
            count(*) filter (where has_times_out_of_order)
        from core.fact_orders
        """,
    ) == (775, 4, 1382)
    assert one(
        olist, "select sum(rows_duplicate), sum(rows_unaccounted) from ops.conservation"
    ) == (261_831, 0)


def test_no_unknown_keys(olist: duckdb.DuckDBPyConnection) -> None:
    assert one(
        olist,
        """
        select count(*) from core.fact_sales where '-1' in (customer_key, product_key, seller_key,
            geography_key) or order_date_key < 0
        """,
    ) == (0,)


def test_revenue_by_month_state_and_category_equals_the_csv_files(
    olist: duckdb.DuckDBPyConnection,
) -> None:
    """Straight joins over the CSV files, in local months, against the star."""
    for name, file in {
        "orders": "olist_orders_dataset",
        "items": "olist_order_items_dataset",
        "customers": "olist_customers_dataset",
        "products": "olist_products_dataset",
        "translation": "product_category_name_translation",
    }.items():
        path = next(OLIST.glob(f"{file}.csv*"))
        olist.execute(
            f"create or replace temp view csv_{name} as select * from read_csv('{path}', "
            "all_varchar = true, parallel = false)"
        )
    expected = olist.execute(
        """
        select
            o.order_purchase_timestamp[:7] as month, c.customer_state,
            coalesce(t.product_category_name_english, p.product_category_name, 'Unknown'),
            count(*), sum(cast(i.price as decimal(18, 2))),
            sum(cast(i.freight_value as decimal(18, 2)))
        from csv_items as i
        inner join csv_orders as o using (order_id)
        inner join csv_customers as c using (customer_id)
        inner join csv_products as p using (product_id)
        left join csv_translation as t using (product_category_name)
        group by all order by all
        """
    ).fetchall()
    found = olist.execute(
        """
        select
            strftime(dates.date_day, '%Y-%m') as month, places.state, products.category,
            count(*), sum(sales.gross_amount), sum(sales.shipping_amount)
        from core.fact_sales as sales
        inner join core.dim_date as dates on sales.order_date_key = dates.date_key
        inner join core.dim_geography as places using (geography_key)
        inner join core.dim_product as products using (product_key)
        group by all order by all
        """
    ).fetchall()
    assert found == expected
    assert len(found) > 5_000
