{#- Score 1 to 5 of a rank among n, equal values alike: 1 + floor(5 x percent_rank), at most 5, in
    whole numbers. -#}
{% macro quintile(rank, n) -%}
    least(5, 1 + coalesce(floor(5 * ({{ rank }} - 1) / nullif({{ n }} - 1, 0)), 0))
{%- endmacro %}
