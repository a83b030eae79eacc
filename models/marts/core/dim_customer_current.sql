-- The contract lists the columns.
select * -- noqa: AM04
from {{ ref('dim_customer') }}
where is_current
