with orders as (
    select * from {{ ref('int_orders_completed') }}
),

periods as (
    select * from {{ ref('int_order_periods_found') }}
),

dated_orders as (
    select
        orders.*,
        periods.as_of_date,
        cast({{ to_local('orders.shipped_at', 'orders.time_zone') }} as date) as shipped_date,
        cast({{ to_local('orders.delivered_at', 'orders.time_zone') }} as date) as delivered_date,
        cast({{ to_local('orders.promised_at', 'orders.time_zone') }} as date) as promised_date
    from orders
    left join periods
        on orders.source_system = periods.source_system
),

timed_orders as (
    select
        source_system,
        order_id,
        coalesce(paid_at < placed_at, false)
        or coalesce(shipped_at < greatest(placed_at, paid_at), false)
        or coalesce(delivered_at < greatest(placed_at, paid_at, shipped_at), false)
            as has_times_out_of_order,
        {{ days_between('order_date', 'shipped_date') }} as handling_days,
        {{ days_between('shipped_date', 'delivered_date') }} as transit_days,
        {{ days_between('order_date', 'delivered_date') }} as delivery_days,
        {{ days_between('promised_date', 'delivered_date') }} as days_late,
        delivered_date > promised_date as is_delivered_late,
        -- Late is a delivery after its promise; overdue is a promise that passed without one.
        case
            when promised_date is null then null
            else
                coalesce(promised_date < as_of_date, false)
                and delivered_at is null
                and order_status in ('placed', 'paid', 'processing', 'shipped')
                and not is_deleted
        end as is_overdue
    from dated_orders
)

select * from timed_orders
