with product_forecasts as (
    select * from {{ ref('ml_demand_forecast') }}
),

category_forecasts as (
    select
        source_system,
        category,
        forecast_origin_date,
        period_start_date,
        period_days,
        horizon,
        is_latest,
        cast(count(*) as integer) as product_count,
        -- A sum of doubles depends on the order in which threads bring the rows; this does not.
        cast(sum(cast(forecast_units as decimal(28, 9))) as double) as forecast_units,
        served_by,
        is_in_sample
    from product_forecasts
    group by
        source_system,
        category,
        forecast_origin_date,
        period_start_date,
        period_days,
        horizon,
        is_latest,
        served_by,
        is_in_sample
)

select * from category_forecasts
