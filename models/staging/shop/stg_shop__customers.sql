with accepted as (
    select
        *,
        {{ first_matching('addresses', typed_value("element['is_default']", 'boolean', 'UTC')) }}
            as default_address
    from {{ ref('base_shop__customers') }}
    where _status = 'accepted'
),

renamed as (
    select
        customer_id,

        contact_email_token as email_hash,
        contact_email_token is null as is_email_missing,
        contact_phone_token as phone_hash,
        contact_phone_masked as phone_masked,

        birth_year,
        upper(gender) as gender,
        lower(loyalty_tier) as loyalty_tier,
        coalesce(marketing_consent_granted, false) as has_marketing_consent,
        marketing_consent_granted_at as marketing_consent_at,

        {{ known_place(cleaned("default_address['postal_code']")) }} as postal_code,
        {{ normalised_place("default_address['city']") }} as city,
        upper({{ known_place(cleaned("default_address['state']")) }}) as state,
        upper({{ known_place(cleaned("default_address['country']")) }}) as country_code,

        created_at,
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
