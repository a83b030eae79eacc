{# One number of a column, for the table or for each group. An aggregate that is NULL passes. #}

{% macro aggregate_between(
    model, expression, min_value, max_value, group_by, row_condition, strictly
) %}
{%- set condition = dbt_expectations.between(expression, min_value, max_value, strictly) -%}
{{ dbt_expectations.failing_groups(model, expression, condition, group_by, row_condition) }}
{% endmacro %}

{% test expect_column_max_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, "max(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly
) }}
{% endtest %}

{% test expect_column_min_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, "min(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly
) }}
{% endtest %}

{% test expect_column_mean_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, "avg(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly
) }}
{% endtest %}

{% test expect_column_sum_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, "sum(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition, strictly
) }}
{% endtest %}

{% test expect_column_stdev_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, "stddev_samp(" ~ column_name ~ ")", min_value, max_value, group_by, row_condition,
    strictly
) }}
{% endtest %}

{% test expect_column_median_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, dbt_expectations.quantile_of(column_name, 0.5), min_value, max_value, group_by,
    row_condition, strictly
) }}
{% endtest %}

{% test expect_column_quantile_values_to_be_between(
    model, column_name, quantile, min_value=None, max_value=None, group_by=None,
    row_condition=None, strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, dbt_expectations.quantile_of(column_name, quantile), min_value, max_value, group_by,
    row_condition, strictly
) }}
{% endtest %}

{# Interpolated. Without the cast DuckDB rounds the quantile of a decimal to its scale. #}
{% macro quantile_of(column_name, quantile) %}
    {{- return(
        "percentile_cont(" ~ quantile ~ ") within group (order by cast(" ~ column_name
        ~ " as double))"
    ) -}}
{% endmacro %}

{% test expect_column_unique_value_count_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{{ dbt_expectations.aggregate_between(
    model, "count(distinct " ~ column_name ~ ")", min_value, max_value, group_by, row_condition,
    strictly
) }}
{% endtest %}

{% test expect_column_proportion_of_unique_values_to_be_between(
    model, column_name, min_value=None, max_value=None, group_by=None, row_condition=None,
    strictly=False
) %}
{%- set distinct_values = "cast(count(distinct " ~ column_name ~ ") as double)" -%}
{{ dbt_expectations.aggregate_between(
    model, distinct_values ~ " / nullif(count(" ~ column_name ~ "), 0)", min_value, max_value,
    group_by, row_condition, strictly
) }}
{% endtest %}

{% test expect_column_distinct_count_to_equal(
    model, column_name, value, group_by=None, row_condition=None
) %}
{{ dbt_expectations.distinct_count(model, column_name, "= " ~ value, group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_greater_than(
    model, column_name, value, group_by=None, row_condition=None
) %}
{{ dbt_expectations.distinct_count(model, column_name, "> " ~ value, group_by, row_condition) }}
{% endtest %}

{% test expect_column_distinct_count_to_be_less_than(
    model, column_name, value, group_by=None, row_condition=None
) %}
{{ dbt_expectations.distinct_count(model, column_name, "< " ~ value, group_by, row_condition) }}
{% endtest %}

{% macro distinct_count(model, column_name, comparison, group_by, row_condition) %}
{%- set expression = "count(distinct " ~ column_name ~ ")" -%}
{{ dbt_expectations.failing_groups(
    model, expression, expression ~ " " ~ comparison, group_by, row_condition
) }}
{% endmacro %}

{% test expect_column_distinct_count_to_equal_other_table(
    model, compare_model, column_name, compare_column_name, row_condition=None,
    compare_row_condition=None
) %}
{{ dbt_expectations.differing_groups(
    model,
    "count(distinct " ~ column_name ~ ")",
    compare_model,
    "count(distinct " ~ compare_column_name ~ ")",
    row_condition=row_condition,
    compare_row_condition=compare_row_condition
) }}
{% endtest %}

{# NULL is a value here, and in no set: exclude it with a row_condition where it is allowed. #}
{% test expect_column_distinct_values_to_be_in_set(
    model, column_name, value_set, quote_values=True, row_condition=None
) %}
with distinct_values as (
    {{ dbt_expectations.distinct_values(model, column_name, row_condition) }}
)

select *
from distinct_values
where not {{ dbt_expectations.in_set("value_field", value_set, quote_values) }}
{% endtest %}

{% test expect_column_distinct_values_to_contain_set(
    model, column_name, value_set, quote_values=True, row_condition=None
) %}
with distinct_values as (
    {{ dbt_expectations.distinct_values(model, column_name, row_condition) }}
)

{{ dbt_expectations.values_not_found(value_set, quote_values) }}
{% endtest %}

{% test expect_column_distinct_values_to_equal_set(
    model, column_name, value_set, quote_values=True, row_condition=None
) %}
with distinct_values as (
    {{ dbt_expectations.distinct_values(model, column_name, row_condition) }}
),

missing_values as (
    {{ dbt_expectations.values_not_found(value_set, quote_values) }}
)

select
    cast(value_field as {{ dbt.type_string() }}) as value_field,
    row_count
from distinct_values
where not {{ dbt_expectations.in_set("value_field", value_set, quote_values) }}
union all
select *
from missing_values
{% endtest %}

{# Values that tie with the last of the top_n are looked at too. #}
{% test expect_column_most_common_value_to_be_in_set(
    model, column_name, value_set, top_n, quote_values=True, data_type="decimal",
    row_condition=None
) %}
{%- set literals = [] -%}
{%- for value in value_set if value is not none -%}
    {%- set as_type = "cast(" ~ value ~ " as " ~ data_type ~ ")" -%}
    {%- do literals.append(value if quote_values else as_type) -%}
{%- endfor -%}
with distinct_values as (
    {{ dbt_expectations.distinct_values(model, column_name, row_condition) }}
),

ranked_values as (
    select
        *,
        rank() over (order by row_count desc) as value_rank
    from distinct_values
)

select *
from ranked_values
where
    value_rank <= {{ top_n }}
    and not {{ dbt_expectations.in_set("value_field", literals, quote_values) }}
{% endtest %}
