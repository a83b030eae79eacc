with sightings as (
    select * from {{ ref('int_product_prices_seen') }}
),

compared_sightings as (
    select
        *,
        lag(price) over in_time as price_before,
        lag(currency) over in_time as currency_before,
        lag(seen_at) over in_time as seen_before,
        first_value(stated_at ignore nulls) over from_now as next_stated_at,
        first_value(
            case when stated_at is not null then available_at end ignore nulls
        ) over from_now as next_available_at
    from sightings
    window
        in_time as (
            partition by source_system, product_id order by seen_at, price, currency
        ),
        from_now as (
            partition by source_system, product_id, currency order by seen_at, price
            rows between current row and unbounded following
        )
),

-- A price changed when the next extract says so, if that lies between the two sightings; else
-- half-way between them. The first price that was seen holds from the start. One in another
-- currency ends the price before it.
dated_changes as (
    select
        source_system,
        product_id,
        currency,
        price,
        price_before,
        currency_before,
        case
            when price_before is null then {{ first_instant() }}
            when next_stated_at > seen_before and next_stated_at <= seen_at then next_stated_at
            else seen_before + (seen_at - seen_before) / 2
        end as changed_at,
        case
            when next_stated_at > seen_before and next_stated_at <= seen_at
                then greatest(available_at, next_available_at)
            else available_at
        end as available_at
    from compared_sightings
    where price_before is null or price <> price_before or currency <> currency_before
),

-- The first instant is that of no zone: west of Greenwich it would be a day of 1899.
business_days as (
    select
        *,
        cast(case
            when price_before is null then changed_at
            else {{ to_local('changed_at', setting_of('source_system', 'time_zone', 'UTC')) }}
        end as date) as change_date
    from dated_changes
),

-- Of several changes on one day the last one counts, against the price before the day.
last_of_days as (
    select
        *,
        row_number() over (
            partition by source_system, product_id, change_date order by changed_at desc
        ) as change_rank,
        first_value(price_before) over of_day as price_of_day_before,
        first_value(currency_before) over of_day as currency_of_day_before
    from business_days
    window of_day as (
        partition by source_system, product_id, change_date order by changed_at
    )
),

prices as (
    select
        source_system,
        product_id,
        currency,
        change_date as valid_from_date,
        coalesce(
            lead(change_date) over (
                partition by source_system, product_id order by change_date
            ), cast({{ open_end() }} as date)
        ) as valid_to_date,
        price,
        case
            when price <> price_of_day_before and currency = currency_of_day_before
                then price_of_day_before
        end as price_before,
        available_at
    from last_of_days
    where change_rank = 1
)

select * from prices
