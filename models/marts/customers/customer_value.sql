with orders as (
    select * from {{ ref('fact_orders') }}
    where customer_id <> '-1'
),

lines as (
    select * from {{ ref('order_margin') }}
    where is_valid_order
),

refunded_orders as (
    select distinct
        source_system,
        order_id
    from {{ ref('fact_refunds') }}
    where amount > 0
),

order_counts as (
    select
        orders.source_system,
        orders.customer_id,
        sum(case when orders.is_valid_order then 1 else 0 end) as order_count,
        sum(case when orders.order_status = 'cancelled' and not orders.is_deleted then 1 else 0 end)
            as cancelled_order_count,
        sum(case when orders.is_valid_order and refunded.order_id is not null then 1 else 0 end)
            as refunded_order_count,
        sum(case when orders.is_valid_order and orders.is_delivered_late then 1 else 0 end)
            as late_order_count,
        min(case when orders.is_valid_order then orders.order_date end) as first_order_date,
        max(case when orders.is_valid_order then orders.order_date end) as last_order_date,
        max(orders.reporting_currency) as currency
    from orders
    left join refunded_orders as refunded
        on orders.source_system = refunded.source_system
        and orders.order_id = refunded.order_id
    group by orders.source_system, orders.customer_id
),

-- One unknown part makes a sum unknown.
line_sums as (
    select
        source_system,
        customer_id,
        {%- for amount in [
            'reporting_gross', 'reporting_discount', 'reporting_refunded_net', 'net_revenue',
            'contribution_margin_3',
        ] %}
        case when count(*) = count({{ amount }}_amount) then sum({{ amount }}_amount) end
            as {{ amount }}_amount,
        {%- endfor %}
        sum(quantity) as unit_count,
        count(distinct case when product_id <> '-1' then product_id end) as product_count,
        bool_or(is_rate_missing) as has_missing_rate,
        bool_or(is_margin_missing) as has_missing_margin
    from lines
    group by source_system, customer_id
),

customer_values as (
    select
        orders.source_system,
        orders.customer_id,
        cast(orders.order_count as integer) as order_count,
        cast(orders.cancelled_order_count as integer) as cancelled_order_count,
        cast(orders.refunded_order_count as integer) as refunded_order_count,
        cast(orders.late_order_count as integer) as late_order_count,
        orders.first_order_date,
        orders.last_order_date,
        cast(coalesce(sums.unit_count, 0) as integer) as unit_count,
        cast(coalesce(sums.product_count, 0) as integer) as product_count,
        orders.currency,
        {%- for name, amount in {
            'gross': 'reporting_gross',
            'discount': 'reporting_discount',
            'refunded_net': 'reporting_refunded_net',
            'net_revenue': 'net_revenue',
            'contribution_margin_3': 'contribution_margin_3',
        }.items() %}
        cast(
            case when sums.customer_id is null then 0 else sums.{{ amount }}_amount end
            as decimal(18, 2)
        ) as {{ name }}_amount,
        {%- endfor %}
        cast(round(sums.net_revenue_amount / nullif(orders.order_count, 0), 2) as decimal(18, 2))
            as average_order_amount,
        coalesce(sums.has_missing_rate, false) as has_missing_rate,
        coalesce(sums.has_missing_margin, false) as has_missing_margin
    from order_counts as orders
    left join line_sums as sums
        on orders.source_system = sums.source_system
        and orders.customer_id = sums.customer_id
)

select * from customer_values
