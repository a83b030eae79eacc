{#- Amounts in reporting currency: the stored rate of a day, joined as `rates`, and what it makes. -#}

{% macro join_rates(currency, reporting_currency, rate_date) -%}
    left join {{ ref('fx_rates') }} as rates
        on {{ currency }} = rates.from_currency
        and {{ reporting_currency }} = rates.to_currency
        and {{ rate_date }} = rates.rate_date
{%- endmacro %}

{#- 1 within one currency, null where a currency (XXX) or the stored rate is unknown. -#}
{% macro effective_rate(currency, reporting_currency) -%}
    cast(
        case
            when {{ currency }} = 'XXX' then null
            when {{ currency }} = {{ reporting_currency }} then 1
            else rates.rate
        end as decimal(18, 6)
    )
{%- endmacro %}

{#- Where the rate comes from: identity within one currency, else as the stored rate says. -#}
{% macro rate_source(currency, reporting_currency) -%}
    case
        when {{ currency }} = 'XXX' then null
        when {{ currency }} = {{ reporting_currency }} then 'identity'
        else rates.source
    end
{%- endmacro %}

{% macro converted(amount, rate) -%}
    cast(round({{ amount }} * {{ rate }}, 2) as decimal(18, 2))
{%- endmacro %}
