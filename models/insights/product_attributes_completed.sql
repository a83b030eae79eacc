{% set attributes = var('product_attributes') %}

with products as (
    select * from {{ ref('product_attributes') }}
),

{{ completed_attributes('product', attributes) }},

completed_products as (
    select
        products.source_system,
        products.product_id,
        products.as_of_date,
        products.category,
        {{ completed_columns('products', attributes) }}
    from products
    left join completions
        on products.source_system = completions.source_system
        and products.product_id = completions.subject_id
)

select * from completed_products
