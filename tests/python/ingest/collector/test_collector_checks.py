"""Records are judged as landing and staging would judge them, before they are taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.collector.checks import Checker
from ingest.collector.records import split_body
from ingest.contracts import Contracts
from ingest.home import Home
from ingest.landing import land_paths

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
ORDER = {
    "order_id": "O1",
    "line": 1,
    "amount": "19.90",
    "op": "I",
    "updated_at": "2025-06-01T10:00:00Z",
}


def problems(contracts: Contracts, name: str, record: Any) -> list[tuple[str | None, str | None]]:
    source, _, entity = name.partition(".")
    checker = Checker(contracts[source], contracts[source].entities[entity])
    body = record if isinstance(record, bytes) else json.dumps(record).encode()
    [verdict] = checker.check_all(split_body(body, by_line=False), NOW)
    assert bool(verdict.line) == (not verdict.problems)
    return [(problem["field"], problem["problem"]) for problem in verdict.problems]


MISSING = "missing; name it, with null where there is no value"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"unknown": {"a": [1]}, "is_paid": None, "amount": None}, []),
        ({"amount": 19.9, "Is Paid": True}, []),
        ({"amount": 1e3}, []),  # written as 1000.0
        ({"amount": "1e3"}, [("amount", "not of type decimal(18,2)")]),
        ({"amount": 19.901}, [("amount", "not of type decimal(18,2)")]),
        ({"amount": 10**16}, [("amount", "not of type decimal(18,2)")]),
        ({"line": 2**31}, [("line", "not of type integer")]),
        ({"line": 10**30}, [("line", "not of type integer")]),
        ({"line": True}, [("line", "not of type integer")]),
        ({"line": " "}, [("line", "missing")]),
        ({"line": -1}, [("line", "reserved")]),
        ({"order_id": "\t-2"}, [("order_id", "reserved")]),
        ({"order_id": ["O1"]}, [("order_id", "a list where the contract has varchar")]),
        ({"is_paid": "yes"}, [("is_paid", "not of type boolean")]),
        ({"op": " u"}, []),
        ({"op": "X"}, [("op", "none of I, U, D")]),
        ({"op": None}, [("op", "none of I, U, D")]),
        ({"updated_at": None}, [("updated_at", "missing")]),
        ({"updated_at": 20250601}, [("updated_at", "not of type timestamp")]),
        ({"updated_at": []}, [("updated_at", "a list where the contract has timestamp")]),
        ({"updated_at": "2025-06-02T11:59:59Z"}, []),
        ({"updated_at": "2025-06-02T12:00:00Z"}, [("updated_at", "more than a day in the future")]),
        ({"updated_at": "2025-06-02T13:59:58+02:00"}, []),
        ({"Order-ID": "O2"}, [("order_id", "named twice")]),
        ({"buyer": {"name": "A", "born": "no date, but nobody reads it", "score": 1.5}}, []),
        ({"buyer": {"score": "high"}}, [("buyer", "score: not of type double")]),
        ({"buyer": {"Score": "high"}}, [("buyer", "score: not of type double")]),
        ({"buyer": {"name": {}}}, [("buyer", "name: an object where the contract has varchar")]),
        ({"buyer": 1}, [("buyer", "a plain value where the contract has a struct")]),
        ({"parts": [{"sku": "a", "units": 1}, None, {}]}, []),
        (
            {"parts": [{"sku": "a"}, {"units": 1.5}]},
            [("parts", "units: not of type integer (element 2)")],
        ),
        ({"parts": {}}, [("parts", "an object where the contract has a list")]),
        # Of a deletion staging reads only its key and its time, landing also its shape.
        ({"op": "D", "amount": "much", "is_paid": "yes", "buyer": {"score": "high"}}, []),
        ({"op": "d", "amount": []}, [("amount", "a list where the contract has decimal(18,2)")]),
        ({"op": "D", "parts": 7}, [("parts", "a plain value where the contract has a list")]),
        ({"op": "D", "line": "x"}, [("line", "not of type integer")]),
    ],
)
def test_a_change_is_judged_by_its_contract(
    contracts: Contracts, change: Mapping[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert problems(contracts, "web.orders", {**ORDER, **change}) == expected


@pytest.mark.parametrize(
    ("left_out", "problem"), [("line", "missing"), ("op", "missing"), ("amount", MISSING)]
)
def test_a_required_column_must_be_named(contracts: Contracts, left_out: str, problem: str) -> None:
    record = {name: value for name, value in ORDER.items() if name != left_out}
    assert problems(contracts, "web.orders", record) == [(left_out, problem)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"event_id":"1","event_id":"2"}', [(None, "a key occurs twice in one object")]),
        (b'{"event_id" :"1","event_id":"\\":"}', [(None, "a key occurs twice in one object")]),
        (b'{"x":{"a":1,"a":1},"event_id":"1"}', [(None, "a key occurs twice in one object")]),
        (b'{"event_id":"\\":","x":[{"a":"\\":"},{"a":1}]}', []),
        (
            b'{"event_id":"1","x":' + b"[" * 64 + b"]" * 64 + b"}",
            [(None, "nested more than 64 levels deep")],
        ),
        (b'{"event_id":"1","x":' + b"[" * 63 + b"]" * 63 + b"}", []),
        (b'{"event_id":"1","value":123456789012345.10}', []),
        (b'{"event_id":"1","value":1.1e1}', [("value", "not of type decimal(18,2)")]),
        (b'{"event_id":1e5,"eventid":2}', [("event_id", "named twice")]),
        (
            b'{"event_id":"1","device_id":[1]}',
            [("device_id", "a list where the contract has varchar")],
        ),
    ],
)
def test_what_a_parser_would_hide_is_seen(
    contracts: Contracts, text: bytes, expected: list[tuple[str | None, str]]
) -> None:
    assert problems(contracts, "web.events", text) == expected


def test_a_time_without_offset_is_told_by_the_clocks_of_the_source(contracts: Contracts) -> None:
    problem = "more than a day in the future"
    for name, text, is_ahead in (
        ("web.orders", "2025-06-02 11:59:00", False),
        ("web.orders", "2025-06-02 12:01:00", True),
        ("till.events", "2025-06-02 08:59:00", False),  # 11:59 in UTC
        ("till.events", "2025-06-02 09:01:00", True),
    ):
        time = "updated_at" if name == "web.orders" else "occurred_at"
        record = {**ORDER, "event_id": "1", time: text}
        assert problems(contracts, name, record) == ([(time, problem)] if is_ahead else [])


@pytest.mark.parametrize("time", [{}, {"occurred_at": None}, {"occurred_at": " "}])
def test_an_event_needs_its_time(contracts: Contracts, time: dict[str, str | None]) -> None:
    assert problems(contracts, "till.events", {"event_id": "1", **time}) == [
        ("occurred_at", "missing")
    ]


def plain(*samples: Any) -> st.SearchStrategy[Any]:
    odd = ["", " ", True, -1, 1.5, 10**25, "-2", [], [{}], {}, {"a": {"b": 1}}]
    good = st.sampled_from([*samples, None])
    return st.one_of(good, good, good, good, good, st.sampled_from(odd), st.text(max_size=4))


times = plain("2025-06-01", "2025-06-01T10:00:00+02:00", "2025-02-30", "24:00")
amounts = plain("1.50", 7, 19.99, "1e2", "1.505")
buyers = plain({"name": "x", "Score": 1.5}, {"score": "1e5", "more": [1]}, {"born": "?"})
parts = plain([{"sku": "a", "units": 1}], [], [None, {"Units": "7"}, {"sku": 1.0}])
orders = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["a", "b", 7, 1.5]),
        "op": st.sampled_from(["I", "U", "D", "d", "I", "x"]),
        "updated_at": times,
        "line": st.sampled_from([1, "2", "2.0", 3, "x"]),
        "amount": amounts,
    },
    optional={
        "AMOUNT": plain(1),
        "is_paid": plain("t", "no"),
        "buyer": buyers,
        "parts": parts,
        "other": buyers,
        'od\u00e4 \\" :': plain(1),
    },
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(orders, min_size=1, max_size=30))
def test_what_is_accepted_lands(
    contracts: Contracts, tmp_path_factory: pytest.TempPathFactory, records: list[Any]
) -> None:
    checker = Checker(contracts["web"], contracts["web"].entities["orders"])
    body = "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()
    verdicts = list(checker.check_all(split_body(body, by_line=True), NOW))
    lines = [verdict.line for verdict in verdicts if verdict.line]
    if not lines:
        return
    folder = tmp_path_factory.mktemp("landed")
    file = folder / "orders_0a_20250601T120000Z.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    [outcome] = land_paths(Home(folder / "home"), contracts, "web", Path(file))
    assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", len(lines), 0)


def test_odd_text_lands_by_the_fast_reader_too(contracts: Contracts, tmp_path: Path) -> None:
    checker = Checker(contracts["web"], contracts["web"].entities["events"])
    odd = ["\0", "\u2028", "\u0085", "\ufeff", "\U0001f600", '\\":', "a,]", "//", "NaN", "\x1f"]
    records = [{"event_id": f"{i}{odd[i % len(odd)]}", "x": {"y": i}} for i in range(1_200)]
    body = "\n".join(json.dumps(record) for record in records).encode()
    lines = [v.line for v in checker.check_all(split_body(body, by_line=True), NOW)]
    file = tmp_path / "events_0a_20250601T120000Z.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    [outcome] = land_paths(Home(tmp_path / "home"), contracts, "web", file)
    assert (outcome.status, outcome.rows, outcome.rejected) == ("landed", 1_200, 0)


def test_times_ahead_are_refused_as_staging_refuses_them(contracts: Contracts) -> None:
    """A segment is named after the second in which it is sealed, at the latest a second before."""
    extracted = NOW.replace(microsecond=0)
    arrived = extracted + timedelta(microseconds=999_999)
    checker = Checker(contracts["web"], contracts["web"].entities["orders"])
    for ahead in (timedelta(hours=23, minutes=59, seconds=59), timedelta(days=1, microseconds=1)):
        record = {**ORDER, "updated_at": (extracted + ahead).isoformat()}
        body = json.dumps(record).encode()
        [verdict] = checker.check_all(split_body(body, by_line=False), arrived)
        assert bool(verdict.line) == (ahead <= timedelta(days=1))
