with loads as (
    select * from {{ ref('stg_landing__loads') }}
),

entities as (
    select
        source_system,
        entity,
        count(*) as load_count,
        sum(rows_landed) as rows_landed,
        max(extracted_at) as last_extracted_at,
        max(received_at) as last_received_at
    from loads
    group by source_system, entity
)

select * from entities
