with node_results as (
    select * from {{ source('bookkeeping', 'node_results') }}
),

runs as (
    select
        invocation_id,
        min(invoked_at) as started_at,
        max(completed_at) as completed_at,
        count(*) as node_count,
        sum(case when node_status = 'success' then 1 else 0 end) as built_count,
        sum(case when node_status = 'pass' then 1 else 0 end) as passed_count,
        sum(
            case when node_status in ('error', 'fail', 'runtime error') then 1 else 0 end
        ) as failed_count,
        sum(case when node_status = 'skipped' then 1 else 0 end) as skipped_count,
        sum(seconds) as node_seconds
    from node_results
    group by invocation_id
)

select * from runs
