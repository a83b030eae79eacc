"""The clickstream, recounted from its files: against its truth and against the rules themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from ingest.simulator import plan as plans
from ingest.simulator import simulate
from ingest.simulator.arrays import DAY, MINUTE
from ingest.simulator.event_truth import cut_sessions, runaways

EVENTS, EVENT_DAYS = 120_000, 24
SIZES = plans.Sizes(2_000, 212, 200, 10_000, 260, 25_000, 10_000, EVENTS, EVENT_DAYS, 20)
BERLIN = ZoneInfo("Europe/Berlin")
TABLES = """
set timezone = 'UTC';

create table rows as
select * exclude filename, try_cast(occurred_at as timestamptz)::timestamp as happened_at,
    strptime(regexp_extract(filename, '_([0-9]{{8}}T[0-9]{{6}}Z)[.]', 1), '%Y%m%dT%H%M%SZ') as hour
from read_ndjson('{extracts}/events_*.ndjson', filename = true, timestampformat = 'none');

create table events as
select * from rows
where event_id is not null and happened_at is not null and event_type in (
    'page_view', 'product_view', 'search', 'add_to_cart', 'checkout', 'purchase')
qualify row_number() over (partition by event_id order by hour) = 1;

create table orders as
select distinct order_id, customer_id, device_id, channel_id, ordered_at::timestamptz::timestamp
    as placed_at
from read_csv('{extracts}/orders_*.csv', all_varchar = true) where op = 'I';

create table customers as
select customer_id, min(created_at::timestamptz::timestamp) as created_at
from read_json('{extracts}/customers_*.json', timestampformat = 'none') group by customer_id;

create macro berlin(instant) as timezone('Europe/Berlin', timezone('UTC', instant))::date;

