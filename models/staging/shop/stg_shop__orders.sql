with accepted as (
    select * from {{ ref('base_shop__orders') }}
    where _status = 'accepted'
),

renamed as (
    select
        order_id,
        customer_id,
        lower(channel_id) as channel_id,
        device_id_token as device_hash,

        coalesce(replace(lower(order_status), 'canceled', 'cancelled'), 'unknown') as order_status,

        ordered_at as placed_at,
        cancelled_at,
        promised_at,

        {{ known_place('ship_to_postal_code') }} as postal_code,
        {{ normalised_place('ship_to_city') }} as city,
        {{ known_place('upper(ship_to_state)') }} as state,
        {{ known_place('upper(ship_to_country)') }} as country_code,

        upper(currency) as currency,
        order_total as stated_total_amount,

        op,
        updated_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
