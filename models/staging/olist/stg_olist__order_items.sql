with accepted as (
    select * from {{ ref('base_olist__order_items') }}
    where _status = 'accepted'
),

renamed as (
    select
        order_id,
        order_item_id as line_number,
        product_id,
        seller_id,

        price as unit_price,
        freight_value as shipping_amount,

        shipping_limit_date as ship_by_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
