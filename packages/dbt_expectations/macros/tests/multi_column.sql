{# Several columns of a row, and keys of several columns. #}

{% test expect_column_pair_values_A_to_be_greater_than_B(
    model, column_A, column_B, or_equal=False, row_condition=None
) %}
{%- set condition = column_A ~ " >" ~ ("=" if or_equal else "") ~ " " ~ column_B -%}
{{ dbt_expectations.failing_rows(model, condition, row_condition) }}
{% endtest %}

{% test expect_column_pair_values_to_be_equal(model, column_A, column_B, row_condition=None) %}
{{ dbt_expectations.failing_rows(model, column_A ~ " = " ~ column_B, row_condition) }}
{% endtest %}

{# The values of a pair are SQL: a text needs its own quotes. #}
{% test expect_column_pair_values_to_be_in_set(
    model, column_A, column_B, value_pairs_set, row_condition=None
) %}
{%- set conditions = [] -%}
{%- for pair in value_pairs_set -%}
    {%- do conditions.append(
        "(" ~ column_A ~ " = " ~ pair[0] ~ " and " ~ column_B ~ " = " ~ pair[1] ~ ")"
    ) -%}
{%- endfor -%}
{{ dbt_expectations.failing_rows(model, conditions | join(" or ") or "1 = 0", row_condition) }}
{% endtest %}

{% test expect_compound_columns_to_be_unique(
    model, column_list, quote_columns=False, ignore_row_if="all_values_are_missing",
    row_condition=None
) %}
{%- set columns = dbt_expectations.quoted_columns(column_list, quote_columns) -%}
{{ dbt_expectations.repeated_keys(model, columns, ignore_row_if, row_condition) }}
{% endtest %}

{# Two NULLs in one row are the same value. #}
{% test expect_select_column_values_to_be_unique_within_record(
    model, column_list, quote_columns=False, ignore_row_if="all_values_are_missing",
    row_condition=None
) %}
{%- set columns = dbt_expectations.quoted_columns(column_list, quote_columns) -%}
{%- set conditions = [] -%}
{%- for column in columns -%}
    {%- for other in columns[loop.index :] -%}
        {%- do conditions.append(column ~ " is not distinct from " ~ other) -%}
    {%- endfor -%}
{%- endfor -%}
select *
from {{ model }}
where
    ({{ conditions | join(" or ") or "1 = 0" }})
    and not ({{ dbt_expectations.is_ignored_row(columns, ignore_row_if) }})
    {% if row_condition %}and ({{ row_condition }}){% endif %}
{% endtest %}

{# sum_total is a number or an aggregate, such as max(order_total). #}
{% test expect_multicolumn_sum_to_equal(
    model, column_list, sum_total, group_by=None, row_condition=None
) %}
{%- set expression = "sum(" ~ column_list | join(") + sum(") ~ ")" -%}
{%- set condition = expression ~ " = " ~ sum_total -%}
{{ dbt_expectations.failing_groups(model, expression, condition, group_by, row_condition) }}
{% endtest %}

{% macro quoted_columns(column_list, quote_columns) %}
    {%- set columns = [] -%}
    {%- for column in dbt_expectations.as_list(column_list) -%}
        {%- do columns.append(adapter.quote(column) if quote_columns else column) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{% macro is_ignored_row(columns, ignore_row_if) %}
    {%- set operators = {
        "all_values_are_missing": " and ", "any_value_is_missing": " or ", "never": none
    } -%}
    {%- if ignore_row_if not in operators -%}
        {{ exceptions.raise_compiler_error(
            "ignore_row_if is one of " ~ operators | join(", ") ~ ", not " ~ ignore_row_if ~ "."
        ) }}
    {%- elif ignore_row_if == "never" -%}
        {{- return("1 = 0") -}}
    {%- endif -%}
    {{- return(columns | join(" is null" ~ operators[ignore_row_if]) ~ " is null") -}}
{% endmacro %}

{# One row per key that several rows share. #}
{% macro repeated_keys(model, columns, ignore_row_if, row_condition) %}
select
    {{ dbt_expectations.group_columns(columns) }}
    count(*) as row_count
from {{ model }}
where
    not ({{ dbt_expectations.is_ignored_row(columns, ignore_row_if) }})
    {% if row_condition %}and ({{ row_condition }}){% endif %}
group by {{ columns | join(", ") }}
having count(*) > 1
{% endmacro %}
