with products as (
    select * from {{ ref('dim_product_current') }}
    where product_key not in ('-1', '-2')
),

measures as (
    select * from {{ ref('int_product_measures_found') }}
),

periods as (
    select * from {{ ref('int_order_periods_found') }}
),

starts as (
    select * from {{ ref('int_product_starts_found') }}
),

sales as (
    select
        source_system,
        product_id,
        sum(quantity) as unit_count,
        -- Lines without a rate are in no mean.
        sum(case when not is_rate_missing then quantity end) as rated_unit_count,
        sum(reporting_net_amount) as net_amount,
        sum({{ converted('shipping_amount', 'rate') }}) as shipping_amount
    from {{ ref('fact_sales') }}
    where is_valid_order
    group by source_system, product_id
),

attributes as (
    select
        products.source_system,
        products.product_id,
        periods.as_of_date,
        products.category,
        products.brand,
        products.weight_g,
        measures.length_cm,
        measures.height_cm,
        measures.width_cm,
        measures.photo_count,
        products.supplier_lead_time_days,
        {{ days_between('starts.offer_date', 'periods.as_of_date') }} as offer_age_days,
        cast(coalesce(sales.unit_count, 0) as bigint) as unit_count,
        periods.reporting_currency as currency,
        {%- for amount in ['net', 'shipping'] %}
        cast(
            round(sales.{{ amount }}_amount / nullif(sales.rated_unit_count, 0), 2)
            as decimal(18, 2)
        ) as mean_unit_{{ amount }}_amount,
        {%- endfor %}
        {{ reported_at('periods.as_of_date', 'products.source_system') }} as available_at
    from products
    left join measures
        on products.source_system = measures.source_system
        and products.product_id = measures.product_id
    left join periods
        on products.source_system = periods.source_system
    left join starts
        on products.source_system = starts.source_system
        and products.product_id = starts.product_id
    left join sales
        on products.source_system = sales.source_system
        and products.product_id = sales.product_id
)

select * from attributes
