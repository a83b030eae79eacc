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

listed_products as (
    select
        source_system,
        product_id,
        currency
    from extracts
    group by source_system, product_id, currency
),

-- What a product was sold at was its list price: extracts of a backfill may be months apart.
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
        days.available_at
    from reported_days as days
    inner join listed_products as products
        on days.source_system = products.source_system
        and days.product_id = products.product_id
        and days.currency = products.currency
),

sightings as (
    select * from extracts
    union all
    select * from sales
)

select * from sightings
