-- A row is a load whose landed rows are not all staged, quarantined, duplicate or not modelled yet.
select
    load_id,
    source_system,
    entity,
    rows_unaccounted
from {{ ref('conservation') }}
where rows_unaccounted <> 0
