{# Rows: how many, and how recent. #}

{% test expect_table_row_count_to_be_between(
    model, min_value=None, max_value=None, group_by=None, row_condition=None, strictly=False
) %}
{%- set condition = dbt_expectations.between("count(*)", min_value, max_value, strictly) -%}
{{ dbt_expectations.failing_groups(model, "count(*)", condition, group_by, row_condition) }}
{% endtest %}

{% test expect_table_row_count_to_equal(model, value, group_by=None, row_condition=None) %}
{%- set condition = "count(*) = " ~ value -%}
{{ dbt_expectations.failing_groups(model, "count(*)", condition, group_by, row_condition) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table(
    model, compare_model, group_by=None, compare_group_by=None, factor=1, row_condition=None,
    compare_row_condition=None
) %}
{{ dbt_expectations.differing_groups(
    model, "count(*)", compare_model, "count(*) * " ~ factor, group_by, compare_group_by,
    row_condition, compare_row_condition
) }}
{% endtest %}

{% test expect_table_row_count_to_equal_other_table_times_factor(
    model, compare_model, factor, group_by=None, compare_group_by=None, row_condition=None,
    compare_row_condition=None
) %}
{{ dbt_expectations.differing_groups(
    model, "count(*)", compare_model, "count(*) * " ~ factor, group_by, compare_group_by,
    row_condition, compare_row_condition
) }}
{% endtest %}

{% test expect_table_aggregation_to_equal_other_table(
    model, expression, compare_model, compare_expression=None, group_by=None,
    compare_group_by=None, row_condition=None, compare_row_condition=None, tolerance=0.0,
    tolerance_percent=None
) %}
{{ dbt_expectations.differing_groups(
    model, expression, compare_model, compare_expression, group_by, compare_group_by,
    row_condition, compare_row_condition, tolerance, tolerance_percent
) }}
{% endtest %}

{# Times in the future are errors of entry and prove nothing: they are left out. #}
{% test expect_row_values_to_have_recent_data(
    model, column_name, datepart, interval, row_condition=None
) %}
{%- set now = dbt_expectations.now() -%}
{%- set timestamp = dbt_expectations.as_timestamp(column_name) -%}
with latest as (
    select
        max(case when {{ timestamp }} <= {{ now }} then {{ timestamp }} end) as latest_at,
        {{ dbt.dateadd(datepart, "-" ~ interval, now) }} as oldest_allowed_at,
        count(*) as row_count
    from {{ model }}
    {{ dbt_expectations.where_rows(row_condition) }}
)

select *
from latest
where latest_at is null or latest_at < oldest_allowed_at
{% endtest %}

{# One row per stale group; one row without a group where there is no row at all. #}
{% test expect_grouped_row_values_to_have_recent_data(
    model, group_by, timestamp_column, datepart, interval, row_condition=None
) %}
{%- set now = dbt_expectations.now() -%}
{%- set timestamp = dbt_expectations.as_timestamp(timestamp_column) -%}
with latest as (
    select
        {{ dbt_expectations.group_columns(group_by) }}
        max(case when {{ timestamp }} <= {{ now }} then {{ timestamp }} end) as latest_at,
        {{ dbt.dateadd(datepart, "-" ~ interval, now) }} as oldest_allowed_at,
        count(*) as row_count
    from {{ model }}
    {{ dbt_expectations.where_rows(row_condition) }}
    {{ dbt_expectations.group_rows(group_by) }}
)

select *
from latest
where latest_at is null or latest_at < oldest_allowed_at
union all
select
    {% for column in dbt_expectations.as_list(group_by) %}null, {% endfor %}
    null,
    null,
    count(*)
from latest
having count(*) = 0
{% endtest %}

{# Columns: how many, which, in which order. #}

{% test expect_table_column_count_to_be_between(model, min_value=None, max_value=None) %}
{%- set columns = "(" ~ dbt_expectations.relation_columns(model) ~ ") as relation_columns" -%}
{%- set condition = dbt_expectations.between("count(*)", min_value, max_value) -%}
{{ dbt_expectations.failing_groups(columns, "count(*)", condition) }}
{% endtest %}

{% test expect_table_column_count_to_equal(model, value) %}
{%- set columns = "(" ~ dbt_expectations.relation_columns(model) ~ ") as relation_columns" -%}
{{ dbt_expectations.failing_groups(columns, "count(*)", "count(*) = " ~ value) }}
{% endtest %}

{% test expect_table_column_count_to_equal_other_table(model, compare_model) %}
{{ dbt_expectations.differing_groups(
    "(" ~ dbt_expectations.relation_columns(model) ~ ") as relation_columns",
    "count(*)",
    "(" ~ dbt_expectations.relation_columns(compare_model) ~ ") as relation_columns"
) }}
{% endtest %}

{# The first column has the index 1. #}
{% test expect_column_to_exist(model, column_name, column_index=None, transform="upper") %}
with wanted as (
    select {{ transform }}({{ dbt_expectations.plain_name(column_name) }}) as wanted_column
),

compared as (
    select
        wanted.wanted_column,
        relation_columns.column_position as actual_position
    from wanted
    left join ({{ dbt_expectations.relation_columns(model) }}) as relation_columns
        on wanted.wanted_column = {{ transform }}(relation_columns.column_name)
)

select *
from compared
where
    actual_position is null
    {% if column_index is not none %}or actual_position <> {{ column_index }}{% endif %}
{% endtest %}

{% test expect_table_columns_to_contain_set(model, column_list, transform="upper") %}
with compared as (
    {{ dbt_expectations.compared_columns(model, column_list, transform) }}
)

select *
from compared
where actual_column is null
{% endtest %}

{% test expect_table_columns_to_not_contain_set(model, column_list, transform="upper") %}
with compared as (
    {{ dbt_expectations.compared_columns(model, column_list, transform) }}
)

select *
from compared
where actual_column is not null and wanted_column is not null
{% endtest %}

{% test expect_table_columns_to_match_set(model, column_list, transform="upper") %}
with compared as (
    {{ dbt_expectations.compared_columns(model, column_list, transform) }}
)

select *
from compared
where actual_column is null or wanted_column is null
{% endtest %}

{% test expect_table_columns_to_match_ordered_list(model, column_list, transform="upper") %}
with compared as (
    {{ dbt_expectations.compared_columns(model, column_list, transform) }}
)

select *
from compared
where
    actual_column is null
    or wanted_column is null
    or actual_position <> wanted_position
{% endtest %}
