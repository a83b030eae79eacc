"""Events of random deliveries against a plain loop: what counts, and in which session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ingest.dbt_plugin import set_pads
from ingest.pii import pii_pads
from tests.python.portable_sql import project_renderer

PROJECT = Path(__file__).resolve().parents[3]
BERLIN = ZoneInfo("Europe/Berlin")
RUNAWAY = 6
WINDOW_HOURS = 48
DAY = datetime(2025, 10, 25, 22)  # midnight of the day in Berlin that has 25 hours
BOT, BROWSER = "SomeBot/1.0", "Mozilla/5.0 (Windows NT 10.0)"

# Minutes and seconds on which the rules turn: 30 minutes, 12 hours, midnight.
GAPS = [0, 1, 60, 299, 1_799, 1_800, 1_801, 3_600, 11 * 3_600, 43_200, 43_201, 86_400]


@dataclass(frozen=True)
class Row:
    """A landed row: the load it came with, its number in it, and what it says."""

    load: int
    number: int
    event_id: str | None
    event_type: str
    occurred_at: datetime | None
    device: str | None
    customer: str | None
    channel: str | None
    campaign: str | None
    agent: str

    @property
    def said(self) -> tuple[Any, ...]:
        """What the row says but for its id."""
        return (
            self.event_type,
            self.occurred_at,
            self.device,
            self.customer,
            self.channel,
            self.campaign,
            self.agent,
        )


def known_at(load: int) -> datetime:
    """When a load was extracted: one every 20 hours, from the second day on."""
    return DAY + timedelta(hours=30 + 20 * load)


@st.composite
def deliveries(draw: st.DrawFn) -> list[Row]:
    """Rows of a few visitors, some of them copies or other things under the id of another."""
    at = DAY
    rows: list[Row] = []
    for number in range(draw(st.integers(1, 30))):
        at += timedelta(seconds=draw(st.sampled_from(GAPS)))
        copied = draw(st.sampled_from(rows)) if rows and draw(st.integers(0, 5)) == 0 else None
        load = draw(st.integers(0, 5))
        if copied is not None:
            kind = copied.event_type if draw(st.booleans()) else "search"
            rows.append(Row(load, number, copied.event_id, kind, *copied.said[1:]))
            continue
        rows.append(
            Row(
                load,
                number,
                event_id=draw(st.sampled_from([f"e{number}"] * 9 + [None])),
                event_type=draw(
                    st.sampled_from(["page_view", "product_view", "purchase"] * 4 + ["x"])
                ),
                occurred_at=draw(st.sampled_from([at] * 15 + [None])),
                device=draw(st.sampled_from(["d1", "d1", "d2", None])),
                customer=draw(st.sampled_from([None, None, "c1", "c2"])),
                channel=draw(st.sampled_from([None, "direct", "email"])),
                campaign=draw(st.sampled_from([None, None, "spring"])),
                agent=draw(st.sampled_from([BROWSER] * 8 + [BOT])),
            )
        )
    return rows


def is_valid(row: Row) -> bool:
    return (
        row.event_id is not None
        and row.event_type != "x"
        and row.occurred_at is not None
        and row.occurred_at <= known_at(row.load) + timedelta(days=1)
    )


def winners(rows: Sequence[Row]) -> dict[str, Row]:
    """Per event id the row that was known first; of two of one moment neither says more."""
    found: dict[str, Row] = {}
    for row in sorted(filter(is_valid, rows), key=lambda row: row.load):
        assert row.event_id
        found.setdefault(row.event_id, row)
    return found


@dataclass(frozen=True)
class Session:
    """What a session must be: its events in order, its class and its only customer."""

    events: tuple[str, ...]
    visitor_class: str
    customer: str | None


def sessions_of(events: Sequence[Row]) -> set[Session]:
    """The sessions by the rules, one event after the other."""
    by_visitor: dict[str, list[Row]] = defaultdict(list)
    for event in events:
        if visitor := event.device or event.customer:
            by_visitor[visitor].append(event)
    sessions: list[list[Row]] = []
    for visits in by_visitor.values():
        current: list[Row] = []
        touch = ""
        for event in sorted(visits, key=lambda e: (moment(e), e.event_id)):
            own = f"{event.channel}/{event.campaign or ''}" if event.channel else None
            if not current or business_date(event) != business_date(current[-1]):
                current, touch = [], ""
            elif (
                moment(event) - moment(current[-1]) > timedelta(minutes=30)
                or (own is not None and own != touch)
                or moment(event) - moment(current[0]) > timedelta(hours=12)
            ):
                current = []
            if not current:
                sessions.append(current)
            current.append(event)
            touch = own or touch
    return {
        Session(
            tuple(str(event.event_id) for event in session),
            visitor_class(session),
            customers.pop()
            if len(customers := {e.customer for e in session} - {None}) == 1
            else None,
        )
        for session in sessions
    }


def visitor_class(session: Sequence[Row]) -> str:
    if any(event.agent == BOT for event in session):
        return "declared_bot"
    times = [moment(event) for event in session]
    for first, later in zip(times, times[RUNAWAY:], strict=False):
        if later - first < timedelta(hours=1):
            return "runaway"
    return "person"


def moment(event: Row) -> datetime:
    assert event.occurred_at
    return event.occurred_at


def business_date(event: Row) -> Any:
    utc = moment(event).replace(tzinfo=ZoneInfo("UTC"))
    return utc.astimezone(BERLIN).date()


class Warehouse:
    """The event models over a table of landed rows, built in one go or load by load."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._sql: dict[tuple[str, bool, bool], str] = {}
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        set_pads(self.connection, pii_pads(b"0" * 32))
        columns = self._columns("source.storehouse.shop.events")
        self.connection.execute(
            f"create table landed_events ({', '.join(f'{c} varchar' for c in columns)}, "
            "_load_id varchar, _row_number bigint, _extracted_at timestamp, _loaded_at timestamp)"
        )
        self.connection.execute("create view events as select * from landed_events")
        self.connection.execute(
            "create view loads as select distinct _load_id as load_id, 'shop' as source_system, "
            "'events' as entity from landed_events"
        )
        for seed in ("user_agents", "event_types"):
            self.connection.execute(f"create table {seed} as from '{PROJECT}/seeds/{seed}.csv'")
        for dimension, key, name in (
            ("dim_customer", "customer_key", "customer_id"),
            ("dim_product", "product_key", "product_id"),
        ):
            self.connection.execute(
                f"create table {dimension} (source_system varchar, {name} varchar, {key} varchar, "
                "valid_from timestamp, valid_to timestamp)"
            )
        self.connection.execute(
            "create table int_customer_identities (source_system varchar, customer_id varchar, "
            "identity_key varchar, is_current boolean)"
        )

    def _columns(self, source: str) -> list[str]:
        return list(self._manifest["sources"][source]["columns"])

    def clear(self) -> None:
        """Forgets everything."""
        for table in ("base_shop__events", "fact_events"):
            self.connection.execute(f"drop table if exists {table}")
        self.connection.execute("delete from landed_events")

    def land(self, rows: Sequence[Row]) -> None:
        """Adds landed rows."""
        for row in rows:
            said = {
                "event_id": row.event_id,
                "event_type": row.event_type,
                "occurred_at": row.occurred_at and row.occurred_at.isoformat() + "Z",
                "device_id": row.device,
                "customer_id": row.customer,
                "channel_id": row.channel,
                "campaign_id": row.campaign,
                "user_agent": row.agent,
                "_load_id": f"load{row.load}",
                "_row_number": row.number,
                "_extracted_at": known_at(row.load),
            }
            self.connection.execute(
                f"insert into landed_events ({', '.join(said)}) "
                f"values ({', '.join('?' * len(said))})",
                list(said.values()),
            )

    def build(self, *, streamed: bool = False) -> None:
        """Builds base and fact as dbt does: whole where they are missing, else incrementally."""
        self._build("staging/shop/base/base_shop__events", ["_key_hash"], streamed)
        for view in ("staging/shop/stg_shop__events", "intermediate/int_events_unioned"):
            self.connection.execute(
                f"create or replace view {Path(view).name} as {self._rendered(view, False, False)}"
            )
        key = ["source_system", *(["visitor_key", "event_date_key"] if streamed else ["event_id"])]
        self._build("marts/core/fact_events", key, streamed)

    def _build(self, model: str, key: Sequence[str], streamed: bool) -> None:
        name = Path(model).name
        if not self._exists(name):
            sql = self._rendered(model, False, streamed)
            self.connection.execute(f"create table {name} as {sql}")
            return
        sql = self._rendered(model, True, streamed).replace("this_table", name)
        self.connection.execute(f"create temp table new_rows as {sql}")
        keys = ", ".join(key)
        self.connection.execute(
            f"delete from {name} where ({keys}) in (select ({keys}) from new_rows)"
            if len(key) > 1
            else f"delete from {name} where {keys} in (select {keys} from new_rows)"
        )
        self.connection.execute(f"insert into {name} by name select * from new_rows")
        self.connection.execute("drop table new_rows")

    def _exists(self, table: str) -> bool:
        found = "select count(*) from duckdb_tables() where table_name = ?"
        return bool(self.connection.execute(found, [table]).fetchall()[0][0])

    def _rendered(self, model: str, is_incremental: bool, streamed: bool) -> str:
        found = (model, is_incremental, streamed)
        if found not in self._sql:
            renderer = project_renderer(
                self._manifest,
                with_engine=True,
                is_incremental=is_incremental,
                event_stream=streamed,
                runaway_events_per_hour=RUNAWAY,
            )
            text = (PROJECT / "models" / f"{model}.sql").read_text(encoding="utf-8")
            self._sql[found] = renderer.render(text)
        return self._sql[found]

    def counts(self) -> dict[str, int]:
        """Landed rows by what became of them."""
        rows = self.connection.execute(
            "select _status, count(*) from base_shop__events group by all"
        ).fetchall()
        return dict(rows)

    def sessions(self) -> set[Session]:
        """The sessions of the fact."""
        rows = self.connection.execute(
            """
            select
                list(event_id order by session_event_number),
                list(session_event_number order by session_event_number),
                any_value(visitor_class),
                count(distinct visitor_class || device_kind),
                max(case when customer_id <> '-1' then customer_id end),
                count(distinct customer_id)
            from fact_events where session_key <> '-2' group by session_key
            """
        ).fetchall()
        found = set()
        for events, numbers, kind, kinds, customer, customers in rows:
            assert numbers == list(range(1, len(events) + 1)) and kinds == 1
            found.add(Session(tuple(events), kind, customer if customers == 1 else None))
        return found

    def facts(self) -> list[tuple[Any, ...]]:
        """All rows of the fact, in order."""
        return self.connection.execute("select * from fact_events order by all").fetchall()

    def judged(self) -> list[tuple[Any, ...]]:
        """What became of each landed row."""
        return self.connection.execute(
            "select _load_id, _row_number, _status, _reasons from base_shop__events order by all"
        ).fetchall()


