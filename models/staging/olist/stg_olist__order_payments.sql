with accepted as (
    select * from {{ ref('base_olist__order_payments') }}
    where _status = 'accepted'
),

renamed as (
    select
        order_id,
        payment_sequential,
        order_id || '-' || cast(payment_sequential as varchar) as payment_id,
        lower(payment_type) as payment_method_id,

        payment_value as amount,
        payment_installments as installments,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
