with drift as (
    select
        model,
        version,
        as_of_date,
        source_system,
        kind,
        column_name,
        is_important,
        window_number,
        window_start_date,
        window_end_date,
        reference_rows as reference_row_count,
        rows as row_count,
        psi,
        warn_at,
        alarm_at,
        state
    from {{ source('models', 'drift') }}
)

select * from drift
