{% set attributes = {
    'contact': ['email_hash', 'is_email_missing', 'phone_hash', 'phone_masked'],
    'birth_year': ['birth_year'],
    'gender': ['gender'],
    'loyalty_tier': ['loyalty_tier'],
    'marketing_consent': ['has_marketing_consent', 'marketing_consent_at'],
    'addresses': ['postal_code', 'city', 'state', 'country_code'],
    'created_at': ['source_created_at'],
} %}
{% set attribute_names = attributes.values() | sum(start=[]) %}

with shop_states as (
    select
        *,
        created_at as source_created_at
    from {{ ref('stg_shop__customers') }}
),

shop_extracts as (
    select
        extracted_at,
        coalesce(sum(rows_rejected), 0) = 0 as is_complete
    from {{ ref('stg_landing__loads') }}
    where source_system = 'shop' and entity = 'customers'
    group by extracted_at
),

{{ full_extract_changes(
    states='shop_states',
    presence=ref('base_shop__customers'),
    extracts='shop_extracts',
    loads=ref('stg_landing__loads'),
    key='customer_id',
    attributes=attributes,
) }},

latest_olist_customers as (
    {{ latest_rows(ref('stg_olist__customers'), ['customer_reference'], has_operations=false) }}
),

latest_olist_orders as (
    {{ latest_rows(ref('stg_olist__orders'), ['order_id'], has_operations=false) }}
),

olist_customers as (
    select
        customer_reference,
        customer_id,
        cast(null as varchar) as email_hash,
        false as is_email_missing,
        cast(null as varchar) as phone_hash,
        cast(null as varchar) as phone_masked,
        cast(null as integer) as birth_year,
        cast(null as varchar) as gender,
        cast(null as varchar) as loyalty_tier,
        cast(null as boolean) as has_marketing_consent,
        cast(null as timestamp) as marketing_consent_at,
        postal_code,
        city,
        state,
        country_code,
        cast(null as timestamp) as source_created_at
    from latest_olist_customers
),

olist_addresses as (
    select
        customers.customer_id,
        coalesce(orders.placed_at, {{ first_instant() }}) as valid_at,
        {{ struct_of(attribute_names) }} as attributes
    from olist_customers as customers
    left join latest_olist_orders as orders
        on customers.customer_reference = orders.customer_reference
),

all_changes as (
    select
        'shop' as source_system,
        customer_id,
        valid_at,
        is_deleted,
        attributes
    from changes
    union all
    select
        'olist' as source_system,
        customer_id,
        valid_at,
        false as is_deleted,
        attributes
    from olist_addresses
),

{{ scd2_versions(
    changes='all_changes',
    key=['source_system', 'customer_id'],
    attributes=attribute_names,
) }}

select * from versions
