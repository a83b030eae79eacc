{#- A place name as a key: lower case, without accents, single spaces; 'São  Paulo' and 'sao paulo'
    are one city. -#}
{% macro normalised_place(expression) -%}
    nullif({{ single_spaced("lower(trim(" ~ without_accents(expression) ~ "))") }}, '')
{%- endmacro %}
