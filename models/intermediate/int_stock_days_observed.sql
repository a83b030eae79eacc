{{ config(materialized='view') }}

with product_days as (
    select * from {{ ref('int_stock_days_completed') }}
),

-- What was received on a day without a whole snapshot is unknown: sell-through begins anew.
known_days as (
    select
        *,
        opening_quantity is not null and received_quantity is not null
        and sold_quantity is not null as has_supply
    from product_days
),

-- Nulls do not count: demand is seen on days in stock.
measured_days as (
    select
        *,
        case when not is_stock_out then sold_quantity end as demand_quantity,
        case when has_supply then opening_quantity end as supply_at_opening,
        case when has_supply then received_quantity end as supply_received,
        case when has_supply then sold_quantity end as supply_sold,
        sum(case when has_supply then 0 else 1 end) over (
            partition by source_system, product_id order by business_date
            rows between unbounded preceding and current row
        ) as supply_run
    from known_days
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
        missing_warehouse_count,
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
            partition by source_system, product_id, supply_run order by business_date
            range between interval 29 day preceding and current row
        ),
        last_90_days as (
            partition by source_system, product_id order by business_date
            range between interval 89 day preceding and current row
        )
)

select * from observed_days
