with accepted as (
    select * from {{ ref('base_shop__products') }}
    where _status = 'accepted'
),

renamed as (
    select
        product_id,
        trim(sku) as sku,
        trim(product_name) as product_name,

        lower(trim(category)) as category,
        trim(brand) as brand,
        lower(trim(attributes_color)) as color,
        lower(trim(attributes_size)) as size,
        lower(trim(attributes_material)) as material,
        attributes_weight_g as weight_g,

        list_price as list_price_amount,
        upper(trim(currency)) as list_price_currency,
        cost_amount,
        upper(trim(cost_currency)) as cost_currency,

        nullif(trim(supplier_supplier_id), '') as supplier_id,
        trim(supplier_name) as supplier_name,
        supplier_lead_time_days,

        launched_at,
        updated_at,

        _content_hash,
        _load_id,
        _row_number,
        _extracted_at,
        _known_at as known_at
    from accepted
)

select * from renamed
