with extracts as (
    select
        'shop' as source_system,
        product_id,
        list_price_amount as price,
        list_price_currency as currency,
        case when cost_currency = list_price_currency then cost_amount end as cost,
        least(coalesce(updated_at, _extracted_at), _extracted_at) as stated_at,
        available_at,
        _extracted_at
    from {{ ref('stg_shop__products') }}
    where list_price_amount is not null
),

compared_extracts as (
    select
        *,
        lag(price) over product_in_time as earlier_price,
        lag(currency) over product_in_time as earlier_currency,
        lag(cost) over product_in_time as earlier_cost,
        lag(_extracted_at) over product_in_time as extracted_before
    from extracts
    window product_in_time as (
        partition by source_system, product_id order by _extracted_at
    )
),

-- A state holds from when it was stated, at the earliest from the extract that had another one;
-- the first known one of a product holds from the start.
changes as (
    select
        source_system,
        product_id,
        price,
        currency,
        cost,
        earlier_price,
        case
            when earlier_price is null then {{ first_instant() }}
            when stated_at > extracted_before then stated_at
            else _extracted_at
        end as changed_at,
        available_at
    from compared_extracts
    where
        earlier_price is null
        or price <> earlier_price
        or currency <> earlier_currency
        or coalesce(cost, -1) <> coalesce(earlier_cost, -1)
),

dated_changes as (
    select
        *,
        cast({{ to_local('changed_at', setting_of('source_system', 'time_zone', 'UTC')) }} as date)
            as change_date
    from changes
),

-- Of several changes on one day the last one counts.
ranked_changes as (
    select
        *,
        row_number() over (
            partition by source_system, product_id, change_date order by changed_at desc
        ) as change_rank,
        first_value(earlier_price) over (
            partition by source_system, product_id, change_date order by changed_at
        ) as price_of_day_before
    from dated_changes
),

prices as (
    select
        source_system,
        product_id,
        change_date as valid_from_date,
        coalesce(
            lead(change_date) over (partition by source_system, product_id order by change_date),
            cast({{ open_end() }} as date)
        ) as valid_to_date,
        price,
        currency,
        cost,
        case when price <> price_of_day_before then price_of_day_before end as price_before,
        available_at
    from ranked_changes
    where change_rank = 1
)

select * from prices
