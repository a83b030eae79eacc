with accepted as (
    select * from {{ ref('base_shop__campaign_exposures') }}
    where _status = 'accepted'
),

renamed as (
    select
        campaign_id,
        customer_id,

        lower(arm) as arm,

        assigned_at,
        exposed_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
