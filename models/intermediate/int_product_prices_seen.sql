{{ config(materialized='view') }}

with extracts as (
    select
        'shop' as source_system,
        product_id,
        list_price_amount as price,
        list_price_currency as currency,
        least(coalesce(updated_at, _extracted_at), _extracted_at) as stated_at,
        _extracted_at as seen_at,
        available_at
    from {{ ref('stg_shop__products') }}
    where list_price_amount is not null
),

reported_days as (
    select
        *,
        {{ setting_of('source_system', 'reporting_currency', 'XXX') }} as currency,
        {{ setting_of('source_system', 'time_zone', 'UTC') }} as time_zone,
        {{ reported_at('business_date', 'source_system') }} as available_at
    from {{ ref('int_demand_reported') }}
    where unit_price is not null
),

extracts_before as (
    select
        *,
        lag(currency) over (
            partition by source_system, product_id order by available_at, seen_at
        ) as currency_before
    from extracts
),

-- The first currency holds for what was sold before it was listed too, once it is listed.
listed_currencies as (
    select
        source_system,
        product_id,
        currency,
        available_at,
        case
            when currency_before is null then {{ first_instant() }}
            else available_at
        end as listed_from,
        coalesce(
            lead(available_at) over (
                partition by source_system, product_id order by available_at, seen_at
            ), {{ open_end() }}
        ) as listed_before
    from extracts_before
    where currency_before is null or currency <> currency_before
),

-- What a product was sold at was its list price: extracts of a backfill may be months apart.
-- Not so in another currency than the list had when the day was reported.
sales as (
    select
        days.source_system,
        days.product_id,
        days.unit_price as price,
        days.currency,
        cast(null as timestamp) as stated_at,
        {{ to_utc(
            "cast(days.business_date as timestamp) + interval 12 hour", 'days.time_zone'
        ) }} as seen_at,
        greatest(days.available_at, currencies.available_at) as available_at
    from reported_days as days
    inner join listed_currencies as currencies
        on days.source_system = currencies.source_system
        and days.product_id = currencies.product_id
        and days.currency = currencies.currency
        and days.available_at >= currencies.listed_from
        and days.available_at < currencies.listed_before
),

sightings as (
    select * from extracts
    union all
    select * from sales
)

select * from sightings
