{#- A place name as a key: lower case, without accents, single spaces; 'São  Paulo' and 'sao paulo'
    are one city. -#}
{% macro normalised_place(expression) -%}
    {{ known_place(single_spaced("lower(trim(" ~ without_accents(expression) ~ "))")) }}
{%- endmacro %}

{#- A part of a place, null where the text says no more than that: Unknown stands for null in the
    dimension. -#}
{% macro known_place(expression) -%}
    case when lower({{ expression }}) not in ('', 'unknown', '-1', '-2') then {{ expression }} end
{%- endmacro %}
