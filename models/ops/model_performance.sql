with performance as (
    select
        model,
        version,
        as_of_date,
        judged_from_date,
        judged_before_date,
        metric,
        value,
        baseline_value,
        value_at_training,
        state
    from {{ source('models', 'performance') }}
)

select * from performance
