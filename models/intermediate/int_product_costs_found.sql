with extracts as (
    select
        'shop' as source_system,
        product_id,
        cost_amount as cost,
        cost_currency as currency,
        least(coalesce(updated_at, _extracted_at), _extracted_at) as stated_at,
        _extracted_at as seen_at,
        available_at
    from {{ ref('stg_shop__products') }}
),

compared_extracts as (
    select
        *,
        lag(seen_at) over product_in_time as seen_before,
        lag(cost) over product_in_time as cost_before,
        lag(currency) over product_in_time as currency_before
    from extracts
    window product_in_time as (partition by source_system, product_id order by seen_at)
),

changes as (
    select
        *,
        cast({{ to_local(
            'case when stated_at > seen_before then stated_at else seen_at end',
            setting_of('source_system', 'time_zone', 'UTC'),
        ) }} as date) as change_date
    from compared_extracts
    where
        seen_before is null
        or coalesce(cost, -1) <> coalesce(cost_before, -1)
        or coalesce(currency, '') <> coalesce(currency_before, '')
),

last_of_days as (
    select
        *,
        case
            when seen_before is null then cast({{ first_instant() }} as date)
            else change_date
        end as valid_from_date,
        row_number() over (
            partition by source_system, product_id, seen_before is null, change_date
            order by seen_at desc
        ) as change_rank
    from changes
),

costs as (
    select
        source_system,
        product_id,
        valid_from_date,
        coalesce(
            lead(valid_from_date) over (
                partition by source_system, product_id order by valid_from_date
            ), cast({{ open_end() }} as date)
        ) as valid_to_date,
        cost,
        currency,
        available_at
    from last_of_days
    where change_rank = 1
)

select * from costs
