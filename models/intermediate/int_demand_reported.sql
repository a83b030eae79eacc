{{ config(materialized='view') }}

with lines as (
    select
        *,
        {{ reported_at('order_date', 'source_system') }} as reported_at
    from {{ ref('int_order_lines_first_known') }}
),

stock as (
    select
        *,
        opening_quantity + received_quantity + closing_quantity as handled_quantity,
        {{ reported_at('snapshot_date', 'source_system') }} as reported_at
    from {{ ref('int_stock_unioned') }}
),

-- What was ordered, cancelled or removed after the report is not in it.
sold_days as (
    select
        source_system,
        product_id,
        order_date as business_date,
        cast(
            sum(case when ended_available_at <= reported_at then 0 else quantity end) as bigint
        ) as quantity,
        sum(case when ended_available_at <= reported_at then 0 else 1 end) as line_count,
        cast(round(
            sum(case when currency = reporting_currency then unit_price end)
            / count(case when currency = reporting_currency then unit_price end), 2
        ) as decimal(18, 2)) as unit_price
    from lines
    where available_at <= reported_at
    group by source_system, product_id, order_date
),

empty_days as (
    select
        source_system,
        product_id,
        snapshot_date as business_date
    from stock
    where known_at <= reported_at
    group by source_system, product_id, snapshot_date
    having sum(handled_quantity) = 0 and count(*) = count(handled_quantity)
),

-- A day on which something was sold was no stock-out, whatever the count of the shelf says.
reported_days as (
    select
        coalesce(sold_days.source_system, empty_days.source_system) as source_system,
        coalesce(sold_days.product_id, empty_days.product_id) as product_id,
        coalesce(sold_days.business_date, empty_days.business_date) as business_date,
        coalesce(sold_days.quantity, 0) as quantity,
        cast(coalesce(sold_days.line_count, 0) as bigint) as line_count,
        sold_days.unit_price,
        empty_days.product_id is not null and coalesce(sold_days.quantity, 0) = 0 as is_stock_out
    from sold_days
    full outer join empty_days
        on sold_days.source_system = empty_days.source_system
        and sold_days.product_id = empty_days.product_id
        and sold_days.business_date = empty_days.business_date
)

select * from reported_days
