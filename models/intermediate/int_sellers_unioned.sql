with olist_latest as (
    {{ latest_rows(ref('stg_olist__sellers'), ['seller_id'], has_operations=false) }}
),

sellers as (
    select
        'olist' as source_system,
        seller_id,
        postal_code,
        city,
        state,
        country_code
    from olist_latest
)

select * from sellers
