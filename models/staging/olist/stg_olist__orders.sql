with accepted as (
    select * from {{ ref('base_olist__orders') }}
    where _status = 'accepted'
),

renamed as (
    select
        order_id,
        customer_id as customer_reference,

        case lower(order_status)
            when 'created' then 'placed'
            when 'approved' then 'paid'
            when 'invoiced' then 'processing'
            when 'processing' then 'processing'
            when 'shipped' then 'shipped'
            when 'delivered' then 'delivered'
            when 'unavailable' then 'unavailable'
            when 'canceled' then 'cancelled'
            else 'unknown'
        end as order_status,

        order_purchase_timestamp as placed_at,
        order_approved_at as paid_at,
        order_delivered_carrier_date as shipped_at,
        order_delivered_customer_date as delivered_at,
        order_estimated_delivery_date as promised_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