@pytest.fixture(scope="module")
def warehouse(manifest: Mapping[str, Any]) -> Iterator[Warehouse]:
    made = Warehouse(manifest)
    yield made
    made.connection.close()


@settings(max_examples=40, deadline=None)
@given(rows=deliveries())
def test_events_and_sessions_are_those_of_a_plain_loop(
    warehouse: Warehouse, rows: list[Row]
) -> None:
    warehouse.clear()
    warehouse.land(rows)
    warehouse.build()
    counts = warehouse.counts()
    assert sum(counts.values()) == len(rows)
    valid = [row for row in rows if is_valid(row)]
    first = winners(rows)
    facts = warehouse.connection.execute("select event_id, known_at from fact_events").fetchall()
    assert sorted(facts) == sorted((key, known_at(row.load)) for key, row in first.items())
    assert counts.get("accepted", 0) == len(first)
    reused = len([row for row in warehouse.judged() if row[3] == "event_id_reused"])
    assert counts.get("duplicate", 0) + reused == len(valid) - len(first)
    if len({(row.event_id, row.said) for row in valid}) == len(first):  # no id says two things
        assert reused == 0
        assert warehouse.sessions() == sessions_of(list(first.values()))


def test_who_never_pauses_has_sessions_of_twelve_hours(warehouse: Warehouse) -> None:
    """A monitor that asks every 20 minutes, on the day that has 25 hours: three sessions."""
    rows = [
        Row(
            load=1,
            number=number,
            event_id=f"e{number:03}",
            event_type="page_view",
            occurred_at=DAY + timedelta(minutes=20 * number),
            device="d1",
            customer=None,
            channel=None,
            campaign=None,
            agent=BROWSER,
        )
        for number in range(75)
    ]
    warehouse.clear()
    warehouse.land(rows)
    warehouse.build()
    assert sorted(len(session.events) for session in warehouse.sessions()) == [1, 37, 37]
    assert warehouse.sessions() == sessions_of(rows)


@settings(max_examples=40, deadline=None, phases=[Phase.generate])
@given(rows=deliveries(), order=st.permutations(range(6)), data=st.data())
def test_load_by_load_in_any_order_equals_at_once(
    warehouse: Warehouse, rows: list[Row], order: list[int], data: st.DataObject
) -> None:
    """Streamed or not on the way: the last build, which does not stream, settles what waited."""
    warehouse.clear()
    warehouse.land(rows)
    warehouse.build()
    at_once = warehouse.judged(), warehouse.facts()
    warehouse.clear()
    for load in order:
        warehouse.land([row for row in rows if row.load == load])
        streamed = data.draw(st.booleans())
        warehouse.build(streamed=streamed)
        waiting = [row for row in warehouse.judged() if row[3] == "late_event"]
        assert streamed or not waiting
        counts = warehouse.counts()
        assert counts.get("accepted", 0) == len(warehouse.facts())
    warehouse.build()
    assert (warehouse.judged(), warehouse.facts()) == at_once
