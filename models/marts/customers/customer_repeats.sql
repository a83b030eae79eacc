{% set windows = [30, 90, 180, 365] %}

with orders as (
    select * from {{ ref('fact_orders') }}
    where identity_order_number is not null
),

periods as (
    select * from {{ ref('int_order_periods_found') }}
),

followed_orders as (
    select
        source_system,
        identity_key,
        identity_order_number,
        order_date,
        lead(order_date) over (
            partition by source_system, identity_key order by identity_order_number
        ) as next_order_date
    from orders
),

waits as (
    select
        *,
        {{ days_between('order_date', 'next_order_date') }} as days_to_next_order
    from followed_orders
),

customers as (
    select
        waits.source_system,
        waits.identity_key,
        periods.as_of_date,
        min(waits.order_date) as first_order_date,
        max(case when waits.identity_order_number = 1 then waits.days_to_next_order end)
            as days_to_second_order,
        sum(waits.days_to_next_order) as wait_days,
        count(waits.days_to_next_order) as wait_count
    from waits
    inner join periods
        on waits.source_system = periods.source_system
    group by waits.source_system, waits.identity_key, periods.as_of_date
),

-- A window is judged only for those who have been seen for all of it.
observed_customers as (
    select
        *,
        {{ days_between('first_order_date', 'as_of_date') }} as observed_days
    from customers
),

repeats as (
    select
        source_system,
        cast(date_trunc('month', first_order_date) as date) as cohort_month_date,
        count(*) as customer_count,
        count(days_to_second_order) as repeat_customer_count,
        {%- for days in windows %}
        count(case when observed_days >= {{ days }} then 1 end)
            as observed_customer_count_{{ days }},
        count(
            case when observed_days >= {{ days }} and days_to_second_order <= {{ days }} then 1 end
        ) as repeat_customer_count_{{ days }},
        {%- endfor %}
        median(cast(days_to_second_order as double)) as median_days_to_second_order,
        cast(coalesce(sum(wait_days), 0) as bigint) as wait_days_sum,
        cast(sum(wait_count) as bigint) as wait_count
    from observed_customers
    group by source_system, cast(date_trunc('month', first_order_date) as date)
)

select * from repeats
