with shop_latest as (
    {{ latest_rows(ref('stg_shop__order_items'), ['order_id', 'line_number']) }}
),

olist_latest as (
    {{ latest_rows(
        ref('stg_olist__order_items'), ['order_id', 'line_number'], has_operations=false
    ) }}
),

olist_orders as (
    select
        order_id,
        known_at
    from {{ ref('int_orders_unioned') }}
    where source_system = 'olist'
),

lines as (
    select
        'shop' as source_system,
        order_id,
        line_number,
        product_id,
        cast(null as varchar) as seller_id,
        true as is_own_sale,
        promotion_id,
        quantity,
        unit_price,
        coalesce(discount_amount, 0) as discount_amount,
        coalesce(tax_amount, 0) as tax_amount,
        coalesce(shipping_amount, 0) as shipping_amount,
        updated_at as changed_at,
        known_at
    from shop_latest
    where op <> 'D'
    union all
    select
        'olist' as source_system,
        olist_latest.order_id,
        olist_latest.line_number,
        olist_latest.product_id,
        olist_latest.seller_id,
        false as is_own_sale,
        cast(null as varchar) as promotion_id,
        1 as quantity,
        olist_latest.unit_price,
        0 as discount_amount,
        0 as tax_amount,
        olist_latest.shipping_amount,
        cast(null as timestamp) as changed_at,
        coalesce(olist_latest.known_at, olist_orders.known_at) as known_at
    from olist_latest
    left join olist_orders
        on olist_latest.order_id = olist_orders.order_id
),

valued_lines as (
    select
        source_system,
        order_id,
        line_number,
        product_id,
        seller_id,
        is_own_sale,
        promotion_id,
        quantity,
        unit_price,
        cast(unit_price * quantity as decimal(18, 2)) as gross_amount,
        cast(discount_amount as decimal(18, 2)) as discount_amount,
        cast(unit_price * quantity - discount_amount as decimal(18, 2)) as net_amount,
        cast(tax_amount as decimal(18, 2)) as tax_amount,
        cast(shipping_amount as decimal(18, 2)) as shipping_amount,
        changed_at,
        known_at
    from lines
)

select * from valued_lines