create table lines as
select distinct order_id, line_number, product_id
from read_csv('{extracts}/order_items_*.csv', all_varchar = true) where op = 'I';
"""


class Stream:
    """The events of one simulation as DuckDB tables, each truth as `truth_<name>`; all UTC."""

    def __init__(self, folder: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(TABLES.format(extracts=folder / "extracts" / "shop"))
        for path in (folder / "truth").glob("*.parquet"):
            self._connection.execute(f"create view truth_{path.stem} as from '{path}'")

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        """The only row of a query."""
        (row,) = self.all(query)
        return row

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    folder = tmp_path_factory.mktemp("stream")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans.Sizes, "of", classmethod(lambda cls, factor: SIZES))
        simulate("1", 11, 150, 3, folder / "extracts" / "shop")
    stream = Stream(folder)
    yield stream
    stream.close()


def test_every_event_is_told_once_in_the_truth(stream: Stream) -> None:
    assert stream.row("select count(distinct event_id) from rows") == (EVENTS,)
    assert stream.row("select sum(events)::int from truth_visits") == (EVENTS,)
    query = """
        select count(*), count(distinct s.event_id),
            count(*) filter (e.device_id = v.device_id and e.channel_id = v.channel_id
                and e.campaign_id is not distinct from v.campaign_id
                and e.happened_at between v.started_at and v.ended_at)
        from truth_event_sessions as s
        join truth_visits as v using (visit_id) join events as e using (event_id)
    """
    (readable,) = stream.row("select count(*) from events")
    broken = stream.row(
        "select count(event_id) from truth_event_deliveries where kind = 'invalid'"
    )[0]
    assert readable == EVENTS - broken
    assert stream.row(query) == (readable, readable, readable)


def test_steps_are_continued_as_often_as_planted(stream: Stream) -> None:
    """The sum of squared standard scores over steps, device kinds and channels is that of chance;
    a probability that is off by a tenth everywhere fails it."""
    query = """
        with depths as (
            select visit_id, device_kind, v.channel_id, max(list_position(
                ['product_view', 'add_to_cart', 'checkout', 'purchase'], event_type)) as depth
            from truth_visits as v
            join truth_event_sessions using (visit_id) join events using (event_id)
            where kind = 'human' and (planted is null or planted = 'shared_device')
            group by all
        ),
        steps as (from (values (1, 'product_view'), (2, 'add_to_cart'), (3, 'checkout'),
            (4, 'purchase')) as steps (number, step))
        select probability, count(*) filter (coalesce(depth, 0) >= number - 1) as before,
            count(*) filter (coalesce(depth, 0) >= number) as after
        from depths, steps, truth_funnel_probabilities as planted
        where planted.step = steps.step and planted.device_kind = depths.device_kind
            and planted.channel_id = depths.channel_id
        group by planted.step, depths.device_kind, depths.channel_id, probability
        having before >= 30
    """
    cells = np.array(stream.all(query), dtype=np.float64)
    assert len(cells) > 80

    def surprise(probability: Any) -> float:
        score = (cells[:, 2] - cells[:, 1] * probability) / np.sqrt(
            cells[:, 1] * probability * (1 - probability)
        )
        return float((score**2).mean())

    assert surprise(cells[:, 0]) < 1 + 4 * np.sqrt(2 / len(cells))
    assert surprise(0.9 * cells[:, 0]) > 1 + 4 * np.sqrt(2 / len(cells))
    spread = "select max(probability) - min(probability) > 0.15 from truth_funnel_probabilities"
    assert all(wide for (wide,) in stream.all(f"{spread} group by step"))


def _sessions(events: list[tuple[str, str, datetime, str, str | None]]) -> dict[str, int]:
    """The rule in plain Python: the session of each event (id, device, at, channel, campaign)."""
    number: dict[str, int] = {}
    devices: dict[str, list[tuple[datetime, str, str, str | None]]] = defaultdict(list)
    for event, device, at, channel, campaign in events:
        devices[device].append((at, event, channel, campaign))
    for history in devices.values():
        session, began, before = 0, datetime.min, datetime.min
        source: tuple[date, str, str | None] | None = None
        for at, event, channel, campaign in sorted(history, key=lambda row: row[:2]):
            day = at.replace(tzinfo=UTC).astimezone(BERLIN).date()
            if (
                session == 0
                or at - before > timedelta(minutes=30)
                or at - began > timedelta(hours=12)
                or (day, channel, campaign) != source
            ):
                session, began = session + 1, at
            before, source = at, (day, channel, campaign)
            number[event] = session
    return number


def test_sessions_are_those_of_the_rule(stream: Stream) -> None:
    events = stream.all(
        "select event_id, device_id, happened_at, channel_id, campaign_id from events"
    )
    truth = dict(stream.all("select event_id, session_number from truth_event_sessions"))
    assert _sessions(events) == truth


def test_runaways_have_more_than_300_events_in_an_hour(stream: Stream) -> None:
    query = """
        with counted as (
            select device_id, session_number, is_runaway, count(*) over (
                partition by device_id, session_number order by happened_at
                range between current row and interval 3599 seconds following) as in_an_hour
            from events join truth_event_sessions using (event_id)
        )
        select bool_or(is_runaway), bool_or(is_runaway) = (max(in_an_hour) > 300), count(*)
        from counted group by device_id, session_number
    """
    sessions = stream.all(query)
    assert all(agrees for _, agrees, _ in sessions)
    crawled = stream.row("select count(*) from truth_visits where kind = 'runaway'")[0]
    assert sum(runs for runs, _, _ in sessions) == crawled > 5


def test_sessions_at_the_edges_of_the_rule() -> None:
    """A gap of 30:00, of 30:01; 12 hours and a second more; a campaign; midnight; a device."""
    gaps = [0, 30 * MINUTE, 30 * MINUTE + 1, *[24 * MINUTE] * 30, 1]
    at = np.cumsum(gaps)
    same = np.zeros(at.size, dtype=np.int64)
    expected = [0, 0, *[1] * 31, 2]
    assert cut_sessions(same, at, same, same).tolist() == expected
    for changed in range(3):
        columns = [np.array([0, 0, 0]), np.array([0, 0, 0]), np.array([0, 0, 0])]
        columns[changed] = np.array([0, 1, 1])
        device, day, campaign = columns
        assert cut_sessions(device, np.array([0, 1, 2]), day, campaign).tolist() == [0, 1, 1]
    every = np.arange(0, 2 * DAY, 10 * MINUTE)
    none = np.zeros(every.size, dtype=np.int64)
    lengths = np.bincount(cut_sessions(none, every, none, none))
    assert lengths.tolist() == [73, 73, 73, 69]
    quick = np.arange(301) * 11
    session = np.zeros(301, dtype=np.int64)
    assert runaways(session, quick).tolist() == [True]
    assert runaways(session, quick * 2).tolist() == [False]
    assert runaways(session[:300], quick[:300]).tolist() == [False]


@pytest.mark.parametrize(
    ("planted", "sessions"),
    [
        ("gap_of_30_00", 1),
        ("gap_of_30_01", 2),
        ("midnight", 2),
        ("twelve_hours", 2),
        ("same_instant", 1),
        ("campaign_change", 2),
    ],
)
def test_planted_edges_are_cut_as_planned(stream: Stream, planted: str, sessions: int) -> None:
    query = f"""
        select distinct n from (
            select count(distinct session_number) as n from truth_visits
            join truth_event_sessions using (visit_id) where planted = '{planted}'
            group by device_id)
    """
    assert stream.all(query) == [(sessions,)]
    days = stream.row(
        f"select count(distinct device_id) from truth_visits where planted = '{planted}'"
    )
    assert days[0] >= EVENT_DAYS - 1


def test_events_of_a_device_have_their_own_instants(stream: Stream) -> None:
    query = """
        select distinct planted from (
            select list(distinct visit_id) as visits from events
            join truth_event_sessions using (event_id)
            group by device_id, happened_at having count(*) > 1)
        join truth_visits on visit_id = visits[1] or visit_id = visits[2]
    """
    assert stream.all(query) == [("same_instant",)]


def test_visits_on_one_device_do_not_overlap(stream: Stream) -> None:
    query = """
        select count(*), count(*) filter (before >= started_at) from (
            select started_at, lag(ended_at) over (partition by device_id order by started_at)
                as before
            from truth_visits)
        where before is not null
    """
    again, overlapping = stream.row(query)
    assert again > 5_000 and overlapping == 0


def test_every_purchase_is_that_of_its_order(stream: Stream) -> None:
    query = """
        select count(e.order_id), count(distinct e.order_id), count(*) filter (
            e.happened_at = o.placed_at and e.device_id = o.device_id
            and e.customer_id = o.customer_id and e.channel_id = o.channel_id)
        from events as e left join orders as o using (order_id) where event_type = 'purchase'
    """
    purchases, distinct, right = stream.row(query)
    assert purchases == distinct == right > 1_000
    query = """
        select count(*), count(p.order_id) from orders as o
        left join (from events where event_type = 'purchase') as p using (order_id)
        where o.device_id is not null
            and o.placed_at >= (select min(started_at) from truth_visits) + interval 1 hour
    """
    web, with_visit = stream.row(query)
    assert with_visit / web > 0.99


def test_what_is_bought_was_seen_and_put_into_the_cart(stream: Stream) -> None:
    query = """
        select count(*), count(*) filter (looks.happened_at < carts.happened_at
            and carts.happened_at < buys.happened_at)
        from truth_visits as v join lines as l using (order_id)
        join (from events where event_type = 'purchase') as buys using (order_id)
        left join lateral (select min(happened_at) as happened_at from events
            join truth_event_sessions using (event_id)
            where visit_id = v.visit_id and event_type = 'add_to_cart'
                and product_id = l.product_id) as carts on true
        left join lateral (select min(happened_at) as happened_at from events
            join truth_event_sessions using (event_id)
            where visit_id = v.visit_id and event_type = 'product_view'
                and product_id = l.product_id) as looks on true
    """
    bought, in_order = stream.row(query)
    assert bought == in_order > 2_000
    abandoned = "select count(*) from truth_visits as v where order_id is null and exists (from "
    abandoned += "events join truth_event_sessions as s using (event_id) where event_type = "
    assert stream.row(f"{abandoned} 'add_to_cart' and s.visit_id = v.visit_id)")[0] > 2_000


def test_visits_begin_anonymous_and_some_log_in(stream: Stream) -> None:
    query = """
        with shown as (
            select visit_id, device_kind, count(*) as events, count(e.customer_id) as logged_in,
                list(e.customer_id order by happened_at)[1] as at_first,
                bool_and(e.customer_id is null or e.customer_id = v.customer_id) as is_right,
                max(happened_at) filter (e.customer_id is null)
                    < min(happened_at) filter (e.customer_id is not null)
                    as is_ordered
            from truth_visits as v join truth_event_sessions using (visit_id)
            join events as e using (event_id)
            where planted is distinct from 'shared_device' and v.customer_id is not null
            group by all
        )
        select bool_and(is_right), bool_and(coalesce(is_ordered, true)),
            count(*) filter (at_first is not null and device_kind <> 'app' and events > 1) /
                count(*), avg((logged_in between 1 and events - 1)::int),
            avg((logged_in = 0)::int)
        from shown
    """
    is_right, is_ordered, at_once, midway, never = stream.row(query)
    assert is_right and is_ordered
    assert at_once < 0.02 and midway > 0.3 and never > 0.25
    strangers = "select count(*) from events join truth_event_sessions as s using (event_id)"
    assert stream.row(
        f"{strangers} where s.customer_id is null and events.customer_id is not null"
    ) == (0,)


def test_devices_are_shared_and_persons_have_several(stream: Stream) -> None:
    together = """
        select count(*) from (select device_id, session_number from events as e
            join truth_event_sessions using (event_id) group by all
            having count(distinct e.customer_id) = 2)
    """
    assert stream.row(together)[0] > 20
    several = """
        select count(*) filter (devices > 1), count(*) from (
            select count(distinct device_id) as devices from events
            where customer_id is not null group by customer_id)
    """
    more_than_one, customers = stream.row(several)
    assert more_than_one > 0.1 * customers


def test_machines_are_set_apart_and_buy_nothing(stream: Stream) -> None:
    query = """
        select count(*) filter (is_bot) / count(*),
            count(*) filter (is_bot <> regexp_matches(lower(user_agent),
                'bot|spider|crawler|python-requests')),
            count(*) filter ((is_bot or is_runaway)
                and event_type not in ('page_view', 'product_view')),
            count(*) filter (is_bot and is_runaway)
        from events join truth_event_sessions using (event_id)
    """
    share, differently, further, both = stream.row(query)
    assert share == pytest.approx(0.03, abs=0.002)
    assert (differently, further, both) == (0, 0, 0)


def test_dirt_is_that_of_the_truth(stream: Stream) -> None:
    """Late, repeated, broken and conflicting rows, found in the files alone."""
    by_content = """
        select event_id, count(*) as copies, count(distinct row(event_type, occurred_at)) as
            contents, min(hour) as first_hour, max(hour) as last_hour
        from rows where event_id is not null group by event_id
    """
    planted = "(select event_id from truth_event_deliveries where kind = '{}')"
    for kind, condition in (
        ("duplicate", "contents = 1 and copies > 1"),
        ("conflict", "contents > 1"),
    ):
        found = f"select event_id from ({by_content}) where {condition}"
        query = f"from ({found}) full join {planted.format(kind)} as t using (event_id)"
        assert stream.row(f"select count(*) > 5 from ({found})") == (True,)
        assert stream.row(f"select count(*) from (select * {query} where t.event_id is null)") == (
            0,
        )
    assert stream.row(
        f"select min(last_hour - first_hour) > interval 0 second from ({by_content}) "
        "where contents > 1"
    ) == (True,)
    days_later = f"select max(last_hour - first_hour) > interval 2 day from ({by_content})"
    assert stream.row(days_later) == (True,)

    delays = """
        select count(*) filter (lag > 0 and lag <= 30), count(*) filter (lag > 30),
            min(lag) filter (lag > 30) >= 96, max(lag) <= 240
        from (select datediff('hour', time_bucket(interval 1 hour, happened_at) + interval 1 hour,
            min(hour)) as lag from events group by event_id, happened_at)
    """
    late, very_late, four_days, ten_days = stream.row(delays)
    told = dict(stream.all("select kind, count(*) from truth_event_deliveries group by kind"))
    assert told["late"] - late in range(4)  # what is broken may be late as well
    assert told["very_late"] - very_late in range(2)
    assert late == pytest.approx(0.01 * EVENTS, rel=0.2)
    assert very_late > 5 and four_days and ten_days

    broken = """
        select count(*) filter (event_id is null),
            count(*) filter (event_type in ('scroll', 'wishlist_add', 'page-view', 'heartbeat')),
            count(*) filter (happened_at is null)
        from (select distinct * exclude hour from rows)
    """
    details = stream.all(
        "select detail, count(*) from truth_event_deliveries where kind = 'invalid' "
        "group by detail order by detail"
    )
    names = ("missing_event_id", "unknown_event_type", "unreadable_time")
    assert details == list(zip(names, stream.row(broken), strict=True))
    assert all(count == 20 for _, count in details)


def test_rows_are_out_of_order_and_some_clocks_are_local(stream: Stream) -> None:
    spelt = """
        select count(*) filter (occurred_at like '%Z') / count(*),
            bool_and(right(occurred_at, 6) = client_utc_offset) filter (occurred_at not like '%Z')
        from events
    """
    zulu, is_own = stream.row(spelt)
    assert 0.95 < zulu < 0.999 and is_own


def test_nothing_happens_after_the_calendar_or_comes_before_it_happened(stream: Stream) -> None:
    query = """
        select max(happened_at) < '2025-12-31 23:00:00', max(hour) <= '2025-12-31 23:00:00',
            count(*) filter (happened_at >= hour), min(happened_at) >= '2025-12-07 23:00:00'
        from rows
    """
    assert stream.row(query) == (True, True, 0, True)


def test_journeys_lead_through_several_channels_to_the_order(stream: Stream) -> None:
    query = """
        with touches as (
            select *, count(*) over (partition by order_id) as touches,
                row_number() over (partition by order_id order by touched_at) as expected
            from truth_order_touches
        )
        select bool_and(position = expected), bool_and(is_purchase = (position = touches)),
            avg((touches > 1)::int) filter (is_purchase),
            avg((touches.channel_id = 'paid_social')::int)
                filter (position = 1 and touches > 1),
            avg((touches.channel_id = 'paid_social')::int) filter (position = touches - 1
                and position > 1),
            bool_and(v.customer_id = o.customer_id)
        from touches join truth_visits as v using (visit_id)
        join orders as o on touches.order_id = o.order_id
    """
    in_order, ends, several, first_paid, last_paid, same_customer = stream.row(query)
    assert in_order and ends and same_customer
    assert several > 0.4 and first_paid > 2 * last_paid


def test_who_browses_is_likelier_to_buy_soon(stream: Stream) -> None:
    """The truth is counted anew from visits and orders; its rates rise with views and carts."""
    recount = """
        with days as (
            select unnest(range(date '2025-12-14', date '2025-12-25', interval 1 day))::date as day
        ),
        browsing as (
            select v.customer_id, berlin(coalesce(o.placed_at, v.started_at)) as day,
                count(*) filter (event_type = 'product_view') as looks,
                count(*) filter (event_type = 'add_to_cart') as carts
            from truth_visits as v join truth_event_sessions using (visit_id)
            join events using (event_id) left join orders as o on o.order_id = v.order_id
            where v.customer_id is not null group by all
        ),
        weeks as (
            select days.day, customer_id, sum(looks) as looks, sum(carts) as carts
            from days join browsing on browsing.day between days.day - 6 and days.day group by all
        ),
        buyers as (
            select distinct days.day, customer_id
            from days join orders on berlin(placed_at) between days.day + 1 and days.day + 7
        )
        select case when coalesce(looks, 0) = 0 then '0' when looks < 3 then '1-2'
                when looks < 10 then '3-9' else '10+' end as views,
            coalesce(carts, 0) > 0 as cart, count(*), count(buyers.day)
        from days join customers on berlin(created_at) <= days.day
        left join weeks using (day, customer_id) left join buyers using (day, customer_id)
        group by all
    """
    truth = stream.all(
        "select product_views_7d, has_cart_7d, customer_days, buys_next_7d "
        "from truth_purchase_propensity where customer_days > 0"
    )
    assert set(stream.all(recount)) == set(truth)
    rate = {(views, cart): buys / days for views, cart, days, buys in truth}
    assert rate["0", False] < rate["1-2", False] < rate["3-9", False]
    assert rate["0", False] * 1.5 < rate["3-9", True]
    assert rate["3-9", False] < rate["3-9", True]


def test_campaigns_bring_more_visits_by_mail(stream: Stream) -> None:
    """The share of mail among visits without a purchase, on days with a campaign and without."""
    query = """
        with days as (
            select berlin(started_at) as day, max(campaign_id like 'crm%') as is_running,
                avg((channel_id = 'email')::int) as share
            from truth_visits where kind = 'human' and order_id is null group by day
        )
        select avg(share) filter (is_running), avg(share) filter (not is_running) from days
    """
    running, otherwise = stream.row(query)
    assert running > 1.5 * otherwise
