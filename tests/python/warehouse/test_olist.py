"""The public Olist data: known totals, and an independent count on the CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest

from bench.harness import DATA
from ingest.home import Home
from tests.python.conftest import run_storehouse
from tests.python.test_documents import queries
from tests.python.warehouse.dbt_runs import dbt_build

OLIST = DATA / "olist"
FILES = {
    "orders": "olist_orders_dataset",
    "items": "olist_order_items_dataset",
    "customers": "olist_customers_dataset",
    "products": "olist_products_dataset",
    "reviews": "olist_order_reviews_dataset",
    "translation": "product_category_name_translation",
}

# What became of the orders, out of the files alone. Their times are local, so the date is their
# first ten characters; a review counts for its order, and an order without one has none.
OUTCOMES = """
    select
        o.order_id,
        o.order_purchase_timestamp[:7] as month,
        o.order_status = 'canceled' as is_cancelled,
        o.order_status not in ('canceled', 'unavailable')
        and o.order_id in (select order_id from csv_items) as is_valid,
        date_diff(
            'day', o.order_purchase_timestamp[:10]::date, o.order_delivered_customer_date[:10]::date
        ) as delivery_days,
        o.order_delivered_customer_date[:10] > o.order_estimated_delivery_date[:10] as is_late,
        o.order_delivered_customer_date > o.order_estimated_delivery_date as is_late_by_the_second,
        c.customer_unique_id,
        c.customer_state as state,
        c.customer_city as city,
        coalesce(r.reviews, 0) as reviews,
        coalesce(r.scores, 0) as scores
    from csv_orders as o
    inner join csv_customers as c using (customer_id)
    left join (
        select order_id, count(*) as reviews, sum(review_score::int) as scores
        from csv_reviews group by all
    ) as r using (order_id)
"""
# The counts of the monthly tables, of the CSV files and of the warehouse.
EXPECTED_COUNTS = """
    count(*) filter (where is_valid), count(*) filter (where is_cancelled),
    count(distinct customer_unique_id) filter (where is_valid),
    count(delivery_days) filter (where is_valid),
    coalesce(sum(delivery_days) filter (where is_valid), 0),
    count(*) filter (where is_valid and is_late),
    coalesce(sum(reviews) filter (where is_valid), 0),
    coalesce(sum(scores) filter (where is_valid), 0)
"""
FOUND_COUNTS = """
    order_count, cancelled_order_count, customer_count, delivered_order_count, delivery_days_sum,
    late_order_count, review_count, review_score_sum
"""

pytestmark = pytest.mark.skipif(
    not OLIST.exists(), reason=f"no {OLIST}; set STOREHOUSE_TEST_DATA to the folder that has olist/"
)


@pytest.fixture(scope="module")
def olist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The working file after landing all nine files and one bare dbt build, and the files."""
    home = Home(tmp_path_factory.mktemp("olist") / "home")
    for args in (["admin", "prepare"], ["land", str(OLIST), "--source", "olist"]):
        done = run_storehouse(home, *args)
        assert done.returncode == 0, done.stdout + done.stderr
    dbt_build(home)
    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, file in FILES.items():
            path = next(OLIST.glob(f"{file}.csv*"))
            connection.execute(
                f"create temp view csv_{name} as select * from read_csv('{path}', "
                "all_varchar = true, parallel = false)"
            )
        connection.execute(f"create temp table outcomes as {OUTCOMES}")
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


def test_lateness_equals_the_csv_files(olist: duckdb.DuckDBPyConnection) -> None:
    """By dates, as promised dates have no time: 1,292 orders came on the promised day itself."""
    delivered = one(
        olist,
        """
        select count(delivery_days), sum(delivery_days), count(*) filter (where is_late)
        from outcomes
        """,
    )
    assert delivered == one(
        olist,
        """
        select count(delivery_days), sum(delivery_days), count(*) filter (where is_delivered_late)
        from core.fact_orders
        """,
    )
    assert delivered[::2] == (96_476, 6_535)
    by_the_second = one(olist, "select count(*) from outcomes where is_late_by_the_second")
    assert by_the_second == one(
        olist, "select count(*) from core.fact_orders where delivered_at > promised_at"
    )
    assert by_the_second == (7_827,)
    assert one(
        olist,
        "select count(*) from core.fact_orders where delivered_at > promised_at and days_late = 0",
    ) == (7_827 - 6_535,)


