{{ config(materialized='view') }}

with olist_products as (
    {{ latest_rows(ref('stg_olist__products'), ['product_id'], has_operations=false) }}
),

-- The shop tells none of them.
measures as (
    select
        'olist' as source_system,
        product_id,
        length_cm,
        height_cm,
        width_cm,
        photo_count
    from olist_products
)

select * from measures
