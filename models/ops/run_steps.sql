with steps as (
    select * from {{ source('runs', 'steps') }}
),

renamed as (
    select
        run_id,
        step,

        job,
        run_status,
        trigger_type,
        trigger_name,
        run_started_at,
        run_ended_at,

        step_status,
        attempts,
        started_at,
        ended_at,
        seconds,
        message
    from steps
)

select * from renamed
