{{ config(materialized='view') }}

with forecasts as (
    select * from {{ source('scores', 'demand_forecast') }}
    where period_days = 1
),

cumulated_forecasts as (
    select
        source_system,
        product_id,
        cast(forecast_origin_date - interval 1 day as date) as business_date,
        horizon as days_ahead,
        sum(forecast_units) over (
            partition by source_system, product_id, forecast_origin_date order by horizon
            rows between unbounded preceding and current row
        ) as forecast_units
    from forecasts
)

select * from cumulated_forecasts
