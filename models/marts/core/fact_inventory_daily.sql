with stock as (
    {{ latest_rows(ref('stg_shop__inventory'), ['snapshot_date', 'warehouse_id', 'product_id'], has_operations=false) }}
),

products as (
    select * from {{ ref('dim_product') }}
)

select
    'shop' as source_system,
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
    on products.source_system = 'shop'
    and stock.product_id = products.product_id
    and {{ to_utc("cast(stock.snapshot_date + interval 1 day as timestamp)", source_setting('shop', 'time_zone') | replace("'", '')) }} > products.valid_from
    and {{ to_utc("cast(stock.snapshot_date + interval 1 day as timestamp)", source_setting('shop', 'time_zone') | replace("'", '')) }} <= products.valid_to
