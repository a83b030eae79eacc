with orders as (
    select * from {{ ref('int_orders_completed') }}
),

money_movements as (
    select
        source_system,
        order_id,
        currency,
        amount as captured_amount,
        0 as refunded_amount,
        cast(null as timestamp) as refunded_at
    from {{ ref('int_payments_unioned') }}
    where is_captured
    union all
    select
        source_system,
        order_id,
        currency,
        0 as captured_amount,
        amount as refunded_amount,
        refunded_at
    from {{ ref('int_refunds_unioned') }}
),

-- Amounts of two currencies are never added: money in another one than the order's is a flag.
money_of_orders as (
    select
        orders.source_system,
        orders.order_id,
        cast(
            sum(case when moved.currency = orders.currency then moved.captured_amount else 0 end)
            as decimal(18, 2)
        ) as captured_amount,
        cast(
            sum(case when moved.currency = orders.currency then moved.refunded_amount else 0 end)
            as decimal(18, 2)
        ) as refunded_amount,
        min(moved.refunded_at) as refunded_at,
        max(case when moved.currency <> orders.currency then 1 else 0 end) = 1 as has_other_currency
    from orders
    inner join money_movements as moved
        on orders.source_system = moved.source_system
        and orders.order_id = moved.order_id
    group by orders.source_system, orders.order_id
)

select * from money_of_orders
