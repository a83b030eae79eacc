with shop_latest as (
    {{ latest_rows(ref('stg_shop__refunds'), ['refund_id']) }}
),

refunds as (
    select
        'shop' as source_system,
        refund_id,
        order_id,
        line_number,
        payment_id,
        reason,
        is_restocked,
        quantity,
        amount,
        currency,
        refunded_at,
        known_at
    from shop_latest
    where op <> 'D'
)

select * from refunds
