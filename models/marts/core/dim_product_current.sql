-- The contract lists the columns.
select * -- noqa: AM04
from {{ ref('dim_product') }}
where is_current
