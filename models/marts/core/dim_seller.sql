with sellers as (
    select * from {{ ref('int_sellers_unioned') }}
),

undescribed_sellers as (
    select distinct
        lines.source_system,
        lines.seller_id
    from {{ ref('int_order_lines_unioned') }} as lines
    left join sellers
        on lines.source_system = sellers.source_system
        and lines.seller_id = sellers.seller_id
    where lines.seller_id is not null and sellers.seller_id is null
),

members as (
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
    from undescribed_sellers
    union all
    select
        special.member_key as seller_key,
        lower(special.meaning) as source_system,
        special.member_key as seller_id,
        special.member_key as geography_key,
        special.meaning as postal_code,
        special.meaning as city,
        special.meaning as state,
        special.meaning as country_code,
        false as is_inferred
    from {{ special_members() }}
)

select * from members
