with sellers as (
    {{ latest_rows(ref('stg_olist__sellers'), ['seller_id'], has_operations=false) }}
),

undeclared as (
    select distinct
        lines.source_system,
        lines.seller_id
    from {{ ref('int_order_lines_unioned') }} as lines
    left join sellers
        on lines.source_system = 'olist'
        and lines.seller_id = sellers.seller_id
    where lines.seller_id is not null and sellers.seller_id is null
)

select
    {{ surrogate_key(["'olist'", 'seller_id']) }} as seller_key,
    'olist' as source_system,
    seller_id,
    {{ geography_key() }} as geography_key,
    postal_code,
    city,
    state,
    country_code,
    false as is_inferred
from sellers
union all
select
    {{ surrogate_key(['source_system', 'seller_id']) }} as seller_key,
    source_system,
    seller_id,
    '-1' as geography_key,
    'Unknown' as postal_code,
    'Unknown' as city,
    'Unknown' as state,
    'Unknown' as country_code,
    true as is_inferred
from undeclared
union all
select '-1', 'unknown', '-1', '-1', 'Unknown', 'Unknown', 'Unknown', 'Unknown', false
union all
select '-2', 'not applicable', '-2', '-2', 'Not applicable', 'Not applicable', 'Not applicable', 'Not applicable', false
