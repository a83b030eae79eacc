with declared as (
    select * from {{ ref('promotions') }}
),

undeclared as (
    select distinct lines.promotion_id
    from {{ ref('int_order_lines_unioned') }} as lines
    left join declared
        on lines.promotion_id = declared.promotion_id
    where lines.promotion_id is not null and declared.promotion_id is null
)

select
    {{ surrogate_key(['promotion_id']) }} as promotion_key,
    promotion_id,
    promotion_name,
    discount_type,
    cast(discount_share as decimal(9, 6)) as discount_share,
    starts_on,
    ends_on,
    category,
    false as is_inferred
from declared
union all
select
    {{ surrogate_key(['promotion_id']) }} as promotion_key,
    promotion_id,
    'Unknown' as promotion_name,
    'unknown' as discount_type,
    null as discount_share,
    null as starts_on,
    null as ends_on,
    null as category,
    true as is_inferred
from undeclared
union all
select special_members.*
from (
    values
    ('-1', '-1', 'Unknown', 'unknown', null, null, null, null, false),
    ('-2', '-2', 'Not applicable', 'not applicable', null, null, null, null, false)
) as special_members
