{#- Validity windows: half-open, from the first instant to the open end. -#}

{% macro first_instant() -%}
    timestamp '1900-01-01 00:00:00'
{%- endmacro %}

{% macro open_end() -%}
    timestamp '9999-12-31 00:00:00'
{%- endmacro %}

{#- A moment that every current version covers: for facts whose own time is unknown. -#}
{% macro last_instant() -%}
    timestamp '9999-12-30 23:59:59'
{%- endmacro %}

{% macro is_valid_at(version, moment) -%}
    {{ moment }} >= {{ version }}.valid_from and {{ moment }} < {{ version }}.valid_to
{%- endmacro %}
