"""A feature that knows the future is found; one that does not is left in peace."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ml.frame.leaks import Relation, find_leaks, snapshots_of

TABLE = "features.units"
SALES = "core.sales"
CATALOG = "shop"
START = datetime(2025, 1, 1)

HONEST = """
    select
        source_system,
        day,
        sum(quantity) over (order by day rows between 7 preceding and 1 preceding) as units_before,
        case when ended_available_at <= available_at then 0 else quantity end as reported,
        greatest(quantity, 0) * rates.rate as valued,
        available_at
    from "shop"."core"."sales" as sales
    cross join "shop"."seeds"."rates" as rates
"""
_BEFORE = "7 preceding and 1 preceding"
_ENDED = "ended_available_at <= available_at"
LEAKING = {
    "next day": HONEST.replace(_BEFORE, "7 preceding and 1 following"),
    "all days": HONEST.replace(_BEFORE, "unbounded preceding and unbounded following"),
    "known later": HONEST.replace(_ENDED, "ended_available_at is not null"),
}


def warehouse(tmp_path: Path, sql: str) -> tuple[Path, dict[str, Relation]]:
    file = tmp_path / f"{CATALOG}.duckdb"
    with duckdb.connect(str(file)) as connection:
        for schema in ("core", "features", "seeds", "views"):
            connection.execute(f"create schema {schema}")
        connection.execute("create table seeds.rates as select 2 as rate")
        connection.execute(
            f"""
            create table {SALES} as
            select
                'shop' as source_system,
                timestamp '{START}' + day * interval 1 day as day,
                1 + (day * 7) % 5 as quantity,
                timestamp '{START}' + (day + 1) * interval 1 day as available_at,
                case when day % 3 = 0 then timestamp '{START}' + (day + 9) * interval 1 day end
                    as ended_available_at
            from range(100) as days (day)
            """
        )
        connection.execute(f"create table {TABLE} as {sql}")
    relations = {
        TABLE: Relation(f'"{CATALOG}"."features"."units"', sql, (SALES, "seeds.rates")),
        SALES: Relation(f'"{CATALOG}"."core"."sales"', "select 1", ()),
        "seeds.rates": Relation(f'"{CATALOG}"."seeds"."rates"', None, ()),
    }
    return file, relations


def leaks(file: Path, relations: dict[str, Relation], labels: tuple[str, ...] = ()) -> list[str]:
    found = find_leaks(file, TABLE, relations, ("day",), labels, snapshots_of(file, TABLE))
    return [str(leak) for leak in found]


def test_an_honest_table_has_none(tmp_path: Path) -> None:
    assert leaks(*warehouse(tmp_path, HONEST)) == []


@pytest.mark.parametrize(
    ("fault", "column"),
    [("next day", "units_before"), ("all days", "units_before"), ("known later", "reported")],
)
def test_a_planted_leak_is_found_in_its_column(tmp_path: Path, fault: str, column: str) -> None:
    file, relations = warehouse(tmp_path, LEAKING[fault])
    assert leaks(file, relations) == [f"{TABLE}.{column}"]
    assert leaks(file, relations, labels=(column,)) == []


def test_rows_that_were_not_there_yet_are_a_leak_of_the_key(tmp_path: Path) -> None:
    early = HONEST.replace("available_at\n    from", "day as available_at\n    from")
    file, relations = warehouse(tmp_path, early)
    assert f"{TABLE}.day" in leaks(file, relations)


def test_rows_that_were_there_and_are_gone_are_a_leak_of_the_key(tmp_path: Path) -> None:
    survivors = f"{HONEST} where ended_available_at is null"
    file, relations = warehouse(tmp_path, survivors)
    assert f"{TABLE}.day" in leaks(file, relations)
    by_row = f"""
        select source_system, day, quantity, available_at
        from "{CATALOG}"."core"."sales" where ended_available_at is null
    """
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create or replace table {TABLE} as {by_row}")
    relations[TABLE] = Relation(relations[TABLE].name, by_row, (SALES,))
    assert leaks(file, relations) == [f"{TABLE}.day"]
    snapshots = snapshots_of(file, TABLE)
    for may_vanish, is_leak in (("quantity > 0", False), ("quantity > 4", True)):
        found = find_leaks(file, TABLE, relations, ("day",), (), snapshots, may_vanish=may_vanish)
        assert bool(found) == is_leak


def test_what_lies_between_the_table_and_what_is_dated_is_built_again(tmp_path: Path) -> None:
    view = f'select sum(quantity) as total from "{CATALOG}"."core"."sales"'
    sql = HONEST.replace(
        "available_at\n    from",
        f'(select total from "{CATALOG}"."views"."total") as total, available_at\n    from',
    )
    file = tmp_path / f"{CATALOG}.duckdb"
    _, relations = warehouse(tmp_path, HONEST)
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create view views.total as {view}")
        connection.execute(f"create or replace table {TABLE} as {sql}")
    relations["views.total"] = Relation(f'"{CATALOG}"."views"."total"', view, (SALES,))
    relations[TABLE] = Relation(relations[TABLE].name, sql, (SALES, "seeds.rates", "views.total"))
    assert leaks(file, relations) == [f"{TABLE}.total"]


def test_a_leak_in_an_intermediate_relation_is_found(tmp_path: Path) -> None:
    """It says that its rows were known in time, and knows what became of them later."""
    view = f"""
        select
            source_system, day, available_at, ended_available_at,
            case when ended_available_at is null then quantity else 0 end as quantity
        from "{CATALOG}"."core"."sales"
    """
    sql = HONEST.replace('"core"."sales"', '"intermediate"."sales"')
    file, relations = warehouse(tmp_path, HONEST)
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema intermediate")
        connection.execute(f"create table intermediate.sales as {view}")
        connection.execute(f"create or replace table {TABLE} as {sql}")
    between = "intermediate.sales"
    relations[between] = Relation(f'"{CATALOG}"."intermediate"."sales"', view, (SALES,))
    relations[TABLE] = Relation(relations[TABLE].name, sql, (between, "seeds.rates"))
    assert f"{TABLE}.units_before" in leaks(file, relations)


def test_snapshots_lie_within_what_was_known(tmp_path: Path) -> None:
    file, _ = warehouse(tmp_path, HONEST)
    early, late = snapshots_of(file, TABLE)
    assert START + timedelta(days=20) < early < late < START + timedelta(days=80)
