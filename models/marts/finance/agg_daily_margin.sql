with lines as (
    select * from {{ ref('order_margin') }}
    where is_valid_order
),

refunds as (
    select * from {{ ref('int_refunds_allocated') }}
),

spend as (
    select * from {{ ref('fact_marketing_spend') }}
),

movements as (
    select
        source_system,
        order_date as business_date,
        reporting_currency,
        1 as line_count,
        is_margin_missing,
        reporting_gross_amount as gross_amount,
        reporting_discount_amount as discount_amount,
        0 as refunded_net_amount,
        unit_cost_amount * quantity as cost_amount,
        reporting_shipping_amount as shipping_amount,
        0 as refunded_shipping_amount,
        shipping_cost_amount,
        payment_fee_amount,
        marketing_spend_amount,
        0 as spent_amount
    from lines
    union all
    select
        lines.source_system,
        refunds.refund_date as business_date,
        lines.reporting_currency,
        0 as line_count,
        lines.is_margin_missing,
        0 as gross_amount,
        0 as discount_amount,
        refunds.reporting_net_amount as refunded_net_amount,
        -lines.unit_cost_amount * refunds.restocked_quantity as cost_amount,
        0 as shipping_amount,
        refunds.reporting_shipping_amount as refunded_shipping_amount,
        0 as shipping_cost_amount,
        0 as payment_fee_amount,
        0 as marketing_spend_amount,
        0 as spent_amount
    from refunds
    inner join lines
        on refunds.source_system = lines.source_system
        and refunds.order_id = lines.order_id
        and refunds.line_number = lines.line_number
    union all
    select
        source_system,
        spend_date as business_date,
        reporting_currency,
        0 as line_count,
        true as is_margin_missing,
        0 as gross_amount,
        0 as discount_amount,
        0 as refunded_net_amount,
        0 as cost_amount,
        0 as shipping_amount,
        0 as refunded_shipping_amount,
        0 as shipping_cost_amount,
        0 as payment_fee_amount,
        0 as marketing_spend_amount,
        reporting_amount as spent_amount
    from spend
),

margins as (
    select
        *,
        gross_amount - discount_amount as net_amount,
        gross_amount - discount_amount - refunded_net_amount as net_revenue_amount,
        shipping_amount - refunded_shipping_amount
        - shipping_cost_amount - payment_fee_amount as after_sale_amount,
        spent_amount - marketing_spend_amount as unattributed_spend_amount
    from movements
),

days as (
    select
        source_system,
        {{ date_key('business_date') }} as business_date_key,
        business_date,
        reporting_currency,
        {%- for margin in [
            'net_revenue_amount - cost_amount',
            'net_revenue_amount - cost_amount + after_sale_amount',
            'net_revenue_amount - cost_amount + after_sale_amount - marketing_spend_amount',
        ] %}
        cast(
            sum(case when not is_margin_missing then {{ margin }} end) as decimal(18, 2)
        ) as contribution_margin_{{ loop.index }}_amount,
        {%- endfor %}
        {%- for amount in [
            'gross', 'discount', 'net', 'refunded_net', 'net_revenue', 'cost', 'shipping',
            'refunded_shipping', 'shipping_cost', 'payment_fee', 'marketing_spend',
            'unattributed_spend',
        ] %}
        cast(sum({{ amount }}_amount) as decimal(18, 2)) as {{ amount }}_amount,
        {%- endfor %}
        cast(sum(line_count) as integer) as line_count,
        cast(sum(case when is_margin_missing then line_count else 0 end) as integer)
            as missing_margin_line_count
    from margins
    group by source_system, business_date, reporting_currency
)

select * from days
