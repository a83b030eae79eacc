with history as (
    select
        *,
        case
            when
                dbt_valid_from
                = min(dbt_valid_from) over (partition by source_system, customer_id)
                then {{ first_instant() }}
            else dbt_valid_from
        end as starts_at
    from {{ ref('snap_customers') }}
),

versions as (
    select
        {{ surrogate_key(['source_system', 'customer_id', 'starts_at']) }} as customer_key,
        source_system,
        customer_id,
        starts_at as valid_from,
        dbt_valid_to as valid_to,
        dbt_valid_to = {{ open_end() }} as is_current,
        dbt_is_deleted = 'True' as is_deleted,
        false as is_inferred,
        email_hash,
        is_email_missing,
        phone_hash,
        phone_masked,
        birth_year,
        gender,
        loyalty_tier,
        has_marketing_consent,
        marketing_consent_at,
        postal_code,
        city,
        state,
        country_code,
        source_created_at
    from history
),

referenced_customers as (
    select
        source_system,
        customer_id
    from {{ ref('int_orders_unioned') }}
    where customer_id is not null
    union
    select
        source_system,
        customer_id
    from {{ ref('int_events_unioned') }}
    where customer_id is not null
),

placeholders as (
    select
        referenced.source_system,
        referenced.customer_id,
        {{ surrogate_key([
            'referenced.source_system', 'referenced.customer_id', first_instant()
        ]) }} as customer_key,
        'Unknown' as meaning,
        true as is_inferred
    from referenced_customers as referenced
    left join history
        on referenced.source_system = history.source_system
        and referenced.customer_id = history.customer_id
    where history.customer_id is null
    union all
    select
        lower(special.meaning) as source_system,
        special.member_key as customer_id,
        special.member_key as customer_key,
        special.meaning,
        false as is_inferred
    from {{ special_members() }}
),

described_placeholders as (
    select
        customer_key,
        source_system,
        customer_id,
        {{ first_instant() }} as valid_from,
        {{ open_end() }} as valid_to,
        true as is_current,
        false as is_deleted,
        is_inferred,
        null as email_hash,
        false as is_email_missing,
        null as phone_hash,
        null as phone_masked,
        null as birth_year,
        meaning as gender,
        meaning as loyalty_tier,
        false as has_marketing_consent,
        null as marketing_consent_at,
        meaning as postal_code,
        meaning as city,
        meaning as state,
        meaning as country_code,
        null as source_created_at
    from placeholders
),

members as (
    select * from versions
    union all
    select * from described_placeholders
)

select * from members
