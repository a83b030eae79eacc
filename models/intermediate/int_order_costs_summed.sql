with orders as (
    select * from {{ ref('int_orders_totalled') }}
),

payments as (
    select * from {{ ref('int_payments_unioned') }}
    where is_captured
),

methods as (
    select * from {{ ref('payment_methods') }}
),

order_costs as (
    select
        source_system,
        order_id,
        'shipping' as cost_kind,
        shipping_cost_amount as amount,
        currency
    from {{ ref('int_shipments_unioned') }}
    union all
    select
        payments.source_system,
        payments.order_id,
        'payment_fee' as cost_kind,
        payments.amount * methods.fee_share as amount,
        payments.currency
    from payments
    left join methods
        on payments.payment_method_id = methods.payment_method
    union all
    select
        payments.source_system,
        payments.order_id,
        'payment_fee' as cost_kind,
        methods.fee_fixed_amount as amount,
        methods.fee_currency as currency
    from payments
    left join methods
        on payments.payment_method_id = methods.payment_method
),

converted_costs as (
    select
        orders.source_system,
        orders.order_id,
        order_costs.cost_kind,
        {{ converted(
            'order_costs.amount',
            effective_rate('order_costs.currency', 'orders.reporting_currency'),
        ) }} as reporting_amount
    from order_costs
    inner join orders
        on order_costs.source_system = orders.source_system
        and order_costs.order_id = orders.order_id
    {{ join_rates('order_costs.currency', 'orders.reporting_currency', 'orders.order_date') }}
),

-- One part that is unknown makes the sum unknown.
summed_costs as (
    select
        source_system,
        order_id,
        cost_kind,
        cast(
            case when count(*) = count(reporting_amount) then sum(reporting_amount) end
            as decimal(18, 2)
        ) as reporting_amount
    from converted_costs
    group by source_system, order_id, cost_kind
    union all
    select
        source_system,
        order_id,
        'marketing' as cost_kind,
        reporting_amount
    from {{ ref('int_marketing_spend_allocated') }}
)

select * from summed_costs
