with accepted as (
    select * from {{ ref('base_shop__products') }}
    where _status = 'accepted'
),

renamed as (
    select
        product_id,
        sku,
        product_name,

        lower(category) as category,
        brand,
        lower(attributes_color) as color,
        lower(attributes_size) as size,
        lower(attributes_material) as material,
        attributes_weight_g as weight_g,

        list_price as list_price_amount,
        upper(currency) as list_price_currency,
        cost_amount,
        upper(cost_currency) as cost_currency,

        supplier_supplier_id as supplier_id,
        supplier_name,
        supplier_lead_time_days,

        launched_at,
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