def test_overdue_orders_are_not_late_ones(olist: duckdb.DuckDBPyConnection) -> None:
    expected = olist.execute(
        """
        select order_status, count(*) from csv_orders
        where order_delivered_customer_date is null
            and order_status not in ('delivered', 'canceled', 'unavailable')
            and order_estimated_delivery_date[:10]
            < (select max(order_purchase_timestamp[:10]) from csv_orders)
        group by all order by all
        """
    ).fetchall()
    assert (
        sum(count for _, count in expected)
        == one(olist, "select count(*) from core.fact_orders where is_overdue")[0]
    )
    assert expected
    assert one(
        olist, "select count(*) from core.fact_orders where is_overdue and is_delivered_late"
    ) == (0,)


def test_reviews_equal_the_csv_file(olist: duckdb.DuckDBPyConnection) -> None:
    assert one(
        olist,
        """
        select count(*), count(distinct review_id), count(distinct order_id),
            count(*) filter (where is_last_of_order) from core.fact_reviews
        """,
    ) == (99_224, 98_410, 98_673, 98_673)
    expected = olist.execute(
        """
        select o.state, o.is_late, count(*), sum(r.review_score::int),
            count(*) filter (where regexp_matches(r.review_comment_title, '\\S')),
            count(*) filter (where regexp_matches(r.review_comment_message, '\\S'))
        from csv_reviews as r inner join outcomes as o using (order_id)
        group by all order by all
        """
    ).fetchall()
    found = olist.execute(
        """
        select places.state, reviews.is_delivered_late, count(*), sum(reviews.review_score),
            count(*) filter (where has_title), count(*) filter (where has_comment)
        from core.fact_reviews as reviews
        inner join core.dim_geography as places using (geography_key)
        group by all order by all
        """
    ).fetchall()
    assert found == expected
    assert len({row[0] for row in found}) == 27


def test_answer_hours_are_hours_that_passed(olist: duckdb.DuckDBPyConnection) -> None:
    """Not those of the clock, which jumps; of an hour that came twice the second one counts."""
    zone = ZoneInfo("America/Sao_Paulo")
    answers = olist.execute(
        """
        select review_creation_date::timestamp, review_answer_timestamp::timestamp
        from csv_reviews where review_creation_date <> '' and review_answer_timestamp <> ''
        """
    ).fetchall()
    seconds = [
        (answered.replace(tzinfo=zone, fold=1).timestamp() - sent.replace(tzinfo=zone).timestamp())
        for sent, answered in answers
    ]
    count, total = one(
        olist, "select count(answer_hours), sum(answer_hours) from core.fact_reviews"
    )
    assert (count, total) == (len(seconds), pytest.approx(sum(seconds) / 3600))


def test_months_by_place_equal_the_csv_files(olist: duckdb.DuckDBPyConnection) -> None:
    expected = olist.execute(
        f"""
        select month, state, city, {EXPECTED_COUNTS},
            coalesce(sum(price) filter (where is_valid), 0),
            coalesce(sum(freight) filter (where is_valid), 0)
        from outcomes
        left join (
            select order_id, sum(price::decimal(18, 2)) as price,
                sum(freight_value::decimal(18, 2)) as freight
            from csv_items group by all
        ) using (order_id)
        where is_valid or is_cancelled
        group by all order by all
        """
    ).fetchall()
    found = olist.execute(
        f"""
        select strftime(month_start_date, '%Y-%m'), state, city, {FOUND_COUNTS}, gross_amount,
            shipping_amount
        from core.agg_monthly_sales_by_place order by all
        """
    ).fetchall()
    assert found == expected
    assert len(found) > 20_000


@pytest.mark.parametrize("part", ["seller", "category"])
def test_months_by_seller_and_by_category_equal_the_csv_files(
    part: str, olist: duckdb.DuckDBPyConnection
) -> None:
    expected = olist.execute(
        f"""
        with parts as (
            select i.order_id, count(*) as lines, sum(i.price::decimal(18, 2)) as price,
                sum(i.freight_value::decimal(18, 2)) as freight,
                i.seller_id as seller,
                coalesce(
                    t.product_category_name_english, p.product_category_name, 'Unknown'
                ) as category
            from csv_items as i
            inner join csv_products as p using (product_id)
            left join csv_translation as t using (product_category_name)
            group by all
        ),
        parts_of_orders as (
            select order_id, {part} as part, sum(lines) as lines, sum(price) as price,
                sum(freight) as freight
            from parts group by all
        )
        select month, part, {EXPECTED_COUNTS}, coalesce(sum(lines) filter (where is_valid), 0),
            coalesce(sum(price) filter (where is_valid), 0),
            coalesce(sum(freight) filter (where is_valid), 0)
        from parts_of_orders inner join outcomes using (order_id)
        where is_valid or is_cancelled
        group by all order by all
        """
    ).fetchall()
    name = "sellers.seller_id" if part == "seller" else "category"
    join = "inner join core.dim_seller as sellers using (seller_key)" if part == "seller" else ""
    found = olist.execute(
        f"""
        select strftime(month_start_date, '%Y-%m'), {name}, {FOUND_COUNTS}, line_count,
            gross_amount, shipping_amount
        from core.agg_monthly_sales_by_{part} {join} order by all
        """
    ).fetchall()
    assert found == expected
    assert len(found) > 1_000


