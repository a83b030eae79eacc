with accepted as (
    select * from {{ ref('base_shop__events') }}
    where _status = 'accepted'
),

renamed as (
    select
        event_id,
        lower(event_type) as event_type,

        occurred_at,
        {{ offset_minutes('client_utc_offset') }} as client_utc_offset_minutes,

        device_id_token as device_hash,
        customer_id,

        page,
        product_id,
        order_id,
        {{ without_addresses('lower(search_query)') }} as search_query,

        lower(channel_id) as channel_id,
        campaign_id,
        user_agent,

        _key_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at
    from accepted
)

select * from renamed
