with days as (
    select * from {{ ref('int_stock_days_observed') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

service_levels as (
    select * from {{ ref('service_levels') }}
),

forecasts as (
    select * from {{ ref('int_demand_forecasts_cumulated') }}
),

-- Days of demand count as independent, lead times as fixed.
rated_days as (
    select
        days.*,
        coalesce(products.product_key, '-1') as product_key,
        products.list_price_amount,
        products.list_price_currency as currency,
        products.supplier_lead_time_days as lead_time_days,
        levels.service_level,
        levels.safety_factor,
        forecasts.forecast_units as lead_time_forecast,
        days.demand_total / cast(nullif(days.demand_day_count, 0) as double) as mean_daily_demand,
        {{ sample_deviation(
            'days.demand_day_count', 'days.demand_total', 'days.demand_square_total'
        ) }} * sqrt(products.supplier_lead_time_days) as lead_time_demand_deviation
    from days
    left join products
        on days.source_system = products.source_system
        and days.product_id = products.product_id
        and {{ is_valid_at('products', 'days.last_instant_of_day') }}
    left join service_levels as levels
        on levels.service_level = {{ service_level() }}
    left join forecasts
        on days.source_system = forecasts.source_system
        and days.product_id = forecasts.product_id
        and days.business_date = forecasts.business_date
        and products.supplier_lead_time_days = forecasts.days_ahead
),

stocked_days as (
    select
        *,
        case
            when is_stock_out is null then null
            when not is_stock_out or sold_quantity >= mean_daily_demand then 0
            else mean_daily_demand - sold_quantity
        end as lost_sales_quantity,
        lead_time_forecast is not null as has_forecast,
        coalesce(lead_time_forecast, mean_daily_demand * lead_time_days) as lead_time_demand,
        safety_factor * lead_time_demand_deviation as safety_stock_quantity
    from rated_days
),

availability as (
    select
        source_system,
        {{ date_key('business_date') }} as business_date_key,
        business_date,
        product_id,
        product_key,
        has_snapshot,
        warehouse_count,
        missing_warehouse_count,
        opening_quantity,
        received_quantity,
        closing_quantity,
        has_order_data,
        sold_quantity,
        not is_stock_out as is_in_stock,
        is_stock_out,
        demand_day_count,
        mean_daily_demand,
        closing_quantity / nullif(mean_daily_demand, 0) as days_of_cover,
        case when is_stock_out then mean_daily_demand end as expected_demand_quantity,
        lost_sales_quantity,
        cast(round(lost_sales_quantity * list_price_amount, 2) as decimal(18, 2))
            as lost_sales_amount,
        currency,
        sell_through_day_count,
        sell_through_sold_quantity / nullif(cast(sell_through_supply_quantity as double), 0)
            as sell_through_share,
        observed_day_count,
        -- A gap in the snapshots is no proof either way: what counts is how far they go back.
        case
            when not has_snapshot then null
            when closing_quantity = 0 or sold_quantity_90 > 0 or has_stock_out_90 then false
            when
                order_day_count_90 = 90
                and {{ days_between('first_stock_date', 'business_date') }} >= 89
                then true
        end as is_dead_stock,
        service_level,
        lead_time_days,
        has_forecast,
        lead_time_demand,
        lead_time_demand_deviation,
        safety_stock_quantity,
        lead_time_demand + safety_stock_quantity as reorder_point_quantity,
        case
            when closing_quantity is not null
                then
                    lead_time_demand + safety_stock_quantity > 0
                    and closing_quantity <= lead_time_demand + safety_stock_quantity
        end as needs_reorder
    from stocked_days
)

select * from availability
