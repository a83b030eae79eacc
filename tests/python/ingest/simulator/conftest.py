"""The shop of scale 1, simulated once, with few events: sizes at which planted effects show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.simulator import plan as plans
from ingest.simulator import simulate

TABLES = """
create table lines as
select distinct order_id, line_number, product_id, quantity::int as quantity,
    (unit_price::decimal(18, 2) * 100)::int as unit_cents, promotion_id
from read_csv('{extracts}/order_items_*.csv', all_varchar = true) where op = 'I';

create table orders as
select distinct order_id, customer_id, ordered_at::timestamptz as placed_at, device_id, currency,
    ordered_at::timestamptz::date as day, ship_to_country, order_total::double as total,
    lower(trim(ship_to_line1 || ship_to_city)) as address
from read_csv('{extracts}/orders_*.csv', all_varchar = true) where op = 'I';

create table payment_changes as
select distinct payment_id, order_id, payment_status, amount::double as amount, currency,
    paid_at::timestamptz as paid_at, updated_at::timestamptz as updated_at, card_token, device_id,
    gateway.risk_score as score, gateway.issuer_country as issuer, gateway.ip_country as network
from read_ndjson('{extracts}/payments_*.ndjson', timestampformat = 'none');

create table payments as
select * from payment_changes
qualify row_number() over (partition by payment_id order by updated_at desc) = 1;

create table accounts as
select customer_id, min(created_at::timestamptz) as created_at
from read_json('{extracts}/customers_*.json', timestampformat = 'none') group by customer_id;

create table sold as
select product_id, day, count(*) as lines, sum(quantity) as units
from lines join orders using (order_id) group by all;
"""


class Planted:
    """The extracts of scale 1 as DuckDB tables, each truth as `truth_<name>`; days of Berlin."""

    def __init__(self, folder: Path) -> None:
        self.extracts = folder / "extracts" / "shop"
        self._connection = duckdb.connect()
        self._connection.execute("set timezone = 'Europe/Berlin'")
        self._connection.execute(TABLES.format(extracts=self.extracts))
        for path in (folder / "truth").glob("*.parquet"):
            self._connection.execute(f"create view truth_{path.stem} as from '{path}'")

    def all(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        """The only row of a query."""
        (row,) = self.all(query)
        return row

    def one(self, query: str) -> Any:
        """The only value of a query."""
        return self.row(query)[0]

    def columns(self, query: str) -> dict[str, Any]:
        """The columns of a query as numpy arrays."""
        return self._connection.execute(query).fetchnumpy()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Two years of scale 1; events are few, as they have tests of their own."""
    sizes = replace(plans.Sizes.of(1), events=1_000, event_days=1)
    folder = tmp_path_factory.mktemp("scale_one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans.Sizes, "of", classmethod(lambda cls, factor: sizes))
        simulate("1", 42, None, 3, folder / "extracts" / "shop")
    planted = Planted(folder)
    yield planted
    planted.close()
