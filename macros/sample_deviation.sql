{#- The sample standard deviation of whole numbers out of their count, sum and sum of squares: exact
    before the root, so that every order of the rows gives the same digits. -#}
{% macro sample_deviation(row_count, total, square_total) -%}
    case
        when {{ row_count }} > 1
            then sqrt(
                cast({{ row_count }} * {{ square_total }} - {{ total }} * {{ total }} as double)
                / ({{ row_count }} * ({{ row_count }} - 1))
            )
    end
{%- endmacro %}
