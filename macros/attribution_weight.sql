{#- How much a touch of an order weighs under a model of attribution, as a whole number. -#}
{% macro attribution_weight(touch, model, removal_effect) -%}
    cast(
            case
                when {{ model }} = 'linear' then 1
                -- Half as much for every seven days.
                when {{ model }} = 'time_decay'
                    then round(
                        1e9 * power(2, -coalesce({{ touch }}.seconds_before_order, 0) / 604800.0)
                    )
                when {{ model }} = 'markov' then round(1e9 * coalesce({{ removal_effect }}, 0))
                -- 40 % each to both ends, 20 % to those between.
                when {{ model }} = 'position' and {{ touch }}.touch_count > 2
                    then
                        case
                            when {{ touch }}.touch_number in (1, {{ touch }}.touch_count)
                                then 2 * ({{ touch }}.touch_count - 2)
                            else 1
                        end
                when {{ model }} = 'position' then 1
                when {{ model }} = 'first' and {{ touch }}.touch_number = 1 then 1
                when
                    {{ model }} = 'last' and {{ touch }}.touch_number >= {{ touch }}.touch_count
                    then 1
                when {{ model }} = 'last_non_direct' and {{ touch }}.is_last_non_direct then 1
                else 0
            end as bigint
        )
{%- endmacro %}
