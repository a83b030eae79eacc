with accepted as (
    select * from {{ ref('base_olist__geolocation') }}
    where _status = 'accepted'
),

renamed as (
    select
        geolocation_zip_code_prefix as postal_code,
        {{ normalised_place('geolocation_city') }} as city,
        upper(geolocation_state) as state,
        'BR' as country_code,

        geolocation_lat as latitude,
        geolocation_lng as longitude,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
