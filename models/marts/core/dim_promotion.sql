with declared_promotions as (
    select * from {{ ref('promotions') }}
),

undeclared_promotions as (
    select distinct lines.promotion_id
    from {{ ref('int_order_lines_unioned') }} as lines
    left join declared_promotions
        on lines.promotion_id = declared_promotions.promotion_id
    where lines.promotion_id is not null and declared_promotions.promotion_id is null
),

members as (
    select
        {{ surrogate_key(['promotion_id']) }} as promotion_key,
        promotion_id,
        promotion_name,
        discount_type,
        cast(discount_share as decimal(9, 6)) as discount_share,
        start_date,
        end_date,
        category,
        false as is_inferred
    from declared_promotions
    union all
    select
        {{ surrogate_key(['promotion_id']) }} as promotion_key,
        promotion_id,
        'Unknown' as promotion_name,
        'unknown' as discount_type,
        null as discount_share,
        null as start_date,
        null as end_date,
        null as category,
        true as is_inferred
    from undeclared_promotions
    union all
    select
        special.member_key as promotion_key,
        special.member_key as promotion_id,
        special.meaning as promotion_name,
        lower(special.meaning) as discount_type,
        null as discount_share,
        null as start_date,
        null as end_date,
        null as category,
        false as is_inferred
    from {{ special_members() }}
)

select * from members
