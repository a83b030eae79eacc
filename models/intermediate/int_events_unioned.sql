{{ config(materialized='view') }}

with shop as (
    select
        'shop' as source_system,
        *,
        {{ source_setting('shop', 'time_zone') }} as time_zone
    from {{ ref('stg_shop__events') }}
),

events as (
    select
        source_system,
        event_id,
        event_type,
        occurred_at,
        cast({{ to_local('occurred_at', 'time_zone') }} as date) as event_date,
        client_utc_offset_minutes,
        coalesce(device_hash, customer_id) as visitor_id,
        device_hash,
        customer_id,
        page,
        product_id,
        order_id,
        search_query,
        channel_id,
        campaign_id,
        user_agent,
        known_at
    from shop
)

select * from events
