-- A row is an order whose reconciliation differs from its amounts in fact_orders, has no class or
-- two, or is called balanced without being so.
with reconciled_orders as (
    select
        source_system,
        order_id,
        min(reconciliation_class) as first_class,
        max(reconciliation_class) as last_class,
        sum(order_total_amount) as order_total_amount,
        sum(captured_amount) as captured_amount,
        sum(refunded_amount) as refunded_amount,
        sum(balance_amount) as balance_amount
    from {{ ref('payment_reconciliation') }}
    group by source_system, order_id
),

paid_orders as (
    select
        payments.source_system,
        payments.order_id,
        sum(payments.amount) as captured_amount
    from {{ ref('fact_payments') }} as payments
    inner join {{ ref('fact_orders') }} as orders
        on payments.source_system = orders.source_system
        and payments.order_id = orders.order_id
        and payments.currency = orders.currency
    where payments.is_captured
    group by payments.source_system, payments.order_id
)

select
    orders.source_system,
    orders.order_id,
    orders.balance_amount,
    reconciled.balance_amount as reconciled_balance_amount,
    reconciled.first_class as reconciliation_class
from {{ ref('fact_orders') }} as orders
full outer join reconciled_orders as reconciled
    on orders.source_system = reconciled.source_system
    and orders.order_id = reconciled.order_id
left join paid_orders
    on orders.source_system = paid_orders.source_system
    and orders.order_id = paid_orders.order_id
where
    orders.order_id is null
    or reconciled.order_id is null
    or reconciled.first_class <> reconciled.last_class
    or (reconciled.first_class = 'balanced') <> (orders.balance_amount = 0)
    or reconciled.order_total_amount <> orders.order_total_amount
    or reconciled.captured_amount <> coalesce(paid_orders.captured_amount, 0)
    or reconciled.refunded_amount <> orders.refunded_amount
    or reconciled.balance_amount <> orders.balance_amount
