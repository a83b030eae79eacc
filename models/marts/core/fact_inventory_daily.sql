with stock as (
    select * from {{ ref('int_stock_unioned') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

stock_of_products as (
    select
        stock.source_system,
        {{ date_key('stock.snapshot_date') }} as snapshot_date_key,
        stock.warehouse_id,
        stock.product_id,
        coalesce(products.product_key, '-1') as product_key,
        stock.snapshot_date,
        stock.opening_quantity_raw,
        stock.opening_quantity,
        stock.received_quantity,
        stock.closing_quantity_raw,
        stock.closing_quantity,
        stock.correction_reason is not null as is_corrected,
        stock.correction_reason,
        stock.known_at
    from stock
    left join products
        on stock.source_system = products.source_system
        and stock.product_id = products.product_id
        and {{ is_valid_at('products', 'stock.last_instant_of_day') }}
)

select * from stock_of_products
