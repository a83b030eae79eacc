with accepted as (
    select * from {{ ref('base_olist__category_translation') }}
    where _status = 'accepted'
),

renamed as (
    select
        lower(product_category_name) as category_in_portuguese,
        lower(product_category_name_english) as category_in_english,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
