-- A row is a rate that is over twice or under half of the one before it: a slipped decimal point.
with rates as (
    select
        rate_date,
        from_currency,
        to_currency,
        rate,
        lag(rate) over (
            partition by from_currency, to_currency order by rate_date
        ) as previous_rate
    from {{ ref('fx_rates') }}
)

select
    rate_date,
    from_currency,
    to_currency,
    rate,
    previous_rate
from rates
where rate > 2 * previous_rate or rate < previous_rate / 2
