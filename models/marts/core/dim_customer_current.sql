select *
from {{ ref('dim_customer') }}
where is_current
