with rejects as (
    select * from {{ source('landing', 'rejects') }}
),

renamed as (
    select
        load_id,
        source_system,
        entity,

        file_name,
        line_number,
        reason
    from rejects
)

select * from renamed
