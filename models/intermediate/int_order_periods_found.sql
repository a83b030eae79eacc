{{ config(materialized='view') }}

with orders as (
    select * from {{ ref('int_orders_unioned') }}
),

order_periods as (
    select
        source_system,
        min(order_date) as first_order_date,
        max(order_date) as as_of_date,
        max(reporting_currency) as reporting_currency
    from orders
    group by source_system
),

-- Twelve months end with the as-of date; orders that were never landed are no days without a sale.
year_periods as (
    select
        *,
        greatest(
            first_order_date,
            cast(as_of_date - interval 12 month + interval 1 day as date)
        ) as year_start_date,
        cast(date_trunc('week', as_of_date + interval 1 day) as date) as weeks_end_date
    from order_periods
)

select * from year_periods
