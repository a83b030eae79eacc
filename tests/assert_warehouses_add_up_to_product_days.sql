-- A row is a product and day whose stock differs from that of its warehouses, or is in one only.
-- Where a warehouse is missing the stock of all is unknown.
with warehouses as (
    select
        source_system,
        product_id,
        snapshot_date,
        count(*) as warehouse_count,
        case when count(opening_quantity) = count(*) then sum(opening_quantity) end
            as opening_quantity,
        case when count(received_quantity) = count(*) then sum(received_quantity) end
            as received_quantity,
        sum(closing_quantity) as closing_quantity,
        min(product_key) as product_key
    from {{ ref('fact_inventory_daily') }}
    group by source_system, product_id, snapshot_date
),

product_days as (
    select * from {{ ref('product_availability') }}
    where warehouse_count > 0
)

select
    coalesce(days.source_system, warehouses.source_system) as source_system,
    coalesce(days.product_id, warehouses.product_id) as product_id,
    coalesce(days.business_date, warehouses.snapshot_date) as business_date,
    days.closing_quantity,
    warehouses.closing_quantity as closing_quantity_of_warehouses
from product_days as days
full outer join warehouses
    on days.source_system = warehouses.source_system
    and days.product_id = warehouses.product_id
    and days.business_date = warehouses.snapshot_date
where
    days.warehouse_count is distinct from warehouses.warehouse_count
    or days.product_key is distinct from warehouses.product_key
    or days.has_snapshot <> (days.missing_warehouse_count = 0)
    or (
        days.has_snapshot
        and (
            days.opening_quantity is distinct from warehouses.opening_quantity
            or days.received_quantity is distinct from warehouses.received_quantity
            or days.closing_quantity is distinct from warehouses.closing_quantity
        )
    )
