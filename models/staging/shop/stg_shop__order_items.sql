with accepted as (
    select * from {{ ref('base_shop__order_items') }}
    where _status = 'accepted'
),

renamed as (
    select
        order_id,
        line_number,
        product_id,
        promotion_id,

        quantity,
        unit_price,
        discount_amount,
        tax_amount,
        shipping_amount,

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
