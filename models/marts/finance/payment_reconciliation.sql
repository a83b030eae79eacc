with orders as (
    select * from {{ ref('int_orders_reconciled') }}
),

payments as (
    select * from {{ ref('int_order_payments_summed') }}
),

method_orders as (
    select
        orders.source_system,
        orders.order_id,
        orders.order_date,
        orders.order_status,
        orders.is_valid_order,
        orders.currency,
        orders.order_total_amount,
        orders.refunded_amount,
        orders.reconciliation_class,
        coalesce(payments.payment_method_id, '-2') as payment_method_id,
        coalesce(payments.payment_count, 0) as payment_count,
        payments.installments,
        coalesce(payments.captured_amount, 0) as captured_amount,
        coalesce(payments.charged_back_amount, 0) as charged_back_amount
    from orders
    left join payments
        on orders.source_system = payments.source_system
        and orders.order_id = payments.order_id
),

{% for amount in ['order_total', 'refunded'] -%}
{{ largest_remainder(
    amount,
    rows='method_orders',
    whole=['source_system', 'order_id'],
    part=['payment_method_id'],
    amount=amount ~ '_amount',
    weight='captured_amount',
) }},

{% endfor -%}
reconciliation as (
    select
        methods.source_system,
        methods.order_id,
        case
            when methods.payment_method_id in ('-1', '-2') then methods.payment_method_id
            else {{ surrogate_key(['methods.payment_method_id']) }}
        end as payment_method_key,
        {{ date_key('methods.order_date') }} as order_date_key,
        methods.order_status,
        methods.is_valid_order,
        methods.reconciliation_class,
        methods.payment_count,
        methods.installments,
        methods.currency,
        order_total.part_amount as order_total_amount,
        methods.captured_amount,
        refunded.part_amount as refunded_amount,
        methods.charged_back_amount,
        cast(
            order_total.part_amount - methods.captured_amount + refunded.part_amount
            as decimal(18, 2)
        ) as balance_amount
    from method_orders as methods
    inner join order_total
        on methods.source_system = order_total.source_system
        and methods.order_id = order_total.order_id
        and methods.payment_method_id = order_total.payment_method_id
    inner join refunded
        on methods.source_system = refunded.source_system
        and methods.order_id = refunded.order_id
        and methods.payment_method_id = refunded.payment_method_id
)

select * from reconciliation
