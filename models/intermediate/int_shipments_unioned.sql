with shop_latest as (
    {{ latest_rows(ref('stg_shop__shipments'), ['shipment_id']) }}
),

shipments as (
    select
        'shop' as source_system,
        shipment_id,
        order_id,
        carrier,
        shipping_cost_amount,
        currency,
        shipped_at,
        delivered_at,
        known_at
    from shop_latest
    where op <> 'D'
)

select * from shipments
