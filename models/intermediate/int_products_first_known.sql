with shop_first as (
    {{ first_known_rows(ref('stg_shop__products'), ['product_id'], has_operations=false) }}
),

olist_first as (
    {{ first_known_rows(ref('stg_olist__products'), ['product_id'], has_operations=false) }}
),

translations as (
    {{ latest_rows(
        ref('stg_olist__category_translation'), ['category_in_portuguese'], has_operations=false
    ) }}
),

ranked_lines as (
    select
        *,
        rank() over (
            partition by source_system, product_id order by available_at
        ) as known_rank
    from {{ ref('int_order_lines_first_known') }}
),

-- What was sold before the first known sale but reported after it changes nothing any more.
line_sightings as (
    select
        source_system,
        product_id,
        available_at,
        min(order_date) as first_sale_date
    from ranked_lines
    where known_rank = 1
    group by source_system, product_id, available_at
),

products as (
    select
        'shop' as source_system,
        product_id,
        category,
        cast({{ to_local('launched_at', source_setting('shop', 'time_zone')) }} as date)
            as launch_date,
        available_at
    from shop_first
    union all
    select
        'olist' as source_system,
        products.product_id,
        coalesce(translations.category_in_english, products.category_in_portuguese) as category,
        cast(null as date) as launch_date,
        products.available_at
    from olist_first as products
    left join translations
        on products.category_in_portuguese = translations.category_in_portuguese
),

-- What a product's own row says is known with that row: a sale before it tells of no category.
-- A sale that became known after it moves the day of a launch no more.
first_known_products as (
    select
        coalesce(products.source_system, sightings.source_system) as source_system,
        coalesce(products.product_id, sightings.product_id) as product_id,
        coalesce(products.category, 'Unknown') as category,
        case
            when products.launch_date is null then sightings.first_sale_date
            when sightings.available_at <= products.available_at
                then least(products.launch_date, sightings.first_sale_date)
            else products.launch_date
        end as offer_date,
        case
            when products.launch_date is null
                then coalesce(
                    greatest(products.available_at, sightings.available_at), sightings.available_at
                )
            else products.available_at
        end as available_at
    from products
    full outer join line_sightings as sightings
        on products.source_system = sightings.source_system
        and products.product_id = sightings.product_id
)

select * from first_known_products
where offer_date is not null
