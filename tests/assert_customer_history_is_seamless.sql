-- A row is a version that is empty, inverted, overlaps or leaves a gap,
-- or a key without exactly one current version.
with versions as (
    select
        source_system,
        customer_id,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (
            partition by source_system, customer_id order by valid_from
        ) as next_valid_from,
        row_number() over (
            partition by source_system, customer_id order by valid_from
        ) as version_number,
        sum(case when is_current then 1 else 0 end) over (
            partition by source_system, customer_id
        ) as current_versions
    from {{ ref('dim_customer') }}
)

select
    source_system,
    customer_id,
    valid_from,
    valid_to
from versions
where
    valid_to <= valid_from
    or coalesce(next_valid_from, timestamp '9999-12-31 00:00:00') <> valid_to
    or current_versions <> 1
    or (version_number = 1 and valid_from <> timestamp '1900-01-01 00:00:00')
