with history as (
    select
        *,
        case
            when
                dbt_valid_from
                = min(dbt_valid_from) over (partition by source_system, product_id)
                then {{ first_instant() }}
            else dbt_valid_from
        end as starts_at
    from {{ ref('snap_products') }}
),

versions as (
    select
        {{ surrogate_key(['source_system', 'product_id', 'starts_at']) }} as product_key,
        source_system,
        product_id,
        starts_at as valid_from,
        dbt_valid_to as valid_to,
        dbt_valid_to = {{ open_end() }} as is_current,
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

referenced_products as (
    {% for relation in ['int_order_lines_unioned', 'int_stock_unioned', 'int_events_unioned'] -%}
    select
        source_system,
        product_id
    from {{ ref(relation) }}
    where product_id is not null
    {{ "union" if not loop.last }}
    {% endfor -%}
),

placeholders as (
    select
        referenced.source_system,
        referenced.product_id,
        {{ surrogate_key([
            'referenced.source_system', 'referenced.product_id', first_instant()
        ]) }} as product_key,
        'Unknown' as meaning,
        true as is_inferred
    from referenced_products as referenced
    left join history
        on referenced.source_system = history.source_system
        and referenced.product_id = history.product_id
    where history.product_id is null
    union all
    select
        lower(special.meaning) as source_system,
        special.member_key as product_id,
        special.member_key as product_key,
        special.meaning,
        false as is_inferred
    from {{ special_members() }}
),

described_placeholders as (
    select
        product_key,
        source_system,
        product_id,
        {{ first_instant() }} as valid_from,
        {{ open_end() }} as valid_to,
        true as is_current,
        false as is_deleted,
        is_inferred,
        meaning as sku,
        meaning as product_name,
        meaning as category,
        meaning as brand,
        meaning as color,
        meaning as size,
        meaning as material,
        null as weight_g,
        null as list_price_amount,
        null as list_price_currency,
        null as cost_amount,
        null as cost_currency,
        meaning as supplier_id,
        meaning as supplier_name,
        null as supplier_lead_time_days,
        null as launched_at
    from placeholders
),

members as (
    select * from versions
    union all
    select * from described_placeholders
)

select * from members
