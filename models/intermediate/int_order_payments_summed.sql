with orders as (
    select * from {{ ref('int_orders_completed') }}
),

payments as (
    select * from {{ ref('int_payments_unioned') }}
    where is_captured
),

methods as (
    select * from {{ ref('payment_methods') }}
),

-- Money in another currency than the order's is in no sum; fact_orders flags it.
order_payments as (
    select
        orders.source_system,
        orders.order_id,
        coalesce(payments.payment_method_id, '-1') as payment_method_id,
        cast(count(*) as integer) as payment_count,
        cast(sum(payments.amount) as decimal(18, 2)) as captured_amount,
        cast(
            sum(case when payments.payment_status = 'chargeback' then payments.amount else 0 end)
            as decimal(18, 2)
        ) as charged_back_amount,
        max(payments.installments) as installments,
        coalesce(max(methods.payment_group) = 'voucher', false) as is_voucher
    from orders
    inner join payments
        on orders.source_system = payments.source_system
        and orders.order_id = payments.order_id
        and orders.currency = payments.currency
    left join methods
        on payments.payment_method_id = methods.payment_method
    group by orders.source_system, orders.order_id, coalesce(payments.payment_method_id, '-1')
)

select * from order_payments
