{% set zone = source_setting('shop', 'time_zone') | replace("'", '') %}

with shop_latest as (
    {{ latest_rows(
        ref('stg_shop__inventory'),
        ['snapshot_date', 'warehouse_id', 'product_id'],
        has_operations=false,
    ) }}
)

select
    'shop' as source_system,
    snapshot_date,
    {{ to_utc('cast(snapshot_date + interval 1 day as timestamp)', zone) }} as day_ended_at,
    warehouse_id,
    product_id,
    opening_quantity_raw,
    opening_quantity,
    received_quantity,
    closing_quantity_raw,
    closing_quantity,
    correction_reason,
    known_at
from shop_latest
