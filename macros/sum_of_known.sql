{#- A sum over a window that stands for all its rows: null where one of them has no value. -#}
{% macro sum_of_known(value, window) -%}
case
    when count({{ value }}) over {{ window }} = count(*) over {{ window }}
        then sum({{ value }}) over {{ window }}
end
{%- endmacro %}
