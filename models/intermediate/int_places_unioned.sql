with addresses as (
    select
        country_code,
        state,
        city,
        postal_code
    from {{ ref('int_orders_unioned') }}
    union
    select
        country_code,
        state,
        city,
        postal_code
    from {{ ref('int_customer_versions') }}
    union
    select
        country_code,
        state,
        city,
        postal_code
    from {{ ref('int_sellers_unioned') }}
),

positions as (
    select
        country_code,
        postal_code,
        cast(median(latitude) as double) as latitude,
        cast(median(longitude) as double) as longitude
    from {{ ref('stg_olist__geolocation') }}
    group by country_code, postal_code
),

places as (
    select
        addresses.country_code,
        addresses.state,
        addresses.city,
        addresses.postal_code,
        positions.latitude,
        positions.longitude
    from addresses
    left join positions
        on addresses.country_code = positions.country_code
        and addresses.postal_code = positions.postal_code
    where addresses.country_code is not null
)

select * from places
