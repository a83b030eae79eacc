with scores as (
    select * from {{ ref('customer_rfm_monthly') }}
),

migrations as (
    select
        source_system,
        month_start_date,
        as_of_date,
        previous_segment,
        segment,
        count(*) as customer_count
    from scores
    group by source_system, month_start_date, as_of_date, previous_segment, segment
)

select * from migrations
