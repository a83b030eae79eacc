with accepted as (
    select * from {{ ref('base_shop__inventory') }}
    where _status = 'accepted'
),

renamed as (
    select
        snapshot_date,
        warehouse_id,
        product_id,

        opening_quantity as opening_quantity_raw,
        received_quantity,
        closing_quantity as closing_quantity_raw,
        case when opening_quantity < 0 then 0 else opening_quantity end as opening_quantity,
        case when closing_quantity < 0 then 0 else closing_quantity end as closing_quantity,
        case
            when closing_quantity < 0 and opening_quantity < 0 then 'negative_opening_and_closing'
            when closing_quantity < 0 then 'negative_closing'
            when opening_quantity < 0 then 'negative_opening'
        end as correction_reason,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at,
        _available_at as available_at
    from accepted
)

select * from renamed
