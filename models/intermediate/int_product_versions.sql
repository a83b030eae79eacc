{% set attributes = {
    'sku': ['sku'],
    'product_name': ['product_name'],
    'category': ['category'],
    'brand': ['brand'],
    'attributes': ['color', 'size', 'material', 'weight_g'],
    'list_price': ['list_price_amount'],
    'currency': ['list_price_currency'],
    'cost': ['cost_amount', 'cost_currency'],
    'supplier': ['supplier_id', 'supplier_name', 'supplier_lead_time_days'],
    'launched_at': ['launched_at'],
} %}
{% set attribute_names = attributes.values() | sum(start=[]) %}

with shop_extracts as (
    select
        extracted_at,
        coalesce(sum(rows_rejected), 0) = 0 as is_complete
    from {{ ref('stg_landing__loads') }}
    where source_system = 'shop' and entity = 'products'
    group by extracted_at
),

{{ full_extract_changes(
    states=ref('stg_shop__products'),
    presence=ref('base_shop__products'),
    extracts='shop_extracts',
    loads=ref('stg_landing__loads'),
    key='product_id',
    attributes=attributes,
) }},

olist_products as (
    {{ latest_rows(ref('stg_olist__products'), ['product_id'], has_operations=false) }}
),

olist_translations as (
    {{ latest_rows(
        ref('stg_olist__category_translation'), ['category_in_portuguese'], has_operations=false
    ) }}
),

described_olist_products as (
    select
        olist_products.product_id,
        cast(null as varchar) as sku,
        cast(null as varchar) as product_name,
        coalesce(
            translations.category_in_english, olist_products.category_in_portuguese
        ) as category,
        cast(null as varchar) as brand,
        cast(null as varchar) as color,
        cast(null as varchar) as size,
        cast(null as varchar) as material,
        olist_products.weight_g,
        cast(null as decimal(18, 2)) as list_price_amount,
        cast(null as varchar) as list_price_currency,
        cast(null as decimal(18, 2)) as cost_amount,
        cast(null as varchar) as cost_currency,
        cast(null as varchar) as supplier_id,
        cast(null as varchar) as supplier_name,
        cast(null as integer) as supplier_lead_time_days,
        cast(null as timestamp) as launched_at
    from olist_products
    left join olist_translations as translations
        on olist_products.category_in_portuguese = translations.category_in_portuguese
),

olist_states as (
    select
        product_id,
        {{ struct_of(attribute_names) }} as attributes
    from described_olist_products
),

all_changes as (
    select
        'shop' as source_system,
        product_id,
        valid_at,
        is_deleted,
        attributes
    from changes
    union all
    select
        'olist' as source_system,
        product_id,
        {{ first_instant() }} as valid_at,
        false as is_deleted,
        attributes
    from olist_states
),

{{ scd2_versions(
    changes='all_changes',
    key=['source_system', 'product_id'],
    attributes=attribute_names,
) }}

select * from versions
