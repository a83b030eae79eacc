"""Persons of random evidence, against union-find moment by moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.python.portable_sql import project_renderer

PROJECT = Path(__file__).resolve().parents[3]
FIRST, LAST = datetime(1900, 1, 1), datetime(9999, 12, 31)
ACCOUNTS = [f"c{number}" for number in range(8)]
LIMIT = 3

# Account, kind, token, day on which it was first seen.
Evidence = tuple[str, str, str, int]
evidence = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["email", "phone", "device"]),
        st.sampled_from(["t1", "t2", "t3", "t4"]),
        st.integers(1, 6),
    ),
    max_size=16,
    unique_by=lambda e: e[:3],
)


def moment(day: int) -> datetime:
    return datetime(2025, 1, 1) + timedelta(days=day)


def persons(known: list[Evidence], day: int, opened: Mapping[str, int]) -> dict[str, str]:
    """Per account the oldest account of its person, by what was known up to a day."""
    holders: dict[tuple[str, str], list[Evidence]] = {}
    for seen in known:
        holders.setdefault((seen[1], seen[2]), []).append(seen)
    person = {account: {account} for account in ACCOUNTS}
    for (kind, _), seen_by in holders.items():
        if kind == "device" or len(seen_by) > LIMIT:
            continue
        together = [account for account, _, _, seen_on in seen_by if seen_on <= day]
        for account in together[1:]:
            merged = person[together[0]] | person[account]
            for member in merged:
                person[member] = merged
    return {
        account: min(members, key=lambda member: (opened[member], member))
        for account, members in person.items()
    }


@pytest.fixture(scope="module")
def queries(manifest: Mapping[str, Any]) -> dict[str, str]:
    renderer = project_renderer(manifest, with_engine=True, identity_account_limit=LIMIT)
    folder = PROJECT / "models" / "intermediate"
    return {
        name: renderer.render((folder / f"{name}.sql").read_text(encoding="utf-8"))
        for name in ("int_identity_links", "int_customer_identities")
    }


def windows(
    queries: Mapping[str, str], known: list[Evidence], opened: Mapping[str, int]
) -> list[tuple[Any, ...]]:
    """Account, person, valid_from, valid_to of every row of the bridge."""
    counts: dict[tuple[str, str], int] = {}
    for _, kind, token, _ in known:
        counts[kind, token] = counts.get((kind, token), 0) + 1
    with duckdb.connect() as connection:
        connection.execute(
            "create table int_identity_evidence (source_system varchar, customer_id varchar,"
            " evidence_type varchar, evidence_hash varchar, first_seen_at timestamp,"
            " account_count bigint);"
            "create table int_customer_versions (source_system varchar, customer_id varchar,"
            " source_created_at timestamp, valid_from timestamp);"
            "create table int_orders_unioned (source_system varchar, customer_id varchar);"
            "create table int_events_unioned (source_system varchar, customer_id varchar)"
        )
        connection.executemany(
            "insert into int_customer_versions values ('shop', ?, ?, ?)",
            [(account, moment(day), moment(day)) for account, day in opened.items()],
        )
        if known:
            connection.executemany(
                "insert into int_identity_evidence values ('shop', ?, ?, ?, ?, ?)",
                [(a, k, t, moment(day), counts[k, t]) for a, k, t, day in known],
            )
        for name, query in queries.items():
            connection.execute(f"create table {name} as {query}")
        return connection.execute(
            "select customer_id, identity_id, valid_from, valid_to from int_customer_identities"
            " order by customer_id, valid_from"
        ).fetchall()


openings = st.lists(st.integers(-5, 0), min_size=len(ACCOUNTS), max_size=len(ACCOUNTS))


@settings(max_examples=200, deadline=None)
@given(evidence, openings)
def test_persons_equal_union_find_at_every_moment(
    queries: dict[str, str], known: list[Evidence], days: list[int]
) -> None:
    opened = dict(zip(ACCOUNTS, days, strict=True))
    found = windows(queries, known, opened)
    for day in range(0, 8):
        at = {
            account: person for account, person, start, end in found if start <= moment(day) < end
        }
        assert at == persons(known, day, opened), day
    for account in ACCOUNTS:
        mine = [row for row in found if row[0] == account]
        assert mine[0][2] == FIRST
        assert [row[3] for row in mine] == [row[2] for row in mine[1:]] + [LAST]