def test_categories_are_english_where_a_translation_exists(
    olist: duckdb.DuckDBPyConnection,
) -> None:
    """Two categories have no translation and keep their own name, 610 products have none."""
    expected = one(
        olist,
        """
        select count(*) filter (where product_category_name is null),
            count(distinct product_category_name) from csv_products
        """,
    )
    assert expected == (610, 73)
    assert one(
        olist,
        """
        select count(*) filter (where category = 'Unknown'),
            count(distinct category) filter (where category <> 'Unknown'),
            count(distinct category) filter (where category in
                ('pc_gamer', 'portateis_cozinha_e_preparadores_de_alimentos'))
        from core.dim_product_current where source_system = 'olist'
        """,
    ) == (610, 73, 2)


def test_queries_of_the_readme_answer_as_it_says(olist: duckdb.DuckDBPyConnection) -> None:
    by_state, by_lateness = (olist.execute(query).fetchall() for query in queries())
    expected = olist.execute(
        """
        select state, sum(price), sum(delivery_days) / count(delivery_days),
            count(*) filter (where is_late) / count(delivery_days), sum(scores) / sum(reviews)
        from outcomes
        inner join (
            select order_id, sum(price::decimal(18, 2)) as price from csv_items group by all
        ) using (order_id)
        where is_valid group by all order by 2 desc limit 5
        """
    ).fetchall()
    assert by_state == expected
    assert [row[0] for row in by_state] == ["SP", "RJ", "MG", "RS", "PR"]
    assert {is_late: round(score, 2) for is_late, _, score in by_lateness} == {
        False: 4.29,
        True: 2.27,
        None: 1.76,
    }
    assert one(
        olist,
        """
        select round(100 * count(*) filter (where is_delivered_late) / count(days_late), 1)
        from core.fact_orders
        """,
    ) == (6.8,)


def test_every_balance_has_a_class_and_few_are_unexplained(
    olist: duckdb.DuckDBPyConnection,
) -> None:
    """Counted on the CSV files: differences of items and payments over a cent, by instalments."""
    classes = dict(
        olist.execute(
            """
            select reconciliation_class, count(distinct order_id)
            from finance.payment_reconciliation group by all
            """
        ).fetchall()
    )
    assert classes == {
        "balanced": 98_092,
        "instalment_interest": 235,
        "no_items": 772,
        "no_payment": 1,
        "rounding": 317,
        "unexplained": 20,
        "voucher": 4,
    }
    for name, file in {"items": "olist_order_items", "payments": "olist_order_payments"}.items():
        path = next(OLIST.glob(f"{file}_dataset.csv*"))
        olist.execute(
            f"create or replace temp view csv_{name} as select * from read_csv('{path}', "
            "all_varchar = true, parallel = false)"
        )
    off, in_instalments = one(
        olist,
        """
        with items as (
            select order_id, sum(price::decimal(18, 2) + freight_value::decimal(18, 2)) as total
            from csv_items group by all
        ),
        payments as (
            select order_id, sum(payment_value::decimal(18, 2)) as paid,
                max(payment_installments::integer) as installments
            from csv_payments group by all
        )
        select count(*), count(*) filter (where installments > 1)
        from items inner join payments using (order_id) where abs(total - paid) > 0.01
        """,
    )
    assert (off, in_instalments) == (303, 269)
    assert one(
        olist,
        """
        select count(*) from core.fact_orders where abs(balance_amount) > 0.01 and line_count > 0
            and captured_amount > 0
        """,
    ) == (off,)


def test_margins_of_olist_are_unknown_and_flagged(olist: duckdb.DuckDBPyConnection) -> None:
    assert one(
        olist,
        """
        select count(*), count(contribution_margin_1_amount), sum(net_revenue_amount),
            bool_and(is_cost_missing and is_margin_missing)
        from finance.order_margin
        """,
    ) == (112_650, 0, Decimal("13591643.70"), True)
