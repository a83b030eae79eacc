{#- The share of replenishment cycles that should see no stock-out, from the var of that name; what
    is no such share stops dbt. That the seed service_levels knows it is a test. -#}
{% macro service_level() -%}
    {%- set level = var('service_level') -%}
    {%- if level is not number or level is boolean or level < 0.5 or level >= 1 -%}
        {{ exceptions.raise_compiler_error(
            "The var service_level is " ~ level ~ ": give a number from 0.5 to below 1 that the seed"
            ~ " service_levels lists, such as 0.95."
        ) }}
    {%- endif -%}
    {{ level }}
{%- endmacro %}
