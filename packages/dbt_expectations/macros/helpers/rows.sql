{# The pieces every test is made of: which rows, which groups, which of them fail. #}

{% macro as_list(value) %}
    {{ return([] if value is none else [value] if value is string else value) }}
{% endmacro %}

{% macro where_rows(row_condition) %}
    {%- if row_condition %}where ({{ row_condition }}){% endif %}
{%- endmacro %}

{# The group columns in front of other columns of a select: "a, b," or nothing. #}
{% macro group_columns(group_by) %}
    {%- for column in dbt_expectations.as_list(group_by) %}{{ column }}, {% endfor %}
{%- endmacro %}

{% macro group_rows(group_by) %}
    {%- if group_by %}group by {{ dbt_expectations.as_list(group_by) | join(", ") }}{% endif %}
{%- endmacro %}

{% macro partition_rows(group_by) %}
    {%- if group_by %}partition by {{ dbt_expectations.as_list(group_by) | join(", ") }}{% endif %}
{%- endmacro %}

{# The rows for which the condition is false; a NULL condition is no failure. #}
{% macro failing_rows(model, condition, row_condition=none) %}
select *
from {{ model }}
where
    not ({{ condition }})
    {% if row_condition %}and ({{ row_condition }}){% endif %}
{% endmacro %}

{#
    The groups (or the whole table, or with a row expression the rows) for which the condition is
    false. The condition stands beside the expression, so it may use columns and aggregates.
#}
{% macro failing_groups(model, expression, condition, group_by=none, row_condition=none) %}
with checked as (
    select
        {{ dbt_expectations.group_columns(group_by) }}
        {{ expression }} as observed_value,
        ({{ condition }}) as is_met
    from {{ model }}
    {{ dbt_expectations.where_rows(row_condition) }}
    {{ dbt_expectations.group_rows(group_by) }}
)

select *
from checked
where not is_met
{% endmacro %}
