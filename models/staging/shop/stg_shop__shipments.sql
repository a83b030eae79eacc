with accepted as (
    select * from {{ ref('base_shop__shipments') }}
    where _status = 'accepted'
),

renamed as (
    select
        shipment_id,
        order_id,

        lower(carrier) as carrier,
        shipping_cost as shipping_cost_amount,
        upper(currency) as currency,

        shipped_at,
        delivered_at,
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
