{#- The first day of the period of a date: the day itself, or its Monday. -#}
{% macro period_start(business_date, period_days) -%}
    case
        when {{ period_days }} = 7 then cast(date_trunc('week', {{ business_date }}) as date)
        else {{ business_date }}
    end
{%- endmacro %}

{#- When the features of a business date are taken: what was known then, and no later. -#}
{% macro reported_at(business_date, source_system) -%}
    {{ to_utc(
        'cast(' ~ business_date ~ ' + interval ' ~ (var('report_days') + 1) ~ ' day as timestamp)',
        setting_of(source_system, 'time_zone', 'UTC'),
    ) }}
{%- endmacro %}
