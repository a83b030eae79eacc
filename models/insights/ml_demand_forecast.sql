with forecasts as (
    select * from {{ source('scores', 'demand_forecast') }}
),

products as (
    select * from {{ ref('dim_product_current') }}
),

latest_origins as (
    select
        source_system,
        max(forecast_origin_date) as forecast_origin_date
    from forecasts
    group by source_system
),

forecast_periods as (
    select
        forecasts.source_system,
        forecasts.product_id,
        forecasts.forecast_origin_date,
        forecasts.period_start_date,
        forecasts.period_days,
        forecasts.horizon,
        latest_origins.forecast_origin_date is not null as is_latest,
        coalesce(products.category, 'Unknown') as category,
        forecasts.forecast_units,
        forecasts.p10_units,
        forecasts.p50_units,
        forecasts.p90_units,
        forecasts.series_class,
        forecasts.method,
        forecasts.served_by,
        forecasts.is_in_sample
    from forecasts
    left join latest_origins
        on forecasts.source_system = latest_origins.source_system
        and forecasts.forecast_origin_date = latest_origins.forecast_origin_date
    left join products
        on forecasts.source_system = products.source_system
        and forecasts.product_id = products.product_id
)

select * from forecast_periods
