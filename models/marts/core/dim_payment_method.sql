with declared_methods as (
    select * from {{ ref('payment_methods') }}
),

undeclared_methods as (
    select distinct payments.payment_method_id
    from {{ ref('int_payments_unioned') }} as payments
    left join declared_methods
        on payments.payment_method_id = declared_methods.payment_method
    where payments.payment_method_id is not null and declared_methods.payment_method is null
),

members as (
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
    from declared_methods
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
    from undeclared_methods
    union all
    select
        special.member_key as payment_method_key,
        special.member_key as payment_method_id,
        special.meaning as payment_method_name,
        lower(special.meaning) as payment_group,
        false as is_card,
        null as fee_share,
        null as fee_fixed_amount,
        null as fee_currency,
        false as is_inferred
    from {{ special_members() }}
)

select * from members
