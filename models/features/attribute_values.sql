with products as (
    select * from {{ ref('product_attributes') }}
),

customers as (
    select * from {{ ref('customer_attributes') }}
),

orders as (
    select * from {{ ref('fact_orders') }}
    where delivery_days is not null
),

lines as (
    select * from {{ ref('fact_sales') }}
),

places as (
    select * from {{ ref('dim_geography') }}
),

-- Thirds of the price within source and category; equal prices are in one band.
price_bands as (
    select
        *,
        case
            when mean_unit_net_amount is not null
                then category || ', price band ' || cast(
                    least(3, 1 + floor(3 * percent_rank() over (
                        partition by source_system, category, mean_unit_net_amount is null
                        order by mean_unit_net_amount
                    ))) as integer
                )
        end as price_band
    from products
),

origins as (
    select
        lines.source_system,
        lines.order_id,
        case when count(distinct sellers.state) > 1 then 'several' else min(sellers.state) end
            as state
    from lines
    inner join {{ ref('dim_seller') }} as sellers
        on lines.seller_key = sellers.seller_key
    group by lines.source_system, lines.order_id
),

known_values as (
    {%- for attribute in var('product_attributes') %}
    select
        source_system,
        'product' as subject,
        product_id as subject_id,
        '{{ attribute }}' as attribute,
        {{ attribute }} as attribute_value,
        category as group_name,
        price_band as context_name
    from price_bands
    where {{ attribute }} is not null
    union all
    {%- endfor %}
    select
        source_system,
        'customer' as subject,
        customer_id as subject_id,
        'birth_year' as attribute,
        birth_year as attribute_value,
        loyalty_tier as group_name,
        country_code as context_name
    from customers
    where birth_year is not null
    union all
    select
        orders.source_system,
        'order' as subject,
        orders.order_id as subject_id,
        'delivery_days' as attribute,
        orders.delivery_days as attribute_value,
        places.country_code as group_name,
        origins.state || ' to ' || places.state as context_name
    from orders
    left join places
        on orders.geography_key = places.geography_key
    left join origins
        on orders.source_system = origins.source_system
        and orders.order_id = origins.order_id
    union all
    select
        lines.source_system,
        'order_line' as subject,
        lines.order_id || '-' || cast(lines.line_number as varchar) as subject_id,
        'quantity' as attribute,
        lines.quantity as attribute_value,
        coalesce(products.category, 'Unknown') as group_name,
        nullif(lines.product_id, '-1') as context_name
    from lines
    left join products
        on lines.source_system = products.source_system
        and lines.product_id = products.product_id
    where lines.quantity is not null
),

-- Ratios tell what is far in sizes, times and counts; a year has none.
scaled_values as (
    select
        *,
        case
            when attribute = 'birth_year' then cast(attribute_value as double)
            when attribute_value >= 0 then ln(1 + cast(attribute_value as double))
        end as scaled_value
    from known_values
)

select * from scaled_values
