with parcels as (
    select * from {{ ref('int_shipments_unioned') }}
    where order_id is not null
),

shop_payments as (
    {{ latest_rows(ref('stg_shop__payments'), ['payment_id']) }}
),

order_parcels as (
    select
        source_system,
        order_id,
        min(shipped_at) as shipped_at,
        case when count(*) = count(delivered_at) then max(delivered_at) end as delivered_at
    from parcels
    group by source_system, order_id
),

first_payments as (
    select
        'shop' as source_system,
        order_id,
        min(paid_at) as paid_at
    from shop_payments
    where op <> 'D' and is_captured and order_id is not null
    group by order_id
),

milestones as (
    select
        coalesce(first_payments.source_system, order_parcels.source_system) as source_system,
        coalesce(first_payments.order_id, order_parcels.order_id) as order_id,
        first_payments.paid_at,
        order_parcels.shipped_at,
        order_parcels.delivered_at
    from first_payments
    full outer join order_parcels
        on first_payments.source_system = order_parcels.source_system
        and first_payments.order_id = order_parcels.order_id
)

select * from milestones
