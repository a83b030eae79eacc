"""The tests of packages/dbt_expectations have the public names, arguments and defaults."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PACKAGE = Path(__file__).parents[3] / "packages" / "dbt_expectations"

COLUMN_BETWEEN = (
    "model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None, "
    "strictly=False"
)
COLUMN_ROWS = "model, column_name, row_condition=None"
COLUMN_SET = "model, column_name, value_set, quote_values=True, row_condition=None"
COLUMN_ORDER = (
    "model, column_name, sort_column=None, strictly=True, row_condition=None, group_by=None, "
    "step=None"
)
DISTINCT_COUNT = "model, column_name, value, group_by=None, row_condition=None"
REGEX = "model, column_name, regex, row_condition=None, is_raw=False, flags=''"
REGEX_LIST = (
    "model, column_name, regex_list, match_on='any', row_condition=None, is_raw=False, flags=''"
)
LIKE = "model, column_name, like_pattern, row_condition=None"
LIKE_LIST = "model, column_name, like_pattern_list, match_on='any', row_condition=None"
COLUMN_LIST = "model, column_list, transform='upper'"
COMPOUND = (
    "model, column_list, quote_columns=False, ignore_row_if='all_values_are_missing', "
    "row_condition=None"
)
COMPARISON = "group_by=None, compare_group_by=None, row_condition=None, compare_row_condition=None"

INTERFACE = {
    "equal_expression": "model, expression, compare_model=None, compare_expression=None, "
    + COMPARISON
    + ", tolerance=0.0, tolerance_percent=None",
    "expression_between": "model, expression, min_value=None, max_value=None, "
    "group_by_columns=None, row_condition=None, strictly=False",
    "expression_is_true": "model, expression, test_condition='= true', group_by_columns=None, "
    "row_condition=None",
    "expect_column_to_exist": "model, column_name, column_index=None, transform='upper'",
    "expect_row_values_to_have_recent_data": "model, column_name, datepart, interval, "
    "row_condition=None",
    "expect_grouped_row_values_to_have_recent_data": "model, group_by, timestamp_column, "
    "datepart, interval, row_condition=None",
    "expect_table_aggregation_to_equal_other_table": "model, expression, compare_model, "
    "compare_expression=None, " + COMPARISON + ", tolerance=0.0, tolerance_percent=None",
    "expect_table_column_count_to_be_between": "model, min_value=None, max_value=None",
    "expect_table_column_count_to_equal": "model, value",
    "expect_table_column_count_to_equal_other_table": "model, compare_model",
    "expect_table_columns_to_contain_set": COLUMN_LIST,
    "expect_table_columns_to_not_contain_set": COLUMN_LIST,
    "expect_table_columns_to_match_set": COLUMN_LIST,
    "expect_table_columns_to_match_ordered_list": COLUMN_LIST,
    "expect_table_row_count_to_be_between": "model, min_value=None, max_value=None, "
    "group_by=None, row_condition=None, strictly=False",
    "expect_table_row_count_to_equal": "model, value, group_by=None, row_condition=None",
    "expect_table_row_count_to_equal_other_table": "model, compare_model, group_by=None, "
    "compare_group_by=None, factor=1, row_condition=None, compare_row_condition=None",
    "expect_table_row_count_to_equal_other_table_times_factor": "model, compare_model, factor, "
    + COMPARISON,
    "expect_column_values_to_be_null": COLUMN_ROWS,
    "expect_column_values_to_not_be_null": COLUMN_ROWS,
    "expect_column_values_to_be_unique": COLUMN_ROWS,
    "expect_column_values_to_be_of_type": "model, column_name, column_type",
    "expect_column_values_to_be_in_type_list": "model, column_name, column_type_list",
    "expect_column_values_to_have_consistent_casing": "model, column_name, "
    "display_inconsistent_columns=False",
    "expect_column_values_to_be_in_set": COLUMN_SET,
    "expect_column_values_to_not_be_in_set": COLUMN_SET,
    "expect_column_values_to_be_between": "model, column_name, min_value=None, max_value=None, "
    "row_condition=None, strictly=False",
    "expect_column_values_to_be_increasing": COLUMN_ORDER,
    "expect_column_values_to_be_decreasing": COLUMN_ORDER,
    "expect_column_value_lengths_to_be_between": "model, column_name, min_value=None, "
    "max_value=None, row_condition=None, strictly=False",
    "expect_column_value_lengths_to_equal": "model, column_name, value, row_condition=None",
    "expect_column_values_to_match_regex": REGEX,
    "expect_column_values_to_not_match_regex": REGEX,
    "expect_column_values_to_match_regex_list": REGEX_LIST,
    "expect_column_values_to_not_match_regex_list": REGEX_LIST,
    "expect_column_values_to_match_like_pattern": LIKE,
    "expect_column_values_to_not_match_like_pattern": LIKE,
    "expect_column_values_to_match_like_pattern_list": LIKE_LIST,
    "expect_column_values_to_not_match_like_pattern_list": LIKE_LIST,
    "expect_column_distinct_count_to_equal": DISTINCT_COUNT,
    "expect_column_distinct_count_to_be_greater_than": DISTINCT_COUNT,
    "expect_column_distinct_count_to_be_less_than": DISTINCT_COUNT,
    "expect_column_distinct_count_to_equal_other_table": "model, compare_model, column_name, "
    "compare_column_name, row_condition=None, compare_row_condition=None",
    "expect_column_distinct_values_to_be_in_set": COLUMN_SET,
    "expect_column_distinct_values_to_contain_set": COLUMN_SET,
    "expect_column_distinct_values_to_equal_set": COLUMN_SET,
    "expect_column_max_to_be_between": COLUMN_BETWEEN,
    "expect_column_min_to_be_between": COLUMN_BETWEEN,
    "expect_column_mean_to_be_between": COLUMN_BETWEEN,
    "expect_column_median_to_be_between": COLUMN_BETWEEN,
    "expect_column_stdev_to_be_between": COLUMN_BETWEEN,
    "expect_column_sum_to_be_between": COLUMN_BETWEEN,
    "expect_column_unique_value_count_to_be_between": COLUMN_BETWEEN,
    "expect_column_proportion_of_unique_values_to_be_between": COLUMN_BETWEEN,
    "expect_column_quantile_values_to_be_between": "model, column_name, quantile, "
    "min_value=None, max_value=None, group_by=None, row_condition=None, strictly=False",
    "expect_column_most_common_value_to_be_in_set": "model, column_name, value_set, top_n, "
    "quote_values=True, data_type='decimal', row_condition=None",
    "expect_column_pair_values_A_to_be_greater_than_B": "model, column_A, column_B, "
    "or_equal=False, row_condition=None",
    "expect_column_pair_values_to_be_equal": "model, column_A, column_B, row_condition=None",
    "expect_column_pair_values_to_be_in_set": "model, column_A, column_B, value_pairs_set, "
    "row_condition=None",
    "expect_compound_columns_to_be_unique": COMPOUND,
    "expect_select_column_values_to_be_unique_within_record": COMPOUND,
    "expect_multicolumn_sum_to_equal": "model, column_list, sum_total, group_by=None, "
    "row_condition=None",
    "expect_column_values_to_be_within_n_stdevs": "model, column_name, group_by=None, "
    "sigma_threshold=3",
    "expect_column_values_to_be_within_n_moving_stdevs": "model, column_name, date_column_name, "
    "group_by=None, period='day', lookback_periods=1, trend_periods=7, test_periods=14, "
    "sigma_threshold=3, sigma_threshold_upper=None, sigma_threshold_lower=None, "
    "take_diffs=True, take_logs=True",
    "expect_row_values_to_have_data_for_every_n_datepart": "model, date_col, date_part='day', "
    "interval=None, row_condition=None, exclusion_condition=None, test_start_date=None, "
    "test_end_date=None",
}

REQUIRED = object()
Signature = list[tuple[str, object]]


def signature(arguments: str) -> Signature:
    """The names and defaults of an argument list, in order; REQUIRED where there is no default."""
    python = re.sub(r"\b(true|false|none)\b", lambda word: word.group().capitalize(), arguments)
    statement = ast.parse(f"def test({python}): pass").body[0]
    assert isinstance(statement, ast.FunctionDef)
    names = [argument.arg for argument in statement.args.args]
    defaults = [ast.literal_eval(default) for default in statement.args.defaults]
    return list(zip(names, [REQUIRED] * (len(names) - len(defaults)) + defaults, strict=True))


def package_tests() -> dict[str, Signature]:
    """The generic tests of the package by name."""
    found = {}
    for path in sorted((PACKAGE / "macros").rglob("*.sql")):
        for name, arguments in re.findall(r"{%-? test (\w+)\(([^%]*)\) -?%}", path.read_text()):
            found[name] = signature(arguments)
    return found


def documented_macros() -> dict[str, dict[str, Any]]:
    """The documented macros and their arguments."""
    documents = yaml.safe_load((PACKAGE / "macros" / "_macros.yml").read_text())
    return {macro["name"]: macro for macro in documents["macros"]}


def test_the_interface_is_complete() -> None:
    assert len(INTERFACE) == 65
    assert sorted(package_tests()) == sorted(INTERFACE)


@pytest.mark.parametrize("name", INTERFACE)
def test_signature(name: str) -> None:
    assert package_tests()[name] == signature(INTERFACE[name])


def test_a_changed_default_is_noticed() -> None:
    assert signature("model, strictly=false") == signature("model, strictly=False")
    assert signature("model, strictly=True") != signature("model, strictly=False")
    assert signature("model, value") != signature("model, value=None")


@pytest.mark.parametrize("name", INTERFACE)
def test_documentation(name: str) -> None:
    macro = documented_macros()[f"test_{name}"]
    assert macro["description"]
    documented = [argument["name"] for argument in macro["arguments"]]
    assert documented == [argument for argument, _ in signature(INTERFACE[name])]
    assert all(argument["description"] for argument in macro["arguments"])


def test_the_readme_names_every_test() -> None:
    readme = (PACKAGE / "README.md").read_text()
    assert [name for name in INTERFACE if f"`{name}`" not in readme] == []
