with accepted as (
    select * from {{ ref('base_shop__refunds') }}
    where _status = 'accepted'
),

renamed as (
    select
        refund_id,
        order_id,
        line_number,
        payment_id,

        lower(reason) as reason,
        coalesce(is_restocked, false) as is_restocked,
        quantity,
        amount,
        upper(currency) as currency,

        refunded_at,
        op,
        updated_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
