with decisions as (
    select
        model,
        action,
        version,
        passed as is_passed,
        reason,
        served_by,
        as_of as as_of_date,
        data_hash,
        code_version,
        decided_at
    from {{ source('models', 'decisions') }}
)

select * from decisions
