{% set attributes = [
    'email_hash',
    'is_email_missing',
    'phone_hash',
    'phone_masked',
    'birth_year',
    'gender',
    'loyalty_tier',
    'has_marketing_consent',
    'marketing_consent_at',
    'postal_code',
    'city',
    'state',
    'country_code',
    'source_created_at',
] %}

with shop_states as (
    select
        *,
        created_at as source_created_at
    from {{ ref('stg_shop__customers') }}
),

shop_extracts as (
    select extracted_at from {{ ref('stg_landing__loads') }}
    where source_system = 'shop' and entity = 'customers'
),

{{ full_extract_changes(
    states='shop_states',
    presence=ref('base_shop__customers'),
    extracts='shop_extracts',
    key='customer_id',
    attributes=attributes,
) }},

olist_addresses as (
    select
        customers.customer_id,
        orders.placed_at as valid_at,
        {{ struct_of(attributes) }} as attributes
    from {{ ref('stg_olist__orders') }} as orders
    inner join (
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
        from {{ ref('stg_olist__customers') }}
    ) as customers
        on orders.customer_reference = customers.customer_reference
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

{{ scd2_versions(changes='all_changes', key=['source_system', 'customer_id'], attributes=attributes) }}

select * from versions
