-- A row is a period whose forecast by category differs from that by product, or is in one only.
with products as (
    select
        source_system,
        forecast_origin_date,
        period_start_date,
        count(*) as product_count,
        sum(forecast_units) as forecast_units
    from {{ ref('ml_demand_forecast') }}
    group by source_system, forecast_origin_date, period_start_date
),

categories as (
    select
        source_system,
        forecast_origin_date,
        period_start_date,
        sum(product_count) as product_count,
        sum(forecast_units) as forecast_units
    from {{ ref('agg_demand_forecast') }}
    group by source_system, forecast_origin_date, period_start_date
)

select
    coalesce(products.source_system, categories.source_system) as source_system,
    coalesce(products.forecast_origin_date, categories.forecast_origin_date)
        as forecast_origin_date,
    coalesce(products.period_start_date, categories.period_start_date) as period_start_date,
    products.forecast_units,
    categories.forecast_units as forecast_units_of_categories
from products
full outer join categories
    on products.source_system = categories.source_system
    and products.forecast_origin_date = categories.forecast_origin_date
    and products.period_start_date = categories.period_start_date
where
    products.product_count is distinct from categories.product_count
    or coalesce(abs(products.forecast_units - categories.forecast_units), 1)
    > 1e-6 * greatest(1, products.forecast_units)
