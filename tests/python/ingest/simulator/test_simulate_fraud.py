"""The frauds, lookalikes and chargebacks of scale 1, recounted from its extracts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.python.ingest.simulator.conftest import Planted

CAPTURED = "payment_status in ('captured', 'refunded', 'chargeback')"
JUDGED = f"""
    with judged as (
        select payments.*, coalesce(fraud.kind, 'honest') as kind, fraud.ring,
            orders.customer_id, orders.placed_at, orders.address, orders.ship_to_country,
            accounts.created_at,
            date_diff('day', accounts.created_at, orders.placed_at) as age,
            issuer <> ship_to_country as is_international,
            hour(orders.placed_at) < 5 as is_night
        from payments
        left join truth_fraud as fraud using (payment_id)
        join orders on orders.order_id = payments.order_id
        join accounts using (customer_id)
        where {CAPTURED}
    )
"""


def test_fraud_is_a_small_share_of_captures_and_of_every_kind(planted: Planted) -> None:
    counts = dict(planted.all(f"{JUDGED} select kind, count(*) from judged group by kind"))
    fraud = sum(count for kind, count in counts.items() if kind != "honest")
    assert counts.keys() == {"honest", "blatant", "sly", "takeover", "friendly"}
    assert 0.015 < fraud / sum(counts.values()) < 0.025
    assert 0.2 < counts["blatant"] / fraud < 0.4
    assert 0.4 < counts["sly"] / fraud < 0.6
    assert counts["takeover"] < 0.15 * fraud


def test_truth_holds_every_attempt_of_a_fraudulent_order(planted: Planted) -> None:
    assert (
        planted.all(
            """
        select payments.payment_id from payments join truth_fraud as fraud using (order_id)
        left join truth_fraud as itself on itself.payment_id = payments.payment_id
        where itself.is_declined is distinct from (payments.payment_status = 'declined')
            and fraud.kind <> 'friendly'
        """
        )
        == []
    )


def test_blatant_rings_burst_at_night_on_one_device_and_card(planted: Planted) -> None:
    rings, right, score = planted.row(
        f"""
        {JUDGED}, rings as (
            select ring, count(*) = 3 and count(distinct device_id) = 1
                and count(distinct card_token) = 1 and bool_and(is_international)
                and max(placed_at) - min(placed_at) < interval 1 hour
                and bool_and(hour(placed_at) < 6) as is_right, avg(score) as score
            from judged where kind = 'blatant' group by ring
        )
        select count(*), count(*) filter (is_right), avg(score) from rings
        """
    )
    assert rings == right == 150
    assert score > 0.7


def test_sly_rings_share_a_device_or_a_card_over_accounts_and_days(planted: Planted) -> None:
    rings, right, on_one_device, on_one_card, at_one_address, days = planted.row(
        f"""
        {JUDGED}, rings as (
            select ring, count(*) as orders, count(distinct customer_id) as accounts,
                count(distinct device_id) = 1 as has_device,
                count(distinct card_token) = 1 as has_card,
                count(distinct address) = 1 as has_address,
                max(placed_at::date) - min(placed_at::date) as days
            from judged where kind = 'sly' group by ring
        )
        select count(*), count(*) filter (orders between 4 and 8 and accounts between 2 and 8
                and days < 10 and (has_device or has_card)),
            avg(has_device::int), avg(has_card::int), avg(has_address::int), median(days)
        from rings
        """
    )
    assert rings == right > 140
    assert on_one_device == pytest.approx(2 / 3, abs=0.02)
    assert on_one_card == pytest.approx(2 / 3, abs=0.02)
    assert 0.45 < at_one_address < 0.6
    assert days >= 2


def test_sly_fraud_is_a_little_odd_in_everything(planted: Planted) -> None:
    shape = {
        kind: values
        for kind, *values in planted.all(
            f"""
            {JUDGED} select kind, avg(score), median(amount), avg(is_international::int),
                avg(is_night::int), median(age)
            from judged where currency = 'EUR' group by kind
            """
        )
    }
    score, amount, international, night, age = shape["sly"]
    usual_score, usual_amount, usual_international, usual_night, usual_age = shape["honest"]
    assert 0.3 < score < 0.4 and usual_score < 0.15
    assert 1.2 < amount / usual_amount < 3
    assert 0.3 < international < 0.5 and usual_international < 0.05
    assert night < usual_night
    assert age < 90 and usual_age > 365
    electronics = dict(
        planted.all(
            """
            select coalesce(kind, 'honest'), avg((category = 'Electronics')::int)
            from lines join truth_products using (product_id)
            left join (select distinct order_id, kind from truth_fraud) using (order_id)
            group by all
            """
        )
    )
    assert electronics["sly"] > 0.6 and electronics["honest"] < 0.2


@pytest.mark.parametrize(
    "signal",
    [
        "score > 0.35",
        "is_international",
        "age < 60",
        "amount > 350",
        "device_accounts > 1",
        "card_accounts > 1",
    ],
)
def test_no_single_signal_gives_sly_fraud_away(planted: Planted, signal: str) -> None:
    """Each signal catches a part of it, and among what it catches honest payments prevail."""
    recall, precision = planted.row(
        f"""
        {JUDGED}, devices as (
            select device_id, count(distinct customer_id) as device_accounts from judged
            group by device_id
        ),
        cards as (
            select card_token, count(distinct customer_id) as card_accounts from judged
            where card_token is not null group by card_token
        ),
        signals as (
            select kind = 'sly' as is_sly, coalesce({signal}, false) as fires
            from judged left join devices using (device_id) left join cards using (card_token)
            where kind in ('sly', 'honest') and currency = 'EUR'
        )
        select count(*) filter (fires and is_sly) / count(*) filter (is_sly),
            count(*) filter (fires and is_sly) / count(*) filter (fires)
        from signals
        """
    )
    assert 0.3 < recall < 0.8
    assert precision < 0.5


def test_takeovers_are_old_accounts_on_devices_nobody_used_before(planted: Planted) -> None:
    takeovers, old, known_device, first_orders, amount = planted.row(
        f"""
        {JUDGED}, usual as (select median(amount) as amount from judged where currency = 'EUR'),
        takeovers as (
            select *, exists (
                    select 1 from orders where orders.device_id = judged.device_id
                        and orders.order_id <> judged.order_id) as is_known_device,
                not exists (
                    select 1 from orders where orders.customer_id = judged.customer_id
                        and orders.placed_at < judged.placed_at) as is_first_order
            from judged where kind = 'takeover'
        )
        select count(*), count(*) filter (age >= 180), count(*) filter (is_known_device),
            count(*) filter (is_first_order),
            median(takeovers.amount) filter (currency = 'EUR') / any_value(usual.amount)
        from takeovers cross join usual
        """
    )
    assert takeovers == old == 200
    assert (known_device, first_orders) == (0, 0)
    assert amount > 3


def test_friendly_fraud_looks_honest(planted: Planted) -> None:
    shape = {
        kind: values
        for kind, *values in planted.all(
            f"""
            {JUDGED} select kind, avg(score), median(amount), avg(is_night::int), median(age)
            from judged where currency = 'EUR' and kind in ('friendly', 'honest') group by kind
            """
        )
    }
    assert shape["friendly"][0] == pytest.approx(shape["honest"][0], abs=0.02)
    assert shape["friendly"][1] == pytest.approx(shape["honest"][1], rel=0.3)
    assert shape["friendly"][2] == pytest.approx(shape["honest"][2], abs=0.05)
    assert shape["friendly"][3] == pytest.approx(shape["honest"][3], rel=0.3)


def test_honest_customers_look_alike(planted: Planted) -> None:
    """One row per kind: orders, of those fraudulent, and of those that show what the kind says."""
    rows = planted.all(
        """
        with stolen as (select order_id from truth_fraud where kind <> 'friendly'),
        devices as (
            select device_id, count(distinct first_account_id) as persons
            from orders join truth_customers using (customer_id)
            anti join stolen using (order_id) group by device_id
        ),
        units as (select order_id, min(quantity) as least from lines group by order_id),
        networks as (select order_id, bool_or(network <> ship_to_country) as is_elsewhere
            from payments join orders using (order_id) group by order_id)
        select lookalikes.kind, count(*),
            count(*) filter (order_id in (select order_id from stolen)),
            avg(case lookalikes.kind
                when 'night_owl' then (hour(placed_at) < 5)::int
                when 'traveller' then is_elsewhere::int
                when 'large_basket' then (least > 2)::int
                when 'family_device' then (device_id is null or persons > 1)::int
            end)
        from truth_fraud_lookalikes as lookalikes join orders using (order_id)
        left join devices using (device_id) left join units using (order_id)
        left join networks using (order_id)
        group by all
        """
    )
    found = {kind: values for kind, *values in rows}
    assert {kind: fraud for kind, (_, fraud, _) in found.items()} == dict.fromkeys(found, 0)
    assert 1_000 < found["night_owl"][0] < 3_000 and found["night_owl"][2] > 0.99
    assert 2_500 < found["traveller"][0] < 3_500 and found["traveller"][2] > 0.8
    assert 800 < found["large_basket"][0] < 1_200 and found["large_basket"][2] == 1
    assert 5_000 < found["family_device"][0] < 15_000 and found["family_device"][2] > 0.75


def test_chargebacks_of_the_files_are_those_the_calendar_reaches(planted: Planted) -> None:
    in_files = planted.all(
        """
        select payment_id, updated_at at time zone 'UTC' from payment_changes
        where payment_status = 'chargeback' order by all
        """
    )
    delivered = planted.all(
        "select payment_id, charged_back_at from truth_chargebacks where is_delivered order by all"
    )
    assert in_files == delivered
    assert len(delivered) > 1_200
    last, first_hidden, hidden = planted.row(
        """
        select max(charged_back_at) filter (is_delivered),
            min(charged_back_at) filter (not is_delivered), count(*) filter (not is_delivered)
        from truth_chargebacks
        """
    )
    end = planted.one("select timestamp '2025-12-31 23:00:00'")
    assert last < end <= first_hidden
    assert hidden > 50


def test_chargebacks_follow_a_capture_by_three_weeks(planted: Planted) -> None:
    chargebacks, captured, median, shortest, longest, refunded, declined = planted.row(
        """
        with captures as (
            select payment_id, min(updated_at) as captured_at from payment_changes
            where payment_status = 'captured' group by payment_id
        ),
        lags as (
            select payment_id, captured_at,
                charged_back_at at time zone 'UTC' - captured_at as lag
            from truth_chargebacks left join captures using (payment_id)
        )
        select count(*), count(captured_at), median(lag), min(lag), max(lag),
            (select count(*) from payment_changes semi join truth_chargebacks using (payment_id)
                where payment_status = 'refunded'),
            (select count(*) from payment_changes semi join truth_chargebacks using (payment_id)
                where payment_status = 'declined')
        from lags
        """
    )
    assert chargebacks == captured
    assert timedelta(days=19) < median < timedelta(days=23)
    assert timedelta(days=3) <= shortest and longest <= timedelta(days=45)
    assert (refunded, declined) == (0, 0)


def test_most_fraud_is_charged_back_and_an_eighth_of_chargebacks_is_friendly(
    planted: Planted,
) -> None:
    fraud, charged_back, friendly, all_chargebacks = planted.row(
        """
        select count(*) filter (kind <> 'friendly' and not is_declined),
            count(*) filter (kind <> 'friendly' and charged_back_at is not null),
            count(*) filter (kind = 'friendly' and charged_back_at is not null),
            (select count(*) from truth_chargebacks)
        from truth_fraud left join truth_chargebacks using (payment_id)
        """
    )
    assert charged_back / fraud == pytest.approx(0.9, abs=0.002)
    assert 0.1 < friendly / all_chargebacks < 0.15
    assert charged_back + friendly == all_chargebacks


def test_friendly_chargebacks_come_after_the_delivery_and_without_any_refund(
    planted: Planted,
) -> None:
    early, refunds = planted.row(
        f"""
        with parcels as (
            select order_id, max(delivered_at) as delivered_at
            from '{planted.extracts}/shipments_*.csv' where op <> 'D' group by order_id
        )
        select
            (select count(*) from truth_fraud join truth_chargebacks using (payment_id)
                left join parcels using (order_id)
                where kind = 'friendly' and is_delivered
                    and (delivered_at is null or charged_back_at <= delivered_at)),
            (select count(*) from '{planted.extracts}/refunds_*.csv'
                semi join truth_chargebacks using (payment_id))
        """
    )
    assert (early, refunds) == (0, 0)


def test_only_families_and_fraudsters_share_devices_and_cards(planted: Planted) -> None:
    for table, token in (("orders", "device_id"), ("payments", "card_token")):
        shared, families = planted.row(
            f"""
            with used as (
                select {table}.{token} as token, orders.order_id, first_account_id
                from {table} {"" if table == "orders" else "join orders using (order_id)"}
                join truth_customers using (customer_id)
                where {table}.{token} is not null and orders.order_id not in (
                    select order_id from truth_fraud where kind <> 'friendly')
            ),
            shared as (
                select token from used group by token having count(distinct first_account_id) > 1
            )
            select count(distinct token), count(distinct token) filter (order_id in (
                select order_id from truth_fraud_lookalikes where kind = 'family_device'))
            from used semi join shared using (token)
            """
        )
        assert shared == families > 200, token
