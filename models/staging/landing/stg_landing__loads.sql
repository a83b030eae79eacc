with loads as (
    select * from {{ source('landing', 'loads') }}
),

renamed as (
    select
        load_id,
        source_system,
        entity,
        load_kind,
        is_modelled,

        file_name,
        format,
        encoding,
        bytes,
        content_sha256,
        column_mapping,
        notes,

        rows_landed,
        rows_rejected,

        extracted_at,
        received_at
    from loads
)

select * from renamed
