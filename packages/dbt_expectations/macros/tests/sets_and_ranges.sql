{# Sets, ranges and order of values. #}

{# NULL is in no set: exclude it with a row_condition where it is allowed. #}
{% test expect_column_values_to_be_in_set(
    model, column_name, value_set, quote_values=True, row_condition=None
) %}
{%- set condition = dbt_expectations.in_set(column_name, value_set, quote_values) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_be_in_set(
    model, column_name, value_set, quote_values=True, row_condition=None
) %}
{%- set condition = "not " ~ dbt_expectations.in_set(column_name, value_set, quote_values) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_between(
    model, column_name, min_value=None, max_value=None, row_condition=None, strictly=False
) %}
{%- set condition = dbt_expectations.between(column_name, min_value, max_value, strictly) -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_increasing(
    model, column_name, sort_column=None, strictly=True, row_condition=None, group_by=None,
    step=None
) %}
{%- set condition = "value_field >" ~ ("" if strictly else "=") ~ " previous_value" -%}
{%- if step is not none -%}
    {%- set condition = condition ~ " and value_field - previous_value = " ~ step -%}
{%- endif -%}
{{ dbt_expectations.values_out_of_order(
    model, column_name, sort_column, condition, row_condition, group_by
) }}
{% endtest %}

{% test expect_column_values_to_be_decreasing(
    model, column_name, sort_column=None, strictly=True, row_condition=None, group_by=None,
    step=None
) %}
{%- set condition = "value_field <" ~ ("" if strictly else "=") ~ " previous_value" -%}
{%- if step is not none -%}
    {%- set condition = condition ~ " and previous_value - value_field = " ~ step -%}
{%- endif -%}
{{ dbt_expectations.values_out_of_order(
    model, column_name, sort_column, condition, row_condition, group_by
) }}
{% endtest %}

{# The values for which the condition on value_field and previous_value is false. #}
{% macro values_out_of_order(
    model, column_name, sort_column, condition, row_condition, group_by
) %}
{%- set sort_column = sort_column or column_name -%}
with present_values as (
    select
        {{ dbt_expectations.group_columns(group_by) }}
        {{ sort_column }} as sort_value,
        {{ column_name }} as value_field,
        lag({{ column_name }}) over (
            {{ dbt_expectations.partition_rows(group_by) }}
            order by {{ sort_column }}
        ) as previous_value
    from {{ model }}
    where
        {{ column_name }} is not null
        {% if row_condition %}and ({{ row_condition }}){% endif %}
)

select *
from present_values
where not ({{ condition }})
{% endmacro %}
