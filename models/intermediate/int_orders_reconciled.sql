with orders as (
    select * from {{ ref('int_orders_totalled') }}
),

money as (
    select * from {{ ref('int_order_money_summed') }}
),

order_payments as (
    select
        source_system,
        order_id,
        max(installments) as installments,
        sum(case when is_voucher then captured_amount else 0 end) as voucher_amount
    from {{ ref('int_order_payments_summed') }}
    group by source_system, order_id
),

orders_with_money as (
    select
        orders.*,
        cast(
            orders.net_amount + orders.tax_amount + orders.shipping_amount as decimal(18, 2)
        ) as order_total_amount,
        cast(coalesce(money.captured_amount, 0) as decimal(18, 2)) as captured_amount,
        cast(coalesce(money.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
        money.refunded_at,
        coalesce(money.has_other_currency, false) as has_other_currency,
        order_payments.order_id is not null as is_paid,
        coalesce(order_payments.installments, 0) as installments,
        coalesce(order_payments.voucher_amount, 0) as voucher_amount
    from orders
    left join money
        on orders.source_system = money.source_system
        and orders.order_id = money.order_id
    left join order_payments
        on orders.source_system = order_payments.source_system
        and orders.order_id = order_payments.order_id
),

balanced_orders as (
    select
        *,
        order_total_amount - captured_amount as unpaid_amount,
        cast(order_total_amount - captured_amount + refunded_amount as decimal(18, 2))
            as balance_amount
    from orders_with_money
),

-- Rounding is up to a cent per line, over or under.
reconciled_orders as (
    select
        source_system,
        order_id,
        customer_id,
        channel_id,
        device_hash,
        order_status,
        is_deleted,
        is_inferred,
        order_date,
        placed_at,
        paid_at,
        shipped_at,
        delivered_at,
        cancelled_at,
        promised_at,
        postal_code,
        city,
        state,
        country_code,
        currency,
        stated_total_amount,
        reporting_currency,
        time_zone,
        known_at,
        is_valid_order,
        line_count,
        unit_count,
        gross_amount,
        discount_amount,
        net_amount,
        tax_amount,
        shipping_amount,
        order_total_amount,
        captured_amount,
        refunded_amount,
        refunded_at,
        has_other_currency,
        balance_amount,
        case
            when has_other_currency then 'other_currency'
            when balance_amount = 0 then 'balanced'
            when line_count = 0 then 'no_items'
            when not is_paid then 'no_payment'
            when abs(unpaid_amount) <= 0.01 * line_count and refunded_amount > 0 then 'refund'
            when abs(unpaid_amount) <= 0.01 * line_count then 'rounding'
            when
                installments > 1 and unpaid_amount < 0
                and -unpaid_amount
                <= {{ var('instalment_interest_share_limit') }} * order_total_amount
                then 'instalment_interest'
            when abs(unpaid_amount) <= voucher_amount then 'voucher'
            else 'unexplained'
        end as reconciliation_class
    from balanced_orders
)

select * from reconciled_orders
