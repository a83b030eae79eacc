"""Cutting landed loads into batches: nothing is lost, full extracts are whole, times are kept."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.lib.rebuild.batches import Load, Piece, cut, delivered_rows, late_rows

START = datetime(2025, 1, 1)
ENTITIES = {"orders": "increment", "stock": "append", "customers": "full"}


@st.composite
def loads(draw: st.DrawFn) -> list[Load]:
    """Loads of three entities; those of a full one have a time, several may share it."""
    found = []
    for number in range(draw(st.integers(0, 12))):
        entity = draw(st.sampled_from(sorted(ENTITIES)))
        days = draw(st.integers(0, 3))
        undated = ENTITIES[entity] != "full" and draw(st.booleans())
        found.append(
            Load(
                load_id=f"load{number}",
                source="shop",
                entity=entity,
                load_kind=ENTITIES[entity],
                extracted_at=None if undated else START + timedelta(days=days),
                rows=draw(st.integers(0, 300)),
            )
        )
    return found


CASES = (loads(), st.integers(1, 9), st.integers(0, 2**32))


@settings(deadline=None)
@given(*CASES)
def test_every_row_is_delivered_once_or_twice(landed: list[Load], batches: int, seed: int) -> None:
    dealt = cut(landed, batches, seed)
    assert len(dealt) == batches
    for load in landed:
        pieces = [piece for batch in dealt for piece in batch if piece.load == load]
        if load.load_kind == "full":
            assert [piece.rows for piece in pieces] == [None]
            continue
        rows = [piece.rows for piece in pieces if piece.rows is not None]
        assert pieces
        assert len(rows) == len(pieces)
        times = Counter(np.concatenate(rows).tolist())
        assert set(times) == set(range(load.rows))
        assert set(times.values()) <= {1, 2}


@settings(deadline=None)
@given(*CASES)
def test_the_files_of_a_full_extract_come_together(
    landed: list[Load], batches: int, seed: int
) -> None:
    places: dict[tuple[str, str, datetime | None], set[int]] = {}
    for number, batch in enumerate(cut(landed, batches, seed)):
        for piece in batch:
            if piece.load.load_kind == "full":
                places.setdefault(piece.load.extract, set()).add(number)
    assert all(len(numbers) == 1 for numbers in places.values())


@settings(deadline=None)
@given(*CASES)
def test_the_same_seed_cuts_alike_and_a_load_more_moves_no_other(
    landed: list[Load], batches: int, seed: int
) -> None:
    def places(of: list[Load]) -> list[tuple[str, int, list[int] | None]]:
        return [
            (piece.load.load_id, number, None if piece.rows is None else piece.rows.tolist())
            for number, batch in enumerate(cut(of, batches, seed))
            for piece in batch
        ]

    first = places(landed)
    assert places(landed) == first
    if landed:
        fewer = [place for place in first if place[0] != landed[-1].load_id]
        assert places(landed[:-1]) == fewer


def big_loads() -> list[Load]:
    return [
        Load(f"load{day}", "shop", "orders", "increment", START + timedelta(days=day), 2_000)
        for day in range(3)
    ]


def test_rows_are_shuffled_repeated_delayed_and_cut_otherwise_by_another_seed() -> None:
    dealt = cut(big_loads(), 7, seed=1)
    rows = [piece.rows for batch in dealt for piece in batch if piece.rows is not None]
    assert any((np.diff(piece) < 0).any() for piece in rows)
    assert 6_000 * 1.08 < delivered_rows(dealt) < 6_000 * 1.12
    assert late_rows(dealt) > 500
    other = cut(big_loads(), 7, seed=2)
    assert [delivered_rows([batch]) for batch in other] != [
        delivered_rows([batch]) for batch in dealt
    ]


def test_an_undated_load_is_spread_over_all_batches() -> None:
    load = Load("load", "olist", "orders", "append", None, 1_000)
    assert [len(batch) for batch in cut([load], 10, seed=1)] == [1] * 10


def test_rows_are_late_only_after_newer_ones_of_their_entity() -> None:
    old, new = big_loads()[:2]
    some, more = np.arange(5), np.arange(7)
    assert late_rows([[Piece(old, some)], [Piece(new, more)]]) == 0
    assert late_rows([[Piece(old, some), Piece(new, more)]]) == 0
    assert late_rows([[Piece(new, more)], [Piece(old, some)]]) == 5
