with places as (
    select
        {{ geography_key() }} as geography_key,
        country_code,
        coalesce(state, 'Unknown') as state,
        coalesce(city, 'Unknown') as city,
        coalesce(postal_code, 'Unknown') as postal_code,
        latitude,
        longitude
    from {{ ref('int_places_unioned') }}
    union all
    select special_members.*
    from (
        values
        ('-1', '-1', 'Unknown', 'Unknown', 'Unknown', null, null),
        ('-2', '-2', 'Not applicable', 'Not applicable', 'Not applicable', null, null)
    ) as special_members
)

select
    places.geography_key,
    places.country_code,
    coalesce(countries.country_name, 'Unknown') as country_name,
    places.state,
    places.city,
    places.postal_code,
    places.latitude,
    places.longitude
from places
left join {{ ref('countries') }} as countries
    on places.country_code = countries.country_code
