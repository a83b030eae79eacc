{{ config(materialized='view') }}

with shop_first as (
    {{ first_known_rows(ref('stg_shop__customers'), ['customer_id'], has_operations=false) }}
),

customers as (
    select
        'shop' as source_system,
        customer_id,
        created_at as account_created_at,
        available_at
    from shop_first
)

select * from customers
