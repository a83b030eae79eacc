"""The macro `largest_remainder` against exact fractions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.python.portable_sql import project_renderer
from tests.python.warehouse.allocation import shared

cents = st.integers(min_value=0, max_value=10**14)
weights = st.lists(
    st.one_of(st.just(0), st.integers(0, 10), st.integers(0, 10**11)), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def query(manifest: Mapping[str, Any]) -> str:
    """The macro as SQL over the table `parts`."""
    return project_renderer(manifest).render(
        "with {{ largest_remainder('shared', rows='parts', whole=['whole'], part=['part'],"
        " amount='amount', weight='weight') }} select whole, part, part_amount from shared"
    )


@settings(deadline=None)
@given(st.lists(st.tuples(cents, weights), min_size=1, max_size=4))
def test_parts_add_up_and_follow_their_weights(
    query: str, wholes: list[tuple[int, list[int]]]
) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table parts (whole integer, part integer, amount decimal(18, 2),"
            " weight decimal(18, 2))"
        )
        connection.executemany(
            "insert into parts values (?, ?, ?, ?)",
            [
                (whole, part, Decimal(amount) / 100, Decimal(weight) / 100)
                for whole, (amount, by) in enumerate(wholes)
                for part, weight in enumerate(by)
            ],
        )
        found = connection.execute(f"{query} order by whole, part").fetchall()
    expected = [
        (whole, part, Decimal(share) / 100)
        for whole, (amount, by) in enumerate(wholes)
        for part, share in enumerate(shared(amount, by))
    ]
    assert found == expected
    for whole, (amount, _) in enumerate(wholes):
        assert sum(row[2] for row in found if row[0] == whole) == Decimal(amount) / 100
