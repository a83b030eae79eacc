with places as (
    select * from {{ ref('int_places_unioned') }}
),

countries as (
    select * from {{ ref('countries') }}
),

known_places as (
    select
        {{ geography_key('places.') }} as geography_key,
        places.country_code,
        coalesce(countries.country_name, 'Unknown') as country_name,
        coalesce(places.state, 'Unknown') as state,
        coalesce(places.city, 'Unknown') as city,
        coalesce(places.postal_code, 'Unknown') as postal_code,
        places.latitude,
        places.longitude
    from places
    left join countries
        on places.country_code = countries.country_code
),

special_members as (
    select
        special.member_key as geography_key,
        special.member_key as country_code,
        special.meaning as country_name,
        special.meaning as state,
        special.meaning as city,
        special.meaning as postal_code,
        null as latitude,
        null as longitude
    from {{ special_members() }}
),

members as (
    select * from known_places
    union all
    select * from special_members
)

select * from members
