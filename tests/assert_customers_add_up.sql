-- A row is a source and measure of which the customers, cohorts or months of customers do not add
-- up to the orders and margins they are made of.
with orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order
),

periods as (
    select
        source_system,
        max(as_of_date) as as_of_date
    from {{ ref('customer_activity_monthly') }}
    group by source_system
),

movements as (
    select
        movements.source_system,
        orders.customer_id,
        orders.identity_key,
        movements.net_revenue_amount
    from {{ ref('margin_movements') }} as movements
    inner join orders
        on movements.source_system = orders.source_system
        and movements.order_id = orders.order_id
    inner join periods
        on orders.source_system = periods.source_system
        and movements.activity_date <= periods.as_of_date
),

totals as (
    select
        source_system,
        'orders of customers' as measure,
        count(*) as expected,
        (
            select sum(profiles.order_count) from {{ ref('customer_360') }} as profiles
            where profiles.source_system = orders.source_system
        ) as found
    from orders
    where customer_id <> '-1'
    group by source_system
    union all
    select
        source_system,
        'orders of months' as measure,
        count(*) as expected,
        (
            select sum(activity.order_count) from {{ ref('customer_activity_monthly') }} as activity
            where activity.source_system = orders.source_system
        ) as found
    from orders
    where customer_id <> '-1'
    group by source_system
    union all
    select
        source_system,
        'orders of cohorts' as measure,
        count(*) as expected,
        (
            select sum(cohorts.order_count) from {{ ref('customer_cohorts') }} as cohorts
            where cohorts.source_system = orders.source_system
        ) as found
    from orders
    where identity_key <> '-1'
    group by source_system
    union all
    select
        source_system,
        'persons of month 0' as measure,
        sum(customer_count) as expected,
        sum(active_customer_count) as found
    from {{ ref('customer_cohorts') }}
    where months_since_first = 0
    group by source_system
    union all
    select
        source_system,
        'persons of cohorts' as measure,
        count(distinct identity_key) as expected,
        (
            select sum(repeats.customer_count) from {{ ref('customer_repeats') }} as repeats
            where repeats.source_system = orders.source_system
        ) as found
    from orders
    where identity_key <> '-1'
    group by source_system
    union all
    select
        source_system,
        'net revenue of months' as measure,
        sum(net_revenue_amount) as expected,
        (
            select sum(activity.net_revenue_amount)
            from {{ ref('customer_activity_monthly') }} as activity
            where activity.source_system = movements.source_system
        ) as found
    from movements
    where customer_id <> '-1'
    group by source_system
    union all
    select
        source_system,
        'net revenue of cohorts' as measure,
        sum(net_revenue_amount) as expected,
        (
            select sum(cohorts.net_revenue_amount) from {{ ref('customer_cohorts') }} as cohorts
            where cohorts.source_system = movements.source_system
        ) as found
    from movements
    where identity_key <> '-1'
    group by source_system
)

select * from totals
where coalesce(expected, 0) <> coalesce(found, 0)
