with valid_lines as (
    select * from {{ ref('fact_sales') }}
    where is_valid_order
),

days as (
    select
        source_system,
        order_date_key,
        order_date,
        currency,
        reporting_currency,
        count(distinct order_id) as order_count,
        count(*) as line_count,
        cast(sum(quantity) as bigint) as unit_count,
        count(distinct case when customer_key <> '-1' then customer_id end) as customer_count,
        cast(sum(gross_amount) as decimal(18, 2)) as gross_amount,
        cast(sum(discount_amount) as decimal(18, 2)) as discount_amount,
        cast(sum(net_amount) as decimal(18, 2)) as net_amount,
        cast(sum(tax_amount) as decimal(18, 2)) as tax_amount,
        cast(sum(shipping_amount) as decimal(18, 2)) as shipping_amount,
        cast(sum(reporting_net_amount) as decimal(18, 2)) as reporting_net_amount,
        count(*) filter (where is_rate_missing) as unrated_line_count
    from valid_lines
    group by
        source_system,
        order_date_key,
        order_date,
        currency,
        reporting_currency
)

select * from days
