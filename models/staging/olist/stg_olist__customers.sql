with accepted as (
    select * from {{ ref('base_olist__customers') }}
    where _status = 'accepted'
),

renamed as (
    select
        customer_id as customer_reference,
        customer_unique_id as customer_id,

        {{ known_place('customer_zip_code_prefix') }} as postal_code,
        {{ normalised_place('customer_city') }} as city,
        {{ known_place('upper(customer_state)') }} as state,
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
