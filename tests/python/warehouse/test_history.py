"""SCD2 versions of random full extracts, against a fold over the extracts in plain Python."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.python.portable_sql import project_renderer

DAY = timedelta(days=1)
START = datetime(2025, 1, 1)
FIRST, LAST = datetime(1900, 1, 1), datetime(9999, 12, 31)
KEYS = ("k1", "k2")
Attributes = tuple[str | None, str | None]
Version = tuple[str, str | None, str | None, datetime, datetime, bool, bool]


@dataclass(frozen=True)
class State:
    """What an extract says of a key; `updated_on` is a day number or nothing."""

    city: str | None
    tier: str | None
    updated_on: int | None


@dataclass(frozen=True)
class Extract:
    """One full extract, of the day of its place in the list."""

    states: Mapping[str, State]
    is_complete: bool
    has_tier: bool

    def tier(self, key: str) -> tuple[str | None] | None:
        """The tier of a key as far as the file tells it: nothing, or a value that may be null."""
        if key not in self.states or not self.has_tier:
            return None
        return (self.states[key].tier,)


states = st.builds(
    State,
    city=st.sampled_from(["a", "b", None]),
    tier=st.sampled_from(["x", "y", None]),
    updated_on=st.one_of(st.none(), st.integers(-2, 7)),
)
extracts = st.lists(
    st.builds(
        Extract,
        states=st.dictionaries(st.sampled_from(KEYS), states),
        is_complete=st.sampled_from([True, True, True, False]),
        has_tier=st.sampled_from([True, True, False]),
    ),
    min_size=1,
    max_size=7,
)


def day(number: int) -> datetime:
    return START + number * DAY


def changes_of(key: str, history: list[Extract]) -> list[tuple[datetime, bool, Attributes | None]]:
    """The dated changes of a key: upserts with attributes, deletions without."""
    told = [extract.tier(key) for extract in history]
    changes: list[tuple[datetime, bool, Attributes | None]] = []
    known: Attributes | None = None
    is_deleted = broke = False
    latest = previous = FIRST
    for number, extract in enumerate(history):
        now = day(number)
        if key not in extract.states:
            if known is not None and extract.is_complete and not is_deleted:
                changes.append((now, True, None))
                is_deleted = True
            continue
        state = extract.states[key]
        # What was delivered last, or else what will be delivered first.
        tier = next(
            (value for value in [*reversed(told[: number + 1]), *told[number + 1 :]] if value),
            (None,),
        )[0]
        attributes = (state.city, tier)
        stated = now if state.updated_on is None else min(day(state.updated_on), now)
        if known is None:
            changes.append((stated, False, attributes))
        elif is_deleted:
            changes.append((now, False, attributes))
            broke = True
        elif attributes != known:
            leads_on = stated > latest and not (broke and stated <= previous)
            changes.append((stated if leads_on else now, False, attributes))
            broke = broke or stated <= latest
        known, is_deleted = attributes, False
        latest, previous = max(latest, stated), now
    return changes


def versions_of(key: str, history: list[Extract]) -> list[Version]:
    """Half-open versions; a deletion keeps the attributes, unchanged neighbours are one."""
    found: list[tuple[datetime, bool, Attributes]] = []
    known: Attributes | None = None
    for moment, is_deleted, attributes in sorted(changes_of(key, history), key=lambda c: c[0]):
        known = attributes or known
        assert known is not None
        if not found or found[-1][1:] != (is_deleted, known):
            found.append((moment, is_deleted, known))
    ends = [version[0] for version in found[1:]] + [LAST] * bool(found)
    return [
        (key, *attributes, moment, end, end == LAST, is_deleted)
        for (moment, is_deleted, attributes), end in zip(found, ends, strict=True)
    ]


@pytest.fixture(scope="module")
def query(manifest: Mapping[str, Any]) -> str:
    return project_renderer(manifest, with_engine=True).render(
        """
        with {{ full_extract_changes(
            states='states', presence='states', extracts='extracts', loads='loads',
            key='customer_id', attributes={'city': ['city'], 'tier': ['tier']},
        ) }},
        {{ scd2_versions(changes='changes', key=['customer_id'], attributes=['city', 'tier']) }}
        select * from versions
        """
    )


def built(query: str, history: list[Extract], seed: int) -> list[Version]:
    """The versions that the macros make, whatever the order of the rows."""
    rows = [
        (key, state.city, state.tier if extract.has_tier else None,
         None if state.updated_on is None else day(state.updated_on), day(number), f"l{number}")
        for number, extract in enumerate(history)
        for key, state in extract.states.items()
    ]  # fmt: skip
    facts = [
        (f"l{n}", '{"id": "customer_id", "c": "city"' + (', "t": "tier"}' if e.has_tier else "}"),
         day(n), e.is_complete)
        for n, e in enumerate(history)
    ]  # fmt: skip
    random.Random(seed).shuffle(rows)
    random.Random(seed).shuffle(facts)
    with duckdb.connect() as connection:
        connection.execute(
            "create table states (customer_id varchar, city varchar, tier varchar,"
            " updated_at timestamp, _extracted_at timestamp, _load_id varchar);"
            "create table loads (load_id varchar, column_mapping varchar,"
            " extracted_at timestamp, is_complete boolean);"
            "create view extracts as select extracted_at, is_complete from loads"
        )
        if rows:
            connection.executemany("insert into states values (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("insert into loads values (?, ?, ?, ?)", facts)
        return connection.execute(
            f"select customer_id, city, tier, valid_from, valid_to, is_current, is_deleted"
            f" from ({query}) order by customer_id, valid_from"
        ).fetchall()


@settings(max_examples=300, deadline=None)
@given(extracts, st.integers(0, 3))
def test_versions_equal_a_fold_over_the_extracts(
    query: str, history: list[Extract], seed: int
) -> None:
    expected = [version for key in KEYS for version in versions_of(key, history)]
    assert built(query, history, seed) == expected


@settings(max_examples=100, deadline=None)
@given(extracts, st.integers(0, 3))
def test_every_moment_has_one_version(query: str, history: list[Extract], seed: int) -> None:
    """Half-open windows without gap, overlap or emptiness; one current version per key."""
    found = built(query, history, seed)
    for key in KEYS:
        windows = [(v[3], v[4]) for v in found if v[0] == key]
        assert all(start < end for start, end in windows)
        assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
        assert [v[5] for v in found if v[0] == key] == [False] * (len(windows) - 1) + [True] * bool(
            windows
        )


@settings(max_examples=100, deadline=None)
@given(extracts, states, st.integers(0, 6))
def test_a_later_extract_changes_nothing_before_it(
    query: str, history: list[Extract], state: State, seed: int
) -> None:
    """The state of every moment before is what it was: facts keep their versions."""
    last = len(history)
    now = Extract({"k1": State(state.city, state.tier, last)}, is_complete=True, has_tier=True)
    everywhere = [Extract(e.states, e.is_complete, has_tier=True) for e in history]
    before = built(query, everywhere, seed)
    after = built(query, [*everywhere, now], seed)
    moments = [START + n * DAY / 2 for n in range(-4, 2 * last)]

    def at(versions: list[Version], key: str, moment: datetime) -> list[tuple[Any, ...]]:
        return [(*v[:4], v[6]) for v in versions if v[0] == key and v[3] <= moment < v[4]]

    known = {v[0] for v in before}
    for key in known:
        for moment in moments:
            assert at(after, key, moment) == at(before, key, moment), (key, moment)
