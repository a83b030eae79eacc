with decisions as (
    select
        model,
        action,
        version,
        passed,
        reason,
        served_by,
        as_of,
        data_hash,
        code_version,
        decided_at
    from {{ source('models', 'decisions') }}
)

select * from decisions
