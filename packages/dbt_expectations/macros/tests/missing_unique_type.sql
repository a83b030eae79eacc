{# Missing values, unique values and types. #}

{% test expect_column_values_to_be_null(model, column_name, row_condition=None) %}
{{ dbt_expectations.failing_rows(model, column_name ~ " is null", row_condition) }}
{% endtest %}

{% test expect_column_values_to_not_be_null(model, column_name, row_condition=None) %}
{{ dbt_expectations.failing_rows(model, column_name ~ " is not null", row_condition) }}
{% endtest %}

{% test expect_column_values_to_be_unique(model, column_name, row_condition=None) %}
{{ dbt_expectations.repeated_keys(
    model, [column_name], "all_values_are_missing", row_condition
) }}
{% endtest %}

{% test expect_column_values_to_be_of_type(model, column_name, column_type) %}
{{ dbt_expectations.column_of_other_type(model, column_name, [column_type]) }}
{% endtest %}

{% test expect_column_values_to_be_in_type_list(model, column_name, column_type_list) %}
{{ dbt_expectations.column_of_other_type(model, column_name, column_type_list) }}
{% endtest %}

{# One row if the column has another type; actual_type is NULL where there is no such column. #}
{% macro column_of_other_type(model, column_name, column_types) %}
{%- set conditions = [] -%}
{%- for column_type in column_types -%}
    {%- do conditions.append(dbt_expectations.is_type("actual_type", column_type)) -%}
{%- endfor -%}
with wanted as (
    select
        {{ dbt_expectations.plain_name(column_name) }} as column_name,
        {{ dbt_expectations.text_literal(column_types | join(", ")) }} as wanted_type
),

compared as (
    select
        wanted.column_name,
        wanted.wanted_type,
        relation_columns.column_type as actual_type
    from wanted
    left join ({{ dbt_expectations.relation_columns(model) }}) as relation_columns
        on lower(wanted.column_name) = lower(relation_columns.column_name)
)

select *
from compared
where
    actual_type is null
    or not ({{ conditions | join(" or ") }})
{% endmacro %}

{# The values that differ only in case are what is returned, whatever the last argument says. #}
{% test expect_column_values_to_have_consistent_casing(
    model, column_name, display_inconsistent_columns=False
) %}
select
    lower({{ column_name }}) as lower_value,
    min({{ column_name }}) as first_spelling,
    max({{ column_name }}) as last_spelling,
    count(*) as row_count
from {{ model }}
group by lower({{ column_name }})
having count(distinct {{ column_name }}) > 1
{% endtest %}
