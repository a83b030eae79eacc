with sellers as (
    select * from {{ ref('int_sellers_unioned') }}
),

undeclared as (
    select distinct
        lines.source_system,
        lines.seller_id
    from {{ ref('int_order_lines_unioned') }} as lines
    left join sellers
        on lines.source_system = sellers.source_system
        and lines.seller_id = sellers.seller_id
    where lines.seller_id is not null and sellers.seller_id is null
)

select
    {{ surrogate_key(['source_system', 'seller_id']) }} as seller_key,
    source_system,
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
select
    special_members.special_key as seller_key,
    special_members.source_system,
    special_members.special_key as seller_id,
    special_members.special_key as geography_key,
    special_members.meaning as postal_code,
    special_members.meaning as city,
    special_members.meaning as state,
    special_members.meaning as country_code,
    false as is_inferred
from (
    values
    ('-1', 'unknown', 'Unknown'),
    ('-2', 'not applicable', 'Not applicable')
) as special_members (special_key, source_system, meaning)
