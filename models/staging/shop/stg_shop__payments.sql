with accepted as (
    select * from {{ ref('base_shop__payments') }}
    where _status = 'accepted'
),

renamed as (
    select
        payment_id,
        order_id,
        lower(payment_method) as payment_method_id,
        card_token,
        device_id_token as device_hash,
        payer_email_token as payer_email_hash,

        lower(payment_status) as payment_status,
        lower(payment_status) in ('captured', 'refunded', 'chargeback') as is_captured,
        upper(gateway_issuer_country) as issuer_country_code,
        upper(gateway_ip_country) as network_country_code,
        gateway_provider,
        gateway_response_code,
        gateway_risk_score,
        installments,

        amount,
        upper(currency) as currency,

        paid_at,
        op,
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
