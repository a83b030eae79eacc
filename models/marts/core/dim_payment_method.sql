with declared as (
    select * from {{ ref('payment_methods') }}
),

undeclared as (
    select distinct payments.payment_method_id
    from {{ ref('int_payments_unioned') }} as payments
    left join declared
        on payments.payment_method_id = declared.payment_method
    where payments.payment_method_id is not null and declared.payment_method is null
)

select
    {{ surrogate_key(['payment_method']) }} as payment_method_key,
    payment_method as payment_method_id,
    payment_method_name,
    payment_group,
    is_card,
    cast(fee_share as decimal(9, 6)) as fee_share,
    cast(fee_fixed_amount as decimal(18, 2)) as fee_fixed_amount,
    fee_currency,
    false as is_inferred
from declared
union all
select
    {{ surrogate_key(['payment_method_id']) }} as payment_method_key,
    payment_method_id,
    'Unknown' as payment_method_name,
    'unknown' as payment_group,
    false as is_card,
    null as fee_share,
    null as fee_fixed_amount,
    null as fee_currency,
    true as is_inferred
from undeclared
union all
select special_members.*
from (
    values
    ('-1', '-1', 'Unknown', 'unknown', false, null, null, null, false),
    ('-2', '-2', 'Not applicable', 'not applicable', false, null, null, null, false)
) as special_members
