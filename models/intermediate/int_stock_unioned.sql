with shop_latest as (
    {{ latest_rows(
        ref('stg_shop__inventory'),
        ['snapshot_date', 'warehouse_id', 'product_id'],
        has_operations=false,
    ) }}
),

shop_stock as (
    select
        'shop' as source_system,
        snapshot_date,
        {{ to_utc(
            'cast(snapshot_date + interval 1 day as timestamp)',
            source_setting('shop', 'time_zone'),
        ) }} - interval 1 microsecond as last_instant_of_day,
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
)

select * from shop_stock
