{{ config(materialized='view') }}

with product_days as (
    select * from {{ ref('int_stock_days_completed') }}
),

-- Nulls do not count: demand is seen on days in stock, sell-through on days whose opening stock and
-- sales are known.
measured_days as (
    select
        *,
        case when not is_stock_out then sold_quantity end as demand_quantity,
        case when sold_quantity is not null then opening_quantity end as supply_at_opening,
        case when sold_quantity is not null and opening_quantity is not null then received_quantity
        end as supply_received,
        case when opening_quantity is not null then sold_quantity end as supply_sold
    from product_days
),

observed_days as (
    select
        source_system,
        product_id,
        business_date,
        last_instant_of_day,
        first_stock_date,
        has_snapshot,
        warehouse_count,
        opening_quantity,
        received_quantity,
        closing_quantity,
        is_stock_out,
        has_order_data,
        sold_quantity,
        count(demand_quantity) over last_28_days as demand_day_count,
        cast(sum(demand_quantity) over last_28_days as bigint) as demand_total,
        cast(sum(demand_quantity * demand_quantity) over last_28_days as bigint)
            as demand_square_total,
        count(supply_at_opening) over last_30_days as sell_through_day_count,
        cast(sum(supply_sold) over last_30_days as bigint) as sell_through_sold_quantity,
        cast(
            first_value(supply_at_opening ignore nulls) over last_30_days
            + sum(supply_received) over last_30_days as bigint
        ) as sell_through_supply_quantity,
        count(closing_quantity) over last_90_days as observed_day_count,
        count(sold_quantity) over last_90_days as order_day_count_90,
        cast(sum(sold_quantity) over last_90_days as bigint) as sold_quantity_90,
        max(case when is_stock_out then 1 else 0 end) over last_90_days = 1 as has_stock_out_90
    from measured_days
    window
        last_28_days as (
            partition by source_system, product_id order by business_date
            range between interval 27 day preceding and current row
        ),
        last_30_days as (
            partition by source_system, product_id order by business_date
            range between interval 29 day preceding and current row
        ),
        last_90_days as (
            partition by source_system, product_id order by business_date
            range between interval 89 day preceding and current row
        )
)

select * from observed_days
