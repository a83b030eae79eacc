with history as (
    select
        *,
        min(dbt_valid_from) over (partition by source_system, customer_id) as first_valid_from
    from {{ ref('snap_customers') }}
),

versions as (
    select
        source_system,
        customer_id,
        case
            when dbt_valid_from = first_valid_from then timestamp '1900-01-01 00:00:00'
            else dbt_valid_from
        end as valid_from,
        dbt_valid_to as valid_to,
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

referenced as (
    select distinct
        source_system,
        customer_id
    from {{ ref('int_orders_unioned') }}
    where customer_id is not null
),

placeholders as (
    select
        referenced.source_system,
        referenced.customer_id,
        {{ surrogate_key([
            'referenced.source_system',
            'referenced.customer_id',
            "timestamp '1900-01-01 00:00:00'",
        ]) }} as customer_key,
        true as is_inferred
    from referenced
    left join history
        on referenced.source_system = history.source_system
        and referenced.customer_id = history.customer_id
    where history.customer_id is null
    union all
    select special_members.*
    from (
        values
        ('unknown', '-1', '-1', false),
        ('not applicable', '-2', '-2', false)
    ) as special_members (source_system, customer_id, customer_key, is_inferred)
),

members as (
    select
        {{ surrogate_key(['source_system', 'customer_id', 'valid_from']) }} as customer_key,
        *
    from versions
    union all
    select
        customer_key,
        source_system,
        customer_id,
        timestamp '1900-01-01 00:00:00' as valid_from,
        timestamp '9999-12-31 00:00:00' as valid_to,
        false as is_deleted,
        is_inferred,
        null as email_hash,
        false as is_email_missing,
        null as phone_hash,
        null as phone_masked,
        null as birth_year,
        'Unknown' as gender,
        'Unknown' as loyalty_tier,
        false as has_marketing_consent,
        null as marketing_consent_at,
        'Unknown' as postal_code,
        'Unknown' as city,
        'Unknown' as state,
        'Unknown' as country_code,
        null as source_created_at
    from placeholders
)

select
    *,
    valid_to = timestamp '9999-12-31 00:00:00' as is_current
from members
