"""The demo, recounted from its files by DuckDB: sizes, dirt, money, and the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingest.simulator import Summary, simulate

ROOT = Path(__file__).resolve().parents[4]
CSV = (
    "orders",
    "order_items",
    "refunds",
    "shipments",
    "inventory",
    "marketing_spend",
    "campaign_exposures",
)
NDJSON = ("payments", "events")
FULL = ("customers", "products")
KEYS = {
    "orders": "order_id",
    "order_items": "order_id, line_number",
    "payments": "payment_id",
    "refunds": "refund_id",
    "shipments": "shipment_id",
}
STAMPS = ("20251230T010000Z", "20251231T010000Z", "20260101T010000Z")


class Shop:
    """The files of one demo as DuckDB views, every value as text."""

    def __init__(self, folder: Path, summary: Summary) -> None:
        self.extracts = folder / "extracts" / "shop"
        self.truth = folder / "truth"
        self.summary = summary
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        for name in (*CSV, *NDJSON, *FULL):
            self.connection.execute(f"create table {name} as {self._read(name)}")
        for path in self.truth.glob("*.parquet"):
            self.connection.execute(f"create table truth_{path.stem} as from '{path}'")
        for name, key in KEYS.items():
            self.connection.execute(
                f"""
                create table current_{name} as
                select * exclude stamp from {name}
                qualify row_number() over (
                    partition by {key} order by updated_at desc, op, stamp
                ) = 1
                """
            )
        for name in FULL:
            self.connection.execute(
                f"""
                create table current_{name} as select * from {name}
                qualify row_number() over (
                    partition by {name.removesuffix("s")}_id order by stamp desc
                ) = 1
                """
            )
        for name in ("countries", "promotions"):
            self.connection.execute(f"create table {name} as from '{ROOT}/seeds/{name}.csv'")

    def _read(self, name: str) -> str:
        stamp = "regexp_extract(filename, '_([0-9]{8}T[0-9]{6}Z)[.]', 1) as stamp"
        pattern = f"'{self.extracts}/{name}_*', filename = true"
        if name in CSV:
            reader = f"read_csv({pattern}, all_varchar = true)"
        elif name in NDJSON:
            reader = f"read_ndjson({pattern}, auto_detect = true, timestampformat = 'none')"
        else:
            reader = f"read_json({pattern}, format = 'array', timestampformat = 'none')"
        return f"select * exclude filename, {stamp} from {reader}"

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(query).fetchall()

    def one(self, query: str) -> Any:
        """The only value of a query."""
        return self.all(query)[0][0]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("demo")
    summary = simulate("demo", 7, None, 3, folder / "extracts" / "shop")
    shop = Shop(folder, summary)
    yield shop
    shop.connection.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select count(distinct customer_id) from customers", 500),
        ("select count(*) from current_customers where contact.email is null", 53),
        ("select count(distinct product_id) from products", 50),
        ("select count(distinct order_id) from orders", 2_000),
        ("select count(distinct order_id) from orders where order_status is null", 52),
        ("select count(distinct order_id) from orders where order_status is not null", 1_948),
        ("select count(*) from (select distinct order_id, line_number from order_items)", 4_904),
        ("select count(distinct payment_id) from payments", 2_000),
        ("select count(*) from inventory", 150),
        ("select count(distinct (snapshot_date, warehouse_id, product_id)) from inventory", 150),
        ("select count(distinct snapshot_date) from inventory", 3),
        ("select count(*) from inventory where closing_quantity::int < 0", 4),
        (
            "select count(*) from inventory "
            "where least(opening_quantity::int, received_quantity::int) < 0",
            0,
        ),
        ("select count(distinct event_id) from events", 3_000),
        ("select count(distinct left(stamp, 8)) from events", 3),
        ("select count(*) from truth_visits where kind = 'runaway' and events > 300", 1),
        ("select count(*) from truth_event_deliveries where kind = 'very_late'", 3),
        ("select count(*) from truth_event_deliveries where kind = 'conflict'", 2),
        ("select count(*) from truth_event_deliveries where kind = 'invalid'", 6),
        ("select count(*) from events where event_id is null", 2),
        ("select count(*) from events where try_cast(occurred_at as timestamptz) is null", 2),
        (
            "select count(*) from events where event_type not in ('page_view', 'product_view', "
            "'search', 'add_to_cart', 'checkout', 'purchase')",
            2,
        ),
    ],
)
def test_demo_has_the_sizes_and_the_dirt(shop: Shop, query: str, expected: int) -> None:
    assert shop.one(query) == expected


@pytest.mark.parametrize("entity", [*CSV, *NDJSON, *FULL])
def test_summary_counts_the_rows_in_the_files(shop: Shop, entity: str) -> None:
    assert shop.summary.rows[entity] == shop.one(f"select count(*) from {entity}")


def test_summary_counts_the_files(shop: Shop) -> None:
    assert shop.summary.files == len(list(shop.extracts.iterdir()))


@pytest.mark.parametrize("entity", [*FULL, *KEYS, "inventory", "marketing_spend"])
def test_one_file_per_load(shop: Shop, entity: str) -> None:
    names = sorted(path.name.split("_")[-1].split(".")[0] for path in _files(shop, entity))
    assert tuple(names) == STAMPS


@pytest.mark.parametrize("entity", [*CSV, *NDJSON, *FULL])
def test_columns_are_those_of_the_contract(shop: Shop, entity: str) -> None:
    path = ROOT / "models" / "staging" / "shop" / "_shop__sources.yml"
    source = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]
    table = next(table for table in source["tables"] if table["name"] == entity)
    described = {name: kind for name, kind, *_ in shop.all(f"describe {entity}")}
    del described["stamp"]
    assert list(described) == [column["name"] for column in table["columns"]]
    for column in table["columns"]:
        if column["data_type"].startswith("struct"):
            expected = _leaves(shop, column["data_type"])
            assert _leaves(shop, described[column["name"]]) == expected


def _leaves(shop: Shop, kind: str) -> list[str]:
    text = f"select * from (select unnest([null::{kind.removesuffix('[]')}], recursive := true))"
    return [name for name, *_ in shop.all(f"describe {text}")]


def _files(shop: Shop, entity: str) -> list[Path]:
    return list(shop.extracts.glob(f"{entity}_2*"))


def test_orders_without_status_keep_items_and_payments(shop: Shop) -> None:
    query = """
        select count(distinct o.order_id), count(distinct i.order_id), count(distinct p.order_id)
        from current_orders as o
        left join order_items as i using (order_id)
        left join payments as p using (order_id)
        where o.order_status is null
    """
    assert shop.all(query) == [(52, 52, 52)]


def test_order_total_is_the_sum_of_its_lines(shop: Shop) -> None:
    query = """
        select count(*), count(*) filter (l.total = o.order_total::decimal(18, 2))
        from current_orders as o
        left join (
            select order_id, sum(
                quantity::int * unit_price::decimal(18, 2) - discount_amount::decimal(18, 2)
                + tax_amount::decimal(18, 2) + shipping_amount::decimal(18, 2)
            ) as total
            from current_order_items where op <> 'D' group by order_id
        ) as l using (order_id)
        where o.op <> 'D'
    """
    assert shop.all(query) == [(1_998, 1_998)]


def test_first_total_holds_the_line_removed_later(shop: Shop) -> None:
    query = """
        select count(*) from truth_orders_planted as t
        join orders as first on first.order_id = t.order_id and first.op = 'I'
        join current_orders as last on last.order_id = t.order_id
        join current_order_items as i on i.order_id = t.order_id and i.op = 'D'
        where t.kind = 'line_removed'
            and first.order_total::decimal(18, 2) = last.order_total::decimal(18, 2)
            + i.quantity::int * i.unit_price::decimal(18, 2) - i.discount_amount::decimal(18, 2)
            + i.tax_amount::decimal(18, 2) + i.shipping_amount::decimal(18, 2)
    """
    assert shop.one(query) == 6


def test_discount_and_tax_follow_the_seeds_to_the_cent(shop: Shop) -> None:
    query = """
        with lines as (
            select
                i.*,
                quantity::int * unit_price::decimal(18, 2) as gross,
                lower(trim(p.category)) as category,
                (o.ordered_at::timestamptz at time zone 'Europe/Berlin')::date as day,
                c.shop_tax_rate::decimal(6, 4) as rate
            from current_order_items as i
            join current_orders as o using (order_id)
            join current_products as p using (product_id)
            join countries as c on c.country_code = o.ship_to_country
        ),
        promoted as (
            select lines.*, promotions.promotion_id as best, discount_share::decimal(6, 4) as share
            from lines left join promotions
            on start_date <= day and day < end_date
                and coalesce(lower(promotions.category), lines.category) = lines.category
            qualify row_number() over (
                partition by order_id, line_number
                order by discount_share desc nulls last, promotions.promotion_id
            ) = 1
        )
        select
            count(*),
            count(*) filter (best is not null),
            count(*) filter (promotion_id is not distinct from best),
            count(*) filter (
                discount_amount::decimal(18, 2) = round(gross * coalesce(share, 0), 2)
            ),
            count(*) filter (
                tax_amount::decimal(18, 2)
                = round((gross - discount_amount::decimal(18, 2)) * rate, 2)
            )
        from promoted
    """
    rows, promoted, *right = shop.all(query)[0]
    assert rows == 4_904 and promoted > 500
    assert right == [rows, rows, rows]


def test_shipping_of_the_lines_is_one_of_the_fees_of_the_shop(shop: Shop) -> None:
    query = """
        select o.currency, list(distinct fee order by fee) from current_orders as o
        join (
            select order_id, sum(shipping_amount::decimal(18, 2)) as fee
            from (select distinct * exclude stamp from order_items where op = 'I')
            group by order_id
        ) using (order_id)
        group by o.currency
    """
    fees = {currency: [str(fee) for fee in values] for currency, values in shop.all(query)}
    assert fees == {
        "EUR": ["0.00", "4.90", "9.80"],
        "GBP": ["0.00", "8.53"],
        "PLN": ["0.00", "42.14"],
        "USD": ["0.00", "10.78"],
    }


def test_captured_money_is_the_order_total_but_where_planted(shop: Shop) -> None:
    query = """
        with paid as (
            select order_id, sum(amount::decimal(18, 2)) as amount from current_payments
            where payment_status in ('captured', 'refunded', 'chargeback') group by order_id
        )
        select o.order_id
        from current_orders as o left join paid as p using (order_id)
        where coalesce(p.amount, 0) <> o.order_total::decimal(18, 2)
    """
    different = {row[0] for row in shop.all(query)}
    off = {row[0] for row in shop.all("select order_id from truth_payments_off")}
    unpaid = {
        row[0]
        for row in shop.all(
            "select order_id from current_orders where order_id not in (select order_id from "
            "current_payments where payment_status in ('captured', 'refunded', 'chargeback'))"
        )
    }
    assert len(off) == 5
    assert different == off | unpaid
    shipped_unpaid = shop.all(
        "select order_id from truth_orders_planted where kind = 'shipped_unpaid'"
    )
    assert len(shipped_unpaid) == 2 and {row[0] for row in shipped_unpaid} <= unpaid


def test_split_payments_have_two_captures(shop: Shop) -> None:
    query = """
        select count(distinct t.order_id), count(*), count(distinct p.payment_method)
        from truth_split_payments as t join current_payments as p using (payment_id)
        where p.payment_status = 'captured'
    """
    assert shop.all(query) == [(14, 28, 2)]


def test_late_customers_are_in_the_extract_after_their_order(shop: Shop) -> None:
    query = f"""
        select o.order_id, min(o.stamp), (select min(c.stamp) from customers as c
            where c.customer_id = any_value(o.customer_id))
        from truth_orders_planted as t join orders as o using (order_id)
        where t.kind = 'late_customer' and o.op = 'I' and o.stamp = '{STAMPS[1]}'
        group by o.order_id
    """
    rows = shop.all(query)
    assert len(rows) >= 2
    assert {row[1:] for row in rows} == {(STAMPS[1], STAMPS[2])}


def test_customers_register_before_they_order(shop: Shop) -> None:
    query = """
        select count(*) from orders join current_customers using (customer_id)
        where ordered_at <= created_at
    """
    assert shop.one(query) == 0


def test_every_reference_points_at_something(shop: Shop) -> None:
    for table, column, target in (
        ("orders", "customer_id", "customers"),
        ("order_items", "order_id", "orders"),
        ("order_items", "product_id", "products"),
        ("payments", "order_id", "orders"),
        ("refunds", "payment_id", "payments"),
        ("shipments", "order_id", "orders"),
        ("campaign_exposures", "customer_id", "customers"),
    ):
        query = f"select count(*) from {table} anti join {target} using ({column})"
        assert shop.one(query) == 0, table


def test_customers_leave_return_move_and_change_tier(shop: Shop) -> None:
    present = """
        select customer_id, list(distinct stamp order by stamp) as stamps
        from customers group by customer_id
    """
    patterns = {tuple(row[1]) for row in shop.all(present)}
    assert (STAMPS[0], STAMPS[2]) in patterns
    assert (STAMPS[0], STAMPS[1]) in patterns
    assert (STAMPS[0],) in patterns
    changed = """
        select count(*) filter (a.addresses <> b.addresses),
            count(*) filter (a.loyalty_tier <> b.loyalty_tier),
            count(*) filter (a.contact.email is null and b.contact.email is not null),
            count(*) filter (a.contact.email is not null and b.contact.email is null),
            count(*) filter (a.updated_at = b.updated_at)
        from customers as a join customers as b using (customer_id)
        where a.stamp < b.stamp and (a.addresses, a.loyalty_tier, a.contact)
            is distinct from (b.addresses, b.loyalty_tier, b.contact)
    """
    moved, tier, gained, lost, unnoticed = shop.all(changed)[0]
    assert min(moved, tier, gained, lost) >= 1
    assert unnoticed == 0


def test_absences_of_the_truth_are_those_of_the_extracts(shop: Shop) -> None:
    for name, key in (("customers", "customer_id"), ("products", "product_id")):
        query = f"""
            select count(*) from (
                select {key}, (['', '{STAMPS[0]}', '{STAMPS[1]}', '{STAMPS[2]}'])[load + 1] as stamp
                from truth_{name.removesuffix("s")}_absences
            ) semi join {name} using ({key}, stamp)
        """
        assert shop.one(query) == 0
        assert shop.one(f"select count(*) from truth_{name.removesuffix('s')}_absences") > 0


def test_full_extracts_repeat_only_identical_rows(shop: Shop) -> None:
    query = "select count(*), count(distinct customers) from customers"
    rows, distinct = shop.all(query)[0]
    assert rows - distinct == 2
    keys = shop.one("select count(distinct (customer_id, stamp)) from customers")
    assert keys == distinct


def test_prices_and_costs_change_between_loads(shop: Shop) -> None:
    query = """
        select count(*) filter (a.list_price <> b.list_price),
            count(*) filter (a.cost.amount <> b.cost.amount),
            count(*) filter (a.updated_at >= b.updated_at)
        from products as a join products as b using (product_id)
        where a.stamp < b.stamp
            and (a.list_price, a.cost.amount) is distinct from (b.list_price, b.cost.amount)
    """
    prices, costs, unnoticed = shop.all(query)[0]
    assert prices > 0 and costs > 0 and unnoticed == 0


def test_deletes_are_few_and_in_the_truth(shop: Shop) -> None:
    deleted = "select distinct order_id, line_number::int from order_items where op = 'D'"
    planted = "select order_id, line_number::int from truth_deleted_lines"
    assert set(shop.all(deleted)) == set(shop.all(planted))
    orders = "select distinct order_id from orders where op = 'D'"
    withdrawn = "select order_id from truth_orders_planted where kind = 'withdrawn'"
    assert set(shop.all(orders)) == set(shop.all(withdrawn))
    assert len(shop.all(withdrawn)) == 2


@pytest.mark.parametrize("entity", list(KEYS))
def test_changes_start_with_an_insert_and_do_not_tie(shop: Shop, entity: str) -> None:
    key = KEYS[entity]
    query = f"""
        with changes as (select distinct * exclude stamp from {entity}),
        numbered as (
            select op, row_number() over w as n, updated_at,
                lag(updated_at) over w as before
            from changes window w as (partition by {key} order by updated_at)
        )
        select count(*) filter ((n = 1) <> (op = 'I')), count(*) filter (updated_at = before)
        from numbered
    """
    assert shop.all(query) == [(0, 0)]


@pytest.mark.parametrize("entity", list(KEYS))
def test_late_and_repeated_rows_are_where_the_truth_says(shop: Shop, entity: str) -> None:
    for kind in ("late", "duplicate"):
        count = shop.one(
            f"select count(*) from truth_deliveries where entity = '{entity}' and kind = '{kind}'"
        )
        assert count >= 2, kind
    cutoffs = "['2025-12-29T23:00:00Z', '2025-12-30T23:00:00Z', '2025-12-31T23:00:00Z']"
    late = f"""
        select count(*) from {entity} where updated_at < ({cutoffs})[
            list_position({list(STAMPS)}, stamp) - 1]
    """
    repeats_in_later_load = shop.one(
        f"""
        select count(*) from truth_deliveries
        where entity = '{entity}' and kind = 'duplicate' and delivered_load > due_load
            and (row, updated_at) not in (
                select (row, updated_at) from truth_deliveries
                where entity = '{entity}' and kind = 'late'
            )
        """
    )
    late_rows = f"""
        select count(*) from truth_deliveries where entity = '{entity}' and kind = 'late'
    """
    late_repeats = f"""
        select count(*) from truth_deliveries as d
        where entity = '{entity}' and kind = 'duplicate' and exists (
            select 1 from truth_deliveries as l where l.entity = d.entity and l.kind = 'late'
                and l.row = d.row and l.updated_at = d.updated_at)
    """
    expected = shop.one(late_rows) + shop.one(late_repeats) + repeats_in_later_load
    assert shop.one(late) == expected
    total, distinct = shop.all(
        f"select count(*), count(distinct columns) from (select {entity} as columns from "
        f"(select * exclude stamp from {entity}) as {entity})"
    )[0]
    repeats = f"""
        select count(*) from truth_deliveries where entity = '{entity}' and kind = 'duplicate'
    """
    assert total - distinct == shop.one(repeats)


def test_rows_are_out_of_order_within_a_file(shop: Shop) -> None:
    lines = (shop.extracts / f"orders_{STAMPS[0]}.csv").read_text(encoding="utf-8").splitlines()
    instants = [line.rsplit(",", 1)[1] for line in lines[1:]]
    descents = sum(a > b for a, b in pairwise(instants))
    assert 0 < descents < len(instants) / 10


def test_blatant_fraud_is_a_burst_on_one_device_and_card(shop: Shop) -> None:
    query = """
        select ring, count(*), count(distinct p.device_id), count(distinct card_token),
            count(*) filter (payment_status = 'declined'),
            bool_and(gateway.issuer_country <> o.ship_to_country),
            max(paid_at::timestamptz) - min(paid_at::timestamptz) < interval 2 hour,
            max(hour(paid_at::timestamptz at time zone 'Europe/Berlin')) < 6
        from truth_fraud join current_payments as p using (payment_id)
        join current_orders as o on o.order_id = p.order_id
        where kind = 'blatant'
        group by ring
    """
    rings = shop.all(query)
    assert len(rings) == 3
    for _, attempts, devices, cards, declines, is_foreign, is_short, is_night in rings:
        assert (devices, cards) == (1, 1)
        assert attempts - declines == 3 and declines >= 6
        assert is_foreign and is_short and is_night
    risk = """
        select avg(gateway.risk_score) filter (f.kind = 'blatant'),
            avg(gateway.risk_score) filter (f.payment_id is null)
        from current_payments as p left join truth_fraud as f using (payment_id)
    """
    fraud, usual = shop.all(risk)[0]
    assert fraud > 0.6 and usual < 0.2


def test_fraud_of_the_demo_is_of_every_kind(shop: Shop) -> None:
    query = """
        select kind, count(*), count(distinct ring) from truth_fraud
        where not is_declined group by kind
    """
    kinds = {kind: (captures, rings) for kind, captures, rings in shop.all(query)}
    captured = shop.one(
        "select count(*) from current_payments "
        "where payment_status in ('captured', 'refunded', 'chargeback')"
    )
    assert kinds["blatant"] == (9, 3) and kinds["takeover"] == (4, 4)
    assert kinds["sly"][1] == 3 and 12 <= kinds["sly"][0] <= 24
    assert kinds["friendly"] == (4, 0)
    assert 0.015 < sum(captures for captures, _ in kinds.values()) / captured < 0.025


def test_chargebacks_are_updates_of_captured_payments_within_the_calendar(shop: Shop) -> None:
    found = """
        select payment_id, updated_at from payments
        where payment_status = 'chargeback' and op = 'U' group by all order by all
    """
    planted = """
        select payment_id, strftime(charged_back_at, '%Y-%m-%dT%H:%M:%SZ') from truth_chargebacks
        where is_delivered order by all
    """
    assert shop.all(found) == shop.all(planted)
    assert len(shop.all(found)) > 15
    kinds = """
        select count(*), count(*) filter (f.kind is null), count(r.payment_id),
            count(*) filter (charged_back_at >= timestamp '2025-12-31 23:00:00')
        from truth_chargebacks as c left join truth_fraud as f using (payment_id)
        left join current_refunds as r using (payment_id)
    """
    planned, honest, refunded, hidden = shop.all(kinds)[0]
    assert (honest, refunded) == (0, 0)
    assert planned - hidden == len(shop.all(planted))
    captures = """
        select count(distinct payment_id) from payments semi join truth_chargebacks
        using (payment_id) where payment_status = 'captured'
    """
    assert shop.one(captures) == planned


def test_declines_come_before_the_capture(shop: Shop) -> None:
    query = """
        select count(*) from current_payments as d join current_payments as c using (order_id)
        where d.payment_status = 'declined' and c.payment_status <> 'declined'
            and d.paid_at >= c.paid_at
    """
    assert shop.one(query) == 0


def test_refunds_are_of_every_kind(shop: Shop) -> None:
    query = """
        with captured as (
            select order_id, sum(amount::decimal(18, 2)) as paid from current_payments
            where payment_status in ('captured', 'refunded', 'chargeback') group by order_id
        )
        select t.kind, count(*),
            min(sign(r.amount::decimal(18, 2) - c.paid)),
            max(sign(r.amount::decimal(18, 2) - c.paid)),
            max(r.amount::decimal(18, 2)), count(r.line_number)
        from truth_refunds as t join current_refunds as r using (refund_id)
        join captured as c on c.order_id = r.order_id
        group by t.kind
    """
    kinds = {row[0]: row[1:] for row in shop.all(query)}
    assert kinds["whole_order"][1:3] == (0, 0) and kinds["whole_order"][4] == 0
    # A line refund is at most the whole order, and exactly that where the order is one line.
    assert kinds["line"][1] == -1 and kinds["line"][2] <= 0
    assert kinds["line"][4] == kinds["line"][0] >= 3
    assert kinds["over_refund"][:3] == (1, 1, 1)
    assert kinds["restock_only"][3] == 0 and kinds["restock_only"][0] >= 3
    assert kinds["goodwill"][0] >= 2
    assert sum(row[0] for row in kinds.values()) == shop.one("select count(*) from current_refunds")


def test_cancelled_orders_that_were_paid_are_refunded(shop: Shop) -> None:
    query = """
        select count(distinct o.order_id) from current_orders as o
        join current_payments as p using (order_id) join current_refunds as r using (order_id)
        where o.order_status = 'cancelled' and p.payment_status = 'refunded'
            and r.reason = 'cancelled' and r.amount = p.amount
    """
    assert shop.one(query) >= 30


def test_impossible_times_are_the_planted_ones(shop: Shop) -> None:
    query = "select shipment_id from current_shipments where delivered_at < shipped_at"
    planted = "select shipment_id from truth_impossible_shipments"
    assert set(shop.all(query)) == set(shop.all(planted)) != set()


def test_nothing_is_sold_on_stock_out_days_and_the_shelf_is_empty(shop: Shop) -> None:
    sold = """
        select count(*) from current_order_items as i join current_orders as o using (order_id)
        join truth_stock_outs as t on t.product_id = i.product_id
            and t.date = (o.ordered_at::timestamptz at time zone 'Europe/Berlin')::date
        where i.op <> 'D' and o.op <> 'D'
    """
    assert shop.one(sold) == 0
    shelf = """
        select count(*), count(*) filter (opening_quantity || received_quantity = '00'
            and closing_quantity in ('0', coalesce(n.written_quantity::varchar, '0')))
        from truth_stock_outs as t
        join inventory as i on i.product_id = t.product_id and i.snapshot_date = t.date
        left join truth_negative_stock as n on n.product_id = t.product_id and n.date = t.date
    """
    days, empty = shop.all(shelf)[0]
    assert days == empty > 0
    assert shop.one("select sum(lost_quantity) from truth_lost_demand") > 0


def test_negative_stock_is_the_planted_one(shop: Shop) -> None:
    query = """
        select product_id, snapshot_date, closing_quantity from inventory
        where closing_quantity::int < 0
    """
    planted = (
        "select product_id, date::varchar, written_quantity::varchar from truth_negative_stock"
    )
    assert set(shop.all(query)) == set(shop.all(planted))
    assert shop.one("select min(true_quantity) from truth_negative_stock") >= 0


def test_events_are_in_files_named_after_the_end_of_their_hour(shop: Shop) -> None:
    query = """
        select count(*) filter (
                try_cast(occurred_at as timestamptz) >= strptime(stamp, '%Y%m%dT%H%M%SZ')),
            count(event_id) - count(distinct event_id),
            count(*) filter ((event_type = 'purchase') <> (order_id is not null))
        from events
    """
    early, repeats, wrong = shop.all(query)[0]
    assert early == 0 and repeats > 0 and wrong == 0
    different = """
        select event_id from (select distinct * exclude stamp from events)
        where event_id is not null group by event_id having count(*) > 1 order by event_id
    """
    conflicts = "select event_id from truth_event_deliveries where kind = 'conflict' order by 1"
    assert shop.all(different) == shop.all(conflicts)


def test_purchases_agree_with_orders(shop: Shop) -> None:
    """Every order on the days of events that did not come by telephone has its purchase."""
    query = """
        select count(*) filter (e.event_id is not null), count(*) filter (e.event_id is null),
            count(*) filter (e.occurred_at::timestamptz <> o.ordered_at::timestamptz
                or e.device_id <> o.device_id or e.customer_id is distinct from o.customer_id
                or e.channel_id <> o.channel_id)
        from current_orders as o
        left join (select distinct * exclude stamp from events) as e using (order_id)
        where o.device_id is not null and o.ordered_at >= '2025-12-28T23:00:00Z'
    """
    with_purchase, without, wrong = shop.all(query)[0]
    assert with_purchase > 40 and (without, wrong) == (0, 0)


def test_several_currencies_and_categories_typed_carelessly(shop: Shop) -> None:
    assert shop.one("select count(distinct currency) from orders") == 4
    raw, clean = shop.all(
        "select count(distinct category), count(distinct lower(trim(category))) from products"
    )[0]
    assert raw > clean == 8
    assert shop.one("select count(*) from orders where ship_to_city <> trim(ship_to_city)") > 0


def test_exposures_have_both_arms_and_only_treated_are_exposed(shop: Shop) -> None:
    query = """
        select arm, count(*) > 50, count(exposed_at) > 0 from campaign_exposures
        group by arm order by arm
    """
    assert shop.all(query) == [("control", True, False), ("treatment", True, True)]


def test_instants_end_with_z_and_money_has_two_digits(shop: Shop) -> None:
    orders = """
        select count(*) from orders where not regexp_full_match(
            ordered_at, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z')
            or not regexp_full_match(order_total, '[0-9]+[.][0-9]{2}')
    """
    assert shop.one(orders) == 0
