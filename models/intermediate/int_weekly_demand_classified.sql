{{ config(materialized='view') }}

with starts as (
    select * from {{ ref('int_product_starts_found') }}
),

order_periods as (
    select * from {{ ref('int_order_periods_found') }}
),

-- Whole ISO weeks only.
product_periods as (
    select
        starts.source_system,
        starts.product_id,
        cast(date_trunc(
            'week', greatest(periods.year_start_date, starts.offer_date) + interval 6 day
        ) as date) as first_week_date,
        periods.weeks_end_date
    from starts
    inner join order_periods as periods
        on starts.source_system = periods.source_system
    where starts.offer_date is not null
),

movements as (
    select
        source_system,
        product_id,
        order_date as movement_date,
        quantity,
        0 as stock_out_days
    from {{ ref('int_units_summed') }}
    union all
    select
        source_system,
        product_id,
        snapshot_date as movement_date,
        0 as quantity,
        1 as stock_out_days
    from {{ ref('int_stock_summed') }}
    where is_stock_out
),

-- A week with a stock-out day shows sales, not demand: it is counted, not measured.
weeks as (
    select
        source_system,
        product_id,
        cast(date_trunc('week', movement_date) as date) as week_start_date,
        case when sum(stock_out_days) = 0 then cast(sum(quantity) as bigint) end as quantity
    from movements
    group by source_system, product_id, cast(date_trunc('week', movement_date) as date)
),

-- Weeks without a sale add nothing to the sums: it is enough to count them.
demand_totals as (
    select
        periods.source_system,
        periods.product_id,
        cast(
            greatest({{ days_between('periods.first_week_date', 'periods.weeks_end_date') }} / 7, 0)
            as bigint
        ) - count(weeks.week_start_date) + count(weeks.quantity) as week_count,
        count(weeks.week_start_date) - count(weeks.quantity) as stock_out_week_count,
        cast(coalesce(sum(weeks.quantity), 0) as bigint) as total,
        cast(coalesce(sum(weeks.quantity * weeks.quantity), 0) as bigint) as square_total
    from product_periods as periods
    left join weeks
        on periods.source_system = weeks.source_system
        and periods.product_id = weeks.product_id
        and periods.first_week_date <= weeks.week_start_date
        and periods.weeks_end_date > weeks.week_start_date
    group by
        periods.source_system,
        periods.product_id,
        periods.first_week_date,
        periods.weeks_end_date
),

rated_demand as (
    select
        *,
        total / cast(nullif(week_count, 0) as double) as mean_weekly_demand,
        {{ sample_deviation('week_count', 'total', 'square_total') }} as weekly_demand_deviation
    from demand_totals
),

compared_demand as (
    select
        *,
        weekly_demand_deviation / nullif(mean_weekly_demand, 0) as variation_coefficient
    from rated_demand
),

classified_demand as (
    select
        *,
        case
            when variation_coefficient <= 0.5 then 'X'
            when variation_coefficient <= 1 then 'Y'
            when variation_coefficient > 1 then 'Z'
        end as xyz_class
    from compared_demand
)

select * from classified_demand
