with olist_latest as (
    {{ latest_rows(ref('stg_olist__sellers'), ['seller_id'], has_operations=false) }}
)

select
    'olist' as source_system,
    seller_id,
    postal_code,
    city,
    state,
    country_code
from olist_latest
