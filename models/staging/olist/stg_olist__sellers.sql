with accepted as (
    select * from {{ ref('base_olist__sellers') }}
    where _status = 'accepted'
),

renamed as (
    select
        seller_id,

        {{ known_place('seller_zip_code_prefix') }} as postal_code,
        {{ normalised_place('seller_city') }} as city,
        {{ known_place('upper(seller_state)') }} as state,
        'BR' as country_code,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
