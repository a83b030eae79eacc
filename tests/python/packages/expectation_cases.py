"""Small data and, for each test of packages/dbt_expectations, uses that must pass or fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

Argument = str | int | float | bool | date | Sequence[object] | None

MODELS = {
    "items": """
        select * from (values
            ('a', 1, 1, 10.00::decimal(18, 2), 'red', date '2024-01-01'),
            ('a', 2, 2, 10.01::decimal(18, 2), 'blue', date '2024-01-02'),
            ('b', 3, 5, 20.00::decimal(18, 2), 'blue', date '2024-01-04'),
            ('b', 4, null, null, null, null)
        ) as items (group_id, id, amount_units, amount, label, day)
    """,
    "empty_items": "select * from {{ ref('items') }} where false",
    "other_items": """
        select * from (values
            ('a', 1, 'red'), ('a', 2, 'blue'), ('b', 6, 'green'), ('b', 0, 'green')
        ) as items (kind, worth, colour)
    """,
    "lines": """
        select * from (values
            (1, 1, 7.50, 2.50, 20.00), (1, 2, 10.00, 0.00, 20.00),
            (2, 1, 5.00, 1.00, 9.99), (2, 1, null, 1.00, 9.99)
        ) as lines (order_id, line_number, price, freight, order_total)
    """,
    "pairs": """
        select * from (values
            (1, 2, 1, 'x'), (2, 2, 2, 'y'), (3, 5, null, 'z'), (4, null, null, 'z')
        ) as pairs (id, high, low, kind)
    """,
    "keys": """
        select * from (values
            (1, 'x', 'u'), (1, 'y', 'u'), (null, 'x', 'v'), (null, 'x', 'v'),
            (null, null, 'w'), (null, null, 'w')
        ) as keys (key_1, key_2, batch)
    """,
    "texts": """
        select * from (values
            (1, 'A-100', 'ann@example.org', 'Home', 'O''Brien'),
            (2, 'b-2000', 'bob@example.org', 'HOME', 'O''Brien'),
            (3, 'C-3', 'no address', 'Away', 'O''Brien'),
            (4, null, null, null, null)
        ) as texts (id, code, email, casing, surname)
    """,
    "types": """
        select
            1 as whole, 1::bigint as long_whole, 1.5::decimal(18, 2) as money, 'x' as words,
            true as flag, date '2024-01-01' as day, timestamp '2024-01-01' as moment,
            timestamptz '2024-01-01 00:00:00+00' as instant, 1.5::double as ratio,
            {'a': 'x', 'b': 1} as pair, ['x'] as word_list, 1 as "Odd Name"
    """,
    "recency": """
        select * from (values
            ('fresh', now() at time zone 'UTC' - interval 1 hour),
            ('fresh', now() at time zone 'UTC' - interval 90 day),
            ('stale', now() at time zone 'UTC' - interval 3 day),
            ('future', now() at time zone 'UTC' + interval 3 day),
            ('unknown', null)
        ) as recency (group_id, seen_at)
    """,
    "days": """
        select day, 'all' as kind
        from generate_series(timestamp '2024-01-03', timestamp '2024-02-20', interval 1 day)
            as days (day)
        where day not in (timestamp '2024-01-10', timestamp '2024-01-25')
        union all
        select null, 'none'
    """,
    "hours": """
        select moment
        from generate_series(
            timestamp '2024-01-01 00:10', timestamp '2024-01-01 12:10', interval 2 hour
        ) as hours (moment)
    """,
    "outliers": """
        select id, id % 4 as group_id, case when id = 40 then 100 else 1 end as metric
        from range(1, 41) as numbers (id)
        union all select 41, 1, null
    """,
    # Sixty days of 100 to 104; a jump on the 55th day, of one group.
    "series": """
        select
            date '2023-01-01' + cast(step as integer) as day, group_id,
            case when step = 55 and group_id = 'jump' then 400 else 100 + step % 5 end as metric
        from range(60) as steps (step), (values ('calm'), ('jump')) as groups (group_id)
    """,
    # Daily data up to today: calm until yesterday, today incomplete.
    "current_series": """
        select
            cast(now() at time zone 'UTC' as date) - cast(step as integer) as day,
            case when step = 0 then 3 else 100 + step % 5 end as metric,
            case when step = 1 then 900 else 100 + step % 5 end as metric_with_jump
        from range(60) as steps (step)
    """,
    "nullable_groups": "select cast(null as varchar) as group_id, 3 as metric",
}

SEED = "id,colour\n1,red\n2,blue\n"


@dataclass(frozen=True)
class Case:
    """One use of a test: what it is applied to and the number of failing rows it must return."""

    test: str
    why: str
    model: str
    column: str | None
    failures: int
    arguments: dict[str, Argument]
    where: str | None = None

    @property
    def name(self) -> str:
        """The name of the test in the scratch project, which is unique."""
        return f"{self.test}__{self.why.replace(' ', '_')}"


@dataclass
class Uses:
    """Collects the cases of one test."""

    test: str
    model: str
    column: str | None = None
    cases: list[Case] = field(default_factory=list)

    def add(self, why: str, failures: int = 0, /, **arguments: Argument) -> Uses:
        """Add a case; `on`, `of` and `where` replace the model, the column and the where config."""
        model = str(arguments.pop("on", self.model))
        column = arguments.pop("of", self.column)
        where = arguments.pop("where", None)
        self.cases.append(
            Case(
                test=self.test,
                why=why,
                model=model,
                column=None if column is None else str(column),
                failures=failures,
                arguments=arguments,
                where=None if where is None else str(where),
            )
        )
        return self


def generic() -> list[Uses]:
    """Uses of the three tests of any expression."""
    return [
        Uses("expression_is_true", "items")
        .add("holds", expression="amount >= amount_units")
        .add("null is no failure", expression="amount_units > 0")
        .add("row fails", 1, expression="amount_units > 1 or label = 'x'", row_condition="id < 3")
        .add("or is not split", 0, expression="true or false", test_condition="= true")
        .add("two rows fail", 2, expression="id > 2")
        .add("aggregate holds", expression="count(*)", test_condition="= 4")
        .add("aggregate fails", 1, expression="count(*)", test_condition="> 4")
        .add("row condition", expression="id > 2", row_condition="id > 2")
        .add("one group fails", 1, expression="sum(id) > 3", group_by_columns=["group_id"])
        .add("empty table", on="empty_items", expression="id > 9"),
        Uses("expression_between", "items")
        .add("bounds belong to it", expression="id", min_value=1, max_value=4)
        .add("strictly", 2, expression="id", min_value=1, max_value=4, strictly=True)
        .add("zero is a bound", 4, expression="id", max_value=0)
        .add("aggregate", 1, expression="sum(id)", min_value=11)
        .add("groups", 1, expression="sum(id)", min_value=4, group_by_columns=["group_id"])
        .add("row condition", expression="id", min_value=3, row_condition="group_id = 'b'")
        .add("precedence", expression="id + 0 - 4", max_value=0),
        Uses("equal_expression", "items")
        .add("same table", expression="sum(id)", compare_expression="max(id) + 6")
        .add("other expression", 1, expression="sum(id)", compare_expression="max(id)")
        .add(
            "within tolerance", expression="sum(id)", compare_expression="max(id) + 5", tolerance=1
        )
        .add(
            "beyond tolerance",
            1,
            expression="sum(id)",
            compare_expression="max(id) + 4",
            tolerance=1,
        )
        .add(
            "within percent",
            expression="sum(id)",
            compare_expression="sum(id) + 1",
            tolerance_percent=0.1,
        )
        .add(
            "beyond percent",
            1,
            expression="sum(id)",
            compare_expression="sum(id) + 1.1",
            tolerance_percent=0.1,
        )
        .add(
            "percent of zero",
            1,
            expression="sum(id) - 10",
            compare_expression="max(100)",
            tolerance_percent=0.1,
        )
        .add("null is zero", expression="sum(id)", on="empty_items", compare_expression="count(*)")
        .add(
            "row conditions",
            expression="sum(id)",
            compare_expression="sum(id) + 4",
            row_condition="group_id = 'b'",
            compare_row_condition="group_id = 'a'",
        )
        .add(
            "row condition goes for both",
            expression="sum(id)",
            compare_expression="count(*) + 1",
            row_condition="group_id = 'a'",
        )
        .add(
            "null groups meet",
            on="nullable_groups",
            expression="sum(metric)",
            group_by=["group_id"],
        )
        .add(
            "groups",
            1,
            expression="count(*)",
            compare_model="ref('other_items')",
            compare_expression="sum(worth) - 1",
            group_by=["group_id"],
            compare_group_by=["kind"],
        ),
    ]


def table_shape() -> list[Uses]:
    """Uses of the tests of rows and columns of a table."""
    all_columns = ["group_id", "id", "amount_units", "amount", "label", "day"]
    return [
        Uses("expect_table_row_count_to_be_between", "items")
        .add("bounds belong to it", min_value=4, max_value=4)
        .add("strictly", 1, min_value=4, strictly=True)
        .add("too many", 1, max_value=3)
        .add("groups", 2, max_value=1, group_by=["group_id"])
        .add("group given as text", group_by="group_id", min_value=2)
        .add("row condition", 1, min_value=4, row_condition="label is not null")
        .add("where config", 1, min_value=4, where="label is not null")
        .add("empty table", 1, on="empty_items", min_value=1),
        Uses("expect_table_row_count_to_equal", "items")
        .add("equal", value=4)
        .add("different", 1, value=3)
        .add("groups", group_by=["group_id"], value=2)
        .add("row condition", value=3, row_condition="label is not null")
        .add("empty table", on="empty_items", value=0),
        Uses("expect_table_row_count_to_equal_other_table", "items")
        .add("equal", compare_model="ref('other_items')")
        .add("different", 1, compare_model="ref('empty_items')")
        .add("factor", compare_model="ref('colours')", factor=2)
        .add("wrong factor", 1, compare_model="ref('colours')", factor=3)
        .add(
            "groups",
            compare_model="ref('other_items')",
            group_by=["group_id"],
            compare_group_by=["kind"],
        )
        .add(
            "groups that only this one has",
            2,
            on="other_items",
            compare_model="ref('items')",
            group_by=["colour"],
            compare_group_by=["label"],
            row_condition="worth >= 0",
            compare_row_condition="id < 4",
        )
        .add(
            "groups that the other lacks",
            2,
            compare_model="ref('other_items')",
            group_by=["label"],
            compare_group_by=["colour"],
            row_condition="id < 4",
            compare_row_condition="worth >= 0",
        )
        .add(
            "row conditions",
            compare_model="ref('other_items')",
            row_condition="label = 'blue'",
            compare_row_condition="colour = 'green'",
        ),
        Uses("expect_table_row_count_to_equal_other_table_times_factor", "items")
        .add("equal", compare_model="ref('colours')", factor=2)
        .add("different", 1, compare_model="ref('colours')", factor=1)
        .add("row condition", compare_model="ref('colours')", factor=1, row_condition="id < 3"),
        Uses("expect_table_aggregation_to_equal_other_table", "items")
        .add(
            "equal",
            expression="sum(id)",
            compare_model="ref('colours')",
            compare_expression="sum(id) + 7",
        )
        .add("different", 1, expression="sum(id)", compare_model="ref('colours')")
        .add("same expression", expression="max(id)", compare_model="ref('items')")
        .add(
            "groups",
            1,
            expression="sum(amount_units)",
            compare_model="ref('other_items')",
            compare_expression="sum(worth)",
            group_by=["group_id"],
            compare_group_by=["kind"],
        )
        .add(
            "tolerance",
            expression="sum(amount_units)",
            compare_model="ref('other_items')",
            compare_expression="sum(worth)",
            group_by=["group_id"],
            compare_group_by=["kind"],
            tolerance=1,
        )
        .add(
            "tolerance percent",
            1,
            expression="sum(amount_units)",
            compare_model="ref('other_items')",
            compare_expression="sum(worth)",
            group_by=["group_id"],
            compare_group_by=["kind"],
            tolerance_percent=0.19,
        )
        .add(
            "row condition",
            expression="sum(amount_units)",
            compare_model="ref('other_items')",
            compare_expression="sum(worth)",
            row_condition="group_id = 'a'",
            compare_row_condition="kind = 'a'",
        )
        .add(
            "empty tables",
            on="empty_items",
            expression="sum(id)",
            compare_model="ref('items')",
            compare_expression="count(*) - 4",
        ),
        Uses("expect_row_values_to_have_recent_data", "recency", "seen_at")
        .add("recent", datepart="hour", interval=2)
        .add("too old", 1, datepart="minute", interval=30)
        .add("row condition", 1, datepart="day", interval=2, row_condition="group_id = 'stale'")
        .add("longer interval", datepart="day", interval=4, row_condition="group_id = 'stale'")
        .add("weeks", datepart="week", interval=1, row_condition="group_id = 'stale'")
        .add("future only", 1, datepart="day", interval=1, row_condition="group_id = 'future'")
        .add("null only", 1, datepart="day", interval=1, row_condition="group_id = 'unknown'")
        .add("empty table", 1, on="empty_items", of="day", datepart="day", interval=1),
        Uses("expect_grouped_row_values_to_have_recent_data", "recency")
        .add(
            "recent",
            group_by=["group_id"],
            timestamp_column="seen_at",
            datepart="day",
            interval=4,
            row_condition="group_id in ('fresh', 'stale')",
        )
        .add(
            "stale future and unknown groups",
            3,
            group_by=["group_id"],
            timestamp_column="seen_at",
            datepart="day",
            interval=2,
        )
        .add(
            "empty table",
            1,
            on="empty_items",
            group_by=["group_id", "label"],
            timestamp_column="day",
            datepart="day",
            interval=1,
        ),
        Uses("expect_table_column_count_to_be_between", "items")
        .add("bounds belong to it", min_value=6, max_value=6)
        .add("too few", 1, min_value=7)
        .add("too many", 1, max_value=5)
        .add("empty table", on="empty_items", min_value=6),
        Uses("expect_table_column_count_to_equal", "items")
        .add("equal", value=6)
        .add("different", 1, value=5)
        .add("external source", on="deliveries", value=2)
        .add("where config", where="id = 1", value=6),
        Uses("expect_table_column_count_to_equal_other_table", "items")
        .add("equal", compare_model="ref('empty_items')")
        .add("different", 1, compare_model="ref('other_items')"),
        Uses("expect_column_to_exist", "items", "label")
        .add("exists")
        .add("missing", 1, of="colour")
        .add("other case", of="LABEL", transform="lower")
        .add("index", column_index=5)
        .add("wrong index", 1, column_index=4)
        .add("blank in the name", on="types", of='"Odd Name"')
        .add("empty table", on="empty_items"),
        Uses("expect_table_columns_to_contain_set", "items")
        .add("contained", column_list=["ID", "label"])
        .add("missing", 1, column_list=["id", "colour"])
        .add("external source", on="deliveries", column_list=["delivered_at"]),
        Uses("expect_table_columns_to_not_contain_set", "items")
        .add("not contained", column_list=["colour", "kind"])
        .add("contained", 1, column_list=["colour", "Label"]),
        Uses("expect_table_columns_to_match_set", "items")
        .add("match", column_list=list(reversed(all_columns)))
        .add("column too many", 1, column_list=all_columns[1:])
        .add("column too few", 1, column_list=[*all_columns, "colour"])
        .add(
            "other case",
            column_list=["KIND", "Worth", "colour"],
            on="other_items",
            transform="lower",
        )
        .add("empty table", on="empty_items", column_list=all_columns)
        .add("empty list", 6, column_list=[])
        .add("external source", on="deliveries", column_list=["order_id", "delivered_at"])
        .add("snapshot", 4, on="items_snapshot", column_list=all_columns),
        Uses("expect_table_columns_to_match_ordered_list", "items")
        .add("match", column_list=all_columns)
        .add("other order", 2, column_list=["id", "group_id", *all_columns[2:]])
        .add("column too few", 1, column_list=[*all_columns, "colour"]),
    ]


def missing_unique_type() -> list[Uses]:
    """Uses of the tests of missing values, unique values and types."""
    return [
        Uses("expect_column_values_to_be_null", "items", "label")
        .add("values", 3)
        .add("row condition", row_condition="id = 4")
        .add("empty table", on="empty_items"),
        Uses("expect_column_values_to_not_be_null", "items", "label")
        .add("null", 1)
        .add("no null", of="id")
        .add("row condition", row_condition="id < 4")
        .add("or in the row condition", row_condition="id = 1 or id = 2")
        .add("where config", where="id < 4")
        .add("seed", on="colours", of="colour")
        .add("external source", 1, on="deliveries", of="delivered_at")
        .add("external source with where", on="deliveries", of="delivered_at", where="order_id = 1")
        .add("snapshot", 1, on="items_snapshot")
        .add("empty table", on="empty_items"),
        Uses("expect_column_values_to_be_unique", "items", "id")
        .add("unique")
        .add("repeated", 1, of="label")
        .add("nulls are not repeated", on="pairs", of="low")
        .add("row condition", of="label", row_condition="id <> 3")
        .add("empty table", on="empty_items"),
        Uses("expect_column_values_to_be_of_type", "types", "whole")
        .add("same name", column_type="integer")
        .add("alias in upper case", column_type="INT")
        .add("other type", 1, column_type="bigint")
        .add("missing column", 1, of="no_such_column", column_type="integer")
        .add("missing column of a source", 1, on="deliveries", of="none", column_type="integer")
        .add("external source", on="deliveries", of="order_id", column_type="INTEGER")
        .add("external source other type", 1, on="deliveries", of="order_id", column_type="text")
        .add("where config", where="flag", column_type="int4")
        .add("seed", on="colours", of="colour", column_type="varchar")
        .add("snapshot", on="items_snapshot", of="amount", column_type="decimal(18,2)")
        .add("empty table", on="empty_items", of="day", column_type="date")
        .add("text", of="words", column_type="text")
        .add("string", of="words", column_type="STRING")
        .add("length of a text", of="words", column_type="varchar(20)")
        .add("text is no number", 1, of="words", column_type="integer")
        .add("decimal", of="money", column_type="Decimal(18,2)")
        .add("numeric with blank", of="money", column_type="numeric(18, 2)")
        .add("any decimal", of="money", column_type="decimal")
        .add("other scale", 1, of="money", column_type="decimal(18,3)")
        .add("decimal is no double", 1, of="money", column_type="double")
        .add("double", of="ratio", column_type="double precision")
        .add("date", of="day", column_type="DATE")
        .add("date is no timestamp", 1, of="day", column_type="timestamp")
        .add("timestamp", of="moment", column_type="datetime")
        .add("timestamp has no zone", 1, of="moment", column_type="timestamptz")
        .add("timestamp with zone", of="instant", column_type="timestamptz")
        .add("zone is not dropped", 1, of="instant", column_type="timestamp")
        .add("boolean", of="flag", column_type="bool")
        .add("struct", of="pair", column_type="struct(a varchar, b integer)")
        .add("other struct", 1, of="pair", column_type="struct(a varchar)")
        .add("list", of="word_list", column_type="text[]")
        .add("list is no text", 1, of="word_list", column_type="text")
        .add("quoted column", of='"Odd Name"', column_type="integer")
        .add("quoted column other type", 1, of='"Odd Name"', column_type="text"),
        Uses("expect_column_values_to_be_in_type_list", "types", "whole")
        .add("second of the list", column_type_list=["nvarchar2", "int"])
        .add("none of the list", 1, column_type_list=["text", "bigint"])
        .add("missing column", 1, of="no_such_column", column_type_list=["text", "int"]),
        Uses("expect_column_values_to_have_consistent_casing", "texts", "casing")
        .add("inconsistent", 1)
        .add("inconsistent and displayed", 1, display_inconsistent_columns=True)
        .add("consistent with null", of="surname")
        .add("empty table", on="empty_items", of="label"),
    ]


def sets_and_ranges() -> list[Uses]:
    """Uses of the tests of sets, ranges and order."""
    return [
        Uses("expect_column_values_to_be_in_set", "items", "label")
        .add("in set", value_set=["red", "blue", "green"], row_condition="id < 4")
        .add("not in set", 1, value_set=["blue"], row_condition="id < 4")
        .add("null is in no set", 1, value_set=["red", "blue"])
        .add("null in the list", 1, value_set=["red", "blue", None])
        .add("numbers unquoted", of="id", value_set=[1, 2, 3, 4], quote_values=False)
        .add("number missing", 1, of="id", value_set=[1, 2, 3], quote_values=False)
        .add("numbers quoted", 1, of="id", value_set=[1, 2, 3])
        .add(
            "quote in the value",
            on="texts",
            of="surname",
            value_set=["O'Brien"],
            row_condition="id < 4",
        )
        .add("case matters", 1, value_set=["Red", "blue"], row_condition="id < 4")
        .add("empty set", 4, value_set=[])
        .add("empty table", on="empty_items", value_set=["red"]),
        Uses("expect_column_values_to_not_be_in_set", "items", "label")
        .add("not in set", value_set=["green"])
        .add("in set", 2, value_set=["blue", "green"])
        .add("numbers", 1, of="id", value_set=[4, 5], quote_values=False)
        .add("row condition", value_set=["red"], row_condition="id > 1")
        .add("empty table", on="empty_items", value_set=["red"]),
        Uses("expect_column_values_to_be_between", "items", "amount_units")
        .add("bounds belong to it", min_value=1, max_value=5)
        .add("strictly", 2, min_value=1, max_value=5, strictly=True)
        .add("below", 1, min_value=2)
        .add("above", 1, max_value=4)
        .add("zero is a bound", 3, max_value=0)
        .add("negative bound", min_value=-1)
        .add("row condition", min_value=2, row_condition="id > 1")
        .add("decimals", 1, of="amount", max_value=10.01)
        .add("other column", 0, max_value="amount")
        .add("date", 1, of="day", min_value=date(2024, 1, 2))
        .add("date as text", 1, of="day", max_value="2024-01-02")
        .add("date as sql", 1, of="day", max_value="cast('2024-01-02' as date)")
        .add("where config", min_value=2, where="id > 1")
        .add("empty table", on="empty_items", min_value=100),
        Uses("expect_column_values_to_be_increasing", "items", "amount_units")
        .add("increasing", sort_column="id")
        .add("null is left out", of="amount", sort_column="id")
        .add("not increasing", 2, sort_column="- id")
        .add(
            "equal values strictly",
            1,
            on="lines",
            of="order_total",
            sort_column="- order_total",
            row_condition="order_id = 1 and line_number > 0",
        )
        .add(
            "equal values",
            on="lines",
            of="order_total",
            sort_column="- order_total",
            row_condition="order_id = 1",
            strictly=False,
        )
        .add("groups", of="id", sort_column="id", group_by=["group_id"])
        .add(
            "groups fail",
            1,
            of="id",
            sort_column="- id",
            group_by=["group_id"],
            row_condition="id <> 4",
        )
        .add("step", of="id", sort_column="id", step=1)
        .add("wrong step", 1, sort_column="id", step=1)
        .add("default order", of="id")
        .add("default order repeated", 1, of="label")
        .add("empty table", on="empty_items"),
        Uses("expect_column_values_to_be_decreasing", "items", "amount_units")
        .add(
            "null hides no step up",
            1,
            on="pairs",
            of="low",
            sort_column="case when id = 3 then 1.5 else id end",
        )
        .add("decreasing", sort_column="- id")
        .add("not decreasing", 2, sort_column="id")
        .add(
            "equal values strictly",
            1,
            on="lines",
            of="order_total",
            sort_column="order_total",
            row_condition="order_id = 1",
        )
        .add(
            "equal values",
            on="lines",
            of="order_total",
            sort_column="order_total",
            row_condition="order_id = 1",
            strictly=False,
        )
        .add("step", of="id", sort_column="- id", step=1)
        .add("wrong step", 3, of="id", sort_column="- id", step=2)
        .add("empty table", on="empty_items"),
    ]


def strings() -> list[Uses]:
    """Uses of the tests of lengths and patterns."""
    return [
        Uses("expect_column_value_lengths_to_be_between", "texts", "code")
        .add("bounds belong to it", min_value=3, max_value=6)
        .add("strictly", 2, min_value=3, max_value=6, strictly=True)
        .add("too short", 1, min_value=5)
        .add("too long", 1, max_value=5)
        .add("row condition", min_value=5, row_condition="id < 3")
        .add("empty table", on="empty_items", of="label", min_value=9),
        Uses("expect_column_value_lengths_to_equal", "texts", "code")
        .add("equal", value=5, row_condition="id = 1")
        .add("different", 2, value=5),
        Uses("expect_column_values_to_match_regex", "texts", "code")
        .add("match", regex="^[A-Za-z]-[0-9]+$")
        .add("anywhere", regex="-")
        .add("case matters", 1, regex="^[A-Z]-")
        .add("flags", regex="^[A-Z]-", flags="i")
        .add("raw", regex=r"^\w-\d+$", is_raw=True)
        .add("backslash", 1, regex=r"\d{2}")
        .add("quote", of="surname", regex="'B")
        .add("row condition", regex=r"\d{2}", row_condition="id < 3")
        .add("empty table", on="empty_items", of="label", regex="x"),
        Uses("expect_column_values_to_not_match_regex", "texts", "code")
        .add("no match", regex="@")
        .add("match", 1, regex="^[a-z]")
        .add("flags", 3, regex="^[a-z]", flags="i")
        .add("row condition", regex="^[a-z]", row_condition="id <> 2")
        .add("empty table", on="empty_items", of="label", regex="x"),
        Uses("expect_column_values_to_match_regex_list", "texts", "email")
        .add("any", regex_list=["@", " "])
        .add("none", 1, regex_list=["@", "org$"])
        .add("all", 1, regex_list=["@", "org$"], match_on="all")
        .add("not all", 2, regex_list=["@", "^a"], match_on="all")
        .add("flags", regex_list=["^A", "^B", "^N"], flags="i"),
        Uses("expect_column_values_to_not_match_regex_list", "texts", "email")
        .add("one does not match", regex_list=["@", " "])
        .add("both match", 2, regex_list=["@", "org$"])
        .add("none matches", regex_list=["[0-9]", "com$"], match_on="all")
        .add("one matches", 1, regex_list=["[0-9]", "^a[n]"], match_on="all"),
        Uses("expect_column_values_to_match_like_pattern", "texts", "email")
        .add("match", like_pattern="%o%", row_condition="id > 1")
        .add("no match", 1, like_pattern="%@%"),
        Uses("expect_column_values_to_not_match_like_pattern", "texts", "email")
        .add("no match", like_pattern="%com")
        .add("match", 2, like_pattern="%@%"),
        Uses("expect_column_values_to_match_like_pattern_list", "texts", "email")
        .add("any", like_pattern_list=["%@%", "no%"])
        .add("none", 1, like_pattern_list=["%@%", "%org"])
        .add("all", 1, like_pattern_list=["%@%", "%org"], match_on="all"),
        Uses("expect_column_values_to_not_match_like_pattern_list", "texts", "email")
        .add("one does not match", like_pattern_list=["%@%", "no%"])
        .add("both match", 2, like_pattern_list=["%@%", "%org"])
        .add("one matches", 1, like_pattern_list=["%com", "no%"], match_on="all"),
    ]


def aggregates() -> list[Uses]:
    """Uses of the tests of one number of a column."""

    def between(name: str, value: float) -> Uses:
        """The cases that all ranges share, around the value for the whole table."""
        return (
            Uses(f"expect_column_{name}_to_be_between", "items", "amount_units")
            .add("bounds belong to it", min_value=value, max_value=value)
            .add("strictly above", 1, min_value=value, strictly=True)
            .add("strictly below", 1, max_value=value, strictly=True)
            .add("inside strictly", min_value=value - 1, max_value=value + 1, strictly=True)
            .add("too small", 1, min_value=value + 0.01)
            .add("too great", 1, max_value=value - 0.01)
        )

    return [
        between("max", 5)
        .add("groups", 1, max_value=4, group_by=["group_id"])
        .add("row condition", max_value=2, row_condition="group_id = 'a'")
        .add("dates", 1, of="day", max_value="2024-01-03")
        .add("empty table", on="empty_items", min_value=9),
        between("min", 1)
        .add("groups", 1, min_value=2, group_by=["group_id"])
        .add("row condition", min_value=5, row_condition="group_id = 'b'")
        .add("empty table", on="empty_items", min_value=9),
        Uses("expect_column_mean_to_be_between", "items", "id")
        .add("bounds belong to it", min_value=2.5, max_value=2.5)
        .add("strictly", 1, min_value=2.5, strictly=True)
        .add("too great", 1, max_value=2.49)
        .add("null is left out", of="amount_units", min_value=2.66, max_value=2.67)
        .add("groups", 1, max_value=3, group_by=["group_id"])
        .add("row condition", max_value=1.5, row_condition="group_id = 'a'")
        .add("empty table", on="empty_items", min_value=9),
        between("sum", 8)
        .add("groups", 1, min_value=4, group_by=["group_id"])
        .add("row condition", max_value=3, row_condition="group_id = 'a'")
        .add("decimals", of="amount", min_value=40.01, max_value=40.01)
        .add("empty table", on="empty_items", min_value=9),
        between("median", 2)
        .add(
            "decimals are not rounded",
            of="amount",
            min_value=10.004,
            max_value=10.006,
            row_condition="group_id = 'a'",
        )
        .add("groups", 1, max_value=4, group_by=["group_id"]),
        Uses("expect_column_quantile_values_to_be_between", "items", "id")
        .add("median", quantile=0.5, min_value=2.5, max_value=2.5)
        .add("lowest", quantile=0, min_value=1, max_value=1)
        .add("highest", quantile=1, min_value=4, max_value=4)
        .add("interpolated", quantile=0.9, min_value=3.69, max_value=3.71)
        .add("strictly", 1, quantile=0.5, min_value=2.5, strictly=True)
        .add("too great", 1, quantile=0.9, max_value=3.6)
        .add("groups", 1, quantile=0.5, max_value=2, group_by=["group_id"])
        .add("row condition", quantile=1, max_value=2, row_condition="group_id = 'a'")
        .add("empty table", on="empty_items", quantile=0.5, min_value=9),
        Uses("expect_column_stdev_to_be_between", "items", "amount_units")
        .add("of a sample", min_value=2.08, max_value=2.09)
        .add("too great", 1, max_value=1.7)
        .add("groups of one row have none", group_by=["group_id"], max_value=0.8),
        Uses("expect_column_unique_value_count_to_be_between", "items", "label")
        .add("null is not counted", min_value=2, max_value=2)
        .add("too many", 1, max_value=1)
        .add("groups", 1, min_value=2, group_by=["group_id"])
        .add("empty table", 1, on="empty_items", min_value=1),
        Uses("expect_column_proportion_of_unique_values_to_be_between", "items", "label")
        .add("share of the values", min_value=0.66, max_value=0.67)
        .add("all unique", of="id", min_value=1)
        .add("strictly", 1, of="id", max_value=1, strictly=True)
        .add("too small", 1, min_value=0.7)
        .add("groups", group_by=["group_id"], min_value=1)
        .add("row condition", min_value=1, row_condition="id < 3")
        .add("row condition fails", 1, min_value=1, row_condition="id in (2, 3)")
        .add("empty table", on="empty_items", min_value=0.5),
        Uses("expect_column_distinct_count_to_equal", "items", "label")
        .add("null is not counted", value=2)
        .add("different", 1, value=3)
        .add("groups", 1, value=2, group_by=["group_id"])
        .add("row condition", value=1, row_condition="id > 1")
        .add("empty table", on="empty_items", value=0),
        Uses("expect_column_distinct_count_to_be_greater_than", "items", "label")
        .add("greater", value=1)
        .add("equal", 1, value=2),
        Uses("expect_column_distinct_count_to_be_less_than", "items", "label")
        .add("less", value=3)
        .add("equal", 1, value=2),
        Uses("expect_column_distinct_count_to_equal_other_table", "items", "label")
        .add("equal", compare_model="ref('colours')", compare_column_name="colour")
        .add("different", 1, compare_model="ref('other_items')", compare_column_name="colour")
        .add(
            "row condition",
            compare_model="ref('other_items')",
            compare_column_name="colour",
            row_condition="label = 'blue'",
            compare_row_condition="colour = 'green'",
        )
        .add(
            "compare row condition",
            compare_model="ref('other_items')",
            compare_column_name="colour",
            compare_row_condition="colour <> 'green'",
        )
        .add(
            "empty table",
            1,
            on="empty_items",
            compare_model="ref('items')",
            compare_column_name="label",
        ),
        Uses("expect_column_distinct_values_to_be_in_set", "items", "label")
        .add("in set", value_set=["red", "blue", "green"], row_condition="id < 4")
        .add("one value not in set", 1, value_set=["red"], row_condition="id < 4")
        .add("null is in no set", 1, value_set=["red", "blue"])
        .add("numbers", 1, of="id", value_set=[1, 2, 3], quote_values=False)
        .add("empty table", on="empty_items", value_set=["red"]),
        Uses("expect_column_distinct_values_to_contain_set", "items", "label")
        .add("contained", value_set=["red"])
        .add("missing", 1, value_set=["red", "green"])
        .add("numbers", 1, of="id", value_set=[4, 5], quote_values=False)
        .add("row condition", 1, value_set=["red"], row_condition="id > 1")
        .add("empty table", 2, on="empty_items", value_set=["red", "blue"]),
        Uses("expect_column_distinct_values_to_equal_set", "items", "label")
        .add("equal", value_set=["red", "blue"], row_condition="id < 4")
        .add("one too many in the column", 1, value_set=["red"], row_condition="id < 4")
        .add(
            "one too many in the set", 1, value_set=["red", "blue", "green"], row_condition="id < 4"
        )
        .add("null", 1, value_set=["red", "blue"])
        .add("numbers", of="id", value_set=[1, 2, 3, 4], quote_values=False),
        Uses("expect_column_most_common_value_to_be_in_set", "items", "label")
        .add("in set", value_set=["blue"], top_n=1)
        .add("not in set", 1, value_set=["red"], top_n=1)
        .add("tie with a", 1, of="group_id", value_set=["a"], top_n=1)
        .add("tie with b", 1, of="group_id", value_set=["b"], top_n=1)
        .add("second not in set", 1, value_set=["blue"], top_n=2, row_condition="id < 4")
        .add("numbers", on="outliers", of="metric", value_set=[1], top_n=1, quote_values=False)
        .add(
            "other number",
            1,
            on="outliers",
            of="metric",
            value_set=[2],
            top_n=1,
            quote_values=False,
        )
        .add(
            "data type",
            on="types",
            of="day",
            value_set=["'2024-01-01'"],
            top_n=1,
            quote_values=False,
            data_type="date",
        ),
    ]


def multi_column() -> list[Uses]:
    """Uses of the tests of several columns."""
    return [
        Uses("expect_column_pair_values_A_to_be_greater_than_B", "pairs")
        .add("equal is not greater", 1, column_A="high", column_B="low")
        .add("or equal", column_A="high", column_B="low", or_equal=True)
        .add("less", 1, column_A="low", column_B="high", or_equal=True)
        .add("row condition", column_A="high", column_B="low", row_condition="id <> 2")
        .add("null is left out", column_A="high", column_B="low", row_condition="id > 2")
        .add("empty table", on="empty_items", column_A="id", column_B="amount"),
        Uses("expect_column_pair_values_to_be_equal", "pairs")
        .add("different", 1, column_A="high", column_B="low")
        .add("row condition", column_A="high", column_B="low", row_condition="id = 2"),
        Uses("expect_column_pair_values_to_be_in_set", "pairs")
        .add(
            "in set",
            column_A="high",
            column_B="low",
            value_pairs_set=[[2, 1], [2, 2]],
            row_condition="id < 3",
        )
        .add(
            "not in set",
            1,
            column_A="high",
            column_B="low",
            value_pairs_set=[[2, 1], [1, 2]],
            row_condition="id < 3",
        ),
        Uses("expect_compound_columns_to_be_unique", "keys")
        .add("unique", column_list=["key_1", "key_2"], row_condition="batch = 'u'")
        .add("repeated", 1, column_list=["batch", "key_1"], row_condition="batch = 'u'")
        .add("rows of nulls are ignored", 1, column_list=["key_1", "key_2"])
        .add(
            "any null is ignored",
            column_list=["key_1", "key_2"],
            ignore_row_if="any_value_is_missing",
        )
        .add("nothing is ignored", 2, column_list=["key_1", "key_2"], ignore_row_if="never")
        .add("quoted", on="types", column_list=["Odd Name", "whole"], quote_columns=True)
        .add("empty table", on="empty_items", column_list=["id", "label"]),
        Uses("expect_select_column_values_to_be_unique_within_record", "pairs")
        .add("unique", column_list=["id", "high", "low"], row_condition="id = 3")
        .add("repeated", 2, column_list=["id", "high", "low"], row_condition="id < 3")
        .add("rows of nulls are ignored", column_list=["high", "low"], row_condition="id in (1, 4)")
        .add("two of three are null", 1, column_list=["id", "high", "low"], row_condition="id = 4")
        .add(
            "any null is ignored",
            column_list=["id", "high", "low"],
            row_condition="id = 4",
            ignore_row_if="any_value_is_missing",
        ),
        Uses("expect_multicolumn_sum_to_equal", "lines")
        .add("equal", column_list=["price", "freight"], sum_total=20, row_condition="order_id = 1")
        .add("different", 1, column_list=["price", "freight"], sum_total=20)
        .add(
            "order total",
            1,
            column_list=["price", "freight"],
            sum_total="max(order_total)",
            group_by=["order_id"],
        )
        .add(
            "order total holds",
            column_list=["price", "freight"],
            sum_total="max(order_total)",
            group_by=["order_id"],
            row_condition="order_id = 1",
        )
        .add("empty table", on="empty_items", column_list=["id", "amount"], sum_total=5),
    ]


def distributional() -> list[Uses]:
    """Uses of the tests of outliers and gaps."""
    series: dict[str, Argument] = {"date_column_name": "day", "take_logs": True}
    days: dict[str, Argument] = {"date_col": "day"}
    gaps = "not (date_day in ('2024-01-10', '2024-01-25'))"
    return [
        Uses("expect_column_values_to_be_within_n_stdevs", "outliers", "metric")
        .add("outlier", 1)
        .add("higher threshold", sigma_threshold=7)
        .add("without it", where="id < 40")
        .add("sums of groups", group_by=["group_id"])
        .add("sum of a group", 1, group_by="group_id", sigma_threshold=1),
        Uses("expect_column_values_to_be_within_n_moving_stdevs", "series", "metric")
        .add("calm", where="group_id = 'calm'", **series)
        .add("jump up and down", 2, where="group_id = 'jump'", **series)
        .add("lower", 3, where="group_id = 'jump'", sigma_threshold_lower=-2, **series)
        .add("upper", 1, where="group_id = 'jump'", sigma_threshold_upper=100, **series)
        .add("wider threshold", where="group_id = 'jump'", sigma_threshold=100, **series)
        .add("groups", 2, group_by=["group_id"], **series)
        .add("before the test", where="group_id = 'jump'", test_periods=2, **series)
        .add(
            "without logs",
            1,
            where="group_id = 'jump'",
            date_column_name="day",
            take_logs=False,
            take_diffs=False,
        )
        .add("today is incomplete", on="current_series", **series)
        .add("yesterday", 1, on="current_series", of="metric_with_jump", **series)
        .add("empty table", on="empty_items", of="amount", date_column_name="day"),
        Uses("expect_row_values_to_have_data_for_every_n_datepart", "days")
        .add("two days missing", 2, **days)
        .add("day is the default", 2, date_part="day", **days)
        .add("excluded days", exclusion_condition=gaps, **days)
        .add("one excluded day", 1, exclusion_condition="not (date_day = '2024-01-10')", **days)
        .add("weeks", date_part="week", **days)
        .add("months", date_part="month", **days)
        .add("every two days", interval=2, **days)
        .add("row condition", 3, row_condition="day <> '2024-01-15'", **days)
        .add("no rows by row condition", 1, row_condition="kind = 'none'", **days)
        .add("earlier start", 4, test_start_date="2024-01-01", **days)
        .add("later start", 1, test_start_date="2024-01-11", **days)
        .add("end is exclusive", 0, test_end_date="2024-01-10", **days)
        .add("end after the gap", 1, test_end_date="2024-01-11", **days)
        .add("end after the data", 3, test_end_date="2024-02-22", **days)
        .add("start and end", test_start_date="2024-01-11", test_end_date="2024-01-25", **days)
        .add("week before the data", 1, date_part="week", test_start_date="2023-12-28", **days)
        .add("missing hours", 6, on="hours", date_col="moment", date_part="hour")
        .add("every two hours", on="hours", date_col="moment", date_part="hour", interval=2)
        .add(
            "every five minutes", 138, on="hours", date_col="moment", date_part="minute", interval=5
        )
        .add("empty table", 1, on="empty_items", **days)
        .add(
            "empty table with dates",
            2,
            on="empty_items",
            date_col="day",
            test_start_date="2024-01-01",
            test_end_date="2024-01-03",
        ),
    ]


CASES = [
    case
    for group in (
        generic,
        table_shape,
        missing_unique_type,
        sets_and_ranges,
        strings,
        aggregates,
        multi_column,
        distributional,
    )
    for uses in group()
    for case in uses.cases
]
