with sales as (
    select * from {{ ref('fact_sales') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

refunds as (
    select * from {{ ref('int_line_refunds_summed') }}
),

costs as (
    select * from {{ ref('int_order_costs_allocated') }}
),

-- What was not refunded or spent is 0; what was, at an unknown rate or price, is NULL.
lines as (
    select
        sales.*,
        {{ converted('sales.gross_amount', 'sales.rate') }} as reporting_gross_amount,
        {{ converted('sales.shipping_amount', 'sales.rate') }} as reporting_shipping_amount,
        {{ converted(
            'products.cost_amount',
            effective_rate('products.cost_currency', 'sales.reporting_currency'),
        ) }} as unit_cost_amount,
        coalesce(refunds.restocked_quantity, 0) as restocked_quantity,
        coalesce(refunds.refunded_net_amount, 0) as refunded_net_amount,
        {% for amount in ['reporting_refunded_net_amount', 'reporting_refunded_shipping_amount'] -%}
        case when refunds.order_id is null then 0 else refunds.{{ amount }} end as {{ amount }},
        {% endfor -%}
        {% for cost in ['shipping', 'payment_fee', 'marketing'] -%}
        case when costs.order_id is null then 0 else costs.{{ cost }}_amount end as {{ cost }}_cost,
        {% endfor -%}
        refunds.order_id is not null
        and refunds.reporting_refunded_net_amount is null as is_refund_rate_missing
    from sales
    inner join products
        on sales.product_key = products.product_key
    left join refunds
        on sales.source_system = refunds.source_system
        and sales.order_id = refunds.order_id
        and sales.line_number = refunds.line_number
    left join costs
        on sales.source_system = costs.source_system
        and sales.order_id = costs.order_id
        and sales.line_number = costs.line_number
    {{ join_rates('products.cost_currency', 'sales.reporting_currency', 'sales.order_date') }}
),

revenues as (
    select
        *,
        reporting_net_amount - reporting_refunded_net_amount as net_revenue_amount,
        unit_cost_amount * (quantity - restocked_quantity) as cost_amount,
        reporting_shipping_amount - reporting_refunded_shipping_amount
        - shipping_cost - payment_fee_cost as after_sale_amount
    from lines
),

margins as (
    select
        source_system,
        order_id,
        line_number,
        order_date_key,
        customer_key,
        customer_id,
        product_key,
        product_id,
        promotion_key,
        order_date,
        is_valid_order,
        quantity,
        restocked_quantity,
        currency,
        unit_price as list_price_amount,
        gross_amount,
        discount_amount,
        net_amount,
        tax_amount,
        shipping_amount,
        cast(refunded_net_amount as decimal(18, 2)) as refunded_net_amount,
        reporting_currency,
        rate,
        is_rate_missing or is_refund_rate_missing as is_rate_missing,
        unit_cost_amount is null as is_cost_missing,
        net_revenue_amount + cost_amount + after_sale_amount + marketing_cost is null
            as is_margin_missing,
        {%- for name, amount in {
            'contribution_margin_1': 'net_revenue_amount - cost_amount',
            'contribution_margin_2': 'net_revenue_amount - cost_amount + after_sale_amount',
            'contribution_margin_3':
                'net_revenue_amount - cost_amount + after_sale_amount - marketing_cost',
        }.items() %}
        cast({{ amount }} as decimal(18, 2)) as {{ name }}_amount,
        {%- endfor %}
        reporting_gross_amount,
        cast(reporting_gross_amount - reporting_net_amount as decimal(18, 2))
            as reporting_discount_amount,
        reporting_net_amount,
        cast(reporting_refunded_net_amount as decimal(18, 2)) as reporting_refunded_net_amount,
        cast(net_revenue_amount as decimal(18, 2)) as net_revenue_amount,
        unit_cost_amount,
        cast(cost_amount as decimal(18, 2)) as cost_amount,
        reporting_shipping_amount,
        cast(reporting_refunded_shipping_amount as decimal(18, 2))
            as reporting_refunded_shipping_amount,
        cast(shipping_cost as decimal(18, 2)) as shipping_cost_amount,
        cast(payment_fee_cost as decimal(18, 2)) as payment_fee_amount,
        cast(marketing_cost as decimal(18, 2)) as marketing_spend_amount
    from revenues
)

select * from margins
