-- A row is a product and day, within the days of stock of its source, whose sold units differ from
-- its lines of valid orders.
with stock_periods as (
    select
        source_system,
        min(snapshot_date) as first_date,
        max(snapshot_date) as last_date
    from {{ ref('fact_inventory_daily') }}
    group by source_system
),

sold as (
    select
        sales.source_system,
        sales.product_id,
        sales.order_date,
        sum(sales.quantity) as quantity
    from {{ ref('fact_sales') }} as sales
    inner join stock_periods
        on sales.source_system = stock_periods.source_system
        and sales.order_date >= stock_periods.first_date
        and sales.order_date <= stock_periods.last_date
    where sales.is_valid_order and sales.product_id <> '-1'
    group by sales.source_system, sales.product_id, sales.order_date
),

product_days as (
    select
        source_system,
        product_id,
        business_date,
        sold_quantity
    from {{ ref('product_availability') }}
    where sold_quantity <> 0
)

select
    coalesce(days.source_system, sold.source_system) as source_system,
    coalesce(days.product_id, sold.product_id) as product_id,
    coalesce(days.business_date, sold.order_date) as business_date,
    days.sold_quantity,
    sold.quantity as quantity_of_lines
from product_days as days
full outer join sold
    on days.source_system = sold.source_system
    and days.product_id = sold.product_id
    and days.business_date = sold.order_date
where days.sold_quantity is distinct from sold.quantity
