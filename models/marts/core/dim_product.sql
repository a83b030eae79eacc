with history as (
    select
        *,
        min(dbt_valid_from) over (partition by source_system, product_id) as first_valid_from
    from {{ ref('snap_products') }}
),

versions as (
    select
        source_system,
        product_id,
        case
            when dbt_valid_from = first_valid_from then timestamp '1900-01-01 00:00:00'
            else dbt_valid_from
        end as valid_from,
        dbt_valid_to as valid_to,
        dbt_is_deleted = 'True' as is_deleted,
        false as is_inferred,
        sku,
        product_name,
        coalesce(category, 'Unknown') as category,
        brand,
        color,
        size,
        material,
        weight_g,
        list_price_amount,
        list_price_currency,
        cost_amount,
        cost_currency,
        supplier_id,
        supplier_name,
        supplier_lead_time_days,
        launched_at
    from history
),

referenced as (
    select
        source_system,
        product_id
    from {{ ref('int_order_lines_unioned') }}
    where product_id is not null
    union
    select
        source_system,
        product_id
    from {{ ref('int_stock_unioned') }}
),

placeholders as (
    select
        referenced.source_system,
        referenced.product_id,
        {{ surrogate_key([
            'referenced.source_system',
            'referenced.product_id',
            "timestamp '1900-01-01 00:00:00'",
        ]) }} as product_key,
        true as is_inferred
    from referenced
    left join history
        on referenced.source_system = history.source_system
        and referenced.product_id = history.product_id
    where history.product_id is null
    union all
    select special_members.*
    from (
        values
        ('unknown', '-1', '-1', false),
        ('not applicable', '-2', '-2', false)
    ) as special_members (source_system, product_id, product_key, is_inferred)
),

members as (
    select
        {{ surrogate_key(['source_system', 'product_id', 'valid_from']) }} as product_key,
        *
    from versions
    union all
    select
        product_key,
        source_system,
        product_id,
        timestamp '1900-01-01 00:00:00' as valid_from,
        timestamp '9999-12-31 00:00:00' as valid_to,
        false as is_deleted,
        is_inferred,
        'Unknown' as sku,
        'Unknown' as product_name,
        'Unknown' as category,
        'Unknown' as brand,
        'Unknown' as color,
        'Unknown' as size,
        'Unknown' as material,
        null as weight_g,
        null as list_price_amount,
        null as list_price_currency,
        null as cost_amount,
        null as cost_currency,
        'Unknown' as supplier_id,
        'Unknown' as supplier_name,
        null as supplier_lead_time_days,
        null as launched_at
    from placeholders
)

select
    *,
    valid_to = timestamp '9999-12-31 00:00:00' as is_current
from members
