with orders as (
    select * from {{ ref('fact_orders') }}
    where is_valid_order
),

movements as (
    select * from {{ ref('margin_movements') }}
    where is_valid_order
),

months as (
    select * from {{ ref('int_order_months_spanned') }}
),

-- A refund of unknown date counts on that of its order.
dated_activity as (
    select
        source_system,
        customer_id,
        order_date as activity_date,
        order_date,
        1 as order_count,
        0 as net_revenue_amount,
        0 as contribution_margin_amount,
        false as is_rate_missing
    from orders
    union all
    select
        movements.source_system,
        orders.customer_id,
        coalesce(movements.business_date, orders.order_date) as activity_date,
        null as order_date,
        0 as order_count,
        movements.net_revenue_amount,
        movements.contribution_margin_2_amount as contribution_margin_amount,
        movements.net_revenue_amount is null as is_rate_missing
    from movements
    inner join orders
        on movements.source_system = orders.source_system
        and movements.order_id = orders.order_id
),

active_months as (
    select
        activity.source_system,
        activity.customer_id,
        months.month_start_date,
        max(activity.order_date) as last_order_date,
        sum(activity.order_count) as order_count,
        sum(activity.net_revenue_amount) as net_revenue_amount,
        sum(activity.contribution_margin_amount) as contribution_margin_amount,
        max(case when activity.is_rate_missing then 1 else 0 end) as has_missing_rate
    from dated_activity as activity
    inner join months
        on activity.source_system = months.source_system
        and activity.activity_date >= months.month_start_date
        and activity.activity_date <= months.as_of_date
    where activity.customer_id <> '-1'
    group by activity.source_system, activity.customer_id, months.month_start_date
),

first_months as (
    select
        source_system,
        customer_id,
        min(month_start_date) as first_month_date
    from active_months
    group by source_system, customer_id
),

-- Months without an order or refund are zero rows.
customer_months as (
    select
        first_months.source_system,
        first_months.customer_id,
        months.month_start_date,
        months.as_of_date,
        months.reporting_currency,
        active_months.last_order_date,
        coalesce(active_months.order_count, 0) as order_count,
        case when active_months.customer_id is null then 0 else active_months.net_revenue_amount end
            as net_revenue_amount,
        case
            when active_months.customer_id is null then 0
            else active_months.contribution_margin_amount
        end as contribution_margin_amount,
        coalesce(active_months.has_missing_rate, 0) as has_missing_rate
    from first_months
    inner join months
        on first_months.source_system = months.source_system
        and first_months.first_month_date <= months.month_start_date
    left join active_months
        on first_months.source_system = active_months.source_system
        and first_months.customer_id = active_months.customer_id
        and months.month_start_date = active_months.month_start_date
),

activity as (
    select
        source_system,
        customer_id,
        month_start_date,
        as_of_date,
        reporting_currency as currency,
        cast(order_count as integer) as order_count,
        cast(net_revenue_amount as decimal(18, 2)) as net_revenue_amount,
        cast(contribution_margin_amount as decimal(18, 2)) as contribution_margin_2_amount,
        max(last_order_date) over so_far as last_order_date,
        cast(sum(order_count) over so_far as integer) as order_count_so_far,
        cast(coalesce(sum(net_revenue_amount) over so_far, 0) as decimal(18, 2))
            as net_revenue_amount_so_far,
        max(has_missing_rate) over so_far = 1 as has_missing_rate
    from customer_months
    window so_far as (
        partition by source_system, customer_id order by month_start_date
        rows between unbounded preceding and current row
    )
)

select * from activity
