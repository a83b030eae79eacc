-- A row is the var service_level when the seed service_levels has no safety factor for it.
select {{ service_level() }} as service_level
where not exists (
    select levels.service_level
    from {{ ref('service_levels') }} as levels
    where levels.service_level = {{ service_level() }}
)
