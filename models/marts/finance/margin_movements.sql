with lines as (
    select * from {{ ref('order_margin') }}
),

refunds as (
    select * from {{ ref('int_refunds_allocated') }}
),

movements as (
    select
        source_system,
        order_id,
        line_number,
        '-2' as refund_id,
        product_id,
        customer_id,
        order_date,
        order_date as business_date,
        is_valid_order,
        is_margin_missing,
        reporting_currency,
        reporting_gross_amount as gross_amount,
        reporting_discount_amount as discount_amount,
        0 as refunded_net_amount,
        unit_cost_amount * quantity as cost_amount,
        reporting_shipping_amount as shipping_amount,
        0 as refunded_shipping_amount,
        shipping_cost_amount,
        payment_fee_amount,
        marketing_spend_amount
    from lines
    union all
    select
        lines.source_system,
        lines.order_id,
        lines.line_number,
        refunds.refund_id,
        lines.product_id,
        lines.customer_id,
        lines.order_date,
        refunds.refund_date as business_date,
        lines.is_valid_order,
        lines.is_margin_missing,
        lines.reporting_currency,
        0 as gross_amount,
        0 as discount_amount,
        refunds.reporting_net_amount as refunded_net_amount,
        -lines.unit_cost_amount * refunds.restocked_quantity as cost_amount,
        0 as shipping_amount,
        refunds.reporting_shipping_amount as refunded_shipping_amount,
        0 as shipping_cost_amount,
        0 as payment_fee_amount,
        0 as marketing_spend_amount
    from refunds
    inner join lines
        on refunds.source_system = lines.source_system
        and refunds.order_id = lines.order_id
        and refunds.line_number = lines.line_number
),

margins as (
    select
        *,
        gross_amount - discount_amount - refunded_net_amount as net_revenue_amount,
        shipping_amount - refunded_shipping_amount
        - shipping_cost_amount - payment_fee_amount as after_sale_amount
    from movements
),

-- A line whose margin is unknown has none on any day, so days add up to lines.
margin_movements as (
    select
        source_system,
        order_id,
        line_number,
        refund_id,
        product_id,
        customer_id,
        {{ date_key('business_date') }} as business_date_key,
        business_date,
        greatest(coalesce(business_date, order_date), order_date) as activity_date,
        is_valid_order,
        is_margin_missing,
        reporting_currency,
        {%- for margin in [
            'net_revenue_amount - cost_amount',
            'net_revenue_amount - cost_amount + after_sale_amount',
            'net_revenue_amount - cost_amount + after_sale_amount - marketing_spend_amount',
        ] %}
        cast(case when not is_margin_missing then {{ margin }} end as decimal(18, 2))
            as contribution_margin_{{ loop.index }}_amount,
        {%- endfor %}
        {%- for amount in [
            'gross', 'discount', 'refunded_net', 'net_revenue', 'cost', 'shipping',
            'refunded_shipping', 'shipping_cost', 'payment_fee',
        ] %}
        cast({{ amount }}_amount as decimal(18, 2)) as {{ amount }}_amount,
        {%- endfor %}
        cast(marketing_spend_amount as decimal(18, 2)) as marketing_spend_amount
    from margins
)

select * from margin_movements
