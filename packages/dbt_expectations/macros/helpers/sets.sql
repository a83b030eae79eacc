{# The values of a column against a set of values. #}

{% macro distinct_values(model, column_name, row_condition=none) %}
select
    {{ column_name }} as value_field,
    count(*) as row_count
from {{ model }}
{{ dbt_expectations.where_rows(row_condition) }}
group by {{ column_name }}
{%- endmacro %}

{# The values of the set that no row of `distinct_values` has; one literal for each, as text. #}
{% macro values_not_found(value_set, quote_values) %}
{%- for value in value_set if value is not none %}
{%- set literal = dbt_expectations.set_literal(value, quote_values) %}
select
    cast({{ literal }} as {{ dbt.type_string() }}) as missing_value,
    count(*) as row_count
from distinct_values
where value_field = {{ literal }}
having count(*) = 0
{{ "union all" if not loop.last }}
{%- else %}
select '' as missing_value, 0 as row_count where 1 = 0
{%- endfor %}
{%- endmacro %}
