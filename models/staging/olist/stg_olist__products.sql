with accepted as (
    select * from {{ ref('base_olist__products') }}
    where _status = 'accepted'
),

renamed as (
    select
        product_id,

        lower(product_category_name) as category_in_portuguese,

        product_name_lenght as name_length,
        product_description_lenght as description_length,
        product_photos_qty as photo_count,
        product_weight_g as weight_g,
        product_length_cm as length_cm,
        product_height_cm as height_cm,
        product_width_cm as width_cm,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
