with methods as (
    select
        source_system,
        subject,
        attribute,
        method,
        is_chosen,
        reason,
        known_count,
        missing_count,
        cast(missing_count as double) / nullif(known_count + missing_count, 0) as missing_share,
        masked_count,
        error,
        error_to_mean,
        error_at_random,
        gain_errors
    from {{ source('scores', 'imputation_methods') }}
)

select * from methods
