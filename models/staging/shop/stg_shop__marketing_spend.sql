with accepted as (
    select * from {{ ref('base_shop__marketing_spend') }}
    where _status = 'accepted'
),

renamed as (
    select
        spend_date,
        campaign_id,
        lower(channel_id) as channel_id,

        amount,
        upper(currency) as currency,
        impressions,
        clicks,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
