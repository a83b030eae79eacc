{#
    Two aggregates of two relations, group by group. A group that only one side has, or whose
    aggregate is NULL, counts as 0. The tolerance in percent is a share: 0.05 is five percent of
    the first value.
#}
{% macro differing_groups(
    model, expression, compare_model=none, compare_expression=none, group_by=none,
    compare_group_by=none, row_condition=none, compare_row_condition=none, tolerance=0.0,
    tolerance_percent=none
) %}
{%- set group_by = dbt_expectations.as_list(group_by) -%}
{%- set compare_group_by = dbt_expectations.as_list(compare_group_by or group_by) -%}
{%- if group_by | length != compare_group_by | length -%}
    {{ exceptions.raise_compiler_error(
        "group_by and compare_group_by differ in length: "
        ~ group_by ~ " and " ~ compare_group_by ~ "."
    ) }}
{%- endif -%}
with base as (
    {{ dbt_expectations.numbered_groups(model, expression, group_by, row_condition) }}
),

compared as (
    {{ dbt_expectations.numbered_groups(
        compare_model or model,
        compare_expression or expression,
        compare_group_by,
        compare_row_condition or row_condition
    ) }}
),

differences as (
    select
        {%- for column in group_by %}
        coalesce(base.group_{{ loop.index }}, compared.group_{{ loop.index }})
            as group_{{ loop.index }},
        {%- endfor %}
        base.expression,
        compared.expression as compare_expression,
        abs(coalesce(base.expression, 0) - coalesce(compared.expression, 0))
            as expression_difference
    from base
    full outer join compared
        on {% for column in group_by -%}
            base.group_{{ loop.index }} is not distinct from compared.group_{{ loop.index }}
            {{- " and " if not loop.last }}
        {%- else -%}
            1 = 1
        {%- endfor %}
)

select *
from differences
where
    {% if tolerance_percent is not none -%}
    expression_difference > {{ tolerance_percent }} * abs(coalesce(expression, 0))
    {%- else -%}
    expression_difference > {{ tolerance }}
    {%- endif %}
{% endmacro %}

{% macro numbered_groups(model, expression, group_by, row_condition) %}
select
    {%- for column in group_by %}
        {{ column }} as group_{{ loop.index }},
    {%- endfor %}
        {{ expression }} as expression
    from {{ model }}
    {{ dbt_expectations.where_rows(row_condition) }}
    {{ dbt_expectations.group_rows(group_by) }}
{%- endmacro %}
